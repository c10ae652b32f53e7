import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { ClientBase, Pool } from "pg";
import { connectTo, explainFailure, MigrationError, refuseUnsuited } from "./refusals";

export type Migration = { name: string; sql: string; checksum: string };

/** The migrations that ship with the service. */
export const MIGRATIONS_DIR = path.join(__dirname, "../../prisma/migrations");

// The lock that Prisma's own `migrate deploy` takes, so that the two exclude each other.
const MIGRATION_LOCK = 72707369;
// Whoever waits for a table holds up all who come after, so it is asked for often, but never waited for long.
const LOCK_TIMEOUT_MS = 300;
const LOCK_PAUSE_MS = 1_000;
const LOCK_PATIENCE_MS = 600_000;
const LOCK_NOT_AVAILABLE = "55P03";

/**
 * Applies what is pending, each migration in a transaction of its own, in order of name, while
 * others read and write. Safe to run from several processes at once: the others wait, then find
 * nothing to do. Writes the same `_prisma_migrations` rows as `prisma migrate deploy`.
 *
 * @returns the names applied by this call
 * @throws MigrationError when an applied migration was edited or is missing here, or others hold a table for ten minutes
 */
export async function migrate(pool: Pool, migrations: Migration[]): Promise<string[]> {
  return onClient(pool, async (client) => {
    const applied: string[] = [];
    for (;;) {
      const name = await whenUnlocked(() => applyNext(client, migrations));
      if (name === null) return applied;
      applied.push(name);
    }
  });
}

// How a migration writes an index on a table that may be large.
const INDEX = /^CREATE (?:UNIQUE )?INDEX IF NOT EXISTS ("\w+") ON ("\w+")[^;]*;/gm;

/**
 * Builds the indexes of what is pending while others write: it takes longer than within the
 * migration, which finds them then, but holds nobody up.
 *
 * @throws MigrationError as `migrate` does
 */
export async function buildIndexes(pool: Pool, migrations: Migration[]): Promise<void> {
  await onClient(pool, async (client) => {
    try {
      await client.query("SET statement_timeout = 0");
      for (const { sql } of await pending(client, migrations)) {
        for (const [statement, index, table] of sql.matchAll(INDEX)) {
          const { rows } = await client.query(
            "SELECT to_regclass($1) IS NOT NULL AS exists, (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($2)) AS valid",
            [table, index],
          );
          if (!rows[0].exists) continue;
          // What is left of a build that was broken off.
          if (rows[0].valid === false) await client.query(`DROP INDEX CONCURRENTLY ${index}`);
          await client.query(statement.replace("INDEX", "INDEX CONCURRENTLY"));
        }
      }
    } finally {
      await client.query("RESET statement_timeout").catch(() => undefined);
    }
  });
}

/**
 * The names of the migrations that the database still lacks.
 *
 * @throws MigrationError when an applied migration was edited or is missing here
 */
export async function pendingMigrations(pool: Pool, migrations: Migration[]): Promise<string[]> {
  return onClient(pool, async (client) => (await pending(client, migrations)).map((migration) => migration.name));
}

export async function readMigrations(directory = MIGRATIONS_DIR): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const sql = await readFile(path.join(directory, name, "migration.sql"), "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

/**
 * Brings the database up to date, or makes sure that somebody did.
 *
 * @throws MigrationError when it is not, and may not be brought
 */
export async function prepareSchema(pool: Pool, { MIGRATE_ON_START }: { MIGRATE_ON_START: boolean }): Promise<void> {
  const migrations = await readMigrations();
  if (MIGRATE_ON_START) {
    await migrate(pool, migrations);
    return;
  }
  const pending = await pendingMigrations(pool, migrations);
  if (!pending.length) return;
  const lacks = pending.length === migrations.length ? "has none of this service's tables" : `lacks ${pending.join(", ")}`;
  throw new MigrationError(`The database ${lacks}. Run as its owner: npm run migrate`);
}

/** @throws DatabaseRefused, or MigrationError where what failed can be said in words */
async function onClient<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = await connectTo(pool);
  try {
    return await work(client);
  } catch (error) {
    throw await explainFailure(error, client);
  } finally {
    client.release();
  }
}

async function whenUnlocked<T>(work: () => Promise<T>): Promise<T> {
  for (let until: number | undefined; ; ) {
    try {
      return await work();
    } catch (error) {
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
      if (until === undefined) {
        process.emitWarning("A migration waits for a table that others hold. See in pg_stat_activity whose transaction is old, such as a dump's.");
        until = Date.now() + LOCK_PATIENCE_MS;
      } else if (Date.now() > until)
        throw new MigrationError("A migration wants a table that others have held for ten minutes. Start again when they are done.");
      await wait(LOCK_PAUSE_MS);
    }
  }
}

async function applyNext(client: ClientBase, migrations: Migration[]): Promise<string | null> {
  await client.query("BEGIN");
  try {
    // A transaction's lock rather than a session's: it holds behind a pooler, too. Waiting
    // for another process's migrations has no limit, waiting for a table has.
    await client.query("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0");
    await client.query("SELECT pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query(MIGRATIONS_TABLE);
    const [next] = await pending(client, migrations);
    if (next) {
      const { rows } = await client.query("SELECT clock_timestamp() AS now");
      await client.query(next.sql);
      await client.query(
        `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
         VALUES ($1, $2, $3, $4, clock_timestamp(), 1)`,
        [randomUUID(), next.checksum, next.name, rows[0].now],
      );
    }
    await client.query("COMMIT");
    return next?.name ?? null;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  }
}

async function pending(client: ClientBase, migrations: Migration[]): Promise<Migration[]> {
  const applied = await appliedChecksums(client);
  if (!applied.size) await refuseUnsuited(client);
  const known = new Map(migrations.map((migration) => [migration.name, migration.checksum]));
  for (const [name, checksum] of applied) {
    if (!known.has(name)) {
      throw new MigrationError(
        `Migration ${name} is applied to this database but missing from prisma/migrations. Restore its folder, or run the release that has it.`,
      );
    }
    if (known.get(name) !== checksum) {
      throw new MigrationError(
        `Migration ${name} was edited after it had been applied to this database. Restore its migration.sql and put the change into a new migration.`,
      );
    }
  }
  return migrations.filter((migration) => !applied.has(migration.name));
}

async function appliedChecksums(client: ClientBase): Promise<Map<string, string>> {
  const exists = await client.query(`SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS exists`);
  if (!exists.rows[0].exists) return new Map();
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `SELECT migration_name AS name, checksum FROM "_prisma_migrations"
     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
  );
  return new Map(rows.map((row) => [row.name, row.checksum]));
}

const MIGRATIONS_TABLE = `
  CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
    id                  varchar(36) PRIMARY KEY NOT NULL,
    checksum            varchar(64) NOT NULL,
    finished_at         timestamptz,
    migration_name      varchar(255) NOT NULL,
    logs                text,
    rolled_back_at      timestamptz,
    started_at          timestamptz NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
  )`;
