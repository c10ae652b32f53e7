import type { Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { quoting } from "../errors";
import { goalOfStep, otherGoal } from "../steps/steps.service";
import type { StudySession } from "../study-sessions/study-sessions.schema";
import { logSession } from "../study-sessions/study-sessions.service";
import type { Timer, TimerStart, TimerStop } from "./timers.schema";

const MS_PER_MINUTE = 60_000;
const LONGEST_MINUTES = 1440;

/** The primary key holds a learner to one timer. */
export async function startTimer(db: Db, learnerId: string, input: TimerStart, now: Date): Promise<Timer> {
  const ofStep = input.stepId ? await goalOfStep(db, learnerId, input.stepId) : null;
  if (ofStep && input.goalId !== undefined && input.goalId !== ofStep) throw otherGoal();
  const goalId = ofStep ?? input.goalId;
  return db.timer.create({ data: { ...input, goalId, learnerId, startedAt: now } });
}

export function getTimer(db: Db, learnerId: string): Promise<Timer> {
  return db.timer.findUniqueOrThrow({ where: { learnerId } });
}

export async function discardTimer(db: Db, learnerId: string): Promise<void> {
  await db.timer.delete({ where: { learnerId } });
}

/**
 * Logs the time since the start as a session, whole minutes and at least one, and ends the timer.
 *
 * @throws AppError when it ran for longer than a session may last and no minutes are given; it then runs on
 */
export function stopTimer(db: Db, scope: Scope, learnerId: string, input: TimerStop, now: Date): Promise<StudySession> {
  return inTransaction(db, async (tx) => {
    const { startedAt, mode, goalId, stepId, resourceId } = await tx.timer.delete({ where: { learnerId } });
    const minutes = input.minutes ?? Math.max(1, Math.round((now.getTime() - startedAt.getTime()) / MS_PER_MINUTE));
    if (minutes > LONGEST_MINUTES) {
      const advice = `Stop it with the minutes that were learned, at most ${LONGEST_MINUTES}, or discard it.`;
      throw quoting("timer-too-long", `The timer has run for ${minutes} minutes. ${advice}`, `The timer has run for longer than that. ${advice}`);
    }
    // A step belongs to one goal: with another goal or step than the timer's, its own go. What it does not say may come from the step.
    const goes = (input.goalId !== undefined && input.goalId !== goalId) || (input.stepId !== undefined && input.stepId !== stepId);
    const place = goes ? {} : { goalId: goalId ?? undefined, stepId: stepId ?? undefined };
    const known = { ...place, resourceId: resourceId ?? undefined, ...(input.split ? {} : { mode: mode ?? undefined }) };
    const { session } = await logSession(tx, scope, { learnerId, input: { ...known, ...input, startedAt, minutes } }, now);
    return session;
  });
}
