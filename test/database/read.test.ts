import { get as httpGet } from "node:http";
import type { PoolClient } from "pg";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildMember, buildTeam } from "../setup/factories";

// The embedded database has one session: nobody could hold a table that somebody else waits for.
const onServer = process.env.DATABASE_URL ? describe : describe.skip;

onServer("a report that waits in the database", () => {
  let api: TestApp;
  let holder: PoolClient;
  let key: string;
  let paths: string[];
  beforeEach(async () => {
    api = await startApp({ REQUEST_TIMEOUT_MS: 3_000 });
    key = await buildKey(api.db, { role: "admin" });
    const team = await buildTeam(api.db);
    const learner = await buildMember(api.db, team.id);
    paths = ["breakdown", "growth"].flatMap((report) => [`/v1/teams/${team.id}/${report}`, `/v1/learners/${learner.id}/${report}`]);
    holder = await api.pool.connect();
    await holder.query("BEGIN; LOCK TABLE learner_months, study_sessions IN ACCESS EXCLUSIVE MODE");
  });
  afterEach(async () => {
    await holder.query("ROLLBACK");
    holder.release();
    await api.close();
  });

  test("is stopped there when its client hangs up, and the connection is not used again", async () => {
    for (const path of paths) {
      const request = httpGet(`${api.url}${path}`, { headers: { authorization: `Bearer ${key}` } }).on("error", () => undefined);
      const pid = await waiting();
      request.destroy();
      await eventually(`the process that served ${path} has ended`, async () => !(await processes("pid = $1", [pid])).length);
    }
    await holder.query("ROLLBACK");
    for (const path of paths) expect((await api.as(key).get(path)).status).toBe(200);
  });

  test("costs no connection when its client hung up before it had one", async () => {
    const taken = await Promise.all(Array.from({ length: api.config.DATABASE_POOL_SIZE - 1 }, () => api.pool.connect()));
    const request = httpGet(`${api.url}${paths[0]}`, { headers: { authorization: `Bearer ${key}` } }).on("error", () => undefined);
    await eventually("it waits for a connection", async () => api.pool.waitingCount === 1);
    const before = api.pool.totalCount;
    request.destroy();
    await eventually("its end is known", async () => api.log.some((line) => line.includes('"statusCode":499')));
    for (const client of taken) client.release();
    await eventually("nobody waits", async () => api.pool.waitingCount === 0);
    expect(api.pool.totalCount).toBe(before);
  });

  test("is stopped there when it was answered that it takes too long", async () => {
    const answer = api.as(key).get(paths[0] as string);
    const pid = await waiting();
    expect((await answer).status).toBe(503);
    await eventually("its process has ended", async () => !(await processes("pid = $1", [pid])).length);
  });

  /** The process of the statement that waits for a table, as soon as there is one. */
  async function waiting(): Promise<number> {
    return eventually("a statement waits", async () => (await processes("state = 'active' AND wait_event_type = 'Lock'"))[0]);
  }

  async function processes(condition: string, values: unknown[] = []): Promise<number[]> {
    // In a transaction it is shown as of the first look.
    await holder.query("SELECT pg_stat_clear_snapshot()");
    const { rows } = await holder.query(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`, values);
    return rows.map(({ pid }) => pid);
  }
});

async function eventually<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`In ten seconds it was not so that ${what}.`);
}
