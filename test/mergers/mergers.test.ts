import { v7 as uuidv7 } from "uuid";
import { toDate } from "../../src/days";
import { NAMES_LEARNERS } from "../../src/mergers/models";
import { differingMonths } from "../../src/study-sessions/learner-months";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";

// Merging two records of one person: what moves, what stays, what stands in the way.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Pair = { merged: string; survivor: string; url: string };
const at = (merged: string) => `/v1/learners/${merged}/merger`;

async function buildPair(of: { merged?: object; survivor?: object } = {}): Promise<Pair> {
  const [merged, survivor] = [await buildLearner(api.db, of.merged), await buildLearner(api.db, of.survivor)];
  return { merged: merged.id, survivor: survivor.id, url: at(merged.id) };
}

async function wrongMonths() {
  const found = [];
  for await (const { differing } of differingMonths(api.db, {})) found.push(...differing);
  return found;
}

const preview = ({ url, survivor }: Pair) => api.admin.get(`${url}?survivorId=${survivor}`);
const merge = ({ url, survivor }: Pair, client: Client = api.admin) => client.put(url, { survivorId: survivor });

async function merging(pair: Pair) {
  const planned = await preview(pair);
  const done = await merge(pair);
  if (done.status === 500)
    console.log(
      api.log
        .filter((l) => l.includes("unexpected"))
        .join("\n")
        .slice(0, 3000),
    );
  expect([planned.status, done.status]).toEqual([200, 200]);
  expect(done.body).toEqual(planned.body);
  return done.body;
}

/** A record with something of every kind, which others refer to in every way. */
async function buildFull() {
  const { db } = api;
  const pair = await buildPair({ merged: { email: `${uuidv7()}@example.com`, externalId: uuidv7(), subject: uuidv7(), target: [60, 30, 10] } });
  const { merged: learnerId } = pair;
  const [lead, mentee] = [await buildLearner(db), await buildLearner(db)];
  const top = await buildTeam(db, { leadId: lead.id });
  const below = await buildTeam(db, { parentId: top.id, leadId: learnerId });
  await joinTeam(db, learnerId, top.id);
  await joinTeam(db, mentee.id, below.id);
  const first = await buildGoal(db, { learnerId });
  const goal = await buildGoal(db, { learnerId, followsId: first.id, reviewerId: lead.id });
  const of = { learnerId, goalId: goal.id };
  const before = await buildStep(db, of);
  const step = await buildStep(db, { ...of, requires: [before.id] });
  const evidence = await buildEvidence(db, { ...of, stepId: step.id });
  const term = await buildTerm(db, of);
  const review = await buildReview(db, { ...of, stepId: step.id, reviewerId: lead.id });
  const mentor = await buildResource(db, { type: "mentor", learnerId });
  const session = await buildSession(db, { ...of, stepId: step.id, startedAt: new Date("2026-05-04T08:00:00Z"), note: "Mine alone" });
  const deleted = await buildSession(db, { learnerId, startedAt: new Date("2026-05-05T08:00:00Z"), deletedAt: new Date("2026-05-06T08:00:00Z") });
  const mentored = await buildSession(db, { learnerId: mentee.id, resourceId: mentor.id, mentorId: learnerId, verification: "mentorConfirmed" });
  await db.timer.create({ data: { ...of, stepId: step.id, startedAt: new Date("2026-06-17T11:00:00Z"), timeZone: "UTC", startedOn: new Date("2026-06-17") } });
  const menteesGoal = await buildGoal(db, { learnerId: mentee.id, reviewerId: learnerId });
  const menteesReview = await buildReview(db, { learnerId: mentee.id, goalId: menteesGoal.id, reviewerId: learnerId, answeredById: learnerId });
  const key = api.as(await keyOf(db, learnerId));
  const answered = { "Idempotency-Key": uuidv7() };
  const posted = await key.post(`/v1/learners/${learnerId}/goals`, { title: "Once" }, answered);
  expect(posted.status).toBe(201);
  const ids = { lead: lead.id, mentee: mentee.id, top: top.id, below: below.id, first: first.id, goal: goal.id, before: before.id, step: step.id };
  return {
    ...{ pair, key, answered, evidence, term, review, mentor, session, deleted, mentored, menteesGoal, menteesReview },
    ids,
    once: posted.body.id as string,
  };
}

