import { v7 as uuidv7 } from "uuid";
import { isOwn, type Scope, writableLearners } from "../access/scope";
import type { Act } from "../audit/audit.service";
import { type Db, inTransaction } from "../database/transaction";
import { dayIn, toDate, toDay } from "../days";
import { digest } from "../digest";
import { AppError, invalid, notFound } from "../errors";
import type { Goal, StudySession as Row, Step } from "../generated/prisma/client";
import type { Resource } from "../resources/resources.schema";
import { resourcesById } from "../resources/resources.service";
import { NO_STEP, otherGoal } from "../steps/steps.service";
import { insertSessions } from "./insert-sessions";
import { splitMinutes } from "./split";
import type { StudySessionCreate } from "./study-sessions.schema";

/** One session to log. With an id of the client's, logging it again is answered with what is there. */
export type Entry = { learnerId: string; id?: string | undefined; input: StudySessionCreate };
export type Logged = { created: boolean; row: Row } | { error: AppError };

const NO_GOAL = "The learner has no such goal. Use the id of one of the learner's own goals.";
const EARLIEST = new Date("1970-01-01T00:00:00Z");
const SLACK_MS = 86_400_000;

/**
 * The one door through which sessions come in, singly or by the thousand: the same few
 * statements however many. Each entry has its own outcome, in the order of the entries.
 */
export async function logSessions(db: Db, scope: Scope, entries: Entry[], now: Date, act?: Act): Promise<Logged[]> {
  const known = await lookUp(db, scope, entries);
  const prepared = entries.map((entry) => attempt(() => prepare(entry, known, scope, now)));
  const rows = prepared.filter((row): row is Row => !(row instanceof AppError));
  const fresh = await store(db, rows, known, act);
  const present = await findPresent(db, rows, fresh);
  return prepared.map((row) => {
    if (row instanceof AppError) return { error: row };
    // Taken out, so that a second entry with the same id in one batch counts as existing.
    if (!fresh.delete(key(row))) return answerPresent(row, present.get(key(row)));
    present.set(key(row), row);
    return { created: true, row };
  });
}

/** @throws AppError when a session cannot have begun then: its day, where the learner was, must be one of those that are kept */
export function checkStart(startedAt: Date, timeZone: string, now: Date): void {
  if (startedAt < EARLIEST || dayIn(startedAt, timeZone) < toDay(EARLIEST)) throw invalid("#/startedAt", "A session cannot have begun before 1970.");
  if (startedAt.getTime() > now.getTime() + SLACK_MS) throw invalid("#/startedAt", "A session cannot begin in the future. Log it when it has begun.");
}

type Known = { zones: Map<string, string>; resources: Map<string, Resource>; goals: Map<string, Goal>; steps: Map<string, Step> };

async function lookUp(db: Db, scope: Scope, entries: Entry[]): Promise<Known> {
  const learnerIds = unique(entries.map(({ learnerId }) => learnerId));
  const stepIds = unique(entries.map(({ input }) => input.stepId));
  const steps = stepIds.length ? await db.step.findMany({ where: { learnerId: { in: learnerIds }, id: { in: stepIds } } }) : [];
  const goalIds = unique([...entries.map(({ input }) => input.goalId), ...steps.map(({ goalId }) => goalId)]);
  const [learners, resources, goals] = await Promise.all([
    db.learner.findMany({ where: { AND: [{ id: { in: learnerIds } }, writableLearners(scope)] }, select: { id: true, timeZone: true } }),
    resourcesById(db, [...entries.map(({ input }) => input.resourceId), ...steps.map(({ resourceId }) => resourceId)]),
    goalIds.length ? db.goal.findMany({ where: { learnerId: { in: learnerIds }, id: { in: goalIds } } }) : [],
  ]);
  return {
    zones: new Map(learners.map((learner) => [learner.id, learner.timeZone])),
    resources,
    goals: new Map(goals.map((goal) => [key(goal), goal])),
    steps: new Map(steps.map((step) => [key(step), step])),
  };
}

function prepare({ learnerId, id, input }: Entry, known: Known, scope: Scope, now: Date): Row {
  const zone = known.zones.get(learnerId);
  if (!zone) throw notFound();
  const { mode, split, timeZone = zone, startedAt, minutes } = input;
  checkStart(startedAt, timeZone, now);
  checkNote(scope, learnerId, input);
  const step = refer(known.steps, input.stepId && key({ learnerId, id: input.stepId }), "#/stepId", NO_STEP);
  const { goalId = step?.goalId ?? null, resourceId = step?.resourceId ?? null } = input;
  if (step && step.goalId !== goalId) throw otherGoal();
  const resource = refer(known.resources, resourceId, "#/resourceId", "The resource does not exist. Look it up under /v1/resources.");
  const goal = refer(known.goals, goalId && key({ learnerId, id: goalId }), "#/goalId", NO_GOAL);
  if (scope.caller.role === "learner" && input.verification === "systemRecorded") {
    throw invalid("#/verification", "What learners log themselves is self-reported. Leave verification out.");
  }
  return {
    learnerId,
    id: id ?? uuidv7(),
    startedAt,
    timeZone,
    occurredOn: toDate(dayIn(startedAt, timeZone)),
    ...splitMinutes({ minutes, mode, split }, defaultMode(resource, step, input.resourceId)),
    impact: input.impact ?? null,
    goalId,
    stepId: step?.id ?? null,
    resourceId,
    resourceType: resource?.type ?? null,
    mentorId: mentorOf(resource, learnerId),
    skills: input.skills ?? unique([...(resource?.skills ?? []), ...(goal?.skills ?? [])]).slice(0, 20),
    verification: input.verification ?? "selfReported",
    note: input.note ?? null,
    noteShared: input.noteShared ?? false,
    bodyDigest: digestOf(scope, learnerId, input),
    version: 1,
    loggedAt: now,
    updatedAt: now,
    deletedAt: null,
  };
}

