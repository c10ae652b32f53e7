import { execFile } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { readConfig } from "../src/config";
import { connect } from "../src/database/connect";
import type { Prisma, PrismaClient } from "../src/generated/prisma/client";
import { ADMIN_KEY } from "./ground";
import { type Bench, type Measured, ratioOf } from "./rounds";
import { timed } from "./timing";

const LEARNERS = 20_000;
const MADE_BY_PRISMA = 20;
const FIRST_DAY = Date.UTC(2023, 10, 1);
const SPAN_MS = 3 * 365 * 86_400_000;

/**
 * A CSV of sessions over HTTP, beside psql with the same rows (copied into an unlogged stage, then one
 * INSERT … SELECT), and beside Prisma's createMany by the thousand, which makes a part of them.
 */
export const bench: Bench = async (ground) => {
  const [rows, rounds] = ground.quick ? [20_000, 1] : [1_000_000, 3];
  const database = await ground.database("import", fill);
  const { db, close } = await connect(readConfig({ DATABASE_URL: database.url, DATABASE_STATEMENT_TIMEOUT_MS: "0" }));
  const service = await ground.service(database);
  const directory = await mkdtemp(path.join(tmpdir(), "cairn-bench-"));
  try {
    const [csv, stage] = [path.join(directory, "sessions.csv"), path.join(directory, "stage.csv")];
    await writeCsv(csv, rows, (await database.pool.query("SELECT id FROM learners ORDER BY id")).rows);
    const speeds: Record<"cairn" | "psql" | "Prisma createMany", Measured[]> = { cairn: [], psql: [], "Prisma createMany": [] };
    const measure = async (name: keyof typeof speeds, count: number, work: () => Promise<void>) => {
      await empty(db);
      speeds[name].push({ perSecond: (count / (await timed(work))) * 1_000 });
    };
    for (let round = 0; round < rounds; round++) {
      await measure("cairn", rows, () => importCsv(service, csv, rows));
      if (!round) await psql(database.url, `\\copy study_sessions TO '${stage}'`);
      const some = (await db.studySession.findMany({ take: rows / MADE_BY_PRISMA })) as Prisma.StudySessionCreateManyInput[];
      await measure("Prisma createMany", some.length, () => createByPrisma(db, some));
      await measure("psql", rows, () => loadByPsql(database.url, stage));
    }
    return {
      rounds: speeds,
      ratios: [
        { name: "rows a second to psql's stage and insert", ratio: ratioOf(speeds.cairn, speeds.psql), goal: { atLeast: 0.8 } },
        { name: "rows a second to Prisma createMany", ratio: ratioOf(speeds.cairn, speeds["Prisma createMany"]), goal: { atLeast: 12 } },
      ],
    };
  } finally {
    await close();
    await rm(directory, { recursive: true });
  }
};

async function fill(pool: Pool): Promise<void> {
  await pool.query(`
    INSERT INTO learners (id, name, time_zone)
    SELECT gen_random_uuid(), 'Learner ' || n, (ARRAY['Europe/Berlin', 'America/New_York', 'Asia/Kathmandu', 'UTC'])[1 + n % 4] FROM generate_series(1, ${LEARNERS}) n`);
}

/** In the order of time, as a system that kept them would give them out. */
async function writeCsv(file: string, rows: number, learners: { id: string }[]): Promise<void> {
  const out = createWriteStream(file);
  out.write("learnerId,id,startedAt,minutes,mode,impact,skills,note\n");
  const modes = ["on-the-job", "social", "formal"];
  for (let n = 0; n < rows; n++) {
    const at = FIRST_DAY + Math.floor((n * SPAN_MS) / rows);
    const cells = [learners[(n * 7919) % LEARNERS]?.id, uuidv7({ msecs: at }), new Date(at).toISOString(), 15 + (n % 90), modes[n % 3]];
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
    headers: { Authorization: `Bearer ${ADMIN_KEY}`, "Content-Type": "text/csv" },
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
