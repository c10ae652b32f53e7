import type { PoolClient } from "pg";

/** How much was derived anew from the restored rows, and how much of it the file had otherwise. */
export type Derived = { teamPairs: number; differingTeamPairs: number; months: number; differingMonths: number; differingOverlaps: number };

// Of whose rows an erasure leaves none; only the minutes stay, and in which team somebody was.
const GONE_WITH_A_PERSON = ["api_keys", "evidence", "goals", "invitations", "reviews", "step_prerequisites", "steps", "terms", "timers"];

/**
 * What a restore does about each trigger, because none runs while rows go in: it derives what the
 * trigger derives, it checks what the trigger refuses, or the trigger only refuses changes. A test
 * fails for a trigger that is not named here.
 */
export const TRIGGERS: Record<string, "derived" | "checked" | "of changes"> = {
  teams_keep_closure_on_insert: "derived",
  teams_keep_closure_on_move: "derived",
  teams_keep_parents_on_insert: "checked",
  teams_keep_parents_on_move: "checked",
  team_parents_of_today: "checked",
  team_parents_keep_ancestry: "derived",
  learner_months_add: "derived",
  learner_months_change: "derived",
  learner_months_remove: "derived",
  learner_months_clear: "of changes",
  overlaps_add: "derived",
  overlaps_change: "derived",
  overlaps_remove: "derived",
  goals_keep_order: "checked",
  path_versions_stay: "of changes",
  path_steps_stay: "of changes",
  audit_events_append_only: "of changes",
  audit_events_stay: "of changes",
  // When an event happened is told by the file.
  audit_events_tell_time: "of changes",
  learners_keep_subject: "of changes",
  learners_stay_erased: "checked",
  learners_stay_merged: "checked",
  learners_follow_survivor: "checked",
  erased_people_added: "of changes",
  erased_people_changed: "of changes",
  closed_months_added: "of changes",
  closed_months_changed: "of changes",
  closed_months_removed: "of changes",
  ...Object.fromEntries(
    [...GONE_WITH_A_PERSON, "idempotency_keys", "memberships", "resources", "teams"].map((table) => [`${table}_of_erased_people`, "checked"]),
  ),
};

/** Rows that the triggers would not have let in: what is wrong, and a statement that finds some. */
const FLAWS: [words: string, statement: string][] = [
  [
    "teams that are their own ancestors",
    `WITH RECURSIVE tree AS (
       SELECT id FROM teams WHERE parent_id IS NULL UNION ALL SELECT t.id FROM teams t JOIN tree ON t.parent_id = tree.id)
     SELECT id FROM teams WHERE id NOT IN (SELECT id FROM tree) LIMIT 1`,
  ],
  [
    "teams that were their own ancestors",
    `WITH RECURSIVE above AS (
       SELECT team_id AS id, parent_id AS above, daterange(from_day, until_day) AS days FROM team_parents
       UNION SELECT a.id, p.parent_id, a.days * daterange(p.from_day, p.until_day)
       FROM above a JOIN team_parents p ON p.team_id = a.above AND a.above <> a.id AND a.days && daterange(p.from_day, p.until_day))
     SELECT id FROM above WHERE id = above LIMIT 1`,
  ],
  [
    "teams whose history does not end where they are",
    `SELECT id FROM teams t WHERE parent_id IS DISTINCT FROM (SELECT parent_id FROM team_parents WHERE team_id = t.id AND until_day IS NULL) LIMIT 1`,
  ],
  [
    "goals that follow themselves",
    `WITH RECURSIVE chain AS (
       SELECT learner_id, id FROM goals WHERE follows_id IS NULL
       UNION ALL SELECT g.learner_id, g.id FROM goals g JOIN chain c ON g.learner_id = c.learner_id AND g.follows_id = c.id)
     SELECT id FROM goals WHERE (learner_id, id) NOT IN (SELECT learner_id, id FROM chain) LIMIT 1`,
  ],
  [
    "things of people who were erased",
    `WITH erased AS (SELECT * FROM learners WHERE erased_at IS NOT NULL)
     ${[
       "SELECT id FROM erased WHERE num_nonnulls(email, external_id, subject) > 0 OR name <> 'Somebody who was erased'",
       "SELECT id FROM erased WHERE id IN (SELECT learner_id FROM study_sessions WHERE note IS NOT NULL OR goal_id IS NOT NULL)",
       "SELECT id FROM erased WHERE id IN (SELECT caller_id FROM idempotency_keys)",
       "SELECT id FROM erased WHERE id IN (SELECT learner_id FROM memberships WHERE until_day IS NULL)",
       "SELECT id FROM erased WHERE id IN (SELECT learner_id FROM resources)",
       "SELECT id FROM erased WHERE id IN (SELECT lead_id FROM teams)",
       ...GONE_WITH_A_PERSON.map((table) => `SELECT id FROM erased WHERE id IN (SELECT learner_id FROM ${table})`),
     ].join(" UNION ALL ")} LIMIT 1`,
  ],
  [
    "things of records that were merged into others",
    `WITH merged AS (SELECT * FROM learners WHERE merged_into_id IS NOT NULL)
     ${[
       "SELECT id FROM merged WHERE merged_into_id IN (SELECT id FROM merged)",
       "SELECT id FROM merged WHERE id IN (SELECT caller_id FROM idempotency_keys)",
       "SELECT id FROM merged WHERE id IN (SELECT mentor_id FROM study_sessions)",
       "SELECT id FROM merged WHERE id IN (SELECT reviewer_id FROM goals)",
       "SELECT id FROM merged WHERE id IN (SELECT reviewer_id FROM reviews UNION ALL SELECT answered_by_id FROM reviews)",
       "SELECT id FROM merged WHERE id IN (SELECT lead_id FROM teams)",
       ...[...GONE_WITH_A_PERSON, "study_sessions", "memberships", "resources"].map(
         (table) => `SELECT id FROM merged WHERE id IN (SELECT learner_id FROM ${table})`,
       ),
     ].join(" UNION ALL ")} LIMIT 1`,
  ],
];

