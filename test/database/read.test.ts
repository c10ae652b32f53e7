import { get as httpGet } from "node:http";
import { connect as connectTo, createServer } from "node:net";
import type { PoolClient } from "pg";
import { readConfig } from "../../src/config";
import { connect } from "../../src/database/connect";
import { readFor } from "../../src/database/read";
import { Prisma } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { eventually } from "../setup/eventually";
import { buildKey, buildMember, buildTeam } from "../setup/factories";
import { PATIENT } from "../setup/patience";

// The embedded database has one session: nobody could hold a table that somebody else waits for.
const onServer = process.env.DATABASE_URL ? describe : describe.skip;

onServer("a report that waits in the database", () => {
  let api: TestApp;
  let holder: PoolClient;
  let key: string;
  let paths: string[];
  beforeEach(async () => {
    api = await startApp({ REQUEST_TIMEOUT_MS: 15_000 });
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
      await eventually(async () => expect([path, await processes("pid = $1", [pid])]).toEqual([path, []]));
    }
    await holder.query("ROLLBACK");
    for (const path of paths) expect((await api.as(key).get(path)).status).toBe(200);
  });

  test("costs no connection when its client hung up before it had one", async () => {
    const taken = await Promise.all(Array.from({ length: api.config.DATABASE_HEAVY_POOL_SIZE }, () => api.heavyPool.connect()));
    const request = httpGet(`${api.url}${paths[0]}`, { headers: { authorization: `Bearer ${key}` } }).on("error", () => undefined);
    await eventually(() => expect(api.heavyPool.waitingCount).toBe(1));
    const before = api.heavyPool.totalCount;
    request.destroy();
    await eventually(() => expect(api.log.some((line) => line.includes('"statusCode":499'))).toBe(true));
    for (const client of taken) client.release();
    await eventually(() => expect(api.heavyPool.waitingCount).toBe(0));
    expect(api.heavyPool.totalCount).toBe(before);
  });

  test("takes no connection from others, nor from who logs", async () => {
    const answers = paths.map((path) => api.as(key).get(path));
    await eventually(() => expect(api.heavyPool.totalCount - api.heavyPool.idleCount).toBe(api.config.DATABASE_HEAVY_POOL_SIZE));
    // The holder's.
    await eventually(() => expect(api.pool.totalCount - api.pool.idleCount).toBe(1));
    expect((await api.as(key).get("/v1/learners")).status).toBe(200);
    await holder.query("ROLLBACK");
    for (const answer of answers) expect((await answer).status).toBe(200);
  });

  test("is stopped there when it was answered that it takes too long", async () => {
    const answer = api.as(key).get(paths[0] as string);
    const pid = await waiting();
    expect((await answer).status).toBe(503);
    await eventually(async () => expect(await processes("pid = $1", [pid])).toEqual([]));
  });

  /** The process of the statement that waits for a table, as soon as there is one. */
  async function waiting(): Promise<number> {
    return eventually(async () => {
      const [pid] = await processes("state = 'active' AND wait_event_type = 'Lock'");
      expect(pid).toBeDefined();
      return pid as number;
    });
  }

  async function processes(condition: string, values: unknown[] = []): Promise<number[]> {
    // In a transaction it is shown as of the first look.
    await holder.query("SELECT pg_stat_clear_snapshot()");
    const { rows } = await holder.query(`SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND ${condition}`, values);
    return rows.map(({ pid }) => pid);
  }
});

// PgBouncer gives up a request to stop whose sender has left; 1.18 even ended.
(process.env.DATABASE_URL ? test : test.skip)("who asks the server to stop stays until it has acted", async () => {
  const url = new URL(process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`] as string);
  const [host, port] = [url.hostname, Number(url.port || 5432)];
  const first: string[] = [];
  const between = createServer((client) => {
    const server = connectTo(port, host);
    const end = () => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) socket.on("error", end).on("close", end);
    client.once("data", ({ length }) => {
      // A request to stop is sixteen bytes, and nothing else on its connection.
      if (length === 16) for (const [name, socket] of Object.entries({ client, server })) socket.once("end", () => first.push(name));
    });
    client.pipe(server).pipe(client);
  }).listen(0, "127.0.0.1");
  await eventually(() => expect(between.listening).toBe(true));
  url.host = `127.0.0.1:${(between.address() as { port: number }).port}`;
  const database = await connect(readConfig({ ...PATIENT, DATABASE_URL: url.toString() }));
  try {
    const hangUp = new AbortController();
    const asked = readFor(database.db, Prisma.sql`SELECT pg_sleep(30)`, hangUp.signal).catch(({ code }) => code);
    await eventually(() => expect(database.heavyPool.totalCount - database.heavyPool.idleCount).toBe(1));
    setTimeout(() => hangUp.abort(), 300);
    expect(await asked).toBe("unavailable");
    await eventually(() => expect(first[0]).toBe("server"));
  } finally {
    await database.close();
    between.close();
  }
});
