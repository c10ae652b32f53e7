import type { PathCreate } from "../paths/paths.schema";
import type { Place } from "./course-catalogue";
import { demoId } from "./ids";

/** One prerequisite as the curriculum words it, and the courses that it names; none: it stays words. */
export type Resolution = { course: string; prerequisite: string; names: string[] };

export type CoursePath = { path: PathCreate & { id: string }; resolutions: Resolution[] };

// Short names that the curriculum uses for courses of its own.
const SHORT_NAMES: Record<string, string> = {
  "algorithms part 1": "Algorithms: Design and Analysis, Part 1",
  "from nand to tetris part i": "Build a Modern Computer from First Principles: From Nand to Tetris",
  "nand2tetris ii": "Build a Modern Computer from First Principles: Nand to Tetris Part II",
};

const LONGEST_KEY = 60;

/** The curriculum as a path: its stages are the sections, its courses the steps. */
export function coursePath(places: Place[]): CoursePath {
  const resolutions = places.flatMap((place) => prerequisitesOf(place, places));
  const keys = new Map(places.map(({ course: { title } }) => [title, keyOf(title)]));
  const steps = places.map(({ course: { id, title }, stage }) => {
    const own = resolutions.filter(({ course }) => course === title);
    return {
      key: keyOf(title),
      section: stage,
      title,
      resourceId: id,
      prerequisites: [...new Set(own.flatMap(({ names }) => names.map((name) => keys.get(name) as string)))],
      otherPrerequisites: own.filter(({ names }) => !names.length).map(({ prerequisite }) => prerequisite),
    };
  });
  const path = {
    id: demoId("path", "OSSU computer science"),
    title: "Computer science, the curriculum of the Open Source Society University",
    purpose: "A complete education in computer science from online courses, in an order in which each builds on those before",
    skills: ["computer science"],
    steps,
  };
  return { path, resolutions };
}

/** Which prerequisites lead to steps, and which stay words, one a line. */
export function describeResolutions(resolutions: Resolution[]): string[] {
  return resolutions.map(
    ({ course, prerequisite, names }) => `${course}: "${prerequisite}" ${names.length ? `is ${names.map((name) => `"${name}"`).join(", ")}` : "stays words"}`,
  );
}

function prerequisitesOf({ course: { title }, prerequisites }: Place, places: Place[]): Resolution[] {
  if (!prerequisites) return [];
  const whole = named(prerequisites, places);
  if (whole.length) return [{ course: title, prerequisite: prerequisites, names: whole }];
  const parts = prerequisites.split(/,\s*(?:and\s+)?|\s+and\s+/);
  return parts.map((prerequisite) => ({ course: title, prerequisite, names: named(prerequisite, places) }));
}

/**
 * The courses that some words name: by the title or a part of it before or after its colon,
 * if that is one course's alone; by a short name; or all of a section. What is to be taken
 * beside a course (a corequisite) does not come before it, so it stays words.
 */
function named(words: string, places: Place[]): string[] {
  const name = plain(words);
  const short = SHORT_NAMES[name];
  if (short) return [short];
  const titles = places.map(({ course: { title } }) => title);
  const exact = titles.filter((title) => plain(title) === name);
  if (exact.length) return exact;
  const inPart = titles.filter((title) => title.split(":").some((part) => plain(part) === name));
  if (inPart.length === 1) return inPart;
  return places.filter(({ section }) => plain(section) === name).map(({ course: { title } }) => title);
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll("-", " ").trim();
}

function keyOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .slice(0, LONGEST_KEY)
    .replaceAll(/^-|-$/g, "");
}
