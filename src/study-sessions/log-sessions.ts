import { v7 as uuidv7 } from "uuid";
import { isOwn, ownerOf, type Scope, whoWritesWhom } from "../access/scope";
import { type Act, recordReason } from "../audit/audit.service";
import { gathered } from "../database/gather";
import { type Db, inTransaction } from "../database/transaction";
import { isOfNobody } from "../database/violations";
import { dayIn, instantIn, toDate, toDay } from "../days";
import { digest, type TellsNull, withoutNulls } from "../digest";
import { AppError, invalid, learnerErased, learnerMerged, notFound } from "../errors";
import type { Goal, StudySession as Row, Step } from "../generated/prisma/client";
import type { Resource } from "../resources/resources.schema";
import { resourcesById } from "../resources/resources.service";
import { NO_STEP, otherGoal } from "../steps/steps.service";
import { CLOSED_MONTH, DAY_LIMIT, refuseWhatIsTooMuch, unlessRefused } from "./full-days";
import { insertSessions } from "./insert-sessions";
import { splitMinutes } from "./split";
import type { StudySessionCreate, Warning } from "./study-sessions.schema";
import { type WrittenSession, warningsOf } from "./warnings";

/** One session to log. With an id of the client's, logging it again is answered with what is there. */
export type Entry<Start = Date | string> = { learnerId: string; id?: string | undefined; input: StudySessionCreate & { startedAt: Start } };
type Stored = { created: boolean; row: Row } | { error: AppError };
export type Logged = { created: boolean; row: Row; warnings: Warning[] } | { error: AppError };

const NO_GOAL = "The learner has no such goal. Use the id of one of the learner's own goals.";
const EARLIEST = new Date("1970-01-01T00:00:00Z");
const SLACK_MS = 86_400_000;
// More than that at once is somebody's batch or file.
const FEW = 20;
const MOST_TOGETHER = 1_000;
const DIGEST_BYTES = 32;
const MOST_ATTEMPTS = 5;

/**
 * The one door through which sessions come in, singly or by the thousand: the same few
 * statements however many, also for those of other callers at the same time. Each entry has its
 * own outcome, in the order of the entries.
 */
export function logSessions(db: Db, scope: Scope, entries: Entry[], now: Date, act?: Act): Promise<Logged[]> {
  // Named before anything is tried, so that what is tried again is the same session.
  const call = { scope, now, act, entries: entries.map((entry) => ({ ...entry, id: entry.id ?? uuidv7() })) };
  // Its reason is for its own sessions alone, and is kept with them.
  if (scope.reason) return logCorrection(db, call);
  return entries.length > FEW ? logMany(db, call) : logFew(db, call);
}

async function logCorrection(db: Db, call: Call): Promise<Logged[]> {
  return inTransaction(db, async (tx) => {
    const [logged = []] = await Promise.all(await logCalls(tx, [call]));
    if (call.act && logged.some((outcome) => "row" in outcome && outcome.created)) await recordReason(tx, call.act);
    return logged;
  });
}

type Call = { scope: Scope; now: Date; act: Act | undefined; entries: (Entry & { id: string })[] };
type Digests = Pick<Row, "bodyDigest" | "openDigest">;
/** `asSent`: the digests by which the version before stored it, where they are others. */
type Sent = Row & { asSent?: Digests };
type Prepared = { call: Call; rows: (Sent | AppError)[] };

const sizeOf = ({ entries }: Call) => entries.length;
const logFew = gathered(logCalls, MOST_TOGETHER, sizeOf);
// Whoever logs one does not wait for the thousands of others.
const logMany = gathered(logCalls, MOST_TOGETHER, sizeOf);

/** Somebody may be erased or merged between the look-up and the insert, which then stores nothing: looked up again, only their sessions are refused. */
async function logCalls(db: Db, calls: Call[]): Promise<(Logged[] | Promise<Logged[]>)[]> {
  try {
    return await logCallsOnce(db, calls);
  } catch (error) {
    if (!isOfNobody(error) || !("$connect" in db)) throw error;
    return logCallsOnce(db, calls);
  }
}

