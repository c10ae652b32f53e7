import { readdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { openGround } from "./ground";
import { type Bench, type Found, type Goal, meets, spread } from "./rounds";
import { median, round } from "./timing";

// npm run bench [-- names] [--quick] [--keep]
// On the server of DATABASE_URL, in databases of its own. --quick shows in seconds that all of it
// runs, and judges nothing; --keep leaves the databases for the next run.

const ENDING = ".bench.ts";

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: { type: "boolean" }, keep: { type: "boolean" } } });
  const { quick = false, keep = false } = values;
  const known = (await readdir(__dirname)).filter((file) => file.endsWith(ENDING)).map((file) => file.slice(0, -ENDING.length));
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length) throw new Error(`There is no benchmark ${unknown.join(", ")}. There are ${known.join(", ")}.`);
  if (!process.env.DATABASE_URL) throw new Error("Set DATABASE_URL, or run it through .ci/with-postgres.");

  const ground = openGround(process.env.DATABASE_URL, quick);
  try {
    for (const name of positionals.length ? positionals : known) {
      const { bench } = (await import(`./${name}${ENDING}`)) as { bench: Bench };
      show(name, await bench(ground), quick);
      await ground.stop();
    }
  } finally {
    await ground.stop();
    await ground.close(keep);
  }
}

function show(bench: string, { rounds, ratios }: Found, quick: boolean): void {
  console.log(`\n${bench}`);
  console.table(
    Object.fromEntries(
      Object.entries(rounds).map(([name, all]) => [
        name,
        {
          "per second": Math.round(median(all.map(({ perSecond }) => perSecond))),
          "p50 ms": middle(all.map(({ p50 }) => p50)),
          "p99 ms": middle(all.map(({ p99 }) => p99)),
          spread: `${Math.round(spread(all) * 100)} %`,
        },
      ]),
    ),
  );
  for (const { name, ratio, goal } of ratios) {
    const met = goal && !quick ? meets(ratio, goal) : null;
    console.log(JSON.stringify({ name: `${bench}: ${name}`, ratio: round(ratio), goal: goal ? inWords(goal) : null, met }));
  }
}

function middle(values: (number | undefined)[]): number | string {
  const known = values.filter((value) => value !== undefined);
  return known.length ? round(median(known)) : "";
}

function inWords(goal: Goal): string {
  return "atLeast" in goal ? `>= ${goal.atLeast}` : `<= ${goal.atMost}`;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
