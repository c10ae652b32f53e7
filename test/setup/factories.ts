import { v7 as uuidv7 } from "uuid";
import type { ApiKeyCreate } from "../../src/api-keys/api-keys.schema";
import { giveKey } from "../../src/api-keys/api-keys.service";
import { type Day, dayIn, toDate } from "../../src/days";
import type { AuditEvent, Goal, Learner, Path, Prisma, PrismaClient, Resource, Step, StudySession, Team } from "../../src/generated/prisma/client";
import { mentorOf } from "../../src/study-sessions/log-sessions";

// Each builds the parents that are not given, so that a test states only what matters to it.

let count = 0;

export function buildLearner(db: PrismaClient, overrides: Partial<Prisma.LearnerCreateInput> = {}): Promise<Learner> {
  return db.learner.create({ data: { id: uuidv7(), name: `Learner ${++count}`, timeZone: "UTC", ...overrides } });
}

export function buildTeam(db: PrismaClient, overrides: Partial<Prisma.TeamUncheckedCreateInput> = {}): Promise<Team> {
  return db.team.create({ data: { id: uuidv7(), name: `Team ${++count}`, ...overrides } });
}

/** A learner in a team, by default since long ago. */
export async function buildMember(
  db: PrismaClient,
  teamId: string,
  { fromDay = "2020-01-01", untilDay }: { fromDay?: Day; untilDay?: Day } = {},
): Promise<Learner> {
  const learner = await buildLearner(db);
  await joinTeam(db, learner.id, teamId, { fromDay, untilDay });
  return learner;
}

export async function joinTeam(
  db: PrismaClient,
  learnerId: string,
  teamId: string,
  { fromDay = "2020-01-01", untilDay }: { fromDay?: Day; untilDay?: Day } = {},
) {
  return db.membership.create({ data: { learnerId, id: uuidv7(), teamId, fromDay: toDate(fromDay), untilDay: untilDay ? toDate(untilDay) : null } });
}

export function buildResource(db: PrismaClient, overrides: Partial<Prisma.ResourceUncheckedCreateInput> = {}): Promise<Resource> {
  return db.resource.create({ data: { id: uuidv7(), type: "book", title: `Resource ${++count}`, ...overrides } });
}

export async function buildGoal(db: PrismaClient, { learnerId, ...overrides }: Partial<Prisma.GoalUncheckedCreateInput> = {}): Promise<Goal> {
  const owner = learnerId ?? (await buildLearner(db)).id;
  const completedOn = overrides.status === "completed" ? toDate("2026-06-01") : null;
  return db.goal.create({ data: { id: uuidv7(), title: `Goal ${++count}`, learnerId: owner, completedOn, ...overrides } });
}

/** A step at the end of a goal, or of a new one; it requires the given steps. */
export async function buildStep(
  db: PrismaClient,
  { learnerId, goalId, requires = [], ...overrides }: Partial<Prisma.StepUncheckedCreateInput> & { requires?: string[] } = {},
): Promise<Step> {
  const goal = goalId && learnerId ? { id: goalId, learnerId } : await buildGoal(db, { learnerId });
  const of = { learnerId: goal.learnerId, goalId: goal.id };
  const position = (await db.step.count({ where: of })) + 1;
  const step = await db.step.create({ data: { id: uuidv7(), title: `Step ${++count}`, position, ...of, ...overrides } });
  await db.stepPrerequisite.createMany({ data: requires.map((requiresId) => ({ ...of, stepId: step.id, requiresId })) });
  return step;
}

type BuiltStep = Partial<Prisma.PathStepUncheckedCreateInput> & { key: string };

/** A path with published versions, one for each list of steps. */
export async function buildPath(db: PrismaClient, ...versions: BuiltStep[][]): Promise<Path> {
  const path = await db.path.create({ data: { id: uuidv7() } });
  for (const [index, steps] of (versions.length ? versions : [[{ key: "only" }]]).entries()) {
    const version = { pathId: path.id, number: index + 1 };
    await db.pathVersion.create({ data: { ...version, title: `Path ${++count}` } });
    await db.pathStep.createMany({ data: steps.map((step, position) => ({ ...version, position, title: `Step ${step.key}`, ...step })) });
    await db.pathVersion.update({ where: { pathId_number: version }, data: { publishedAt: new Date("2026-06-01T08:00:00Z") } });
  }
  return path;
}

/** A stored session of 60 minutes on the job, on `startedAt`'s day in UTC unless told. */
export async function buildSession(
  db: PrismaClient,
  { learnerId, ...overrides }: Partial<Prisma.StudySessionUncheckedCreateInput> = {},
): Promise<StudySession> {
  const owner = learnerId ?? (await buildLearner(db)).id;
  const startedAt = new Date(overrides.startedAt ?? "2026-06-01T09:00:00Z");
  const minutes = overrides.minutes ?? 60;
  const resource = overrides.resourceId ? await db.resource.findUnique({ where: { id: overrides.resourceId } }) : null;
  return db.studySession.create({
    data: {
      mentorId: mentorOf(resource, owner),
      id: uuidv7(),
      learnerId: owner,
      startedAt,
      timeZone: "UTC",
      occurredOn: toDate(dayIn(startedAt, "UTC")),
      minutes,
      onTheJobMinutes: minutes,
      socialMinutes: 0,
      formalMinutes: 0,
      bodyDigest: Buffer.alloc(32),
      ...overrides,
    },
  });
}

/** An event of the past. Only the tables' owner can choose when it was, by taking the database's clock away for a moment. */
export async function buildAuditEvent(db: PrismaClient, event: Partial<Prisma.AuditEventCreateInput> & { at: Date }): Promise<AuditEvent> {
  const data = { id: uuidv7(), requestId: uuidv7(), action: "read" as const, operation: "test", target: "", ...event };
  return db.$transaction(async (tx) => {
    await tx.$executeRaw`ALTER TABLE audit_events DISABLE TRIGGER audit_events_tell_time`;
    const built = await tx.auditEvent.create({ data });
    await tx.$executeRaw`ALTER TABLE audit_events ENABLE TRIGGER audit_events_tell_time`;
    return built;
  });
}

/** A lead and somebody in the team they lead. */
export async function buildLedLearner(db: PrismaClient): Promise<{ lead: Learner; learner: Learner }> {
  const lead = await buildLearner(db);
  const team = await buildTeam(db, { leadId: lead.id });
  return { lead, learner: await buildMember(db, team.id) };
}

/** A learner's own key. */
export async function keyOf(db: PrismaClient, learnerId: string): Promise<string> {
  return buildKey(db, { role: "learner", learnerId });
}

export async function buildKey(db: PrismaClient, input: Pick<ApiKeyCreate, "role"> & Partial<ApiKeyCreate>): Promise<string> {
  return (await giveKey(db, { name: `Key ${++count}`, ...input })).secret as string;
}

/** A key that an admin made for a learner. */
export async function buildActingKey(db: PrismaClient, learnerId: string): Promise<string> {
  const { id, secret } = await giveKey(db, { name: `Key ${++count}`, role: "learner", learnerId });
  await db.apiKey.update({ where: { id }, data: { actsFor: true } });
  return secret as string;
}
