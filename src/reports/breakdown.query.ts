import type { Db } from "../database/transaction";
import { Prisma } from "../generated/prisma/client";
import { holdsOn, matching, type SessionFilters, type SessionScope, sessionsIn, teamsOf, within } from "../study-sessions/filters";
import type { GroupBy } from "./breakdown.schema";
import type { Span } from "./period";

/** What is asked of the database. */
export type BreakdownQuestion = {
  scope: SessionScope;
  filters: SessionFilters;
  period: Span;
  previous: Span | null;
  buckets: Span[];
  groupBy: GroupBy | null;
};

/**
 * The sums of one slice: the whole (key ""), the bucket with the number `key` from 1, or the
 * group with that key ("" where the sessions have none), in the period or the one before.
 */
export type BreakdownRow = {
  level: "total" | "bucket" | "group";
  key: string;
  previous: boolean;
  label: string | null;
  minutes: number;
  onTheJobMinutes: number;
  socialMinutes: number;
  formalMinutes: number;
  selfReportedMinutes: number;
  sessions: number;
  onTheJobSessions: number;
  socialSessions: number;
  formalSessions: number;
  unclassifiedSessions: number;
  rated: number;
  onTheJobRated: number;
  socialRated: number;
  formalRated: number;
  ratings: number;
  onTheJobRatings: number;
  socialRatings: number;
  formalRatings: number;
  /** Means over learners of their own shares, 0…1; null where nobody's minutes were classified. */
  meanOnTheJob: number | null;
  meanSocial: number | null;
  meanFormal: number | null;
  active: number;
  /** Of a team's scope, and of groups made of people; null elsewhere. */
  eligible: number | null;
  latestSessionAt: Date | null;
};

/** One statement, straight from the sessions: sums per learner first, for the mean of learners, then per slice. */
export function readBreakdown(db: Db, question: BreakdownQuestion): Promise<BreakdownRow[]> {
  const { scope, filters, period, previous, buckets, groupBy } = question;
  const first = previous?.from ?? period.from;
  return db.$queryRaw<BreakdownRow[]>`
    WITH session AS (
      SELECT s.learner_id, s.minutes, s.on_the_job_minutes AS job, s.social_minutes AS social, s.formal_minutes AS formal,
             s.impact, s.verification, s.started_at,
             s.occurred_on < ${period.from}::date AS previous,
             width_bucket(s.occurred_on, ${buckets.map((bucket) => bucket.from)}::date[])::text AS bucket,
             ${groupKeys(groupBy)} AS groups
      ${sessionsIn(scope)} ${within(first, period.to)} ${matching(filters)} AND s.deleted_at IS NULL
    ),
    slice AS (
      SELECT 'total' AS level, '' AS key, session.* FROM session
      UNION ALL SELECT 'bucket', bucket, session.* FROM session WHERE NOT previous AND ${buckets.length} > 0
      UNION ALL SELECT 'group', key, session.* FROM session CROSS JOIN LATERAL unnest(groups) AS key
    ),
    per_learner AS (
      SELECT level, key, previous, learner_id,
             sum(minutes) AS minutes, sum(job) AS job, sum(social) AS social, sum(formal) AS formal,
             nullif(sum(job + social + formal), 0)::float8 AS classified,
             sum(minutes) FILTER (WHERE verification = 'self-reported') AS self_reported,
             count(*) AS sessions,
             count(*) FILTER (WHERE job > 0) AS job_sessions,
             count(*) FILTER (WHERE social > 0) AS social_sessions,
             count(*) FILTER (WHERE formal > 0) AS formal_sessions,
             count(*) FILTER (WHERE job + social + formal < minutes) AS unclassified_sessions,
             count(impact) AS rated,
             count(impact) FILTER (WHERE job > 0) AS job_rated,
             count(impact) FILTER (WHERE social > 0) AS social_rated,
             count(impact) FILTER (WHERE formal > 0) AS formal_rated,
             sum(impact) AS ratings,
             sum(impact) FILTER (WHERE job > 0) AS job_ratings,
             sum(impact) FILTER (WHERE social > 0) AS social_ratings,
             sum(impact) FILTER (WHERE formal > 0) AS formal_ratings,
             max(started_at) AS latest
      FROM slice GROUP BY level, key, previous, learner_id
    ),
    figures AS (
      SELECT level, key, previous,
             sum(minutes) AS minutes, sum(job) AS job, sum(social) AS social, sum(formal) AS formal,
             sum(self_reported) AS self_reported,
             sum(sessions) AS sessions, sum(job_sessions) AS job_sessions, sum(social_sessions) AS social_sessions,
             sum(formal_sessions) AS formal_sessions, sum(unclassified_sessions) AS unclassified_sessions,
             sum(rated) AS rated, sum(job_rated) AS job_rated, sum(social_rated) AS social_rated, sum(formal_rated) AS formal_rated,
             sum(ratings) AS ratings, sum(job_ratings) AS job_ratings, sum(social_ratings) AS social_ratings, sum(formal_ratings) AS formal_ratings,
             avg(job / classified) AS mean_job, avg(social / classified) AS mean_social, avg(formal / classified) AS mean_formal,
             count(*) AS active, max(latest) AS latest, ${groupBy === "goal" ? Prisma.sql`min(learner_id::text)` : Prisma.sql`NULL`} AS learner
      FROM per_learner GROUP BY level, key, previous
    ),
    eligible AS (${eligible(question)})
    SELECT level, key, previous, ${labels(groupBy)} AS label,
           ${numbers("minutes", "minutes")}, ${numbers("job", "onTheJobMinutes")}, ${numbers("social", "socialMinutes")}, ${numbers("formal", "formalMinutes")},
           ${numbers("self_reported", "selfReportedMinutes")},
           ${numbers("sessions", "sessions")}, ${numbers("job_sessions", "onTheJobSessions")}, ${numbers("social_sessions", "socialSessions")},
           ${numbers("formal_sessions", "formalSessions")}, ${numbers("unclassified_sessions", "unclassifiedSessions")},
           ${numbers("rated", "rated")}, ${numbers("job_rated", "onTheJobRated")}, ${numbers("social_rated", "socialRated")}, ${numbers("formal_rated", "formalRated")},
           ${numbers("ratings", "ratings")}, ${numbers("job_ratings", "onTheJobRatings")}, ${numbers("social_ratings", "socialRatings")}, ${numbers("formal_ratings", "formalRatings")},
           mean_job AS "meanOnTheJob", mean_social AS "meanSocial", mean_formal AS "meanFormal",
           ${numbers("active", "active")}, learners::float8 AS eligible, latest AS "latestSessionAt"
    FROM figures FULL JOIN eligible USING (level, key, previous)`;
}

