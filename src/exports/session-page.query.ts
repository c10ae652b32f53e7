import { readFor } from "../database/read";
import { Prisma, type PrismaClient } from "../generated/prisma/client";
import { within } from "../study-sessions/filters";
import type { SessionExport } from "./exports.schema";

/** The last session of the page before. */
export type After = { learnerId: string; id: string };
/** Sessions as they are sent: each a line with its end. */
export type SessionPage = { text: string; rows: number; learnerIds: string[]; last: After | null };

const { sql } = Prisma;
const PAGE = 5_000;
// Of notes, without which a session is a few hundred bytes: a page is held in memory until it is sent.
const PAGE_BYTES = 2_000_000;

/**
 * The next sessions of these learners, in the order of (learner, id). The database writes the lines:
 * that is less work than to hand the rows over. A page is one short statement, so that nothing stays
 * open while a client takes its time.
 *
 * @param line how a session `s` is written: see lineOf
 * @param learnerIds in their order; those before `after`'s left out
 * @param signal is aborted when nobody waits for the page any more
 */
export async function readSessionPage(
  db: PrismaClient,
  { from, to }: SessionExport,
  line: Prisma.Sql,
  learnerIds: string[],
  after: After | null,
  signal: AbortSignal,
): Promise<SessionPage> {
  const further = after ? sql`AND (s.learner_id, s.id) > (${after.learnerId}::uuid, ${after.id}::uuid)` : Prisma.empty;
  // Ids travel as one text: a list of them takes Prisma longer than the database takes for the page.
  type Row = { text: string; rows: number; isLast: boolean; learnerIds: string; lastLearnerId: string; lastId: string };
  const statement = sql`
    WITH found AS MATERIALIZED (
      SELECT l.place, s.*, sum(coalesce(octet_length(s.note), 0)) OVER (ORDER BY l.place, s.id) - coalesce(octet_length(s.note), 0) AS bytes_before
      FROM unnest(string_to_array(${learnerIds.join()}, ',')::uuid[]) WITH ORDINALITY AS l(id, place)
      CROSS JOIN LATERAL (
        SELECT * FROM study_sessions s WHERE s.learner_id = l.id AND s.deleted_at IS NULL ${within(from, to)} ${further} ORDER BY s.id LIMIT ${PAGE}
      ) s
      ORDER BY l.place, s.id LIMIT ${PAGE}
    ), page AS MATERIALIZED (
      SELECT place, learner_id, id, ${line} AS line FROM found s WHERE bytes_before < ${PAGE_BYTES}
    )
    SELECT coalesce((SELECT string_agg(line, '' ORDER BY place, id) FROM page), '') AS text, (SELECT count(*) FROM page)::int AS rows,
           (SELECT count(*) FROM found) < ${PAGE} AND NOT EXISTS (SELECT FROM found WHERE bytes_before >= ${PAGE_BYTES}) AS "isLast",
           array_to_string(ARRAY(SELECT DISTINCT learner_id FROM page), ',') AS "learnerIds", last.learner_id AS "lastLearnerId", last.id AS "lastId"
    FROM (SELECT) one LEFT JOIN LATERAL (SELECT learner_id, id FROM page ORDER BY place DESC, id DESC LIMIT 1) last ON true`;
  const [{ text, rows, isLast, learnerIds: shown, lastLearnerId, lastId }] = (await readFor<Row>(db, statement, signal)) as [Row];
  return { text, rows, learnerIds: shown.split(",").filter(Boolean), last: isLast ? null : { learnerId: lastLearnerId, id: lastId } };
}
