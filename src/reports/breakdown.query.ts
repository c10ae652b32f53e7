import { readFor } from "../database/read";
import { startOf } from "../days";
import { Prisma, type PrismaClient } from "../generated/prisma/client";
import { holdsOn, matching, membersOf, type SessionFilters, type SessionScope, teamBelow, treeOf } from "../study-sessions/filters";
import type { GroupBy } from "./breakdown.schema";
import { MOST_BUCKETS, type Span } from "./period";

/** Groups that a report may have, each in two periods at the most. */
export const MOST_GROUPS = 1_000;
/** Buckets of groups that it may have. */
export const MOST_GROUP_BUCKETS = 5_000;

/** What is asked of the database. */
export type BreakdownQuestion = {
  scope: SessionScope;
  filters: SessionFilters;
  period: Span;
  previous: Span | null;
  buckets: Span[];
  groupBy: GroupBy | null;
};

// What is summed up, by the columns in which learner_months holds a month's sums: how much of it a single session has.
const OF_A_SESSION = {
  minutes: "s.minutes",
  on_the_job_minutes: "s.on_the_job_minutes",
  social_minutes: "s.social_minutes",
  formal_minutes: "s.formal_minutes",
  self_reported_minutes: "CASE WHEN s.verification = 'self-reported' THEN s.minutes ELSE 0 END",
  sessions: "1",
  on_the_job_sessions: "(s.on_the_job_minutes > 0)::int",
  social_sessions: "(s.social_minutes > 0)::int",
  formal_sessions: "(s.formal_minutes > 0)::int",
  unclassified_sessions: "(s.on_the_job_minutes + s.social_minutes + s.formal_minutes < s.minutes)::int",
  rated: "(s.impact IS NOT NULL)::int",
  on_the_job_rated: "(s.impact IS NOT NULL AND s.on_the_job_minutes > 0)::int",
  social_rated: "(s.impact IS NOT NULL AND s.social_minutes > 0)::int",
  formal_rated: "(s.impact IS NOT NULL AND s.formal_minutes > 0)::int",
  ratings: "coalesce(s.impact, 0)",
  on_the_job_ratings: "CASE WHEN s.on_the_job_minutes > 0 THEN coalesce(s.impact, 0) ELSE 0 END",
  social_ratings: "CASE WHEN s.social_minutes > 0 THEN coalesce(s.impact, 0) ELSE 0 END",
  formal_ratings: "CASE WHEN s.formal_minutes > 0 THEN coalesce(s.impact, 0) ELSE 0 END",
  overlapping_minutes: "CASE WHEN s.overlapping THEN s.minutes ELSE 0 END",
};
const SUMMED = Object.keys(OF_A_SESSION) as (keyof typeof OF_A_SESSION)[];

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<Camel<Tail>>}` : Name;
type Sums = Record<Camel<keyof typeof OF_A_SESSION>, number>;

/**
 * The figures of one slice: of the whole (key "") or of the group with that key ("" where the
 * sessions have none; of a goal, its learner's id and its own); in the period or the one before,
 * or in the bucket with that number from 1 (0: not cut into buckets).
 */
export type BreakdownRow = Sums & {
  level: "total" | "group";
  key: string;
  bucket: number;
  previous: boolean;
  label: string | null;
  /** Of a goal, whose it is. */
  learnerName: string | null;
  /** Means over learners of their own shares, 0…1; null where nobody's minutes were classified. */
  meanOnTheJob: number | null;
  meanSocial: number | null;
  meanFormal: number | null;
  active: number;
  /** Of a team's scope, and of groups made of people; null elsewhere, and in a bucket in which it is the same as in the one before. */
  eligible: number | null;
  latestSessionAt: Date | null;
};

// More than a report may show: with so many there are too many groups, and nobody counts the rest.
const MOST_ROWS = 2 + MOST_BUCKETS + 3 * MOST_GROUPS + MOST_GROUP_BUCKETS;

/**
 * One statement. A `piece` is somebody's time in the scope; a `part` is what they logged then:
 * a month summed up, or a session. Each person's parts are summed up by themselves, because
 * some figures are of people, and before the next person's, so that nothing piles up.
 */
export function readBreakdown(db: PrismaClient, question: BreakdownQuestion, signal: AbortSignal): Promise<BreakdownRow[]> {
  const { buckets, groupBy } = question;
  const ofPerson = Prisma.raw(SUMMED.map((column) => `sum(${column})::float8 AS ${column}`).join(", "));
  const ofSlice = Prisma.raw(SUMMED.map((column) => `sum(${column}) AS ${column}`).join(", "));
  const orNothing = Prisma.raw(SUMMED.map((column) => `coalesce(${column}, 0)::float8 AS "${camel(column)}"`).join(", "));
  const classified = Prisma.sql`nullif(on_the_job_minutes + social_minutes + formal_minutes, 0)::float8`;
  const bucket = buckets.length ? Prisma.sql`bucket` : Prisma.sql`NULL::int`;
  const key = groupBy ? Prisma.sql`key` : Prisma.sql`NULL::text`;
  // A session in several groups comes several times. In the whole and in its bucket the first time counts.
  const sets = [Prisma.sql`(nth)`, ...(buckets.length ? [Prisma.sql`(nth, bucket)`] : [])];
  if (groupBy) sets.push(Prisma.sql`(key)`, ...(buckets.length ? [Prisma.sql`(key, bucket)`] : []));
  const statement = Prisma.sql`
    WITH piece AS (${pieces(question)}),
    person AS (
      SELECT learner_id, previous, array_agg(from_day) AS from_days, array_agg(to_day) AS to_days, array_agg(team) AS teams
      FROM piece GROUP BY learner_id, previous
    ),
    slice AS (
      SELECT person.learner_id, person.previous, slice.*
      FROM person CROSS JOIN LATERAL (
        SELECT CASE WHEN nth IS NULL THEN 'group' ELSE 'total' END AS level, coalesce(${key}, '') AS key, coalesce(${bucket}, 0) AS bucket,
               ${ofPerson}, max(latest_at) AS latest_at
        FROM (
          SELECT part.*, width_bucket(part.day, ${buckets.map((bucket) => bucket.from)}::date[]) AS bucket
          FROM unnest(from_days, to_days, teams) AS p (from_day, to_day, team)
          CROSS JOIN LATERAL (${readsMonths(question) ? monthParts(question) : sessionParts(question)}) part
        ) part
        GROUP BY GROUPING SETS (${Prisma.join(sets)})
        -- The period before lies before the first bucket.
        HAVING (nth = 1 OR nth IS NULL) AND ${bucket} IS DISTINCT FROM 0
      ) slice
    ),
    figures AS (
      SELECT level, key, bucket, previous, ${ofSlice}, max(latest_at) AS "latestSessionAt", count(*) AS active,
             avg(on_the_job_minutes / ${classified}) AS "meanOnTheJob", avg(social_minutes / ${classified}) AS "meanSocial",
             avg(formal_minutes / ${classified}) AS "meanFormal"
      FROM slice GROUP BY level, key, bucket, previous
    ),
    eligible AS (${eligible(question)})
    SELECT level, key, bucket, previous, ${labels(groupBy)} AS label, ${ownerName(groupBy)} AS "learnerName", ${orNothing}, "meanOnTheJob", "meanSocial", "meanFormal",
           coalesce(active, 0)::float8 AS active, eligible, "latestSessionAt"
    FROM figures FULL JOIN eligible USING (level, key, bucket, previous)
    LIMIT ${MOST_ROWS}`;
  return readFor(db, statement, signal);
}

/** Whether sums of months will do: what they do not hold is not asked, and no bucket begins within a month but the first. */
function readsMonths({ filters, groupBy, buckets }: BreakdownQuestion): boolean {
  const unfiltered = Object.values(filters).every((value) => value === undefined);
  const wholeMonths = buckets.slice(1).every(({ from }) => from === startOf("month", from));
  return unfiltered && wholeMonths && (groupBy === null || groupBy === "team" || groupBy === "learner");
}

/** Whose sessions of which days count, in the period and in the one before. */
function pieces({ scope, period, previous, groupBy }: BreakdownQuestion): Prisma.Sql {
  const spans = [{ previous: false, ...period }, ...(previous ? [{ previous: true, ...previous }] : [])];
  const span = Prisma.sql`
    unnest(${spans.map((span) => span.previous)}::boolean[], ${spans.map((span) => span.from)}::date[], ${spans.map((span) => span.to)}::date[])
    AS span (previous, from_day, to_day)`;
  if ("learnerId" in scope) return Prisma.sql`SELECT ${scope.learnerId}::uuid AS learner_id, span.*, NULL AS team FROM ${span}`;
  const asOf = scope.membership === "as-of";
  // As long as the learner is in the team, and the team is where it is in the tree: until_day is null where it goes on.
  const [from, to] = asOf
    ? [Prisma.sql`greatest(m.from_day, c.from_day, span.from_day)`, Prisma.sql`least(m.until_day, c.until_day, span.to_day)`]
    : [Prisma.sql`span.from_day`, Prisma.sql`span.to_day`];
  const holds = asOf ? Prisma.sql`${from} < ${to}` : holdsOn(Prisma.sql`${scope.today}::date`);
  const team =
    groupBy === "team"
      ? Prisma.sql`(SELECT CASE WHEN up.ancestor_id = ANY (${scope.unknownTeams}::uuid[]) THEN '' ELSE up.ancestor_id::text END ${teamBelow(scope)})`
      : Prisma.sql`NULL`;
  return Prisma.sql`
    SELECT m.learner_id, span.previous, ${from} AS from_day, ${to} AS to_day, ${team} AS team
    FROM ${treeOf(scope)} c JOIN memberships m ON m.team_id = c.team_id JOIN ${span} ON ${holds}
    WHERE ${membersOf(scope)}`;
}

// OFFSET 0 keeps the planner from reading more than these days, whatever it thinks of the rest.

/** A person's sessions in the piece `p`. */
function sessionParts({ filters, groupBy }: BreakdownQuestion): Prisma.Sql {
  return Prisma.sql`
    SELECT ${groupKey(groupBy)}, s.occurred_on AS day, ${ofASession()}, s.started_at AS latest_at
    FROM study_sessions s ${groupBy === "skill" ? SKILLS : Prisma.empty}
    WHERE s.learner_id = person.learner_id AND s.occurred_on >= p.from_day AND s.occurred_on < p.to_day AND s.deleted_at IS NULL ${matching(filters)}
    OFFSET 0`;
}

/** Their months that the piece holds all sessions of, and the sessions of those that it cuts: its first and its last at the most. */
function monthParts({ groupBy }: BreakdownQuestion): Prisma.Sql {
  const columns = Prisma.raw(SUMMED.map((column) => `m.${column}`).join(", "));
  const whole = Prisma.sql`m.first_on >= p.from_day AND m.last_on < p.to_day`;
  return Prisma.sql`
    SELECT ${groupKey(groupBy)}, part.*
    FROM (
      (
        SELECT greatest(m.month, p.from_day) AS day, ${columns}, m.latest_at FROM learner_months m
        WHERE m.learner_id = person.learner_id AND m.month >= month_of(p.from_day) AND m.month < p.to_day AND ${whole}
        OFFSET 0
      )
      UNION ALL (
        SELECT s.occurred_on, ${ofASession()}, s.started_at
        FROM (
          SELECT m.first_on, m.last_on FROM learner_months m
          -- Most pieces begin and end with a month: for them there is nothing to look for.
          WHERE (p.from_day > month_of(p.from_day) OR p.to_day > month_of(p.to_day))
            AND m.learner_id = person.learner_id AND m.month IN (month_of(p.from_day), month_of(p.to_day))
            AND m.first_on < p.to_day AND m.last_on >= p.from_day AND NOT (${whole})
          OFFSET 0
        ) m JOIN study_sessions s
          ON s.learner_id = person.learner_id AND s.deleted_at IS NULL AND s.occurred_on >= greatest(m.first_on, p.from_day) AND s.occurred_on < least(m.last_on + 1, p.to_day)
        OFFSET 0
      )
    ) part`;
}

/** Who was in a team's scope at any time of the whole and of each group made of people, and of their buckets. */
function eligible({ scope, buckets, groupBy }: BreakdownQuestion): Prisma.Sql {
  if ("learnerId" in scope) return Prisma.sql`SELECT 'total' AS level, '' AS key, 0 AS bucket, false AS previous, NULL::float8 AS eligible WHERE false`;
  const slices = [{ level: Prisma.sql`'total'`, key: Prisma.sql`''` }];
  if (groupBy === "team") slices.push({ level: Prisma.sql`'group'`, key: Prisma.sql`team` });
  if (groupBy === "learner") slices.push({ level: Prisma.sql`'group'`, key: Prisma.sql`learner_id::text` });
  const froms = Prisma.sql`${buckets.map((bucket) => bucket.from)}::date[]`;
  const whole = ({ level, key }: (typeof slices)[number]) => Prisma.sql`
    SELECT ${level} AS level, key, 0 AS bucket, previous, count(*)::float8 AS eligible
    FROM (SELECT DISTINCT ${key} AS key, previous, learner_id FROM piece) person GROUP BY key, previous`;
  // A piece reaches from one bucket to another, less what an earlier one of the same person reached: so nobody counts twice.
  // Only buckets in which somebody comes or goes get a row: with a row for each, few people could make many rows.
  const inBuckets = ({ level, key }: (typeof slices)[number]) => Prisma.sql`
    SELECT ${level}, key, bucket, false, (sum(sum(step)) OVER (PARTITION BY key ORDER BY bucket))::float8
    FROM (
      SELECT key, greatest(first, 1 + max(last) OVER (PARTITION BY learner_id, key ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS first, last
      FROM (
        SELECT learner_id, ${key} AS key, width_bucket(from_day, ${froms}) AS first, width_bucket(to_day - 1, ${froms}) AS last FROM piece WHERE NOT previous
      ) reach
    ) reach CROSS JOIN LATERAL (VALUES (first, 1), (last + 1, -1)) AS ends (bucket, step)
    WHERE first <= last AND bucket <= ${buckets.length}::int
    GROUP BY key, bucket`;
  return Prisma.join([...slices.map(whole), ...(buckets.length ? slices.map(inBuckets) : [])], " UNION ALL ");
}

const SKILLS = Prisma.sql`CROSS JOIN LATERAL unnest(CASE WHEN s.skills = '{}' THEN ARRAY[''] ELSE s.skills END) WITH ORDINALITY AS skill (key, nth)`;

/** The group that a part belongs to; with several skills it comes once for each. */
function groupKey(groupBy: GroupBy | null): Prisma.Sql {
  const key = {
    none: Prisma.sql`NULL::text`,
    team: Prisma.sql`p.team`,
    learner: Prisma.sql`person.learner_id::text`,
    // A goal's id is unique per learner only.
    goal: Prisma.sql`coalesce(s.learner_id || ' ' || s.goal_id, '')`,
    resource: Prisma.sql`coalesce(s.resource_id::text, '')`,
    "resource-type": Prisma.sql`coalesce(s.resource_type::text, '')`,
    verification: Prisma.sql`s.verification::text`,
    skill: Prisma.sql`skill.key`,
  }[groupBy ?? "none"];
  return groupBy === "skill" ? Prisma.sql`${key} AS key, skill.nth` : Prisma.sql`${key} AS key, 1 AS nth`;
}

function labels(groupBy: GroupBy | null): Prisma.Sql {
  const source = {
    team: Prisma.sql`SELECT name FROM teams WHERE id = nullif(key, '')::uuid`,
    learner: Prisma.sql`SELECT name FROM learners WHERE id = nullif(key, '')::uuid`,
    goal: Prisma.sql`SELECT title FROM goals WHERE learner_id = nullif(split_part(key, ' ', 1), '')::uuid AND id = nullif(split_part(key, ' ', 2), '')::uuid`,
    resource: Prisma.sql`SELECT title FROM resources WHERE id = nullif(key, '')::uuid`,
  }[groupBy as string];
  return source ? Prisma.sql`CASE WHEN level = 'group' AND bucket = 0 THEN (${source}) END` : Prisma.sql`NULL::text`;
}

function ownerName(groupBy: GroupBy | null): Prisma.Sql {
  if (groupBy !== "goal") return Prisma.sql`NULL::text`;
  return Prisma.sql`CASE WHEN level = 'group' AND bucket = 0 THEN (SELECT name FROM learners WHERE id = nullif(split_part(key, ' ', 1), '')::uuid) END`;
}

function ofASession(): Prisma.Sql {
  return Prisma.raw(SUMMED.map((column) => `${OF_A_SESSION[column]} AS ${column}`).join(", "));
}

function camel(column: string): string {
  return column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
