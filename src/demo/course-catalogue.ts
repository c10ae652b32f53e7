import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "csv-parse/sync";
import type { ResourceCreate } from "../resources/resources.schema";
import { demoId } from "./ids";

/** The courses of the Open Source Society University that ship with the service; see data/README.md. */
export const CATALOGUE_FILE = path.join(__dirname, "../../data/ossu-computer-science.csv");

export type Course = ResourceCreate & { id: string; title: string; skills: string[]; estimatedMinutes: number | null };

/** Where a course stands in the curriculum, and what comes before it in the curriculum's own words. */
export type Place = { course: Course; stage: string; section: string; prerequisites: string | null };

/** Every line of the file is a course here: one that cannot be estimated is listed, one that cannot be read is an error. */
export type Catalogue = { courses: Course[]; places: Place[]; withoutEstimate: { title: string; reason: string }[] };

export class CatalogueError extends Error {
  override name = "CatalogueError";
}

const COLUMNS = ["stage", "section", "title", "url", "duration", "effort", "prerequisites"] as const;
const NOT_STATED = "-";
const NOTHING = new Set([NOT_STATED, "none"]);
// Six months are 26 weeks.
const WEEKS_PER_MONTH = 52 / 12;

type Line = Record<(typeof COLUMNS)[number], string>;
type Parsed = { record: Line; info: { lines: number } };

export async function readCatalogue(file = CATALOGUE_FILE): Promise<Catalogue> {
  return parseCatalogue(await readFile(file, "utf8"));
}

/** @throws CatalogueError naming the line that cannot be read, and why */
export function parseCatalogue(csv: string): Catalogue {
  const catalogue: Catalogue = { courses: [], places: [], withoutEstimate: [] };
  const titles = new Set<string>();
  for (const { record, info } of parseLines(csv)) {
    try {
      const { title } = record;
      if (titles.has(title)) throw new CatalogueError(`there are two courses with the title "${title}"`);
      titles.add(title);
      const { minutes, reason } = estimate(record);
      const course = toCourse(record, minutes);
      const { stage, section, prerequisites } = record;
      catalogue.courses.push(course);
      catalogue.places.push({ course, stage, section, prerequisites: NOTHING.has(prerequisites) ? null : prerequisites });
      if (reason) catalogue.withoutEstimate.push({ title, reason });
    } catch (error) {
      if (error instanceof CatalogueError) error.message = `Line ${info.lines} of the course catalogue: ${error.message}.`;
      throw error;
    }
  }
  return catalogue;
}

/**
 * Weeks times hours a week. Of a range, the middle counts: `10-12 weeks` at
 * `6-10 hours/week` are 11 weeks of 8 hours.
 *
 * @returns null minutes and the reason where either is not stated
 */
export function estimate({ duration, effort }: Pick<Line, "duration" | "effort">): { minutes: number | null; reason: string | null } {
  const missing = Object.entries({ duration, effort }).flatMap(([name, value]) => (value === NOT_STATED ? [name] : []));
  if (missing.length) return { minutes: null, reason: `The catalogue states no ${missing.join(" and no ")}.` };
  const weeks = middleOf(duration, /^(.+) weeks?$/) ?? times(middleOf(duration, /^(.+) months?$/), WEEKS_PER_MONTH);
  if (!weeks) throw new CatalogueError(`the duration "${duration}" is not like "8 weeks", "10-12 weeks", "6 months" or "-"`);
  const hours = middleOf(effort, /^(.+) hours?\/week$/);
  if (!hours) throw new CatalogueError(`the effort "${effort}" is not like "5 hours/week", "6-10 hours/week" or "-"`);
  return { minutes: Math.round(weeks * hours * 60), reason: null };
}

function parseLines(csv: string): Parsed[] {
  try {
    return parse(csv, { columns: checkHeader, info: true, bom: true, trim: true, skip_empty_lines: true }) as unknown as Parsed[];
  } catch (error) {
    // The parser's own words name the line.
    throw error instanceof CatalogueError ? error : new CatalogueError(`The course catalogue cannot be read: ${(error as Error).message}`);
  }
}

function checkHeader(header: string[]): string[] {
  if (header.join() === COLUMNS.join()) return header;
  throw new CatalogueError(`Line 1 of the course catalogue: the columns must be ${COLUMNS.join(",")}, not ${header.join()}.`);
}

// The file names no author or school, so `creator` stays empty.
function toCourse({ stage, section, title, url, duration, effort, prerequisites }: Line, estimatedMinutes: number | null): Course {
  if (!title) throw new CatalogueError("the title is empty");
  if (!/^https?:\/\//.test(url)) throw new CatalogueError(`the address "${url}" does not begin with http:// or https://`);
  const place = section === stage ? stage : `${stage}, ${section}`;
  const facts = { Duration: duration, Effort: effort, Prerequisites: prerequisites };
  const stated = Object.entries(facts).map(([name, value]) => `${name}: ${value === NOT_STATED ? "not stated" : value}.`);
  return {
    id: demoId("resource", `${url} ${title}`),
    type: "course",
    title,
    url,
    description: `From the OSSU computer science curriculum: ${place}. ${stated.join(" ")}`,
    skills: skillsOf(stage, section),
    estimatedMinutes,
  };
}

/** `Core math` and `Advanced math` are both math; a section that repeats its stage says nothing of a skill. */
function skillsOf(stage: string, section: string): string[] {
  return section === stage ? [] : [section.toLowerCase().replace(/^(core|advanced) /, "")];
}

/** The middle of "4", "4-8" or "4–8" in front of a unit; undefined when the text is not so, or not above zero. */
function middleOf(text: string, unit: RegExp): number | undefined {
  const [, least, most = least] = /^(\d+)(?:\s*[-–—]\s*(\d+))?$/.exec(unit.exec(text)?.[1] ?? "") ?? [];
  if (!least || Number(least) > Number(most)) return undefined;
  return (Number(least) + Number(most)) / 2 || undefined;
}

function times(value: number | undefined, factor: number): number | undefined {
  return value && value * factor;
}
