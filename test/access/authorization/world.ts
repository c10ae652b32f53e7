import { randomBytes } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import { KEY_SCOPES, type KeyScope } from "../../../src/access/scope";
import { hashSecret, newSecret } from "../../../src/api-keys/secret";
import type { Prisma, PrismaClient } from "../../../src/generated/prisma/client";
import { type Client, NOW, type TestApp } from "../../setup/app";
import { buildActingKey, buildGoal, buildKey, buildPath, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../../setup/growth-factories";
import type { Caller } from "./table";
import type { Issuer } from "./token-issuer";

const TODAY = "2026-06-17";

/** What is written in a world, each a word of its own, so that it is known again wherever it comes out. */
export const WORDS = [
  ...(["name", "email", "keyName", "goal", "step", "evidence", "term", "question", "comment", "note"] as const),
  ...(["privateNote", "privateEvidence", "privateTerm"] as const),
  ...(["peerName", "outsiderName", "outsiderGoal", "outsiderNote"] as const),
] as const;
export type Word = (typeof WORDS)[number];

export type World = { ids: Ids; words: Record<Word, string>; as(caller: Caller): Promise<Client> };
export type Ids = Record<string, string> & { learnerId: string; teamId: string };

//   division (the lead above): nobody      elsewhere (a lead elsewhere): the outsider, the mentor
//     crew (the lead): the learner, a peer
//       below: nobody
let months = 0;

/** A month of no other world. */
function nextMonth(): string {
  return new Date(Date.UTC(1970, ++months)).toISOString().slice(0, 7);
}

export async function buildWorld(api: TestApp, issuer: Issuer, { hasLeft = false } = {}): Promise<World> {
  const { db } = api;
  const words = Object.fromEntries(WORDS.map((word) => [word, `${word.toLowerCase()}${randomBytes(6).toString("hex")}`])) as Record<Word, string>;
  const bossSubject = uuidv7();
  const [learner, peer, lead, leadAbove, leadElsewhere, formerLead, gone, mentor, outsider, newcomer] = await buildPeople(db, [
    { name: words.name, email: `${words.email}@example.com` },
    { name: words.peerName },
    { name: "The lead" },
    { name: "The lead above" },
    { name: "A lead elsewhere" },
    { name: "A former lead" },
    { name: "Who left the team" },
    { name: "The mentor" },
    { name: words.outsiderName },
    { name: "Who never signed in" },
    { name: "An admin in person", subject: bossSubject },
  ]);
  const [division, elsewhere, path, draft, book, mentoring, mentoringByLearner] = await Promise.all([
    buildTeam(db, { leadId: leadAbove.id }),
    buildTeam(db, { leadId: leadElsewhere.id }),
    buildPath(db),
    db.path.create({
      data: { id: uuidv7(), versions: { create: { number: 1, title: "A draft", steps: { create: { key: "only", title: "Only", position: 0 } } } } },
    }),
    buildResource(db),
    buildResource(db, { type: "mentor", learnerId: mentor.id }),
    buildResource(db, { type: "mentor", learnerId: learner.id }),
  ]);
  const crew = await buildTeam(db, { parentId: division.id, leadId: formerLead.id });
  const learnerId = learner.id;
  const [below, membership, goal, empty, outsiderGoal, session] = await Promise.all([
    buildTeam(db, { parentId: crew.id }),
    joinTeam(db, learnerId, crew.id, hasLeft ? { untilDay: TODAY } : {}),
    buildGoal(db, { learnerId, title: words.goal, pathId: path.id, pathVersion: 1 }),
    buildGoal(db, { learnerId }),
    buildGoal(db, { learnerId: outsider.id, title: words.outsiderGoal }),
    buildSession(db, { learnerId, resourceId: mentoring.id, note: words.privateNote }),
    buildSession(db, { learnerId, note: words.note, noteShared: true }),
    joinTeam(db, peer.id, crew.id),
    joinTeam(db, newcomer.id, crew.id, hasLeft ? { untilDay: TODAY } : {}),
    joinTeam(db, gone.id, crew.id, { untilDay: TODAY }),
    joinTeam(db, outsider.id, elsewhere.id),
    joinTeam(db, mentor.id, elsewhere.id),
    db.team.update({ where: { id: crew.id }, data: { leadId: lead.id } }),
    db.timer.create({ data: { learnerId, startedAt: new Date(NOW.getTime() - 3_600_000), timeZone: "UTC", startedOn: NOW } }),
  ]);
  const of = { learnerId, goalId: goal.id };
  const [step, evidence, privateEvidence, term, privateTerm, review, named, outsiderStep, outsiderSession] = await Promise.all([
    buildStep(db, { ...of, title: words.step, position: 1 }),
    buildEvidence(db, { ...of, title: words.evidence, shared: true }),
    buildEvidence(db, { ...of, text: words.privateEvidence }),
    buildTerm(db, { ...of, term: words.term, shared: true }),
    buildTerm(db, { ...of, term: words.privateTerm }),
    buildReview(db, { ...of, question: words.question }),
    buildStep(db, { ...of, position: 2 }).then(({ id }) => buildReview(db, { ...of, stepId: id, reviewerId: lead.id })),
    buildStep(db, { learnerId: outsider.id, goalId: outsiderGoal.id }),
    buildSession(db, { learnerId: outsider.id, resourceId: mentoringByLearner.id, note: words.outsiderNote }),
    buildReview(db, { ...of, answeredById: lead.id, comment: words.comment }),
  ]);
  const ownKey = await buildKey(db, { role: "learner", learnerId, name: words.keyName });
  const apiKeyId = (await db.apiKey.findFirstOrThrow({ where: { learnerId } })).id;
  const serviceName = `Service ${randomBytes(6).toString("hex")}`;
  await buildKey(db, { role: "service", name: serviceName });
  const invitationSecret = randomBytes(32).toString("hex");
  const invitation = await db.invitation.create({
    data: { id: uuidv7(), learnerId, secretHash: hashSecret(invitationSecret), renews: true, expiresAt: new Date(NOW.getTime() + 3_600_000) },
  });
  const outsiderInvitation = await db.invitation.create({
    data: { id: uuidv7(), learnerId: outsider.id, secretHash: randomBytes(32), renews: false, expiresAt: new Date(NOW.getTime() + 3_600_000) },
  });
  const closedMonth = nextMonth();
  await db.closedMonth.create({ data: { month: new Date(`${closedMonth}-01`), closedAt: NOW } });
  const ids = {
    learnerId,
    teamId: crew.id,
    teamBelowId: below.id,
    divisionId: division.id,
    elsewhereId: elsewhere.id,
    membershipId: membership.id,
    resourceId: book.id,
    mentoringId: mentoring.id,
    pathId: path.id,
    number: "1",
    month: closedMonth,
    openMonth: nextMonth(),
    draftPathId: draft.id,
    goalId: goal.id,
    emptyGoalId: empty.id,
    stepId: step.id,
    evidenceId: evidence.id,
    privateEvidenceId: privateEvidence.id,
    reviewId: review.id,
    namedReviewId: named.id,
    termId: term.id,
    privateTermId: privateTerm.id,
    sessionId: session.id,
    newSessionId: uuidv7(),
    apiKeyId,
    serviceKeyId: (await db.apiKey.findFirstOrThrow({ where: { name: serviceName } })).id,
    invitationId: invitation.id,
    outsiderInvitationId: outsiderInvitation.id,
    invitationSecret,
    newcomerId: newcomer.id,
    peerId: peer.id,
    leadAboveId: leadAbove.id,
    leadElsewhereId: leadElsewhere.id,
    outsiderId: outsider.id,
    outsiderGoalId: outsiderGoal.id,
    outsiderStepId: outsiderStep.id,
    outsiderSessionId: outsiderSession.id,
  };

  const service = (scopes: KeyScope[], teamId?: string) => buildKey(db, { role: "service", scopes, ...(teamId && { teamId }) });
  const confined = (teamId: string) => service([...KEY_SCOPES.filter((scope) => scope !== "directory:write")], teamId);
  const secrets: Record<Caller, () => Promise<string | null>> = {
    "no key": async () => null,
    "an unknown key": async () => newSecret(),
    "a revoked key": async () => {
      const secret = await buildKey(db, { role: "admin", name: ids.learnerId });
      await db.apiKey.updateMany({ where: { name: ids.learnerId }, data: { revokedAt: NOW } });
      return secret;
    },
    "an expired key": () => buildKey(db, { role: "admin", expiresAt: NOW }),
    "a forged token": () => issuer.forged(bossSubject),
    "an outdated token": () => issuer.outdated(bossSubject),
    "the learner": async () => ownKey,
    "a peer": () => keyOf(db, peer.id),
    "the lead": () => keyOf(db, lead.id),
    "the lead above": () => keyOf(db, leadAbove.id),
    "a lead elsewhere": () => keyOf(db, leadElsewhere.id),
    "a former lead": () => keyOf(db, formerLead.id),
    "who left the team": () => keyOf(db, gone.id),
    "the mentor": () => keyOf(db, mentor.id),
    "an admin's key": () => buildKey(db, { role: "admin" }),
    "an admin in person": () => issuer.token(bossSubject),
    "sessions:write": () => service(["sessions:write"]),
    "learning:read": () => service(["learning:read"]),
    "learning:write": () => service(["learning:write"]),
    "reports:read": () => service(["reports:read"]),
    "directory:write": () => service(["directory:write"]),
    "a service confined to a team above": () => confined(division.id),
    "a service confined elsewhere": () => confined(elsewhere.id),
    "the lead, after": () => keyOf(db, lead.id),
    "the lead above, after": () => keyOf(db, leadAbove.id),
    "a service confined to a team above, after": () => confined(division.id),
    "a key that acts for the learner": () => buildActingKey(db, learnerId),
  };
  const clients = new Map<Caller, Client>();
  return {
    ids,
    words,
    as: async (caller) => {
      const client = clients.get(caller) ?? api.as(await secrets[caller]());
      clients.set(caller, client);
      return client;
    },
  };
}

type Person = { id: string };
type Eleven = [Person, Person, Person, Person, Person, Person, Person, Person, Person, Person, Person];

/** Eleven people in one statement: worlds are built by the hundred. */
async function buildPeople(db: PrismaClient, people: Omit<Prisma.LearnerCreateManyInput, "id" | "timeZone">[]): Promise<Eleven> {
  const data = people.map((person) => ({ ...person, id: uuidv7(), timeZone: "UTC" }));
  await db.learner.createMany({ data });
  return data as unknown as Eleven;
}
