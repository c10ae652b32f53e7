import { type Caller, personOf } from "../access/scope";
import { instant } from "../database/instant";
import { readFor } from "../database/read";
import { addDays, type Day } from "../days";
import { Prisma, type PrismaClient } from "../generated/prisma/client";
import { growthOf, type Waits } from "../goals/growth.query";
import { HEALTHS } from "../goals/health";
import { holdsOn, teamsOf } from "../study-sessions/filters";
import type { Due, OpenGoal, Person, Resource, Skill, WaitingReview } from "./growth-report.schema";
import type { Span } from "./period";

/** Whose growth is asked about. */
export type Population = { learnerId: string } | { teamId: string; depth: "direct" | "subtree" };

export type GrowthQuestion = {
  population: Population;
  period: Span;
  previous: Span;
  dueWithinDays: number;
  caller: Caller;
  today: Day;
  /** The page of people: how many, and after which place in the order. */
  take: number;
  after: { place: string; id: string } | undefined;
};

/** Each list has at most this many items; its total counts all. */
export const LONGEST_LIST = 100;

type Sums = { onTheJob: number; social: number; formal: number; total: number };
type Listed<T> = { total: number; items: T[] };

export type GrowthReportRow = {
  people: (Omit<Person, "goals"> & { place: string; goals: (Omit<OpenGoal, "blockedBy"> & { waitsFor: Waits })[] })[];
  totals: { total: number; withoutLearning: number; inactive: number };
  health: Record<string, number>;
  completed: number;
  due: Listed<Due>;
  skills: Listed<Skill>;
  resources: Listed<Omit<Resource, "impact" | "minutesPerWeek" | "load" | "overloaded"> & { rated: number; ratings: number | null }>;
  planned: Sums;
  actual: Sums;
  reviews: Listed<WaitingReview>;
};

/** The whole report in one statement, however many people there are. Days and instants are text. */
export async function readGrowthReport(db: PrismaClient, question: GrowthQuestion, signal: AbortSignal): Promise<GrowthReportRow> {
  const { today, dueWithinDays } = question;
  const open = Prisma.sql`g.status IN ('draft', 'active', 'on-hold') AND g.learner_id IN (SELECT learner_id FROM person)`;
  const statement = Prisma.sql`
    WITH person AS (${persons(question)}),
    ${growthOf(open, today, dueWithinDays)},
    activity AS (${activity(question)}),
    goals_of AS (${goalsOfPersons()}),
    place AS (${places()}),
    due AS (${due(question)}),
    skill AS (${skills()}),
    resource AS (${resources(question)}),
    review AS (${reviews(question)})
    SELECT (SELECT coalesce(jsonb_agg(to_jsonb(page) ORDER BY page.place COLLATE "C", page.id), '[]') FROM (${page(question)}) page) AS people,
           (SELECT jsonb_build_object('total', count(*), 'withoutLearning', count(*) FILTER (WHERE last_on IS NULL),
                                      'inactive', count(*) FILTER (WHERE minutes = 0)) FROM activity) AS totals,
           (SELECT coalesce(jsonb_object_agg(health, goals), '{}') FROM (SELECT health, count(*) AS goals FROM growth GROUP BY health) counted) AS health,
           (SELECT count(*)::int FROM goals g WHERE g.status = 'completed' AND g.learner_id IN (SELECT learner_id FROM person)) AS completed,
           ${listed("due", Prisma.sql`"dueOn", "goalId", "stepId" NULLS FIRST`)} AS due,
           ${listed("skill", Prisma.sql`learners DESC, goals DESC, skill COLLATE "C"`)} AS skills,
           ${listed("resource", Prisma.sql`minutes DESC, finished DESC, id`)} AS resources,
           ${sums("planned")} AS planned,
           ${sums("logged")} AS actual,
           ${listed("review", Prisma.sql`"askedAt", id`)} AS reviews`;
  const [row] = await readFor<GrowthReportRow>(db, statement, signal);
  return row as GrowthReportRow;
}

function persons({ population, today }: GrowthQuestion): Prisma.Sql {
  const membership = holdsOn(Prisma.sql`${today}::date`);
  if ("learnerId" in population) {
    return Prisma.sql`
      SELECT l.id AS learner_id, l.name, m.team_id, t.name AS team_name
      FROM learners l LEFT JOIN memberships m ON m.learner_id = l.id AND ${membership} LEFT JOIN teams t ON t.id = m.team_id
      WHERE l.id = ${population.learnerId}::uuid`;
  }
  return Prisma.sql`
    SELECT l.id AS learner_id, l.name, m.team_id, t.name AS team_name
    FROM team_closure c JOIN memberships m ON m.team_id = c.team_id AND ${membership}
    JOIN learners l ON l.id = m.learner_id JOIN teams t ON t.id = m.team_id
    WHERE ${teamsOf(population)}`;
}

