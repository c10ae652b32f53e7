import { Client, Pool } from "pg";
import { startEmbedded } from "../../src/database/embedded";
import { migrate, readMigrations } from "../../src/database/migrate";

const WORKERS = 2;

/** One migrated database for each Jest worker: embedded ones, or new ones on the server of DATABASE_URL. */
export default async function openDatabases(): Promise<void> {
  const url = process.env.DATABASE_URL;
  const opened = await Promise.all(Array.from({ length: WORKERS }, (_, index) => (url ? createOn(url, index + 1) : createEmbedded(index + 1))));
  globalThis.closeTestDatabases = async () => {
    for (const close of opened) await close();
  };
}

declare global {
  var closeTestDatabases: () => Promise<void>;
}

async function createEmbedded(worker: number): Promise<() => Promise<void>> {
  const embedded = await startEmbedded(undefined);
  // As the service itself connects to it.
  process.env.DATABASE_POOL_SIZE = "1";
  process.env.DATABASE_HEAVY_POOL_SIZE = "0";
  await prepare(worker, `postgresql://postgres@${encodeURIComponent(embedded.host)}:${embedded.port}/postgres`);
  return () => embedded.close();
}

async function createOn(serverUrl: string, worker: number): Promise<() => Promise<void>> {
  const name = `cairn_test_${process.pid}_${worker}`;
  const run = async (sql: string) => {
    const client = new Client({ connectionString: serverUrl });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  };
  await run(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  await prepare(worker, url.toString());
  return () => run(`DROP DATABASE ${name} WITH (FORCE)`);
}

async function prepare(worker: number, url: string): Promise<void> {
  const pool = new Pool({ connectionString: url });
  await migrate(pool, await readMigrations());
  await pool.end();
  process.env[`TEST_DATABASE_URL_${worker}`] = url;
}
