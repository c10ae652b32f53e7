import { AppError } from "../errors";
import type { PrismaClient } from "../generated/prisma/client";
import type { Db } from "./transaction";
import { isDeadlock, isUnavailable } from "./violations";

// With one under way and one that fills meanwhile, neither the database nor this process waits
// for the other; more would only be smaller.
const IN_FLIGHT = 2;
const MOST_WAITING = 50_000;
const LONGEST_WAIT_MS = 5_000;

type Waiting<Call, Answer> = { call: Call; since: number; resolve(answer: Answer | Promise<Answer>): void; reject(error: unknown): void };

/**
 * Calls that come at about the same time are run as one, because a statement for many costs
 * hardly more than for one. A call alone waits for nothing. Inside of a transaction each is run
 * by itself.
 *
 * @param run answers calls in their order, in one statement or in none: when it fails, it is run
 *   again for half of them and half, so that what is wrong with one call is answered to that one
 * @param most the size of what is run as one; a call that is larger is run alone
 */
export function gathered<Call, Answer>(
  run: (db: Db, calls: Call[]) => Promise<(Answer | Promise<Answer>)[]>,
  most: number,
  sizeOf: (call: Call) => number = () => 1,
): (db: Db, call: Call) => Promise<Answer> {
  const queues = new WeakMap<PrismaClient, (call: Call) => Promise<Answer>>();
  return async (db, call) => {
    if (!("$connect" in db)) return (await run(db, [call]))[0] as Answer;
    const queue = queues.get(db) ?? openQueue((calls: Call[]) => run(db, calls), most, sizeOf);
    queues.set(db, queue);
    return queue(call);
  };
}

function openQueue<Call, Answer>(run: (calls: Call[]) => Promise<(Answer | Promise<Answer>)[]>, most: number, sizeOf: (call: Call) => number) {
  let waiting: Waiting<Call, Answer>[] = [];
  let waitingSize = 0;
  let inFlight = 0;
  let isScheduled = false;

  const schedule = () => {
    if (isScheduled || inFlight >= IN_FLIGHT || !waiting.length) return;
    isScheduled = true;
    // After all input that is there already has been read: what came together goes together.
    setImmediate(async () => {
      isScheduled = false;
      inFlight++;
      const calls = take();
      schedule();
      await settle(run, calls);
      inFlight--;
      schedule();
    });
  };

  const take = () => {
    let size = 0;
    const end = waiting.findIndex(({ call }, index) => {
      size += sizeOf(call);
      return index > 0 && size > most;
    });
    const taken = end < 0 ? waiting : waiting.slice(0, end);
    waiting = end < 0 ? [] : waiting.slice(end);
    waitingSize = waiting.length ? waitingSize - taken.reduce((sum, { call }) => sum + sizeOf(call), 0) : 0;
    return taken;
  };

  return (call: Call): Promise<Answer> => {
    const since = performance.now();
    if (waitingSize > MOST_WAITING || since - (waiting[0]?.since ?? since) > LONGEST_WAIT_MS) return Promise.reject(tooBusy());
    return new Promise((resolve, reject) => {
      waiting.push({ call, since, resolve, reject });
      waitingSize += sizeOf(call);
      schedule();
    });
  };
}

async function settle<Call, Answer>(
  run: (calls: Call[]) => Promise<(Answer | Promise<Answer>)[]>,
  waiting: Waiting<Call, Answer>[],
  isSecondTry = false,
): Promise<void> {
  try {
    const answers = await run(waiting.map(({ call }) => call));
    for (const [index, { resolve }] of waiting.entries()) resolve(answers[index] as Answer);
  } catch (error) {
    if (isDeadlock(error) && !isSecondTry) return settle(run, waiting, true);
    if (waiting.length === 1 || isUnavailable(error)) {
      for (const { reject } of waiting) reject(error);
      return;
    }
    const half = Math.ceil(waiting.length / 2);
    await settle(run, waiting.slice(0, half));
    await settle(run, waiting.slice(half));
  }
}

function tooBusy(): AppError {
  return new AppError(
    "unavailable",
    "More is waiting to be written than can be soon. Try again after the seconds in Retry-After; what has an id of your own is safe to repeat.",
  );
}
