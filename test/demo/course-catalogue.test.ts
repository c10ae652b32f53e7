import { estimate, parseCatalogue, readCatalogue } from "../../src/demo/course-catalogue";

const HEADER = "stage,section,title,url,duration,effort,prerequisites";
const LINE = "Core CS,Core math,Calculus,https://example.com/calculus,13 weeks,6-10 hours/week,high school math";

const parse = (...lines: string[]) => parseCatalogue([HEADER, ...lines].join("\r\n"));

test.each([
  ["4 weeks", "5 hours/week", 4 * 5 * 60],
  ["1 week", "1 hour/week", 60],
  ["13 weeks", "6-10 hours/week", 13 * 8 * 60],
  ["8 weeks", "4–12 hours/week", 8 * 8 * 60],
  ["10-12 weeks", "6-10 hours/week", 11 * 8 * 60],
  ["7 weeks", "1-2 hours/week", 7 * 1.5 * 60],
  ["6 months", "5 hours/week", 26 * 5 * 60],
  ["1 month", "3 hours/week", 780],
])("%s at %s are %d minutes", (duration, effort, minutes) => {
  expect(estimate({ duration, effort })).toEqual({ minutes, reason: null });
});

test.each([
  ["8 weeks", "-", "The catalogue states no effort."],
  ["-", "2 hours/week", "The catalogue states no duration."],
  ["-", "-", "The catalogue states no duration and no effort."],
])("%s at %s cannot be estimated, and says why", (duration, effort, reason) => {
  expect(estimate({ duration, effort })).toEqual({ minutes: null, reason });
});

test.each([
  ["a unit that is not known", LINE.replace("13 weeks", "13 fortnights"), 'the duration "13 fortnights"'],
  ["a range the wrong way round", LINE.replace("13 weeks", "12-10 weeks"), 'the duration "12-10 weeks"'],
  ["nothing at all", LINE.replace("6-10 hours/week", "0 hours/week"), 'the effort "0 hours/week"'],
  ["an empty effort", LINE.replace("6-10 hours/week", ""), 'the effort ""'],
  ["no title", LINE.replace("Calculus", ""), "the title is empty"],
  ["an address of another kind", LINE.replace("https:", "ftp:"), 'the address "ftp://example.com/calculus"'],
])("a line with %s is an error that names it", (_, line, words) => {
  expect(() => parse(LINE.replace("Calculus", "Another"), line)).toThrow(`Line 3 of the course catalogue: ${words}`);
});

test("two courses of one title, a missing column and another header are errors", () => {
  expect(() => parse(LINE, LINE)).toThrow('Line 3 of the course catalogue: there are two courses with the title "Calculus"');
  expect(() => parse(LINE, "Core CS,Core math,Too short")).toThrow(/line 3/);
  expect(() => parseCatalogue("title,url\nCalculus,https://example.com")).toThrow("Line 1 of the course catalogue: the columns must be stage,section");
});

test("a line becomes a course that keeps all that the line says", () => {
  expect(parse(LINE).courses).toEqual([
    {
      id: expect.any(String),
      type: "course",
      title: "Calculus",
      url: "https://example.com/calculus",
      description:
        "From the OSSU computer science curriculum: Core CS, Core math. Duration: 13 weeks. Effort: 6-10 hours/week. Prerequisites: high school math.",
      skills: ["math"],
      estimatedMinutes: 6240,
    },
  ]);
});

test("a section that only repeats its stage gives no skill", () => {
  expect(parse(LINE.replace("Core CS,Core math", "Final project,Final project")).courses[0]).toMatchObject({ skills: [] });
});

test("the catalogue that ships has 63 courses, and three of them no estimate", async () => {
  const { courses, withoutEstimate } = await readCatalogue();
  expect(courses).toHaveLength(63);
  expect(new Set(courses.map(({ id }) => id)).size).toBe(63);
  expect(withoutEstimate.map(({ title }) => title)).toEqual(["Introduction to Haskell", "Learn Prolog Now!", "Essence of Linear Algebra"]);
  expect(courses.filter(({ estimatedMinutes }) => estimatedMinutes === null).map(({ title }) => title)).toEqual(withoutEstimate.map(({ title }) => title));
  expect(courses.find(({ title }) => title.startsWith("Operating Systems"))?.estimatedMinutes).toBe(11 * 8 * 60);
  expect(courses.find(({ title }) => title.startsWith("Game Design"))?.estimatedMinutes).toBe(26 * 5 * 60);
});