describe("everything that a merged record has becomes the survivor's", () => {
  let full: Awaited<ReturnType<typeof buildFull>>;
  let answer: Awaited<ReturnType<typeof merging>>;
  let given: { email: string | null; externalId: string | null; subject: string | null };
  beforeAll(async () => {
    full = await buildFull();
    given = await api.db.learner.findUniqueOrThrow({ where: { id: full.pair.merged } });
    answer = await merging(full.pair);
  });
  const under = (path: string) => api.admin.get(`/v1/learners/${full.pair.survivor}${path}`);

  test("and the answer counts it", () => {
    expect(answer).toEqual({
      learnerId: full.pair.merged,
      survivorId: full.pair.survivor,
      moved: {
        ...{ StudySession: 2, Goal: 3, Step: 2, StepPrerequisite: 1, Evidence: 1, Review: 1, Term: 1, Timer: 1, Membership: 1, ApiKey: 1, IdempotencyKey: 1 },
      },
      referring: { StudySession: 1, Goal: 1, Review: 1, Team: 1, Resource: 1 },
      takenOver: ["email", "externalId", "subject", "target"],
      dropped: { membershipDays: 0, memberships: [], sessions: 0, invitations: 0 },
      renamed: 0,
      ownMentor: 0,
      conflicts: [],
    });
  });

  test("under the same ids, in the same places", async () => {
    const { pair, ids, evidence, term, review, session, deleted } = full;
    const { survivor: learnerId } = pair;
    const goal = `/goals/${ids.goal}`;
    expect((await under(goal)).body).toMatchObject({ learnerId, followsId: ids.first, reviewerId: ids.lead });
    expect((await under(`${goal}/steps/${ids.step}`)).body).toMatchObject({ prerequisites: [ids.before], loggedMinutes: 60 });
    expect((await under(`/study-sessions/${session.id}`)).body).toMatchObject({ goalId: ids.goal, stepId: ids.step, minutes: 60, note: null });
    expect((await under(`${goal}/reviews/${review.id}`)).body).toMatchObject({ stepId: ids.step, reviewerId: ids.lead });
    expect((await under("/timer")).body).toMatchObject({ goalId: ids.goal, stepId: ids.step });
    expect((await under("/membership")).body.history).toMatchObject([{ teamId: ids.top, fromDay: "2020-01-01", untilDay: null }]);
    const words = {
      evidence: await full.key.get(`/v1/learners/${learnerId}${goal}/evidence/${evidence.id}`),
      term: await api.db.term.count({ where: { id: term.id, learnerId } }),
    };
    expect([words.evidence.body.stepId, words.term]).toEqual([ids.step, 1]);
    const changed = (await under("/study-sessions?updatedSince=2026-06-17T00:00:00Z")).body.items;
    expect(changed.map(({ id }: { id: string }) => id).sort()).toEqual([session.id, deleted.id].sort());
  });

  test("whoever named it names the survivor", async () => {
    const { pair, ids, mentor, menteesGoal, menteesReview, mentored } = full;
    expect((await api.admin.get(`/v1/teams/${ids.below}`)).body).toMatchObject({ leadId: pair.survivor, version: 2 });
    expect((await api.admin.get(`/v1/resources/${mentor.id}`)).body).toMatchObject({ learnerId: pair.survivor, version: 2 });
    const goal = `/v1/learners/${ids.mentee}/goals/${menteesGoal.id}`;
    expect((await api.admin.get(goal)).body.reviewerId).toBe(pair.survivor);
    expect((await api.admin.get(`${goal}/reviews/${menteesReview.id}`)).body).toMatchObject({ reviewerId: pair.survivor, answeredById: pair.survivor });
    const confirmations = await full.key.get(`/v1/learners/${pair.survivor}/mentored-sessions`);
    expect(confirmations.body.items).toMatchObject([{ id: mentored.id, verification: "mentor-confirmed" }]);
  });

  test("its keys and its names are the survivor's", async () => {
    const { pair, key } = full;
    expect((await key.get("/v1/me")).body).toMatchObject({ learner: { id: pair.survivor }, leads: [{ id: full.ids.below }] });
    expect((await under("")).body).toMatchObject({
      email: given.email,
      externalId: given.externalId,
      target: { onTheJob: 60, social: 30, formal: 10 },
      version: 2,
    });
    expect((await under("/subject")).body.subject).toBe(given.subject);
  });

  test("a creation that was answered under the old address is not made again under the new one", async () => {
    const { pair, key, answered, once } = full;
    const old = await key.post(`/v1/learners/${pair.merged}/goals`, { title: "Once" }, answered);
    expect(old).toMatchObject({ status: 410, body: { code: "learner-merged", survivorId: pair.survivor } });
    const again = await key.post(`/v1/learners/${pair.survivor}/goals`, { title: "Once" }, answered);
    expect(again).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } });
    expect((await under(`/goals/${once}`)).status).toBe(200);
  });

  test("the sums of months are those of the sessions", async () => {
    expect(await wrongMonths()).toEqual([]);
    expect(await api.db.learnerMonth.count({ where: { learnerId: full.pair.merged } })).toBe(0);
    const { body } = await under("/breakdown?from=2026-05-01&to=2026-06-01");
    expect(body.total.sessions.total).toBe(1);
  });

  test("no row of any table names it any more, but for its own", async () => {
    const references = await api.db.$queryRaw<{ table: string; column: string }[]>`
      SELECT f.conrelid::regclass::text AS table, a.attname AS column
      FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = ANY (f.conkey)
      WHERE f.contype = 'f' AND f.confrelid = 'learners'::regclass`;
    const known = Object.values(NAMES_LEARNERS).flatMap((naming) =>
      naming ? [naming.owner, ...(naming.refers ?? [])].map((column) => `${naming.table}.${column}`) : [],
    );
    // Sums are made by the database.
    expect(references.map(({ table, column }) => `${table}.${column}`).filter((name) => !known.includes(name))).toEqual(["learner_months.learner_id"]);
    for (const { table, column } of [...references, { table: "idempotency_keys", column: "caller_id" }]) {
      const [{ rows }] = (await api.db.$queryRawUnsafe(`SELECT count(*)::int AS rows FROM ${table} WHERE ${column} = $1::uuid`, full.pair.merged)) as [
        { rows: number },
      ];
      expect([table, column, rows]).toEqual([table, column, 0]);
    }
  });

  test("it is told on both", async () => {
    for (const learner of [full.pair.merged, full.pair.survivor]) {
      const { items } = (await api.admin.get(`/v1/audit-events?learner=${learner}&operation=mergeLearner`)).body;
      expect(items).toMatchObject([{ action: "change", learnerIds: [full.pair.merged, full.pair.survivor, full.ids.lead] }]);
    }
  });
});

