import { digest, withoutNulls } from "../src/digest";

test("a digest is of what is meant, not of how it is ordered", () => {
  expect(digest({ a: 1, b: { c: [1, 2], d: null } })).toEqual(digest({ b: { d: null, c: [1, 2] }, a: 1 }));
  for (const other of [
    { a: 1, b: { c: [2, 1], d: null } },
    { a: 1, b: { c: [1, 2] } },
    { a: "1", b: { c: [1, 2], d: null } },
  ]) {
    expect(digest(other)).not.toEqual(digest({ a: 1, b: { c: [1, 2], d: null } }));
  }
});

test("null is as good as left out, but where it is told", () => {
  const at = new Date(0);
  const body = { a: null, b: { a: null, c: 1 }, items: [{ a: null, at }, null], on: true };
  expect(withoutNulls(body)).toEqual({ b: { c: 1 }, items: [{ at }, null], on: true });
  expect(withoutNulls(body, ({ on }) => (on ? ["a"] : []))).toEqual({ a: null, b: { c: 1 }, items: [{ at }, null], on: true });
  expect(withoutNulls(undefined)).toBeUndefined();
});
