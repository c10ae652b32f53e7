import { operatorsAct, record } from "../audit/audit.service";
import type { Config } from "../config";
import { type Db, inTransaction } from "../database/transaction";
import { addDays, type Day, dayIn } from "../days";
import { Prisma } from "../generated/prisma/client";
import { erasePersonalData } from "./personal-data.service";

export type Leaver = { id: string; lastTraceOn: Day };
/** What is kept no longer. */
export type Outdated = { leavers: Leaver[]; auditEvents: number };

type Settings = Pick<Config, "RETAIN_LEAVERS_DAYS" | "RETAIN_AUDIT_DAYS" | "TIME_ZONE">;

/** What the settings say is to go, today. Nothing is changed. */
export async function findOutdated(db: Db, settings: Settings, now: Date): Promise<Outdated> {
  const { RETAIN_AUDIT_DAYS: days } = settings;
  return {
    leavers: await findLeavers(db, settings, now),
    auditEvents: days ? await db.auditEvent.count({ where: { at: { lt: before(days, now) } } }) : 0,
  };
}

/**
 * Erases one person, in a transaction of their own, so that the next does not wait for all.
 *
 * @returns whether they were still to be erased: they may have come back since they were found
 */
export function eraseLeaver(db: Db, settings: Settings, { id }: Leaver, now: Date): Promise<boolean> {
  return inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${id}::uuid FOR UPDATE`;
    if (!(await findLeavers(tx, settings, now, id)).length) return false;
    await erasePersonalData(tx, id, { today: dayIn(now, settings.TIME_ZONE), now });
    await record(tx, operatorsAct("retention"), "change", [id]);
    return true;
  });
}

const EVENTS_AT_ONCE = 10_000;

/**
 * Removes old audit events, some at a time.
 *
 * @returns how many went; 0 when none are left
 */
export function removeAuditEvents(db: Db, { RETAIN_AUDIT_DAYS: days }: Settings, now: Date): Promise<number> {
  if (!days) return Promise.resolve(0);
  return inTransaction(db, async (tx) => {
    const removed = await tx.$executeRaw`
      DELETE FROM audit_events WHERE (at, id) IN (SELECT at, id FROM audit_events WHERE at < ${before(days, now)} ORDER BY at, id LIMIT ${EVENTS_AT_ONCE})`;
    await tx.$executeRaw`DELETE FROM change_reasons r WHERE given_at < ${before(days, now)} AND NOT EXISTS (SELECT FROM audit_events e WHERE e.request_id = r.request_id)`;
    if (removed) await record(tx, operatorsAct("retention"), "change", []);
    return removed;
  });
}

/**
 * Who is in no team and left no trace for longer than the settings say: did not come, learn, set
 * goals, sign in, read or change anything, nor was anything of theirs changed; not who leads a team.
 */
async function findLeavers(db: Db, { RETAIN_LEAVERS_DAYS: days, TIME_ZONE }: Settings, now: Date, id?: string): Promise<Leaver[]> {
  if (!days) return [];
  const one = id ? Prisma.sql`AND l.id = ${id}::uuid` : Prisma.empty;
  const cutoff = addDays(dayIn(now, TIME_ZONE), -days);
  return db.$queryRaw`
    SELECT id, to_char(last_trace_on, 'YYYY-MM-DD') AS "lastTraceOn"
    FROM (
      SELECT l.id, greatest(
               l.created_at::date,
               l.last_seen_on,
               (SELECT max(until_day) FROM memberships WHERE learner_id = l.id),
               (SELECT max(greatest(occurred_on, updated_at::date)) FROM study_sessions WHERE learner_id = l.id),
               (SELECT max(updated_at)::date FROM goals WHERE learner_id = l.id),
               (SELECT max(last_used_on) FROM api_keys WHERE learner_id = l.id),
               (SELECT max(at)::date FROM audit_events WHERE person_id = l.id),
               (SELECT max(at)::date FROM audit_events WHERE learner_ids @> ARRAY[l.id] AND action = 'change')
             ) AS last_trace_on
      FROM learners l
      WHERE l.erased_at IS NULL AND l.merged_into_id IS NULL AND NOT EXISTS (SELECT FROM teams WHERE lead_id = l.id)
        -- Nearly everybody: for them the costlier questions are not asked.
        AND NOT EXISTS (SELECT FROM memberships WHERE learner_id = l.id AND (until_day IS NULL OR until_day >= ${cutoff}::date)) ${one}
    ) known
    WHERE last_trace_on < ${cutoff}::date
    ORDER BY last_trace_on, id`;
}

function before(days: number, now: Date): Date {
  return new Date(now.getTime() - days * 86_400_000);
}
