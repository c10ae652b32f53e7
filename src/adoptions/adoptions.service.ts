import { v7 as uuidv7 } from "uuid";
import { isOwn, type Scope } from "../access/scope";
import { type Db, rolledBack } from "../database/transaction";
import { type Day, toDate, toDay } from "../days";
import { AppError, quoting } from "../errors";
import { type Goal as GoalRow, Prisma } from "../generated/prisma/client";
import { changeSteps, requireGoal } from "../goals/goals.service";
import { readGrowth } from "../goals/growth.query";
import type { IfVersion } from "../http/preconditions";
import { todayOf } from "../learners/learners.service";
import { checkCircle } from "../paths/path-steps";
import type { PathStep } from "../paths/paths.schema";
import { readSteps } from "../paths/paths.service";
import { countSteps, detachHiddenEvidence, isDone, readGraph, replacePrerequisites, storeOrder } from "../steps/steps.service";
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
      const toVersion = await findVersion(tx, input);
      checkForward(goal, input.pathId, toVersion);
      return takeOver(tx, scope, goal, input.pathId, toVersion, await todayOf(tx, learnerId, now));
    },
    ifVersion,
  );
}

/** What taking a newer version over would change, if the caller did: the very call, rolled back. */
export async function previewChange(db: Db, scope: Scope, learnerId: string, goalId: string, version: number | undefined, now: Date): Promise<PathChange> {
  const { pathId, pathVersion } = await requireGoal(db, learnerId, goalId);
  if (!pathId || !pathVersion) throw new AppError("not-found", "The goal has adopted no path. PUT one at this address.");
  const { archivedAt } = await db.path.findUniqueOrThrow({ where: { id: pathId } });
  const toVersion = version ?? (archivedAt ? null : await lastPublished(db, pathId));
  if (!toVersion || toVersion === pathVersion) {
    const progress = await progressOf(db, learnerId, goalId, await todayOf(db, learnerId, now));
    return { pathId, fromVersion: pathVersion, toVersion: null, progress: { before: progress, after: progress }, steps: [] };
  }
  const change = await rolledBack(db, (tx) => adoptPath(tx, scope, learnerId, goalId, { pathId, version: toVersion }, now));
  return { ...change, steps: change.steps.map((step) => (step.change === "added" ? { ...step, stepId: null } : step)) };
}

async function takeOver(tx: Prisma.TransactionClient, scope: Scope, goal: GoalRow, pathId: string, toVersion: number, today: Day): Promise<PathChange> {
  const { learnerId, id: goalId, pathVersion: fromVersion } = goal;
  const [from, to] = [fromVersion ? await readSteps(tx, pathId, fromVersion) : [], await readSteps(tx, pathId, toVersion)];
  const own = await readOwn(tx, scope, learnerId, goalId);
  const plan = planChanges(own, from, to);
  const before = await progressOf(tx, learnerId, goalId, today);
  await countSteps(tx, learnerId, goalId, plan.added.length - plan.removed.length);
  await detachHiddenEvidence(
    tx,
    scope,
    learnerId,
    plan.removed.map(({ id }) => id),
  );
  const ids = await apply(tx, goal, own, plan, { from, to }, today);
  await tx.goal.update({ where: { learnerId_id: { learnerId, id: goalId } }, data: { pathId, pathVersion: toVersion } });
  const after = await progressOf(tx, learnerId, goalId, today);
  return { pathId, fromVersion, toVersion, progress: { before, after }, steps: describe(plan, own, ids) };
}

