import { personOf, type Scope } from "../access/scope";
import { instant } from "../database/instant";
import type { Db } from "../database/transaction";
import { Prisma } from "../generated/prisma/client";
import { within } from "../study-sessions/filters";
import { StudySession } from "../study-sessions/study-sessions.schema";
import type { SessionExport } from "./exports.schema";

export type Form = "csv" | "ndjson";
/** The last session of the page before. */
export type After = { learnerId: string; id: string };
/** Sessions as they are sent: each a line with its end. */
export type SessionPage = { text: string; rows: number; learnerIds: string[]; last: After | null };

const { sql, join, raw } = Prisma;
const PAGE = 5_000;

export const COLUMNS = Object.keys(StudySession.shape) as (keyof StudySession)[];

/**
 * The next sessions of these learners, in the order of (learner, id). The database writes the lines:
 * that is less work than to hand the rows over. A page is one short statement, so that nothing stays
 * open while a client takes its time.
 *
 * @param line how a session is written: see lineOf
 * @param learnerIds in their order; those before `after`'s left out
 */
export async function readSessionPage(db: Db, { from, to }: SessionExport, line: Prisma.Sql, learnerIds: string[], after: After | null): Promise<SessionPage> {
  const further = after ? sql`AND (s.learner_id, s.id) > (${after.learnerId}::uuid, ${after.id}::uuid)` : Prisma.empty;
  // Ids travel as one text: a list of them takes Prisma longer than the database takes for the page.
  const [page] = await db.$queryRaw<[{ text: string; rows: number; learnerIds: string; lastLearnerId: string; lastId: string }]>`
    WITH page AS MATERIALIZED (
      SELECT l.place, s.learner_id, s.id, ${line} AS line
      FROM unnest(string_to_array(${learnerIds.join()}, ',')::uuid[]) WITH ORDINALITY AS l(id, place)
      CROSS JOIN LATERAL (
        SELECT * FROM study_sessions s WHERE s.learner_id = l.id AND s.deleted_at IS NULL ${within(from, to)} ${further} ORDER BY s.id LIMIT ${PAGE}
      ) s
      ORDER BY l.place, s.id LIMIT ${PAGE}
    )
    SELECT coalesce((SELECT string_agg(line, '' ORDER BY place, id) FROM page), '') AS text, (SELECT count(*) FROM page)::int AS rows,
           array_to_string(ARRAY(SELECT DISTINCT learner_id FROM page), ',') AS "learnerIds", last.learner_id AS "lastLearnerId", last.id AS "lastId"
    FROM (SELECT) one LEFT JOIN LATERAL (SELECT learner_id, id FROM page ORDER BY place DESC, id DESC LIMIT 1) last ON true`;
  const { text, rows, lastLearnerId, lastId } = page;
  return { text, rows, learnerIds: page.learnerIds.split(",").filter(Boolean), last: rows < PAGE ? null : { learnerId: lastLearnerId, id: lastId } };
}

/** A session as the caller may see it, with the fields and in the words of the lists. */
export function lineOf(form: Form, scope: Scope): Prisma.Sql {
  return form === "csv" ? csvLine(fields(scope)) : jsonLine(fields(scope));
}

type Kind = "plain" | "instant" | "words" | "list";
type Fields = Record<keyof StudySession, [Kind, Prisma.Sql]>;

function fields(scope: Scope): Fields {
  return {
    learnerId: ["plain", sql`s.learner_id`],
    id: ["plain", sql`s.id`],
    startedAt: ["instant", sql`s.started_at`],
    timeZone: ["plain", sql`s.time_zone`],
    occurredOn: ["plain", sql`s.occurred_on`],
    minutes: ["plain", sql`s.minutes`],
    onTheJobMinutes: ["plain", sql`s.on_the_job_minutes`],
    socialMinutes: ["plain", sql`s.social_minutes`],
    formalMinutes: ["plain", sql`s.formal_minutes`],
    unclassifiedMinutes: ["plain", sql`(s.minutes - s.on_the_job_minutes - s.social_minutes - s.formal_minutes)`],
    impact: ["plain", sql`s.impact`],
    goalId: ["plain", sql`s.goal_id`],
    stepId: ["plain", sql`s.step_id`],
    resourceId: ["plain", sql`s.resource_id`],
    resourceType: ["plain", sql`s.resource_type`],
    skills: ["list", sql`s.skills`],
    verification: ["plain", sql`s.verification`],
    // As every list shows it: see present() of the sessions.
    note: ["words", sql`CASE WHEN s.note_shared OR s.learner_id = ${personOf(scope.caller)}::uuid THEN s.note END`],
    noteShared: ["plain", sql`s.note_shared`],
    version: ["plain", sql`s.version`],
    loggedAt: ["instant", sql`s.logged_at`],
    updatedAt: ["instant", sql`s.updated_at`],
    deletedAt: ["instant", sql`s.deleted_at`],
  };
}

/** The same cells as a list's CSV: see http/csv.ts. To concat() a null is nothing. */
function csvLine(of: Fields): Prisma.Sql {
  const cells = COLUMNS.map((name) => {
    const [kind, value] = of[name];
    if (kind === "plain") return name === "noteShared" ? sql`${value}::text` : value;
    if (kind === "instant") return instant(value);
    return guarded(kind === "list" ? sql`array_to_string(${value}, '; ')` : value);
  });
  return sql`concat(${join(cells, ", ',', ")}, E'\\r\\n')`;
}

function jsonLine(of: Fields): Prisma.Sql {
  const pairs = COLUMNS.map((name) => {
    const [kind, value] = of[name];
    return sql`${raw(`'${name}'`)}, ${kind === "instant" ? instant(value) : value}`;
  });
  return sql`json_build_object(${join(pairs)}) || E'\\n'`;
}

/** Quoted where it must be, and with an apostrophe before what a spreadsheet would take for a formula. Most need neither. */
function guarded(value: Prisma.Sql): Prisma.Sql {
  const text = sql`CASE WHEN ${value} ~ '^[=+\\-@\\t\\r\\n]' THEN '''' ELSE '' END || ${value}`;
  const quoted = sql`CASE WHEN ${value} ~ '[",\\r\\n]' THEN '"' || replace(${text}, '"', '""') || '"' ELSE ${text} END`;
  return sql`CASE WHEN ${value} ~ '^[=+\\-@\\t\\r\\n]|[",\\r\\n]' THEN ${quoted} ELSE ${value} END`;
}
