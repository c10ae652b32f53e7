import { v7 as uuidv7 } from "uuid";
import { isAbove, knownLearners, type Scope } from "../access/scope";
import type { Involved } from "../audit/changes";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { type Day, toDate } from "../days";
import { AppError, invalid } from "../errors";
import { Prisma, type Goal as Row } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { todayOf } from "../learners/learners.service";
import type { Goal, GoalCreate, GoalList, GoalUpdate } from "./goals.schema";
import { makeGrowth } from "./growth";
import { readGrowth } from "./growth.query";

/** @throws AppError when the reviewer does not lead the learner, or the goal follows itself in a ring */
export function createGoal(db: Db, scope: Scope, learnerId: string, input: Omit<GoalCreate, "steps">, now: Date): Promise<Goal> {
  return inTransaction(db, async (tx) => {
    await checkReviewer(tx, scope, learnerId, input.reviewerId);
    const today = await todayOf(tx, learnerId, now);
    const completedOn = completion(input, { status: "active", completedOn: null, startsOn: null }, today);
    return presentOne(tx, scope, await tx.goal.create({ data: { id: uuidv7(), ...input, completedOn, learnerId } }), today);
  });
}

export async function getGoal(db: Db, scope: Scope, learnerId: string, id: string, now: Date): Promise<Goal> {
  return presentOne(db, scope, await requireGoal(db, learnerId, id), await todayOf(db, learnerId, now));
}

export function listGoals(db: Db, scope: Scope, learnerId: string, { status, ...page }: GoalList, now: Date): Promise<Page<Goal>> {
  return readPage(["goals", learnerId, status], page, { instant: (goal) => goal.createdAt }, async (take, after) => {
    const goals = await db.goal.findMany({
      where: { AND: [{ learnerId, status }, beyond("createdAt", "desc", after)] },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take,
    });
    return present(db, scope, learnerId, goals, await todayOf(db, learnerId, now));
  });
}

export function updateGoal(db: Db, scope: Scope, learnerId: string, id: string, input: GoalUpdate, ifVersion: IfVersion, now: Date): Promise<Goal> {
  return inTransaction(db, async (tx) => {
    const where = { learnerId_id: { learnerId, id }, ...ifVersion };
    // Holds the row, so that what the steps' writers find of its status stays true.
    await tx.$queryRaw`SELECT 1 FROM goals WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR UPDATE`;
    const before = await tx.goal.findUniqueOrThrow({ where });
    await checkReviewer(tx, scope, learnerId, input.reviewerId);
    const today = await todayOf(tx, learnerId, now);
    const change = { ...input, completedOn: completion(input, before, today) };
    if (changesNothing(tx, before, change)) return presentOne(tx, scope, before, today);
    return presentOne(tx, scope, await tx.goal.update({ where, data: { ...change, version: { increment: 1 } } }), today);
  });
}

/** Only a goal that no session was logged on can go, and what it holds with it; others are abandoned by their status. */
export async function deleteGoal(db: Db, learnerId: string, id: string, ifVersion: IfVersion): Promise<void> {
  await db.goal.delete({ where: { learnerId_id: { learnerId, id }, ...ifVersion } });
}

