import { type Act, recordingEach } from "../audit/audit.service";
import type { Db } from "../database/transaction";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";
import { toRecord } from "./columns";

/**
 * Inserts the rows whose ids are free, in one statement however many: the rows travel as one
 * parameter, because composing a statement of thousands costs more than running it. By each act
 * that is given, and by which something went in, the same statement records one event.
 *
 * @param rows no two with the same key
 * @returns the keys that went in
 */
export function insertSessions(db: Db, rows: { row: Row; act: Act | undefined }[]): Promise<{ learnerId: string; id: string }[]> {
  // In one order, so that two who write the same keys wait for each other, and never both.
  const ordered = rows.toSorted((a, b) => compare(a.row.learnerId, b.row.learnerId) || compare(a.row.id, b.row.id));
  return db.$queryRaw`
    WITH stored AS (
      INSERT INTO study_sessions
      SELECT * FROM jsonb_populate_recordset(NULL::study_sessions, ${JSON.stringify(ordered.map(({ row }) => toRecord(row)))}::jsonb)
      ON CONFLICT (learner_id, id) DO NOTHING
      RETURNING learner_id, id
    )
    ${recorded(ordered)}
    SELECT learner_id AS "learnerId", id FROM stored`;
}

function recorded(rows: { row: Row; act: Act | undefined }[]): Prisma.Sql {
  const acts = [...new Set(rows.flatMap(({ act }) => act ?? []))];
  if (!acts.length) return Prisma.empty;
  const numbers = new Map(acts.map((act, number) => [act, number]));
  const by = rows.flatMap(({ row: { learnerId, id }, act }) => (act ? [{ learnerId, id, number: numbers.get(act) }] : []));
  const items = Prisma.sql`
    SELECT act, learner_id, id FROM stored
    JOIN unnest(${by.map((each) => each.learnerId)}::uuid[], ${by.map((each) => each.id)}::uuid[], ${by.map((each) => each.number)}::int[])
      AS by (learner_id, id, act) USING (learner_id, id)`;
  return Prisma.sql`, recorded AS (${recordingEach(acts, "change", items)})`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