async function logCallsOnce(db: Db, calls: Call[]): Promise<(Logged[] | Promise<Logged[]>)[]> {
  const known = await lookUp(db, calls);
  const prepared = calls.map((call): Prepared => ({ call, rows: call.entries.map((entry) => attempt(() => prepare(entry, known, call))) }));
  const starting = new Set(prepared.filter(({ rows }) => firstSessions(rows, known).length));
  const together = prepared.filter((each) => !starting.has(each));
  const stored = await store(db, together);
  const answers = new Map(together.map((each, index) => [each, stored[index] as Logged[]]));
  // A step's first session starts the step, both or neither: a transaction for each such call.
  return prepared.map((each) => answers.get(each) ?? storeAndStart(db, each, known));
}

async function storeAndStart(db: Db, each: Prepared, known: Known): Promise<Logged[]> {
  return inTransaction(db, async (tx) => {
    const [logged = []] = await store(tx, [each]);
    const fresh = logged.flatMap((outcome) => ("row" in outcome && outcome.created ? [outcome.row] : []));
    await startSteps(tx, firstSessions(fresh, known), each.call.now);
    return logged;
  });
}

/** Stores what is new, and answers each call for each of its rows. */
async function store(db: Db, prepared: Prepared[]): Promise<Logged[][]> {
  const rows = new Map<string, Storable>();
  for (const { call, rows: ofCall } of prepared) {
    // Of two under one id the first goes in.
    for (const row of ofCall) if (!(row instanceof AppError) && !rows.has(key(row))) rows.set(key(row), { row, act: call.act, scope: call.scope });
  }
  const { fresh, refused } = rows.size ? await insertWhatFits(db, [...rows.values()]) : { fresh: new Set(), refused: new Map<Row, AppError>() };
  const present = await findPresent(
    db,
    [...rows].flatMap(([key, { row }]) => (fresh.has(key) || refused.has(row) ? [] : [row])),
  );
  const stored = prepared.map(({ call: { scope }, rows: ofCall }) =>
    ofCall.map((row): Stored => {
      if (row instanceof AppError) return { error: row };
      const first = rows.get(key(row))?.row as Row;
      const error = refused.get(first);
      if (error) return { error };
      if (!fresh.has(key(row))) return answerPresent(scope, row, present.get(key(row)));
      return row === first ? { created: true, row } : answerPresent(scope, row, first);
    }),
  );
  return withWarnings(db, prepared, stored);
}

async function withWarnings(db: Db, prepared: Prepared[], stored: Stored[][]): Promise<Logged[][]> {
  const written = prepared.map(({ call: { scope, entries }, rows }, index) =>
    rows.map((row, place): WrittenSession | undefined => {
      const outcome = stored[index]?.[place] as Stored;
      const input = entries[place]?.input as StudySessionCreate;
      return "error" in outcome ? undefined : { row: outcome.row, scope, sent: { row: row as Row, input } };
    }),
  );
  const warnings = await warningsOf(
    db,
    written.flatMap((ofCall) => ofCall.filter((each) => each !== undefined)),
  );
  return stored.map((ofCall, index) =>
    ofCall.map((outcome, place) => {
      const session = written[index]?.[place];
      return "error" in outcome ? outcome : { ...outcome, warnings: (session && warnings.get(session)) ?? [] };
    }),
  );
}

type Storable = { row: Row; act: Act | undefined; scope: Scope };

/**
 * Inserts all rows in one statement. Only when the database finds a day too full or a month closed, they are
 * read and each row is judged by itself. Who else logs on the same days meanwhile may make it try again.
 *
 * @returns the keys that went in, and the refusals; what is neither was there before
 */
async function insertWhatFits(db: Db, rows: Storable[]): Promise<{ fresh: Set<string>; refused: Map<Row, AppError> }> {
  const { scope } = rows[0] as Storable;
  let refused = new Map<Row, AppError>();
  for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
    const fitting = rows.filter(({ row }) => !refused.has(row));
    const keys = fitting.length ? await unlessRefused(db, [DAY_LIMIT, CLOSED_MONTH], () => insertSessions(db, scope, fitting)) : [];
    if (keys) return { fresh: new Set(keys.map(key)), refused };
    const present = await findPresent(
      db,
      rows.map(({ row }) => row),
    );
    refused = await refuseWhatIsTooMuch(
      db,
      rows.filter(({ row }) => !present.has(key(row))),
    );
  }
  throw new AppError("unavailable", "Others are logging on the same days just now. Send it again.");
}

