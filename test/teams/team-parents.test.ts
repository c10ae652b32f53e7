import fc from "fast-check";
import { addDays, type Day, toDay } from "../../src/days";
import { overlaid } from "../../src/teams/team-parents.service";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildMember, buildSession, buildTeam, keyOf } from "../setup/factories";

// The tree has a history, as memberships have.

const TODAY = toDay(NOW);

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const put = (teamId: string, body: object) => api.admin.put(`/v1/teams/${teamId}/parent`, body);
const read = async (teamId: string) => (await api.admin.get(`/v1/teams/${teamId}/parent`)).body;
const minutesOf = async (teamId: string, query = "") => {
  const { body } = await api.admin.get(`/v1/teams/${teamId}/breakdown?from=2025-01-01&to=2027-01-01${query}`);
  return body.total.minutes.total;
};

/** Two areas below a company, and a team of one person below the first; they learned an hour last year, and two this year. */
async function buildCompany() {
  const { db } = api;
  const company = await buildTeam(db, { name: "Company" });
  const [leadA, leadB] = [await buildLearner(db), await buildLearner(db)];
  const a = await buildTeam(db, { name: "Area A", parentId: company.id, leadId: leadA.id });
  const b = await buildTeam(db, { name: "Area B", parentId: company.id, leadId: leadB.id });
  const team = await buildTeam(db, { name: "Crew", parentId: a.id });
  const member = await buildMember(db, team.id);
  await buildSession(db, { learnerId: member.id, startedAt: new Date("2025-06-01T09:00:00Z"), minutes: 60 });
  await buildSession(db, { learnerId: member.id, startedAt: new Date("2026-06-01T09:00:00Z"), minutes: 120 });
  return { company, a, b, team, member, leadA, leadB };
}

test("a team is below its first parent since the beginning", async () => {
  const { a, team, company } = await buildCompany();
  const first = { parentId: a.id, parentName: "Area A", fromDay: null, untilDay: null };
  expect(await read(team.id)).toEqual({ current: first, history: [first] });
  expect(await read(company.id)).toEqual({ current: null, history: [] });
});

test.each(["patch", "put"] as const)("a team that is moved today takes nothing away from where it was (%s)", async (method) => {
  const { company, a, b, team, member } = await buildCompany();
  const moved = await (method === "patch" ? api.admin.patch(`/v1/teams/${team.id}`, { parentId: b.id }) : put(team.id, { parentId: b.id, fromDay: TODAY }));
  expect(moved.status).toBe(200);
  expect(await read(team.id)).toEqual({
    current: { parentId: b.id, parentName: "Area B", fromDay: TODAY, untilDay: null },
    history: [
      { parentId: a.id, parentName: "Area A", fromDay: null, untilDay: TODAY },
      { parentId: b.id, parentName: "Area B", fromDay: TODAY, untilDay: null },
    ],
  });
  expect((await api.admin.get(`/v1/teams/${team.id}`)).body).toMatchObject({ parentId: b.id, version: 2 });

  expect([await minutesOf(a.id), await minutesOf(b.id), await minutesOf(company.id)]).toEqual([180, 0, 180]);
  expect([await minutesOf(a.id, "&membership=current"), await minutesOf(b.id, "&membership=current")]).toEqual([0, 180]);
  const { body } = await api.admin.get(`/v1/teams/${company.id}/breakdown?from=2025-01-01&to=2027-01-01&groupBy=team`);
  const groups = body.groups.map(({ label, minutes, learners }: { label: string; minutes: { total: number }; learners: object }) => [
    label,
    minutes.total,
    learners,
  ]);
  expect(groups).toEqual([
    ["Area A", 180, { eligible: 1, active: 1 }],
    ["Area B", 0, { eligible: 1, active: 0 }],
  ]);
  const membersOn = async (day: Day) => (await api.admin.get(`/v1/teams/${a.id}/members?on=${day}`)).body.items.map(({ id }: { id: string }) => id);
  expect([await membersOn(addDays(TODAY, -1)), await membersOn(TODAY)]).toEqual([[member.id], []]);
});

test("a move of the past counts from its own day on, and what was wrong is set right", async () => {
  const { a, b, team } = await buildCompany();
  await put(team.id, { parentId: b.id, fromDay: "2026-01-01" });
  expect([await minutesOf(a.id), await minutesOf(b.id)]).toEqual([60, 120]);

  await put(team.id, { parentId: b.id, fromDay: "2025-05-01", untilDay: "2025-07-01" });
  expect([await minutesOf(a.id), await minutesOf(b.id)]).toEqual([0, 180]);
  expect((await read(team.id)).history).toMatchObject([
    { parentId: a.id, fromDay: null, untilDay: "2025-05-01" },
    { parentId: b.id, fromDay: "2025-05-01", untilDay: "2025-07-01" },
    { parentId: a.id, fromDay: "2025-07-01", untilDay: "2026-01-01" },
    { parentId: b.id, fromDay: "2026-01-01", untilDay: null },
  ]);

  await put(team.id, { parentId: null, fromDay: "2025-07-01" });
  expect(await read(team.id)).toMatchObject({ current: null, history: [{ parentId: a.id }, { parentId: b.id, untilDay: "2025-07-01" }] });
  expect((await api.admin.get(`/v1/teams/${team.id}`)).body.parentId).toBeNull();
});

