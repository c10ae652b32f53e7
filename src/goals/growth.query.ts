import type { Db } from "../database/transaction";
import type { Day } from "../days";
import { Prisma } from "../generated/prisma/client";
import { DUE_SOON_DAYS, MOST_BLOCKERS, PACE_WEEKS, RULE_NAMES, RULES, type RuleName, SLACK } from "./health";

/** The titles of the undone steps that keep a goal blocked, by id; of very many the first. */
export type Waits = Record<string, string> | null;

export type GrowthRow = {
  learnerId: string;
  id: string;
  rule: RuleName;
  progress: number | null;
  steps: number;
  requiredSteps: number;
  completedSteps: number;
  skippedSteps: number;
  blockedSteps: number;
  overdueSteps: number;
  dueSoonSteps: number;
  unestimatedSteps: number;
  plannedOnTheJob: number;
  plannedSocial: number;
  plannedFormal: number;
  planned: number;
  loggedOnTheJob: number;
  loggedSocial: number;
  loggedFormal: number;
  logged: number;
  remaining: number;
  /** Minutes a week; null where nothing was ever logged. */
  pace: number | null;
  projectedEnd: Date | null;
  waitsFor: Waits;
  newerVersion: number | null;
  pathTitle: string | null;
  followsTitle: string | null;
};

/** How goals are doing, one statement for however many. */
export function readGrowth(db: Db, which: Prisma.Sql, today: Day): Promise<GrowthRow[]> {
  return db.$queryRaw<GrowthRow[]>`
    WITH ${growthOf(which, today, DUE_SOON_DAYS)}
    SELECT learner_id AS "learnerId", id, rule, progress, steps, required_steps AS "requiredSteps", completed_steps AS "completedSteps",
           skipped_steps AS "skippedSteps", blocked_steps AS "blockedSteps", overdue_steps AS "overdueSteps", due_soon_steps AS "dueSoonSteps",
           unestimated_steps AS "unestimatedSteps", planned_on_the_job AS "plannedOnTheJob", planned_social AS "plannedSocial",
           planned_formal AS "plannedFormal", planned, logged_on_the_job AS "loggedOnTheJob", logged_social AS "loggedSocial",
           logged_formal AS "loggedFormal", logged, remaining, pace, projected_end AS "projectedEnd",
           waits_for AS "waitsFor",
           (SELECT max(v.number) FROM path_versions v JOIN paths p ON p.id = v.path_id
            WHERE v.path_id = growth.path_id AND v.number > growth.path_version AND v.published_at IS NOT NULL AND p.archived_at IS NULL) AS "newerVersion",
           (SELECT v.title FROM path_versions v WHERE v.path_id = growth.path_id AND v.number = growth.path_version) AS "pathTitle",
           (SELECT f.title FROM goals f WHERE f.learner_id = growth.learner_id AND f.id = growth.follows_id) AS "followsTitle"
    FROM growth`;
}

/**
 * Tables for a WITH, the last of which is `growth`: a row for each goal with its figures, the
 * first rule that holds of it, the health that this rule says, and its undone steps that are
 * due soon. What is known of steps is gathered goal by goal, because no index helps to join
 * one table of a WITH with another.
 *
 * @param which a condition on `g`, the goals
 * @param dueWithinDays how far ahead `due_steps` looks
 */
