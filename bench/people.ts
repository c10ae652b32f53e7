import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import type { Filled, Ground } from "./ground";
import type { Asked } from "./load";

// Who logs in the benchmarks of logging: the same people every time, a team of 64 each, each
// with a key of their own.

const TEAM_SIZE = 64;
const STORED = { full: 200_000, quick: 20_000 };

export const PEOPLE = 3_200;

export function people(ground: Ground): Promise<Filled> {
  return ground.database("people", (pool) => fill(pool, ground.quick ? STORED.quick : STORED.full));
}

/** The id of the n-th learner, from 1. */
export function learnerId(n: number): string {
  return `00000000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;
}

/** As pgbench's scripts write the id of a learner whose number is `:n`. */
export const LEARNER_N = "('00000000-0000-7000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid";

/** What stands in a session that is logged here, but who and when. */
export const SESSION = { minutes: 60, split: { onTheJob: 30, social: 20, formal: 10 }, impact: 4 } as const;

/**
 * The table of sessions with its indexes, checks and foreign keys, but without sums of months and
 * audit: what is compared writes there, because it would do without those.
 */
export const PLAIN = "plain_sessions";

/** As SQL, the columns of such a session but for learner and id, and its values. */
export const COLUMNS = "started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact, body_digest";
export const VALUES = "now(), 'UTC', current_date, 60, 30, 20, 10, 4, '\\x0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'";

/** Learners who log one session after the other, each with their own key. */
export function logging(first: number, last: number): () => Asked {
  return () => {
    const n = first + Math.floor(Math.random() * (last - first + 1));
    return {
      method: "PUT",
      path: `/v1/learners/${learnerId(n)}/study-sessions/${uuidv7()}`,
      headers: { authorization: `Bearer ${keyOf(n)}` },
      body: { startedAt: someTime(), ...SESSION },
    };
  };
}

/** Of the last year: nobody's day holds all that is logged here. */
export function someTime(): string {
  return new Date(Date.now() - Math.random() * 365 * 86_400_000).toISOString();
}

export function keyOf(n: number): string {
  return `the-key-of-learner-${n}`;
}

async function fill(pool: Pool, stored: number): Promise<void> {
  const id = LEARNER_N.replace(":n", "n");
  await pool.query(`INSERT INTO teams (id, name) SELECT ${id}, 'Team ' || n FROM generate_series(1, ${PEOPLE / TEAM_SIZE}) n`);
  await pool.query(`INSERT INTO learners (id, name, time_zone) SELECT ${id}, 'Learner ' || n, 'UTC' FROM generate_series(1, ${PEOPLE}) n`);
  await pool.query(`
    INSERT INTO memberships (learner_id, id, team_id, from_day)
    SELECT ${id}, ${id}, ${id.replace("(n:", `((1 + (n - 1) / ${TEAM_SIZE}):`)}, '2020-01-01' FROM generate_series(1, ${PEOPLE}) n`);
  await pool.query(`
    INSERT INTO api_keys (id, name, role, learner_id, prefix, secret_hash, last_used_on)
    SELECT ${id}, 'Key ' || n, 'learner', ${id}, 'the-', sha256(('the-key-of-learner-' || n)::bytea), (now() AT TIME ZONE 'UTC')::date FROM generate_series(1, ${PEOPLE}) n`);
  await pool.query(`CREATE TABLE ${PLAIN} (LIKE study_sessions INCLUDING ALL)`);
  await pool.query(`
    ALTER TABLE ${PLAIN} ADD FOREIGN KEY (learner_id) REFERENCES learners, ADD FOREIGN KEY (learner_id, goal_id) REFERENCES goals (learner_id, id),
      ADD FOREIGN KEY (resource_id) REFERENCES resources, ADD FOREIGN KEY (mentor_id) REFERENCES learners,
      ADD FOREIGN KEY (learner_id, goal_id, step_id) REFERENCES steps (learner_id, goal_id, id)`);
  // Half of what is there is the first learner's, so that there are a thousand pages to turn.
  await pool.query(`
    INSERT INTO study_sessions (learner_id, id, ${COLUMNS})
    SELECT ${id.replace("(n:", `((CASE WHEN n % 2 = 0 THEN 1 ELSE 1 + n % ${PEOPLE} END):`)}, ${id}, day, 'UTC', day, 10, 5, 3, 2, 1 + n % 5, '\\x00'
    FROM generate_series(1, ${stored}) n CROSS JOIN LATERAL (SELECT current_date - n % 1095 - 1 AS day) d`);
}
