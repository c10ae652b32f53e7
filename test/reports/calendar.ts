// The oracle's own calendar: it shares no line with the service's.

/** A day of the calendar, `YYYY-MM-DD`; days compare as text. */
export type Day = string;
export type Unit = "day" | "week" | "month" | "quarter" | "year";
export type WeekStart = "monday" | "sunday" | "saturday";

const DAY_MS = 86_400_000;
const FURTHEST_ZONE_MS = 15 * 3_600_000;
const formats = new Map<string, Intl.DateTimeFormat>();
const starts = new Map<string, number>();

export function addDays(day: Day, days: number): Day {
  return text(Date.parse(day) + days * DAY_MS);
}

export function daysBetween(from: Day, to: Day): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}

/** The day that a calendar on a wall in `zone` shows at an instant. */
export function dayOf(instant: Date, zone: string): Day {
  // Swedish dates are written as ISO 8601 writes them.
  const format = formats.get(zone) ?? new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  formats.set(zone, format);
  return format.format(instant);
}

/** The first millisecond of a day in a zone, also where daylight saving skips midnight. */
export function startOfDay(day: Day, zone: string): number {
  const key = `${day} ${zone}`;
  const start = starts.get(key) ?? searchStart(day, zone);
  starts.set(key, start);
  return start;
}

function searchStart(day: Day, zone: string): number {
  let before = Date.parse(day) - FURTHEST_ZONE_MS;
  let reached = Date.parse(day) + FURTHEST_ZONE_MS;
  while (reached - before > 1) {
    const middle = Math.floor((before + reached) / 2);
    if (dayOf(new Date(middle), zone) < day) before = middle;
    else reached = middle;
  }
  return reached;
}

/** The first day of the week, month, quarter or year that a day is in. */
export function firstDayOf(unit: Unit, day: Day, weekStart: WeekStart = "monday"): Day {
  const date = new Date(day);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  switch (unit) {
    case "day":
      return day;
    case "week":
      return nameOfDay(day) === weekStart ? day : firstDayOf("week", addDays(day, -1), weekStart);
    case "month":
      return text(Date.UTC(year, month, 1));
    case "quarter":
      return text(Date.UTC(year, month - (month % 3), 1));
    case "year":
      return text(Date.UTC(year, 0, 1));
  }
}

/** The first day of the week, month, quarter or year after. */
export function firstDayAfter(unit: Unit, day: Day, weekStart: WeekStart = "monday"): Day {
  const longest = { day: 1, week: 7, month: 31, quarter: 92, year: 366 }[unit];
  return firstDayOf(unit, addDays(firstDayOf(unit, day, weekStart), longest), weekStart);
}

function nameOfDay(day: Day): string {
  return new Date(day).toLocaleDateString("en", { weekday: "long", timeZone: "UTC" }).toLowerCase();
}

function text(instant: number): Day {
  return new Date(instant).toISOString().slice(0, 10);
}
