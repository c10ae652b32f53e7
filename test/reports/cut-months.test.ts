import { startApp, type TestApp } from "../setup/app";
import { buildMember, buildSession, buildTeam, joinTeam } from "../setup/factories";

// Reports without a filter read sums of months, and sessions where a month is cut; with a filter
// that leaves nothing out they read the sessions alone. Both say the same, wherever a period is cut.

const DAYS = ["2026-01-31", "2026-02-01", "2026-02-02", "2026-02-14", "2026-02-28", "2026-03-01", "2026-04-01"];
const PERIODS = DAYS.flatMap((from) => DAYS.filter((to) => to > from).map((to) => ({ from, to })));

let api: TestApp;
let above: string;
let left: string;
beforeAll(async () => {
  api = await startApp();
  const top = await buildTeam(api.db);
  const [one, other] = [await buildTeam(api.db, { parentId: top.id }), await buildTeam(api.db, { parentId: top.id })];
  [above, left] = [top.id, one.id];
  const [stays, moves, goes] = [
    await buildMember(api.db, one.id),
    await buildMember(api.db, one.id, { untilDay: "2026-02-14" }),
    await buildMember(api.db, one.id),
  ];
  await joinTeam(api.db, moves.id, other.id, { fromDay: "2026-02-14" });
  // At both ends of each month, and where somebody moves; a month that lost its session, and months without any.
  const ends = ["2026-01-01", "2026-01-31", "2026-02-01", "2026-02-13", "2026-02-14", "2026-02-28", "2026-03-31"];
  for (const { id: learnerId } of [stays, moves]) {
    for (const [index, day] of ends.entries()) await buildSession(api.db, { learnerId, startedAt: `${day}T09:00:00Z`, minutes: 2 ** index });
  }
  const { id } = await buildSession(api.db, { learnerId: goes.id, startedAt: "2026-02-10T09:00:00Z" });
  await api.db.studySession.deleteMany({ where: { id } });
  await buildSession(api.db, { learnerId: goes.id, startedAt: "2026-03-01T09:00:00Z" });
});
afterAll(() => api.close());

test.each([
  ["of a team", () => left, ""],
  ["of a team by month", () => left, "&bucket=month"],
  ["of teams below", () => above, "&groupBy=team"],
  ["and of the one before", () => above, "&compare=previous"],
])("every period %s", async (_, team, query) => {
  for (const { from, to } of PERIODS) {
    const read = async (filter: string) => (await api.admin.get(`/v1/teams/${team()}/breakdown?from=${from}&to=${to}${query}${filter}`)).body;
    const [months, sessions] = [await read(""), await read("&verification=self-reported")];
    const figures = ({ total, previous, buckets, groups }: typeof months) =>
      JSON.parse(JSON.stringify({ total, previous, buckets, groups }), (key, value) => (key === "sessionsUrl" ? undefined : value));
    expect([from, to, figures(months)]).toEqual([from, to, figures(sessions)]);
  }
});

test("and the sums are those of the days", async () => {
  const minutes = async (from: string, to: string) => (await api.admin.get(`/v1/teams/${left}/breakdown?from=${from}&to=${to}`)).body.total.minutes.total;
  // Both on 2026-01-31 and on 2026-02-01 and -13; the one who stays alone on 2026-02-14 and -28.
  expect(await minutes("2026-01-31", "2026-03-01")).toBe(2 * (2 + 4 + 8) + 16 + 32);
});
