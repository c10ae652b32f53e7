import { Client } from "pg";
import { ensureAdminKey } from "../src/api-keys/api-keys.service";
import { buildApp } from "../src/app";
import { readConfig } from "../src/config";
import { connect } from "../src/database/connect";
import { prepareSchema } from "../src/database/migrate";
import { median, round, timed } from "./timing";

// The growth report of a team of 200 with 1,000 goals, one of them as dense as may be, and 50,000 sessions over three years: the
// whole answer over HTTP beside its own SQL, in turns. Run it on an empty database:
//   .ci/with-postgres npx tsx bench/growth.ts

const ROUNDS = 30;
const PEOPLE = 200;
const GOALS_EACH = 5;
const STEPS_EACH = 6;
const SESSIONS_EACH = 250;
const KEY = "261b58f07b3bb23eab0c531ed5d2def01d35c1dfaa380b9a85759f38dd2bcc79";

async function main(): Promise<void> {
  const config = readConfig({ LOG_LEVEL: "silent", DATABASE_URL: process.env.DATABASE_URL });
  const database = await connect(config);
  await prepareSchema(database.pool, config);
  const { db, pool } = database;
  if (await db.learner.count()) throw new Error("The benchmark wants an empty database.");
  await ensureAdminKey(db, KEY);
  const teamId = await fill(pool);
  const app = await buildApp({ config, db });
  const url = `${await app.listen({ host: "127.0.0.1", port: 0 })}/v1/teams/${teamId}/growth?limit=200`;
  const ask = async () => (await fetch(url, { headers: { Authorization: `Bearer ${KEY}` } })).text();

  const statements = await statementsOf(ask);
  const report = statements.reduce((longest, each) => (each.text.length > longest.text.length ? each : longest));
  const times = { http: [] as number[], sql: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.http.push(await timed(ask));
    times.sql.push(await timed(() => pool.query(report.text, report.values)));
  }
  const [http, sql] = [median(times.http), median(times.sql)];
  const { rows } = await pool.query(`EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) ${report.text}`, report.values);
  console.log(
    JSON.stringify({
      bench: "growth",
      people: PEOPLE,
      goals: PEOPLE * GOALS_EACH + 1,
      sessions: PEOPLE * SESSIONS_EACH,
      queries: statements.length,
      bytes: (await ask()).length,
      httpMs: round(http),
      sqlMs: round(sql),
      ratio: round(http / sql),
      explained: rows.slice(-2).map((row) => row["QUERY PLAN"]),
    }),
  );
  await app.close();
  await database.close();
}

/** What one request asks of the database. */
async function statementsOf(ask: () => Promise<unknown>): Promise<{ text: string; values: unknown[] }[]> {
  const seen: { text: string; values: unknown[] }[] = [];
  const original = Client.prototype.query;
  Client.prototype.query = function (this: Client, ...args: unknown[]) {
    const [query, values] = args as [string | { text: string; values?: unknown[] }, unknown[]?];
    seen.push(typeof query === "string" ? { text: query, values: values ?? [] } : { text: query.text, values: query.values ?? values ?? [] });
    return (original as (...args: unknown[]) => unknown).apply(this, args);
  } as typeof original;
  await ask();
  Client.prototype.query = original;
  return seen;
}

async function fill(pool: { query(sql: string): Promise<{ rows: { id: string }[] }> }): Promise<string> {
  await pool.query(`INSERT INTO teams (id, name) VALUES (gen_random_uuid(), 'Team')`);
  await pool.query(`INSERT INTO learners (id, name, time_zone) SELECT gen_random_uuid(), 'Learner ' || n, 'UTC' FROM generate_series(1, ${PEOPLE}) n`);
  await pool.query(`INSERT INTO memberships (learner_id, id, team_id, from_day) SELECT l.id, gen_random_uuid(), t.id, '2020-01-01' FROM learners l, teams t`);
  await pool.query(
    `INSERT INTO resources (id, type, title) SELECT gen_random_uuid(), (ARRAY['book', 'mentor', 'project'])[1 + n % 3]::resource_type, 'Resource ' || n FROM generate_series(1, 100) n`,
  );
  await pool.query(`
    INSERT INTO goals (learner_id, id, title, skills, starts_on, due_on)
    SELECT l.id, gen_random_uuid(), 'Goal ' || n, ARRAY['skill ' || n], current_date - 90 * n, current_date - 90 * n + 200 + 30 * n FROM learners l, generate_series(1, ${GOALS_EACH}) n`);
  await pool.query(`
    INSERT INTO steps (learner_id, id, goal_id, position, title, mode, estimated_minutes, weight, due_on, completed_on)
    SELECT g.learner_id, gen_random_uuid(), g.id, n, 'Step ' || n, (ARRAY['on-the-job', 'social', 'formal'])[1 + n % 3]::mode, 600, n, g.starts_on + 40 * n,
           CASE WHEN n < 3 THEN g.starts_on + 40 * n END
    FROM goals g, generate_series(1, ${STEPS_EACH}) n`);
  await pool.query(`
    INSERT INTO step_prerequisites (learner_id, goal_id, step_id, requires_id)
    SELECT a.learner_id, a.goal_id, b.id, a.id FROM steps a JOIN steps b ON b.learner_id = a.learner_id AND b.goal_id = a.goal_id AND b.position = a.position + 1`);
  await pool.query(`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact, goal_id, step_id, resource_id, body_digest)
    SELECT l.id, gen_random_uuid(), d.day, 'UTC', d.day, 60, 30, 20, 10, 1 + n % 5, s.goal_id, s.id,
           (SELECT id FROM resources ORDER BY id OFFSET n % 100 LIMIT 1), '\\x00'
    FROM learners l CROSS JOIN generate_series(1, ${SESSIONS_EACH}) n
    CROSS JOIN LATERAL (SELECT current_date - (n * 1095 / ${SESSIONS_EACH}) AS day) d
    JOIN LATERAL (SELECT goal_id, id FROM steps WHERE learner_id = l.id ORDER BY id OFFSET n % ${GOALS_EACH * STEPS_EACH} LIMIT 1) s ON true`);
  // One goal as dense as may be: 500 steps, each after the 50 before it.
  await pool.query(`INSERT INTO goals (learner_id, id, title) SELECT id, gen_random_uuid(), 'Dense' FROM learners ORDER BY id LIMIT 1`);
  await pool.query(
    `INSERT INTO steps (learner_id, id, goal_id, position, title) SELECT learner_id, gen_random_uuid(), id, n, 'Dense ' || n FROM goals, generate_series(1, 500) n WHERE title = 'Dense'`,
  );
  await pool.query(`
    INSERT INTO step_prerequisites (learner_id, goal_id, step_id, requires_id)
    SELECT a.learner_id, a.goal_id, b.id, a.id
    FROM steps a JOIN steps b ON b.learner_id = a.learner_id AND b.goal_id = a.goal_id AND b.position - a.position BETWEEN 1 AND 50 WHERE a.title LIKE 'Dense %'`);
  await pool.query("ANALYZE");
  return (await pool.query("SELECT id FROM teams")).rows[0]?.id as string;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
