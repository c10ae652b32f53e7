import { readsWhatTheyLog, type Scope } from "../access/scope";
import type { Db } from "../database/transaction";
import { addDays, type Day, dayIn, toDay } from "../days";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";
import { LONGEST_MINUTES, type StudySessionCreate, type Warning } from "./study-sessions.schema";

/** Sessions that a warning names, and counts. */
const MOST_NAMED = 20;
const LATE_DAYS = 90;

/** A session that was written: as it is stored, and, where it was logged, as it was sent. */
export type WrittenSession = { row: Row; scope: Scope; sent?: { row: Row; input: StudySessionCreate } | undefined };

/**
 * What the caller may want to look into, of sessions that were accepted all the same: as they are now, so that a
 * repeated request is told the same. Whoever may log, but not read, is told only what follows from what they sent.
 */
export async function warningsOf(db: Db, written: WrittenSession[]): Promise<Map<WrittenSession, Warning[]>> {
  const open = written.filter(({ scope }) => readsWhatTheyLog(scope));
  const neighbours = await readNeighbours(
    db,
    open.map(({ row }) => row),
  );
  return new Map(
    written.map((each) => {
      const { row, scope, sent } = each;
      if (!readsWhatTheyLog(scope)) return [each, sent ? [...unclassified(namesNoMode(sent.input)), ...late(sent.row, scope)] : []];
      const around = neighbours.get(keyOf(row));
      const isUnclassified = row.onTheJobMinutes + row.socialMinutes + row.formalMinutes === 0;
      return [each, [...unclassified(isUnclassified), ...overlaps(around), ...beforeMembership(row, around?.firstDay), ...late(row, scope)]];
    }),
  );
}

function namesNoMode({ mode, split, stepId, resourceId }: StudySessionCreate): boolean {
  return !mode && !split && !stepId && !resourceId;
}

function unclassified(holds: boolean): Warning[] {
  const detail = "None of the minutes has a mode, so reports count them as unclassified. Say a mode or a split, or name the resource or the step.";
  return holds ? [{ code: "unclassified", detail }] : [];
}

function overlaps(around: Neighbours | undefined): Warning[] {
  if (!around?.overlapping) return [];
  const { overlapping, sessionIds } = around;
  const isMore = overlapping > MOST_NAMED;
  const count = isMore ? `more than ${MOST_NAMED}` : overlapping;
  const others = overlapping === 1 ? "another session of the learner" : `${count} other sessions of the learner`;
  const more = isMore ? ` The first ${MOST_NAMED} are named.` : "";
  return [{ code: "overlaps", detail: `At the same time there is ${others}; the minutes of each count.${more} Correct or delete what is wrong.`, sessionIds }];
}

function beforeMembership({ occurredOn }: Row, firstDay: Day | null | undefined): Warning[] {
  if (!firstDay || toDay(occurredOn) >= firstDay) return [];
  const detail = `The learner was in no team before ${firstDay}, so no team's report counts the session. Check its day, or the learner's memberships.`;
  return [{ code: "before-membership", detail }];
}

/** By when it was logged, not by now: it stays so. */
function late({ occurredOn, loggedAt, timeZone }: Row, { lateDays = LATE_DAYS }: Scope): Warning[] {
  if (toDay(occurredOn) >= addDays(dayIn(loggedAt, timeZone), -lateDays)) return [];
  return [{ code: "logged-late", detail: `The session was logged more than ${lateDays} days after its day. Check its date.` }];
}

/** What is beside a session: how many others overlap it, counted to one more than are named, and the day on which its learner first was in a team. */
type Neighbours = { overlapping: number; sessionIds: string[]; firstDay: Day | null };

/** Of the sessions that have any: they touch no other of the learner's that only ends as they begin. */
async function readNeighbours(db: Db, rows: Row[]): Promise<Map<string, Neighbours>> {
  if (!rows.length) return new Map();
  const list = (values: (string | number)[]) => `{${values.join()}}`;
  const asked = Prisma.sql`
    unnest(${list(rows.map(({ learnerId }) => learnerId))}::uuid[], ${list(rows.map(({ id }) => id))}::uuid[],
           ${list(rows.map(({ startedAt }) => startedAt.toISOString()))}::timestamptz[], ${list(rows.map(({ minutes }) => minutes))}::int[],
           ${list(rows.map(({ occurredOn }) => toDay(occurredOn)))}::date[]) AS asked (learner_id, id, started_at, minutes, day)`;
  // As one text each: thousands of rows take Prisma long to hand over.
  const found = await db.$queryRaw<{ key: string; overlapping: number; sessionIds: string | null; firstDay: Day | null }[]>`
    SELECT asked.learner_id || ' ' || asked.id AS key, coalesce(others.overlapping, 0)::int AS overlapping, others.ids AS "sessionIds",
           CASE WHEN first_day > asked.day THEN first_day::text END AS "firstDay"
    FROM ${asked}
    LEFT JOIN LATERAL (
      SELECT count(*) AS overlapping, string_agg(o.id::text, ',' ORDER BY o.started_at, o.id) FILTER (WHERE o.place <= ${MOST_NAMED}) AS ids
      FROM (
        SELECT id, started_at, row_number() OVER (ORDER BY started_at, id) AS place FROM study_sessions o
        WHERE o.learner_id = asked.learner_id AND o.deleted_at IS NULL AND o.id <> asked.id
          AND o.started_at > asked.started_at - make_interval(mins => ${LONGEST_MINUTES}) AND o.started_at < asked.started_at + make_interval(mins => asked.minutes)
          AND o.started_at + make_interval(mins => o.minutes) > asked.started_at
        -- No more than are named, and one: of thousands at one time, each would look at all the others.
        ORDER BY started_at, id LIMIT ${MOST_NAMED + 1}
      ) o
    ) others ON true
    CROSS JOIN LATERAL (SELECT min(from_day) AS first_day FROM memberships m WHERE m.learner_id = asked.learner_id) team
    WHERE others.overlapping > 0 OR first_day > asked.day`;
  return new Map(found.map(({ key, sessionIds, ...rest }) => [key, { ...rest, sessionIds: sessionIds?.split(",") ?? [] }]));
}

function keyOf({ learnerId, id }: Row): string {
  return `${learnerId} ${id}`;
}