/** @throws AppError when a session cannot have begun then: its day, where the learner was, must be one of those that are kept */
export function checkStart(startedAt: Date, timeZone: string, now: Date): void {
  if (startedAt < EARLIEST || dayIn(startedAt, timeZone) < toDay(EARLIEST)) throw invalid("#/startedAt", "A session cannot have begun before 1970.");
  if (startedAt.getTime() > now.getTime() + SLACK_MS) throw invalid("#/startedAt", "A session cannot begin in the future. Log it when it has begun.");
}

type Known = {
  zones: Map<string, string>;
  /** Of merged records, whose they are now. */
  survivors: Map<string, string>;
  mayWrite(scope: Scope, learnerId: string): boolean;
  resources: Map<string, Resource>;
  goals: Map<string, Goal>;
  steps: Map<string, Step>;
};

async function lookUp(db: Db, calls: Call[]): Promise<Known> {
  const entries = calls.flatMap(({ entries }) => entries);
  const learnerIds = unique(entries.map(({ learnerId }) => learnerId));
  const stepIds = unique(entries.map(({ input }) => input.stepId));
  const steps = stepIds.length ? await db.step.findMany({ where: { learnerId: { in: learnerIds }, id: { in: stepIds } } }) : [];
  const goalIds = unique([...entries.map(({ input }) => input.goalId), ...steps.map(({ goalId }) => goalId)]);
  const scopes = calls.map(({ scope }) => scope);
  const [{ zones, survivors }, mayWriteThem, resources, goals] = await Promise.all([
    zonesOf(db, learnerIds),
    whoWritesWhom(db, scopes, learnerIds),
    resourcesById(db, [...entries.map(({ input }) => input.resourceId), ...steps.map(({ resourceId }) => resourceId)]),
    goalIds.length ? db.goal.findMany({ where: { learnerId: { in: learnerIds }, id: { in: goalIds } } }) : [],
  ]);
  const mayWriteSurvivors = survivors.size ? await whoWritesWhom(db, scopes, [...survivors.values()]) : null;
  return {
    zones,
    survivors,
    mayWrite: (scope, learnerId) => mayWriteThem(scope, learnerId) || (mayWriteSurvivors?.(scope, survivors.get(learnerId) ?? "") ?? false),
    resources,
    goals: new Map(goals.map((goal) => [key(goal), goal])),
    steps: new Map(steps.map((step) => [key(step), step])),
  };
}

/** Time zones by learner; "" for an erased one, and for a merged one with whose it is now. As one text each way: a list of thousands takes Prisma longer than all else of their sessions. */
async function zonesOf(db: Db, learnerIds: string[]): Promise<Pick<Known, "zones" | "survivors">> {
  const [{ zones }] = await db.$queryRaw<[{ zones: string | null }]>`
    SELECT string_agg(concat_ws(' ', id, CASE WHEN erased_at IS NULL AND merged_into_id IS NULL THEN time_zone ELSE '' END, merged_into_id), ',') AS zones
    FROM learners WHERE id = ANY (${`{${learnerIds.join()}}`}::uuid[])`;
  const known = (zones?.split(",") ?? []).map((zone) => zone.split(" ") as [string, string, string?]);
  return {
    zones: new Map(known.map(([id, zone]) => [id, zone])),
    survivors: new Map(known.flatMap(([id, , survivor]) => (survivor ? [[id, survivor]] : []))),
  };
}

function prepare({ learnerId, id, input }: Call["entries"][number], known: Known, { scope, now }: Call): Sent {
  const zone = known.zones.get(learnerId);
  if (zone === undefined || !known.mayWrite(scope, learnerId)) throw notFound("#/learnerId");
  if (zone === "") throw known.survivors.has(learnerId) ? learnerMerged(known.survivors.get(learnerId)) : learnerErased();
  const { mode, split, timeZone = zone, minutes } = input;
  const startedAt = instantIn(input.startedAt, timeZone);
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
    id,
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
    ...digestsOf(scope, learnerId, withoutNulls(input, overStep)),
    ...(Object.values(input).includes(null) && { asSent: digestsOf(scope, learnerId, input) }),
    version: 1,
    loggedAt: now,
    updatedAt: now,
    deletedAt: null,
    overlapping: false,
  };
}

