/** A day of the calendar, `YYYY-MM-DD`. As text it sorts and compares as a day does. */
export type Day = string;

export const PERIODS = ["day", "week", "month", "quarter", "year"] as const;
export type Period = (typeof PERIODS)[number];

/** The days on which weeks may begin. */
export const WEEK_STARTS = ["monday", "sunday", "saturday"] as const;
export type WeekStart = (typeof WEEK_STARTS)[number];
// As JavaScript counts them.
const DAY_OF_WEEK = { monday: 1, sunday: 0, saturday: 6 };

const MS_PER_DAY = 86_400_000;

/** The day that an instant falls on in a time zone. */
export function dayIn(instant: Date, timeZone: string): Day {
  const time = instant.getTime();
  const offset = offsetOn(Math.floor(time / MS_PER_DAY), timeZone);
  return offset === null ? inZone(time, timeZone).slice(0, -TIME.length) : nameOf(Math.floor((time + offset) / MS_PER_DAY));
}

/**
 * The instant that a local time such as `2026-11-20T08:15` stands for in a time zone; an instant stays as it is. Where the
 * clocks show it twice, the first time; where they skip it, as if they had not yet been put forward.
 */
export function instantIn(time: Date | string, timeZone: string): Date {
  if (typeof time !== "string") return time;
  const shown = Date.parse(`${time}Z`);
  // No zone puts its clocks to another time twice within two days.
  const [before, after] = [offsetAt(wholeSecond(shown - MS_PER_DAY), timeZone), offsetAt(wholeSecond(shown + MS_PER_DAY), timeZone)];
  const fitting = [shown - before, shown - after].filter((instant) => instant + offsetAt(wholeSecond(instant), timeZone) === shown);
  return new Date(fitting.length ? Math.min(...fitting) : shown - before);
}

function wholeSecond(time: number): number {
  return Math.floor(time / 1_000) * 1_000;
}

/** The instant at which a day begins in a time zone: midnight, or what the clocks are put to then. */
export function beginningOf(day: Day, timeZone: string): Date {
  let [before, within] = [toDate(day).getTime() - MS_PER_DAY, toDate(day).getTime() + MS_PER_DAY];
  while (within - before > 1) {
    const middle = Math.floor((before + within) / 2);
    if (dayIn(new Date(middle), timeZone) < day) before = middle;
    else within = middle;
  }
  return new Date(within);
}

/** The name of an IANA zone that this machine knows; not a bare offset, which has no summer. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    formatter(name);
    return true;
  } catch {
    return false;
  }
}

/** Midnight UTC of a day: the form in which a `date` column travels. */
export function toDate(day: Day): Date {
  return new Date(`${day}T00:00:00Z`);
}

export function toDay(date: Date): Day {
  return date.toISOString().slice(0, 10);
}

export function addDays(day: Day, count: number): Day {
  return toDay(new Date(toDate(day).getTime() + count * MS_PER_DAY));
}

/** Days in `[from, to)`. */
export function daysBetween(from: Day, to: Day): number {
  return (toDate(to).getTime() - toDate(from).getTime()) / MS_PER_DAY;
}

/** The first day of the week, month, quarter or year that holds a day. */
export function startOf(period: Period, day: Day, weekStart: WeekStart = "monday"): Day {
  const date = toDate(day);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  switch (period) {
    case "day":
      return day;
    case "week":
      return addDays(day, -((date.getUTCDay() + 7 - DAY_OF_WEEK[weekStart]) % 7));
    case "month":
      return toDay(new Date(Date.UTC(year, month, 1)));
    case "quarter":
      return toDay(new Date(Date.UTC(year, month - (month % 3), 1)));
    case "year":
      return toDay(new Date(Date.UTC(year, 0, 1)));
  }
}

/** The first day after the period that holds a day. */
export function endOf(period: Period, day: Day, weekStart: WeekStart = "monday"): Day {
  const start = toDate(startOf(period, day, weekStart));
  switch (period) {
    case "day":
      return addDays(day, 1);
    case "week":
      return addDays(toDay(start), 7);
    default:
      return toDay(new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + MONTHS[period], 1)));
  }
}

const MONTHS = { month: 1, quarter: 3, year: 12 };

// As many as there are days in a hundred years, or in a year in a hundred zones.
const MOST_DAYS = 36_525;
const names = new Map<number, Day>();
const offsets = new Map<string, Map<number, number | null>>();
let offsetsKnown = 0;

/** The day that is so many days after the first of 1970. */
function nameOf(dayNumber: number): Day {
  let name = names.get(dayNumber);
  if (name === undefined) {
    if (names.size >= MOST_DAYS) names.clear();
    name = toDay(new Date(dayNumber * MS_PER_DAY));
    names.set(dayNumber, name);
  }
  return name;
}

/**
 * How far a zone's clocks are ahead of UTC, in ms, throughout a day in UTC; null on the few days on
 * which they are put to another time. Remembered, because to ask costs more than all else of a session.
 */
function offsetOn(dayInUtc: number, timeZone: string): number | null {
  const known = offsets.get(timeZone)?.get(dayInUtc);
  if (known !== undefined) return known;
  if (offsetsKnown++ >= MOST_DAYS) {
    offsets.clear();
    offsetsKnown = 1;
  }
  const [first, last] = [offsetAt(dayInUtc * MS_PER_DAY, timeZone), offsetAt((dayInUtc + 1) * MS_PER_DAY - 1_000, timeZone)];
  const offset = first === last ? first : null;
  offsets.set(timeZone, (offsets.get(timeZone) ?? new Map<number, number | null>()).set(dayInUtc, offset));
  return offset;
}

/** @param time a whole second */
function offsetAt(time: number, timeZone: string): number {
  return Date.parse(`${inZone(time, timeZone).replace(" ", "T")}Z`) - time;
}

const TIME = " 00:00:00";

/** `2026-11-23 09:30:00`, as the clocks there say. */
function inZone(time: number, timeZone: string): string {
  return formatter(timeZone).format(time);
}

// A formatter costs far more to make than to use, and an organisation spans few zones.
const MOST_FORMATTERS = 1_000;
const formatters = new Map<string, Intl.DateTimeFormat>();
const CLOCK = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" } as const;

function formatter(timeZone: string): Intl.DateTimeFormat {
  let known = formatters.get(timeZone);
  if (!known) {
    // A zone's name may be spelt in many ways, and each would stay for ever.
    if (formatters.size >= MOST_FORMATTERS) formatters.clear();
    // The Swedish way of writing a date is ISO 8601's.
    known = new Intl.DateTimeFormat("sv-SE", { timeZone, ...CLOCK });
    formatters.set(timeZone, known);
  }
  return known;
}
