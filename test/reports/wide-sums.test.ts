import { toDate } from "../../src/days";
import { Prisma, type StudySession } from "../../src/generated/prisma/client";
import { LONG_DAYS, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildMember, buildResource, buildSession, buildStep, buildTeam, keyOf } from "../setup/factories";

// More minutes than 32 bits hold, as sums of months and as sessions. A row of sessions is far longer than a
// session may be, because as many as that would take would take minutes to store.

const ROWS = 70_000;
const MINUTES = 32_767;
const PLANTED = ROWS * MINUTES;
const MAY = "from=2026-05-01&to=2026-06-01";

let api: TestApp;
let learnerId: string;
let teamId: string;
let session: StudySession;

beforeAll(async () => {
  api = await startApp(LONG_DAYS);
  teamId = (await buildTeam(api.db)).id;
  learnerId = (await buildMember(api.db, teamId)).id;
  const goal = await buildGoal(api.db, { learnerId });
  const step = await buildStep(api.db, { learnerId, goalId: goal.id, estimatedMinutes: 60 });
  const resource = await buildResource(api.db);
  const of = { learnerId, goalId: goal.id, stepId: step.id, resourceId: resource.id, resourceType: "book" as const, skills: ["sql"], impact: 5 };
  session = await buildSession(api.db, { ...of, startedAt: "2026-05-10T09:00:00Z", minutes: 10 });
  await api.db.$executeRaw`ALTER TABLE study_sessions DROP CONSTRAINT study_sessions_minutes_check`;
  const columns = Object.keys(await columnsOf()).filter((name) => name !== "id" && !name.endsWith("minutes"));
  const names = Prisma.raw(columns.join());
  await api.db.$executeRaw`
    INSERT INTO study_sessions (id, minutes, on_the_job_minutes, social_minutes, formal_minutes, ${names})
    SELECT gen_random_uuid(), ${MINUTES}, ${MINUTES}, 0, 0, ${names}
    FROM study_sessions, generate_series(1, ${ROWS}), (SELECT set_config('cairn.day_minutes', '100000000000', true)) long_day WHERE id = ${session.id}::uuid`;
}, 120_000);
afterAll(async () => {
  await api.db.$executeRaw`TRUNCATE study_sessions CASCADE`;
  await api.db.$executeRaw`ALTER TABLE study_sessions ADD CONSTRAINT study_sessions_minutes_check CHECK (minutes BETWEEN 1 AND 1440)`;
  await api.close();
});

async function columnsOf(): Promise<object> {
  const [row] = await api.db.$queryRaw<[{ row: object }]>`SELECT to_jsonb(s) AS row FROM study_sessions s WHERE id = ${session.id}::uuid`;
  return row.row;
}

const minutesIn = (report: { total: { minutes: { total: number } } }) => report.total.minutes.total;

test("the planted minutes are more than 32 bits hold, and the months agree", async () => {
  expect(PLANTED).toBeGreaterThan(2 ** 31);
  const month = await api.db.learnerMonth.findUniqueOrThrow({ where: { learnerId_month: { learnerId, month: toDate("2026-05-01") } } });
  expect([month.minutes, month.sessions, month.ratings]).toEqual([BigInt(PLANTED + 10), BigInt(ROWS + 1), BigInt(5 * (ROWS + 1))]);
});

test("logging goes on, singly and in a batch", async () => {
  const own = api.as(await keyOf(api.db, learnerId));
  const input = { startedAt: "2026-05-20T09:00:00Z", minutes: 1_000 };
  expect((await own.post(`/v1/learners/${learnerId}/study-sessions`, input)).status).toBe(201);
  const batch = await own.post("/v1/study-sessions/batch", { items: [{ ...input, learnerId }] });
  expect(batch.body.created).toBe(1);
  const { id } = (await own.post(`/v1/learners/${learnerId}/study-sessions`, input)).body;
  expect((await own.patch(`/v1/learners/${learnerId}/study-sessions/${id}`, { minutes: 900 })).status).toBe(200);
  expect((await own.delete(`/v1/learners/${learnerId}/study-sessions/${id}`)).status).toBe(204);
  expect(minutesIn((await own.get(`/v1/learners/${learnerId}/breakdown?${MAY}`)).body)).toBe(PLANTED + 2_010);
  await api.db.studySession.deleteMany({ where: { learnerId, minutes: 1_000 } });
});

