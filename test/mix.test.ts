import { ResourceType } from "../src/generated/prisma/enums";
import { MODE_OF_TYPE, MODES, perMode, Target } from "../src/mix";

test.each([
  ["formal", ["book", "article", "course", "video", "podcast", "workshop", "conference", "certification"]],
  ["social", ["mentor", "coach", "community", "shadowing"]],
  ["onTheJob", ["project", "assignment", "rotation", "secondment"]],
  [null, ["other"]],
] as const)("the types that give the mode %s", (mode, types) => {
  expect(Object.values(ResourceType).filter((type) => MODE_OF_TYPE[type] === mode)).toEqual(types);
});

test("the modes come in the order of 70–20–10", () => {
  expect(MODES).toEqual(["onTheJob", "social", "formal"]);
  expect(perMode((mode, index) => `${index} ${mode}`)).toEqual({ onTheJob: "0 onTheJob", social: "1 social", formal: "2 formal" });
});

test.each([
  [{ onTheJob: 70, social: 20, formal: 10 }, [70, 20, 10]],
  [{ onTheJob: 0, social: 0, formal: 100 }, [0, 0, 100]],
  [null, []],
])("the target %j is stored as %j", (target, stored) => {
  expect(Target.parse(target)).toEqual(stored);
  expect(Target.encode(stored)).toEqual(target);
});

test.each([
  { onTheJob: 70, social: 20, formal: 9 },
  { onTheJob: 70, social: 20, formal: 11 },
  { onTheJob: 120, social: -20, formal: 0 },
  { onTheJob: 33.3, social: 33.3, formal: 33.4 },
  { onTheJob: 70, social: 30 },
  { onTheJob: 70, social: 20, formal: 10, other: 0 },
  { onTheJob: "70", social: 20, formal: 10 },
  [70, 20, 10],
  {},
])("the target %j is refused", (target) => {
  expect(Target.safeParse(target).success).toBe(false);
});
