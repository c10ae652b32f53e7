import { hash } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import { Pool, type PoolConfig } from "pg";
import { type Prisma, PrismaClient } from "../generated/prisma/client";
import { startEmbedded } from "./embedded";
import { drawsOn } from "./read";

export type Database = {
  db: PrismaClient;
  pool: Pool;
  /** What reports and exports are read by, so that they leave the others to who logs; the same as `pool` where they have none of their own. */
  heavyPool: Pool;
  embedded: boolean;
  close(): Promise<void>;
};

/** The settings that a connection needs, by the names of the environment. */
export type DatabaseSettings = {
  /** A Postgres to connect to; undefined: the embedded one. */
  DATABASE_URL?: string | undefined;
  /** Where the embedded one keeps its data; undefined: in memory. */
  DATA_DIR?: string | undefined;
  DATABASE_POOL_SIZE: number;
  /** Of the connections that are kept for reports and exports; 0: these use the others. */
  DATABASE_HEAVY_POOL_SIZE: number;
  DATABASE_CONNECT_TIMEOUT_MS: number;
  DATABASE_STATEMENT_TIMEOUT_MS: number;
  DATABASE_STATEMENT_NAMES?: boolean;
};

/** Connects to the Postgres of DATABASE_URL, or starts the embedded one: the same code path from here on. */
export async function connect(settings: DatabaseSettings): Promise<Database> {
  if (settings.DATABASE_URL) return open({ connectionString: settings.DATABASE_URL }, settings, false);
  const embedded = await startEmbedded(settings.DATA_DIR);
  // PGlite has one session, and its socket server deals it out message by message: two connections
  // at once would read each other's answers. One connection takes turns by whole statements.
  const single = { ...settings, DATABASE_POOL_SIZE: 1, DATABASE_HEAVY_POOL_SIZE: 0 };
  const database = open({ host: embedded.host, port: embedded.port, user: "postgres", database: "postgres" }, single, true);
  return {
    ...database,
    async close() {
      await database.close();
      await embedded.close();
    },
  };
}

// Where statements have no limit here.
const LONGEST_TRANSACTION_MS = 20_000;

// What is looked through, and part of no answer.
const NOT_READ: Prisma.GlobalOmitConfig = { learner: { searched: true }, team: { searched: true }, resource: { searched: true }, term: { searched: true } };

function open(target: PoolConfig, settings: DatabaseSettings, embedded: boolean): Database {
  const pool = openPool(target, settings, settings.DATABASE_POOL_SIZE);
  const heavyPool = settings.DATABASE_HEAVY_POOL_SIZE ? openPool(target, settings, settings.DATABASE_HEAVY_POOL_SIZE) : pool;
  const nameOf = settings.DATABASE_STATEMENT_NAMES ? statementNames() : () => "";
  const adapter = new PrismaPg(pool, { statementNameGenerator: nameOf });
  const db = new PrismaClient({
    adapter,
    omit: NOT_READ,
    transactionOptions: { maxWait: settings.DATABASE_CONNECT_TIMEOUT_MS, timeout: settings.DATABASE_STATEMENT_TIMEOUT_MS || LONGEST_TRANSACTION_MS },
  }) as unknown as PrismaClient;
  drawsOn(db, { pool: heavyPool, cancels: !embedded, nameOf });
  return {
    db,
    pool,
    heavyPool,
    embedded,
    async close() {
      await db.$disconnect();
      await pool.end();
      if (heavyPool !== pool) await heavyPool.end();
    },
  };
}

function openPool(target: PoolConfig, settings: DatabaseSettings, size: number): Pool {
  const pool = new Pool({
    ...target,
    max: size,
    connectionTimeoutMillis: settings.DATABASE_CONNECT_TIMEOUT_MS,
    // The server's own limit, so that it stops working, too. A pooler may refuse the parameter: 0 leaves it out.
    statement_timeout: settings.DATABASE_STATEMENT_TIMEOUT_MS || false,
    application_name: "cairn",
    // Prisma's adapter reads every instant as if the session were in UTC. What the server would gain
    // by compiling a report's statement is less than compiling it takes.
    onConnect: (client) => client.query("SET TIME ZONE 'UTC'; SET jit = off"),
  });
  // An idle connection that breaks is replaced by the pool; unheard, its error would end the process.
  pool.on("error", () => undefined);
  // So is one that breaks in the moment in which it goes from one who used it to the next, when neither hears it.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

// Kept by every connection for as long as it lives, and lists of many lengths are as many texts.
const MOST_NAMES = 200;

/** Names the first texts that come, each once, so that a connection plans them once. */
function statementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known || names.size >= MOST_NAMES) return known ?? "";
    const name = `cairn_${hash("sha256", sql).slice(0, 32)}`;
    names.set(sql, name);
    return name;
  };
}
