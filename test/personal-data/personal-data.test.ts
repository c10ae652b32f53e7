import { Prisma } from "../../src/generated/prisma/client";
import { PERSONAL_DATA } from "../../src/personal-data/models";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";

// Stands in everything that the person wrote or that was written of them.
const MARK = "zanzibar";

let api: TestApp;
beforeEach(async () => {
  api = await startApp();
});
afterEach(() => api.close());

type World = { learnerId: string; teamId: string; own: Client; others: { learnerId: string; own: Client } };

/** A marked person with one of everything, and a colleague whom nobody erases. */
async function buildWorld(): Promise<World> {
  const { db } = api;
  const { id: learnerId } = await buildLearner(db, { name: `Ada ${MARK}`, email: `ada${Date.now()}.${MARK}@example.com`, externalId: `${MARK}-${Date.now()}` });
  const { id: colleagueId } = await buildLearner(db, { name: "Bo" });
  const lead = await buildLearner(db);
  const above = await buildTeam(db, { leadId: lead.id });
  const team = await buildTeam(db, { leadId: learnerId, parentId: above.id });
  for (const id of [learnerId, colleagueId]) await joinTeam(db, id, team.id);
  const mentor = await buildResource(db, { type: "mentor", title: `Ada ${MARK} on maps`, description: MARK, learnerId });
  const goal = await buildGoal(db, { learnerId, title: MARK, why: MARK });
  await buildGoal(db, { learnerId, title: `${MARK} next`, followsId: goal.id, reviewerId: lead.id });
  const colleagues = await buildGoal(db, { learnerId: colleagueId, reviewerId: learnerId });
  const ofGoal = { learnerId, goalId: goal.id };
  const first = await buildStep(db, { ...ofGoal, title: MARK });
  await buildStep(db, { ...ofGoal, title: MARK, requires: [first.id], completedOn: new Date("2026-06-01"), overrideReason: MARK });
  await buildEvidence(db, { ...ofGoal, stepId: first.id, title: MARK, text: MARK, url: `https://example.com/${MARK}` });
  await buildReview(db, { ...ofGoal, question: MARK });
  await buildReview(db, {
    learnerId: colleagueId,
    goalId: colleagues.id,
    verdict: "endorsed",
    answeredAt: new Date(),
    answeredById: learnerId,
    comment: "well done",
  });
  await buildTerm(db, { ...ofGoal, term: MARK, meaning: MARK, resourceId: mentor.id });
  await buildSession(db, { learnerId, goalId: goal.id, stepId: first.id, note: MARK, minutes: 50, impact: 4, startedAt: new Date("2026-06-10T09:00:00Z") });
  await buildSession(db, { learnerId: colleagueId, resourceId: mentor.id, minutes: 20, startedAt: new Date("2026-06-11T09:00:00Z") });
  await db.timer.create({ data: { learnerId, startedAt: new Date(), timeZone: "UTC", startedOn: new Date(), goalId: goal.id } });
  const own = api.as(await buildKey(db, { role: "learner", learnerId, name: MARK }));
  const service = api.as(await buildKey(db, { role: "service" }));
  const session = { startedAt: "2026-06-12T08:00:00Z", minutes: 30, mode: "formal", note: MARK };
  for (const client of [own, service]) {
    expect((await client.post(`/v1/learners/${learnerId}/study-sessions`, session, { "Idempotency-Key": `of-${MARK}` })).status).toBe(201);
  }
  return { learnerId, teamId: team.id, own, others: { learnerId: colleagueId, own: api.as(await keyOf(db, colleagueId)) } };
}

/** The tables in which the mark stands anywhere. */
async function marked(): Promise<string[]> {
  const tables = await api.db.$queryRaw<{ name: string }[]>`SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`;
  const found = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await api.db.$queryRawUnsafe<{ rows: bigint }[]>(`SELECT count(*) AS rows FROM "${name}" t WHERE t::text ILIKE '%${MARK}%'`);
      return row && row.rows > 0n ? [name] : [];
    }),
  );
  return found.flat().sort();
}

