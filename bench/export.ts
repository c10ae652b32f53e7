import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readConfig } from "../src/config";
import { connect } from "../src/database/connect";
import { prepareSchema } from "../src/database/migrate";
import type { Measured } from "./import";
import { ownDatabase } from "./own-database";
import { KEY, startService } from "./service";
import { median, round, timed } from "./timing";

// All sessions as CSV over HTTP, beside PostgreSQL's COPY of the same columns, in turns; and how much memory the service takes meanwhile.
// It makes a database of its own on the server, and drops it:
//   DATABASE_URL=… npx tsx bench/export.ts [rows] [rounds]

const LEARNERS = 20_000;
const MEBIBYTE = 1_048_576;

export async function benchExport(serverUrl: string, rows = 10_000_000, rounds = 3): Promise<Measured[]> {
  const database = await ownDatabase(serverUrl, "cairn_bench_export");
  const config = readConfig({ LOG_LEVEL: "silent", DATABASE_URL: database.url });
  const { pool, close } = await connect({ ...config, DATABASE_STATEMENT_TIMEOUT_MS: 0 });
  await prepareSchema(pool, config);
  try {
    await fill(pool, rows);
    const service = await startService(database.url);
    const speeds: Record<"http" | "copy", number[]> = { http: [], copy: [] };
    // Once unmeasured: what the process needs at all is not what it takes for more rows.
    await readAll(service.url, rows);
    const [before, watched] = [residentBytes(service.process.pid), watch(service.process.pid)];
    for (let turn = 0; turn < rounds; turn++) {
      speeds.copy.push(rows / (await timed(() => copyAll(database.url))));
      speeds.http.push(rows / (await timed(() => readAll(service.url, rows))));
      console.error(
        JSON.stringify(Object.fromEntries(Object.entries(speeds).map(([name, each]) => [name, `${Math.round((each.at(-1) as number) * 1_000)} rows/s`]))),
      );
    }
    const grown = round((watched.stop() - before) / MEBIBYTE);
    await service.stop();
    const ratio = round(median(speeds.http.map((speed, turn) => speed / (speeds.copy[turn] as number))));
    return [
      { name: "export of sessions as CSV, against COPY", ratio, goal: 0.5 },
      { name: "MiB that the service grows by meanwhile", ratio: grown, goal: 100, atMost: true },
    ];
  } finally {
    await close();
    await database.drop();
  }
}

/** In the order of time, as they would have been logged. */
async function fill(pool: { query(sql: string): Promise<unknown> }, rows: number): Promise<void> {
  await pool.query(
    `INSERT INTO learners (id, name, time_zone) SELECT gen_random_uuid(), 'Learner ' || n, 'Europe/Berlin' FROM generate_series(1, ${LEARNERS}) n`,
  );
  await pool.query(`
    WITH l AS MATERIALIZED (SELECT array_agg(id) AS ids FROM learners)
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact, skills, note, note_shared, body_digest, logged_at, updated_at)
    SELECT l.ids[1 + n * 7919 % ${LEARNERS}], gen_random_uuid(), at, 'Europe/Berlin', at::date, 60, 30, 20, 10, 1 + n % 5,
           CASE WHEN n % 3 > 0 THEN '{kubernetes,sql}'::text[] ELSE '{}' END, CASE WHEN n % 10 = 0 THEN 'First rollback, with "help"' END, n % 20 = 0, sha256(n::text::bytea), at, at
    FROM l, generate_series(1::bigint, ${rows}) n CROSS JOIN LATERAL (SELECT '2023-11-01T08:00:00Z'::timestamptz + n * interval '3 years' / ${rows} AS at) moment`);
  await pool.query("VACUUM ANALYZE");
}

async function readAll(url: string, rows: number): Promise<void> {
  const response = await fetch(`${url}/v1/exports/study-sessions`, { headers: { Authorization: `Bearer ${KEY}`, Accept: "text/csv" } });
  let end = "";
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) end = (end + Buffer.from(part.subarray(-100)).toString()).slice(-100);
  if (!end.endsWith(`# complete: ${rows} rows\r\n`)) throw new Error(`The export ends with ${end}`);
}

/** The same cells by PostgreSQL alone, guards left out. */
async function copyAll(url: string): Promise<void> {
  const instant = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  const sql = `COPY (
    SELECT learner_id, id, ${instant("started_at")}, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes,
           minutes - on_the_job_minutes - social_minutes - formal_minutes, impact, goal_id, step_id, resource_id, resource_type, array_to_string(skills, '; '),
           verification, CASE WHEN note_shared THEN note END, note_shared, version, ${instant("logged_at")}, ${instant("updated_at")}, ${instant("deleted_at")}
    FROM study_sessions WHERE deleted_at IS NULL) TO STDOUT WITH (FORMAT csv, HEADER)`;
  const child = spawn("psql", [url, "-qc", sql], { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.resume();
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`psql ended with ${code}`);
}

function residentBytes(pid: number | undefined): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) * 1_024;
}

/** Looks at a process's memory every now and then. */
function watch(pid: number | undefined): { stop(): number } {
  let most = 0;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, 200);
  return {
    stop() {
      clearInterval(timer);
      return most;
    },
  };
}

if (require.main === module) {
  const [rows, rounds] = process.argv.slice(2).map(Number);
  benchExport(process.env.DATABASE_URL ?? "", rows, rounds).then(console.table, (error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
