import { v7 as uuidv7 } from "uuid";
import type { Client, TestApp } from "./app";
import { buildGoal, buildKey, buildLearner, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "./factories";
import { buildEvidence, buildReview, buildTerm } from "./growth-factories";

type Ids = Record<"learnerId" | "teamId" | "otherTeamId" | "goalId" | "stepId" | "evidenceId" | "termId" | "reviewId" | "sessionId" | "colleagueId", string> & {
  colleagueGoalId: string;
  resourceId: string;
  keyId: string;
};
export type World = { ids: Ids; own: Client; lead: Client; service: Client; admin: Client };
export type Answer = { status: number; body: { code?: string; secret?: string } };

/** Somebody with something of every kind, whom a service, a lead and they themselves can write about. */
export async function buildWorld(api: TestApp): Promise<World> {
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
  return { ids, own, lead: api.as(await keyOf(db, leadId)), service: api.as(await buildKey(db, { role: "service" })), admin: api.admin };
}

const SESSION = { startedAt: "2026-06-16T08:00:00Z", minutes: 5, note: "Mine" };
const once = () => ({ "Idempotency-Key": uuidv7() });
const underLearner = ({ ids }: World) => `/v1/learners/${ids.learnerId}`;
const underGoal = (world: World) => `${underLearner(world)}/goals/${world.ids.goalId}`;
const ndjson = { "Content-Type": "application/x-ndjson" };

/** Every kind of write by which something of the person could be stored. */
export const WRITES: Record<string, (world: World) => Promise<Answer>> = {
  "a session of their own": (world) => world.own.post(`${underLearner(world)}/study-sessions`, SESSION, once()),
  "a session under an id": (world) => world.own.put(`${underLearner(world)}/study-sessions/${uuidv7()}`, SESSION),
  "a session by a service": (world) => world.service.post(`${underLearner(world)}/study-sessions`, SESSION, once()),
  "a batch": ({ ids, service }) => service.post("/v1/study-sessions/batch", { items: [{ ...SESSION, learnerId: ids.learnerId }] }, once()),
  "a line of sessions": ({ ids, service }) =>
    service.post("/v1/imports/study-sessions", JSON.stringify({ ...SESSION, learnerId: ids.learnerId, id: uuidv7() }), ndjson),
  "a change of a session": (world) => world.own.patch(`${underLearner(world)}/study-sessions/${world.ids.sessionId}`, { note: "Changed" }),
  "a timer": (world) => world.own.post(`${underLearner(world)}/timer`, { mode: "social" }),
  "a goal": (world) => world.own.post(`${underLearner(world)}/goals`, { title: "Mine" }, once()),
  "a change of a goal": (world) => world.service.patch(underGoal(world), { why: "Because" }),
  "a step": (world) => world.service.post(`${underGoal(world)}/steps`, { title: "A step" }, once()),
  "a completion": (world) => world.own.put(`${underGoal(world)}/steps/${world.ids.stepId}/completion`, {}),
  "a piece of evidence": (world) => world.own.post(`${underGoal(world)}/evidence`, { title: "Mine", text: "Mine" }, once()),
  "a change of evidence": (world) => world.own.patch(`${underGoal(world)}/evidence/${world.ids.evidenceId}`, { title: "Changed" }),
  "a term": (world) => world.own.post(`${underGoal(world)}/terms`, { term: uuidv7() }, once()),
  "a change of a term": (world) => world.own.patch(`${underGoal(world)}/terms/${world.ids.termId}`, { meaning: "Changed" }),
  "a review asked for": (world) => world.own.post(`${underGoal(world)}/reviews`, { stepId: world.ids.stepId, question: "Well?" }, once()),
  "an answer to a review": (world) =>
    world.lead.put(`${underGoal(world)}/reviews/${world.ids.reviewId}/answer`, { verdict: "endorsed", comment: "Well done" }, { "If-Match": '"1"' }),
  "a key of their own": ({ ids, own }) => own.post("/v1/api-keys", { name: "Mine", role: "learner", learnerId: ids.learnerId }, once()),
  "a key by an admin": ({ ids, admin }) => admin.post("/v1/api-keys", { name: "Theirs", role: "learner", learnerId: ids.learnerId }, once()),
  "a rotated key": ({ ids, own }) => own.post(`/v1/api-keys/${ids.keyId}/rotation`, {}, once()),
  "an invitation": (world) => world.service.post(`${underLearner(world)}/invitations`, {}, once()),
  "a name": (world) => world.admin.patch(underLearner(world), { name: "Ada Again", email: `${uuidv7()}@example.com` }),
  "a time zone": (world) => world.own.patch(underLearner(world), { timeZone: "Asia/Tokyo" }),
  "a membership": (world) => world.service.put(`${underLearner(world)}/membership`, { teamId: world.ids.otherTeamId, fromDay: "2026-06-10" }),
  "a team to lead": ({ ids, service }) => service.patch(`/v1/teams/${ids.otherTeamId}`, { leadId: ids.learnerId }),
  "a new team to lead": ({ ids, service }) => service.post("/v1/teams", { name: "A team", leadId: ids.learnerId }, once()),
  "a mentor": ({ ids, service }) => service.patch(`/v1/resources/${ids.resourceId}`, { learnerId: ids.learnerId }),
  "a review of another's goal": ({ ids, service }) =>
    service.patch(`/v1/learners/${ids.colleagueId}/goals/${ids.colleagueGoalId}`, { reviewerId: ids.learnerId }),
  "a line of learners": ({ ids, service }) =>
    service.post("/v1/imports/learners", JSON.stringify({ id: ids.learnerId, name: "Ada Race", externalId: uuidv7() }), ndjson),
};
