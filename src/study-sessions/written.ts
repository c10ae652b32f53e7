import { personOf, type Scope } from "../access/scope";
import { instant } from "../database/instant";
import type { Db } from "../database/transaction";
import { Prisma } from "../generated/prisma/client";
import { FORMULA } from "../http/csv";
import { StudySession } from "./study-sessions.schema";

// Sessions as the database writes them: that is less work than to hand rows over and write them here.

export type Form = "csv" | "ndjson";
/** A session in JSON, as the caller may see it. */
export type Written = { learnerId: string; id: string; text: string };

const { sql, join, raw } = Prisma;

export const COLUMNS = Object.keys(StudySession.shape) as (keyof StudySession)[];

/**
 * Reads sessions for an answer.
 *
 * @param from `FROM … WHERE … ORDER BY … LIMIT …` of `s`, the sessions
 * @param withNames whether the names of whose they are, and of what they were spent on, come too
 */
export async function readWritten(db: Db, scope: Scope, from: Prisma.Sql, withNames = false): Promise<Written[]> {
  const [{ lines }] = await db.$queryRaw<[{ lines: string | null }]>`
    SELECT string_agg(row_to_json(page)::text, E'\\n') AS lines FROM (SELECT ${named(fields(scope))} ${withNames ? NAMES : Prisma.empty} ${from}) page`;
  return (lines?.split("\n") ?? []).map((text) => ({ ...keysOf(text), text }));
}

// As TeamStudySession has them.
const NAMES = sql`,
  (SELECT name FROM learners WHERE id = s.learner_id) AS "learnerName",
  (SELECT title FROM goals WHERE learner_id = s.learner_id AND id = s.goal_id) AS "goalTitle",
  (SELECT title FROM steps WHERE learner_id = s.learner_id AND id = s.step_id) AS "stepTitle",
  (SELECT title FROM resources WHERE id = s.resource_id) AS "resourceTitle"`;

/** Which one it is, by the two fields that it begins with. */
function keysOf(text: string): { learnerId: string; id: string } {
  const [, learnerId, id] = /^{"learnerId":"([^"]+)","id":"([^"]+)"/.exec(text) as unknown as [string, string, string];
  return { learnerId, id };
}

/** One of its instants, read back. */
export function instantOf({ text }: Written, field: "startedAt" | "updatedAt"): Date {
  return new Date((JSON.parse(text) as Record<typeof field, string>)[field]);
}

/** A session `s` as a line of a file, with its end. */
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
    // As present() of the service shows it.
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
  return sql`(SELECT row_to_json(line)::text || E'\\n' FROM (SELECT ${named(of)}) line)`;
}

function named(of: Fields): Prisma.Sql {
  return join(
    COLUMNS.map((name) => {
      const [kind, value] = of[name];
      return sql`${kind === "instant" ? instant(value) : value} AS ${raw(`"${name}"`)}`;
    }),
  );
}

const FORMULA_TEXT = raw(`'${FORMULA}'`);

/** Quoted where it must be, and with an apostrophe before what a spreadsheet would take for a formula. Most need neither. */
export function guarded(value: Prisma.Sql): Prisma.Sql {
  const text = sql`CASE WHEN ${value} ~ ${FORMULA_TEXT} THEN '''' ELSE '' END || ${value}`;
  const quoted = sql`CASE WHEN ${value} ~ '[",\\r\\n]' THEN '"' || replace(${text}, '"', '""') || '"' ELSE ${text} END`;
  return sql`CASE WHEN ${value} ~ '[",\\r\\n]' OR ${value} ~ ${FORMULA_TEXT} THEN ${quoted} ELSE ${value} END`;
}
