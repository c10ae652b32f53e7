import { PrismaPg } from "@prisma/adapter-pg";
import { Pool, type PoolConfig } from "pg";
import { PrismaClient } from "../generated/prisma/client";
import { startEmbedded } from "./embedded";

export type Database = { db: PrismaClient; pool: Pool; embedded: boolean; close(): Promise<void> };

export type DatabaseOptions = {
  /** A Postgres to connect to; undefined: the embedded one. */
  url?: string | undefined;
  /** Where the embedded one keeps its data; undefined: in memory. */
  dataDir?: string | undefined;
  poolSize: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
};

/** Connects to the Postgres of `url`, or starts the embedded one: the same code path from here on. */
export async function connect(options: DatabaseOptions): Promise<Database> {
  if (options.url) return open({ connectionString: options.url }, options, false);
  const embedded = await startEmbedded(options.dataDir);
  const database = open({ host: embedded.host, port: embedded.port, user: "postgres", database: "postgres" }, options, true);
  return {
    ...database,
    async close() {
      await database.close();
      await embedded.close();
    },
  };
}

function open(target: PoolConfig, options: DatabaseOptions, embedded: boolean): Database {
  const pool = new Pool({
    ...target,
    max: options.poolSize,
    connectionTimeoutMillis: options.connectTimeoutMs,
    // Of the client, not of the session: a pooler between hands sessions around.
    query_timeout: options.statementTimeoutMs,
    application_name: "cairn",
  });
  // An idle connection that breaks is replaced by the pool; unheard, its error would end the process.
  pool.on("error", () => undefined);
  const db = new PrismaClient({ adapter: new PrismaPg(pool) });
  return {
    db,
    pool,
    embedded,
    async close() {
      await db.$disconnect();
      await pool.end();
    },
  };
}
