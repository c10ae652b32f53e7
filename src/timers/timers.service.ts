import type { Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { dayIn, instantIn, toDate } from "../days";
import { invalid, notFound, quoting } from "../errors";
import type { Prisma, Timer as Row } from "../generated/prisma/client";
import type { IfVersion } from "../http/preconditions";
import { getLearner } from "../learners/learners.service";
import { goalOfStep, otherGoal } from "../steps/steps.service";
import { checkStart } from "../study-sessions/log-sessions";
import { LONGEST_MINUTES, type LoggedSession } from "../study-sessions/study-sessions.schema";
import { logSession } from "../study-sessions/study-sessions.service";
import type { Timer, TimerStart, TimerStop, TimerUpdate } from "./timers.schema";

const MS_PER_MINUTE = 60_000;

/** The primary key holds a learner to one timer. One that has ended makes room for the next. */
export function startTimer(db: Db, learnerId: string, input: TimerStart, now: Date): Promise<Timer> {
  return inTransaction(db, async (tx) => {
    const timeZone = input.timeZone ?? (await getLearner(tx, learnerId)).timeZone;
    const data = { mode: null, resourceId: null, ...input, ...beginning(input.startedAt ?? now, timeZone, now), ...(await placeOf(tx, learnerId, input)) };
    const ended = { learnerId, endedAt: { not: null } };
    const [again] = await tx.timer.updateManyAndReturn({ where: ended, data: { ...data, endedAt: null, sessionId: null, version: { increment: 1 } } });
    return again ?? tx.timer.create({ data: { ...data, learnerId } });
  });
}

export function getTimer(db: Db, learnerId: string): Promise<Timer> {
  return db.timer.findUniqueOrThrow({ where: { learnerId, endedAt: null } });
}

/** Corrects a running timer, its start too. */
export function updateTimer(db: Db, learnerId: string, input: TimerUpdate, ifVersion: IfVersion, now: Date): Promise<Timer> {
  return inTransaction(db, async (tx) => {
    const before = await holdRunning(tx, learnerId, "To change what it was stopped into, change that session.");
    const where = { learnerId, ...ifVersion };
    // Of another version there is no row: the answer is 412.
    await tx.timer.findUniqueOrThrow({ where });
    const start = beginning(input.startedAt ?? before.startedAt, input.timeZone ?? before.timeZone, now);
    const change = { ...input, ...start, ...(await placeOf(tx, learnerId, input, before)) };
    if (changesNothing(tx, before, change)) return before;
    return tx.timer.update({ where, data: { ...change, version: { increment: 1 } } });
  });
}

/** Logs nothing. Who stopped it, or discarded it before, finds nothing to discard. */
export function discardTimer(db: Db, learnerId: string, ifVersion: IfVersion, now: Date): Promise<void> {
  return inTransaction(db, async (tx) => {
    await holdRunning(tx, learnerId, "To take back what was logged, delete that session.");
    await end(tx, { learnerId, ...ifVersion }, now, null);
  });
}

/**
 * Logs the time since the start as a session, whole minutes and at least one, and ends the timer. It keeps the zone and
 * the day in which it was started, however long ago.
 *
 * @throws AppError when it was stopped before, or ran for longer than a session may last and no minutes are given; it then runs on
 */
export function stopTimer(db: Db, scope: Scope, learnerId: string, input: TimerStop, now: Date): Promise<LoggedSession> {
  return inTransaction(db, async (tx) => {
    const { startedAt, timeZone, mode, goalId, stepId, resourceId } = await holdRunning(tx, learnerId, "Nothing more was logged now.");
    const minutes = input.minutes ?? Math.max(1, Math.round((now.getTime() - startedAt.getTime()) / MS_PER_MINUTE));
    if (minutes > LONGEST_MINUTES) {
      const advice = `Stop it with the minutes that were learned, at most ${LONGEST_MINUTES}, or discard it.`;
      throw quoting("timer-too-long", `The timer has run for ${minutes} minutes. ${advice}`, `The timer has run for longer than that. ${advice}`);
    }
    // A step belongs to one goal: with another goal or step than the timer's, its own go. What it does not say may come from the step.
    const goes = (input.goalId !== undefined && input.goalId !== goalId) || (input.stepId !== undefined && input.stepId !== stepId);
    const place = goes ? {} : { goalId: goalId ?? undefined, stepId: stepId ?? undefined };
    const known = { ...place, timeZone, resourceId: resourceId ?? undefined, ...(input.split ? {} : { mode: mode ?? undefined }) };
    const { session } = await logSession(tx, scope, { learnerId, input: { ...known, ...input, startedAt, minutes } }, now);
    await end(tx, { learnerId }, now, session.id);
    return session;
  });
}

/** When and on which day it began. @throws AppError when that is still to come, or before the days that are kept */
function beginning(time: Date | string, timeZone: string, now: Date): Pick<Row, "startedAt" | "timeZone" | "startedOn"> {
  const startedAt = instantIn(time, timeZone);
  if (startedAt > now)
    throw invalid("#/startedAt", "A timer cannot begin in the future. Give an instant that has passed, or leave startedAt out to start it now.");
  checkStart(startedAt, timeZone, now);
  return { startedAt, timeZone, startedOn: toDate(dayIn(startedAt, timeZone)) };
}

/** A step brings its goal; another goal, or none, leaves the step behind. */
async function placeOf(tx: Db, learnerId: string, { goalId, stepId }: TimerUpdate, before?: Row): Promise<Partial<Pick<Row, "goalId" | "stepId">>> {
  if (stepId) {
    const ofStep = await goalOfStep(tx, learnerId, stepId);
    if (goalId !== undefined && goalId !== ofStep) throw otherGoal();
    return { goalId: ofStep, stepId };
  }
  if (!before) return { goalId: goalId ?? null, stepId: null };
  return goalId !== undefined && goalId !== before.goalId ? { goalId, stepId: null } : {};
}

/** @param then what there is to do where it was stopped */
async function holdRunning(tx: Prisma.TransactionClient, learnerId: string, then: string): Promise<Row> {
  await tx.$queryRaw`SELECT 1 FROM timers WHERE learner_id = ${learnerId}::uuid FOR UPDATE`;
  const timer = await tx.timer.findUnique({ where: { learnerId }, include: { session: { select: { deletedAt: true } } } });
  if (timer?.endedAt && timer.session) {
    const into = `the session /v1/learners/${learnerId}/study-sessions/${timer.sessionId}${timer.session.deletedAt ? ", which was deleted since" : ""}`;
    const said = `The timer was stopped already, at ${timer.endedAt.toISOString()}, into ${into}. ${then}`;
    throw quoting("timer-stopped", said, "The timer was stopped already, into a study session. Start a new one to time something else.");
  }
  if (!timer || timer.endedAt) throw notFound();
  const { session: _, ...running } = timer;
  return running;
}

/** It then holds on to nothing. */
async function end(tx: Db, where: Prisma.TimerWhereUniqueInput, now: Date, sessionId: string | null): Promise<void> {
  const letGo = { mode: null, goalId: null, stepId: null, resourceId: null };
  await tx.timer.update({ where, data: { ...letGo, endedAt: now, sessionId, version: { increment: 1 } } });
}
