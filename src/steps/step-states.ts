import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { toDate } from "../days";
import { AppError, cut, invalid, quoting } from "../errors";
import type { Step as Row } from "../generated/prisma/client";
import { changeSteps, holdOpenGoal } from "../goals/goals.service";
import { MOST_BLOCKERS } from "../goals/health";
import type { IfVersion } from "../http/preconditions";
import { todayOf } from "../learners/learners.service";
import type { Step, StepCompletion, StepSkip, StepStart } from "./steps.schema";
import { getStep, type StepKey, undonePrerequisites, whereStep } from "./steps.service";

/** Begun on a day, a skipped one too. The first session on a step does the same. */
export function startStep(db: Db, key: StepKey, { startedOn }: StepStart, ifVersion: IfVersion, now: Date): Promise<Step> {
  return setDays(db, key, ifVersion, now, async (_, step, today) => {
    const day = pastDay("startedOn", startedOn, today);
    if (day && step.completedOn && day > step.completedOn) {
      throw invalid("#/startedOn", "The step was completed before this day. Give an earlier day, or take the completion back first: DELETE …/completion.");
    }
    return { startedOn: day ?? step.startedOn ?? step.completedOn ?? today, skippedOn: null };
  });
}

export function unstartStep(db: Db, key: StepKey, ifVersion: IfVersion, now: Date): Promise<Step> {
  return setDays(db, key, ifVersion, now, async () => ({ startedOn: null }));
}

/**
 * Completes a step, a skipped one too.
 *
 * @throws AppError when steps before it are not done, unless that is overridden with a reason
 */
export function completeStep(db: Db, key: StepKey, { completedOn, override = false, reason }: StepCompletion, ifVersion: IfVersion, now: Date): Promise<Step> {
  if (override && !reason) throw invalid("#/reason", "Completing a blocked step takes a reason. Say why it is done although steps before it are not.");
  if (!override && reason) throw invalid("#/override", "A reason is kept only with an override. Send override: true, or leave the reason out.");
  return setDays(db, key, ifVersion, now, async (tx, step, today) => {
    const day = pastDay("completedOn", completedOn, today) ?? step.completedOn ?? today;
    if (step.startedOn && day < step.startedOn) {
      throw invalid("#/completedOn", "The step was started after this day. Give a later day, or correct its start first: PUT …/start.");
    }
    if (step.completedOn) return { completedOn: day };
    const waitsFor = await undonePrerequisites(tx, key);
    if (waitsFor.length && !override) {
      const named = waitsFor.slice(0, MOST_BLOCKERS).map(({ title }) => `"${cut(title, 80)}"`);
      const names = [...named, ...(waitsFor.length > named.length ? [`${waitsFor.length - named.length} more`] : [])].join(", ");
      const advice = "Complete or skip them, or send override: true with a reason.";
      throw quoting("step-blocked", `These steps come first and are not done: ${names}. ${advice}`, `Steps that come first are not done. ${advice}`);
    }
    return { completedOn: day, skippedOn: null, overrideReason: waitsFor.length ? (reason ?? null) : null };
  });
}

/** Whatever was completed after it stays so. */
export function uncompleteStep(db: Db, key: StepKey, ifVersion: IfVersion, now: Date): Promise<Step> {
  return setDays(db, key, ifVersion, now, async () => ({ completedOn: null, overrideReason: null }));
}

/** Leaves a step out: it counts neither for nor against progress, and nothing waits for it. */
export function skipStep(db: Db, key: StepKey, { skippedOn }: StepSkip, ifVersion: IfVersion, now: Date): Promise<Step> {
  return setDays(db, key, ifVersion, now, async (_, step, today) => {
    if (step.completedOn) throw new AppError("step-completed", "What is completed cannot be skipped. Take the completion back first: DELETE …/completion.");
    const day = pastDay("skippedOn", skippedOn, today);
    if (day && step.startedOn && day < step.startedOn) {
      throw invalid("#/skippedOn", "The step was started after this day. Give a later day, or take the start back first: DELETE …/start.");
    }
    return { skippedOn: day ?? step.skippedOn ?? today };
  });
}

export function unskipStep(db: Db, key: StepKey, ifVersion: IfVersion, now: Date): Promise<Step> {
  return setDays(db, key, ifVersion, now, async () => ({ skippedOn: null }));
}

type Change = Partial<Pick<Row, "startedOn" | "completedOn" | "skippedOn" | "overrideReason">>;

function setDays(db: Db, key: StepKey, ifVersion: IfVersion, now: Date, decide: (tx: Db, step: Row, today: Date) => Promise<Change>): Promise<Step> {
  const { learnerId, goalId } = key;
  return inTransaction(db, async (tx) => {
    await holdOpenGoal(tx, learnerId, goalId);
    const where = whereStep(key, ifVersion);
    const step = await tx.step.findUniqueOrThrow({ where });
    const change = await decide(tx, step, toDate(await todayOf(tx, learnerId, now)));
    if (changesNothing(tx, step, change)) return getStep(tx, key, now);
    return changeSteps(tx, learnerId, goalId, async () => {
      await tx.step.update({ where, data: { ...change, version: { increment: 1 } } });
      return getStep(tx, key, now);
    });
  });
}

/** @throws AppError when the day is still to come */
function pastDay(field: string, day: Date | undefined, today: Date): Date | undefined {
  if (day && day > today) throw invalid(`#/${field}`, "This day is still to come for the learner. Give today, an earlier day, or none.");
  return day;
}
