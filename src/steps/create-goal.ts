import { v7 as uuidv7 } from "uuid";
import type { Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import type { Goal, GoalCreate } from "../goals/goals.schema";
import { checkOpen, createGoal, getGoal, requireGoal } from "../goals/goals.service";
import { completeSteps } from "../paths/path-steps";
import { replacePrerequisites } from "./steps.service";

/**
 * Sets a goal, with the steps that it brings: all of it, or nothing.
 *
 * @throws AppError as `createGoal` and `completeSteps` do, and when a closed goal brings steps: there they would never be done
 */
export function createGoalWithSteps(db: Db, scope: Scope, learnerId: string, { steps = [], ...input }: GoalCreate, now: Date): Promise<Goal> {
  return inTransaction(db, async (tx) => {
    const goal = await createGoal(tx, scope, learnerId, input, now);
    if (!steps.length) return goal;
    checkOpen(await requireGoal(tx, learnerId, goal.id));
    const of = { learnerId, goalId: goal.id };
    const ids = new Map(steps.map(({ key, id = uuidv7() }) => [key, id]));
    const completed = await completeSteps(tx, steps);
    await tx.step.createMany({
      data: completed.map(({ key, prerequisites: _, ...content }, index) => {
        const { dueOn = null } = steps[index] as (typeof steps)[number];
        return { ...content, ...of, id: ids.get(key) as string, position: index + 1, dueOn };
      }),
    });
    const needs = completed.map(({ key, prerequisites }) => ({
      stepId: ids.get(key) as string,
      requires: prerequisites.map((each) => ids.get(each) as string),
    }));
    await replacePrerequisites(tx, learnerId, goal.id, needs);
    return getGoal(tx, scope, learnerId, goal.id, now);
  });
}
