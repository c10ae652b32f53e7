import type { Db } from "../database/transaction";
import { type Act, record } from "./audit.service";

// Whoever is refused more often in an hour is counted: their next events stand for 1, 1, 2, 4, 8 … refusals.
const RECORDED_SINGLY = 300;
const HOUR_MS = 3_600_000;
const MOST_NAMED = 1_000;

/**
 * Records that a known caller was refused. How many events there are is not for the caller to
 * decide: beyond some number in an hour, one stands for several.
 *
 * @param asked the ids of learners that were asked for; those that nobody has are left out
 */
export async function recordRefusal(db: Db, act: Act, asked: string[]): Promise<void> {
  const times = timesOf(act.personId ?? act.keyId ?? "");
  if (!times) return;
  const ids = asked.length ? await db.learner.findMany({ where: { id: { in: asked.slice(0, MOST_NAMED) } }, select: { id: true } }) : [];
  const known = ids.map(({ id }) => id);
  await record(db, act, "refused", known, [], { times });
}

const timesOf = refusalCounter();

/**
 * Counts each caller's refusals, hour by hour.
 *
 * @returns how many refusals the event of this one stands for; 0: it has none of its own
 */
export function refusalCounter(now = () => Date.now()): (callerId: string) => number {
  let [hour, counts] = [0, new Map<string, number>()];
  return (callerId) => {
    const current = Math.floor(now() / HOUR_MS);
    if (current !== hour) [hour, counts] = [current, new Map()];
    const count = (counts.get(callerId) ?? 0) + 1;
    counts.set(callerId, count);
    const beyond = count - RECORDED_SINGLY;
    if (beyond <= 0) return 1;
    return Number.isInteger(Math.log2(beyond)) ? Math.ceil(beyond / 2) : 0;
  };
}