test.each(["", "&bucket=month", "&bucket=day", "&compare=previous", "&groupBy=skill", "&groupBy=goal", "&groupBy=resource", "&skill=sql"])(
  "a learner's breakdown is right (%s)",
  async (query) => {
    const { status, body } = await api.admin.get(`/v1/learners/${learnerId}/breakdown?${MAY}${query}`);
    expect([status, minutesIn(body), body.total.impact.total]).toEqual([200, PLANTED + 10, { mean: 5, rated: ROWS + 1 }]);
    for (const group of body.groups) expect(group.minutes.total).toBe(PLANTED + 10);
    expect(body.buckets.reduce((sum: number, bucket: { minutes: { total: number } }) => sum + bucket.minutes.total, 0)).toBe(
      query.includes("bucket") ? PLANTED + 10 : 0,
    );
  },
);

test.each(["", "&bucket=month", "&groupBy=learner", "&groupBy=team", "&verification=self-reported"])("a team's breakdown is right (%s)", async (query) => {
  const { status, body } = await api.admin.get(`/v1/teams/${teamId}/breakdown?${MAY}${query}`);
  expect([status, minutesIn(body)]).toEqual([200, PLANTED + 10]);
  for (const group of body.groups) expect(group.minutes.total).toBe(PLANTED + 10);
});

test("growth, the goal, its step and the person's export are right", async () => {
  const learner = `/v1/learners/${learnerId}`;
  const growth = await api.admin.get(`${learner}/growth?${MAY}&since=2026-05-01`);
  expect([growth.status, growth.body.items[0].minutes, growth.body.resources.items[0].minutes]).toEqual([200, PLANTED + 10, PLANTED + 10]);
  expect(growth.body.changes.sessions.minutes.total).toBe(PLANTED + 10);
  const team = await api.admin.get(`/v1/teams/${teamId}/growth?${MAY}`);
  expect([team.status, team.body.mix.actual.minutes.total]).toEqual([200, PLANTED + 10]);
  const goal = await api.admin.get(`${learner}/goals/${session.goalId}`);
  expect([goal.status, goal.body.growth.loggedMinutes.total]).toEqual([200, PLANTED + 10]);
  const step = await api.admin.get(`${learner}/goals/${session.goalId}/steps/${session.stepId}`);
  expect([step.status, step.body.loggedMinutes]).toEqual([200, PLANTED + 10]);
});

test("a person's export holds the months as numbers", async () => {
  const { id } = await buildMember(api.db, teamId);
  await buildSession(api.db, { learnerId: id });
  await api.db.learnerMonth.updateMany({ where: { learnerId: id, sessions: { gt: 0 } }, data: { minutes: 2n ** 40n } });
  const { status, body } = await api.as(await keyOf(api.db, id)).get(`/v1/learners/${id}/export`);
  expect([status, body.records.LearnerMonth[0].minutes]).toEqual([200, 2 ** 40]);
});

test("a goal whose end is further away than numbers of days reach has the last of them", async () => {
  const { id } = await buildMember(api.db, teamId);
  const goal = await buildGoal(api.db, { learnerId: id });
  for (let n = 0; n < 20; n++) await buildStep(api.db, { learnerId: id, goalId: goal.id, estimatedMinutes: 10_000_000 });
  await buildSession(api.db, { learnerId: id, goalId: goal.id, minutes: 1, startedAt: "2026-06-16T08:00:00Z" });
  const { status, body } = await api.admin.get(`/v1/learners/${id}/goals/${goal.id}`);
  expect([status, body.growth.remainingMinutes, body.growth.projectedEnd]).toEqual([200, 200_000_000, "2126-05-24"]);
});
