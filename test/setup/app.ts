import { once } from "node:events";
import { connect as connectTo } from "node:net";
import type { Pool } from "pg";
import request, { type Response } from "supertest";
import { ensureAdminKey } from "../../src/api-keys/api-keys.service";
import { buildApp } from "../../src/app";
import { type Config, readConfig } from "../../src/config";
import { connect } from "../../src/database/connect";
import type { PrismaClient } from "../../src/generated/prisma/client";
import { PATIENT } from "./patience";

/** What time it is in tests, unless a test says otherwise: a Wednesday afternoon. */
export const NOW = new Date("2026-06-17T12:00:00.000Z");

export type Client = {
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  head(path: string, headers?: Record<string, string>): Promise<Response>;
  post(path: string, body?: object | string, headers?: Record<string, string>): Promise<Response>;
  put(path: string, body?: object, headers?: Record<string, string>): Promise<Response>;
  patch(path: string, body?: object, headers?: Record<string, string>): Promise<Response>;
  delete(path: string, headers?: Record<string, string>): Promise<Response>;
};

export type TestApp = {
  db: PrismaClient;
  pool: Pool;
  heavyPool: Pool;
  url: string;
  config: Config;
  /** Its latest lines, in full detail. */
  log: string[];
  /** Calls with a key, or without one. */
  as(key: string | null): Client;
  admin: Client;
  setNow(now: Date): void;
  close(): Promise<void>;
};

// Tests ask more than any caller would.
const SETTINGS = {
  ...PATIENT,
  LOG_LEVEL: "debug",
  PORT: "0",
  DATABASE_POOL_SIZE: process.env.DATABASE_POOL_SIZE,
  DATABASE_HEAVY_POOL_SIZE: process.env.DATABASE_HEAVY_POOL_SIZE,
  RATE_LIMIT_PER_MINUTE: "0",
  SIGN_IN_FAILURES_PER_MINUTE: "0",
};

/** For tests that gather thousands of sessions on few days: what a day may hold is not their point. */
export const LONG_DAYS = { DAY_MINUTES_LIMIT: 1_000_000 };

const ADMIN_KEY = "an-admin-key-for-tests-0123456789abcdef";

// As keys and tokens look, whoever issued them.
const SECRETS = new RegExp(`cairn_[0-9a-f]{72}|eyJ[A-Za-z0-9_-]{10,}[.]eyJ[A-Za-z0-9_-]{10,}|${ADMIN_KEY}`);
const LINES_KEPT = 10_000;

/** The service on a socket, on this worker's database, emptied. Each test file starts its own. */
export async function startApp(overrides: Partial<Config> = {}): Promise<TestApp> {
  const config = { ...readConfig(SETTINGS), ...overrides };
  const database = await connect({ ...config, DATABASE_URL: process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`] });
  await empty(database.db);
  await ensureAdminKey(database.db, ADMIN_KEY);
  let now = NOW;
  const [log, leaked]: [string[], string[]] = [[], []];
  const write = (line: string) => {
    if (SECRETS.test(line)) leaked.push(line);
    log.push(line);
    if (log.length > LINES_KEPT) log.splice(0, LINES_KEPT / 2);
  };
  const replica = config.REPORTS_DATABASE_URL ? await connect({ ...config, DATABASE_URL: config.REPORTS_DATABASE_URL }) : undefined;
  const app = await buildApp({ config, db: database.db, reportsDb: replica?.db, clock: () => now, log: { write } });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    db: database.db,
    pool: database.pool,
    heavyPool: database.heavyPool,
    url,
    config,
    log,
    as: (key) => client(url, key),
    admin: client(url, ADMIN_KEY),
    setNow: (instant) => {
      now = instant;
    },
    async close() {
      await app.close();
      leaked.push(...(await secretsIn(database.db)));
      if (leaked.length) throw new Error(`A key or a token was kept: ${leaked}`);
      await replica?.close();
      await database.close();
    },
  };
}

/** A request whose body never comes, so that it stays under way until its sender hangs up. */
export async function beginRequest(url: string, path: string): Promise<{ hangUp(): void }> {
  const socket = connectTo({ host: "127.0.0.1", port: Number(new URL(url).port) });
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(`POST ${path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer ${ADMIN_KEY}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n`);
  return { hangUp: () => socket.destroy() };
}

/** Rows of any table in which a key or a token stands: after whatever a test file did, none, and in no line of the log. */
async function secretsIn(db: PrismaClient): Promise<string[]> {
  const tables = await db.$queryRaw<{ name: string }[]>`SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`;
  const dump = tables.map(({ name }) => `SELECT '${name}' AS name, t::text AS row FROM "${name}" t WHERE t::text ~ $1`).join(" UNION ALL ");
  return (await db.$queryRawUnsafe<object[]>(dump, SECRETS.source)).map((row) => JSON.stringify(row));
}

/** Removes every row; the schema stays. */
export async function empty(db: PrismaClient): Promise<void> {
  await db.$executeRaw`TRUNCATE learners, teams, resources, paths, api_keys, idempotency_keys, hash_keys, closed_months, change_reasons CASCADE`;
}

function client(url: string, key: string | null): Client {
  const send =
    (method: "get" | "head" | "post" | "put" | "patch" | "delete") =>
    (path: string, body: object | string | undefined, headers: Record<string, string> = {}) => {
      // Also what it does not know the type of is read as text.
      const call = request(url)[method](path).buffer(true).set(headers);
      if (key) call.set("Authorization", `Bearer ${key}`);
      return body === undefined ? call : call.send(body);
    };
  return {
    get: async (path, headers) => send("get")(path, undefined, headers),
    head: async (path, headers) => send("head")(path, undefined, headers),
    post: async (path, body, headers) => send("post")(path, body, headers),
    put: async (path, body, headers) => send("put")(path, body, headers),
    patch: async (path, body, headers) => send("patch")(path, body, headers),
    delete: async (path, headers) => send("delete")(path, undefined, headers),
  };
}
