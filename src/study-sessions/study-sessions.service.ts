import { namesNobody } from "../access/me";
import { isOwn, type Scope, seesEverybody } from "../access/scope";
import type { Act } from "../audit/audit.service";
import { recordRefusal } from "../audit/refusals";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { dayIn, instantIn, toDate } from "../days";
import { AppError, notFound } from "../errors";
import { readAs } from "../flaws";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";
import { forgetInAnswers } from "../http/idempotency";
import { type Page, type PageQuery, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { ME } from "../http/schema";
import { goalOfStep, otherGoal } from "../steps/steps.service";
import { matching, type SessionFilters, type SessionScope, sessionsIn, within } from "./filters";
import { DAY_LIMIT, refusalOfChange, rulesOf, unlessRefused } from "./full-days";
import { checkStart, type Entry, logSessions, mentorOf, startSteps } from "./log-sessions";
import { resplitMinutes } from "./split";
import {
  BatchItem,
  type LoggedSession,
  type StudySession,
  type StudySessionCreate,
  type StudySessionList,
  type StudySessionUpdate,
  type Warning,
} from "./study-sessions.schema";
import { warningsOf } from "./warnings";
import { instantOf, readWritten, type Written } from "./written";

/**
 * Logs one session. With an id of the client's, a repetition answers what is there.
 *
 * @param act as what it is recorded; undefined: the caller records it
 * @throws AppError when the id names something else, or the session cannot be logged
 */
export async function logSession(db: Db, scope: Scope, entry: Entry, now: Date, act?: Act): Promise<{ created: boolean; session: LoggedSession }> {
  const [logged] = await logSessions(db, scope, [entry], now, act);
  // Whose it is stands in the address, not in the body.
  if (!logged || ("error" in logged && logged.error.code === "not-found")) throw notFound(entry.id && "path/learnerId");
  if ("error" in logged) throw logged.error;
  return { created: logged.created, session: { ...present(scope)(logged.row), warnings: logged.warnings } };
}

export type ItemOutcome = { learnerId: string | null; id: string | null } & ({ created: boolean; warnings: Warning[] } | { error: AppError });

/** Logs many, across learners; each item is judged by itself and none holds up another. */
export async function logBatch(db: Db, scope: Scope, items: unknown[], now: Date, act: Act): Promise<ItemOutcome[]> {
  const parsed = items.map(readItem);
  const entries = parsed.flatMap(({ data }) => (data ? [toEntry(data)] : []));
  const logged = (await logSessions(db, scope, entries, now, act))[Symbol.iterator]();
  const outcomes = parsed.map(({ data, error }): ItemOutcome => {
    if (!data) return { learnerId: null, id: null, error };
    const { learnerId, id = null } = data;
    const result = logged.next().value ?? { error: notFound("#/learnerId") };
    return "error" in result ? { learnerId, id, error: result.error } : { learnerId, id: result.row.id, created: result.created, warnings: result.warnings };
  });
  await recordRefused(db, scope, act, outcomes);
  return outcomes;
}

/** Records for whom a caller would have logged without being let. Whoever sees everybody was only mistaken. */
export async function recordRefused(
  db: Db,
  { caller }: Scope,
  act: Act,
  outcomes: ({ learnerId: string | null } & ({ error: AppError } | object))[],
): Promise<void> {
  if (seesEverybody(caller)) return;
  const refused = outcomes.flatMap((outcome) => ("error" in outcome && outcome.error.code === "not-found" && outcome.learnerId) || []);
  if (refused.length) await recordRefusal(db, act, [...new Set(refused)]);
}

export async function getSession(db: Db, scope: Scope, learnerId: string, id: string): Promise<StudySession> {
  return present(scope)(await db.studySession.findUniqueOrThrow({ where: { learnerId_id: { learnerId, id }, deletedAt: null } }));
}

/** A learner's sessions, the latest first; or, since an instant, what was changed, in the order of the changes. */
export function listSessions(
  db: Db,
  scope: Scope,
  learnerId: string,
  { updatedSince, from, to, limit, cursor, ...filters }: StudySessionList,
): Promise<Page<Written>> {
  const page = { limit, cursor };
  if (!updatedSince) return listSessionsIn(db, scope, { learnerId }, { from, to, ...filters }, page);
  const list = ["changes", learnerId, updatedSince, from, to, filters];
  return readPage(list, page, { instant: (session) => instantOf(session, "updatedAt") }, (take, after) => {
    const further = after ? Prisma.sql`AND (s.updated_at, s.id) > (${after.value}, ${after.id}::uuid)` : Prisma.empty;
    return readWritten(
      db,
      scope,
      Prisma.sql`
        ${sessionsIn({ learnerId })} ${within(from, to)} ${matching(filters)}
          AND s.updated_at >= ${updatedSince} ${further}
        ORDER BY s.updated_at, s.id LIMIT ${take}`,
    );
  });
}

/** The sessions of a scope, the latest first: those that a breakdown over the same scope and filters counts. A team's come with names. */
export function listSessionsIn(
  db: Db,
  scope: Scope,
  sessions: SessionScope,
  { from, to, ...filters }: SessionFilters & { from?: string | undefined; to?: string | undefined },
  page: PageQuery,
): Promise<Page<Written>> {
  const list = "learnerId" in sessions ? sessions : [sessions.teamId, sessions.depth, sessions.membership, sessions.learner];
  return readPage(["sessions", list, from, to, filters], page, { instant: (session) => instantOf(session, "startedAt") }, (take, after) => {
    // Across learners an id alone names no session: it is a learner's own.
    const further = after ? Prisma.sql`AND (s.started_at, s.id, s.learner_id) < (${after.value}, ${after.id}::uuid, ${after.learnerId}::uuid)` : Prisma.empty;
    return readWritten(
      db,
      scope,
      Prisma.sql`
        ${sessionsIn(sessions)} ${within(from, to)} ${matching(filters)}
          AND s.deleted_at IS NULL ${further}
        ORDER BY s.started_at DESC, s.id DESC, s.learner_id DESC LIMIT ${take}`,
      "teamId" in sessions,
    );
  });
}

/**
 * Changes a session. Without a new mode or split its minutes keep their modes; a new resource
 * does not change what was logged as which mode.
 */
export function updateSession(
  db: Db,
  scope: Scope,
  learnerId: string,
  id: string,
  input: StudySessionUpdate,
  ifVersion: IfVersion,
  now: Date,
): Promise<LoggedSession> {
  const answer = async (tx: Db, row: Row) => {
    const written = { row, scope };
    return { ...present(scope)(row), warnings: (await warningsOf(tx, [written])).get(written) ?? [] };
  };
  return inTransaction(db, async (tx) => {
    // Holds the row, so that two changes at once do not each split the minutes that the other replaced.
    await tx.$queryRaw`SELECT 1, ${rulesOf(scope)} FROM study_sessions WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR UPDATE`;
    const where = { learnerId_id: { learnerId, id }, deletedAt: null, ...ifVersion };
    const before = await tx.studySession.findUniqueOrThrow({ where });
    const { mode, split, minutes, ...fields } = input;
    const timeZone = input.timeZone ?? before.timeZone;
    const startedAt = instantIn(input.startedAt ?? before.startedAt, timeZone);
    checkStart(startedAt, timeZone, now);
    checkNote(scope, before, input);
    const change: Partial<Row> = {
      ...fields,
      startedAt,
      ...resplitMinutes(before, { mode, split, minutes }),
      occurredOn: toDate(dayIn(startedAt, timeZone)),
    };
    if (input.resourceId !== undefined && input.resourceId !== before.resourceId) {
      const resource = input.resourceId && (await tx.resource.findUnique({ where: { id: input.resourceId } }));
      change.resourceType = resource ? resource.type : null;
      change.mentorId = mentorOf(resource || null, learnerId);
    }
    if (input.stepId) {
      change.goalId = await goalOfStep(tx, learnerId, input.stepId);
      if (input.goalId !== undefined && input.goalId !== change.goalId) throw otherGoal();
    }
    // Of another goal, or of none, the step would be somebody else's.
    if (input.goalId !== undefined && input.stepId === undefined && input.goalId !== before.goalId) change.stepId = null;
    if (!staysVerified(scope, before, { ...before, ...change })) change.verification = "selfReported";
    if (changesNothing(tx, before, change)) return answer(tx, before);
    const update = () => tx.studySession.update({ where, data: { ...change, updatedAt: now, version: { increment: 1 } } });
    // Only what may move minutes to a day can make one too full.
    const moves = [minutes, input.startedAt, input.timeZone].some((value) => value !== undefined);
    const after = moves ? await unlessRefused(tx, [DAY_LIMIT], update) : await update();
    if (!after) throw await refusalOfChange(tx, scope, { ...before, ...change });
    if (after.stepId && after.stepId !== before.stepId) await startSteps(tx, [after], now);
    return answer(tx, after);
  });
}

/** The note is the learner's alone until they share it: others neither share it, nor write over what they cannot read, nor learn whether there is one. */
function checkNote(scope: Scope, { learnerId, noteShared }: Row, input: StudySessionUpdate): void {
  if ((input.note === undefined && input.noteShared === undefined) || isOwn(scope, learnerId)) return;
  if (!noteShared) throw new AppError("forbidden", "The note of a session takes the learner's own key until they share it. Leave note and noteShared out.");
}

/** Leaves a tombstone, without the learner's words and holding on to no step, for those who follow `updatedSince`. */
export async function deleteSession(db: Db, scope: Scope, learnerId: string, id: string, ifVersion: IfVersion, now: Date): Promise<void> {
  await inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT ${rulesOf(scope)} AS rules`;
    await tx.studySession.update({
      where: { learnerId_id: { learnerId, id }, deletedAt: null, ...ifVersion },
      data: { deletedAt: now, updatedAt: now, note: null, stepId: null, version: { increment: 1 } },
    });
    await forgetInAnswers(tx, learnerId, id, "note");
  });
}

/** A session as this caller may see it: a note stays its learner's unless shared. */
export function present(scope: Scope) {
  return (row: Omit<Row, "bodyDigest">): StudySession => ({
    ...row,
    unclassifiedMinutes: row.minutes - row.onTheJobMinutes - row.socialMinutes - row.formalMinutes,
    note: row.noteShared || isOwn(scope, row.learnerId) ? row.note : null,
  });
}

/**
 * Another's word stands for the day and the time, its split and whom it was spent with. What is
 * then written over is no longer that word; a system's own correction of what it recorded is.
 */
function staysVerified({ caller }: Scope, before: Row, after: Row): boolean {
  if (after.verification === "selfReported" || (after.verification === "systemRecorded" && caller.role !== "learner")) return true;
  const said = ({ startedAt, occurredOn, minutes, onTheJobMinutes, socialMinutes, formalMinutes, resourceId }: Row) =>
    [startedAt.getTime(), occurredOn.getTime(), minutes, onTheJobMinutes, socialMinutes, formalMinutes, resourceId].join();
  return said(before) === said(after);
}

function readItem(item: unknown): ReturnType<typeof readAs<typeof BatchItem>> {
  const read = readAs(BatchItem, item);
  return read.data?.learnerId === ME ? { error: namesNobody("#/learnerId") } : read;
}

function toEntry({ learnerId, id, ...input }: BatchItem): Entry {
  return { learnerId, id, input: input as StudySessionCreate };
}