/** What each person learned in the period and the one before, and when last. */
function activity({ period, previous, today }: GrowthQuestion): Prisma.Sql {
  return Prisma.sql`
    SELECT p.learner_id, last.on AS last_on, CASE WHEN last.on IS NOT NULL THEN greatest(0, ${today}::date - last.on) END AS days,
           coalesce(sum(s.minutes) FILTER (WHERE s.occurred_on >= ${period.from}::date), 0) AS minutes,
           coalesce(sum(s.minutes) FILTER (WHERE s.occurred_on < ${period.from}::date), 0) AS previous,
           coalesce(bool_or(s.on_the_job_minutes > 0) FILTER (WHERE s.occurred_on >= ${period.from}::date), false) AS on_the_job,
           coalesce(bool_or(s.social_minutes > 0) FILTER (WHERE s.occurred_on >= ${period.from}::date), false) AS social,
           coalesce(bool_or(s.formal_minutes > 0) FILTER (WHERE s.occurred_on >= ${period.from}::date), false) AS formal
    FROM person p
    LEFT JOIN LATERAL (
      SELECT occurred_on AS on FROM study_sessions WHERE learner_id = p.learner_id AND deleted_at IS NULL ORDER BY occurred_on DESC LIMIT 1
    ) last ON true
    LEFT JOIN study_sessions s
      ON s.learner_id = p.learner_id AND s.deleted_at IS NULL AND s.occurred_on >= ${previous.from}::date AND s.occurred_on < ${period.to}::date
    GROUP BY p.learner_id, last.on`;
}

function goalsOfPersons(): Prisma.Sql {
  return Prisma.sql`
    SELECT learner_id, min(severity) FILTER (WHERE status = 'active') AS severity, count(*) FILTER (WHERE status = 'active') AS active, avg(progress) FILTER (WHERE status = 'active') AS progress,
           jsonb_agg(jsonb_build_object(
             'id', id, 'title', title, 'status', status, 'health', health, 'rule', rule, 'progress', progress, 'dueOn', due_on,
             'projectedEnd', projected_end, 'waitsFor', waits_for
           ) ORDER BY place) FILTER (WHERE place <= ${LONGEST_LIST}) AS goals
    FROM (
      SELECT growth.*, severity, row_number() OVER (PARTITION BY learner_id ORDER BY severity, due_on, id) AS place
      FROM growth CROSS JOIN LATERAL (SELECT array_position(${HEALTHS}::text[], health) AS severity) s
    ) growth
    GROUP BY learner_id`;
}

// Somebody without an active goal wants attention before somebody whose goals are on track.
const WITHOUT_GOAL = HEALTHS.indexOf("not-started") + 0.5;

/**
 * The order of what needs attention, as text that sorts: who never learned, then the worst
 * health of their goals, then the longest without learning, then the name.
 */
function places(): Prisma.Sql {
  return Prisma.sql`
    SELECT learner_id, concat(
      CASE WHEN a.last_on IS NULL THEN 0 ELSE 1 END,
      to_char(coalesce(g.severity, ${WITHOUT_GOAL}::float8), 'FM00.0'),
      to_char(999999 - coalesce(a.days, 0), 'FM000000'), p.name) AS place
    FROM person p JOIN activity a USING (learner_id) LEFT JOIN goals_of g USING (learner_id)`;
}

function page({ take, after }: GrowthQuestion): Prisma.Sql {
  const further = after ? Prisma.sql`WHERE (place COLLATE "C", learner_id) > (${after.place}, ${after.id}::uuid)` : Prisma.empty;
  return Prisma.sql`
    SELECT learner_id AS id, p.name, p.team_id AS "teamId", p.team_name AS "teamName", place,
           a.last_on AS "lastSessionOn", a.days AS "daysSinceLearning", a.minutes, a.previous AS "previousMinutes",
           array_remove(ARRAY[CASE WHEN on_the_job THEN 'on-the-job' END, CASE WHEN social THEN 'social' END, CASE WHEN formal THEN 'formal' END], NULL) AS modes,
           coalesce(g.active, 0) AS "activeGoals", g.progress, coalesce(g.goals, '[]') AS goals
    FROM person p JOIN activity a USING (learner_id) JOIN place USING (learner_id) LEFT JOIN goals_of g USING (learner_id)
    ${further} ORDER BY place COLLATE "C", learner_id LIMIT ${take}`;
}

