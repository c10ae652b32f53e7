import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Pool } from "pg";
import { readConfig } from "../../src/config";
import { connect } from "../../src/database/connect";
import { DataDirInUseError, type EmbeddedPostgres, startEmbedded } from "../../src/database/embedded";

const folder = mkdtempSync(path.join(os.tmpdir(), "cairn-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open = ({ host, port }: EmbeddedPostgres) => new Pool({ host, port, user: "postgres", max: 10, query_timeout: 10_000 });

/** Starts one, lets `work` use it, and stops it. */
async function using<T>(dataDir: string | undefined, work: (pool: Pool) => Promise<T>): Promise<T> {
  const postgres = await startEmbedded(dataDir);
  const pool = open(postgres);
  try {
    return await work(pool);
  } finally {
    await pool.end();
    await postgres.close();
  }
}

test("what it keeps is there after a stop, in a folder that is its user's alone", async () => {
  const dataDir = path.join(folder, "kept");
  await using(dataDir, (pool) => pool.query("CREATE TABLE kept AS SELECT 42 AS answer"));
  expect(statSync(dataDir).mode & 0o777).toBe(0o700);
  expect(await using(dataDir, async (pool) => (await pool.query("SELECT * FROM kept")).rows)).toEqual([{ answer: 42 }]);
});

// Elsewhere there is nothing that a process can hold on to so.
(["linux", "win32"].includes(process.platform) ? test : test.skip)("of two that start at once in one folder, one serves it", async () => {
  const [dataDir, other] = [path.join(folder, "contested"), path.join(folder, "by-another-name")];
  mkdirSync(dataDir);
  symlinkSync(dataDir, other);
  const started = await Promise.allSettled([startEmbedded(dataDir), startEmbedded(other)]);
  expect(started.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  for (const each of started) {
    if (each.status === "fulfilled") await each.value.close();
    else expect(each.reason).toBeInstanceOf(DataDirInUseError);
  }
  expect(await using(dataDir, async (pool) => (await pool.query("SELECT 1 AS one")).rows)).toEqual([{ one: 1 }]);
});

test("an address that was cut off when it was written stands in nobody's way", async () => {
  const dataDir = path.join(folder, "cut");
  mkdirSync(dataDir);
  writeFileSync(path.join(dataDir, "address.json"), '{"pa');
  expect(await using(dataDir, async (pool) => (await pool.query("SELECT 1 AS one")).rows)).toEqual([{ one: 1 }]);
});

test("a folder whose path is too long for a socket will do", async () => {
  const dataDir = path.join(folder, "a".repeat(100));
  expect(await using(dataDir, async (pool) => (await pool.query("SELECT 1 AS one")).rows)).toEqual([{ one: 1 }]);
});

test("in memory it keeps nothing, and two do not meet", async () => {
  await using(undefined, async (one) => {
    await one.query("CREATE TABLE mine ()");
    const others = await using(undefined, async (other) => (await other.query("SELECT to_regclass('mine') AS found")).rows);
    expect(others).toEqual([{ found: null }]);
  });
});

// There is one session behind all callers; each must find it as if it were its own.
test("statements of many callers, in and out of transactions, do not mix", async () => {
  const { pool, close } = await connect({ ...readConfig({}), DATA_DIR: undefined });
  try {
    await pool.query("CREATE TABLE written (n int)");
    const work = Array.from({ length: 100 }, async (_, n) => {
      if (n % 3) return (await pool.query(n % 2 ? "SELECT $1::int AS n" : "SELECT $1::int AS n, $2::text AS more", n % 2 ? [n] : [n, "x"])).rows[0].n;
      const client = await pool.connect();
      try {
        await client.query("BEGIN");
        await client.query("INSERT INTO written VALUES ($1)", [n]);
        const { rows } = await client.query("SELECT $1::int AS n", [n]);
        await client.query("COMMIT");
        return rows[0].n;
      } finally {
        client.release();
      }
    });
    expect(await Promise.all(work)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    expect((await pool.query("SELECT count(*)::int AS count FROM written")).rows).toEqual([{ count: 34 }]);
  } finally {
    await close();
  }
});

test("a connection that ends in the middle of a transaction leaves nothing of it, and holds nobody up", async () => {
  await using(undefined, async (pool) => {
    await pool.query("CREATE TABLE written (n int)");
    const client = await pool.connect();
    client.on("error", () => undefined);
    await client.query("BEGIN");
    await client.query("INSERT INTO written VALUES (1)");
    client.release(true);
    expect((await pool.query("SELECT count(*)::int AS count FROM written")).rows).toEqual([{ count: 0 }]);
  });
});
