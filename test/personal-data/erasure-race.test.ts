import { v7 as uuidv7 } from "uuid";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";

// On a server the writes and the erasure really run at once; the embedded database takes them one by one.
const ROUNDS = Number(process.env.ERASURE_ROUNDS ?? 3);
const AT_ONCE = 4;

let api: TestApp;
let service: Client;
beforeAll(async () => {
  api = await startApp();
  service = api.as(await buildKey(api.db, { role: "service" }));
});
afterAll(() => api.close());

type Ids = Record<"learnerId" | "teamId" | "otherTeamId" | "goalId" | "stepId" | "evidenceId" | "termId" | "reviewId" | "sessionId" | "colleagueId", string> & {
  colleagueGoalId: string;
  resourceId: string;
  keyId: string;
};
type World = { ids: Ids; own: Client; lead: Client };
type Answer = { status: number; body: { code?: string; secret?: string } };

async function buildWorld(): Promise<World> {
  const { db } = api;
  const [{ id: learnerId }, { id: leadId }, { id: colleagueId }] = [
    await buildLearner(db, { name: "Ada Race" }),
    await buildLearner(db),
    await buildLearner(db),
  ];
  const [team, other] = [await buildTeam(db, { leadId }), await buildTeam(db)];
  // Somebody whom the learner leads, so that they can be asked for a review.
  const below = await buildTeam(db, { parentId: team.id, leadId: learnerId });
  await joinTeam(db, learnerId, team.id);
  await joinTeam(db, colleagueId, below.id);
  const goal = await buildGoal(db, { learnerId });
  const of = { learnerId, goalId: goal.id };
  const [step, evidence, term] = [await buildStep(db, of), await buildEvidence(db, { ...of, shared: true }), await buildTerm(db, { ...of, shared: true })];
  const [review, session] = [await buildReview(db, of), await buildSession(db, { learnerId, note: "Mine", noteShared: true })];
  const [colleagueGoal, resource] = [await buildGoal(db, { learnerId: colleagueId }), await buildResource(db, { type: "mentor" })];
  const own = api.as(await keyOf(db, learnerId));
  const { id: keyId } = await db.apiKey.findFirstOrThrow({ where: { learnerId } });
  const ids = {
    ...{ learnerId, colleagueId, keyId, teamId: team.id, otherTeamId: other.id, goalId: goal.id, stepId: step.id, evidenceId: evidence.id },
    ...{ termId: term.id, reviewId: review.id, sessionId: session.id, colleagueGoalId: colleagueGoal.id, resourceId: resource.id },
  };
  return { ids, own, lead: api.as(await keyOf(db, leadId)) };
}

const SESSION = { startedAt: "2026-06-16T08:00:00Z", minutes: 5, note: "Mine" };
const once = () => ({ "Idempotency-Key": uuidv7() });
const underLearner = ({ ids }: World) => `/v1/learners/${ids.learnerId}`;
const underGoal = (world: World) => `${underLearner(world)}/goals/${world.ids.goalId}`;
const ndjson = { "Content-Type": "application/x-ndjson" };

/** Every kind of write by which something of the person could stay: several of each are under way with the erasure. */
const WRITES: Record<string, (world: World) => Promise<Answer>> = {
  "a session of their own": (world) => world.own.post(`${underLearner(world)}/study-sessions`, SESSION, once()),
  "a session under an id": (world) => world.own.put(`${underLearner(world)}/study-sessions/${uuidv7()}`, SESSION),
  "a session by a service": (world) => service.post(`${underLearner(world)}/study-sessions`, SESSION, once()),
  "a batch": ({ ids }) => service.post("/v1/study-sessions/batch", { items: [{ ...SESSION, learnerId: ids.learnerId }] }, once()),
  "a line of sessions": ({ ids }) => service.post("/v1/imports/study-sessions", JSON.stringify({ ...SESSION, learnerId: ids.learnerId, id: uuidv7() }), ndjson),
  "a change of a session": (world) => world.own.patch(`${underLearner(world)}/study-sessions/${world.ids.sessionId}`, { note: "Changed" }),
  "a timer": (world) => world.own.post(`${underLearner(world)}/timer`, { mode: "social" }),
  "a goal": (world) => world.own.post(`${underLearner(world)}/goals`, { title: "Mine" }, once()),
  "a change of a goal": (world) => service.patch(underGoal(world), { why: "Because" }),
  "a step": (world) => service.post(`${underGoal(world)}/steps`, { title: "A step" }, once()),
  "a completion": (world) => world.own.put(`${underGoal(world)}/steps/${world.ids.stepId}/completion`, {}),
  "a piece of evidence": (world) => world.own.post(`${underGoal(world)}/evidence`, { title: "Mine", text: "Mine" }, once()),
  "a change of evidence": (world) => world.own.patch(`${underGoal(world)}/evidence/${world.ids.evidenceId}`, { title: "Changed" }),
  "a term": (world) => world.own.post(`${underGoal(world)}/terms`, { term: uuidv7() }, once()),
  "a change of a term": (world) => world.own.patch(`${underGoal(world)}/terms/${world.ids.termId}`, { meaning: "Changed" }),
  "a review asked for": (world) => world.own.post(`${underGoal(world)}/reviews`, { stepId: world.ids.stepId, question: "Well?" }, once()),
  "an answer to a review": (world) =>
    world.lead.put(`${underGoal(world)}/reviews/${world.ids.reviewId}/answer`, { verdict: "endorsed", comment: "Well done" }, { "If-Match": '"1"' }),
  "a key of their own": ({ ids, own }) => own.post("/v1/api-keys", { name: "Mine", role: "learner", learnerId: ids.learnerId }, once()),
  "a key by an admin": ({ ids }) => api.admin.post("/v1/api-keys", { name: "Theirs", role: "learner", learnerId: ids.learnerId }, once()),
  "a rotated key": ({ ids, own }) => own.post(`/v1/api-keys/${ids.keyId}/rotation`, {}, once()),
  "an invitation": (world) => service.post(`${underLearner(world)}/invitations`, {}, once()),
  "a name": (world) => api.admin.patch(underLearner(world), { name: "Ada Again", email: `${uuidv7()}@example.com` }),
  "a time zone": (world) => world.own.patch(underLearner(world), { timeZone: "Asia/Tokyo" }),
  "a membership": (world) => service.put(`${underLearner(world)}/membership`, { teamId: world.ids.otherTeamId, fromDay: "2026-06-10" }),
  "a team to lead": ({ ids }) => service.patch(`/v1/teams/${ids.otherTeamId}`, { leadId: ids.learnerId }),
  "a new team to lead": ({ ids }) => service.post("/v1/teams", { name: "A team", leadId: ids.learnerId }, once()),
  "a mentor": ({ ids }) => service.patch(`/v1/resources/${ids.resourceId}`, { learnerId: ids.learnerId }),
  "a review of another's goal": ({ ids }) => service.patch(`/v1/learners/${ids.colleagueId}/goals/${ids.colleagueGoalId}`, { reviewerId: ids.learnerId }),
  "a line of learners": ({ ids }) =>
    service.post("/v1/imports/learners", JSON.stringify({ id: ids.learnerId, name: "Ada Race", externalId: uuidv7() }), ndjson),
};

