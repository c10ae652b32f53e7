import { spawn } from "node:child_process";
import { hash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { Pool } from "pg";
import { readConfig } from "../../src/config";
import { claimDirectory, DataDirError, ownDirectory } from "../../src/database/claim";
import { connect } from "../../src/database/connect";
import { type EmbeddedPostgres, startEmbedded } from "../../src/database/embedded";
import { PATIENT } from "../setup/patience";

const folder = mkdtempSync(path.join(os.tmpdir(), "cairn-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open = ({ host, port }: EmbeddedPostgres) => new Pool({ host, port, user: "postgres", max: 10 });

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

const onPosix = process.platform === "win32" ? test.skip : test;

test("of two that start at once in one folder, one serves it", async () => {
  const [dataDir, other] = [path.join(folder, "contested"), path.join(folder, "by-another-name")];
  mkdirSync(dataDir);
  symlinkSync(dataDir, other);
  const started = await Promise.allSettled([startEmbedded(dataDir), startEmbedded(other)]);
  expect(started.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  for (const each of started) {
    if (each.status === "fulfilled") await each.value.close();
    else expect([each.reason, each.reason.message]).toEqual([expect.any(DataDirError), expect.stringContaining("Another process serves the data in")]);
  }
  expect(await using(dataDir, async (pool) => (await pool.query("SELECT 1 AS one")).rows)).toEqual([{ one: 1 }]);
});

onPosix.each([
  ["a folder", "claimed"],
  ["a folder with a long path", "b".repeat(100)],
])("of many that claim %s at once, one gets it, round after round, and leaves nothing behind", async (_, name) => {
  const directory = ownDirectory(path.join(folder, name));
  for (let round = 0; round < 25; round++) {
    const claims = await Promise.allSettled(Array.from({ length: 5 }, () => claimDirectory(directory)));
    const got = claims.flatMap((claim) => (claim.status === "fulfilled" ? [claim.value] : []));
    expect(got).toHaveLength(1);
    await expect(claimDirectory(directory)).rejects.toThrow(DataDirError);
    for (const giveUp of got) giveUp();
  }
  expect(readdirSync(directory)).toEqual([]);
});

onPosix("a claim ends with its process, even if that is killed", async () => {
  const directory = ownDirectory(path.join(folder, "killed"));
  const code = `require("tsx/cjs"); require("./src/database/claim.ts").claimDirectory(${JSON.stringify(directory)}).then(() => console.log("claimed")); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["-e", code], { cwd: path.join(__dirname, "../.."), stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  await expect(claimDirectory(directory)).rejects.toThrow(DataDirError);
  child.kill("SIGKILL");
  await once(child, "exit");
  (await claimDirectory(directory))();
  expect(readdirSync(directory)).toEqual([]);
});

// Any user may take such names, and sees those that are taken.
(process.platform === "linux" ? test : test.skip)("a name that another user takes keeps nobody out of a folder", async () => {
  const directory = ownDirectory(path.join(folder, "squatted"));
  const squatter = createServer().listen(`\0cairn-${hash("sha256", directory).slice(0, 32)}`);
  await once(squatter, "listening");
  expect(await using(directory, async (pool) => (await pool.query("SELECT 1 AS one")).rows)).toEqual([{ one: 1 }]);
  squatter.close();
});

onPosix("a folder that others may write into is taken when it is empty, and then they may not", () => {
  const directory = path.join(folder, "open");
  mkdirSync(directory);
  chmodSync(directory, 0o777);
  expect(statSync(ownDirectory(directory)).mode & 0o777).toBe(0o700);
  chmodSync(directory, 0o770);
  writeFileSync(path.join(directory, "planted"), "");
  expect(() => ownDirectory(directory)).toThrow(`Other users may write into ${directory}`);
  expect(statSync(directory).mode & 0o777).toBe(0o770);
});

// Only root can hand a folder over.
(process.getuid?.() === 0 ? test : test.skip)("a folder of another user's is refused", () => {
  const directory = path.join(folder, "foreign");
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  chownSync(directory, 12_345, 12_345);
  symlinkSync(directory, path.join(folder, "foreign-link"));
  for (const name of ["foreign", "foreign-link"]) expect(() => ownDirectory(path.join(folder, name))).toThrow("belongs to another user");
  expect(statSync(directory).mode & 0o777).toBe(0o755);
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
  const { pool, close } = await connect({ ...readConfig(PATIENT), DATA_DIR: undefined });
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