const totals = async (teamId: string) => {
  const { body } = await api.admin.get(`/v1/teams/${teamId}/breakdown?from=2026-06-01&bucket=day&groupBy=learner`);
  const figures = ({ minutes, share, sessions, impact, learners }: Record<string, unknown>) => ({ minutes, share, sessions, impact, learners });
  return { total: figures(body.total), buckets: body.buckets.map(figures), groups: body.groups.sort(byId).map(figures) };
};

const MARKED = ["api_keys", "evidence", "goals", "idempotency_keys", "learners", "resources", "reviews", "steps", "study_sessions", "terms"];

/** Every column that can hold text, of the rows that are the person's own: `of` is the column that says whose. */
async function textColumns(): Promise<{ table: string; column: string; of: string; type: string }[]> {
  const columns = await api.db.$queryRaw<{ table: string; column: string; of: string; type: string }[]>`
    SELECT c.relname AS table, a.attname AS column, own.attname AS of, format_type(a.atttypid, NULL) AS type
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    JOIN pg_attribute own ON own.attrelid = c.oid AND (own.attname IN ('learner_id', 'lead_id', 'answered_by_id', 'caller_id') OR (c.relname, own.attname) = ('learners', 'id'))
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'learner_months'`;
  return columns.filter(({ type }) => /^(text|character varying|json|jsonb)(\[\])?$/.test(type));
}

/** Puts a text into a column wherever the database takes it. @returns how many rows took it */
async function fill(name: string, learnerId: string, { table, column, of, type }: Awaited<ReturnType<typeof textColumns>>[number]): Promise<number> {
  const value = type.endsWith("[]") ? `ARRAY['${name}']` : type.startsWith("json") ? `'{"of": "${name}"}'` : `'${name}'`;
  const rows = await api.db.$queryRawUnsafe<{ row: string }[]>(`SELECT ctid::text AS row FROM "${table}" WHERE "${of}" = '${learnerId}'`);
  let filled = 0;
  for (const { row } of rows) {
    filled += await api.db.$executeRawUnsafe(`UPDATE "${table}" SET "${column}" = ${value} WHERE ctid = '${row}'`).catch(() => 0);
  }
  return filled;
}

test("an erasure takes the person out of every column of every table that can hold text", async () => {
  const { learnerId } = await buildWorld();
  const { db } = api;
  const name = `Ada ${MARK}`;
  await buildReview(db, { learnerId, answeredById: (await buildLearner(db)).id });
  await buildKey(db, { role: "service", name: `The tool of ${name.toUpperCase()}` });
  await buildTeam(db, { name: `${name}'s friends` });
  await buildResource(db, { type: "coach", title: `Coaching by ${name}`, creator: name, description: `Ask Ada  ${MARK}.` });
  await db.idempotencyKey.create({ data: { callerId: learnerId, key: "own", bodyDigest: Buffer.alloc(32), status: 201, headers: {}, body: {} } });
  const unfilled: string[] = [];
  for (const each of await textColumns()) if (!(await fill(name, learnerId, each))) unfilled.push(`${each.table}.${each.column}`);
  // The database takes no word but a scope there.
  expect(unfilled).toEqual(["api_keys.scopes"]);
  expect((await api.admin.delete(`/v1/learners/${learnerId}/personal-data`)).status).toBe(200);
  expect(await marked()).toEqual([]);
  expect((await db.resource.findFirstOrThrow({ where: { type: "coach" } })).title).toBe("Coaching by Somebody who was erased");
});

test.each([
  ["Ada Zanzibar", "the tool of ADA ZANZIBAR"],
  ["Ada Zanzibar", "Zanzibar, Ada"],
  ["Ada Zanzibar", "Ada_Zanzibar-laptop"],
  ["李明", "李明的机器人"],
  ["Bo", "for Bo alone"],
])("an erasure of %s takes the name out of a key called %s", async (name, called) => {
  const { id } = await buildLearner(api.db, { name });
  await buildKey(api.db, { role: "service", name: called });
  await buildKey(api.db, { role: "service", name: "Bookings of Adams" });
  expect((await api.admin.delete(`/v1/learners/${id}/personal-data`)).status).toBe(200);
  const names = (await api.db.apiKey.findMany({ where: { role: "service" } })).map((key) => key.name);
  expect(names.filter((each) => each.includes("Somebody who was erased"))).toHaveLength(1);
  expect(names).toContain("Bookings of Adams");
});