export function growthOf(which: Prisma.Sql, today: Day, dueWithinDays: number): Prisma.Sql {
  const day = Prisma.sql`${today}::date`;
  return Prisma.sql`
    goal AS (SELECT g.* FROM goals g WHERE ${which}),
    logged AS (
      SELECT s.learner_id, s.goal_id, s.step_id, sum(s.minutes) AS minutes,
             sum(s.on_the_job_minutes) AS on_the_job, sum(s.social_minutes) AS social, sum(s.formal_minutes) AS formal,
             sum(s.minutes) FILTER (WHERE s.occurred_on > ${day} - ${PACE_WEEKS * 7}::int) AS recent,
             min(s.occurred_on) AS first_on
      FROM study_sessions s JOIN goal g ON g.learner_id = s.learner_id AND g.id = s.goal_id
      WHERE s.deleted_at IS NULL
      GROUP BY s.learner_id, s.goal_id, s.step_id
    ),
    step AS (
      SELECT t.*, t.completed_on IS NULL AND t.skipped_on IS NULL AS open, t.required AND t.skipped_on IS NULL AS counts,
             greatest(0, t.estimated_minutes - coalesce(l.minutes, 0)) AS remaining,
             -- Step by step, by the primary key: a table of the WITH has no index, and goals may be dense.
             EXISTS (
               SELECT FROM step_prerequisites p JOIN steps r ON r.learner_id = p.learner_id AND r.id = p.requires_id
               WHERE p.learner_id = t.learner_id AND p.goal_id = t.goal_id AND p.step_id = t.id AND ${undone("r")}
             ) AS blocked
      FROM steps t
      JOIN goal g ON g.learner_id = t.learner_id AND g.id = t.goal_id
      LEFT JOIN logged l ON l.learner_id = t.learner_id AND l.step_id = t.id
    ),
    of_steps AS (
      SELECT learner_id, goal_id,
             count(*) AS steps,
             count(*) FILTER (WHERE counts) AS required_steps,
             count(*) FILTER (WHERE completed_on IS NOT NULL) AS completed_steps,
             count(*) FILTER (WHERE skipped_on IS NOT NULL) AS skipped_steps,
             count(*) FILTER (WHERE open AND blocked) AS blocked_steps,
             count(*) FILTER (WHERE open AND due_on < ${day}) AS overdue_steps,
             count(*) FILTER (WHERE open AND due_on BETWEEN ${day} AND ${day} + ${DUE_SOON_DAYS}::int) AS due_soon_steps,
             count(*) FILTER (WHERE open AND counts) AS left_steps,
             count(*) FILTER (WHERE open AND counts AND blocked) AS left_blocked,
             count(*) FILTER (WHERE open AND counts AND blocked AND due_on <= ${day}) AS due_blocked,
             count(*) FILTER (WHERE open AND counts AND due_on < ${day}) AS left_overdue,
             count(*) FILTER (WHERE open AND counts AND estimated_minutes IS NULL) AS unestimated_steps,
             (sum(weight) FILTER (WHERE counts AND completed_on IS NOT NULL))::float8 AS done_weight,
             (sum(weight) FILTER (WHERE counts))::float8 AS weight,
             sum(remaining) FILTER (WHERE open AND counts) AS remaining,
             sum(estimated_minutes) FILTER (WHERE counts AND mode = 'on-the-job') AS planned_on_the_job,
             sum(estimated_minutes) FILTER (WHERE counts AND mode = 'social') AS planned_social,
             sum(estimated_minutes) FILTER (WHERE counts AND mode = 'formal') AS planned_formal,
             sum(estimated_minutes) FILTER (WHERE counts) AS planned,
             jsonb_agg(jsonb_build_object('id', id, 'title', title, 'due_on', due_on))
               FILTER (WHERE open AND due_on BETWEEN ${day} AND ${day} + ${dueWithinDays}::int) AS due_steps,
             min(least(started_on, completed_on)) AS first_on,
             max(completed_on) AS last_done
      FROM step GROUP BY learner_id, goal_id
    ),
    of_sessions AS (
      SELECT learner_id, goal_id, sum(minutes) AS logged, sum(on_the_job) AS logged_on_the_job, sum(social) AS logged_social,
             sum(formal) AS logged_formal, coalesce(sum(recent), 0)::float8 AS recent, min(first_on) AS first_on
      FROM logged GROUP BY learner_id, goal_id
    ),
    figures AS (
      SELECT g.*, ${plain("t", "steps", "required_steps", "completed_steps", "skipped_steps", "blocked_steps", "overdue_steps", "due_soon_steps", "unestimated_steps", "planned_on_the_job", "planned_social", "planned_formal", "planned", "remaining")},
             t.left_steps, t.left_blocked, t.due_blocked, t.left_overdue, t.last_done, t.due_steps,
             CASE WHEN t.weight > 0 THEN coalesce(t.done_weight, 0) / t.weight END AS progress,
             ${plain("l", "logged", "logged_on_the_job", "logged_social", "logged_formal")}, l.recent,
             least(l.first_on, t.first_on) AS begun_on,
             -- From the goal's first day, when that is within the eight weeks; a week at least.
             l.recent * 7 / greatest(7, ${day} - greatest(least(g.starts_on, l.first_on), ${day} - ${PACE_WEEKS * 7 - 1}::int) + 1) AS pace,
             (${day} - coalesce(g.starts_on, g.created_at::date))::float8 / nullif(g.due_on - coalesce(g.starts_on, g.created_at::date), 0) AS elapsed
      FROM goal g
      LEFT JOIN of_steps t ON t.learner_id = g.learner_id AND t.goal_id = g.id
      LEFT JOIN of_sessions l ON l.learner_id = g.learner_id AND l.goal_id = g.id
    ),
    projected AS (
      SELECT *,
             CASE WHEN status = 'active' AND left_steps > 0 AND unestimated_steps = 0 AND remaining > 0 AND pace > 0
               THEN ${day} + least(${LONGEST_PROJECTION_DAYS}::float8, ceil(remaining * 7 / pace))::int END AS projected_end
      FROM figures
    ),
    growth AS (
      SELECT projected.*, r.health, CASE WHEN rule IN ('every-step-blocked', 'due-step-blocked') THEN (${blockersOf(day)}) END AS waits_for
      FROM (SELECT *, ${firstRule(day)} AS rule FROM projected) projected
      JOIN unnest(${RULE_NAMES}::text[], ${RULE_NAMES.map((name) => RULES[name].health)}::text[]) AS r(rule, health) USING (rule)
    )`;
}