async function apply(
  tx: Prisma.TransactionClient,
  goal: GoalRow,
  own: Titled[],
  { added, changed, removed, kept }: Plan,
  { from, to }: { from: PathStep[]; to: PathStep[] },
  today: Day,
): Promise<Map<string, string>> {
  const { learnerId, id: goalId } = goal;
  await tx.step.deleteMany({ where: { learnerId, id: { in: removed.map(({ id }) => id) } } });
  const dropped = kept.filter(({ pathStepKey }) => !to.some(({ key }) => key === pathStepKey)).map(({ id }) => id);
  await tx.step.updateMany({ where: { learnerId, id: { in: dropped } }, data: { pathStepKey: null, version: { increment: 1 } } });

  const ids = new Map(own.flatMap(({ id, pathStepKey }) => (pathStepKey ? [[pathStepKey, id] as const] : [])));
  for (const { key } of added) ids.set(key, uuidv7());
  const idsOf = (keys: string[]) => keys.flatMap((key) => ids.get(key) ?? []);
  const dueDays = goal.dueOn ? spread(added, own, to, goal, today) : new Map<string, Day>();
  await tx.step.createMany({
    data: added.map(({ key, prerequisites: _, ...content }) => {
      const due = dueDays.get(key);
      return { ...content, learnerId, goalId, id: ids.get(key) as string, pathStepKey: key, position: 0, dueOn: due ? toDate(due) : null };
    }),
  });
  for (const { id, step, fields } of changed) {
    const content = Object.fromEntries(fields.filter((field) => field !== "prerequisites").map((field) => [field, step[field]]));
    await tx.step.update({ where: { learnerId_id: { learnerId, id } }, data: { ...content, version: { increment: 1 } } });
  }
  const needs = [
    ...added.map(({ key, prerequisites }) => ({ stepId: ids.get(key) as string, requires: idsOf(prerequisites) })),
    ...changed
      .filter(({ fields }) => fields.includes("prerequisites"))
      .map(({ id, step }) => {
        const was = from.find(({ key }) => key === step.key)?.prerequisites ?? [];
        const present = own.find((each) => each.id === id)?.prerequisites ?? [];
        return { stepId: id, requires: mergePrerequisites(present, idsOf(was), idsOf(step.prerequisites)) };
      }),
  ];
  const gone = new Set(removed.map(({ id }) => id));
  await replacePrerequisites(
    tx,
    learnerId,
    goalId,
    needs.map(({ stepId, requires }) => ({ stepId, requires: requires.filter((id) => !gone.has(id)) })),
  );
  const isNew = new Set(added.map(({ key }) => key));
  const order = own.map(({ id }) => id).filter((id) => !gone.has(id));
  const path = to.map(({ key }) => ({ id: ids.get(key), isNew: isNew.has(key) }));
  await storeOrder(tx, learnerId, from.length ? placeAdded(order, path) : [...order, ...idsOf(to.map(({ key }) => key))]);
  // Together with what the learner has set, the version's prerequisites may go in a circle.
  checkCircle(await readGraph(tx, learnerId, goalId));
  return ids;
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

type Titled = OwnStep & { title: string };

/** What the caller cannot see does not count as begun: it would tell them that there is something. */
async function readOwn(tx: Prisma.TransactionClient, scope: Scope, learnerId: string, goalId: string): Promise<Titled[]> {
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

function describe({ added, changed, removed, kept }: Plan, own: Titled[], ids: Map<string, string>): PathChange["steps"] {
  const titles = new Map(own.map(({ id, title }) => [id, title]));
  const ofOwn =
    (change: "removed" | "kept") =>
    ({ id, pathStepKey }: OwnStep) => ({ stepId: id, key: pathStepKey ?? "", title: titles.get(id) ?? "", change, fields: [] });
  return [
    ...added.map(({ key, title }) => ({ stepId: ids.get(key) ?? null, key, title, change: "added" as const, fields: [] })),
    ...changed.map(({ id, step, fields }) => ({ stepId: id, key: step.key, title: step.title, change: "changed" as const, fields })),
    ...removed.map(ofOwn("removed")),
    ...kept.map(ofOwn("kept")),
  ];
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

async function progressOf(db: Db, learnerId: string, goalId: string, today: Day): Promise<number | null> {
  const [row] = await readGrowth(db, Prisma.sql`g.learner_id = ${learnerId}::uuid AND g.id = ${goalId}::uuid`, today);
  return row?.progress ?? null;
}
