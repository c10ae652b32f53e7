import { setTimeout as wait } from "node:timers/promises";
import { Client } from "./client";
import { pace, percentile, statusOf } from "./paced";
import type { Drill } from "./run";

const PEOPLE = 10;
const EVERY_MS = 50;
const MOST_TIMES = 2;
const AT_ONCE = 4;
const FAILURES_PER_MINUTE = 60;
// Nothing, another form, a slip of the hand, a key that was never made, and what looks like a token.
const WRONG = [
  null,
  "two keys",
  "cairn_0123",
  `cairn_${"0".repeat(72)}`,
  "a-key-of-something-else-0123456789",
  "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.",
  `eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhZGEifQ.${"a".repeat(342)}`,
];

/** Thousands fail to sign in from one address, where others sign in with valid keys: these are all answered, and hardly later. */
export const drill: Drill = async (stage, quick) => {
  const [failures, aloneS, pauseMs] = quick ? [1_000, 3, 10] : [10_000, 20, 5];
  const service = await stage.service({ RATE_LIMIT_PER_MINUTE: "6000", SIGN_IN_FAILURES_PER_MINUTE: String(FAILURES_PER_MINUTE) });
  const client = new Client(() => service.address);
  const keys: string[] = [];
  for (let n = 0; n < PEOPLE; n++) keys.push((await client.json("POST", "/v1/api-keys", { name: "Drilled", role: "service" })).secret);
  const people = keys.map((key) => () => ({ method: "GET", path: "/v1/learners?limit=10", key }));

  await pace(service.address, people, EVERY_MS, aloneS / 2);
  const alone = await pace(service.address, people, EVERY_MS, aloneS);
  const refused = new Map<string, number>();
  const since = Date.now();
  let sent = 0;
  let isOver = false;
  const failing = Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      // At an even pace, so that it is the service that is measured, and not a machine without room.
      while (sent < failures) {
        const key = WRONG[sent++ % WRONG.length] as string | null;
        const status = await statusOf(service.address, { method: "GET", path: "/v1/me", key });
        refused.set(status, (refused.get(status) ?? 0) + 1);
        await wait(pauseMs);
      }
    }),
  ).finally(() => {
    isOver = true;
  });
  const waits: number[] = [];
  const statuses = new Map<string, number>();
  while (!isOver) {
    const beside = await pace(service.address, people, EVERY_MS, 2);
    waits.push(...beside.waits);
    for (const [status, count] of beside.statuses) statuses.set(status, (statuses.get(status) ?? 0) + count);
  }
  await failing;
  const minutes = Math.ceil((Date.now() - since) / 60_000) + 1;

  const flaws: string[] = [];
  for (const [status, count] of [...alone.statuses, ...statuses]) if (status !== "200") flaws.push(`${count} answers of ${status} to valid keys`);
  for (const [status, count] of refused) if (status !== "401" && status !== "429") flaws.push(`${count} answers of ${status} to failed sign-ins`);
  if ((refused.get("401") ?? 0) > FAILURES_PER_MINUTE * minutes) flaws.push("more sign-ins failed unhindered than the setting says");
  const [p99Alone, p99Beside] = [percentile(alone.waits, 99), percentile(waits, 99)];
  if (!quick && p99Beside > MOST_TIMES * p99Alone) flaws.push(`valid keys wait ${p99Beside} ms at the 99th percentile, alone ${p99Alone} ms`);
  return {
    failedSignIns: sent,
    refused: [...refused]
      .sort()
      .map(([status, count]) => `${status}: ${count}`)
      .join(", "),
    validAnswered: waits.length,
    p99AloneMs: p99Alone,
    p99BesideMs: p99Beside,
    times: Math.round((p99Beside / p99Alone) * 100) / 100,
    flaws,
  };
};
