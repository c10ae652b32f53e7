import { type Day, toDate } from "../days";

const MS_PER_MINUTE = 60_000;
const NOON_MS = 12 * 60 * MS_PER_MINUTE;

/** The instant at which clocks in a zone show a time of the working day, in minutes after midnight. */
export function instantAt(day: Day, minuteOfDay: number, timeZone: string): Date {
  const midnight = toDate(day).getTime();
  // Clocks change at night, so noon's offset holds for the whole working day.
  return new Date(midnight + minuteOfDay * MS_PER_MINUTE - offsetMs(midnight + NOON_MS, timeZone));
}

function offsetMs(instant: number, timeZone: string): number {
  return Date.parse(`${formatter(timeZone).format(instant).replace(" ", "T")}Z`) - instant;
}

// Making one costs far more than using it.
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timeZone: string): Intl.DateTimeFormat {
  let known = formatters.get(timeZone);
  if (!known) {
    // The Swedish way of writing a date and a time is nearly ISO 8601's.
    known = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" });
    formatters.set(timeZone, known);
  }
  return known;
}
