import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Pool } from "pg";
import { ADMIN_KEY } from "./ground";
import { type Bench, type Measured, ratioOf } from "./rounds";
import { timed } from "./timing";

const LEARNERS = 20_000;
const MEBIBYTE = 1_048_576;

/** All sessions as CSV over HTTP, beside PostgreSQL's COPY of the same columns; and how much memory the service takes meanwhile. */
export const bench: Bench = async (ground) => {
  const [rows, rounds] = ground.quick ? [50_000, 1] : [10_000_000, 3];
  const database = await ground.database("export", (pool) => fill(pool, rows));
  const service = await ground.service(database);
  const speeds: Record<"cairn" | "COPY", Measured[]> = { cairn: [], COPY: [] };
  // Once unmeasured: what the process needs at all is not what it takes for more rows.
  await readAll(service, rows);
  const pid = ground.pid(service);
  const [before, watched] = [residentBytes(pid), watch(pid)];
  for (let round = 0; round < rounds; round++) {
    speeds.COPY.push({ perSecond: (rows / (await timed(() => copyAll(database.url)))) * 1_000 });
    speeds.cairn.push({ perSecond: (rows / (await timed(() => readAll(service, rows)))) * 1_000 });
  }
  return {
    rounds: speeds,
    ratios: [
      { name: "rows a second to COPY", ratio: ratioOf(speeds.cairn, speeds.COPY), goal: { atLeast: 0.5 } },
      { name: "MiB that the service grows by meanwhile", ratio: (watched.stop() - before) / MEBIBYTE, goal: { atMost: 100 } },
    ],
  };
};

/** In the order of time, as they would have been logged. */
async function fill(pool: Pool, rows: number): Promise<void> {
  await pool.query(
    `INSERT INTO learners (id, name, time_zone) SELECT gen_random_uuid(), 'Learner ' || n, 'Europe/Berlin' FROM generate_series(1, ${LEARNERS}) n`,
  );
  await pool.query(`
    WITH l AS MATERIALIZED (SELECT array_agg(id) AS ids FROM learners)
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact, skills, note, note_shared, body_digest, logged_at, updated_at)
    SELECT l.ids[1 + n * 7919 % ${LEARNERS}], gen_random_uuid(), at, 'Europe/Berlin', at::date, 60, 30, 20, 10, 1 + n % 5,
           CASE WHEN n % 3 > 0 THEN '{kubernetes,sql}'::text[] ELSE '{}' END, CASE WHEN n % 10 = 0 THEN 'First rollback, with "help"' END, n % 20 = 0, sha256(n::text::bytea), at, at
    FROM l, generate_series(1::bigint, ${rows}) n CROSS JOIN LATERAL (SELECT '2023-11-01T08:00:00Z'::timestamptz + n * interval '3 years' / ${rows} AS at) moment`);
}

async function readAll(url: string, rows: number): Promise<void> {
  const response = await fetch(`${url}/v1/exports/study-sessions`, { headers: { Authorization: `Bearer ${ADMIN_KEY}`, Accept: "text/csv" } });
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

function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) * 1_024;
}

/** Looks at a process's memory every now and then. */
function watch(pid: number): { stop(): number } {
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
