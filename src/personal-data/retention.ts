import { operatorsAct, record } from "../audit/audit.service";
import type { Config } from "../config";
import { type Db, inTransaction } from "../database/transaction";
import { addDays, type Day, dayIn } from "../days";
import { erasePersonalData } from "./personal-data.service";

export type Leaver = { id: string; lastTraceOn: Day };
/** What is kept no longer. */
export type Outdated = { leavers: Leaver[]; auditEvents: number };

type Settings = Pick<Config, "RETAIN_LEAVERS_DAYS" | "RETAIN_AUDIT_DAYS" | "TIME_ZONE">;

/** What the settings say is to go, today. Nothing is changed. */
export async function findOutdated(db: Db, settings: Settings, now: Date): Promise<Outdated> {
  const { RETAIN_LEAVERS_DAYS: leaversDays, RETAIN_AUDIT_DAYS: auditDays, TIME_ZONE } = settings;
  const today = dayIn(now, TIME_ZONE);
  return {
    leavers: leaversDays ? await findLeavers(db, addDays(today, -leaversDays)) : [],
    auditEvents: auditDays ? await db.auditEvent.count({ where: { at: { lt: before(auditDays, now) } } }) : 0,
  };
}

/** Erases one person, as one transaction, so that the next does not wait for all; again changes nothing. */
export async function eraseLeaver(db: Db, { id }: Leaver, now: Date): Promise<void> {
  await inTransaction(db, async (tx) => {
    await erasePersonalData(tx, id, false, now);
    await record(tx, operatorsAct("retention"), "change", [id]);
  });
}

/** @returns how many events went */
export async function removeAuditEvents(db: Db, { RETAIN_AUDIT_DAYS: days }: Settings, now: Date): Promise<number> {
  if (!days) return 0;
  return inTransaction(db, async (tx) => {
    const { count } = await tx.auditEvent.deleteMany({ where: { at: { lt: before(days, now) } } });
    if (count) await record(tx, operatorsAct("retention"), "change", []);
    return count;
  });
}

/** Who is in no team after a day, and neither came, learned nor called since; not who leads a team. */
function findLeavers(db: Db, cutoff: Day): Promise<Leaver[]> {
  return db.$queryRaw`
    SELECT id, to_char(last_trace_on, 'YYYY-MM-DD') AS "lastTraceOn"
    FROM (
      SELECT l.id, greatest(
               l.created_at::date,
               (SELECT max(coalesce(until_day, 'infinity')) FROM memberships WHERE learner_id = l.id),
               (SELECT max(greatest(occurred_on, logged_at::date)) FROM study_sessions WHERE learner_id = l.id),
               (SELECT max(last_used_on) FROM api_keys WHERE learner_id = l.id)
             ) AS last_trace_on
      FROM learners l
      WHERE l.erased_at IS NULL AND NOT EXISTS (SELECT FROM teams WHERE lead_id = l.id)
    ) known
    WHERE last_trace_on < ${cutoff}::date
    ORDER BY last_trace_on, id`;
}

function before(days: number, now: Date): Date {
  return new Date(now.getTime() - days * 86_400_000);
}
