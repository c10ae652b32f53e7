import type { Db } from "../database/transaction";
import type { Day } from "../days";
import { Prisma, type Learner as Row } from "../generated/prisma/client";
import type { Merger } from "./mergers.schema";
import { countRows } from "./models";

const { sql } = Prisma;

const MOST_NAMED = 20;

/** A stay of the merged record's, or a part of one: `[fromDay, untilDay)`. */
export type Stay = { id: string; teamId: string; fromDay: Day; untilDay: Day | null; createdAt: Date };

export type Plan = {
  merger: Merger;
  /** Parts of the merged record's stays on days on which the survivor is in no team. */
  stays: Stay[];
  /** Ids under which both have something else. */
  clashing: string[];
  /** The longest day of the merged record alone: what stands there is not held to the limit once more. */
  longestDay: number;
};

/** Sessions of both under one id of which the first's goes: it says the same, or one of the two was deleted and it was not the survivor's alone. */
export const GOES = sql`(gone.deleted_at IS NOT NULL OR (kept.deleted_at IS NULL AND ${Prisma.join(
  ["gone", "kept"].map((row) => {
    const columns = ["started_at", "minutes", "on_the_job_minutes", "social_minutes", "formal_minutes", "impact", "resource_id", "skills", "verification"];
    return sql`(${Prisma.join([...columns, "note", "note_shared", "goal_id", "step_id"].map((column) => Prisma.raw(`${row}.${column}`)))})`;
  }),
  " IS NOT DISTINCT FROM ",
)}))`;

/** What holds of a merger: how many minutes a person's day may hold, and why what lies in closed months may be changed. */
type Limits = { dayMinutes: number; today: Day; reason: string | undefined };

/**
 * Looks at two records, and says what merging one into the other does. Nothing is written, and nothing is locked.
 */
export async function planMerger(db: Db, merged: Row, survivor: Row, { dayMinutes, today, reason }: Limits): Promise<Plan> {
  const ids = { merged: merged.id, survivor: survivor.id };
  const { owned, referring } = await countRows(db, merged.id);
  const sessions = await compareSessions(db, ids);
  const days = await findFullDays(db, ids, dayMinutes);
  const { stays, dropped, droppedDays } = await cutStays(db, ids, today);
  const clashing = await findClashingIds(db, ids);
  const waiting = await db.invitation.count({ where: { learnerId: merged.id, redeemedAt: null } });
  const timers = await db.timer.count({ where: { learnerId: { in: [merged.id, survivor.id] }, endedAt: null } });
  const ownMentor = await db.studySession.count({
    where: {
      OR: [
        { learnerId: merged.id, mentorId: survivor.id },
        { learnerId: survivor.id, mentorId: merged.id },
      ],
    },
  });
  const answered = await db.review.findMany({
    where: {
      OR: [
        { learnerId: merged.id, answeredById: survivor.id },
        { learnerId: survivor.id, answeredById: merged.id },
      ],
    },
    select: { id: true },
    orderBy: { id: "asc" },
  });

  const conflicts: Merger["conflicts"] = [];
  const refuse = (kind: Merger["conflicts"][number]["kind"], count: number, detail: string, named: string[] = []) => {
    if (count) conflicts.push({ kind, count, detail, named: named.slice(0, MOST_NAMED) });
  };
  refuse(
    "both-sign-in",
    merged.subject !== null && survivor.subject !== null ? 1 : 0,
    "Both sign in by the identity provider, each with a subject of their own. If it is one person, take the subject of one away first: DELETE …/subject.",
  );
  refuse("two-timers", timers > 1 ? 1 : 0, "Both have a timer running. Stop or discard one of them first.");
  refuse(
    "session-ids",
    sessions.differing.length,
    "Both have a session under the same id, and the two differ. Look which one is right, and delete the other first.",
    sessions.differing,
  );
  refuse(
    "full-days",
    days.full.length,
    `Together, days would hold more than ${dayMinutes} minutes. Shorten or delete sessions of those days first.`,
    days.full.map(({ day, minutes }) => `${day}: ${minutes} minutes`),
  );
  refuse(
    "closed-months",
    reason ? 0 : await countInClosedMonths(db, merged.id),
    "Sessions of the record lie in months that are closed. Say why they become another record's in the header Change-Reason, or open the months again.",
  );
  refuse(
    "reviewed-each-other",
    answered.length,
    "One of them answered a review of the other's, and nobody answers their own. Records that reviewed each other are two people's.",
    answered.map(({ id }) => id),
  );

  const moved = { ...owned };
  const subtract = (model: string, count: number) => {
    moved[model] = (moved[model] ?? 0) - count;
    if (!moved[model]) delete moved[model];
  };
  subtract("StudySession", sessions.going);
  subtract("Invitation", waiting);
  subtract("Membership", (moved.Membership ?? 0) - stays.length);
  return {
    merger: {
      learnerId: merged.id,
      survivorId: survivor.id,
      moved,
      referring,
      takenOver: takenOver(merged, survivor),
      dropped: { membershipDays: droppedDays, memberships: dropped, sessions: sessions.going, invitations: waiting },
      renamed: clashing.length,
      ownMentor,
      conflicts,
    },
    stays,
    clashing,
    longestDay: days.longest,
  };
}

