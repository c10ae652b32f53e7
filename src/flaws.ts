import type { z } from "zod";
import { AppError, cut, type Flaw, MOST_FLAWS } from "./errors";

// What is said of a value that does not fit its schema. Zod finds the flaws; the words are this service's own.

const LONGEST_SHOWN = 40;
const LONGEST_KEY = 200;
/** Fields and settings that hold a secret, or an address with a password in it. What was sent there is not said back. */
const NEVER_SHOWN = new Set<PropertyKey>(["secret", "ADMIN_API_KEY", "DATABASE_URL", "REPORTS_DATABASE_URL", "REDIS_URL"]);

type Read<T> = { data: T; error?: never } | { data?: never; error: AppError };

/**
 * Reads a value by its schema, or says what is wrong with it: each flaw with its place, what is
 * allowed there, and what it is instead.
 *
 * @param place where the value stands in the request; "#" is the body
 */
export function readAs<S extends z.ZodType>(schema: S, value: unknown, place = "#"): Read<z.output<S>> {
  const { data, error } = parse(schema, value);
  if (!error) return { data };
  const { flaws, count } = flawsOf(error, value, place, MOST_FLAWS);
  return { error: new AppError("invalid-request", "Correct what `errors` lists and send the request again.", flaws, undefined, count - flaws.length) };
}

/** Zod's own reading, but for its words. */
export function parse<S extends z.ZodType>(schema: S, value: unknown): z.ZodSafeParseResult<z.output<S>> {
  return schema.safeParse(value, { error: whatIsAllowed });
}

/** The first of an error's flaws, and how many there are. */
export function flawsOf({ issues }: z.ZodError, value: unknown, place?: string, most = Number.POSITIVE_INFINITY): { flaws: Flaw[]; count: number } {
  const flaws: Flaw[] = [];
  let count = 0;
  for (const issue of issues) {
    count += issue.code === "unrecognized_keys" ? issue.keys.length : 1;
    if (flaws.length < most) flaws.push(...flawsOfIssue(issue, value, place).slice(0, most - flaws.length));
  }
  return { flaws, count };
}

function flawsOfIssue(issue: z.core.$ZodIssue, value: unknown, place: string | undefined): Flaw[] {
  const pointer = [...(place ? [place] : []), ...issue.path.map(escapeToken)].join("/");
  if (issue.code === "unrecognized_keys") {
    // What else is known is said once of an object, however many fields are not.
    return issue.keys
      .slice(0, MOST_FLAWS)
      .map((key, index) => ({ pointer: `${pointer}/${escapeToken(key)}`, detail: index ? (issue.message.split(" Known")[0] as string) : issue.message }));
  }
  return [{ pointer, detail: `${isMissing(issue, value) ? "Missing. " : ""}${issue.message}${whatItIs(issue, value, place)}` }];
}

/** RFC 6901. */
function escapeToken(key: PropertyKey): string {
  return cut(String(key), LONGEST_KEY).replaceAll("~", "~0").replaceAll("/", "~1");
}

// ── What is allowed ─────────────────────────────────────────────────────────

/** A sentence for each kind of flaw that a schema does not name in words of its own. */
function whatIsAllowed(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return unknownHere(issue.inst as z.ZodObject);
    case "invalid_value":
      return `Must be ${oneOf(issue.values)}.`;
    case "invalid_union":
      return ofTheLikeliest(issue.errors) ?? `Must be ${phrase(issue.schema ?? issue.inst)}.`;
    default:
      return `Must be ${phrase(issue.schema ?? issue.inst)}.`;
  }
}

function unknownHere(object: z.ZodObject): string {
  const known = Object.keys(object.shape);
  return `Unknown here. Remove it, or check how it is spelt.${known.length ? ` Known ${known.length > 1 ? "are" : "is"} ${known.join(", ")}.` : ""}`;
}

/** Of what a value may be, the one kind that it is but for a detail: what is wrong with that. */
function ofTheLikeliest(alternatives: z.core.$ZodIssue[][]): string | undefined {
  const near = alternatives.filter(([first]) => first && !(["invalid_type", "invalid_value"].includes(first.code) && !first.path.length));
  // The words of some formats begin like those of a type.
  const [only] = near.length === 1 && alternatives.length > 1 && near[0]?.every(({ code }) => code !== "invalid_format") ? near : [];
  return only?.[0]?.message;
}

type Def = {
  type: string;
  innerType?: z.core.$ZodType;
  in?: z.core.$ZodType;
  out?: z.core.$ZodType;
  element?: z.core.$ZodType;
  options?: z.core.$ZodType[];
  values?: z.core.util.Primitive[];
  entries?: Record<string, string>;
};

type Check = { check: string; value?: number | Date; inclusive?: boolean; minimum?: number; maximum?: number; format?: string };
type Limits = { least?: number | Date; most?: number | Date; format?: string };

