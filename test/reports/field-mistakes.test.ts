import { parse } from "csv-parse/sync";
import { Query } from "pg";
import type { Prisma } from "../../src/generated/prisma/client";
import type { Breakdown, Figures } from "../../src/reports/breakdown.schema";
import { LONG_DAYS, NOW, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildMember, buildSession, buildTeam, joinTeam } from "../setup/factories";

// Mistakes that reports of this kind are known to make, each with the figures that would show it.
// It is the afternoon of Wednesday, 17 June 2026.

let api: TestApp;
beforeAll(async () => {
  api = await startApp(LONG_DAYS);
});
afterAll(() => api.close());

test("the chosen dates are not ignored", async () => {
  const { id } = await buildLearner(api.db);
  await log(id, "2026-05-31", 1);
  await log(id, "2026-06-01", 20);
  await log(id, "2026-06-07", 300);
  await log(id, "2026-06-08", 400);
  const week = await read(`learners/${id}`, "from=2026-06-01&to=2026-06-08");
  expect(week.period).toEqual({ from: "2026-06-01", to: "2026-06-08", days: 7, bucket: null, weekStart: null, partial: false });
  expect(week.total.minutes.total).toBe(320);
  const day = await read(`learners/${id}`, "from=2026-06-08&to=2026-06-09");
  expect(day.total.minutes.total).toBe(400);
  const untilMay = await read(`learners/${id}`, "to=2026-06-01");
  expect(untilMay.total.minutes.total).toBe(1);
});

