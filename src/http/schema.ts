import { z } from "zod";
import { isTimeZone } from "../days";
import * as storedEnums from "../generated/prisma/enums";

// The primitives that every feature's schema is made of.

const EARLIEST_DAY = "1970-01-01";
const LATEST_DAY = "2999-12-31";

export const Id = z
  .uuid("Must be a UUID.")
  .toLowerCase()
  .meta({ examples: ["0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e"] });

/** In the place of a learner's id: the person who calls. */
export const ME = "me";

/** A learner, as a request names them. `me` has been replaced by an id when a handler sees it. */
export const LearnerId = z.union([Id, z.literal(ME)]).meta({ description: "A learner's id; `me`: the person who calls." });

/**
 * A name or a title: one line, with single spaces, none around it, and no invisible characters that
 * would make two names of what looks like one. Characters are composed (NFC).
 */
export function text(maxLength: number) {
  return keepableLine(line(), maxLength);
}

/** Text of one line or several, without space around it. Characters are composed (NFC). */
export function paragraphs(maxLength: number) {
  return keepable(z.string().overwrite(composed).trim(), maxLength).refine(showsSomething, SHOWS_NOTHING);
}

/** Words kept as they were written. Only their characters are composed (NFC). */
export function prose(maxLength: number) {
  return keepable(z.string().overwrite(composed), maxLength);
}

/** What another system calls somebody: compared character by character, so only space around it is left out. */
export function identifier(maxLength: number) {
  return keepable(z.string().trim(), maxLength);
}