/** Others share only what they write themselves: the learner may be about to write for themself alone. */
function checkNote(scope: Scope, learnerId: string, { note, noteShared }: StudySessionCreate): void {
  if (!noteShared || note || isOwn(scope, learnerId)) return;
  throw invalid("#/noteShared", "Whether a note yet to be written is shared is the learner's to say. Send the note, too, or leave noteShared out.");
}

/**
 * What tells a retry from another session. A private note is told by it to whoever sent it, so
 * that nobody else can find out what stands there by trying.
 */
function digestOf(scope: Scope, learnerId: string, input: StudySessionCreate): Buffer<ArrayBuffer> {
  const isPrivate = Boolean(input.note) && !input.noteShared;
  return digest(isPrivate && !isOwn(scope, learnerId) ? [input, scope.caller.id] : input);
}

/** The mode of what the session names itself, else the step's. */
function defaultMode(resource: Resource | undefined, step: Step | undefined, named: string | null | undefined) {
  const ofResource = resource?.effectiveMode;
  return (named ? (ofResource ?? step?.mode) : (step?.mode ?? ofResource)) ?? null;
}

/** The learner here who is the resource, unless one learns from oneself. */
export function mentorOf(resource: { learnerId: string | null } | null | undefined, learnerId: string): string | null {
  return resource && resource.learnerId !== learnerId ? resource.learnerId : null;
}

/** Stores what is new; a step's first session starts the step. */
async function store(db: Db, rows: Row[], { steps }: Known, act: Act | undefined): Promise<Set<string>> {
  if (!rows.length) return new Set();
  const starts = rows.filter(({ learnerId, stepId }) => stepId && !steps.get(key({ learnerId, id: stepId }))?.startedOn);
  if (!starts.length) return new Set((await insertSessions(db, rows, act)).map(key));
  return inTransaction(db, async (tx) => {
    const fresh = new Set((await insertSessions(tx, rows, act)).map(key));
    await startSteps(
      tx,
      starts.filter((row) => fresh.has(key(row))),
    );
    return fresh;
  });
}

/** Of a goal that is closed the steps stay as they are. */
export async function startSteps(db: Db, rows: Pick<Row, "learnerId" | "stepId" | "occurredOn">[]): Promise<void> {
  const starts = rows.map(({ learnerId, stepId, occurredOn }) => ({ learner_id: learnerId, id: stepId, day: occurredOn }));
  await db.$executeRaw`
    WITH first AS (
      SELECT learner_id, id, min(day) AS day FROM jsonb_to_recordset(${JSON.stringify(starts)}::jsonb) AS start(learner_id uuid, id uuid, day date)
      GROUP BY learner_id, id
    ),
    changed AS (
      UPDATE goals SET version = goals.version + 1
      FROM first JOIN steps USING (learner_id, id)
      WHERE goals.learner_id = steps.learner_id AND goals.id = steps.goal_id AND goals.status NOT IN ('completed', 'abandoned') AND steps.started_on IS NULL
      RETURNING goals.learner_id, goals.id
    )
    UPDATE steps SET started_on = least(first.day, steps.completed_on), version = steps.version + 1
    FROM first, changed
    WHERE steps.learner_id = first.learner_id AND steps.id = first.id AND changed.learner_id = steps.learner_id AND changed.id = steps.goal_id
      AND steps.started_on IS NULL`;
}

/** The rows that were there before, under the ids that did not go in. */
async function findPresent(db: Db, rows: Row[], fresh: Set<string>): Promise<Map<string, Row>> {
  const missed = rows.filter((row) => !fresh.has(key(row)));
  if (!missed.length) return new Map();
  const found = await db.studySession.findMany({
    where: { learnerId: { in: unique(missed.map((row) => row.learnerId)) }, id: { in: unique(missed.map((row) => row.id)) } },
  });
  return new Map(found.map((row) => [key(row), row]));
}

function answerPresent(row: Row, present: Row | undefined): Logged {
  if (!present) return { error: new AppError("unavailable", "The session could not be stored just now. Send it again.") };
  if (Buffer.compare(row.bodyDigest, present.bodyDigest)) {
    return { error: new AppError("body-differs", "Another session has this id. To change it, PATCH it; to log another, choose another id.") };
  }
  if (present.deletedAt) return { error: new AppError("session-deleted", "This session was logged and then deleted. To log it again, choose another id.") };
  return { created: false, row: present };
}

function refer<T>(known: Map<string, T>, id: string | null | undefined, pointer: string, detail: string): T | undefined {
  if (!id) return undefined;
  const found = known.get(id);
  if (!found) throw new AppError("reference-missing", detail, [{ pointer, detail }]);
  return found;
}

function attempt<T>(work: () => T): T | AppError {
  try {
    return work();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

function key({ learnerId, id }: { learnerId: string; id: string }): string {
  return `${learnerId} ${id}`;
}

function unique<T>(values: (T | null | undefined)[]): T[] {
  return [...new Set(values.filter((value) => value != null))] as T[];
}