describe("stays that overlap", () => {
  test("are the survivor's; of the merged record's only the days are kept on which the survivor was in no team", async () => {
    const pair = await buildPair();
    const [mine, theirs] = [(await buildTeam(api.db)).id, (await buildTeam(api.db)).id];
    const join = (learnerId: string, teamId: string, fromDay: string, untilDay?: string) => joinTeam(api.db, learnerId, teamId, { fromDay, untilDay });
    await join(pair.survivor, mine, "2026-02-01", "2026-03-01");
    await join(pair.survivor, mine, "2026-06-10");
    const long = await join(pair.merged, theirs, "2026-01-01", "2026-04-01");
    const open = await join(pair.merged, theirs, "2026-05-01");
    const { moved, dropped } = await merging(pair);
    expect(moved).toEqual({ Membership: 3 });
    // From the tenth to today, the seventeenth, are eight days.
    expect(dropped).toMatchObject({
      membershipDays: 28 + 8,
      memberships: [
        { teamId: theirs, fromDay: "2026-02-01", untilDay: "2026-03-01" },
        { teamId: theirs, fromDay: "2026-06-10", untilDay: null },
      ],
    });
    const { history } = (await api.admin.get(`/v1/learners/${pair.survivor}/membership`)).body;
    expect(history).toMatchObject([
      { id: long.id, teamId: theirs, fromDay: "2026-01-01", untilDay: "2026-02-01" },
      { teamId: mine, fromDay: "2026-02-01", untilDay: "2026-03-01" },
      { teamId: theirs, fromDay: "2026-03-01", untilDay: "2026-04-01" },
      { id: open.id, teamId: theirs, fromDay: "2026-05-01", untilDay: "2026-06-10" },
      { teamId: mine, fromDay: "2026-06-10", untilDay: null },
    ]);
  });

  test("minutes count for the survivor's team of their day", async () => {
    const pair = await buildPair();
    const [mine, theirs] = [(await buildTeam(api.db)).id, (await buildTeam(api.db)).id];
    await joinTeam(api.db, pair.survivor, mine);
    await joinTeam(api.db, pair.merged, theirs);
    await buildSession(api.db, { learnerId: pair.merged });
    await merging(pair);
    const minutes = async (team: string) => (await api.admin.get(`/v1/teams/${team}/breakdown?from=2026-06-01&to=2026-06-17`)).body.total.minutes.total;
    expect([await minutes(mine), await minutes(theirs)]).toEqual([60, 0]);
  });
});

