import { v7 as uuidv7 } from "uuid";
import { isOwn, type Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { addDays, toDate } from "../days";
import { AppError, invalid, quoting } from "../errors";
import type { Prisma } from "../generated/prisma/client";
import { changeSteps, holdOpenGoal, requireGoal } from "../goals/goals.service";
import { DUE_SOON_DAYS } from "../goals/health";
import { type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { todayOf } from "../learners/learners.service";
import { checkPrerequisites } from "../paths/path-steps";
import { MOST_STEPS } from "../paths/paths.schema";
import { resourcesById } from "../resources/resources.service";
import type { Step, StepCreate, StepList, StepUpdate } from "./steps.schema";

/** Where a step stands. */
export type StepKey = { learnerId: string; goalId: string; id: string };

type Row = Prisma.StepGetPayload<{ include: typeof withPrerequisites }>;

const withPrerequisites = {
  prerequisites: {
    select: { requires: { select: { id: true, title: true, completedOn: true, skippedOn: true } } },
    orderBy: { requires: { position: "asc" } },
  },
} as const satisfies Prisma.StepInclude;

/** @throws AppError when the goal is closed, has its most steps, or the step refers to what is not there */
export function createStep(db: Db, learnerId: string, goalId: string, input: StepCreate, now: Date): Promise<Step> {
  return changeSteps(db, learnerId, goalId, async (tx) => {
    const { id = uuidv7(), position, prerequisites, ...content } = input;
    const last = await countSteps(tx, learnerId, goalId, 1);
    await tx.step.create({ data: { ...content, ...(await defaultsOf(tx, content)), learnerId, goalId, id, position: last } });
    if (prerequisites) await storePrerequisites(tx, { learnerId, goalId, id }, prerequisites);
    if (position) await renumber(tx, learnerId, goalId, { id, position });
    return getStep(tx, { learnerId, goalId, id }, now);
  });
}

export async function getStep(db: Db, { learnerId, goalId, id }: StepKey, now: Date): Promise<Step> {
  const row = await db.step.findUniqueOrThrow({ where: { learnerId_id: { learnerId, id }, goalId }, include: withPrerequisites });
  const [step] = await present(db, learnerId, [row], now);
  return step as Step;
}

/** A goal's steps, in its order. */
export async function listSteps(db: Db, learnerId: string, goalId: string, page: StepList, now: Date): Promise<Page<Step>> {
  await requireGoal(db, learnerId, goalId);
  return readPage(["steps", learnerId, goalId], page, { number: (step) => step.position }, async (take, after) => {
    const rows = await db.step.findMany({
      where: { learnerId, goalId, ...(after && { position: { gt: after.value as number } }) },
      orderBy: [{ position: "asc" }, { id: "asc" }],
      include: withPrerequisites,
      take,
    });
    return present(db, learnerId, rows, now);
  });
}

/** A new resource brings its mode and its estimate, unless the change says otherwise. */
export function updateStep(db: Db, key: StepKey, input: StepUpdate, ifVersion: IfVersion, now: Date): Promise<Step> {
  const { learnerId, goalId, id } = key;
  return inTransaction(db, async (tx) => {
    await holdOpenGoal(tx, learnerId, goalId);
    const where = whereStep(key, ifVersion);
    const before = await tx.step.findUniqueOrThrow({ where, include: withPrerequisites });
    const { position, prerequisites, ...content } = input;
    const isNew = content.resourceId !== before.resourceId;
    const data = { ...content, ...(isNew && (await defaultsOf(tx, content))) };
    const present = { ...before, requires: idsInOrder(before.prerequisites.map(({ requires }) => requires.id)) };
    // A place after the last one is the last one.
    const place = position && Math.min(position, await tx.step.count({ where: { learnerId, goalId } }));
    if (changesNothing(tx, present, { ...data, position: place, requires: prerequisites && idsInOrder(prerequisites) })) return getStep(tx, key, now);
    return changeSteps(tx, learnerId, goalId, async () => {
      await tx.step.update({ where, data: { ...data, version: { increment: 1 } } });
      if (prerequisites) await storePrerequisites(tx, key, prerequisites);
      if (position) await renumber(tx, learnerId, goalId, { id, position });
      return getStep(tx, key, now);
    });
  });
}

function idsInOrder(ids: string[]): string[] {
  return [...new Set(ids)].sort();
}

/** Only a step that nothing was logged on, shown for or asked about can go, as far as the caller sees that; others are skipped. */
export async function deleteStep(db: Db, scope: Scope, key: StepKey, ifVersion: IfVersion): Promise<void> {
  await changeSteps(db, key.learnerId, key.goalId, async (tx) => {
    await detachHiddenEvidence(tx, scope, key.learnerId, [key.id]);
    await tx.step.delete({ where: whereStep(key, ifVersion) });
    await renumber(tx, key.learnerId, key.goalId);
  });
}

/**
 * Keeps private evidence when somebody else takes its step away: it stays, of the goal as a whole.
 * A refusal would tell that there is some.
 */
export async function detachHiddenEvidence(tx: Db, scope: Scope, learnerId: string, stepIds: string[]): Promise<void> {
  if (isOwn(scope, learnerId)) return;
  await tx.evidence.updateMany({ where: { learnerId, stepId: { in: stepIds }, shared: false }, data: { stepId: null, version: { increment: 1 } } });
}

export function whereStep({ learnerId, goalId, id }: StepKey, ifVersion: IfVersion) {
  return { learnerId_id: { learnerId, id }, goalId, ...ifVersion };
}

/**
 * How many steps a goal has once some come to it.
 *
 * @throws AppError when there would be too many
 */
export async function countSteps(tx: Db, learnerId: string, goalId: string, more: number): Promise<number> {
  const count = (await tx.step.count({ where: { learnerId, goalId } })) + more;
  checkCount(count);
  return count;
}

/** @throws AppError when those are more steps than a goal may have */
export function checkCount(count: number): void {
  if (count <= MOST_STEPS) return;
  const [most, advice] = [`A goal has at most ${MOST_STEPS} steps`, "Set a second goal that follows this one."];
  throw quoting("too-many-steps", `${most}, and there would be ${count}. ${advice}`, `${most}, and there would be more. ${advice}`);
}

export const NO_STEP = "The learner has no such step. Use the id of a step of one of the learner's own goals.";

/** The refusal of a step and a goal that do not belong together, no goal among them. */
export function otherGoal(): AppError {
  return invalid("#/stepId", "The step belongs to another goal than goalId says. Leave goalId out, or use a step of that goal.");
}

/** @throws AppError when the learner has no such step */
export async function goalOfStep(db: Db, learnerId: string, stepId: string): Promise<string> {
  const step = await db.step.findUnique({ where: { learnerId_id: { learnerId, id: stepId } } });
  if (!step) throw new AppError("reference-missing", NO_STEP, [{ pointer: "#/stepId", detail: NO_STEP }]);
  return step.goalId;
}

/** The undone steps that a step waits for. */
export async function undonePrerequisites(tx: Db, { learnerId, goalId, id }: StepKey): Promise<{ id: string; title: string }[]> {
  const { prerequisites } = await tx.step.findUniqueOrThrow({ where: { learnerId_id: { learnerId, id }, goalId }, include: withPrerequisites });
  return undone(prerequisites);
}

/** A goal's steps with the ids of their prerequisites, in the goal's order. */
export async function readGraph(tx: Db, learnerId: string, goalId: string) {
  const steps = await tx.step.findMany({ where: { learnerId, goalId }, orderBy: { position: "asc" } });
  // A text for each step: as rows of their own, thousands take Prisma long to hand over.
  const needs = await tx.$queryRaw<{ stepId: string; requires: string }[]>`
    SELECT step_id AS "stepId", string_agg(requires_id::text, ',' ORDER BY requires_id) AS requires
    FROM step_prerequisites WHERE learner_id = ${learnerId}::uuid AND goal_id = ${goalId}::uuid GROUP BY step_id`;
  const requires = new Map(needs.map(({ stepId, requires }) => [stepId, requires.split(",")]));
  return steps.map((step) => ({ ...step, key: step.id, prerequisites: requires.get(step.id) ?? [] }));
}

async function storePrerequisites(tx: Prisma.TransactionClient, { learnerId, goalId, id: stepId }: StepKey, requires: string[]): Promise<void> {
  const graph = await readGraph(tx, learnerId, goalId);
  // Before it is stored, so that a step that waits for itself is a circle like any other.
  checkPrerequisites(graph.map((step) => (step.id === stepId ? { ...step, prerequisites: requires } : step)));
  await replacePrerequisites(tx, learnerId, goalId, [{ stepId, requires: [...new Set(requires)] }]);
}

/** In two statements however many steps, because a dense path has thousands of prerequisites. */
export async function replacePrerequisites(
  tx: Prisma.TransactionClient,
  learnerId: string,
  goalId: string,
  needs: { stepId: string; requires: string[] }[],
): Promise<void> {
  await tx.stepPrerequisite.deleteMany({ where: { learnerId, goalId, stepId: { in: needs.map(({ stepId }) => stepId) } } });
  const pairs = needs.flatMap(({ stepId, requires }) => requires.map((requiresId) => [stepId, requiresId] as const));
  await tx.$executeRaw`
    INSERT INTO step_prerequisites (learner_id, goal_id, step_id, requires_id)
    SELECT ${learnerId}::uuid, ${goalId}::uuid, step_id, requires_id
    FROM unnest(${listOf(pairs.map(([stepId]) => stepId))}::uuid[], ${listOf(pairs.map(([, requiresId]) => requiresId))}::uuid[]) AS pair(step_id, requires_id)`;
}

/** As one text: a list of thousands takes Prisma longer than the database. */
function listOf(ids: string[]): string {
  return `{${ids.join()}}`;
}

/** Gives a goal's steps the positions 1, 2, 3… in the order of their ids here. */
export async function storeOrder(tx: Prisma.TransactionClient, learnerId: string, ids: string[]): Promise<void> {
  await tx.$executeRaw`
    UPDATE steps SET position = placed.position FROM unnest(${ids}::uuid[]) WITH ORDINALITY AS placed(id, position)
    WHERE steps.learner_id = ${learnerId}::uuid AND steps.id = placed.id AND steps.position <> placed.position`;
}

/** Makes positions 1, 2, 3… again, with one step moved to its new place. */
async function renumber(tx: Prisma.TransactionClient, learnerId: string, goalId: string, moved?: { id: string; position: number }): Promise<void> {
  const steps = await tx.step.findMany({ where: { learnerId, goalId }, select: { id: true }, orderBy: [{ position: "asc" }, { id: "asc" }] });
  const ids = steps.map(({ id }) => id).filter((id) => id !== moved?.id);
  if (moved) ids.splice(moved.position - 1, 0, moved.id);
  await storeOrder(tx, learnerId, ids);
}

/** What a step's resource says, where the step itself says nothing. */
async function defaultsOf(tx: Db, { resourceId, mode, estimatedMinutes }: StepUpdate) {
  const resource = resourceId ? (await resourcesById(tx, [resourceId])).get(resourceId) : undefined;
  return {
    ...(mode === undefined && resource?.effectiveMode && { mode: resource.effectiveMode }),
    ...(estimatedMinutes === undefined && resource?.estimatedMinutes && { estimatedMinutes: resource.estimatedMinutes }),
  };
}

async function present(db: Db, learnerId: string, rows: Row[], now: Date): Promise<Step[]> {
  if (!rows.length) return [];
  const today = await todayOf(db, learnerId, now);
  const [date, soon] = [toDate(today), toDate(addDays(today, DUE_SOON_DAYS))];
  // Prisma's own sum of minutes holds no more than 32 bits.
  const sums = await db.$queryRaw<{ stepId: string; minutes: number }[]>`
    SELECT step_id AS "stepId", sum(minutes)::float8 AS minutes FROM study_sessions
    WHERE learner_id = ${learnerId}::uuid AND step_id = ANY (${rows.map(({ id }) => id)}::uuid[]) AND deleted_at IS NULL GROUP BY step_id`;
  const resources = await resourcesById(
    db,
    rows.map(({ resourceId }) => resourceId),
  );
  const logged = new Map(sums.map(({ stepId, minutes }) => [stepId, minutes]));
  return rows.map(({ prerequisites, ...row }) => {
    const due = row.dueOn && !isDone(row) ? row.dueOn : null;
    return {
      ...row,
      resourceTitle: resources.get(row.resourceId ?? "")?.title ?? null,
      prerequisites: prerequisites.map(({ requires }) => requires.id),
      state: stateOf(row),
      blockedBy: isDone(row) ? [] : undone(prerequisites).map(({ id }) => id),
      overdue: due !== null && due < date,
      dueSoon: due !== null && due >= date && due <= soon,
      loggedMinutes: logged.get(row.id) ?? 0,
    };
  });
}

type Days = Pick<Row, "startedOn" | "completedOn" | "skippedOn">;

function stateOf({ startedOn, completedOn, skippedOn }: Days): Step["state"] {
  if (completedOn) return "completed";
  if (skippedOn) return "skipped";
  return startedOn ? "in-progress" : "not-started";
}

/** What is skipped keeps nothing waiting. */
export function isDone({ completedOn, skippedOn }: Pick<Days, "completedOn" | "skippedOn">): boolean {
  return completedOn !== null || skippedOn !== null;
}

function undone(prerequisites: Row["prerequisites"]): { id: string; title: string }[] {
  return prerequisites.flatMap(({ requires: { id, title, ...days } }) => (isDone(days) ? [] : [{ id, title }]));
}
