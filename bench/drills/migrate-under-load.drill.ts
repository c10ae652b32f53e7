import { execFile } from "node:child_process";
import { mkdir, readFile, symlink } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import type { Pool } from "pg";
import { MIGRATIONS_DIR, migrate, readMigrations } from "../../src/database/migrate";
import { fillOrganisation } from "../organisation";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const run = promisify(execFile);
const READING_MS = 5_000;
const LONGEST_STALL_MS = 1_000;

/** The migrations since the last version are applied while it serves, on ten million sessions, and somebody reads every table for seconds. */
export const drill: Drill = async (stage, quick) => {
  const [sessions, loadMs] = quick ? [20_000, 1_000] : [10_000_000, 10_000];
  const migrations = await readMigrations();
  const newest = migrations.at(-1)?.name as string;
  const before = await findVersionBefore(newest);
  const previous = await build(before.commit, path.join(stage.folder, "previous"));
  await migrate(
    stage.pool,
    migrations.filter(({ name }) => before.migrations.has(name)),
  );
  await fillOrganisation(stage.pool, { teams: 1_555, learners: quick ? 2_000 : 20_000, sessions });
  await stage.pool.query("VACUUM ANALYZE");
  const service = await stage.service({}, previous);
  const client = new Client(() => service.address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(quick ? 8 : 32);
  await wait(loadMs);
  client.longestMs = 0;
  await wait(loadMs);
  const longestBefore = client.longestMs;
  client.longestMs = 0;
  const since = Date.now();
  // As a deployment does it that sets MIGRATE_ON_START=off.
  const migrating = run(process.execPath, ["dist/commands/migrate.js"], { env: { ...process.env, DATABASE_URL: stage.url } });
  const [{ stdout }, migratedMs] = await Promise.all([migrating, migrating.then(() => Date.now() - since), readEverything(stage.pool)]);
  await wait(loadMs);
  const longestMs = client.longestMs;
  await stop();
  const { lost, doubled, flaws } = await ledger.compare({ DATABASE_URL: stage.url });
  if (!stdout.includes(newest)) flaws.push(`migrating said: ${stdout}`);
  const failures = client.failures();
  flaws.push(...failures.flaws);
  if (!quick && longestMs > LONGEST_STALL_MS) flaws.push(`a write took ${Math.round(longestMs)} ms`);
  return {
    migration: newest,
    sessions,
    requests: client.requests,
    failed: failures.failed,
    migratedMs,
    longestBeforeMs: Math.round(longestBefore),
    longestMs: Math.round(longestMs),
    lost,
    doubled,
    flaws,
  };
};

/**
 * The newest version that lacks a migration, and whose own migrations are as they are now: one that
 * was rewritten before its release never ran anywhere.
 */
async function findVersionBefore(migration: string): Promise<{ commit: string; migrations: Set<string> }> {
  const now = await migrationsAt("HEAD");
  // One that is not committed yet comes after the newest commit.
  if (!now.has(migration)) return { commit: "HEAD", migrations: new Set(now.keys()) };
  const { stdout } = await run("git", ["log", "--first-parent", "--format=%H", "--", MIGRATIONS_DIR]);
  for (const commit of stdout
    .trim()
    .split("\n")
    .map((changed) => `${changed}^`)) {
    const then = await migrationsAt(commit);
    if (!then.has(migration) && [...then].every(([name, blob]) => now.get(name) === blob)) return { commit, migrations: new Set(then.keys()) };
  }
  throw new Error(`The history has no version before ${migration}`);
}

/** The migrations of a commit, each with what names its content. */
async function migrationsAt(commit: string): Promise<Map<string, string>> {
  const { stdout } = await run("git", ["ls-tree", "-r", "--full-tree", commit, "prisma/migrations"]);
  const files = stdout.matchAll(/^\d+ blob (\w+)\tprisma\/migrations\/([^/]+)\/migration\.sql$/gm);
  return new Map([...files].map(([, blob = "", name = ""]) => [name, blob]));
}

/** Builds a version out of the history. @returns its folder */
async function build(commit: string, folder: string): Promise<string> {
  await mkdir(folder);
  const archive = path.join(folder, "version.tar");
  await run("git", ["archive", "--output", archive, commit]);
  await run("tar", ["-xf", archive, "-C", folder]);
  const [before, now] = await Promise.all([folder, "."].map((each) => readFile(path.join(each, "package-lock.json"), "utf8")));
  if (before === now) await symlink(path.resolve("node_modules"), path.join(folder, "node_modules"));
  else await run("npm", ["ci"], { cwd: folder });
  await run("npm", ["run", "build"], { cwd: folder });
  return folder;
}

/** As a dump does, in one transaction. */
async function readEverything(pool: Pool): Promise<void> {
  const client = await pool.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const { rows } = await client.query("SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'");
  for (const { name } of rows) await client.query(`SELECT FROM ${name} LIMIT 1`);
  await wait(READING_MS);
  await client.query("COMMIT");
  client.release();
}
