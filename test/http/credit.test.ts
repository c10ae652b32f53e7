import { createCredit } from "../../src/http/credit";

let time: number;
const create = () => {
  time = 0;
  return createCredit(() => time);
};

test("a payer has 400 ms of work done at any speed", () => {
  const credit = create();
  credit.charge("ada", 400);
  expect(credit.waitMs("ada")).toBe(0);
  credit.charge("ada", 20);
  expect(credit.waitMs("ada")).toBe(100);
  expect(credit.waitMs("bo")).toBe(0);
});

test("it earns a fifth of the time that passes, up to what it began with", () => {
  const credit = create();
  credit.charge("ada", 500);
  time = 250;
  expect(credit.waitMs("ada")).toBe(250);
  time = 500;
  expect(credit.waitMs("ada")).toBe(0);
  time = 1_000_000;
  credit.charge("ada", 500);
  expect(credit.waitMs("ada")).toBe(500);
});

test("what was charged ahead is given back", () => {
  const credit = create();
  credit.charge("ada", 450);
  credit.charge("ada", -50);
  expect(credit.waitMs("ada")).toBe(0);
});

test("ten thousand payers are remembered, and who worked least recently is forgotten", () => {
  const credit = create();
  for (let n = 0; n < 10_000; n++) credit.charge(`${n}`, 500);
  credit.charge("0", 0);
  credit.charge("one more", 500);
  expect(["0", "1", "2", "one more"].map((id) => credit.waitMs(id))).toEqual([500, 0, 500, 500]);
});
