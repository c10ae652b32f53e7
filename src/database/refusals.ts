import type { ClientBase, Pool, PoolClient } from "pg";

/** The database is not to be had, and why. */
export class DatabaseRefused extends Error {
  override name = "DatabaseRefused";
}

export class MigrationError extends Error {
  override name = "MigrationError";
}

const OLDEST_SERVER = 150_000;
const FORBIDDEN = "42501";

const CONNECT_HINTS: Record<string, string> = {
  "28000": "Check the user and the password in DATABASE_URL.",
  "28P01": "Check the user and the password in DATABASE_URL.",
  "3D000": "Create it, or check its name in DATABASE_URL.",
};

/** @throws DatabaseRefused saying what to do about it */
export async function connectTo(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    const { code = "", message } = error as Error & { code?: string };
    throw new DatabaseRefused(`The database cannot be reached (${message || code}). ${CONNECT_HINTS[code] ?? "Check DATABASE_URL, and that it runs."}`);
  }
}

/**
 * Looks at a database before the first migration goes in.
 *
 * @throws MigrationError when it is too old, or already holds something else's tables
 */
export async function refuseUnsuited(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ version: number; text: string; table: string | null; database: string }>(`
    SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text, current_database() AS database,
           (SELECT relname FROM pg_class c
            WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace AND relname <> '_prisma_migrations'
              AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
            ORDER BY relname LIMIT 1) AS table`);
  const { version = 0, text, table, database } = rows[0] ?? {};
  if (version < OLDEST_SERVER) throw new MigrationError(`The server is PostgreSQL ${text}. Cairn needs 15 or later: set DATABASE_URL to such a server.`);
  if (table)
    throw new MigrationError(`The database ${database} holds tables of something else, such as ${table}. Set DATABASE_URL to a database of Cairn's own.`);
}

/** What to say of a statement that failed while the schema was looked at or changed. */
export async function explainFailure(error: unknown, client: ClientBase): Promise<unknown> {
  const { code, message } = error as Error & { code?: string };
  if (code === FORBIDDEN && !/_prisma_migrations/.test(message)) {
    const { rows } = await client.query<{ role: string; database: string }>("SELECT current_user AS role, current_database() AS database");
    const { role, database } = rows[0] as { role: string; database: string };
    return new MigrationError(
      `The role ${role} may not change the database ${database} (${message}): make it the owner (ALTER DATABASE "${database}" OWNER TO "${role}"), or let the owner run npm run migrate and start with MIGRATE_ON_START=off.`,
    );
  }
  if (code === "25006") return new MigrationError(`The database takes no changes (${message}). Set DATABASE_URL to the primary, not to a replica.`);
  if (/extension/.test(message) && (code === "0A000" || code === "58P01"))
    return new MigrationError(`The server lacks an extension (${message}). Install PostgreSQL's contrib modules there.`);
  return error;
}