const SHOWS_NOTHING = "Must show something: it holds only spaces and invisible characters.";
// Beside these, joiners of letters and emoji are invisible, and change what is seen.
const INVISIBLE = /[\u00ad\u180e\u200b\u2060-\u2064\ufeff]/g;
const NOT_IN_A_LINE = /[^\P{Cc}\0]|[\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
// The last is a blank of Braille.
const BLANK = /^[\p{Z}\p{Cc}\p{Default_Ignorable_Code_Point}\u2800]+$/u;

function line() {
  return z.string().overwrite(composed).overwrite(oneLine).trim();
}

function keepableLine(string: z.ZodString, maxLength: number) {
  return keepable(string, maxLength)
    .refine((value) => !NOT_IN_A_LINE.test(value), "Must be one line, without control characters and characters that change the direction of writing.")
    .refine(showsSomething, SHOWS_NOTHING);
}

function composed(value: string): string {
  return value.normalize("NFC");
}

function oneLine(value: string): string {
  return value.replace(INVISIBLE, "").replace(/\p{Zs}+/gu, " ");
}

/** With the Greek letter sigma as its place in the word asks for, so that a word is the same in whatever case it was written. */
function lowerCase(value: string): string {
  return value
    .toLowerCase()
    .replace(/(\p{L})σ(?!\p{L})/gu, "$1ς")
    .replace(/ς(?=\p{L})/gu, "σ");
}

/** Nothing at all is another flaw. */
function showsSomething(value: string): boolean {
  return !BLANK.test(value);
}

export const WebAddress = z
  .url({ protocol: /^https?$/, error: "Must be a web address that begins with http:// or https://." })
  .max(2_000)
  .refine((value) => value.isWellFormed() && !/[\s\0]/.test(value), "Must not contain space, the NUL character or half of a surrogate pair.");

/** Refuses what not every database and JSON reader can hold. */
function keepable(string: z.ZodString, maxLength: number) {
  return string
    .min(1, "Must not be empty.")
    .max(maxLength, `Must be at most ${maxLength} characters.`)
    .refine((value) => !value.includes("\0"), "Must not contain the NUL character.")
    .refine((value) => value.isWellFormed(), "Must be well-formed Unicode: it holds half of a surrogate pair.");
}

// Zod's own format knows neither a lower-case t or z nor a leap second.
const TIME_WITH_ZONE = /[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;
const RFC_3339 = new RegExp(z.regexes.date.source.replace(/\$$/, "") + TIME_WITH_ZONE.source);

/** An instant; travels as RFC 3339, answered in UTC. A leap second, `:60`, is read as the beginning of the next minute: no clock here has one. */
export const Instant = z.codec(
  z.stringFormat("date-time", RFC_3339, { error: "Must be an RFC 3339 date and time with a zone, such as 2026-11-23T09:30:00Z." }),
  z.date().min(new Date("0001-01-01T00:00:00Z")).max(new Date("9999-12-31T23:59:59.999Z")),
  {
    decode: parsedInstant,
    encode: (date) => date.toISOString(),
  },
);

function parsedInstant(value: string): Date {
  const text = value.toUpperCase();
  const before = text.replace(/:60(?:\.\d+)?/, ":59");
  return new Date(Date.parse(before) + (before === text ? 0 : 1_000));
}

const LOCAL_TIME = /[Tt](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?$/;
const WITH_OR_WITHOUT_ZONE = new RegExp(`${RFC_3339.source}|${z.regexes.date.source.replace(/\$$/, "")}${LOCAL_TIME.source}`);

/** An instant; or a local time without an offset, which stays a text until it is known in whose zone it is read (`instantIn`). */
export const InstantOrLocalTime = z.codec(
  z
    .string()
    .regex(
      WITH_OR_WITHOUT_ZONE,
      "Must be a date and time such as 2026-11-23T09:30:00Z, or without an offset 2026-11-23T09:30, which is read in the learner's zone.",
    ),
  z.union([z.date(), z.string()]),
  {
    decode: (value) => (RFC_3339.test(value) ? parsedInstant(value) : value.toUpperCase()),
    encode: (time) => (typeof time === "string" ? time : time.toISOString()),
  },
);

/** A day of the calendar as text. */
export const DayText = z.iso
  .date({ error: "Must be a day such as 2026-11-23.", abort: true })
  .refine((day) => day >= EARLIEST_DAY && day <= LATEST_DAY, `Must be between ${EARLIEST_DAY} and ${LATEST_DAY}.`);

/** A day of the calendar as a `date` column holds it. */
export const CalendarDay = z.codec(DayText, z.date(), {
  decode: (day) => new Date(`${day}T00:00:00Z`),
  encode: (date) => date.toISOString().slice(0, 10),
});

export const TimeZone = z
  .string()
  .max(64)
  .refine(isTimeZone, "Must be an IANA time zone such as Europe/Berlin.")
  .meta({ examples: ["Europe/Berlin"] });

const List = z.core.$constructor("List", (list: z.ZodArray, def: z.core.$ZodArrayDef) => {
  z.ZodArray.init(list, def);
  const parseItems = list._zod.parse;
  const isTooLong = (value: unknown) =>
    Array.isArray(value) &&
    def.checks?.some(({ _zod: { def: check } }) => check.check === "max_length" && value.length > (check as z.core.$ZodCheckMaxLengthDef).maximum);
  list._zod.parse = (payload, context) => (isTooLong(payload.value) ? payload : parseItems(payload, context));
});

/** A list of at most so many items. A longer one is refused for its length alone: Zod itself would look at every item first. */
export function listOf<T extends z.ZodType>(item: T, most: number, error?: string): z.ZodArray<T> {
  return (new List({ type: "array", element: item }) as unknown as z.ZodArray<T>).max(most, { abort: true, ...(error && { error }) });
}

/**
 * A skill's name, compared without regard to case; `none` is how filters ask for no skill. It is
 * measured as it is kept: in lower case some letters, such as İ, are longer.
 */
export const Skill = keepableLine(line().overwrite(lowerCase), 60).refine(
  (skill) => skill !== "none",
  "`none` is kept for filters that ask for no skill. Choose another word.",
);

export const Skills = listOf(Skill, 20).refine((skills) => new Set(skills).size === skills.length, "Name each skill once.");

/** An enum of the storage, whose camelCase names travel in kebab-case; described by its name there, if it is a whole one. */
export function kebabEnum<const E extends Record<string, string>>(names: E): KebabEnum<E> {
  const known = kebabEnums.get(names) as KebabEnum<E> | undefined;
  if (known) return known;
  const stored = Object.values(names) as E[keyof E][];
  const encode = (name: string) => inWords(name, "-");
  const wire = stored.map(encode);
  const codec = z.codec(z.enum(wire), z.enum(stored), {
    decode: (value) => stored[wire.indexOf(value)] as E[keyof E],
    encode,
  });
  const id = Object.entries(storedEnums).find(([, each]) => (each as unknown) === names)?.[0];
  if (id) codec.register(z.globalRegistry, { id });
  kebabEnums.set(names, codec as never);
  return codec;
}

type KebabEnum<E extends Record<string, string>> = z.ZodCodec<z.ZodEnum<{ [name: string]: string }>, z.ZodEnum<{ [name in E[keyof E]]: name }>>;
const kebabEnums = new Map<object, KebabEnum<Record<string, string>>>();
// The description calls each by its name, wherever its words are written.
for (const names of Object.values(storedEnums)) kebabEnum<Record<string, string>>(names);

/** What may stand after `?` as `true` or `false`. */
export const Flag = z.stringbool({ truthy: ["true"], falsy: ["false"] });

/** A name in camelCase as its words, joined by "-" or "_". */
export function inWords(name: string, joint: "-" | "_"): string {
  return name.replace(/[A-Z]/g, (letter) => joint + letter.toLowerCase());
}