/** Whom a goal concerns beside its learner: its reviewer. */
export async function involvedInGoal(db: Db, learnerId: string, id: string): Promise<Involved> {
  const [goal] = await db.$queryRaw<{ reviewerId: string | null }[]>`
    SELECT reviewer_id AS "reviewerId" FROM goals WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
  return { learnerIds: [goal?.reviewerId] };
}

/** For lists of what a goal holds: an empty page would say that there is such a goal. */
export async function requireGoal(db: Db, learnerId: string, id: string): Promise<Row> {
  return db.goal.findUniqueOrThrow({ where: { learnerId_id: { learnerId, id } } });
}

/**
 * Holds a goal's row while its steps change, one change at a time, and counts the change.
 *
 * @throws AppError when the goal is completed or abandoned: then its steps stay, and its progress with them
 */
export function changeSteps<T>(
  db: Db,
  learnerId: string,
  goalId: string,
  work: (tx: Prisma.TransactionClient, goal: Row) => Promise<T>,
  ifVersion: IfVersion = {},
): Promise<T> {
  return inTransaction(db, async (tx) => {
    const goal = await tx.goal.update({ where: { learnerId_id: { learnerId, id: goalId }, ...ifVersion }, data: { version: { increment: 1 } } });
    checkOpen(goal);
    return work(tx, goal);
  });
}

/** Holds a goal's row, so that it stays open. @throws AppError when the goal is completed or abandoned */
export async function holdOpenGoal(tx: Prisma.TransactionClient, learnerId: string, goalId: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM goals WHERE learner_id = ${learnerId}::uuid AND id = ${goalId}::uuid FOR UPDATE`;
  checkOpen(await requireGoal(tx, learnerId, goalId));
}

/** @throws AppError when the goal is completed or abandoned */
export function checkOpen({ status }: Row): void {
  if (status !== "completed" && status !== "abandoned") return;
  throw new AppError("goal-closed", `The goal is ${status}, so its steps stay as they are. To go on with it, PATCH its status to active.`);
}

async function presentOne(db: Db, scope: Scope, goal: Row, today: Day): Promise<Goal> {
  const [presented] = await present(db, scope, goal.learnerId, [goal], today);
  return presented as Goal;
}

async function present(db: Db, scope: Scope, learnerId: string, goals: Row[], today: Day): Promise<Goal[]> {
  if (!goals.length) return [];
  const ids = goals.map(({ id }) => id);
  const which = Prisma.sql`g.learner_id = ${learnerId}::uuid AND g.id = ANY (${ids}::uuid[])`;
  const rows = await readGrowth(db, which, today);
  const known = new Map(rows.map((row) => [row.id, row]));
  const reviewers = await knownLearners(
    db,
    scope,
    goals.map(({ reviewerId }) => reviewerId),
  );
  return goals.flatMap(({ pathId, pathVersion, ...goal }) => {
    const row = known.get(goal.id);
    // Deleted since it was read.
    if (!row) return [];
    const path = pathId && pathVersion ? { id: pathId, title: row.pathTitle as string, version: pathVersion, newerVersion: row.newerVersion } : null;
    const names = { reviewerName: reviewers.get(goal.reviewerId) ?? null, followsTitle: row.followsTitle };
    return [{ ...goal, ...names, path, growth: makeGrowth(row) }];
  });
}

/** The day of completion that goes with a status. */
function completion(input: GoalUpdate, before: Pick<Row, "status" | "completedOn" | "startsOn">, today: Day): Date | null {
  const status = input.status ?? before.status;
  if (status !== "completed") {
    if (input.completedOn)
      throw invalid("#/completedOn", "Only a goal whose status is completed was completed on a day. Send the status, too, or leave the day out.");
    return null;
  }
  if (input.completedOn && input.completedOn > toDate(today)) throw invalid("#/completedOn", "A goal cannot have been completed in the future.");
  const completedOn = input.completedOn ?? before.completedOn ?? toDate(today);
  const startsOn = input.startsOn === undefined ? before.startsOn : input.startsOn;
  if (startsOn && completedOn < startsOn) {
    const field = input.startsOn && !input.completedOn ? "startsOn" : "completedOn";
    throw invalid(`#/${field}`, "A goal cannot have been completed before it started. Correct startsOn or completedOn.");
  }
  return completedOn;
}

/** @throws AppError when the reviewer does not lead a team at or above the learner's of today */
export async function checkReviewer(db: Db, { today }: Scope, learnerId: string, reviewerId: string | null | undefined): Promise<void> {
  if (!reviewerId || (await isAbove(db, reviewerId, learnerId, today))) return;
  const detail =
    "A reviewer leads the learner's team of today, or a team above it, and is somebody else. Name such a lead, or nobody: then any of them can answer.";
  throw new AppError("reviewer-not-above", detail, [{ pointer: "#/reviewerId", detail }]);
}