/** Others share only what they write themselves: the learner may be about to write for themself alone. */
function checkNote(scope: Scope, learnerId: string, { note, noteShared }: StudySessionCreate): void {
  if (!noteShared || note || isOwn(scope, learnerId)) return;
  throw invalid("#/noteShared", "Whether a note yet to be written is shared is the learner's to say. Send the note, too, or leave noteShared out.");
}

/** Of a session on a step, a goal or a resource that is left out is the step's. */
export const overStep: TellsNull = ({ stepId }) => (stepId ? ["goalId", "resourceId"] : []);

/**
 * What tells a retry from another session: for the learner all that was sent; for others their own
 * request, or all but the note, so that none of them finds out by trying whether there is one.
 */
function digestsOf(scope: Scope, learnerId: string, input: StudySessionCreate): Digests {
  const { note, noteShared: _, ...open } = input;
  if (!note || isOwn(scope, learnerId)) return { bodyDigest: digest(input), openDigest: digest(open) };
  return { bodyDigest: digest([input, ownerOf(scope.caller)]), openDigest: Buffer.concat([digest(open), authorMark(scope)]) };
}

/** Follows the digest of a session whose note was written by somebody else than the learner. */
function authorMark({ caller }: Scope): Buffer<ArrayBuffer> {
  return digest(ownerOf(caller));
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

/** Those by which a step would begin. */
function firstSessions(rows: (Row | AppError)[], { steps }: Known): Row[] {
  return rows.filter(
    (row): row is Row =>
      !(row instanceof AppError) && Boolean(row.stepId) && !steps.get(key({ learnerId: row.learnerId, id: row.stepId as string }))?.startedOn,
  );
}

/**
 * Starts steps on the day of their first session. A session may be dated tomorrow, because somebody's clock is ahead or
 * they are in another zone; a step starts no later than on the learner's today. Of a goal that is closed the steps stay
 * as they are.
 */
export async function startSteps(db: Db, rows: Pick<Row, "learnerId" | "stepId" | "occurredOn">[], now: Date): Promise<void> {
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
    UPDATE steps SET started_on = least(first.day, steps.completed_on, steps.skipped_on, (${now} AT TIME ZONE learners.time_zone)::date), version = steps.version + 1
    FROM first JOIN learners ON learners.id = first.learner_id, changed
    WHERE steps.learner_id = first.learner_id AND steps.id = first.id AND changed.learner_id = steps.learner_id AND changed.id = steps.goal_id
      AND steps.started_on IS NULL`;
}

/** The rows that were there before, under the ids that did not go in. */
async function findPresent(db: Db, missed: Row[]): Promise<Map<string, Row>> {
  if (!missed.length) return new Map();
  const found = await db.studySession.findMany({
    where: { learnerId: { in: unique(missed.map((row) => row.learnerId)) }, id: { in: unique(missed.map((row) => row.id)) } },
  });
  return new Map(found.map((row) => [key(row), row]));
}

function answerPresent(scope: Scope, row: Sent, present: Row | undefined): Stored {
  if (!present) return { error: new AppError("unavailable", "The session could not be stored just now. Send it again.") };
  if (!isSame(scope, row, present) && !(row.asSent && isSame(scope, { ...row, ...row.asSent }, present))) {
    return { error: new AppError("body-differs", "Another session has this id. To change it, PATCH it; to log another, choose another id.") };
  }
  if (present.deletedAt) return { error: new AppError("session-deleted", "This session was logged and then deleted. To log it again, choose another id.") };
  return { created: false, row: present };
}

/** Whether a request says again what logged a session, as far as its caller can see that. */
function isSame(scope: Scope, sent: Row, present: Row): boolean {
  if (isEqual(sent.bodyDigest, present.bodyDigest)) return true;
  if (isOwn(scope, sent.learnerId) || !sent.openDigest || !present.openDigest) return false;
  const [open, author] = [present.openDigest.subarray(0, DIGEST_BYTES), present.openDigest.subarray(DIGEST_BYTES)];
  // Whoever wrote the note knows what it was.
  if (isEqual(author, authorMark(scope))) return false;
  // Another's is compared only where everybody may read it.
  const isOpen = sent.note === null || (sent.noteShared && present.noteShared && sent.note === present.note);
  return isOpen && isEqual(sent.openDigest.subarray(0, DIGEST_BYTES), open);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
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