/** Active goals and their undone steps that are due from today on. */
function due({ dueWithinDays, today }: GrowthQuestion): Prisma.Sql {
  return Prisma.sql`
    SELECT g.learner_id AS "learnerId", p.name AS "learnerName", g.id AS "goalId", g.title AS "goalTitle",
           d.id AS "stepId", d.title AS "stepTitle", d.due_on AS "dueOn", g.health
    FROM growth g JOIN person p USING (learner_id)
    CROSS JOIN LATERAL (
      SELECT NULL::uuid AS id, NULL AS title, g.due_on WHERE g.due_on BETWEEN ${today}::date AND ${addDays(today, dueWithinDays)}::date
      UNION ALL SELECT id, title, due_on FROM jsonb_to_recordset(g.due_steps) AS step(id uuid, title text, due_on date)
    ) d
    WHERE g.status = 'active'`;
}

function skills(): Prisma.Sql {
  return Prisma.sql`
    SELECT skill, count(DISTINCT learner_id) AS learners, count(*) AS goals
    FROM growth CROSS JOIN LATERAL unnest(skills) AS skill WHERE status = 'active' GROUP BY skill`;
}

/** What was learned from in the period, or finished in it. */
function resources({ period }: GrowthQuestion): Prisma.Sql {
  const within = (column: string) => Prisma.sql`${Prisma.raw(column)} >= ${period.from}::date AND ${Prisma.raw(column)} < ${period.to}::date`;
  return Prisma.sql`
    SELECT r.id, r.type, r.title, r.capacity_minutes_per_week AS "capacityMinutesPerWeek",
           coalesce(u.learners, 0) AS learners, coalesce(u.minutes, 0) AS minutes, coalesce(u.rated, 0) AS rated, u.ratings, coalesce(f.learners, 0) AS finished
    FROM (
      SELECT s.resource_id AS id, count(DISTINCT s.learner_id) AS learners, sum(s.minutes) AS minutes, count(s.impact) AS rated, sum(s.impact) AS ratings
      FROM study_sessions s JOIN person p ON p.learner_id = s.learner_id
      WHERE s.deleted_at IS NULL AND ${within("s.occurred_on")} AND s.resource_id IS NOT NULL GROUP BY s.resource_id
    ) u
    FULL JOIN (
      SELECT t.resource_id AS id, count(DISTINCT t.learner_id) AS learners
      FROM steps t JOIN person p ON p.learner_id = t.learner_id
      WHERE ${within("t.completed_on")} AND t.resource_id IS NOT NULL GROUP BY t.resource_id
    ) f USING (id)
    JOIN resources r USING (id)`;
}

/**
 * Those that the caller can answer, as a lead above the person.
 * Whoever was asked by name and no longer leads the learner keeps nobody else from answering.
 */
function reviews({ caller }: GrowthQuestion): Prisma.Sql {
  const reviewerId = personOf(caller);
  return Prisma.sql`
    SELECT r.id, r.learner_id AS "learnerId", p.name AS "learnerName", r.goal_id AS "goalId", g.title AS "goalTitle", r.step_id AS "stepId", step.title AS "stepTitle", r.question,
           ${instant(Prisma.sql`r.asked_at`)} AS "askedAt"
    FROM reviews r JOIN person p ON p.learner_id = r.learner_id JOIN goals g ON g.learner_id = r.learner_id AND g.id = r.goal_id
    LEFT JOIN steps step ON step.learner_id = r.learner_id AND step.id = r.step_id
    WHERE r.answered_at IS NULL AND r.learner_id <> ${reviewerId}::uuid AND ${leadsPerson(Prisma.sql`${reviewerId}::uuid`)}
      AND (coalesce(r.reviewer_id, ${reviewerId}::uuid) = ${reviewerId}::uuid OR NOT ${leadsPerson(Prisma.sql`r.reviewer_id`)})`;
}

function leadsPerson(lead: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`EXISTS (SELECT FROM team_closure c JOIN teams t ON t.id = c.ancestor_id WHERE c.team_id = p.team_id AND t.lead_id = ${lead})`;
}

/** A table of the WITH as its first rows and how many there are. */
export function listed(table: string, order: Prisma.Sql): Prisma.Sql {
  const from = Prisma.raw(table);
  return Prisma.sql`
    (SELECT jsonb_build_object('total', (SELECT count(*) FROM ${from}), 'items', coalesce(jsonb_agg(to_jsonb(first) ORDER BY ${order}), '[]'))
     FROM (SELECT * FROM ${from} ORDER BY ${order} LIMIT ${LONGEST_LIST}) first)`;
}

function sums(what: "planned" | "logged"): Prisma.Sql {
  const column = (suffix: string) => Prisma.raw(`coalesce(sum(${what}${suffix}), 0)`);
  return Prisma.sql`
    (SELECT jsonb_build_object('onTheJob', ${column("_on_the_job")}, 'social', ${column("_social")}, 'formal', ${column("_formal")}, 'total', ${column("")})
     FROM growth WHERE status = 'active')`;
}