test("an average does not divide only by those who logged", async () => {
  const team = await buildTeam(api.db);
  const [keen, ...idle] = [await buildMember(api.db, team.id), await buildMember(api.db, team.id), await buildMember(api.db, team.id)];
  await buildMember(api.db, team.id, { untilDay: "2026-06-01" });
  for (const day of ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04", "2026-06-05"]) await log(keen.id, day, 60);
  const { total, groups } = await read(`teams/${team.id}`, "from=2026-06-01&to=2026-06-08&groupBy=learner");
  expect(total.learners).toEqual({ eligible: 3, active: 1 });
  expect(total.quality).toMatchObject({ coverage: 33.3, sufficient: false });
  const figures = groups.map(({ id, minutes, share, learners, rank }) => [id, { minutes: minutes.total, share, ...learners, rank }]);
  expect(Object.fromEntries(figures)).toEqual({
    [keen.id]: { minutes: 300, share: { onTheJob: 100, social: 0, formal: 0 }, eligible: 1, active: 1, rank: null },
    ...Object.fromEntries(idle.map(({ id }) => [id, { minutes: 0, share: null, eligible: 1, active: 0, rank: null }])),
  });
});

test("a previous period does not share a day with this one", async () => {
  const { id } = await buildLearner(api.db);
  await log(id, "2026-05-24", 1);
  await log(id, "2026-05-25", 20);
  await log(id, "2026-05-31", 300);
  await log(id, "2026-06-01", 400);
  const { total, previous } = await read(`learners/${id}`, "from=2026-06-01&to=2026-06-08&compare=previous");
  expect(previous).toMatchObject({ from: "2026-05-25", to: "2026-06-01", minutes: { total: 320 } });
  expect(total.minutes.total).toBe(400);
});

test('"last month" is not two months ago', async () => {
  const { id } = await buildLearner(api.db);
  await log(id, "2026-01-31", 1);
  await log(id, "2026-02-28", 20);
  await log(id, "2026-03-31", 300);
  // The month before is February, which has no 31st.
  api.setNow(new Date("2026-03-31T12:00:00Z"));
  const { buckets } = await read(`learners/${id}`, "from=2026-01-01&bucket=month");
  api.setNow(NOW);
  expect(buckets.map(({ from, to, partial, minutes }) => [from, to, partial, minutes.total])).toEqual([
    ["2026-01-01", "2026-02-01", false, 1],
    ["2026-02-01", "2026-03-01", false, 20],
    ["2026-03-01", "2026-04-01", true, 300],
  ]);
});

test("a CSV does not disagree with its dashboard", async () => {
  const team = await buildTeam(api.db);
  const { id } = await buildMember(api.db, team.id);
  await log(id, "2026-05-30", 30);
  await log(id, "2026-06-01", 90, { onTheJobMinutes: 30, socialMinutes: 30, formalMinutes: 30, impact: 4 });
  await log(id, "2026-06-02", 60, { onTheJobMinutes: 0, formalMinutes: 45 });
  const query = "from=2026-06-01&to=2026-06-03&compare=previous&bucket=day&groupBy=learner";
  const { total, previous, buckets, groups } = await read(`teams/${team.id}`, query);
  const csv = await api.admin.get(`/v1/teams/${team.id}/breakdown?${query}`, { Accept: "text/csv" });
  const table: Record<string, string>[] = parse(csv.text, { columns: true });
  const columns = ["minutes.total", "minutes.onTheJob", "share.onTheJob", "share.social", "share.formal", "distance", "impact.total.mean", "quality.coverage"];
  const lines = table.map((line) => [line.section, ...columns.map((column) => line[column])]);
  const shown = (figures: Figures | null) =>
    columns.map((column) => String(column.split(".").reduce((value: unknown, key) => (value as never)?.[key], figures) ?? ""));
  expect(lines).toEqual([
    ["total", ...shown(total)],
    ["previous", ...shown(previous)],
    ...buckets.map((bucket) => ["bucket", ...shown(bucket)]),
    ...groups.flatMap((group) => [
      ["group", ...shown(group)],
      ["group-previous", ...shown(group.previous)],
      ...group.buckets.map((bucket) => ["group-bucket", ...shown(bucket)]),
    ]),
  ]);
  expect(lines).toEqual([
    ["total", "150", "30", "22.2", "22.2", "55.6", "47.8", "4", "100"],
    ["previous", "30", "30", "100", "0", "0", "30", "", "100"],
    ["bucket", "90", "30", "33.4", "33.3", "33.3", "36.6", "4", "100"],
    ["bucket", "60", "0", "0", "0", "100", "90", "", "100"],
    ["group", "150", "30", "22.2", "22.2", "55.6", "47.8", "4", "100"],
    ["group-previous", "30", "30", "100", "0", "0", "30", "", "100"],
    ["group-bucket", "90", "30", "33.4", "33.3", "33.3", "36.6", "4", "100"],
    ["group-bucket", "60", "0", "0", "0", "100", "90", "", "100"],
  ]);
});

test("people without a team are not counted in every team", async () => {
  const company = await buildTeam(api.db);
  const [data, platform] = [await buildTeam(api.db, { parentId: company.id }), await buildTeam(api.db, { parentId: company.id })];
  const member = await buildMember(api.db, data.id);
  const left = await buildMember(api.db, platform.id, { untilDay: "2026-06-01" });
  const never = await buildLearner(api.db);
  await log(member.id, "2026-06-02", 1);
  await log(left.id, "2026-06-02", 20);
  await log(never.id, "2026-06-02", 300);
  for (const membership of ["as-of", "current"]) {
    const figures = async (id: string) => {
      const { total } = await read(`teams/${id}`, `from=2026-06-01&to=2026-06-08&membership=${membership}`);
      return [total.minutes.total, total.learners.eligible];
    };
    expect(await figures(company.id)).toEqual([1, 1]);
    expect(await figures(data.id)).toEqual([1, 1]);
    expect(await figures(platform.id)).toEqual([0, 0]);
  }
  expect((await read(`learners/${never.id}`, "")).total.minutes.total).toBe(300);
});

test("a series is not keyed by day and month without the year", async () => {
  const { id } = await buildLearner(api.db);
  await log(id, "2025-06-10", 1);
  await log(id, "2026-06-10", 20);
  const months = await read(`learners/${id}`, "from=2025-06-01&to=2026-07-01&bucket=month");
  expect(months.buckets).toHaveLength(13);
  expect(loggedIn(months)).toEqual([
    ["2025-06-01", 1],
    ["2026-06-01", 20],
  ]);
  const days = await read(`learners/${id}`, "from=2025-06-10&to=2026-06-11&bucket=day");
  expect(days.buckets).toHaveLength(366);
  expect(loggedIn(days)).toEqual([
    ["2025-06-10", 1],
    ["2026-06-10", 20],
  ]);
});

test("someone who moved team is not counted twice, and not left out", async () => {
  const company = await buildTeam(api.db, { name: "Company" });
  const [before, after] = [await buildTeam(api.db, { name: "Before", parentId: company.id }), await buildTeam(api.db, { name: "After", parentId: company.id })];
  const { id } = await buildMember(api.db, before.id, { untilDay: "2026-06-04" });
  await joinTeam(api.db, id, after.id, { fromDay: "2026-06-04" });
  await log(id, "2026-06-03", 60);
  await log(id, "2026-06-04", 30);
  const figures = async (membership: string) => {
    const { total, groups } = await read(`teams/${company.id}`, `from=2026-06-01&to=2026-06-08&groupBy=team&membership=${membership}`);
    return [total, ...groups].map((each) => ["label" in each ? each.label : "all", each.minutes.total, each.sessions.total, each.learners.eligible]);
  };
  expect(await figures("as-of")).toEqual([
    ["all", 90, 2, 1],
    ["After", 30, 1, 1],
    ["Before", 60, 1, 1],
  ]);
  expect(await figures("current")).toEqual([
    ["all", 90, 2, 1],
    ["After", 90, 2, 1],
  ]);
});

test("sessions are not all loaded to be filtered in memory", async () => {
  const team = await buildTeam(api.db);
  const { id } = await buildMember(api.db, team.id);
  const query = "from=2026-06-01&to=2026-06-08&bucket=day&compare=previous&groupBy=verification&skill=docker";
  await logMany(id, 50);
  const few = await traffic(() => read(`teams/${team.id}`, query));
  await logMany(id, 1_950);
  const many = await traffic(() => read(`teams/${team.id}`, query));
  expect(few.result.total.sessions.total).toBe(25);
  expect(many.result.total.sessions.total).toBe(1_000);
  expect(few.statements).toBeGreaterThan(0);
  expect(few.rows).toBeGreaterThan(0);
  expect({ statements: many.statements, rows: many.rows }).toEqual({ statements: few.statements, rows: few.rows });
  expect(many.rows).toBeLessThan(50);
});

/** Minutes on the job on a day, unless told. */
function log(learnerId: string, day: string, minutes: number, overrides: Partial<Prisma.StudySessionUncheckedCreateInput> = {}) {
  return buildSession(api.db, { learnerId, startedAt: new Date(`${day}T09:00:00Z`), minutes, ...overrides });
}

/** Many sessions, half of them on a skill. */
async function logMany(learnerId: string, count: number): Promise<void> {
  const items = Array.from({ length: count }, (_, index) => {
    return { learnerId, startedAt: `2026-06-0${1 + (index % 7)}T09:00:00Z`, minutes: 10, mode: "social", skills: index % 2 ? ["docker"] : ["etcd"] };
  });
  for (let done = 0; done < count; done += 1_000) {
    const { body } = await api.admin.post("/v1/study-sessions/batch", { items: items.slice(done, done + 1_000) });
    expect(body.rejected).toBe(0);
  }
}

async function read(scope: string, query: string): Promise<Breakdown> {
  const response = await api.admin.get(`/v1/${scope}/breakdown?${query}`);
  expect(response.status).toBe(200);
  return response.body;
}

function loggedIn({ buckets }: Breakdown): [string, number][] {
  return buckets.filter(({ minutes }) => minutes.total > 0).map(({ from, minutes }) => [from, minutes.total]);
}

/** What goes between the service and its database during a piece of work: statements there, rows back, as the driver handles them. */
async function traffic<T>(work: () => Promise<T>): Promise<{ result: T; statements: number; rows: number }> {
  const statements = jest.spyOn(Query.prototype, "submit");
  const rows = jest.spyOn(Query.prototype as unknown as { handleDataRow(): void }, "handleDataRow");
  try {
    const result = await work();
    return { result, statements: statements.mock.calls.length, rows: rows.mock.calls.length };
  } finally {
    statements.mockRestore();
    rows.mockRestore();
  }
}
