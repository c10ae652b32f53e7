import { addDays, type Day, dayIn } from "../../src/days";
import { type Course, readCatalogue } from "../../src/demo/course-catalogue";
import { learnerId, PEOPLE } from "../../src/demo/people";
import { planDemo } from "../../src/demo/plan";
import { seeded } from "../../src/demo/random";
import { projectStart, storyGoals } from "../../src/demo/story";
import { planStorySessions } from "../../src/demo/story-sessions";
import { instantAt } from "../../src/demo/time-of-day";
import type { Entry } from "../../src/study-sessions/log-sessions";

const TODAY = "2026-06-17";

let courses: Course[];
let sessions: Entry<Date>[];
beforeAll(async () => {
  courses = (await readCatalogue()).courses;
  sessions = planDemo(courses, TODAY).sessions;
});

function sessionsOf(name: string): Entry<Date>[] {
  const id = learnerId(name);
  return sessions.filter((session) => session.learnerId === id);
}

test("the same seed draws the same, another seed something else", () => {
  const run = (seed: string) => {
    const random = seeded(seed);
    return Array.from({ length: 20 }, () => random.between(0, 1_000_000));
  };
  expect(run("a")).toEqual(run("a"));
  expect(run("a")).not.toEqual(run("b"));
});

test("draws keep to their bounds and their weights", () => {
  const random = seeded("bounds");
  const drawn = Array.from({ length: 2_000 }, () => random.between(15, 60, 15));
  expect(new Set(drawn)).toEqual(new Set([15, 30, 45, 60]));
  const often = Array.from({ length: 2_000 }, () => random.weighted({ a: 3, b: 1, c: 0 }));
  expect(often.filter((key) => key === "a").length / 2_000).toBeCloseTo(0.75, 1);
  expect(often).not.toContain("c");
  expect(() => random.pick([])).toThrow(RangeError);
  expect(() => random.weighted({})).toThrow(RangeError);
});

test.each([
  ["2026-06-17", "Europe/Stockholm", "2026-06-17T07:30:00.000Z"],
  ["2026-01-14", "Europe/Stockholm", "2026-01-14T08:30:00.000Z"],
  ["2026-03-29", "Europe/Stockholm", "2026-03-29T07:30:00.000Z"],
  ["2026-06-17", "Asia/Kolkata", "2026-06-17T04:00:00.000Z"],
  ["2026-06-17", "America/Mexico_City", "2026-06-17T15:30:00.000Z"],
  ["2026-06-17", "Asia/Tokyo", "2026-06-17T00:30:00.000Z"],
  ["2026-06-17", "UTC", "2026-06-17T09:30:00.000Z"],
])("half past nine on %s in %s is %s", (day, zone, instant) => {
  expect(instantAt(day, 9 * 60 + 30, zone).toISOString()).toBe(instant);
});

test("the same day gives the same plan", () => {
  expect(JSON.stringify(planDemo(courses, TODAY))).toBe(JSON.stringify(planDemo(courses, TODAY)));
});

test("there are thousands of sessions of two years, all over before today", () => {
  expect(sessions.length).toBeGreaterThan(6_000);
  expect(sessions.length).toBeLessThan(10_000);
  const starts = sessions.map(({ input }) => input.startedAt.getTime());
  expect(starts).toEqual([...starts].sort((a, b) => a - b));
  expect(dayIn(new Date(starts[0] as number), "UTC") <= addDays(TODAY, -720)).toBe(true);
  const ends = sessions.map(({ input }) => input.startedAt.getTime() + input.minutes * 60_000);
  expect(ends.filter((end) => end > Date.parse(`${TODAY}T02:00:00Z`))).toEqual([]);
  expect(starts.filter((start) => start >= Date.parse(TODAY))).toEqual([]);
  expect(new Set(sessions.map(({ id }) => id)).size).toBe(sessions.length);
});

test("nobody learns two things at once", () => {
  for (const { name } of PEOPLE) {
    const own = sessionsOf(name).map(({ input }) => input);
    const overlapping = own.filter((input, index) => {
      const before = own[index - 1];
      return before && before.startedAt.getTime() + before.minutes * 60_000 > input.startedAt.getTime();
    });
    expect({ name, overlapping }).toEqual({ name, overlapping: [] });
  }
});

test("people differ: some log nothing, some far more than others, and nobody after leaving", () => {
  expect(PEOPLE.filter(({ name }) => sessionsOf(name).length === 0).map(({ name }) => name)).toEqual(["Yui Hanasaki", "Kojo Ansah", "Greta Nyholm"]);
  expect(sessionsOf("Arjun Velayudhan").length).toBeGreaterThan(5 * sessionsOf("Owen Tredwell").length);
  expect(sessionsOf("Hugo Delacourt").filter(({ input }) => input.startedAt >= new Date(addDays(TODAY, -60)))).toEqual([]);
});

test("the story is the same whatever the day: half a year and more, to the end of last week", () => {
  const told = (today: Day) => planStorySessions(today, storyGoals(today)).filter(({ input }) => input.goalId === storyGoals(today).project.id);
  const shape = (today: Day) => JSON.stringify(told(today).map(({ input }) => [input.minutes, input.resourceId, input.split, input.impact, input.note]));
  for (let ahead = 1; ahead < 400; ahead += 57) expect(shape(addDays(TODAY, ahead))).toBe(shape(TODAY));
  expect(projectStart(TODAY)).toBe("2025-11-17");
  const days = told(TODAY).map(({ input }) => dayIn(input.startedAt, "UTC"));
  expect([...days].sort()[0]).toMatch(/2025-11-1[78]/);
  expect([...days].sort().at(-1)).toMatch(/2026-06-1[12]/);
});

test("what is loaded a day later has the ids that it had", () => {
  const tomorrow = new Set(planDemo(courses, addDays(TODAY, 1)).sessions.map(({ id }) => id));
  expect(sessions.filter(({ id }) => tomorrow.has(id)).length).toBeGreaterThan(0.9 * sessions.length);
});
