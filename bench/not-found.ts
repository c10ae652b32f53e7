import { v7 as uuidv7 } from "uuid";
import { giveKey } from "../src/api-keys/api-keys.service";
import { buildApp } from "../src/app";
import { readConfig } from "../src/config";
import { connect } from "../src/database/connect";
import { prepareSchema } from "../src/database/migrate";
import { median, round, timed } from "./timing";

// Whether the time of a refusal tells that something is there: what is hidden beside what is not
// there, in turns, over a socket. Run it on an empty database:
//   .ci/with-postgres npx tsx bench/not-found.ts

const ROUNDS = 300;
const WARM_UP = 50;
const PEOPLE = 1_000;
const NOTHING = "0193d5a0-6c00-7a31-9d4e-000000000000";

type Asked = { operation: string; method: "GET" | "PATCH" | "PUT"; path: string; body?: object };

async function main(): Promise<void> {
  const config = readConfig({ LOG_LEVEL: "silent", RATE_LIMIT_PER_MINUTE: "0", DATABASE_URL: process.env.DATABASE_URL });
  const database = await connect(config);
  await prepareSchema(database.pool, config);
  const { db, pool } = database;
  if (await db.learner.count()) throw new Error("The benchmark wants an empty database.");
  const hidden = await fill(pool);
  const key = await strangersKey(db, pool);
  const app = await buildApp({ config, db });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const ask = async ({ method, path, body }: Asked) => {
    const headers = { Authorization: `Bearer ${key}`, ...(body && { "Content-Type": "application/json" }) };
    const response = await fetch(`${url}/v1${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    await response.text();
    if (response.status !== 404) throw new Error(`${method} ${path} answered ${response.status}`);
  };

  const nowhere = { learnerId: NOTHING, goalId: NOTHING, teamId: NOTHING };
  for (const [index, there] of asked(hidden).entries()) {
    const nothing = asked(nowhere)[index] as Asked;
    const times = { hidden: [] as number[], nothing: [] as number[] };
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      // Which comes first changes, so that neither is always asked of a warmer cache.
      const inTurn = [["hidden", there] as const, ["nothing", nothing] as const];
      if (round % 2) inTurn.reverse();
      for (const [name, question] of inTurn) {
        const time = await timed(() => ask(question));
        if (round >= 0) times[name].push(time);
      }
    }
    const [hiddenMs, nothingMs] = [median(times.hidden), median(times.nothing)];
    console.log(`${there.operation}: what is hidden takes ${round(hiddenMs / nothingMs)} times as long as what is not there`);
    console.log(
      JSON.stringify({
        bench: "not-found",
        operation: there.operation,
        rounds: ROUNDS,
        hiddenMs: round(hiddenMs),
        nothingMs: round(nothingMs),
        ratio: round(hiddenMs / nothingMs),
      }),
    );
  }
  await app.close();
  await database.close();
}

type Ids = { learnerId: string; goalId: string; teamId: string };

function asked({ learnerId, goalId, teamId }: Ids): Asked[] {
  return [
    { operation: "getLearner", method: "GET", path: `/learners/${learnerId}` },
    { operation: "getGoal", method: "GET", path: `/learners/${learnerId}/goals/${goalId}` },
    { operation: "getTeamBreakdown", method: "GET", path: `/teams/${teamId}/breakdown` },
    { operation: "updateGoal", method: "PATCH", path: `/learners/${learnerId}/goals/${goalId}`, body: { why: "To know how" } },
    { operation: "moveLearner", method: "PUT", path: `/learners/${learnerId}/membership`, body: { teamId: null, fromDay: "2026-06-01" } },
  ];
}

type Pool = { query(sql: string): Promise<{ rows: { id: string; learner_id: string }[] }> };

async function fill(pool: Pool): Promise<Ids> {
  await pool.query("INSERT INTO teams (id, name) VALUES (gen_random_uuid(), 'Team')");
  await pool.query(`INSERT INTO learners (id, name, time_zone) SELECT gen_random_uuid(), 'Learner ' || n, 'UTC' FROM generate_series(1, ${PEOPLE}) n`);
  await pool.query("INSERT INTO memberships (learner_id, id, team_id, from_day) SELECT l.id, gen_random_uuid(), t.id, '2020-01-01' FROM learners l, teams t");
  await pool.query("INSERT INTO goals (learner_id, id, title) SELECT id, gen_random_uuid(), 'Goal' FROM learners");
  await pool.query("ANALYZE");
  const goal = (await pool.query("SELECT learner_id, id FROM goals LIMIT 1")).rows[0] as { id: string; learner_id: string };
  return { learnerId: goal.learner_id, goalId: goal.id, teamId: (await pool.query("SELECT id FROM teams")).rows[0]?.id as string };
}

/** Of the lead of a team of nobody, so that the whole question is asked who is below. */
async function strangersKey(db: Parameters<typeof giveKey>[0], pool: Pool): Promise<string> {
  const learnerId = uuidv7();
  await pool.query(`INSERT INTO learners (id, name, time_zone) VALUES ('${learnerId}', 'Stranger', 'UTC')`);
  await pool.query(`INSERT INTO teams (id, name, lead_id) VALUES (gen_random_uuid(), 'Empty', '${learnerId}')`);
  return (await giveKey(db, { name: "Stranger", role: "learner", learnerId })).secret as string;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