/** The undone steps that keep the goal `projected` blocked, each once: read only of goals that are, because they may be many. */
function blockersOf(day: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`
    SELECT jsonb_object_agg(id, title) FROM (
      SELECT DISTINCT r.id, r.title COLLATE "C" AS title
      FROM steps t
      JOIN step_prerequisites p ON p.learner_id = t.learner_id AND p.goal_id = t.goal_id AND p.step_id = t.id
      JOIN steps r ON r.learner_id = p.learner_id AND r.id = p.requires_id
      WHERE t.learner_id = projected.learner_id AND t.goal_id = projected.id AND ${undone("t")} AND t.required AND ${undone("r")}
        AND (rule = 'every-step-blocked' OR t.due_on <= ${day})
      ORDER BY title, r.id LIMIT ${MOST_BLOCKERS}
    ) blocker`;
}

function undone(step: "t" | "r"): Prisma.Sql {
  return Prisma.raw(`${step}.completed_on IS NULL AND ${step}.skipped_on IS NULL`);
}

// A hundred years: what is further away says nothing but that.
const LONGEST_PROJECTION_DAYS = 36_500;

/** The rules in the order of `RULES`: the first that holds says how the goal is doing. */
function firstRule(day: Prisma.Sql): Prisma.Sql {
  const since = Prisma.sql`${day} - ${PACE_WEEKS * 7}::int`;
  const conditions: Record<RuleName, Prisma.Sql> = {
    completed: Prisma.sql`status = 'completed'`,
    abandoned: Prisma.sql`status = 'abandoned'`,
    "on-hold": Prisma.sql`status = 'on-hold'`,
    draft: Prisma.sql`status = 'draft'`,
    "steps-done": Prisma.sql`required_steps > 0 AND left_steps = 0`,
    "due-day-passed": Prisma.sql`due_on < ${day}`,
    "every-step-blocked": Prisma.sql`left_steps > 0 AND left_blocked = left_steps`,
    "due-step-blocked": Prisma.sql`due_blocked > 0`,
    "step-overdue": Prisma.sql`left_overdue > 0`,
    "projected-late": Prisma.sql`projected_end > due_on`,
    stalled: Prisma.sql`begun_on <= ${since} AND coalesce(recent, 0) = 0 AND coalesce(last_done, '-infinity') <= ${since}`,
    "behind-schedule": Prisma.sql`projected_end IS NULL AND elapsed - progress > ${SLACK}::float8`,
    "due-soon-not-begun": Prisma.sql`begun_on IS NULL AND due_on <= ${day} + ${DUE_SOON_DAYS}::int`,
    "nothing-begun": Prisma.sql`begun_on IS NULL`,
    "no-due-day": Prisma.sql`due_on IS NULL`,
    "projected-in-time": Prisma.sql`projected_end IS NOT NULL`,
    "not-behind": Prisma.sql`true`,
  };
  return Prisma.sql`CASE ${Prisma.join(
    RULE_NAMES.map((name) => Prisma.sql`WHEN ${conditions[name]} THEN ${name}`),
    " ",
  )} END`;
}

function plain(table: string, ...columns: string[]): Prisma.Sql {
  return Prisma.raw(columns.map((column) => `coalesce(${table}.${column}, 0)::float8 AS ${column}`).join(", "));
}