describe("sessions under one id", () => {
  const both = async (gone: object, kept: object) => {
    const pair = await buildPair();
    const id = uuidv7();
    await buildSession(api.db, { learnerId: pair.merged, id, ...gone });
    await buildSession(api.db, { learnerId: pair.survivor, id, ...kept });
    return { ...pair, id };
  };
  const deleted = { deletedAt: new Date("2026-06-02T08:00:00Z") };
  const sessionsOf = (learnerId: string) => api.db.studySession.findMany({ where: { learnerId } });

  test("that say the same are counted once", async () => {
    const pair = await both({}, {});
    expect(await merging(pair)).toMatchObject({ moved: {}, dropped: { sessions: 1 } });
    expect(await sessionsOf(pair.survivor)).toHaveLength(1);
    expect(await wrongMonths()).toEqual([]);
  });

  test.each([
    ["a deleted one gives way to the other", deleted, {}, { minutes: 60, deletedAt: null }],
    ["a deleted one gives way to the other, also where it is the survivor's", { minutes: 20, onTheJobMinutes: 20 }, deleted, { minutes: 20, deletedAt: null }],
    ["of two deleted ones one is left", { ...deleted, minutes: 20, onTheJobMinutes: 20 }, deleted, { minutes: 60, deletedAt: deleted.deletedAt }],
  ])("%s", async (_, gone, kept, left) => {
    const pair = await both(gone, kept);
    await merging(pair);
    expect(await sessionsOf(pair.survivor)).toMatchObject([left]);
    expect(await wrongMonths()).toEqual([]);
  });

  test("that differ stand in the way until one of them is deleted", async () => {
    const pair = await both({ minutes: 20, onTheJobMinutes: 20 }, {});
    expect((await preview(pair)).body.conflicts).toMatchObject([{ kind: "session-ids", count: 1, named: [pair.id] }]);
    const refused = await merge(pair);
    expect(refused).toMatchObject({ status: 409, body: { code: "merger-conflict" } });
    expect(refused.body.errors[0].detail).toContain(pair.id);
    expect(await sessionsOf(pair.merged)).toHaveLength(1);
    expect((await api.admin.delete(`/v1/learners/${pair.survivor}/study-sessions/${pair.id}`)).status).toBe(204);
    await merging(pair);
    expect(await sessionsOf(pair.survivor)).toMatchObject([{ minutes: 20, deletedAt: null }]);
  });
});

describe("days", () => {
  const log = (learnerId: string, minutes: number) =>
    buildSession(api.db, { learnerId, minutes, onTheJobMinutes: minutes, startedAt: new Date("2026-06-03T00:30:00Z") });

  test("that would hold more minutes than a day may stand in the way, and are named", async () => {
    const pair = await buildPair();
    await log(pair.merged, 800);
    const { id } = await log(pair.survivor, 700);
    expect((await preview(pair)).body.conflicts).toMatchObject([{ kind: "full-days", count: 1, named: ["2026-06-03: 1500 minutes"] }]);
    expect(await merge(pair)).toMatchObject({ status: 409, body: { code: "merger-conflict" } });
    expect((await api.admin.patch(`/v1/learners/${pair.survivor}/study-sessions/${id}`, { minutes: 640 })).status).toBe(200);
    await merging(pair);
    expect(await wrongMonths()).toEqual([]);
  });

  test("that were too full before the limit stay as they are", async () => {
    const pair = await buildPair();
    await api.db.$transaction(async (tx) => {
      await tx.$queryRaw`SELECT set_config('cairn.day_minutes', '5000', true)`;
      for (const _ of [1, 2]) {
        await buildSession(tx as typeof api.db, { learnerId: pair.merged, minutes: 1000, onTheJobMinutes: 1000, startedAt: new Date("2026-06-03T00:30:00Z") });
      }
    });
    await merging(pair);
    expect(await api.db.studySession.count({ where: { learnerId: pair.survivor } })).toBe(2);
  });
});

