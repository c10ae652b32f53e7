import fc from "fast-check";
import { circleIn, criticalPath, inOrder } from "../src/prerequisites";

type Drawn = { key: string; prerequisites: string[]; estimatedMinutes: number | null };

const step = (key: string, prerequisites: string[] = [], estimatedMinutes: number | null = null): Drawn => ({ key, prerequisites, estimatedMinutes });
const keys = (steps: { key: string }[] | null) => steps?.map(({ key }) => key);

describe("in order", () => {
  test("steps stand after their prerequisites, and otherwise as they stood", () => {
    const { sorted, leftOver } = inOrder([step("d", ["c"]), step("b"), step("c", ["a"]), step("a"), step("e")]);
    expect(keys(sorted)).toEqual(["b", "a", "c", "d", "e"]);
    expect(leftOver).toEqual([]);
  });

  test("what waits for itself is left over, with what waits for that", () => {
    const { sorted, leftOver } = inOrder([step("after", ["a"]), step("a", ["b"]), step("free"), step("b", ["a"])]);
    expect([keys(sorted), keys(leftOver)]).toEqual([["free"], ["after", "a", "b"]]);
  });

  test("a prerequisite that is not among the steps is not waited for", () => {
    expect(keys(inOrder([step("a", ["elsewhere"]), step("b", ["a", "elsewhere"])]).sorted)).toEqual(["a", "b"]);
  });

  test("nothing is in order", () => {
    expect(inOrder([])).toEqual({ sorted: [], leftOver: [] });
  });
});

describe("a circle", () => {
  test.each([
    ["none among none", [], undefined],
    ["none in a diamond", [step("a"), step("b", ["a"]), step("c", ["a"]), step("d", ["b", "c"])], undefined],
    ["none where the way back leads elsewhere", [step("a", ["gone"]), step("b", ["a"])], undefined],
    ["of one", [step("a"), step("b", ["b"])], ["b", "b"]],
    ["of two", [step("a", ["b"]), step("b", ["a"])], ["a", "b", "a"]],
    ["of three, each before the one that needs it", [step("a", ["c"]), step("b", ["a"]), step("c", ["b"])], ["a", "b", "c", "a"]],
    ["without what only waits for it", [step("after", ["a"]), step("a", ["b"]), step("b", ["a"])], ["a", "b", "a"]],
    ["without what it waits for", [step("first"), step("a", ["first", "b"]), step("b", ["a"])], ["a", "b", "a"]],
  ])("%s", (_, steps, circle) => {
    expect(keys(circleIn(steps))).toEqual(circle);
  });
});

describe("the critical path", () => {
  test.each([
    ["none without steps", [], 0, []],
    ["is the longest chain, not the one with most steps", [step("a", [], 10), step("b", ["a"], 10), step("long", [], 30)], 30, ["long"]],
    ["adds up along a chain", [step("c", ["b"], 5), step("b", ["a"], 20), step("a", [], 10), step("alone", [], 34)], 35, ["a", "b", "c"]],
    ["goes through the longer arm", [step("a", [], 1), step("b", ["a"], 5), step("c", ["a"], 6), step("d", ["b", "c"], 1)], 8, ["a", "c", "d"]],
    ["of equals, the one with more steps", [step("whole", [], 20), step("half", [], 10), step("rest", ["half"], 10)], 20, ["half", "rest"]],
    ["of equals with as many steps, the earlier", [step("first", [], 20), step("second", [], 20)], 20, ["first"]],
    ["counts what has no estimate as nothing", [step("a", [], 20), step("b", ["a"]), step("c", [], 15)], 20, ["a", "b"]],
    ["is a chain without any estimate, too", [step("a"), step("b", ["a"])], 0, ["a", "b"]],
  ])("%s", (_, steps, minutes, chain) => {
    const path = criticalPath(steps);
    expect([path.minutes, keys(path.steps)]).toEqual([minutes, chain]);
  });

  test("of a path as long as paths may be is found", () => {
    const steps = Array.from({ length: 500 }, (_, index) => step(`s${index}`, index ? [`s${index - 1}`] : [], 1)).reverse();
    expect(criticalPath(steps).minutes).toBe(500);
  });
});

const NAMES = ["a", "b", "c", "d", "e", "f", "g"];
const anySteps = fc
  .array(fc.tuple(fc.subarray(NAMES, { maxLength: 3 }), fc.option(fc.integer({ min: 1, max: 20 }))), { maxLength: NAMES.length })
  .map((drawn) => drawn.map(([prerequisites, minutes], index) => step(NAMES[index] as string, prerequisites, minutes)));

test("whatever the steps: they are in order or left over, and something is left over exactly where there is a circle", () => {
  fc.assert(
    fc.property(anySteps, (steps) => {
      const { sorted, leftOver } = inOrder(steps);
      expect([...sorted, ...leftOver].sort(byKey)).toEqual([...steps].sort(byKey));
      const known = new Set(keys(steps));
      sorted.forEach(({ prerequisites }, index) => {
        const before = keys(sorted.slice(0, index));
        expect(prerequisites.filter((key) => known.has(key) && !before?.includes(key))).toEqual([]);
      });
      const circle = circleIn(steps);
      expect(circle === null).toBe(leftOver.length === 0);
      if (!circle) return;
      expect(circle.at(0)).toBe(circle.at(-1));
      expect(new Set(circle).size).toBe(circle.length - 1);
      circle.slice(1).forEach(({ prerequisites }, index) => {
        expect(prerequisites).toContain(circle[index]?.key);
      });
    }),
  );
});

test("whatever the steps: the critical path is as long as the longest of all chains", () => {
  fc.assert(
    fc.property(
      anySteps.filter((steps) => circleIn(steps) === null),
      (steps) => {
        const of = new Map(steps.map((each) => [each.key, each]));
        // By trying them all, from the end.
        const longest = ({ prerequisites, estimatedMinutes }: Drawn): number =>
          (estimatedMinutes ?? 0) + Math.max(0, ...prerequisites.flatMap((key) => of.get(key) ?? []).map(longest));
        const { minutes, steps: chain } = criticalPath(steps);
        expect(minutes).toBe(Math.max(0, ...steps.map(longest)));
        expect(minutes).toBe(chain.reduce((sum, { estimatedMinutes }) => sum + (estimatedMinutes ?? 0), 0));
        chain.slice(1).forEach(({ prerequisites }, index) => {
          expect(prerequisites).toContain(chain[index]?.key);
        });
      },
    ),
  );
});

function byKey(a: { key: string }, b: { key: string }): number {
  return a.key < b.key ? -1 : 1;
}

test("steps are put in order by reading each one's prerequisites once or twice, however they stand", () => {
  let reads = 0;
  const steps = Array.from({ length: 500 }, (_, n) => ({
    key: `s${n}`,
    get prerequisites() {
      reads++;
      return n ? [`s${n - 1}`] : [];
    },
  })).reverse();
  expect(inOrder(steps).sorted.map(({ key }) => key)).toEqual(Array.from({ length: 500 }, (_, n) => `s${n}`));
  expect(reads).toBeLessThanOrEqual(2 * steps.length);
});