test("the same move again changes nothing", async () => {
  const { b, team } = await buildCompany();
  const move = { parentId: b.id, fromDay: "2026-01-01" };
  const first = await put(team.id, move);
  expect((await put(team.id, move)).body).toEqual(first.body);
  expect((await api.admin.get(`/v1/teams/${team.id}`)).body.version).toBe(2);
});

test.each([
  ["#/fromDay", { fromDay: addDays(TODAY, 1) }, /today \(/],
  ["#/untilDay", { fromDay: "2026-01-01", untilDay: "2026-01-01" }, /after fromDay/],
  ["#/untilDay", { fromDay: "2026-01-01", untilDay: addDays(TODAY, 1) }, /a time that is over/],
  ["#/parentId", { fromDay: "2026-01-01", parentId: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb" }, /does not exist/],
])("refused at %s: %j", async (pointer, body, detail) => {
  const { a, b, team } = await buildCompany();
  const refused = await put(team.id, { parentId: b.id, ...body });
  expect(refused.body.errors).toEqual([{ pointer, detail: expect.stringMatching(detail) }]);
  expect(await read(team.id)).toMatchObject({ current: { parentId: a.id, fromDay: null } });
});

test("two teams may change places, but on no day are they below each other", async () => {
  const { a, b } = await buildCompany();
  expect((await put(a.id, { parentId: b.id, fromDay: "2026-01-01", untilDay: "2026-02-01" })).status).toBe(200);
  expect((await put(b.id, { parentId: a.id, fromDay: "2026-02-01", untilDay: "2026-03-01" })).status).toBe(200);
  const refused = await put(b.id, { parentId: a.id, fromDay: "2026-01-31", untilDay: "2026-02-01" });
  expect(refused).toMatchObject({ status: 409, body: { code: "team-cycle" } });
});

test("who led a team's area sees nobody who went with it, and not where it is now", async () => {
  const { a, b, team, member, leadA } = await buildCompany();
  await put(team.id, { parentId: b.id, fromDay: "2026-01-01" });
  const client = api.as(await keyOf(api.db, leadA.id));
  const report = async (groupBy: string) => (await client.get(`/v1/teams/${a.id}/breakdown?from=2025-01-01&to=2027-01-01&groupBy=${groupBy}`)).body;
  expect(await report("learner")).toMatchObject({ total: { minutes: { total: 0 } }, withheldLearners: 1, groups: [] });
  expect((await client.get(`/v1/teams/${team.id}/parent`)).status).toBe(404);
  expect((await client.get(`/v1/learners/${member.id}`)).status).toBe(404);

  // Somebody who was there, and whom they see today in another team.
  await api.admin.put(`/v1/learners/${member.id}/membership`, { teamId: a.id, fromDay: "2026-02-01" });
  const { groups, total, withheldLearners } = await report("team");
  expect([total.minutes.total, withheldLearners]).toEqual([180, 0]);
  expect(groups.map(({ id, label, minutes }: { id: string | null; label: string; minutes: { total: number } }) => [id, label, minutes.total])).toEqual([
    [a.id, "Area A", 120],
    [null, "a team elsewhere", 60],
  ]);
  for (const { sessionsUrl, minutes } of groups) {
    const { items } = (await client.get(sessionsUrl)).body;
    expect(items.map((session: { minutes: number }) => session.minutes)).toEqual([minutes.total]);
  }
});

test("a history with a move in it says of each day what the move says of its days, and of others what it said before", () => {
  const day = fc.nat(30).map((days) => addDays("2026-01-01", days));
  const parent = fc.constantFrom("a", "b", "c", null);
  const move = fc.tuple(parent, day, fc.option(fc.integer({ min: 1, max: 10 }))).map(([parentId, fromDay, length]) => {
    return { parentId, fromDay, untilDay: length === null ? null : addDays(fromDay, length) };
  });
  const parentOn = (history: ReturnType<typeof overlaid>, on: Day) =>
    history.filter(({ fromDay, untilDay }) => fromDay <= on && (untilDay === null || on < untilDay)).map(({ parentId }) => parentId);
  const days = Array.from({ length: 50 }, (_, n) => addDays("2025-12-25", n));
  fc.assert(
    fc.property(fc.array(move, { maxLength: 6 }), (moves) => {
      const history = moves.reduce(overlaid, [] as ReturnType<typeof overlaid>);
      for (const on of days) {
        const last = moves.findLast(({ fromDay, untilDay }) => fromDay <= on && (untilDay === null || on < untilDay));
        expect(parentOn(history, on)).toEqual(last?.parentId ? [last.parentId] : []);
      }
      for (const [n, { parentId, fromDay }] of history.entries()) {
        const before = history[n - 1];
        if (before)
          expect([before.untilDay !== null && before.untilDay <= fromDay, before.untilDay === fromDay && before.parentId === parentId]).toEqual([true, false]);
      }
    }),
  );
});