test("two timers stand in the way until one of them is stopped", async () => {
  const pair = await buildPair();
  for (const id of [pair.merged, pair.survivor]) expect((await api.admin.post(`/v1/learners/${id}/timer`, {})).status).toBe(201);
  expect((await preview(pair)).body.conflicts).toMatchObject([{ kind: "two-timers", count: 1 }]);
  expect(await merge(pair)).toMatchObject({ status: 409, body: { code: "merger-conflict" } });
  expect((await api.admin.delete(`/v1/learners/${pair.merged}/timer`)).status).toBe(204);
  await merging(pair);
});

test("sessions of closed months become another record's only with a reason", async () => {
  const pair = await buildPair();
  await buildSession(api.db, { learnerId: pair.merged, startedAt: new Date("2025-02-03T08:00:00Z") });
  expect((await api.admin.put("/v1/periods/2025-02/closure", {})).status).toBeLessThan(300);
  expect((await preview(pair)).body.conflicts).toMatchObject([{ kind: "closed-months", count: 1 }]);
  expect(await merge(pair)).toMatchObject({ status: 409, body: { code: "merger-conflict" } });
  const address = `/v1/learners/${pair.merged}/merger`;
  expect(await api.admin.put(address, { survivorId: pair.survivor }, { "Change-Reason": "One person had two records" })).toMatchObject({ status: 200 });
  const { items } = (await api.admin.get(`/v1/audit-events?learner=${pair.survivor}`)).body;
  expect(items[0]).toMatchObject({ action: "change", reason: "One person had two records" });
  expect((await api.admin.delete("/v1/periods/2025-02/closure")).status).toBe(204);
});

test("two who sign in stand in the way until one of them no longer does", async () => {
  const pair = await buildPair({ merged: { subject: uuidv7() }, survivor: { subject: uuidv7() } });
  expect((await preview(pair)).body.conflicts).toMatchObject([{ kind: "both-sign-in", count: 1 }]);
  expect(await merge(pair)).toMatchObject({ status: 409, body: { code: "merger-conflict" } });
  expect((await api.admin.delete(`/v1/learners/${pair.merged}/subject`)).status).toBe(204);
  expect((await merging(pair)).takenOver).toEqual([]);
});

test("two who reviewed each other are not merged", async () => {
  const pair = await buildPair();
  const { id } = await buildReview(api.db, {
    learnerId: pair.survivor,
    goalId: (await buildGoal(api.db, { learnerId: pair.survivor })).id,
    answeredById: pair.merged,
  });
  expect((await preview(pair)).body.conflicts).toMatchObject([{ kind: "reviewed-each-other", named: [id] }]);
  expect(await merge(pair)).toMatchObject({ status: 409, body: { code: "merger-conflict" } });
});

test("nobody becomes their own reviewer or mentor: minutes stay, a confirmation by oneself does not", async () => {
  const pair = await buildPair();
  const { db } = api;
  const asked = await buildGoal(db, { learnerId: pair.survivor, reviewerId: pair.merged });
  const review = await buildReview(db, { learnerId: pair.survivor, goalId: asked.id, reviewerId: pair.merged });
  const moved = await buildGoal(db, { learnerId: pair.merged, reviewerId: pair.survivor });
  const mentor = await buildResource(db, { type: "mentor", learnerId: pair.survivor });
  const spent = { resourceId: mentor.id, verification: "mentorConfirmed" as const };
  const one = await buildSession(db, { learnerId: pair.merged, mentorId: pair.survivor, ...spent });
  const other = await buildSession(db, { learnerId: pair.survivor, mentorId: pair.merged, ...spent });
  expect((await merging(pair)).ownMentor).toBe(2);
  for (const { id } of [asked, moved]) expect((await api.admin.get(`/v1/learners/${pair.survivor}/goals/${id}`)).body.reviewerId).toBeNull();
  expect((await db.review.findFirstOrThrow({ where: { id: review.id } })).reviewerId).toBeNull();
  for (const { id } of [one, other]) {
    expect(await db.studySession.findFirstOrThrow({ where: { id } })).toMatchObject({
      ...{ learnerId: pair.survivor, minutes: 60, onTheJobMinutes: 60, mentorId: null, verification: "selfReported", version: 2 },
    });
  }
  expect(await wrongMonths()).toEqual([]);
});

