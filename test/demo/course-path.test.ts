import { readCatalogue } from "../../src/demo/course-catalogue";
import { type CoursePath, coursePath, describeResolutions } from "../../src/demo/course-path";
import { circleIn } from "../../src/prerequisites";

let built: CoursePath;
beforeAll(async () => {
  built = coursePath((await readCatalogue()).places);
});

const stepOf = (title: string) => built.path.steps?.find((step) => step.title === title);

test("every course is a step, under a key of its own", () => {
  const keys = built.path.steps?.map(({ key }) => key) ?? [];
  expect(keys).toHaveLength(63);
  expect(new Set(keys).size).toBe(63);
  for (const key of keys) expect(key).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
});

test("no course waits for itself", () => {
  expect(circleIn((built.path.steps ?? []).map(({ key, prerequisites = [] }) => ({ key, prerequisites })))).toBeNull();
});

test.each([
  ["a title", "Programming Languages", ["systematic-program-design"], []],
  ["a title in another spelling", "Software Architecture", ["object-oriented-design"], []],
  ["the part of a title before its colon", "Calculus 1B: Integration", ["calculus-1a-differentiation"], []],
  ["the parts of titles after their colons", "Probability", ["calculus-1a-differentiation", "calculus-1b-integration"], []],
  ["a title with commas in it", "Secure Software Development: Implementation", ["secure-software-development-requirements-design-and-reuse"], []],
  ["a short name", "Computation Structures 1: Digital Circuits", ["build-a-modern-computer-from-first-principles-nand-to-tetris"], []],
  ["a section", "Algorithmic Game Theory", ["algorithms-design-and-analysis-part-1", "algorithms-design-and-analysis-part-2"], []],
  ["no course", "Introduction to Computer Science and Programming using Python", [], ["high school algebra"]],
  ["a course among words", "Class-based Program Design", ["systematic-program-design"], ["High School Math"]],
  // Three titles begin with it, so it is none of them.
  ["several courses by the same part", "Computational Geometry", [], ["algorithms", "C++"]],
  ["what is taken beside, not before", "Linear Algebra", [], ["corequisite: Essence of Linear Algebra"]],
  ["nothing", "Compilers", [], []],
])("a prerequisite may name %s", (_, title, prerequisites, otherPrerequisites) => {
  expect(stepOf(title)).toMatchObject({ prerequisites, otherPrerequisites });
});

test("the report says of each prerequisite what became of it", () => {
  const { resolutions } = built;
  expect([resolutions.length, resolutions.filter(({ names }) => names.length).length]).toEqual([65, 31]);
  const lines = describeResolutions(resolutions);
  expect(lines).toHaveLength(65);
  expect(lines).toContain('Software Architecture: "Object Oriented Design" is "Object-Oriented Design"');
  expect(lines).toContain('Computational Geometry: "C++" stays words');
});
