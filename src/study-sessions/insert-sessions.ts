import { type Act, recording } from "../audit/audit.service";
import type { Db } from "../database/transaction";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";

/**
 * Inserts the rows whose ids are free, in one statement however many: the rows travel as one
 * parameter, because composing a statement of thousands costs more than running it.
 *
 * @param act as what the same statement records them
 * @returns the keys that went in; of two rows with the same key, the first
 */
export function insertSessions(db: Db, rows: Row[], act?: Act): Promise<{ learnerId: string; id: string }[]> {
  return db.$queryRaw`
    WITH stored AS (
      INSERT INTO study_sessions
      SELECT * FROM jsonb_populate_recordset(NULL::study_sessions, ${JSON.stringify(rows.map(toRecord))}::jsonb)
      ON CONFLICT (learner_id, id) DO NOTHING
      RETURNING learner_id, id
    )
    ${act ? recorded(act) : Prisma.empty}
    SELECT learner_id AS "learnerId", id FROM stored`;
}

/** What went in, if anything did. */
function recorded(act: Act): Prisma.Sql {
  const event = recording(act, "change", Prisma.sql`array_agg(DISTINCT learner_id)`, Prisma.sql`array_agg(id)`);
  return Prisma.sql`, recorded AS (${event} FROM stored HAVING count(*) > 0)`;
}

/** A row under the names and in the words of its table. */
function toRecord({ bodyDigest, verification, ...row }: Row): Record<string, unknown> {
  const columns = { ...row, verification: inWords(verification, "-"), bodyDigest: `\\x${Buffer.from(bodyDigest).toString("hex")}` };
  return Object.fromEntries(Object.entries(columns).map(([name, value]) => [inWords(name, "_"), value]));
}

function inWords(name: string, joint: string): string {
  return name.replace(/[A-Z]/g, (letter) => joint + letter.toLowerCase());
}