test("a retry of what a service did for an erased person does not do it again", async () => {
  const service = api.as(await buildKey(api.db, { role: "service" }));
  const create = () => service.post("/v1/learners", { name: "Ada Zanzibar" }, { "Idempotency-Key": "once" });
  const { body } = await create();
  expect((await api.admin.delete(`/v1/learners/${body.id}/personal-data`)).status).toBe(200);
  expect(await create()).toMatchObject({ status: 409, body: { code: "learner-erased" } });
  expect(await api.db.learner.count()).toBe(1);
});

test("every model says how it is exported and erased, or holds nothing about a person", () => {
  expect(Object.keys(PERSONAL_DATA).sort()).toEqual(Object.keys(Prisma.ModelName).sort());
  const fieldsOf = Prisma as unknown as Record<string, Record<string, string>>;
  for (const [model, handling] of Object.entries(PERSONAL_DATA)) {
    const fields = Object.keys(fieldsOf[`${model}ScalarFieldEnum`] as object);
    expect(fields.length).toBeGreaterThan(1);
    const isOfPerson = fields.some((field) => ["learnerId", "learnerIds", "leadId", "callerId", "email", "reason"].includes(field));
    const { exported, goes, elsewhere } = handling;
    expect([model, Boolean(exported || goes || elsewhere)]).toEqual([model, isOfPerson]);
    // Of what stays, each column has its fate, under its name in the database.
    if ("columns" in handling) expect([model, Object.keys(handling.columns).sort()]).toEqual([model, fields.sort()]);
  }
});

test("an export has everything that the person wrote, private words too, and no secret", async () => {
  const { own, learnerId } = await buildWorld();
  const { status, body } = await own.get(`/v1/learners/${learnerId}/export`);
  expect(status).toBe(200);
  const counted = Object.fromEntries(Object.entries(body.records).map(([model, rows]) => [model, (rows as object[]).length]));
  expect(counted).toEqual({
    Invitation: 0,
    ApiKey: 1,
    Timer: 1,
    StudySession: 3,
    LearnerMonth: 1,
    Review: 2,
    Evidence: 1,
    Term: 1,
    StepPrerequisite: 1,
    Step: 2,
    Goal: 2,
    Resource: 1,
    Team: 1,
    Membership: 1,
    Learner: 1,
    // The session that they logged, and the one that was logged for them.
    AuditEvent: 2,
  });
  expect(body.records.StudySession[0]).toMatchObject({ note: MARK, minutes: 50, occurredOn: expect.stringContaining("2026-06-10") });
  expect(JSON.stringify(body)).not.toMatch(/secretHash|bodyDigest/);
});

test("an export is for the person alone", async () => {
  const { learnerId, others } = await buildWorld();
  expect((await api.admin.get(`/v1/learners/${learnerId}/export`)).status).toBe(403);
  expect((await others.own.get(`/v1/learners/${learnerId}/export`)).status).toBe(404);
});

