import type { Pool } from "pg";
import type { Filled, Ground } from "./ground";

// An organisation for the benchmarks of reports: a tree of teams, six below each, learners spread
// over all of them, a tenth of whom moved once, and three years of sessions up to the last day.

const LAST_DAY = "2026-11-25";
const DAYS = 1_095;

export type Size = { teams: number; learners: number; sessions: number };

export function organisation(ground: Ground, name: string, { teams, learners, sessions }: Size): Promise<Filled> {
  const size = ground.quick ? { teams, learners: learners / 10, sessions: sessions / 200 } : { teams, learners, sessions };
  return ground.database(name, (pool) => fillOrganisation(pool, size));
}

/** The id of the n-th team, from 1, which is the top. */
export function teamId(n: number): string {
  return `00000000-0000-7000-9000-${n.toString(16).padStart(12, "0")}`;
}

/** The first team that has so many levels below it: of 1,555 the top has four, its children three. */
export function firstOfLevel(level: number): number {
  return (6 ** level - 1) / 5 + 1;
}

const id = (kind: "learner" | "team", n: string) => `('00000000-0000-7000-${kind === "team" ? 9 : 8}000-' || lpad(to_hex((${n})::int), 12, '0'))::uuid`;

export async function fillOrganisation(pool: Pool, { teams, learners, sessions }: Size): Promise<void> {
  await pool.query(`
    INSERT INTO teams (id, name, parent_id)
    SELECT ${id("team", "n")}, 'Team ' || n, CASE WHEN n > 1 THEN ${id("team", "(n + 4) / 6")} END FROM generate_series(1, ${teams}) n ORDER BY n`);
  await pool.query(`INSERT INTO learners (id, name, time_zone) SELECT ${id("learner", "n")}, 'Learner ' || n, 'UTC' FROM generate_series(1, ${learners}) n`);
  await pool.query(`
    INSERT INTO memberships (learner_id, id, team_id, from_day, until_day)
    SELECT ${id("learner", "n")}, ${id("learner", "n")}, ${id("team", `1 + n % ${teams}`)}, '2020-01-01', CASE WHEN n % 10 = 0 THEN date '2025-03-11' END FROM generate_series(1, ${learners}) n`);
  await pool.query(`
    INSERT INTO memberships (learner_id, id, team_id, from_day)
    SELECT ${id("learner", "n")}, ${id("team", "n")}, ${id("team", `1 + n * 7 % ${teams}`)}, '2025-03-11' FROM generate_series(10, ${learners}, 10) n`);
  // Without the triggers and the indexes, as a restore goes: a row at a time would take an hour.
  const indexes = (
    await pool.query(`SELECT indexname AS name, indexdef AS sql FROM pg_indexes WHERE tablename = 'study_sessions' AND indexname <> 'study_sessions_pkey'`)
  ).rows;
  for (const { name } of indexes) await pool.query(`DROP INDEX ${name}`);
  await pool.query(`
    SET session_replication_role = replica;
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact, verification, body_digest, logged_at, updated_at)
    SELECT ${id("learner", `1 + h % ${learners}`)}, (lpad(to_hex(extract(epoch FROM at)::bigint * 1000), 12, '0') || '7000' || '8' || lpad(to_hex(n), 15, '0'))::uuid, at, 'UTC', at::date,
           m, CASE WHEN h % 10 < 6 THEN m ELSE 0 END, CASE WHEN h % 10 IN (6, 7) THEN m ELSE 0 END, CASE WHEN h % 10 = 8 THEN m ELSE 0 END,
           CASE WHEN h % 3 = 0 THEN 1 + h % 5 END, (CASE WHEN h % 11 = 0 THEN 'mentor-confirmed' ELSE 'self-reported' END)::verification, sha256(n::text::bytea), at, at
    FROM (
      SELECT n, date '${LAST_DAY}' + interval '9 hours' - (1 - n::float8 / ${sessions}) * interval '${DAYS} days' AS at, hashint8(n) & 2147483647 AS h, 10 + (hashint8(n + 1) & 2147483647) % 110 AS m
      FROM generate_series(1::bigint, ${sessions}) n
    ) session;
    SET session_replication_role = origin`);
  for (const { sql } of indexes) await pool.query(sql);
  // As they lie when people log year by year: twelve months of each, begun together, in the order in which people came.
  await pool.query(`
    INSERT INTO learner_months
    SELECT months.* FROM (
      SELECT fresh.* FROM (SELECT DISTINCT learner_id, month_of(occurred_on) AS month FROM study_sessions) logged
      CROSS JOIN LATERAL learner_month_of(logged.learner_id, logged.month) fresh
      UNION ALL
      SELECT learner_id, make_date(year, number, 1), ${Array(18).fill(0)}, NULL::date, NULL::date, NULL::timestamptz
      FROM (SELECT DISTINCT learner_id, extract(year FROM occurred_on)::int AS year FROM study_sessions) begun CROSS JOIN generate_series(1, 12) AS number
    ) months
    ORDER BY extract(year FROM month), hashtext(learner_id::text), month, sessions DESC
    ON CONFLICT DO NOTHING`);
}
