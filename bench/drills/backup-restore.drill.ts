import { execFile } from "node:child_process";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { Client as Postgres } from "pg";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const run = promisify(execFile);

/** What people logged goes through PostgreSQL's own dump, and through this service's by way of the embedded database, and is the same in the end. */
export const drill: Drill = async (stage, quick) => {
  const service = await stage.service();
  let { address } = service;
  const ledger = new Ledger(new Client(() => address));
  const stop = await ledger.begin(quick ? 4 : 32);
  await wait(quick ? 500 : 30_000);
  // While they write: what a dump holds is of one moment, so it goes in whole.
  const during = await throughFile(stage.url, await stage.database("during"), path.join(stage.folder, "during.ndjson"));
  await wait(quick ? 500 : 30_000);
  await stop();

  const before = await checksums(stage.url);
  const byPostgres = await stage.database("by_postgres");
  const archive = path.join(stage.folder, "archive");
  await run("pg_dump", ["--format=custom", `--file=${archive}`, stage.url]);
  await run("pg_restore", ["--exit-on-error", `--dbname=${byPostgres}`, archive]);

  const embedded = { DATABASE_URL: "", DATA_DIR: path.join(stage.folder, "embedded") };
  const byService = await stage.database("by_service");
  const started = Date.now();
  const [first, second] = [path.join(stage.folder, "first.ndjson"), path.join(stage.folder, "second.ndjson")];
  await command("dump", { DATABASE_URL: stage.url }, first);
  await command("restore", embedded, first);
  await command("dump", embedded, second);
  await command("restore", { DATABASE_URL: byService }, second);
  const seconds = (Date.now() - started) / 1_000;

  const flaws: string[] = during ? [] : ["a dump that was made while people wrote did not go in"];
  for (const [name, url] of Object.entries({ byPostgres, byService })) {
    const after = await checksums(url);
    for (const [table, checksum] of Object.entries(before)) if (after[table] !== checksum) flaws.push(`${name}: ${table} differs`);
    address = (await stage.service({ DATABASE_URL: url })).address;
    const { flaws: found } = await ledger.compare({ DATABASE_URL: url });
    flaws.push(...found.map((flaw) => `${name}: ${flaw}`));
  }
  return { acknowledged: ledger.acknowledged, tables: Object.keys(before).length, thereAndBackSeconds: seconds, flaws };
};

async function throughFile(from: string, to: string, file: string): Promise<boolean> {
  await command("dump", { DATABASE_URL: from }, file);
  return command("restore", { DATABASE_URL: to }, file).then(
    () => true,
    () => false,
  );
}

async function command(name: "dump" | "restore", settings: NodeJS.ProcessEnv, file: string): Promise<void> {
  await run(process.execPath, [`dist/commands/${name}.js`, file], { env: { ...process.env, ...settings } });
}

/** Of each table all rows, as the database writes them. */
async function checksums(url: string): Promise<Record<string, string>> {
  const client = new Postgres({ connectionString: url });
  await client.connect();
  const { rows: tables } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> '_prisma_migrations'",
  );
  const found: Record<string, string> = {};
  for (const { name } of tables) {
    const { rows } = await client.query(
      `SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') AS sum FROM "${name}" t`,
    );
    found[name] = rows[0].sum;
  }
  await client.end();
  return found;
}
