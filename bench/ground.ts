import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { Client, Pool } from "pg";
import { migrate, readMigrations } from "../src/database/migrate";

/** The admin's key that the service under test accepts. */
export const ADMIN_KEY = "261b58f07b3bb23eab0c531ed5d2def01d35c1dfaa380b9a85759f38dd2bcc79";
/** Setting of a service that is compared with prepared statements. */
export const NAMED = { DATABASE_STATEMENT_NAMES: "on" };
// On a busy machine, too.
const START_TIMEOUT_MS = 600_000;
const SETTLE_MS = 500;
const POLL_MS = 20;

export type Filled = { url: string; pool: Pool };

/** What a benchmark stands on. */
export type Ground = {
  /** Whether to show in seconds that it runs, with figures that mean little. */
  quick: boolean;
  /** A migrated database `cairn_bench_<name>` with the same rows every time, or the one that an earlier run kept. */
  database(name: string, fill: (pool: Pool) => Promise<void>): Promise<Filled>;
  /** Starts the service as it was built, and tells its address. */
  service(database: Filled, settings?: NodeJS.ProcessEnv): Promise<string>;
  /** Starts a service to compare with out of bench/references, and tells its address. */
  reference(file: string, database: Filled, settings?: NodeJS.ProcessEnv): Promise<string>;
  /** The id of the process at an address. */
  pid(address: string): number;
  /** Ends what was started; the databases stay. */
  stop(): Promise<void>;
  /** Drops the databases, or lets them be for the next run. */
  close(keep: boolean): Promise<void>;
};

export function openGround(serverUrl: string, quick: boolean): Ground {
  const databases = new Map<string, Filled>();
  const processes = new Map<string, ChildProcess>();

  const start = async (args: string[], ready: string, { url }: Filled, settings: NodeJS.ProcessEnv): Promise<string> => {
    const port = await freePort();
    const child = launch(args, url, port, settings);
    const address = `http://127.0.0.1:${port}`;
    processes.set(address, child);
    await answers(`${address}${ready}`, child);
    return address;
  };

  return {
    quick,
    async database(name, fill) {
      const fullName = `cairn_bench_${name}${quick ? "_quick" : ""}`;
      const known = databases.get(fullName) ?? (await openDatabase(serverUrl, fullName, fill));
      databases.set(fullName, known);
      return known;
    },
    service: (database, settings = {}) => start(["dist/server.js"], "/readyz", database, settings),
    reference: (file, database, settings = {}) => start(["--import", "tsx", `bench/references/${file}`], "/livez", database, settings),
    pid: (address) => processes.get(address)?.pid as number,
    async stop() {
      // Whoever drove them hung up in the middle of the last requests.
      if (processes.size) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      await Promise.all([...processes.values()].map((child) => end(child)));
      processes.clear();
    },
    async close(keep) {
      for (const [name, { pool }] of databases) {
        await pool.end();
        if (!keep) await onServer(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
      }
    },
  };
}

async function openDatabase(serverUrl: string, name: string, fill: (pool: Pool) => Promise<void>): Promise<Filled> {
  const kept = (await onServer(serverUrl, `SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = '${name}'`))[0];
  if (kept?.comment !== FILLED) {
    await onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await onServer(serverUrl, `CREATE DATABASE ${name}`);
  }
  const url = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).toString();
  const pool = new Pool({ connectionString: url, max: 2 });
  pool.on("error", () => undefined);
  await migrate(pool, await readMigrations());
  if (kept?.comment !== FILLED) {
    await fill(pool);
    await pool.query("VACUUM ANALYZE");
    await pool.query(`COMMENT ON DATABASE ${name} IS '${FILLED}'`);
  }
  return { url, pool };
}

const FILLED = "filled by a benchmark";

async function onServer(url: string, sql: string): Promise<{ comment?: string }[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return (await client.query(sql).finally(() => client.end())).rows;
}

/** Starts a process of Node's with what every process of a benchmark or a drill is told. */
export function launch(args: string[], url: string, port: number, settings: NodeJS.ProcessEnv): ChildProcess {
  const env = {
    ...process.env,
    DATABASE_URL: url,
    PORT: String(port),
    LOG_LEVEL: "error",
    RATE_LIMIT_PER_MINUTE: "0",
    ADMIN_API_KEY: ADMIN_KEY,
    ...settings,
  };
  return spawn(process.execPath, args, { env, stdio: ["ignore", "inherit", "inherit"] });
}

/** Waits until a process answers at an address that all is well. */
export async function answers(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < until && child.exitCode === null) {
    const response = await fetch(url).catch(() => undefined);
    await response?.arrayBuffer().catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${child.spawnargs.join(" ")} does not answer at ${url}`);
}

/** Ends a process, and waits for its end. @returns its exit code; null if a signal ended it */
export async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
  return child.exitCode;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
