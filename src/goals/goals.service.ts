import { v7 as uuidv7 } from "uuid";
import type { Db } from "../database/transaction";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import type { Goal, GoalCreate, GoalList, GoalUpdate } from "./goals.schema";

export function createGoal(db: Db, learnerId: string, input: GoalCreate): Promise<Goal> {
  return db.goal.create({ data: { id: uuidv7(), ...input, learnerId } });
}

export function getGoal(db: Db, learnerId: string, id: string): Promise<Goal> {
  return db.goal.findUniqueOrThrow({ where: { learnerId_id: { learnerId, id } } });
}

export function listGoals(db: Db, learnerId: string, { status, ...page }: GoalList): Promise<Page<Goal>> {
  return readPage(["goals", learnerId, status], page, { instant: (goal) => goal.createdAt }, (take, after) =>
    db.goal.findMany({
      where: { AND: [{ learnerId, status }, beyond("createdAt", "desc", after)] },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take,
    }),
  );
}

export function updateGoal(db: Db, learnerId: string, id: string, input: GoalUpdate, ifVersion: IfVersion): Promise<Goal> {
  return db.goal.update({ where: { learnerId_id: { learnerId, id }, ...ifVersion }, data: { ...input, version: { increment: 1 } } });
}

/** Only a goal that no session was logged on can go; others are abandoned by their status. */
export async function deleteGoal(db: Db, learnerId: string, id: string, ifVersion: IfVersion): Promise<void> {
  await db.goal.delete({ where: { learnerId_id: { learnerId, id }, ...ifVersion } });
}