/** Who was in a team's scope at any time of the whole, of each bucket, and of each group made of people. */
function eligible({ scope, period, previous, buckets, groupBy }: BreakdownQuestion): Prisma.Sql {
  if ("learnerId" in scope) return Prisma.sql`SELECT 'total' AS level, '' AS key, false AS previous, NULL::int AS learners WHERE false`;
  const spans = [
    { level: "total", key: "", previous: false, ...period },
    ...(previous ? [{ level: "total", key: "", previous: true, ...previous }] : []),
    ...buckets.map((bucket, index) => ({ level: "bucket", key: String(index + 1), previous: false, ...bucket })),
  ];
  const holds =
    scope.membership === "as-of"
      ? Prisma.sql`m.from_day < span.to_day AND (m.until_day IS NULL OR m.until_day > span.from_day)`
      : holdsOn(Prisma.sql`${scope.today}::date`);
  const only = scope.learner ? Prisma.sql`AND m.learner_id = ${scope.learner}::uuid` : Prisma.empty;
  const without = scope.without.length ? Prisma.sql`AND m.learner_id <> ALL (${scope.without}::uuid[])` : Prisma.empty;
  const key = groupBy === "team" ? teamKey() : groupBy === "learner" ? Prisma.sql`m.learner_id::text` : null;
  const from = Prisma.sql`
    FROM unnest(${spans.map((span) => span.level)}::text[], ${spans.map((span) => span.key)}::text[], ${spans.map((span) => span.previous)}::boolean[],
                ${spans.map((span) => span.from)}::date[], ${spans.map((span) => span.to)}::date[]) AS span (level, key, previous, from_day, to_day)
    JOIN memberships m ON ${holds}
    JOIN team_closure c ON c.team_id = m.team_id
    WHERE ${teamsOf(scope)} ${only} ${without}`;
  const groups = key
    ? Prisma.sql`UNION ALL SELECT 'group', ${key}, span.previous, count(DISTINCT m.learner_id) ${from} AND span.level = 'total' GROUP BY 2, 3`
    : Prisma.empty;
  return Prisma.sql`
    SELECT span.level, span.key, span.previous, count(DISTINCT m.learner_id) AS learners ${from} GROUP BY 1, 2, 3
    ${groups}`;
}

/** The groups that a session belongs to: none, one, or one for each of its skills. */
function groupKeys(groupBy: GroupBy | null): Prisma.Sql {
  switch (groupBy) {
    case null:
      return Prisma.sql`'{}'::text[]`;
    case "team":
      return Prisma.sql`ARRAY[${teamKey()}]`;
    case "learner":
      return Prisma.sql`ARRAY[s.learner_id::text]`;
    case "goal":
      return Prisma.sql`ARRAY[coalesce(s.goal_id::text, '')]`;
    case "resource":
      return Prisma.sql`ARRAY[coalesce(s.resource_id::text, '')]`;
    case "resource-type":
      return Prisma.sql`ARRAY[coalesce(s.resource_type::text, '')]`;
    case "verification":
      return Prisma.sql`ARRAY[s.verification::text]`;
    case "skill":
      return Prisma.sql`CASE WHEN s.skills = '{}' THEN ARRAY[''] ELSE s.skills END`;
  }
}

/** The team right below the scope's on the way to the member's team; for its own members, itself. */
function teamKey(): Prisma.Sql {
  return Prisma.sql`(SELECT up.ancestor_id::text FROM team_closure up WHERE up.team_id = c.team_id AND up.depth = greatest(c.depth - 1, 0))`;
}

function labels(groupBy: GroupBy | null): Prisma.Sql {
  const source = {
    team: Prisma.sql`SELECT name FROM teams WHERE id = nullif(key, '')::uuid`,
    learner: Prisma.sql`SELECT name FROM learners WHERE id = nullif(key, '')::uuid`,
    // A goal's id is unique per learner only: another's goal of the same id is not the one meant.
    goal: Prisma.sql`SELECT title FROM goals WHERE learner_id = learner::uuid AND id = nullif(key, '')::uuid`,
    resource: Prisma.sql`SELECT title FROM resources WHERE id = nullif(key, '')::uuid`,
  }[groupBy as string];
  return source ? Prisma.sql`CASE WHEN level = 'group' THEN (${source}) END` : Prisma.sql`NULL::text`;
}

/** A sum as a JavaScript number, 0 where there is nothing. */
function numbers(column: string, name: string): Prisma.Sql {
  return Prisma.raw(`coalesce(${column}, 0)::float8 AS "${name}"`);
}
