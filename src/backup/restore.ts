import { createHash } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { readMigrations } from "../database/migrate";
import { linesOf } from "../lines";
import { Foot, Head, listTables, quoted, Row, type Table } from "./format";
import { type Derived, deriveAnew, findFlaws } from "./verify";

/** A dump that cannot be restored here, and why. */
export class RestoreRefused extends Error {
  override name = "RestoreRefused";
}

const CUT = "The file is not a whole dump: its last line is missing or does not fit. Copy it again.";
const BROKEN = "The file breaks a rule of the database, as no dump of this service does. Somebody changed it.";
const ROWS_AT_ONCE = 1_000;

/**
 * Puts a dump into an empty database, all of it or nothing. Rows go in as they were, and are held to
 * the database's own rules in the end. What follows from other rows, above all who sees whom, is
 * derived anew: the file is not believed.
 *
 * @returns how many rows went in, and what was derived
 * @throws RestoreRefused when the file is none, is cut or breaks a rule, or this database is not empty or of another version
 */
export async function restore(pool: Pool, file: AsyncIterable<string>): Promise<{ rows: number; derived: Derived }> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const tables = await listTables(client);
    await refuseUnlessEmpty(client, tables);
    const restored = await withoutTriggers(client, tables, async () => {
      const rows = await insertLines(client, tables, linesOf(file));
      const flaws = await findFlaws(client);
      if (flaws.length) throw new RestoreRefused(`${BROKEN} There are ${flaws.join(" and ")}.`);
      return { rows, derived: await deriveAnew(client) };
    });
    await client.query("COMMIT");
    return restored;
  } catch (error) {
    await client.query("ROLLBACK");
    throw isBrokenRule(error) ? new RestoreRefused(`${BROKEN} ${error.message}.`) : error;
  } finally {
    client.release();
  }
}

async function insertLines(client: PoolClient, tables: Table[], lines: AsyncIterable<string>): Promise<number> {
  const known = new Map(tables.map((table) => [table.name, table]));
  const sha256 = createHash("sha256");
  let [count, isBegun, foot]: [number, boolean, Foot | undefined] = [0, false, undefined];
  let waiting: { table: Table | undefined; rows: string[] } = { table: undefined, rows: [] };
  const insert = async () => {
    if (waiting.table && waiting.rows.length) await insertRows(client, waiting.table, waiting.rows);
    waiting = { table: undefined, rows: [] };
  };
  for await (const line of lines) {
    if (foot) throw new RestoreRefused(CUT);
    const value = parsed(line);
    if (!isBegun) {
      await checkHead(value);
      isBegun = true;
      sha256.update(`${line}\n`);
      continue;
    }
    const row = Row.safeParse(value).data;
    foot = row ? undefined : Foot.safeParse(value).data;
    if (foot) continue;
    sha256.update(`${line}\n`);
    const table = row && known.get(row.table);
    if (!table) throw new RestoreRefused(CUT);
    if (waiting.table !== table || waiting.rows.length >= ROWS_AT_ONCE) await insert();
    waiting.table = table;
    // As it stands in the file: JavaScript would round what its numbers cannot hold.
    waiting.rows.push(line.slice(line.indexOf('"row":') + 6, -1));
    count++;
  }
  if (!foot || foot.rows !== count || foot.sha256 !== sha256.digest("hex")) throw new RestoreRefused(CUT);
  await insert();
  return count;
}

async function insertRows(client: PoolClient, { name, columns }: Table, rows: string[]): Promise<void> {
  const list = columns.map(quoted).join(", ");
  await client.query(`INSERT INTO ${quoted(name)} (${list}) SELECT ${list} FROM json_populate_recordset(NULL::${quoted(name)}, $1)`, [`[${rows.join()}]`]);
}

/**
 * While `work` runs, rows derive no others, and may refer to rows that are yet to come. Any owner
 * of the tables may do this, where only a superuser may leave the checks out.
 */
async function withoutTriggers<T>(client: PoolClient, tables: Table[], work: () => Promise<T>): Promise<T> {
  const { rows: references } = await client.query<{ table: string; name: string }>(`
    SELECT conrelid::regclass::text AS table, conname AS name FROM pg_constraint WHERE contype = 'f' AND connamespace = current_schema()::regnamespace`);
  for (const { name } of tables) await client.query(`ALTER TABLE ${quoted(name)} DISABLE TRIGGER USER`);
  for (const { table, name } of references) await client.query(`ALTER TABLE ${table} ALTER CONSTRAINT ${quoted(name)} DEFERRABLE INITIALLY DEFERRED`);
  const result = await work();
  await client.query("SET CONSTRAINTS ALL IMMEDIATE");
  for (const { table, name } of references) await client.query(`ALTER TABLE ${table} ALTER CONSTRAINT ${quoted(name)} NOT DEFERRABLE`);
  for (const { name } of tables) await client.query(`ALTER TABLE ${quoted(name)} ENABLE TRIGGER USER`);
  return result;
}

async function checkHead(value: unknown): Promise<void> {
  const head = Head.safeParse(value);
  if (!head.success) throw new RestoreRefused("The file is not a dump of this service.");
  const own = (await readMigrations()).map(({ name }) => name);
  const [missing, unknown] = [own.filter((name) => !head.data.migrations.includes(name)), head.data.migrations.filter((name) => !own.includes(name))];
  if (!missing.length && !unknown.length) return;
  throw new RestoreRefused(
    `The dump is of another version: ${[...missing.map((name) => `it lacks ${name}`), ...unknown.map((name) => `it has ${name}`)].join(", ")}. Restore it with the version that wrote it, and update then.`,
  );
}

async function refuseUnlessEmpty(client: PoolClient, tables: Table[]): Promise<void> {
  for (const { name } of tables) {
    const { rowCount } = await client.query(`SELECT 1 FROM ${quoted(name)} LIMIT 1`);
    if (rowCount) throw new RestoreRefused(`The database is not empty: there are ${name}. Restore into a new one, or into another DATA_DIR.`);
  }
}

/** Whether PostgreSQL refused a value, or a row by a constraint: its classes 22 and 23. */
function isBrokenRule(error: unknown): error is Error {
  return /^2[23]/.test(String((error as { code?: unknown }).code));
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw new RestoreRefused(CUT);
  }
}
