import fc from "fast-check";
import { addDays, type Day, dayIn, daysBetween, endOf, isTimeZone, PERIODS, type Period, startOf } from "../src/days";

// Built from a calendar's parts rather than from a count of milliseconds.
const days = fc
  .record({ year: fc.integer({ min: 1970, max: 2999 }), month: fc.integer({ min: 1, max: 12 }), nth: fc.nat(30) })
  .map(({ year, month, nth }) => write(year, month, 1 + (nth % lengthOf(year, month))));

test("the day after is the calendar's", () => {
  fc.assert(fc.property(days, (day) => expect(addDays(day, 1)).toBe(dayAfter(day))));
});

test("days added are days counted", () => {
  fc.assert(
    fc.property(days, fc.integer({ min: -4_000, max: 4_000 }), (day, count) => {
      expect(daysBetween(day, addDays(day, count))).toBe(count);
      expect(addDays(addDays(day, count), -count)).toBe(day);
    }),
  );
});

test.each(PERIODS)("a %s begins on the last first day up to a day, and ends before the next", (period) => {
  fc.assert(
    fc.property(days, (day) => {
      let start = day;
      while (!isFirstOf(period, start)) start = addDays(start, -1);
      let end = dayAfter(day);
      while (!isFirstOf(period, end)) end = dayAfter(end);
      expect([startOf(period, day), endOf(period, day)]).toEqual([start, end]);
    }),
  );
});

test.each([
  ["week", "2026-01-01", "2025-12-29", "2026-01-05"],
  ["month", "2024-02-29", "2024-02-01", "2024-03-01"],
  ["quarter", "2026-12-31", "2026-10-01", "2027-01-01"],
  ["year", "2000-02-29", "2000-01-01", "2001-01-01"],
] as const)("the %s of %s is [%s, %s)", (period, day, start, end) => {
  expect([startOf(period, day), endOf(period, day)]).toEqual([start, end]);
});

test("in a zone of a fixed offset, the day is that of the shifted clock", () => {
  const instants = fc.date({ min: new Date("1970-01-02"), max: new Date("2999-12-30"), noInvalidDate: true });
  fc.assert(
    fc.property(instants, fc.integer({ min: -12, max: 14 }), (instant, hours) => {
      // POSIX counts these zones' hours westward.
      const zone = `Etc/GMT${hours > 0 ? "-" : "+"}${Math.abs(hours)}`;
      expect(dayIn(instant, zone)).toBe(new Date(instant.getTime() + hours * 3_600_000).toISOString().slice(0, 10));
    }),
  );
});

test.each([
  ["the last minute before midnight in winter", "2026-03-28T22:59:59.999Z", "Europe/Berlin", "2026-03-28"],
  ["midnight in winter", "2026-03-28T23:00:00Z", "Europe/Berlin", "2026-03-29"],
  ["midnight in summer", "2026-03-29T22:00:00Z", "Europe/Berlin", "2026-03-30"],
  ["the second 02:30 of a night in autumn", "2026-10-25T01:30:00Z", "Europe/Berlin", "2026-10-25"],
  ["a zone half an hour off", "2026-06-17T18:29:59Z", "Asia/Kolkata", "2026-06-17"],
  ["the day that Samoa skipped", "2011-12-30T10:00:00Z", "Pacific/Apia", "2011-12-31"],
  ["a midnight that clocks skip", "2018-11-04T03:00:00Z", "America/Sao_Paulo", "2018-11-04"],
])("%s", (_, instant, zone, day) => {
  expect(dayIn(new Date(instant), zone)).toBe(day);
});

test.each(["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"])("%s is a time zone", (name) => {
  expect(isTimeZone(name)).toBe(true);
});

test.each(["", " ", "+02:00", "-05", "Mars/Olympus", "Europe/Berlin ", "UTC+2", "undefined", "Europe/Berlin\0"])("%j is no time zone", (name) => {
  expect(isTimeZone(name)).toBe(false);
});

function isFirstOf(period: Period, day: Day): boolean {
  const [year = 0, month = 0, date = 0] = day.split("-").map(Number);
  if (period === "day") return true;
  if (period === "week") return isMonday(year, month, date);
  return date === 1 && (month - 1) % { month: 1, quarter: 3, year: 12 }[period] === 0;
}

/** Zeller's congruence. */
function isMonday(year: number, month: number, date: number): boolean {
  const [y, m] = month < 3 ? [year - 1, month + 12] : [year, month];
  return (date + Math.floor((13 * (m + 1)) / 5) + y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400)) % 7 === 2;
}

function dayAfter(day: Day): Day {
  const [year = 0, month = 0, date = 0] = day.split("-").map(Number);
  if (date < lengthOf(year, month)) return write(year, month, date + 1);
  return month < 12 ? write(year, month + 1, 1) : write(year + 1, 1, 1);
}

function lengthOf(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

function write(year: number, month: number, date: number): Day {
  return `${year}-${String(month).padStart(2, "0")}-${String(date).padStart(2, "0")}`;
}

test("a day is the one that the zone's own calendar says, whenever the clocks are put to another time", () => {
  const zones = Intl.supportedValuesOf("timeZone");
  const hours = fc.integer({ min: Date.UTC(1970, 0, 1) / 3_600_000, max: Date.UTC(2040, 0, 1) / 3_600_000 });
  const moments = fc.tuple(hours, fc.constantFrom(-1, 0, 1, 1_799_999, 1_800_000, 900_000)).map(([hour, ms]) => new Date(hour * 3_600_000 + ms));
  fc.assert(
    fc.property(fc.constantFrom(...zones), moments, (timeZone, moment) => {
      const said = new Intl.DateTimeFormat("sv-SE", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(moment);
      expect(dayIn(moment, timeZone)).toBe(said);
    }),
    { numRuns: 500 },
  );
});

test.each([
  ["America/St_Johns", "2006-10-29T02:30:30Z", "2006-10-29"],
  ["America/St_Johns", "2006-10-29T02:31:30Z", "2006-10-28"],
  ["Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"],
  ["Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"],
  ["Africa/Monrovia", "1971-06-01T00:44:29Z", "1971-05-31"],
  ["Africa/Monrovia", "1971-06-01T00:44:30Z", "1971-06-01"],
])("in %s it is at %s the %s", (timeZone, moment, day) => {
  expect(dayIn(new Date(moment), timeZone)).toBe(day);
});