test("what both have under one id gets a new one, and its parts stay with it", async () => {
  const pair = await buildPair();
  const { db } = api;
  const id = uuidv7();
  await buildGoal(db, { learnerId: pair.survivor, id, title: "Another" });
  await buildGoal(db, { learnerId: pair.merged, id, title: "Clashing" });
  const step = await buildStep(db, { learnerId: pair.merged, goalId: id });
  const next = await buildStep(db, { learnerId: pair.merged, goalId: id, requires: [step.id] });
  const following = await buildGoal(db, { learnerId: pair.merged, followsId: id });
  await buildTerm(db, { learnerId: pair.merged, goalId: id });
  await buildSession(db, { learnerId: pair.merged, goalId: id, stepId: step.id });
  expect((await merging(pair)).renamed).toBe(1);
  const goals = await db.goal.findMany({ where: { learnerId: pair.survivor } });
  const renamed = goals.find(({ title }) => title === "Clashing")?.id as string;
  expect(goals.map((goal) => goal.id).sort()).toEqual([id, renamed, following.id].sort());
  expect(goals.find((goal) => goal.id === following.id)?.followsId).toBe(renamed);
  const under = `/v1/learners/${pair.survivor}/goals/${renamed}`;
  expect((await api.admin.get(`${under}/steps/${next.id}`)).body.prerequisites).toEqual([step.id]);
  expect((await api.admin.get(`${under}/steps/${step.id}`)).body.loggedMinutes).toBe(60);
  expect(await db.term.count({ where: { learnerId: pair.survivor, goalId: renamed } })).toBe(1);
});

test("an invitation that waits for the merged record ends; keys that act for it act for the survivor", async () => {
  const pair = await buildPair();
  const { secret } = (await api.admin.post(`/v1/learners/${pair.merged}/invitations`, {})).body;
  const acting = (await api.admin.post("/v1/api-keys", { name: "A tool", role: "learner", learnerId: pair.merged })).body;
  expect((await merging(pair)).dropped.invitations).toBe(1);
  expect((await api.as(null).post("/v1/invitations/redemption", { secret })).status).toBe(401);
  expect((await api.as(acting.secret).get("/v1/me")).body).toMatchObject({ learner: { id: pair.survivor }, apiKey: { actsFor: true } });
});

test("of what both have the survivor's stays, and what the other went by leads to the survivor", async () => {
  const names = () => ({ email: `${uuidv7()}@example.com`, externalId: uuidv7() });
  const [old, own] = [names(), names()];
  const pair = await buildPair({ merged: { ...old, timeZone: "Asia/Tokyo" }, survivor: own });
  const service = api.as(await buildKey(api.db, { role: "service", scopes: ["directory:write"] }));
  expect((await merging(pair)).takenOver).toEqual([]);
  expect((await api.admin.get(`/v1/learners/${pair.survivor}`)).body).toMatchObject({ ...own, timeZone: "UTC" });
  for (const field of ["email", "externalId"] as const) {
    const refused = await service.post("/v1/learners", { name: "Once more", [field]: old[field] });
    expect(refused).toMatchObject({ status: 410, body: { code: "learner-merged", survivorId: pair.survivor, errors: [{ pointer: `#/${field}` }] } });
  }
  const line = JSON.stringify({ name: "Once more", externalId: old.externalId });
  const { text } = await service.post("/v1/imports/learners", line, { "Content-Type": "application/x-ndjson" });
  expect(JSON.parse(text.split("\n")[0] as string).problem).toMatchObject({ code: "learner-merged", survivorId: pair.survivor });
  const other = (await buildLearner(api.db)).id;
  expect((await api.admin.patch(`/v1/learners/${other}`, { email: old.email })).body.code).toBe("learner-merged");
  expect((await api.admin.patch(`/v1/learners/${pair.survivor}`, old)).body).toMatchObject(old);
});

