import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { Pool, type PoolConfig } from "pg";
import { type EmbeddedPostgres, startEmbedded } from "../../src/database/embedded";
import { buildIndexes, MIGRATIONS_DIR, type Migration, migrate, pendingMigrations, readMigrations } from "../../src/database/migrate";
import { MigrationError } from "../../src/database/refusals";

const PRISMAS_LOCK = 72707369;

let postgres: EmbeddedPostgres;
let pool: Pool;
let shipped: Migration[];
beforeAll(async () => {
  postgres = await startEmbedded(undefined);
  pool = open();
  shipped = await readMigrations();
});
beforeEach(() => pool.query("DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
afterAll(async () => {
  await pool.end();
  await postgres.close();
});

const open = (settings: PoolConfig = {}) => new Pool({ host: postgres.host, port: postgres.port, user: "postgres", ...settings });
const migration = (name: string, sql: string): Migration => ({ name, sql, checksum: createHash("sha256").update(sql).digest("hex") });
const first = migration("1_first", "CREATE TABLE first ()");
const second = migration("2_second", "CREATE TABLE second ()");
const names = (migrations: Migration[]) => migrations.map(({ name }) => name);
const exists = async (table: string) => (await pool.query("SELECT to_regclass($1) IS NOT NULL AS there", [table])).rows[0].there;
const recorded = async () => (await pool.query(`SELECT * FROM "_prisma_migrations" ORDER BY migration_name`)).rows;

test("an empty database gets everything, once", async () => {
  expect(await pendingMigrations(pool, shipped)).toEqual(names(shipped));
  expect(await migrate(pool, shipped)).toEqual(names(shipped));
  expect(await exists("study_sessions")).toBe(true);
  expect(await pendingMigrations(pool, shipped)).toEqual([]);
  expect(await migrate(pool, shipped)).toEqual([]);
});

test("a migration is recorded as Prisma would record it", async () => {
  await migrate(pool, shipped);
  const rows = await recorded();
  expect(rows).toEqual(
    shipped.map(({ name }) => ({
      id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
      checksum: createHash("sha256")
        .update(readFileSync(path.join(MIGRATIONS_DIR, name, "migration.sql")))
        .digest("hex"),
      finished_at: expect.any(Date),
      migration_name: name,
      logs: null,
      rolled_back_at: null,
      started_at: expect.any(Date),
      applied_steps_count: 1,
    })),
  );
  for (const row of rows) expect(row.finished_at.getTime()).toBeGreaterThanOrEqual(row.started_at.getTime());
});

test("what is new is applied after what is there, in the order of the names", async () => {
  await migrate(pool, [first]);
  expect(await pendingMigrations(pool, [first, second])).toEqual(["2_second"]);
  expect(await migrate(pool, [first, second])).toEqual(["2_second"]);
  expect(names(shipped)).toEqual(names(shipped).sort());
});

test("of runs at once, each migration is applied by one", async () => {
  const pools = [open(), open(), open()];
  const applied = await Promise.all(pools.map((each) => migrate(each, [...shipped, first, second])));
  await Promise.all(pools.map((each) => each.end()));
  expect(applied.flat().sort()).toEqual(names([...shipped, first, second]).sort());
  expect(await recorded()).toHaveLength(shipped.length + 2);
});

describe("history", () => {
  test("an edited migration is refused by name, and nothing is applied", async () => {
    await migrate(pool, [first]);
    const edited = migration("1_first", "CREATE TABLE first (id int)");
    for (const work of [migrate, pendingMigrations]) {
      await expect(work(pool, [edited, second])).rejects.toThrow(MigrationError);
      await expect(work(pool, [edited, second])).rejects.toThrow(/1_first was edited/);
    }
    expect(await exists("second")).toBe(false);
  });

  test("a missing migration is refused by name, and nothing is applied", async () => {
    await migrate(pool, [first]);
    for (const work of [migrate, pendingMigrations]) {
      await expect(work(pool, [second])).rejects.toThrow(MigrationError);
      await expect(work(pool, [second])).rejects.toThrow(/1_first .*missing/);
    }
    expect(await exists("second")).toBe(false);
  });

  test("what Prisma rolled back is applied anew", async () => {
    await migrate(pool, [first]);
    await pool.query(`UPDATE "_prisma_migrations" SET rolled_back_at = now(), finished_at = NULL; DROP TABLE first`);
    expect(await migrate(pool, [first])).toEqual(["1_first"]);
  });
});

describe("a database that does not suit", () => {
  test.each([migrate, pendingMigrations, buildIndexes])("with tables of something else is left as it is: %p", async (work) => {
    await pool.query("CREATE TABLE customers ()");
    await expect(work(pool, [first])).rejects.toThrow(
      new MigrationError("The database postgres holds tables of something else, such as customers. Set DATABASE_URL to a database of Cairn's own."),
    );
    expect(await exists("first")).toBe(false);
  });

  test("that is too old is refused", async () => {
    const query = async (sql: string) => ({
      rows: sql.includes("server_version_num") ? [{ version: 140_011, text: "14.11", table: null }] : [{ exists: false }],
    });
    const old = { connect: async () => ({ query, release: () => undefined }) } as unknown as Pool;
    await expect(pendingMigrations(old, shipped)).rejects.toThrow(
      new MigrationError("The server is PostgreSQL 14.11. Cairn needs 15 or later: set DATABASE_URL to such a server."),
    );
  });
});

describe("indexes that are built ahead", () => {
  const indexing = migration("2_indexing", `CREATE INDEX IF NOT EXISTS "numbers" ON "first" ("number") WHERE "number" > 1;\nCREATE TABLE more (n int);\n`);
  const valid = async () =>
    (await pool.query("SELECT indisvalid, pg_get_indexdef(indexrelid) AS sql FROM pg_index WHERE indexrelid = to_regclass('numbers')")).rows;
  const built = [{ indisvalid: true, sql: expect.stringContaining("ON public.first USING btree (number) WHERE (number > 1)") }];
  beforeEach(async () => {
    await migrate(pool, [migration("1_first", "CREATE TABLE first (number int)")]);
  });
  const all = [migration("1_first", "CREATE TABLE first (number int)"), indexing];

  test("are found by their migration, of which nothing else is done", async () => {
    await buildIndexes(pool, all);
    expect(await valid()).toEqual(built);
    expect(await exists("more")).toBe(false);
    expect(await migrate(pool, all)).toEqual(["2_indexing"]);
    expect(await valid()).toEqual(built);
  });

  test("are built anew where a build was broken off", async () => {
    await buildIndexes(pool, all);
    await pool.query("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('numbers')");
    await buildIndexes(pool, all);
    expect(await valid()).toEqual(built);
  });

  test("wait for their table", async () => {
    await buildIndexes(pool, [...all, migration("3_third", `CREATE TABLE "third" (n int);\nCREATE INDEX IF NOT EXISTS "thirds" ON "third" ("n");\n`)]);
    expect(await exists("thirds")).toBe(false);
  });
});

describe("a failing migration", () => {
  const failing = migration("2_failing", "CREATE TABLE half (n int); INSERT INTO half SELECT 1 / 0");

  test("leaves nothing of itself, and what came before it in place", async () => {
    await expect(migrate(pool, [first, failing, migration("3_third", "CREATE TABLE third ()")])).rejects.toThrow("division by zero");
    expect(await Promise.all(["first", "half", "third"].map(exists))).toEqual([true, false, false]);
    expect((await recorded()).map((row) => row.migration_name)).toEqual(["1_first"]);
  });

  test("may be mended, as it was never applied", async () => {
    await expect(migrate(pool, [failing])).rejects.toThrow();
    expect(await migrate(pool, [migration("2_failing", "CREATE TABLE half (n int)")])).toEqual(["2_failing"]);
  });

  test("leaves its connection as good as before", async () => {
    const single = open({ max: 1 });
    await expect(migrate(single, [failing])).rejects.toThrow();
    expect((await single.query("SELECT pg_current_xact_id_if_assigned() IS NULL AS free")).rows).toEqual([{ free: true }]);
    await single.end();
  });
});

test("a migration may take as long as it takes, but not wait for a lock as long", async () => {
  const single = open({ max: 1 });
  await single.query("SET statement_timeout = 200");
  const looking = migration(
    "1_looking",
    "CREATE TABLE limits AS SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock",
  );
  await migrate(single, [looking]);
  expect((await pool.query("SELECT * FROM limits")).rows).toEqual([{ statement: "0", lock: "300ms" }]);
  expect((await single.query("SHOW statement_timeout")).rows).toEqual([{ statement_timeout: "200ms" }]);
  await single.query("RESET statement_timeout");
  await single.end();
});

test("another process's migrations are waited for, longer than for a statement", async () => {
  const connectionString = process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`];
  const [other, waiting] = [new Pool({ connectionString }), new Pool({ connectionString, statement_timeout: 200 })];
  const holder = await other.connect();
  await holder.query("BEGIN");
  await holder.query("SELECT pg_advisory_xact_lock($1)", [PRISMAS_LOCK]);
  const applied = migrate(waiting, shipped).finally(() => waiting.end());
  await Promise.race([applied, new Promise((resolve) => setTimeout(resolve, 600))]).finally(() => holder.query("ROLLBACK"));
  holder.release();
  await other.end();
  expect(await applied).toEqual([]);
});

test("a table that somebody reads for long is waited for again and again, not in front of everybody else", async () => {
  const connectionString = process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`];
  const [schema, table] = ["waiting_for_a_table", "waiting_for_a_table.held"];
  const [reader, migrating] = [new Pool({ connectionString, max: 2 }), new Pool({ connectionString, max: 1 })];
  await reader.query(`CREATE SCHEMA ${schema}`);
  await migrating.query(`SET search_path = ${schema}`);
  const created = migration("1_create", `CREATE TABLE ${table} (number int)`);
  await migrate(migrating, [created]);
  const holder = await reader.connect();
  await holder.query("BEGIN");
  await holder.query(`SELECT FROM ${table}`);
  const applied = migrate(migrating, [created, migration("2_rename", `ALTER TABLE ${table} RENAME number TO named`)]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const written = reader.query(`INSERT INTO ${table} VALUES (1)`).then(() => "written");
  const first = await Promise.race([written, new Promise((resolve) => setTimeout(resolve, 3_000, "held up"))]);
  await holder.query("COMMIT");
  holder.release();
  await written;
  // The embedded one has a single session: there everybody waits for whoever has a transaction open.
  if (process.env.DATABASE_URL) expect(first).toBe("written");
  expect(await applied).toEqual(["2_rename"]);
  expect((await reader.query(`SELECT named FROM ${table}`)).rows).toEqual([{ named: 1 }]);
  await migrating.query("RESET search_path");
  await reader.query(`DROP SCHEMA ${schema} CASCADE`);
  await Promise.all([reader.end(), migrating.end()]);
});
