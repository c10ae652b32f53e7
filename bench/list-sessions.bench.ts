import { NAMED } from "./ground";
import { type Asked, http } from "./load";
import { keyOf, learnerId, people } from "./people";
import { type Bench, inTurns, ratioOf } from "./rounds";

const READERS = 16;
const SIZE = 50;
const PAGES = { full: 1_000, quick: 100 };
const LARGEST = 200;

/** A page of fifty of one's own sessions, near the beginning and far from it, beside a plain route that asks Prisma for the first. */
export const bench: Bench = async (ground) => {
  const database = await people(ground);
  const service = await ground.service(database, NAMED);
  const pages = ground.quick ? PAGES.quick : PAGES.full;
  const far = await pageAfter(service, (pages - 1) * SIZE);
  const rounds = await inTurns(ground, {
    "page 1": http(service, READERS, () => page(`?limit=${SIZE}`)),
    [`page ${pages}`]: http(service, READERS, () => page(`?limit=${SIZE}&cursor=${far}`)),
    "Prisma findMany": http(await ground.reference("prisma.ts", database), READERS, () => page(`?limit=${SIZE}`)),
  });
  const [first, last, prisma] = Object.values(rounds) as [never, never, never];
  return {
    rounds,
    ratios: [
      { name: `p50 of page ${pages} to page 1`, ratio: ratioOf(last, first, "p50"), goal: { atMost: 1.1 } },
      { name: "throughput to Prisma findMany in a plain Fastify route", ratio: ratioOf(first, prisma), goal: { atLeast: 2.5 } },
    ],
  };
};

function page(query: string): Asked {
  return { method: "GET", path: `/v1/learners/${learnerId(1)}/study-sessions${query}`, headers: { authorization: `Bearer ${keyOf(1)}` } };
}

/** The cursor behind which so many sessions lie. */
async function pageAfter(service: string, skipped: number): Promise<string> {
  let cursor = "";
  for (let left = skipped; left > 0; left -= LARGEST) {
    const { path, headers } = page(`?limit=${Math.min(left, LARGEST)}${cursor && `&cursor=${cursor}`}`);
    cursor = ((await (await fetch(service + path, headers && { headers })).json()) as { next: string }).next;
  }
  return cursor;
}
