import { setTimeout as wait } from "node:timers/promises";
import autocannon from "autocannon";
import { v7 as uuidv7 } from "uuid";
import { median } from "../timing";
import { Client } from "./client";
import type { Drill } from "./run";

const AT_ONCE = 200;
const LEARNERS = 400;
const SHARE = 0.8;
const RECOVERY_S = 5;
// What two runs of the same differ by.
const BASELINE = 0.9;

/** Five times as many ask at once as are let in, and none waits when it is turned away. */
export const drill: Drill = async (stage, quick) => {
  const seconds = quick ? 3 : 20;
  const service = await stage.service({ REQUESTS_AT_ONCE: String(AT_ONCE) });
  const client = new Client(() => service.address);
  // Each with a key of their own: what one person asks at once waits in a queue of theirs.
  const learners: Learner[] = [];
  for (let n = 0; n < LEARNERS; n++) {
    const { id } = await client.json("POST", "/v1/learners", { name: "Learner" });
    learners.push({ id, key: (await client.json("POST", "/v1/api-keys", { name: "Drilled", role: "learner", learnerId: id })).secret });
  }
  const load = (connections: number, duration: number) => put(service.address, learners, connections, duration);
  await load(AT_ONCE / 2, seconds);
  const before = await load(AT_ONCE / 2, seconds);
  let isOver = false;
  const alive = watch(`${service.address}/livez`, () => isOver);
  const during = await load(AT_ONCE * 5, seconds);
  isOver = true;
  const waits = await alive;
  const after = await load(AT_ONCE / 2, RECOVERY_S);
  const recovered = await load(AT_ONCE / 2, seconds);
  const { rows } = await stage.pool.query("SELECT count(*)::int AS stored FROM study_sessions");
  const good = [before, during, after, recovered].reduce((sum, { all }) => sum + all, 0);
  const flaws: string[] = [];
  if (during.others) flaws.push(`${during.others} answers were neither good nor 503`);
  if (waits.includes(Number.POSITIVE_INFINITY)) flaws.push("/livez did not answer");
  if (rows[0].stored < good) flaws.push(`${rows[0].stored} sessions are stored, of ${good} acknowledged`);
  if (!quick && during.perSecond < SHARE * before.perSecond) flaws.push("less than 80 % of what it can take was answered");
  if (!quick && recovered.perSecond < BASELINE * before.perSecond) flaws.push("five seconds later it answered less than before");
  return {
    capacity: Math.round(before.perSecond),
    goodWhileShedding: Math.round(during.perSecond),
    shed: during.shed,
    livezMedianMs: Math.round(median(waits)),
    livezWorstMs: Math.round(Math.max(...waits)),
    rightAfter: Math.round(after.perSecond),
    recovered: Math.round(recovered.perSecond),
    flaws,
  };
};

type Loaded = { perSecond: number; all: number; shed: number; others: number };

type Learner = { id: string; key: string };

async function put(url: string, learners: Learner[], connections: number, duration: number): Promise<Loaded> {
  const setupRequest = (request: autocannon.Request): autocannon.Request => {
    const { id, key } = learners[Math.floor(Math.random() * learners.length)] as Learner;
    return {
      ...request,
      method: "PUT",
      path: `/v1/learners/${id}/study-sessions/${uuidv7()}`,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({ startedAt: new Date(Date.now() - Math.random() * 365 * 86_400_000).toISOString(), minutes: 1, mode: "formal" }),
    };
  };
  const result = await autocannon({ url, connections, duration, timeout: 30, requests: [{ setupRequest }] });
  const shed = result.statusCodeStats?.["503"]?.count ?? 0;
  return { perSecond: result["2xx"] / result.duration, all: result["2xx"], shed, others: result.non2xx - shed + result.errors };
}

/** How many milliseconds each answer took, asked five times a second; Infinity: none in five seconds. */
async function watch(url: string, isOver: () => boolean): Promise<number[]> {
  const waits: number[] = [];
  while (!isOver()) {
    const since = performance.now();
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    waits.push(answer?.ok ? performance.now() - since : Number.POSITIVE_INFINITY);
    await answer?.arrayBuffer();
    await wait(200);
  }
  return waits;
}
