import { gathered } from "../../src/database/gather";
import type { Db } from "../../src/database/transaction";
import type { PrismaClient } from "../../src/generated/prisma/client";

const db = { $connect: async () => undefined } as unknown as PrismaClient;
const transaction = {} as Db;
const soon = () => new Promise((resolve) => setTimeout(resolve, 5));

/** Doubles numbers, in calls that are noted; what it does before it answers is up to the test. */
function doubling(before: (calls: number[]) => unknown = soon, most = 100) {
  const runs: number[][] = [];
  const double = gathered(
    async (_: Db, calls: number[]) => {
      runs.push(calls);
      await before(calls);
      return calls.map((call) => call * 2);
    },
    most,
    (call) => Math.abs(call),
  );
  return { runs, double: (call: number) => double(db, call), inside: (call: number) => double(transaction, call) };
}

test("calls of one moment are run as one, and each gets its own answer", async () => {
  const { runs, double } = doubling();
  expect(await Promise.all([1, 2, 3].map(double))).toEqual([2, 4, 6]);
  expect(runs).toEqual([[1, 2, 3]]);
});

test("a call alone is run at once, and two runs may be under way", async () => {
  const { runs, double } = doubling();
  const first = double(1);
  await new Promise(setImmediate);
  const second = double(2);
  await new Promise(setImmediate);
  expect(runs).toEqual([[1], [2]]);
  expect(await Promise.all([first, second])).toEqual([2, 4]);
});

test("what comes while two runs are under way goes together afterwards", async () => {
  let goOn = () => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const { runs, double } = doubling(() => held);
  const answers: Promise<number>[] = [];
  for (const call of [1, 2, 3, 4, 5]) {
    answers.push(double(call));
    await new Promise(setImmediate);
  }
  goOn();
  expect(await Promise.all(answers)).toEqual([2, 4, 6, 8, 10]);
  expect(runs).toEqual([[1], [2], [3, 4, 5]]);
});

test("no run is larger than may be, but for a call that is larger by itself", async () => {
  const { runs, double } = doubling(soon, 10);
  expect(await Promise.all([4, 5, 6, 30, 1].map(double))).toEqual([8, 10, 12, 60, 2]);
  expect(runs).toEqual([[4, 5], [6], [30], [1]]);
});

test("in a transaction each is run by itself", async () => {
  const { runs, inside } = doubling();
  expect(await Promise.all([1, 2].map(inside))).toEqual([2, 4]);
  expect(runs).toEqual([[1], [2]]);
});

test("what is wrong with one call is answered to that one alone", async () => {
  const { double } = doubling(async (calls) => {
    await soon();
    if (calls.includes(3)) throw new Error("3 is wrong");
  });
  const answers = await Promise.allSettled([1, 2, 3, 4, 5].map(double));
  expect(answers.map((answer) => (answer.status === "fulfilled" ? answer.value : answer.reason.message))).toEqual([2, 4, "3 is wrong", 8, 10]);
});

test("a database that is away is not asked again by each", async () => {
  const away = Object.assign(new Error("away"), { code: "ECONNREFUSED" });
  const { runs, double } = doubling(async () => Promise.reject(away));
  const answers = await Promise.allSettled([1, 2, 3].map(double));
  expect(answers).toEqual(Array(3).fill({ status: "rejected", reason: away }));
  expect(runs).toEqual([[1, 2, 3]]);
});

test("of two who wait for each other, the one that was stopped is run once more", async () => {
  const deadlock = Object.assign(new Error("deadlock"), { cause: { originalCode: "40P01" } });
  const stopped = [true, false];
  const { runs, double } = doubling(async () => (stopped.shift() ? Promise.reject(deadlock) : undefined));
  expect(await Promise.all([1, 2].map(double))).toEqual([2, 4]);
  expect(runs).toEqual([
    [1, 2],
    [1, 2],
  ]);
});

test("more than can be written soon is refused, and to come again", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { double } = doubling(() => held, 1);
  const first = [double(1), double(1), double(60_000)];
  await expect(double(1)).rejects.toMatchObject({ code: "unavailable" });
  release();
  expect(await Promise.all(first)).toEqual([2, 2, 120_000]);
});
