import { digest } from "../src/digest";

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