function takenOver(merged: Row, survivor: Row): Merger["takenOver"] {
  const names = (["email", "externalId", "subject"] as const).filter((name) => merged[name] !== null && survivor[name] === null);
  return [...names, ...(merged.target.length && !survivor.target.length ? (["target"] as const) : [])];
}

type Ids = { merged: string; survivor: string };

async function compareSessions(db: Db, { merged, survivor }: Ids): Promise<{ going: number; differing: string[] }> {
  const [found] = await db.$queryRaw<[{ going: number; differing: string[] | null }]>`
    SELECT (count(*) FILTER (WHERE ${GOES}))::float8 AS going,
           array_agg(gone.id ORDER BY gone.id) FILTER (WHERE NOT ${GOES} AND kept.deleted_at IS NULL) AS differing
    FROM study_sessions gone JOIN study_sessions kept ON kept.learner_id = ${survivor}::uuid AND kept.id = gone.id
    WHERE gone.learner_id = ${merged}::uuid`;
  return { going: found.going, differing: found.differing ?? [] };
}

async function countInClosedMonths(db: Db, learnerId: string): Promise<number> {
  const [found] = await db.$queryRaw<[{ count: number }]>`
    SELECT count(*)::float8 AS count FROM study_sessions s JOIN closed_months c ON c.month = month_of(s.occurred_on)
    WHERE s.learner_id = ${learnerId}::uuid AND s.deleted_at IS NULL`;
  return found.count;
}

async function findFullDays(db: Db, { merged, survivor }: Ids, most: number): Promise<{ full: { day: Day; minutes: number }[]; longest: number }> {
  const days = await db.$queryRaw<{ day: Day; minutes: number; alone: number }[]>`
    SELECT occurred_on::text AS day, sum(minutes)::float8 AS minutes, (sum(minutes) FILTER (WHERE learner_id = ${merged}::uuid))::float8 AS alone
    FROM study_sessions gone
    WHERE learner_id IN (${merged}::uuid, ${survivor}::uuid) AND deleted_at IS NULL
      AND NOT (learner_id = ${merged}::uuid
               AND EXISTS (SELECT FROM study_sessions kept WHERE kept.learner_id = ${survivor}::uuid AND kept.id = gone.id AND ${GOES}))
    GROUP BY occurred_on HAVING sum(minutes) > ${most} AND bool_or(learner_id = ${merged}::uuid)
    ORDER BY occurred_on`;
  return { full: days.filter(({ minutes, alone }) => minutes > alone), longest: Math.max(0, ...days.map(({ alone }) => alone)) };
}

/** The survivor's stays stand; of the merged record's, those days stay on which the survivor is in no team. */
async function cutStays(
  db: Db,
  { merged, survivor }: Ids,
  today: Day,
): Promise<{ stays: Stay[]; dropped: Merger["dropped"]["memberships"]; droppedDays: number }> {
  const parts = await db.$queryRaw<(Stay & { stays: boolean; days: number })[]>`
    WITH taken AS (SELECT coalesce(range_agg(daterange(from_day, until_day)), '{}') AS days FROM memberships WHERE learner_id = ${survivor}::uuid)
    SELECT m.id, m.team_id AS "teamId", lower(part)::text AS "fromDay", upper(part)::text AS "untilDay", m.created_at AS "createdAt", stays,
           greatest(0, least(upper(part), ${today}::date + 1) - lower(part)) AS days
    FROM memberships m CROSS JOIN taken
    CROSS JOIN LATERAL (
      SELECT true AS stays, unnest(datemultirange(daterange(m.from_day, m.until_day)) - taken.days) AS part
      UNION ALL SELECT false, unnest(datemultirange(daterange(m.from_day, m.until_day)) * taken.days)
    ) parts
    WHERE m.learner_id = ${merged}::uuid ORDER BY lower(part)`;
  const gone = parts.filter(({ stays }) => !stays);
  return {
    stays: parts.filter(({ stays }) => stays),
    dropped: gone.map(({ teamId, fromDay, untilDay }) => ({ teamId, fromDay, untilDay })),
    droppedDays: gone.reduce((sum, { days }) => sum + days, 0),
  };
}

async function findClashingIds(db: Db, { merged, survivor }: Ids): Promise<string[]> {
  const tables = ["goals", "steps", "evidence", "reviews", "terms", "memberships"].map((table) => Prisma.raw(table));
  const clashing = tables.map(
    (table) => sql`
    SELECT id FROM ${table} WHERE learner_id = ${merged}::uuid INTERSECT SELECT id FROM ${table} WHERE learner_id = ${survivor}::uuid`,
  );
  const rows = await db.$queryRaw<{ id: string }[]>`${Prisma.join(
    clashing.map((each) => sql`(${each})`),
    " UNION ",
  )}`;
  return rows.map(({ id }) => id);
}
