import { createServer, type Socket } from "node:net";
import { Pool } from "pg";
import request from "supertest";
import { buildApp } from "../../src/app";
import { type Config, readConfig } from "../../src/config";
import { connect, type Database } from "../../src/database/connect";
import { startEmbedded } from "../../src/database/embedded";
import { migrate, readMigrations } from "../../src/database/migrate";
import type { App } from "../../src/http/app-type";
import { eventually } from "../setup/eventually";
import { PATIENT } from "../setup/patience";

const authorization = `Bearer ${"k".repeat(40)}`;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(settings: Partial<Config>): Promise<{ app: App; database: Database; get(path: string): Promise<request.Response> }> {
  const config = { ...readConfig({ ...PATIENT, LOG_LEVEL: "silent" }), ...settings };
  const database = await connect(config);
  const app = await buildApp({ config, db: database.db });
  await app.ready();
  closing.push(
    () => database.close(),
    () => app.close(),
  );
  return { app, database, get: async (path) => request(app.server).get(path).set({ authorization }) };
}

function expectUnavailable({ status, type, headers, body }: request.Response): void {
  expect([status, type, body.code]).toEqual([503, "application/problem+json", "unavailable"]);
  expect(Number(headers["retry-after"])).toBeGreaterThan(0);
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test("without a database the process lives, is not ready, and says when to come again", async () => {
  const { get } = await start({ DATABASE_URL: `postgresql://cairn@127.0.0.1:${await closedPort()}/cairn` });
  expect(await get("/livez")).toMatchObject({ status: 200, body: { status: "ok" } });
  expectUnavailable(await get("/readyz"));
  expectUnavailable(await get("/v1/me"));
});

test("what no database is needed to refuse is refused without one", async () => {
  const { app } = await start({ DATABASE_URL: `postgresql://cairn@127.0.0.1:${await closedPort()}/cairn` });
  expect((await request(app.server).get("/v1/me")).status).toBe(401);
  expect((await request(app.server).get("/nothing")).status).toBe(404);
});

test("a host that is not there is like a database that is away", async () => {
  const { get } = await start({ DATABASE_URL: "postgresql://cairn@database.invalid/cairn", DATABASE_CONNECT_TIMEOUT_MS: 2_000 });
  expectUnavailable(await get("/readyz"));
});

test("a server that accepts and says nothing is given up on", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  closing.push(async () => silent.close());
  const { get } = await start({
    DATABASE_URL: `postgresql://cairn@127.0.0.1:${(silent.address() as { port: number }).port}/cairn`,
    DATABASE_CONNECT_TIMEOUT_MS: 200,
  });
  expectUnavailable(await get("/v1/me"));
});

test("a database that goes away in between takes the service's readiness with it, not the service", async () => {
  const postgres = await startEmbedded(undefined);
  const url = `postgresql://postgres@${encodeURIComponent(postgres.host)}:${postgres.port}/postgres`;
  const { get, database } = await start({ DATABASE_URL: url });
  await migrate(database.pool, await readMigrations());
  expect((await get("/readyz")).status).toBe(200);
  expect((await get("/v1/me")).status).toBe(401);
  await postgres.close();
  for (const path of ["/v1/me", "/readyz", "/v1/me"]) expectUnavailable(await get(path));
  expect((await get("/livez")).status).toBe(200);
});

test("a connection that breaks while neither the pool nor a query listens is replaced, and ends nothing", async () => {
  const url = process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`];
  const { get, database } = await start({ DATABASE_URL: url, DATABASE_POOL_SIZE: 1 });
  const client = await database.pool.connect();
  const broken = new Promise((resolve) => client.once("end", resolve));
  (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
  await broken;
  client.release();
  expect((await get("/v1/me")).status).toBe(401);
});

describe("a database that is busy", () => {
  const url = process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`];
  let pool: Pool;
  beforeAll(() => {
    pool = new Pool({ connectionString: url });
  });
  afterAll(() => pool.end());

  const busy: [string, Partial<Config>][] = [
    ["no connection is free", { DATABASE_POOL_SIZE: 1, DATABASE_CONNECT_TIMEOUT_MS: 200, REQUEST_TIMEOUT_MS: 1_000 }],
    ["the whole request takes too long", { REQUEST_TIMEOUT_MS: 300 }],
  ];
  // The embedded one does not limit statements.
  if (process.env.DATABASE_URL) busy.push(["a statement takes too long", { DATABASE_STATEMENT_TIMEOUT_MS: 200 }]);

  test.each(busy)("%s: come again", async (_, settings) => {
    const { get } = await start({ DATABASE_URL: url, ...settings });
    const answers401 = () => eventually(async () => expect((await get("/v1/me")).status).toBe(401));
    await answers401();

    const holder = await pool.connect();
    await holder.query("BEGIN");
    await holder.query("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE");
    const answers = await Promise.all([get("/v1/me"), get("/v1/me")]);
    await holder.query("ROLLBACK");
    holder.release();
    for (const answer of answers) expectUnavailable(answer);
    await answers401();
  });
});
