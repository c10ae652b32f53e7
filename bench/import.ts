import { execFile } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import { v7 as uuidv7 } from "uuid";
import { readConfig } from "../src/config";
import { connect } from "../src/database/connect";
import { prepareSchema } from "../src/database/migrate";
import type { Prisma, PrismaClient } from "../src/generated/prisma/client";
import { ownDatabase } from "./own-database";
import { KEY, startService } from "./service";
import { median, round, timed } from "./timing";

// A CSV of sessions over HTTP, beside psql with the same rows (\copy into an unlogged stage, then one INSERT … SELECT), and beside
// Prisma's createMany by the thousand, in turns. It makes a database of its own on the server, and drops it:
//   DATABASE_URL=… npx tsx bench/import.ts [rows] [rounds]

export type Measured = { name: string; ratio: number; goal: number; atMost?: boolean };

const LEARNERS = 20_000;
const MADE_BY_PRISMA = 20;
const FIRST_DAY = Date.UTC(2023, 10, 1);
const SPAN_MS = 3 * 365 * 86_400_000;

export async function benchImport(serverUrl: string, rows = 1_000_000, rounds = 3): Promise<Measured[]> {
  const database = await ownDatabase(serverUrl, "cairn_bench_import");
  const directory = mkdtempSync(path.join(os.tmpdir(), "cairn-bench-"));
  const config = readConfig({ LOG_LEVEL: "silent", DATABASE_URL: database.url });
  const { db, pool, close } = await connect({ ...config, DATABASE_STATEMENT_TIMEOUT_MS: 0 });
  await prepareSchema(pool, config);
  const service = await startService(database.url);
  try {
    const [csv, stage] = [path.join(directory, "sessions.csv"), path.join(directory, "stage.csv")];
    await writeCsv(csv, rows, await makeLearners(db));
    const speeds: Record<"http" | "psql" | "createMany", number[]> = { http: [], psql: [], createMany: [] };
    for (let turn = 0; turn < rounds; turn++) {
      await empty(db);
      speeds.http.push(rows / (await timed(() => importCsv(service.url, csv, rows))));
      if (!turn) await psql(database.url, `\\copy study_sessions TO '${stage}'`);
      const some = (await db.studySession.findMany({ take: rows / MADE_BY_PRISMA })) as Prisma.StudySessionCreateManyInput[];
      await empty(db);
      speeds.createMany.push(some.length / (await timed(() => createByPrisma(db, some))));
      await empty(db);
      speeds.psql.push(rows / (await timed(() => loadByPsql(database.url, stage))));
      console.error(
        JSON.stringify(Object.fromEntries(Object.entries(speeds).map(([name, each]) => [name, `${Math.round((each.at(-1) as number) * 1_000)} rows/s`]))),
      );
    }
    const ratio = (other: "psql" | "createMany") => round(median(speeds.http.map((speed, turn) => speed / (speeds[other][turn] as number))));
    return [
      { name: "import of sessions as CSV, against psql's stage and insert", ratio: ratio("psql"), goal: 0.8 },
      { name: "import of sessions as CSV, against createMany", ratio: ratio("createMany"), goal: 12 },
    ];
  } finally {
    await service.stop();
    await close();
    await database.drop();
    rmSync(directory, { recursive: true });
  }
}

async function makeLearners(db: PrismaClient): Promise<string[]> {
  const zones = ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "UTC"];
  const data = Array.from({ length: LEARNERS }, (_, n) => ({ id: uuidv7(), name: `Learner ${n}`, timeZone: zones[n % zones.length] as string }));
  await db.learner.createMany({ data });
  return data.map(({ id }) => id);
}

/** In the order of time, as a system that kept them would give them out. */
async function writeCsv(file: string, rows: number, learnerIds: string[]): Promise<void> {
  const out = createWriteStream(file);
  out.write("learnerId,id,startedAt,minutes,mode,impact,skills,note\n");
  const modes = ["on-the-job", "social", "formal"];
  for (let n = 0; n < rows; n++) {
    const at = FIRST_DAY + Math.floor((n * SPAN_MS) / rows);
    const cells = [learnerIds[(n * 7919) % LEARNERS], uuidv7({ msecs: at }), new Date(at).toISOString(), 15 + (n % 90), modes[n % 3]];
    const rest = [n % 2 ? 1 + (n % 5) : "", n % 3 ? "kubernetes; sql" : "", n % 10 ? "" : '"First rollback, with ""help"""'];
    if (!out.write(`${[...cells, ...rest].join()}\n`)) await once(out, "drain");
  }
  out.end();
  await once(out, "close");
}

async function empty(db: PrismaClient): Promise<void> {
  await db.$executeRaw`TRUNCATE study_sessions`;
  await db.$executeRaw`CHECKPOINT`;
}

async function importCsv(url: string, file: string, rows: number): Promise<void> {
  const response = await fetch(`${url}/v1/imports/study-sessions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${KEY}`, "Content-Type": "text/csv" },
    body: Readable.toWeb(createReadStream(file)) as never,
    duplex: "half",
  } as RequestInit);
  const last = JSON.parse((await response.text()).trim().split("\n").at(-1) as string);
  if (last.kind !== "done" || last.created !== rows) throw new Error(JSON.stringify(last));
}

async function createByPrisma(db: PrismaClient, rows: Prisma.StudySessionCreateManyInput[]): Promise<void> {
  for (let first = 0; first < rows.length; first += 1_000) await db.studySession.createMany({ data: rows.slice(first, first + 1_000), skipDuplicates: true });
}

async function loadByPsql(url: string, file: string): Promise<void> {
  await psql(
    url,
    "CREATE UNLOGGED TABLE stage (LIKE study_sessions)",
    `\\copy stage FROM '${file}'`,
    "INSERT INTO study_sessions SELECT * FROM stage",
    "DROP TABLE stage",
  );
}

async function psql(url: string, ...commands: string[]): Promise<void> {
  await promisify(execFile)("psql", [url, "-qv", "ON_ERROR_STOP=1", ...commands.flatMap((command) => ["-c", command])]);
}

if (require.main === module) {
  const [rows, rounds] = process.argv.slice(2).map(Number);
  benchImport(process.env.DATABASE_URL ?? "", rows, rounds).then(console.table, (error) => {
    console.error(error);
    process.exitCode = 1;
  });
}