test("an export holds every row once, though it is read page by page", async () => {
  const { db } = api;
  const { id: learnerId } = await buildLearner(db);
  const first = await buildStep(db, { learnerId });
  const ofGoal = { learnerId, goalId: first.goalId };
  for (let n = 0; n < 20; n++) await buildStep(db, { ...ofGoal, requires: [first.id] });
  const steps = (await db.step.findMany({ where: ofGoal })).map(({ id }) => id);
  const pairs = steps.flatMap((stepId, n) => steps.slice(0, n).map((requiresId) => ({ ...ofGoal, stepId, requiresId })));
  await db.stepPrerequisite.createMany({ data: pairs, skipDuplicates: true });
  await db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, body_digest)
    SELECT ${learnerId}::uuid, gen_random_uuid(), day, 'UTC', day, 1, 0, 0, 0, '\\x00' FROM generate_series(1, 300) n CROSS JOIN LATERAL (SELECT date '2000-01-01' + 30 * n AS day) d`;
  await db.$executeRaw`
    INSERT INTO audit_events (id, request_id, action, operation, target, fields, learner_ids, item_ids)
    SELECT gen_random_uuid(), gen_random_uuid(), 'read', 'getLearner', '', '{}', ARRAY[${learnerId}::uuid], '{}' FROM generate_series(1, 250)`;
  const { status, body, headers } = await api.as(await keyOf(db, learnerId)).get(`/v1/learners/${learnerId}/export`);
  expect([status, headers["content-type"], body.learnerId, body.exportedAt]).toEqual([200, "application/json; charset=utf-8", learnerId, NOW.toISOString()]);
  const { StudySession, LearnerMonth, AuditEvent, Step, StepPrerequisite } = body.records;
  const stored = {
    StudySession: await db.studySession.findMany({ where: { learnerId }, select: { id: true } }),
    AuditEvent: await db.auditEvent.findMany({ where: { learnerIds: { has: learnerId } }, select: { id: true } }),
    Step: await db.step.findMany({ where: { learnerId }, select: { id: true } }),
  };
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id).sort();
  for (const [model, rows] of Object.entries({ StudySession, AuditEvent, Step })) expect(ids(rows)).toEqual(ids(stored[model as keyof typeof stored]));
  expect([StudySession.length, AuditEvent.length]).toEqual([300, 250]);
  expect(LearnerMonth).toHaveLength(await db.learnerMonth.count({ where: { learnerId, sessions: { gt: 0 } } }));
  const edges = StepPrerequisite.map(({ stepId, requiresId }: Record<string, string>) => `${stepId} ${requiresId}`);
  expect(edges).toHaveLength(new Set(edges).size);
  expect(edges).toHaveLength(await db.stepPrerequisite.count({ where: { learnerId } }));
  expect(edges.length).toBeGreaterThan(200);
});

test("a dry run says what would go, and changes nothing", async () => {
  const { learnerId, own } = await buildWorld();
  const before = await own.get(`/v1/learners/${learnerId}/export`);
  const said = await api.admin.delete(`/v1/learners/${learnerId}/personal-data?dryRun=true`);
  expect(said.body).toEqual({
    learnerId,
    dryRun: true,
    erased: {
      IdempotencyKey: 1,
      Invitation: 0,
      ApiKey: 1,
      Timer: 1,
      Review: 1,
      Evidence: 1,
      Term: 1,
      StepPrerequisite: 1,
      Step: 2,
      Goal: 2,
      ChangeReason: 0,
      Membership: 0,
    },
    anonymised: { IdempotencyKey: 1, ApiKey: 0, Resource: 1, StudySession: 3, Review: 1, Goal: 2, Team: 1, ChangeReason: 0, Membership: 1, Learner: 1 },
  });
  const after = (await own.get(`/v1/learners/${learnerId}/export`)).body.records;
  // That somebody looked is all that is new.
  expect(after.AuditEvent).toEqual([...before.body.records.AuditEvent, expect.objectContaining({ action: "read", operation: "erasePersonalData" })]);
  expect({ ...after, AuditEvent: [] }).toEqual({ ...before.body.records, AuditEvent: [] });
  expect(await marked()).toEqual(MARKED);
  const done = await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
  expect(done.body).toEqual({ ...said.body, dryRun: false });
});

test("an erasure leaves no mark of the person in any column of any table, and every total as it was", async () => {
  const { learnerId, teamId, own, others } = await buildWorld();
  expect(await marked()).toEqual(MARKED);
  const before = await totals(teamId);
  expect((await api.admin.delete(`/v1/learners/${learnerId}/personal-data`)).status).toBe(200);
  expect(await marked()).toEqual([]);
  expect(await totals(teamId)).toEqual(before);
  // Their key serves no longer; what is others' is still there.
  expect((await own.get("/v1/me")).status).toBe(401);
  const theirs = await others.own.get(`/v1/learners/${others.learnerId}/export`);
  expect(theirs.body.records.StudySession).toHaveLength(1);
  expect(theirs.body.records.Review).toMatchObject([{ comment: "well done", verdict: "endorsed" }]);
});

test("an erasure again finds nothing left to erase", async () => {
  const { learnerId } = await buildWorld();
  await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
  const { body } = await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
  expect(Object.values(body.erased as Record<string, number>).reduce((sum, rows) => sum + rows, 0)).toBe(0);
});

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}