/** What is wrong with the rows that went in, in words; nothing where they are sound. */
export async function findFlaws(client: PoolClient): Promise<string[]> {
  const found: string[] = [];
  for (const [words, statement] of FLAWS) if ((await client.query(statement)).rowCount) found.push(words);
  return found;
}

const CLOSURE = `
  WITH RECURSIVE above AS (
    SELECT id AS team_id, id AS ancestor_id, 0 AS depth FROM teams
    UNION ALL SELECT a.team_id, t.parent_id, a.depth + 1 FROM above a JOIN teams t ON t.id = a.ancestor_id WHERE t.parent_id IS NOT NULL)`;
const ANCESTRY = "SELECT ancestor_id, team_id, from_day, until_day, depth FROM team_ancestry_of((SELECT array_agg(id) FROM teams))";
const MONTHS_AT_ONCE = 10_000;
const LEARNERS_AT_ONCE = 100;

/**
 * Sets right what follows from other rows: the pairs of teams that decide who sees whom, those that
 * say where a team was on a day, and the sums of months. The teams must not go in a circle.
 */
export async function deriveAnew(client: PoolClient): Promise<Derived> {
  const removed = await client.query(`${CLOSURE} DELETE FROM team_closure WHERE (ancestor_id, team_id) NOT IN (SELECT ancestor_id, team_id FROM above)`);
  const added = await client.query(`${CLOSURE}
    INSERT INTO team_closure AS stored (ancestor_id, team_id, depth) SELECT ancestor_id, team_id, depth FROM above
    ON CONFLICT (ancestor_id, team_id) DO UPDATE SET depth = excluded.depth WHERE stored.depth <> excluded.depth`);
  const forgotten = await client.query(
    `DELETE FROM team_ancestry WHERE (ancestor_id, team_id, from_day) NOT IN (SELECT ancestor_id, team_id, from_day FROM (${ANCESTRY}) a)`,
  );
  const remembered = await client.query(`
    INSERT INTO team_ancestry AS stored (ancestor_id, team_id, from_day, until_day, depth) ${ANCESTRY}
    ON CONFLICT (ancestor_id, team_id, from_day) DO UPDATE SET until_day = excluded.until_day, depth = excluded.depth
    WHERE (stored.until_day, stored.depth) IS DISTINCT FROM (excluded.until_day, excluded.depth)`);
  // Before the sums that count it. Of people who were erased the times are gone, so the file alone knows.
  const overlaps = await client.query<{ differing: number }>(`
    SELECT coalesce(sum(differing), 0)::int AS differing
    FROM (
      SELECT overlaps_find(array_agg(id), array_agg('-infinity'::timestamptz), array_agg('infinity'::timestamptz)) AS differing
      FROM (
        SELECT id, row_number() OVER (ORDER BY id) AS place FROM learners WHERE erased_at IS NULL
      ) numbered GROUP BY place / ${LEARNERS_AT_ONCE}
    ) batches`);
  // A month begins on its first day, and one without sessions holds nothing.
  const unfounded = await client.query(`
    DELETE FROM learner_months m WHERE month <> month_of(month) OR (sessions = 0 AND EXISTS (
      SELECT FROM jsonb_each(to_jsonb(m) - '{learner_id,month}'::text[]) AS held WHERE held.value NOT IN ('0', 'null')))`);
  const { rows } = await client.query<{ months: number; differing: number }>(`
    SELECT coalesce(sum(months), 0)::int AS months, coalesce(sum(differing), 0)::int AS differing
    FROM (
      SELECT count(*) AS months, learner_months_sum_up(array_agg(learner_id), array_agg(month)) AS differing
      FROM (
        SELECT learner_id, month, row_number() OVER (ORDER BY learner_id, month) AS place
        FROM (SELECT learner_id, month FROM learner_months UNION SELECT learner_id, month_of(occurred_on) FROM study_sessions WHERE deleted_at IS NULL) touched
      ) numbered GROUP BY place / ${MONTHS_AT_ONCE}
    ) batches`);
  const [{ months, differing }] = rows as [{ months: number; differing: number }];
  const pairs = await client.query<{ count: number }>("SELECT count(*)::int AS count FROM team_closure");
  return {
    teamPairs: pairs.rows[0]?.count ?? 0,
    differingTeamPairs: [removed, added, forgotten, remembered].reduce((sum, { rowCount }) => sum + (rowCount ?? 0), 0),
    months,
    differingMonths: differing + (unfounded.rowCount ?? 0),
    differingOverlaps: overlaps.rows[0]?.differing ?? 0,
  };
}
