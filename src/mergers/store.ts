import { v7 as uuidv7 } from "uuid";
import { toDate } from "../days";
import { Prisma, type Learner as Row } from "../generated/prisma/client";
import { GOES, type Plan } from "./plan";

const { sql, raw } = Prisma;

type Tx = Prisma.TransactionClient;
type Merging = { merged: Row; survivor: Row; plan: Plan; now: Date };

/** Makes everything that is the merged record's the survivor's. Both rows of learners are held, so that nobody writes meanwhile. */
export async function storeMerger(tx: Tx, merging: Merging): Promise<void> {
  await dropEndedTimers(tx, merging);
  await dropSessions(tx, merging);
  const renamed = new Map(merging.plan.clashing.map((id) => [id, uuidv7()]));
  await moveStays(tx, merging, renamed);
  await moveRows(tx, merging, renamed);
  await nameSurvivor(tx, merging);
  await moveWaysIn(tx, merging);
  await tx.learnerMonth.deleteMany({ where: { learnerId: merging.merged.id } });
  await closeRecord(tx, merging);
}

/** A timer that was stopped only says into which session; it makes room for one that runs, and for sessions that go. */
async function dropEndedTimers(tx: Tx, { merged, survivor }: Merging): Promise<void> {
  await tx.timer.deleteMany({ where: { learnerId: { in: [merged.id, survivor.id] }, endedAt: { not: null } } });
}

/** Of two sessions under one id, the one that is no other goes; a deleted one makes room for one that is not. */
async function dropSessions(tx: Tx, { merged, survivor }: Merging): Promise<void> {
  await tx.$executeRaw`
    DELETE FROM study_sessions gone USING study_sessions kept
    WHERE gone.learner_id = ${merged.id}::uuid AND kept.learner_id = ${survivor.id}::uuid AND kept.id = gone.id AND ${GOES}`;
  await tx.$executeRaw`
    DELETE FROM study_sessions kept USING study_sessions moving
    WHERE kept.learner_id = ${survivor.id}::uuid AND moving.learner_id = ${merged.id}::uuid AND moving.id = kept.id AND kept.deleted_at IS NOT NULL`;
}

/** The parts of a stay that was cut are stays of their own; the first keeps its id. */
async function moveStays(tx: Tx, { merged, survivor, plan }: Merging, renamed: Map<string, string>): Promise<void> {
  await tx.membership.deleteMany({ where: { learnerId: merged.id } });
  const used = new Set<string>();
  const data = plan.stays.map(({ id, teamId, fromDay, untilDay, createdAt }) => {
    const free = used.has(id) ? uuidv7() : (renamed.get(id) ?? id);
    used.add(id);
    return { learnerId: survivor.id, id: free, teamId, fromDay: toDate(fromDay), untilDay: untilDay ? toDate(untilDay) : null, createdAt };
  });
  await tx.membership.createMany({ data });
}

/**
 * Rows that refer to one another change their owner in one statement: at its end, when the database
 * looks at the references, all of them are there. The sums of months follow by their own triggers.
 */
async function moveRows(tx: Tx, { merged, survivor, plan, now }: Merging, renamed: Map<string, string>): Promise<void> {
  const names = JSON.stringify(Object.fromEntries(renamed));
  const id = (column: string) => (renamed.size ? sql`coalesce((${names}::jsonb ->> ${raw(column)}::text)::uuid, ${raw(column)})` : raw(column));
  const to = (...columns: string[]) => Prisma.join([sql`learner_id = ${survivor.id}::uuid`, ...columns.map((column) => sql`${raw(column)} = ${id(column)}`)]);
  const own = sql`WHERE learner_id = ${merged.id}::uuid`;
  const unlessSurvivor = (column: string) => sql`${raw(column)} = nullif(${raw(column)}, ${survivor.id}::uuid)`;
  // Each day was looked at, and what the merged record had on one before may stay.
  await tx.$queryRaw`SELECT set_config('cairn.day_minutes', greatest(day_minutes_limit(), ${plan.longestDay}::bigint)::text, true)`;
  await tx.$executeRaw`
    WITH moved_sessions AS (
      UPDATE study_sessions SET ${to("goal_id", "step_id")}, ${unlessSurvivor("mentor_id")}, ${unconfirmed(survivor.id)}, updated_at = ${now}, version = version + 1 ${own}
    ), moved_timers AS (UPDATE timers SET ${to("goal_id", "step_id")} ${own}
    ), moved_evidence AS (UPDATE evidence SET ${to("id", "goal_id", "step_id")} ${own}
    ), moved_reviews AS (UPDATE reviews SET ${to("id", "goal_id", "step_id")}, ${unlessSurvivor("reviewer_id")} ${own}
    ), moved_terms AS (UPDATE terms SET ${to("id", "goal_id")} ${own}
    ), moved_prerequisites AS (UPDATE step_prerequisites SET ${to("goal_id", "step_id", "requires_id")} ${own}
    ), moved_steps AS (UPDATE steps SET ${to("id", "goal_id")} ${own}
    )
    UPDATE goals SET ${to("id", "follows_id")}, ${unlessSurvivor("reviewer_id")} ${own}`;
}

