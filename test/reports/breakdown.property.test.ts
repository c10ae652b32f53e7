import { isDeepStrictEqual } from "node:util";
import { parse } from "csv-parse/sync";
import fc from "fast-check";
import type { Response } from "supertest";
import type { Breakdown, Figures } from "../../src/reports/breakdown.schema";
import type { StudySession } from "../../src/study-sessions/study-sessions.schema";
import { LONG_DAYS, startApp, type TestApp } from "../setup/app";
import { dayOf, firstDayAfter, firstDayOf, startOfDay } from "./calendar";
import { expectedBreakdown } from "./oracle";
import { type Ask, type Drawn, draft, draw, NOWS, ZONES } from "./organisations";
import { store } from "./storing";

// A failure prints its seed and path: with them as FC_SEED and FC_PATH the very same organisation is drawn again.
const SEED = Number(process.env.FC_SEED ?? 702010);
const PATH = process.env.FC_PATH ?? "";
// Before a release: FC_RUNS=2000 npx jest test/reports/breakdown.property.test.ts
const RUNS = Number(process.env.FC_RUNS ?? 300);
/** After which also the search for a smaller counterexample ends. */
const PAGE = 4;
/** Groupings in which a session is in exactly one group. */
const DISJOINT = ["team", "learner", "goal", "resource", "resource-type", "verification"];

let api: TestApp;
beforeAll(async () => {
  api = await startApp(LONG_DAYS);
});
afterAll(() => api.close());

test(`breakdowns of ${RUNS} random organisations are what an independent recomputation says`, async () => {
  const property = fc.asyncProperty(draft, async (draft) => {
    const drawn = draw(draft);
    await store(api, drawn);
    api.setNow(drawn.now);
    await Promise.all(drawn.asks.map((ask) => expectRight(drawn, ask)));
  });
  await fc.assert(property, { seed: SEED, path: PATH, numRuns: RUNS });
});

test("the oracle's days are those of Postgres, hour by hour around daylight saving's changes", async () => {
  const instants = NOWS.flatMap((now) => Array.from({ length: 96 }, (_, hour) => new Date(Date.parse(now) + (hour - 48) * 3_600_000)));
  const days = await api.db.$queryRaw<{ zone: string; instant: Date; day: string }[]>`
    SELECT zone, instant, to_char(instant AT TIME ZONE zone, 'YYYY-MM-DD') AS day
    FROM unnest(${ZONES}::text[]) AS zone, unnest(${instants}::timestamptz[]) AS instant`;
  expect(days).toHaveLength(ZONES.length * instants.length);
  expect(days.filter(({ zone, instant, day }) => dayOf(instant, zone) !== day)).toEqual([]);
});

test("the oracle's calendar knows where days, weeks, months, quarters and years begin", () => {
  expect(new Date(startOfDay("2026-06-18", "Asia/Kathmandu")).toISOString()).toBe("2026-06-17T18:15:00.000Z");
  expect(new Date(startOfDay("2026-03-09", "America/New_York")).toISOString()).toBe("2026-03-09T04:00:00.000Z");
  // Where clocks went from 00:00 to 01:00.
  expect(new Date(startOfDay("2026-03-08", "America/Havana")).toISOString()).toBe("2026-03-08T05:00:00.000Z");
  expect(firstDayOf("week", "2026-06-14")).toBe("2026-06-08");
  expect(firstDayOf("week", "2026-06-14", "sunday")).toBe("2026-06-14");
  expect(firstDayOf("week", "2026-06-12", "saturday")).toBe("2026-06-06");
  expect(firstDayOf("quarter", "2026-06-30")).toBe("2026-04-01");
  expect(firstDayAfter("week", "2026-06-14")).toBe("2026-06-15");
  expect(firstDayAfter("month", "2024-02-29")).toBe("2024-03-01");
  expect(firstDayAfter("quarter", "2025-12-31")).toBe("2026-01-01");
  expect(firstDayAfter("year", "2024-02-29")).toBe("2025-01-01");
});

async function expectRight(drawn: Drawn, ask: Ask): Promise<void> {
  const { body, path } = await read(ask);
  const [actual, expected] = [withoutLinks(body), expectedBreakdown(drawn, ask.subject, ask.query, drawn.now)];
  // Jest's own comparison tells the differences, and takes its time.
  if (!isDeepStrictEqual(actual, expected)) expect({ path, ...actual }).toEqual({ path, ...expected });
  expectSums(body);
  if (ask.asCsv) await expectSameAsCsv(path, body);
  if (ask.followed) await expectTraceable(body);
}

async function read({ subject, query }: Ask): Promise<{ path: string; body: Breakdown }> {
  const path = `/v1/${subject.type}s/${subject.id}/breakdown?${new URLSearchParams(query)}`;
  return { path, body: (await got(path)).body };
}

async function got(path: string, headers?: Record<string, string>): Promise<Response> {
  const response = await api.admin.get(path, headers);
  if (response.status !== 200) throw new Error(`GET ${path}: ${response.status} ${response.text}`);
  return response;
}

function withoutLinks({ sessionsUrl: _, groups, ...report }: Breakdown) {
  return { ...report, groups: groups.map(({ sessionsUrl: _, ...group }) => group) };
}

