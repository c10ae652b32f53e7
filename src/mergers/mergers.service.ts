import { refuseMerged } from "../access/merged";
import { leadsOf, type Scope } from "../access/scope";
import type { Act } from "../audit/audit.service";
import { type Involved, recordChange } from "../audit/changes";
import { type Db, inTransaction } from "../database/transaction";
import { type Day, toDate } from "../days";
import { AppError, invalid, learnerErased, learnerMerged } from "../errors";
import type { Learner as Row } from "../generated/prisma/client";
import { DAY_MINUTES, rulesOf } from "../study-sessions/full-days";
import type { Merger } from "./mergers.schema";
import { planMerger } from "./plan";
import { storeMerger } from "./store";

type Ids = { learnerId: string; survivorId: string };

/** What merging a record into another would do, and what stands in its way: planned as for the merger itself, from one moment, and stored nowhere. */
export function previewMerger(db: Db, scope: Scope, ids: Ids): Promise<Merger> {
  return inTransaction(db, async (tx) => {
    await tx.$executeRaw`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY`;
    const { merged, survivor } = await findBoth(tx, scope, ids);
    return (await planMerger(tx, merged, survivor, limits(scope))).merger;
  });
}

/**
 * Merges one record of a person into another, for good: all that is the first's becomes the survivor's.
 *
 * @throws AppError when one of them was merged or erased already, or something stands in the way; then nothing is changed
 */
export function mergeLearner(db: Db, scope: Scope, ids: Ids, act: Act, now: Date): Promise<Merger> {
  return inTransaction(db, async (tx) => {
    // One merger at a time: a survivor's own merger takes along what was merged into it. Whoever writes about one of the two waits, too.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('cairn.mergers'))`;
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id IN (${ids.learnerId}::uuid, ${ids.survivorId}::uuid) ORDER BY id FOR UPDATE`;
    const { merged, survivor } = await findBoth(tx, scope, ids);
    const plan = await planMerger(tx, merged, survivor, limits(scope));
    const { conflicts } = plan.merger;
    if (conflicts.length) throw conflict(conflicts);
    const before = await involved(tx, ids, scope.today);
    await tx.$queryRaw`SELECT ${rulesOf(scope)}`;
    await storeMerger(tx, { merged, survivor, plan, now });
    await recordChange(tx, act, [before, await involved(tx, ids, scope.today)]);
    return plan.merger;
  });
}

async function findBoth(tx: Db, scope: Scope, { learnerId, survivorId }: Ids): Promise<{ merged: Row; survivor: Row }> {
  if (learnerId === survivorId) throw invalid("#/survivorId", "A record cannot be merged into itself. Name the other record of the person.");
  await refuseMerged(tx, scope, learnerId);
  await refuseMerged(tx, scope, survivorId, "#/survivorId");
  const found = await tx.learner.findMany({ where: { id: { in: [learnerId, survivorId] } } });
  const of = (id: string) => found.find((row) => row.id === id);
  const [merged, survivor] = [of(learnerId), of(survivorId)];
  if (!merged || !survivor) {
    const detail = "The survivor is not a learner here. Look both records up under /v1/learners.";
    throw new AppError("reference-missing", detail, [{ pointer: "#/survivorId", detail }]);
  }
  if (merged.mergedIntoId || survivor.mergedIntoId) throw learnerMerged();
  if (merged.erasedAt || survivor.erasedAt) throw learnerErased();
  return { merged, survivor };
}

function limits({ dayMinutes = DAY_MINUTES, today, reason }: Scope) {
  return { dayMinutes, today, reason };
}

function conflict(conflicts: Merger["conflicts"]): AppError {
  const flaws = conflicts.flatMap(({ kind, detail, named }) =>
    (named.length ? named.map((name) => `${kind}: ${name}. ${detail}`) : [`${kind}: ${detail}`]).map((each) => ({ pointer: "#/survivorId", detail: each })),
  );
  return new AppError("merger-conflict", "Settle what `errors` lists, and send it again. Nothing was changed.", flaws);
}

/** Both, and whoever sees them from today on: the leads of their teams. */
async function involved(tx: Db, { learnerId, survivorId }: Ids, today: Day): Promise<Involved> {
  const learnerIds = [learnerId, survivorId];
  const stays = await tx.membership.findMany({
    where: { learnerId: { in: learnerIds }, OR: [{ untilDay: null }, { untilDay: { gt: toDate(today) } }] },
    select: { teamId: true },
  });
  const led = await tx.team.findMany({ where: { leadId: { in: learnerIds } }, select: { id: true } });
  const itemIds = [...stays.map(({ teamId }) => teamId), ...led.map(({ id }) => id)];
  return { learnerIds, crowd: await leadsOf(tx, itemIds), itemIds };
}