describe("a merger that cannot be", () => {
  test("into itself", async () => {
    const { merged } = await buildPair();
    for (const answer of [await api.admin.put(at(merged), { survivorId: merged }), await api.admin.get(`${at(merged)}?survivorId=${merged}`)]) {
      expect(answer).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/survivorId" }] } });
    }
  });

  test("into nobody", async () => {
    const { merged } = await buildPair();
    const answer = await api.admin.put(at(merged), { survivorId: uuidv7() });
    expect(answer).toMatchObject({ status: 422, body: { code: "reference-missing", errors: [{ pointer: "#/survivorId" }] } });
  });

  test.each(["merged", "survivor"] as const)("of an erased person: the %s", async (which) => {
    const pair = await buildPair();
    await api.admin.delete(`/v1/learners/${pair[which]}/personal-data`);
    expect((await preview(pair)).body.code).toBe("learner-erased");
    expect(await merge(pair)).toMatchObject({ status: 409, body: { code: "learner-erased" } });
  });

  test("a second time, or into a merged record, or in a circle", async () => {
    const pair = await buildPair();
    const other = (await buildLearner(api.db)).id;
    await merging(pair);
    const told = { status: 410, body: { code: "learner-merged", survivorId: pair.survivor } };
    expect(await merge(pair)).toMatchObject(told);
    expect(await api.admin.put(at(pair.merged), { survivorId: other })).toMatchObject(told);
    const into = await api.admin.put(at(other), { survivorId: pair.merged });
    expect(into).toMatchObject({ ...told, body: { ...told.body, errors: [{ pointer: "#/survivorId" }] } });
    expect(await api.admin.put(at(pair.survivor), { survivorId: pair.merged })).toMatchObject(told);
  });
});

test("when the survivor is merged itself, both ids lead to the last", async () => {
  const pair = await buildPair();
  const last = (await buildLearner(api.db)).id;
  await merging(pair);
  expect((await merging({ merged: pair.survivor, survivor: last, url: at(pair.survivor) })).referring).toEqual({ Learner: 1 });
  for (const id of [pair.merged, pair.survivor]) expect((await api.admin.get(`/v1/learners/${id}`)).body.survivorId).toBe(last);
});

test("a preview changes and locks no row", async () => {
  const { pair } = await buildFull();
  const traces = async () =>
    Promise.all(
      ["learners", "study_sessions", "goals", "memberships", "audit_events"].map((table) =>
        api.db.$queryRawUnsafe(
          `SELECT xmin::text, xmax::text, ctid::text FROM ${table} ${table === "audit_events" ? "WHERE action = 'change'" : ""} ORDER BY ctid`,
        ),
      ),
    );
  const before = await traces();
  expect((await preview(pair)).status).toBe(200);
  expect(await traces()).toEqual(before);
});

test("an erasure of the survivor takes what is left of the merged record, too; an export shows it before", async () => {
  const pair = await buildPair({
    merged: { name: "Ada Twice", email: `${uuidv7()}@example.com`, externalId: uuidv7() },
    survivor: { email: `${uuidv7()}@example.com`, externalId: uuidv7() },
  });
  const team = await buildTeam(api.db, { name: "The team of Ada Twice" });
  const own = api.as(await keyOf(api.db, pair.survivor));
  await merging(pair);
  const exported = JSON.parse((await own.get(`/v1/learners/${pair.survivor}/export`)).text).records;
  expect(exported.Learner.map(({ id }: { id: string }) => id)).toEqual([pair.merged, pair.survivor].sort());
  expect(exported.AuditEvent.map(({ operation }: { operation: string }) => operation)).toContain("mergeLearner");
  const erased = await api.admin.delete(`/v1/learners/${pair.survivor}/personal-data`);
  expect(erased.body.anonymised).toMatchObject({ Learner: 2, Team: 1 });
  for (const id of [pair.merged, pair.survivor]) {
    const row = await api.db.learner.findUniqueOrThrow({ where: { id } });
    expect(row).toMatchObject({ name: "Somebody who was erased", email: null, externalId: null, erasedAt: expect.any(Date) });
  }
  expect((await api.admin.get(`/v1/teams/${team.id}`)).body.name).toBe("The team of Somebody who was erased");
});

test("it is said in words that admins, and nobody else, can act on", async () => {
  const pair = await buildPair();
  const service = api.as(await buildKey(api.db, { role: "service" }));
  expect(await merge(pair, service)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  expect(await merge(pair, api.as(await keyOf(api.db, pair.merged)))).toMatchObject({ status: 403 });
  expect(await merge(pair, api.as(await keyOf(api.db, pair.survivor)))).toMatchObject({ status: 404 });
  expect(
    (await api.db.membership.count({ where: { fromDay: toDate("1900-01-01") } })) + (await api.db.learner.count({ where: { mergedIntoId: pair.survivor } })),
  ).toBe(0);
});
