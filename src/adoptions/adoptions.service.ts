import { v7 as uuidv7 } from "uuid";
import { isOwn, type Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { type Day, toDate, toDay } from "../days";
import { AppError, quoting } from "../errors";
import type { Goal as GoalRow, Prisma } from "../generated/prisma/client";
import { changeSteps, checkOpen, requireGoal } from "../goals/goals.service";
import type { IfVersion } from "../http/preconditions";
import { todayOf } from "../learners/learners.service";
import { checkPrerequisites } from "../paths/path-steps";
import type { PathStep } from "../paths/paths.schema";
import { readSteps } from "../paths/paths.service";
import type { Ordered } from "../prerequisites";
import { checkCount, detachHiddenEvidence, isDone, readGraph, replacePrerequisites, storeOrder } from "../steps/steps.service";
import type { PathAdopt, PathChange } from "./adoptions.schema";
import { mergePrerequisites, type OwnStep, type Plan, placeAdded, planChanges, spreadDueDays } from "./changes";

/**
 * Adopts a version of a path, or takes a newer one over; what is done stays done.
 *
 * @throws AppError when there is no such version, the path is archived, or the goal has adopted another path, this version or a later one
 */
export function adoptPath(
  db: Db,
  scope: Scope,
  learnerId: string,
  goalId: string,
  input: PathAdopt,
  now: Date,
  ifVersion: IfVersion = {},
): Promise<PathChange> {
  return changeSteps(
    db,
    learnerId,
    goalId,
    async (tx, goal) => {
      const planned = await planTakeOver(tx, scope, goal, input, now);
      await store(tx, scope, goal, planned);
      return describe(planned);
    },
    ifVersion,
  );
}

/** What taking a newer version over would change, if the caller did: planned as it is for the adoption, from one moment, and stored nowhere. */
export function previewChange(db: Db, scope: Scope, learnerId: string, goalId: string, version: number | undefined, now: Date): Promise<PathChange> {
  return inTransaction(db, async (tx) => {
    await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`;
    const goal = await requireGoal(tx, learnerId, goalId);
    const { pathId, pathVersion } = goal;
    if (!pathId || !pathVersion) throw new AppError("not-found", "The goal has adopted no path. PUT one at this address.");
    const { archivedAt } = await tx.path.findUniqueOrThrow({ where: { id: pathId } });
    const toVersion = version ?? (archivedAt ? null : await lastPublished(tx, pathId));
    if (!toVersion || toVersion === pathVersion) {
      const progress = progressOf(await readOwn(tx, scope, learnerId, goalId));
      return { pathId, fromVersion: pathVersion, toVersion: null, progress: { before: progress, after: progress }, steps: [] };
    }
    checkOpen(goal);
    const change = describe(await planTakeOver(tx, scope, goal, { pathId, version: toVersion }, now));
    return { ...change, steps: change.steps.map((step) => (step.change === "added" ? { ...step, stepId: null } : step)) };
  });
}

/** All that taking a version over changes. Steps are as they then are, in the goal's order. */
type TakeOver = {
  pathId: string;
  fromVersion: number | null;
  toVersion: number;
  plan: Plan;
  own: Titled[];
  /** Of the path's steps, by their keys. */
  ids: Map<string, string>;
  dueDays: Map<string, Day>;
  /** Kept, and no longer the path's. */
  dropped: string[];
  /** Steps whose prerequisites change, with all of them. */
  needs: { stepId: string; requires: string[] }[];
  steps: Counted[];
};

/** @throws AppError when the goal cannot take the version over; nothing is written, and nothing is locked */
async function planTakeOver(db: Db, scope: Scope, goal: GoalRow, input: PathAdopt, now: Date): Promise<TakeOver> {
  const { learnerId, id: goalId, pathVersion: fromVersion } = goal;
  const { pathId } = input;
  const toVersion = await findVersion(db, input);
  checkForward(goal, pathId, toVersion);
  const [from, to] = [fromVersion ? await readSteps(db, pathId, fromVersion) : [], await readSteps(db, pathId, toVersion)];
  const own = await readOwn(db, scope, learnerId, goalId);
  const plan = planChanges(own, from, to);
  const { added, changed, removed, kept } = plan;
  checkCount(own.length + added.length - removed.length);

  const ids = new Map(own.flatMap(({ id, pathStepKey }) => (pathStepKey ? [[pathStepKey, id] as const] : [])));
  for (const { key } of added) ids.set(key, uuidv7());
  const gone = new Set(removed.map(({ id }) => id));
  const idsOf = (keys: string[]) => keys.flatMap((key) => ids.get(key) ?? []);
  const [before, ownById] = [new Map(from.map((step) => [step.key, step])), new Map(own.map((step) => [step.id, step]))];
  const needs = [
    ...added.map(({ key, prerequisites }) => ({ stepId: ids.get(key) as string, requires: idsOf(prerequisites) })),
    ...changed
      .filter(({ fields }) => fields.includes("prerequisites"))
      .map(({ id, step }) => {
        const was = before.get(step.key)?.prerequisites ?? [];
        return { stepId: id, requires: mergePrerequisites(ownById.get(id)?.prerequisites ?? [], idsOf(was), idsOf(step.prerequisites)) };
      }),
  ].map(({ stepId, requires }) => ({ stepId, requires: requires.filter((id) => !gone.has(id)) }));

  const [inPath, isNew] = [new Set(to.map(({ key }) => key)), new Set(added.map(({ key }) => key))];
  const stays = own.filter(({ id }) => !gone.has(id));
  const path = to.map(({ key }) => ({ id: ids.get(key), isNew: isNew.has(key) }));
  const order = from.length
    ? placeAdded(
        stays.map(({ id }) => id),
        path,
      )
    : [...stays.map(({ id }) => id), ...idsOf(to.map(({ key }) => key))];
  const required = new Map(needs.map(({ stepId, requires }) => [stepId, requires]));
  const contents = new Map<string, Omit<Counted, "key" | "prerequisites">>(stays.map((step) => [step.id, step]));
  for (const step of added) contents.set(ids.get(step.key) as string, { ...step, completedOn: null, skippedOn: null });
  for (const { id, step, fields } of changed) contents.set(id, { ...(contents.get(id) as Counted), ...contentOf(step, fields) });
  const steps = order.map((id): Counted => {
    const { title, required: counts, weight, completedOn, skippedOn } = contents.get(id) as Counted;
    const prerequisites = required.get(id) ?? (ownById.get(id)?.prerequisites ?? []).filter((each) => !gone.has(each));
    return { key: id, title, required: counts, weight, completedOn, skippedOn, prerequisites };
  });
  // Together with what the learner has set, the version's prerequisites may be too many, or go in a circle.
  checkPrerequisites(steps);
  return {
    pathId,
    fromVersion,
    toVersion,
    plan,
    own,
    ids,
    dueDays: goal.dueOn ? spread(added, own, to, goal, await todayOf(db, learnerId, now)) : new Map(),
    dropped: kept.filter(({ pathStepKey }) => !inPath.has(pathStepKey ?? "")).map(({ id }) => id),
    needs,
    steps,
  };
}

async function store(tx: Prisma.TransactionClient, scope: Scope, { learnerId, id: goalId }: GoalRow, planned: TakeOver): Promise<void> {
  const { pathId, toVersion, plan, ids, dueDays, dropped, needs, steps } = planned;
  const removed = plan.removed.map(({ id }) => id);
  await detachHiddenEvidence(tx, scope, learnerId, removed);
  await tx.step.deleteMany({ where: { learnerId, id: { in: removed } } });
  await tx.step.updateMany({ where: { learnerId, id: { in: dropped } }, data: { pathStepKey: null, version: { increment: 1 } } });
  await tx.step.createMany({
    data: plan.added.map(({ key, prerequisites: _, ...content }) => {
      const due = dueDays.get(key);
      return { ...content, learnerId, goalId, id: ids.get(key) as string, pathStepKey: key, position: 0, dueOn: due ? toDate(due) : null };
    }),
  });
  for (const { id, step, fields } of plan.changed) {
    await tx.step.update({ where: { learnerId_id: { learnerId, id } }, data: { ...contentOf(step, fields), version: { increment: 1 } } });
  }
  await replacePrerequisites(tx, learnerId, goalId, needs);
  await storeOrder(
    tx,
    learnerId,
    steps.map(({ key }) => key),
  );
  await tx.goal.update({ where: { learnerId_id: { learnerId, id: goalId } }, data: { pathId, pathVersion: toVersion } });
}

/** What a version says otherwise of a step, but for its prerequisites, which are stored by themselves. */
function contentOf(step: PathStep, fields: Plan["changed"][number]["fields"]): Partial<Omit<PathStep, "prerequisites">> {
  return Object.fromEntries(fields.filter((field) => field !== "prerequisites").map((field) => [field, step[field]]));
}

/** A version taken over later spreads what is new over what is left of the period; the days that steps have stay. */
function spread(added: PathStep[], own: Titled[], to: PathStep[], { startsOn, dueOn, pathVersion }: GoalRow, today: Day): Map<string, Day> {
  const start = startsOn ? toDay(startsOn) : today;
  const from = pathVersion && start < today ? today : start;
  const end = toDay(dueOn as Date);
  const prerequisites = new Map(to.map((step) => [step.key, step.prerequisites]));
  const dated = own.flatMap((step) =>
    step.dueOn && !step.done && step.pathStepKey ? [{ dueOn: step.dueOn, prerequisites: prerequisites.get(step.pathStepKey) ?? [] }] : [],
  );
  return from <= end ? spreadDueDays(added, from, end, dated) : new Map();
}

/** A step as far as circles and progress go. */
type Counted = Ordered & { title: string; required: boolean; weight: number; completedOn: Date | null; skippedOn: Date | null };
type Titled = OwnStep & Counted;

/** What the caller cannot see does not count as begun: it would tell them that there is something. */
async function readOwn(tx: Db, scope: Scope, learnerId: string, goalId: string): Promise<Titled[]> {
  const steps = await readGraph(tx, learnerId, goalId);
  const touched = await tx.$queryRaw<{ id: string }[]>`
    SELECT s.id FROM steps s WHERE s.learner_id = ${learnerId}::uuid AND s.goal_id = ${goalId}::uuid AND (
      EXISTS (SELECT FROM study_sessions x WHERE x.learner_id = s.learner_id AND x.goal_id = s.goal_id AND x.step_id = s.id)
      OR EXISTS (SELECT FROM timers x WHERE x.learner_id = s.learner_id AND x.step_id = s.id)
      OR EXISTS (SELECT FROM evidence x WHERE x.learner_id = s.learner_id AND x.goal_id = s.goal_id AND x.step_id = s.id AND (x.shared OR ${isOwn(scope, learnerId)}))
      OR EXISTS (SELECT FROM reviews x WHERE x.learner_id = s.learner_id AND x.goal_id = s.goal_id AND x.step_id = s.id))`;
  const begun = new Set(touched.map(({ id }) => id));
  return steps.map(({ dueOn, ...step }) => ({
    ...step,
    dueOn: dueOn && toDay(dueOn),
    done: isDone(step),
    begun: step.startedOn !== null || begun.has(step.id),
  }));
}

function describe({ pathId, fromVersion, toVersion, plan, own, ids, steps }: TakeOver): PathChange {
  const titles = new Map(own.map(({ id, title }) => [id, title]));
  const ofOwn =
    (change: "removed" | "kept") =>
    ({ id, pathStepKey }: OwnStep) => ({ stepId: id, key: pathStepKey ?? "", title: titles.get(id) ?? "", change, fields: [] });
  return {
    pathId,
    fromVersion,
    toVersion,
    progress: { before: progressOf(own), after: progressOf(steps) },
    steps: [
      ...plan.added.map(({ key, title }) => ({ stepId: ids.get(key) ?? null, key, title, change: "added" as const, fields: [] })),
      ...plan.changed.map(({ id, step, fields }) => ({ stepId: id, key: step.key, title: step.title, change: "changed" as const, fields })),
      ...plan.removed.map(ofOwn("removed")),
      ...plan.kept.map(ofOwn("kept")),
    ],
  };
}

/** As the goal's own progress is counted: by weight, of what is required and not skipped; null when there is nothing to do. */
function progressOf(steps: Pick<Counted, "required" | "weight" | "completedOn" | "skippedOn">[]): number | null {
  const counted = steps.filter(({ required, skippedOn }) => required && !skippedOn);
  const weightOf = (some: typeof counted) => some.reduce((sum, { weight }) => sum + weight, 0);
  return counted.length ? weightOf(counted.filter(({ completedOn }) => completedOn)) / weightOf(counted) : null;
}

async function findVersion(tx: Db, { pathId, version }: PathAdopt): Promise<number> {
  const path = await tx.path.findUnique({ where: { id: pathId } });
  const last = path && (await lastPublished(tx, pathId));
  const number = version ?? last;
  // The same words for what is not there and for a draft, which learners may not see.
  if (!last || !number || number > last) {
    const detail = "There is no such path, or this version of it is not published. Look it up under /v1/paths.";
    throw new AppError("path-not-published", detail, [{ pointer: version ? "#/version" : "#/pathId", detail }]);
  }
  if (path.archivedAt)
    throw new AppError("path-archived", "An archived path is no longer adopted, and its versions no longer taken over. Choose another path.");
  return number;
}

function checkForward({ pathId, pathVersion }: GoalRow, toPathId: string, toVersion: number): void {
  if (!pathId || !pathVersion) return;
  if (pathId !== toPathId) throw new AppError("path-adopted", "The goal has adopted another path. Set a second goal for this one, which may follow the first.");
  if (pathVersion >= toVersion) {
    const rule = "Only a newer version can be taken over.";
    throw quoting("path-adopted", `The goal is at version ${pathVersion} already. ${rule}`, `The goal is at this version already, or at a later one. ${rule}`);
  }
}

async function lastPublished(db: Db, pathId: string): Promise<number | null> {
  const { _max } = await db.pathVersion.aggregate({ where: { pathId, publishedAt: { not: null } }, _max: { number: true } });
  return _max.number;
}