const REFUSED = ["learner-erased", "unauthenticated", "not-found", "forbidden", "reviewer-not-above", "idempotency-key-in-flight"];

test.each(Object.entries(WRITES))(
  "%s leaves nothing of the person, whichever comes first",
  async (_, write) => {
    for (let round = 0; round < ROUNDS; round++) {
      const world = await buildWorld();
      const { learnerId } = world.ids;
      const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      const writes = Array.from({ length: AT_ONCE }, async (_, index) => {
        await later(Math.random() * 6 * index);
        return write(world);
      });
      await later(Math.random() * 10);
      const erased = await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
      const answers = await Promise.all(writes);
      expect(erased.status).toBe(200);
      const odd = answers.filter(({ status, body }) => status >= 500 || (status >= 400 && !ALLOWED.has(body.code ?? "")));
      expect(odd.map(({ status, body }) => `${status} ${body.code}`)).toEqual([]);
      expect(await leftOf(learnerId)).toEqual({});
      for (const secret of answers.flatMap(({ body }) => body.secret ?? [])) expect((await api.as(secret).get("/v1/me")).status).toBe(401);
      expect((await world.own.get("/v1/me")).status).toBe(401);
    }
  },
  600_000,
);

// What two of the same may be refused for among themselves, besides what an erasure refuses.
const ALLOWED = new Set([
  ...REFUSED,
  "timer-running",
  "key-rotated",
  "day-full",
  "already-exists",
  "review-waiting",
  "review-answered",
  "version-mismatch",
  "membership-overlap",
]);

/**
 * How much of the person is stored, by where; {} after an erasure. The answer to a service's batch
 * is not counted: of each item it holds the learner's id and no words.
 */
async function leftOf(id: string): Promise<Record<string, number>> {
  const counts = await api.db.$queryRaw<{ place: string; rows: number }[]>`
    SELECT place, count(*)::int AS rows FROM (
      SELECT 'keys' AS place FROM api_keys WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'goals' FROM goals WHERE learner_id = ${id}::uuid OR reviewer_id = ${id}::uuid
      UNION ALL SELECT 'steps' FROM steps WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'evidence' FROM evidence WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'terms' FROM terms WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'reviews' FROM reviews WHERE learner_id = ${id}::uuid OR (reviewer_id = ${id}::uuid AND verdict IS NULL)
      UNION ALL SELECT 'timers' FROM timers WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'notes' FROM study_sessions WHERE learner_id = ${id}::uuid AND (note IS NOT NULL OR time_zone <> 'UTC' OR goal_id IS NOT NULL OR started_at <> occurred_on)
      UNION ALL SELECT 'answers' FROM idempotency_keys WHERE caller_id = ${id}::uuid OR ${id} IN (body ->> 'id', body ->> 'learnerId', body ->> 'leadId')
      UNION ALL SELECT 'teams' FROM teams WHERE lead_id = ${id}::uuid
      UNION ALL SELECT 'mentors' FROM resources WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'open memberships' FROM memberships WHERE learner_id = ${id}::uuid AND until_day IS NULL
      UNION ALL SELECT 'profile' FROM learners WHERE id = ${id}::uuid
        AND (name <> 'Somebody who was erased' OR email IS NOT NULL OR external_id IS NOT NULL OR time_zone <> 'UTC' OR erased_at IS NULL)
    ) left_over GROUP BY place`;
  return Object.fromEntries(counts.map(({ place, rows }) => [place, rows]));
}