/** What the checks of a schema say together. */
function limitsOf(schema: z.core.$ZodType): Limits {
  const { checks = [] } = schema._zod.def;
  const limits: Limits = {};
  for (const { check, value, inclusive, minimum, maximum, format } of [schema, ...checks].map((each) => each._zod.def as unknown as Check)) {
    if (check === "greater_than") limits.least = inclusive ? value : Number(value) + 1;
    if (check === "less_than") limits.most = value;
    if (check === "min_length") limits.least = minimum;
    if (check === "max_length") limits.most = maximum;
    if (format) limits.format ??= format;
  }
  return limits;
}

const FORMATS: Record<string, string> = {
  uuid: "a UUID",
  guid: "a UUID",
  email: "an e-mail address such as ada@example.com",
  url: "a web address such as https://example.com/page",
  date: "a day such as 2026-11-23",
  datetime: "an RFC 3339 date and time with a zone, such as 2026-11-23T09:30:00Z",
  "date-time": "an RFC 3339 date and time with a zone, such as 2026-11-23T09:30:00Z",
};

/** What a schema takes, as it goes on after "Must be". */
function phrase(schema: unknown): string {
  const def = (schema as z.core.$ZodType)._zod.def as unknown as Def;
  const limits = limitsOf(schema as z.core.$ZodType);
  switch (def.type) {
    case "string":
      return FORMATS[limits.format ?? ""] ?? `text${lengths(limits, "character")}`;
    case "number":
      return `${limits.format?.includes("int") ? "a whole number" : "a number"}${range(limits)}`;
    case "boolean":
      return "true or false";
    case "null":
      return "null";
    case "date":
      return `a date and time${range(limits)}`;
    case "array":
      return `a list${lengths(limits, "item")}`;
    case "tuple":
      return "a list";
    case "object":
    case "record":
      return "an object";
    case "literal":
      return oneOf(def.values ?? []);
    case "enum":
      return oneOf(Object.values(def.entries ?? {}));
    case "union":
      return [...new Set((def.options ?? []).map(phrase))].join(", or ");
    case "nullable":
      return `${phrase(def.innerType)}, or null`;
    case "pipe":
      return phrase(((def.in as z.core.$ZodType)._zod.def as Def).type === "transform" ? def.out : def.in);
    default:
      return def.innerType ? phrase(def.innerType) : "something else";
  }
}

function range({ least, most }: Limits): string {
  if (least !== undefined && most !== undefined) return ` from ${bound(least)} to ${bound(most)}`;
  if (most !== undefined) return ` of at most ${bound(most)}`;
  return least === undefined ? "" : ` of at least ${bound(least)}`;
}

function bound(value: number | Date): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

function lengths({ least, most }: Limits, unit: string): string {
  const units = (count: number | Date) => `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (most === undefined) return least ? ` of at least ${units(least)}` : "";
  return least ? ` of ${least} to ${units(most)}` : ` of at most ${units(most)}`;
}

function oneOf(values: readonly unknown[]): string {
  const words = values.map((value) => `\`${String(value)}\``);
  return words.length > 1 ? `one of ${words.slice(0, -1).join(", ")} or ${words.at(-1)}` : `${words[0] ?? "left out"}`;
}

// ── What it is ──────────────────────────────────────────────────────────────

/** What was sent at an issue's place: not always what the schema looked at, which may have made a number of it before. */
function sentAt(path: PropertyKey[], value: unknown): unknown {
  return path.reduce<unknown>(
    (within, key) => (typeof within === "object" && within !== null && Object.hasOwn(within, key) ? within[key as never] : undefined),
    value,
  );
}

function isMissing({ code, path }: z.core.$ZodIssue, value: unknown): boolean {
  return code !== "custom" && sentAt(path, value) === undefined;
}

function whatItIs({ code, path }: z.core.$ZodIssue, value: unknown, place: string | undefined): string {
  const sent = sentAt(path, value);
  if (sent === undefined || path.some((key) => NEVER_SHOWN.has(key))) return "";
  if (place === "query" && Array.isArray(sent)) return ` It is given ${sent.length} times. Give it once.`;
  if (typeof sent !== "object" || sent === null) return ` It is ${shown(sent)}.`;
  // A rule of several fields, or of several items, says itself which.
  if (code === "custom") return "";
  return Array.isArray(sent) ? ` It is a list of ${sent.length.toLocaleString("en")} item${sent.length === 1 ? "" : "s"}.` : " It is an object.";
}

/** A value as it can be said back: short, in one line, and with nothing in it that a terminal or a page obeys or hides. */
export function shown(value: unknown): string {
  if (typeof value === "number" && !Number.isFinite(value)) return "a number too large to be kept";
  if (typeof value !== "string") return String(value);
  const begin = cut(value, LONGEST_SHOWN);
  const text = JSON.stringify(begin).replace(/\p{C}|[^\P{Z} ]/gu, escaped);
  return begin === value ? text : `${text}, of ${value.length.toLocaleString("en")} characters`;
}

function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`;
}
