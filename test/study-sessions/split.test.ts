import fc from "fast-check";
import { AppError } from "../../src/errors";
import { MODES } from "../../src/mix";
import { resplitMinutes, type SplitMinutes, splitMinutes } from "../../src/study-sessions/split";

const minutes = fc.integer({ min: 1, max: 1440 });
const part = fc.nat(1440);
const parts = fc.record({ onTheJob: part, social: part, formal: part });

test("all minutes go to the mode, ahead of the resource's", () => {
  expect(splitMinutes({ minutes: 90, mode: "social" }, "formal")).toEqual(stored(90, 0, 90, 0));
  expect(splitMinutes({ minutes: 90 }, "formal")).toEqual(stored(90, 0, 0, 90));
  expect(splitMinutes({ minutes: 90 }, null)).toEqual(stored(90, 0, 0, 0));
});

test("a split is kept as it is given, or refused when it does not fit", () => {
  fc.assert(
    fc.property(minutes, parts, (minutes, split) => {
      const work = () => splitMinutes({ minutes, split }, "formal");
      if (split.onTheJob + split.social + split.formal > minutes) expect(work).toThrow(AppError);
      else expect(work()).toEqual(stored(minutes, split.onTheJob, split.social, split.formal));
    }),
  );
});

test("what a split leaves out is unclassified, whatever the resource's mode", () => {
  expect(splitMinutes({ minutes: 90, split: { social: 30 } }, "formal")).toEqual(stored(90, 0, 30, 0));
  expect(splitMinutes({ minutes: 90, split: {} }, "formal")).toEqual(stored(90, 0, 0, 0));
});

test("mode and split together are refused", () => {
  expect(() => splitMinutes({ minutes: 90, mode: "social", split: { social: 90 } }, null)).toThrow("Give mode or split, not both.");
});

test("a session of one mode, or of none, stays so in other minutes", () => {
  fc.assert(
    fc.property(minutes, minutes, fc.constantFrom(...MODES, undefined), (before, after, mode) => {
      const session = splitMinutes({ minutes: before, mode }, null);
      expect(resplitMinutes(session, { minutes: after })).toEqual(splitMinutes({ minutes: after, mode }, null));
    }),
  );
});

test("a mixed session keeps its parts, or is refused minutes that do not hold them", () => {
  const before = stored(90, 60, 20, 0);
  expect(resplitMinutes(before, { minutes: 80 })).toEqual(stored(80, 60, 20, 0));
  expect(resplitMinutes(before, { minutes: 120 })).toEqual(stored(120, 60, 20, 0));
  expect(() => resplitMinutes(before, { minutes: 79 })).toThrow("adds up to 80 minutes, more than the session's 79");
});

test("a new mode takes the place of all parts, and a new split changes those that it names", () => {
  const before = stored(90, 60, 20, 0);
  expect(resplitMinutes(before, { mode: "formal" })).toEqual(stored(90, 0, 0, 90));
  expect(resplitMinutes(before, { split: { onTheJob: 15, formal: 10 }, minutes: 45 })).toEqual(stored(45, 15, 20, 10));
  expect(resplitMinutes(before, { split: { onTheJob: null } })).toEqual(stored(90, 0, 20, 0));
  expect(resplitMinutes(before, { split: {} })).toEqual(before);
});

function stored(minutes: number, onTheJobMinutes: number, socialMinutes: number, formalMinutes: number): SplitMinutes {
  return { minutes, onTheJobMinutes, socialMinutes, formalMinutes };
}