/** Shares make a whole, buckets make the total, and so do groups that share no session. */
function expectSums({ total, previous, buckets, groups, groupBy }: Breakdown): void {
  const all = [total, ...(previous ? [previous] : []), ...buckets];
  for (const group of groups) all.push(group, ...(group.previous ? [group.previous] : []), ...group.buckets);
  const shares = all.flatMap(({ share, meanOfLearners }) => [share, meanOfLearners]).filter((each) => each !== null);
  const wholes = shares.map(({ onTheJob, social, formal }) => [onTheJob, social, formal].reduce((sum, percent) => sum + Math.round(percent * 10), 0));
  expect(wholes.filter((tenths) => tenths !== 1000)).toEqual([]);
  if (buckets.length) expect(totalOf(buckets)).toEqual(totalOf([total]));
  for (const group of groups) expect(group.buckets.map(spanOf)).toEqual(buckets.map(spanOf));
  if (buckets.length) expect(groups.map((group) => totalOf(group.buckets))).toEqual(groups.map((group) => totalOf([group])));
  if (!groupBy || !DISJOINT.includes(groupBy)) return;
  expect(totalOf(groups)).toEqual(totalOf([total]));
  if (previous) expect(totalOf(groups.map((group) => group.previous as Figures))).toEqual(totalOf([previous]));
  if (groups.length)
    for (const [index, bucket] of buckets.entries()) expect(totalOf(groups.map((group) => group.buckets[index] as Figures))).toEqual(totalOf([bucket]));
}

function spanOf({ from, to, partial }: Breakdown["buckets"][number]) {
  return { from, to, partial };
}

function totalOf(parts: Figures[]): number[] {
  const counts = parts.map(({ minutes, sessions }) =>
    [minutes, sessions].flatMap((each) => [each.onTheJob, each.social, each.formal, each.unclassified, each.total]),
  );
  return counts.reduce((sums, each) => sums.map((sum, index) => sum + (each[index] ?? 0)), new Array<number>(10).fill(0));
}

const MODES = ["onTheJob", "social", "formal"];
const under = (prefix: string, names: string[]) => names.map((name) => `${prefix}.${name}`);
const COLUMNS = [
  ...["section", "id", "learnerId", "learnerName", "label", "from", "to", "rule", "partial", "rank"],
  ...under("target", [...MODES, "setBy", "setById", "setByName"]),
  ...under("minutes", [...MODES, "unclassified", "total"]),
  ...under("share", MODES),
  ...under("sessions", [...MODES, "unclassified", "total"]),
  ...[...MODES, "total"].flatMap((mode) => under(`impact.${mode}`, ["mean", "rated"])),
  ...under("deviation", MODES),
  "distance",
  ...under("learners", ["eligible", "active"]),
  ...under("meanOfLearners", MODES),
  ...under("quality", ["unclassifiedShare", "selfReportedShare", "overlappingShare", "coverage", "latestSessionAt", "sufficient"]),
];

async function expectSameAsCsv(path: string, { period, target, total, previous, buckets, groups }: Breakdown): Promise<void> {
  const { text, headers } = await got(path, { Accept: "text/csv" });
  expect(headers["content-type"]).toMatch(/^text\/csv/);
  const lines = [
    { section: "total", ...period, target, ...total },
    ...(previous ? [{ section: "previous", target, ...previous }] : []),
    ...buckets.map((bucket) => ({ section: "bucket", target, ...bucket })),
    ...groups.flatMap(({ previous, buckets, ...group }) => {
      const of = { id: group.id, learnerId: group.learnerId, learnerName: group.learnerName, label: group.label, target: group.target };
      return [
        { section: "group", ...period, ...group },
        ...(previous ? [{ section: "group-previous", ...of, ...previous }] : []),
        ...buckets.map((bucket) => ({ section: "group-bucket", ...of, ...bucket })),
      ];
    }),
  ];
  const expected = lines.map((line) => COLUMNS.map((column) => cell(column.split(".").reduce((value: unknown, key) => (value as never)?.[key], line))));
  expect(parse(text, { record_delimiter: "\r\n" })).toEqual([COLUMNS, ...expected]);
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" && /^[=+\-@]/.test(value) ? `'${value}` : String(value);
}

/** Each link leads to the sessions that the figures beside it are made of, and to no others. */
async function expectTraceable({ total, sessionsUrl, groups }: Breakdown): Promise<void> {
  for (const { minutes, sessions, sessionsUrl: url } of [{ ...total, sessionsUrl }, ...groups]) {
    const listed = await listAll(url);
    const sum = (part: (session: StudySession) => number) => listed.reduce((sum, session) => sum + part(session), 0);
    const found = {
      onTheJob: sum((session) => session.onTheJobMinutes),
      social: sum((session) => session.socialMinutes),
      formal: sum((session) => session.formalMinutes),
      unclassified: sum((session) => session.unclassifiedMinutes),
      total: sum((session) => session.minutes),
    };
    expect({ url, minutes: found, sessions: listed.length }).toEqual({ url, minutes, sessions: sessions.total });
    expect(new Set(listed.map(({ learnerId, id }) => `${learnerId} ${id}`)).size).toBe(listed.length);
  }
}

async function listAll(url: string): Promise<StudySession[]> {
  const all: StudySession[] = [];
  let next: string | null = null;
  do {
    const page: Response = await got(`${url}&limit=${PAGE}${next === null ? "" : `&cursor=${next}`}`);
    all.push(...page.body.items);
    next = page.body.next;
  } while (next !== null);
  return all;
}