/** A mentor's word on what was learned from oneself is no other's word. */
function unconfirmed(mentorId: string): Prisma.Sql {
  return sql`verification = CASE WHEN mentor_id = ${mentorId}::uuid AND verification = 'mentor-confirmed' THEN 'self-reported' ELSE verification END`;
}

/** Where rows of others, or of the survivor, name the merged record. Nobody is their own mentor or reviewer. */
async function nameSurvivor(tx: Tx, { merged, survivor, now }: Merging): Promise<void> {
  const [from, to] = [sql`${merged.id}::uuid`, sql`${survivor.id}::uuid`];
  const changed = sql`version = version + 1`;
  await tx.$executeRaw`
    UPDATE study_sessions SET mentor_id = NULL, ${unconfirmed(merged.id)}, updated_at = ${now}, ${changed} WHERE learner_id = ${to} AND mentor_id = ${from}`;
  await tx.$executeRaw`UPDATE study_sessions SET mentor_id = ${to} WHERE mentor_id = ${from}`;
  await tx.$executeRaw`UPDATE goals SET reviewer_id = nullif(${to}, learner_id), updated_at = ${now}, ${changed} WHERE reviewer_id = ${from}`;
  await tx.$executeRaw`
    UPDATE reviews SET reviewer_id = CASE WHEN reviewer_id = ${from} THEN nullif(${to}, learner_id) ELSE reviewer_id END,
           answered_by_id = CASE WHEN answered_by_id = ${from} THEN ${to} ELSE answered_by_id END, ${changed}
    WHERE reviewer_id = ${from} OR answered_by_id = ${from}`;
  await tx.$executeRaw`UPDATE teams SET lead_id = ${to}, updated_at = ${now}, ${changed} WHERE lead_id = ${from}`;
  await tx.$executeRaw`UPDATE resources SET learner_id = ${to}, updated_at = ${now}, ${changed} WHERE learner_id = ${from}`;
}

/**
 * Keys go on working, as the survivor's, and so do answers that were kept for the person. An
 * invitation that waits does not: it was for somebody whose record was new.
 */
async function moveWaysIn(tx: Tx, { merged, survivor }: Merging): Promise<void> {
  const change = { where: { learnerId: merged.id }, data: { learnerId: survivor.id } };
  await tx.invitation.deleteMany({ where: { learnerId: merged.id, redeemedAt: null } });
  await tx.invitation.updateMany(change);
  await tx.apiKey.updateMany(change);
  await tx.$executeRaw`
    UPDATE idempotency_keys gone SET caller_id = ${survivor.id}::uuid WHERE caller_id = ${merged.id}::uuid
      AND NOT EXISTS (SELECT FROM idempotency_keys kept WHERE kept.caller_id = ${survivor.id}::uuid AND kept.key = gone.key)`;
  await tx.idempotencyKey.deleteMany({ where: { callerId: merged.id } });
}

/** The survivor takes over what it lacks. The other keeps the rest of what it went by, so that this leads to the survivor. */
async function closeRecord(tx: Tx, { merged, survivor, plan, now }: Merging): Promise<void> {
  const { takenOver } = plan.merger;
  const given = Object.fromEntries(takenOver.map((name) => [name, merged[name]]));
  const names = takenOver.filter((name) => name !== "target");
  await tx.learner.update({
    where: { id: merged.id },
    data: { ...Object.fromEntries(names.map((name) => [name, null])), mergedIntoId: survivor.id, mergedAt: now, version: { increment: 1 } },
  });
  const isNamedAnew = takenOver.includes("email") || takenOver.includes("externalId");
  await tx.learner.update({
    where: { id: survivor.id },
    data: {
      ...given,
      ...(isNamedAnew && { signInOpen: merged.signInOpen && survivor.signInOpen }),
      ...(takenOver.includes("subject") && { lastSeenOn: later(merged.lastSeenOn, survivor.lastSeenOn) }),
      credentialsFrom: later(merged.credentialsFrom, survivor.credentialsFrom),
      ...(takenOver.length && { version: { increment: 1 } }),
    },
  });
}

function later(one: Date | null, other: Date | null): Date | null {
  return one && other ? (one > other ? one : other) : (one ?? other);
}
