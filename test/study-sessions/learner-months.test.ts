import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import { inTransaction } from "../../src/database/transaction";
import { isUnavailable } from "../../src/database/violations";
import { addDays, toDate, toDay } from "../../src/days";
import type { Prisma, StudySession } from "../../src/generated/prisma/client";
import { differingMonths, type LearnerMonth, type Months, mendMonths } from "../../src/study-sessions/learner-months";
import { empty, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildMember, buildSession, buildTeam } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());
beforeEach(() => empty(api.db));

// Before a release, on a server, where writers really meet: FC_RUNS_MONTHS=10000 npx jest test/study-sessions/learner-months
const RUNS = Number(process.env.FC_RUNS_MONTHS ?? 40);
const SEED = Number(process.env.FC_SEED ?? 702010);

// Little to draw from, so that writers meet in the same months.
const PEOPLE = 2;
const DAYS = ["2025-12-31", "2026-01-31", "2026-02-01", "2026-02-28", "2026-03-01"];
const split = fc.constantFrom([60, 0, 0], [20, 20, 20], [0, 10, 0], [0, 0, 0]);
const figures = fc.record({
  occurredOn: fc.constantFrom(...DAYS).map(toDate),
  hour: fc.nat({ max: 23 }),
  split,
  impact: fc.constantFrom(null, 1, 5),
  verification: fc.constantFrom("selfReported" as const, "mentorConfirmed" as const),
  deleted: fc.constantFrom(false, false, true),
});
const which = fc.nat({ max: 9 });
const act = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      act: fc.constant("log" as const),
      sessions: fc.array(fc.tuple(fc.nat({ max: PEOPLE - 1 }), figures), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant("change" as const), which, to: figures }) },
  fc.record({ act: fc.constant("hand over" as const), which, person: fc.nat({ max: PEOPLE - 1 }) }),
  fc.record({ act: fc.constant("remove" as const), which }),
  fc.record({ act: fc.constant("mend" as const), person: fc.nat({ max: PEOPLE - 1 }) }),
);
// One statement mostly: transactions of several stop each other, and the server takes a second to see it.
const acts = fc.oneof({ weight: 6, arbitrary: fc.array(act, { minLength: 1, maxLength: 1 }) }, fc.array(act, { minLength: 2, maxLength: 3 }));
const transaction = fc.record({ acts, undone: fc.constantFrom(false, false, false, true) });
const history = fc.array(fc.array(transaction, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });

test(`the sums of months are those of the sessions after ${RUNS} random histories of several writers`, async () => {
  const property = fc.asyncProperty(history, async (writers) => {
    await empty(api.db);
    const people = [(await buildLearner(api.db)).id, (await buildLearner(api.db)).id];
    await Promise.all(writers.map((transactions) => write(people, transactions)));
    const sessions = await api.db.studySession.findMany();
    expect(sessions.map(({ id, overlapping }) => ({ id, overlapping }))).toEqual(
      sessions.map((session) => ({ id: session.id, overlapping: overlapsAny(session, sessions) })),
    );
    expect(await storedMonths()).toEqual(expectedMonths(sessions));
    expect(await differing()).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
});

type Figures = typeof figures extends fc.Arbitrary<infer T> ? T : never;
type Transaction = typeof transaction extends fc.Arbitrary<infer T> ? T : never;

async function write(people: string[], transactions: Transaction[]): Promise<void> {
  const own: string[] = [];
  const pick = (index: number) => own[index % own.length] ?? uuidv7();
  for (const { acts, undone } of transactions) {
    const work = inTransaction(api.db, async (tx) => {
      for (const step of acts) {
        if (step.act === "log") {
          const rows = step.sessions.map(([person, session]) => ({ ...columns(session), id: uuidv7(), learnerId: people[person] as string }));
          await tx.studySession.createMany({ data: rows });
          own.push(...rows.map(({ id }) => id));
        } else if (step.act === "change") {
          await tx.studySession.updateMany({ where: { id: pick(step.which) }, data: columns(step.to) });
        } else if (step.act === "hand over") {
          await tx.studySession.updateMany({ where: { id: pick(step.which) }, data: { learnerId: people[step.person] as string } });
        } else if (step.act === "remove") {
          await tx.studySession.deleteMany({ where: { id: pick(step.which) } });
        } else {
          await mendMonths(
            tx,
            DAYS.map((day) => ({ learnerId: people[step.person] as string, month: `${day.slice(0, 7)}-01` })),
          );
        }
      }
      if (undone) throw new Error("undone on purpose");
    });
    // What the server stopped twice is undone, too.
    await work.catch((error) => {
      if (!undone && !isUnavailable(error)) throw error;
    });
  }
}

function columns({ occurredOn, hour, split: [onTheJobMinutes = 0, socialMinutes = 0, formalMinutes = 0], impact, verification, deleted }: Figures) {
  const startedAt = new Date(occurredOn.getTime() + hour * 3_600_000);
  const row = { occurredOn, startedAt, timeZone: "UTC", minutes: 60, onTheJobMinutes, socialMinutes, formalMinutes, impact, verification };
  return { ...row, deletedAt: deleted ? startedAt : null, bodyDigest: Buffer.alloc(1) };
}

/** The sums, from their description. */
function expectedMonths(sessions: StudySession[]) {
  const counted = sessions.filter(({ deletedAt }) => deletedAt === null);
  const months = grouped(counted);
  return [...months]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, rows]) => {
      const sum = (of: (row: StudySession) => number, among = (_: StudySession) => true) => rows.filter(among).reduce((total, row) => total + of(row), 0);
      const one = () => 1;
      const [job, social, formal] = [
        (row: StudySession) => row.onTheJobMinutes > 0,
        (row: StudySession) => row.socialMinutes > 0,
        (row: StudySession) => row.formalMinutes > 0,
      ];
      const rating = (row: StudySession) => row.impact ?? 0;
      const rated = (row: StudySession) => (row.impact === null ? 0 : 1);
      const days = rows.map(({ occurredOn }) => toDay(occurredOn)).sort();
      return {
        learnerId: key.split(" ")[0],
        month: `${key.split(" ")[1]}-01`,
        minutes: sum((row) => row.minutes),
        onTheJobMinutes: sum((row) => row.onTheJobMinutes),
        socialMinutes: sum((row) => row.socialMinutes),
        formalMinutes: sum((row) => row.formalMinutes),
        selfReportedMinutes: sum(
          (row) => row.minutes,
          ({ verification }) => verification === "selfReported",
        ),
        sessions: rows.length,
        onTheJobSessions: sum(one, job),
        socialSessions: sum(one, social),
        formalSessions: sum(one, formal),
        unclassifiedSessions: sum(one, (row) => row.onTheJobMinutes + row.socialMinutes + row.formalMinutes < row.minutes),
        rated: sum(rated),
        onTheJobRated: sum(rated, job),
        socialRated: sum(rated, social),
        formalRated: sum(rated, formal),
        ratings: sum(rating),
        onTheJobRatings: sum(rating, job),
        socialRatings: sum(rating, social),
        formalRatings: sum(rating, formal),
        firstOn: days[0],
        lastOn: days.at(-1),
        overlappingMinutes: sum(
          (row) => row.minutes,
          (row) => overlapsAny(row, counted),
        ),
        latestAt: new Date(Math.max(...rows.map(({ startedAt }) => startedAt.getTime()))),
      };
    });
}

/** Of two that last an hour and begin on one: whether they begin together. */
function overlapsAny(session: StudySession, among: StudySession[]): boolean {
  const isWith = (other: StudySession) =>
    other.learnerId === session.learnerId &&
    other.deletedAt === null &&
    Math.abs(other.startedAt.getTime() - session.startedAt.getTime()) < other.minutes * 60_000;
  return session.deletedAt === null && among.some((other) => other !== session && isWith(other));
}

function keyOf({ learnerId, occurredOn }: Pick<StudySession, "learnerId" | "occurredOn">): string {
  return `${learnerId} ${toDay(occurredOn).slice(0, 7)}`;
}

function grouped(rows: StudySession[]): Map<string, StudySession[]> {
  const groups = new Map<string, StudySession[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

/** A month without sessions is there as nothing: its year has begun, or it lost them all. */
async function storedMonths() {
  const months = await api.db.learnerMonth.findMany({ where: { sessions: { gt: 0 } }, orderBy: [{ learnerId: "asc" }, { month: "asc" }] });
  return months.map(({ month, firstOn, lastOn, ...row }) => ({
    ...(Object.fromEntries(Object.entries(row).map(([name, value]) => [name, typeof value === "bigint" ? Number(value) : value])) as object),
    month: toDay(month),
    firstOn: firstOn && toDay(firstOn),
    lastOn: lastOn && toDay(lastOn),
  }));
}

async function differing(months: Months = {}): Promise<LearnerMonth[]> {
  const found = [];
  for await (const some of differingMonths(api.db, months)) found.push(...some.differing);
  return found;
}

describe("what no trigger kept", () => {
  const wrong: Prisma.LearnerMonthUpdateManyMutationInput = { minutes: 1_000, onTheJobMinutes: 1_000 };

  test("is found, within the months that are asked for, and mended", async () => {
    const { learnerId } = await buildSession(api.db, { startedAt: "2026-01-10T09:00:00Z" });
    await buildSession(api.db, { learnerId, startedAt: "2026-03-10T09:00:00Z" });
    await buildSession(api.db, { startedAt: "2026-03-10T09:00:00Z" });
    await api.db.learnerMonth.updateMany({ where: { learnerId }, data: wrong });
    const [january, march] = ["2026-01-01", "2026-03-01"].map((month) => ({ learnerId, month }));
    expect(await differing()).toEqual([january, march]);
    expect(await differing({ through: "2026-02-28" })).toEqual([january]);
    expect(await differing({ from: "2026-01-31", through: "2026-01-31" })).toEqual([january]);
    expect(await differing({ from: "2026-02-01" })).toEqual([march]);
    expect(await mendMonths(api.db, await differing())).toBe(2);
    expect(await differing()).toEqual([]);
    expect(await storedMonths()).toEqual(expectedMonths(await api.db.studySession.findMany()));
  });

  test("is found where a month is missing, and where its sessions are", async () => {
    const [missing, left] = [await buildSession(api.db), await buildSession(api.db)];
    await api.db.learnerMonth.deleteMany({ where: { learnerId: missing.learnerId } });
    await api.db.$executeRaw`ALTER TABLE study_sessions DISABLE TRIGGER learner_months_remove`;
    await api.db.studySession.deleteMany({ where: { learnerId: left.learnerId } });
    await api.db.$executeRaw`ALTER TABLE study_sessions ENABLE TRIGGER learner_months_remove`;
    expect((await differing()).map(({ learnerId }) => learnerId).sort()).toEqual([missing.learnerId, left.learnerId].sort());
    expect(await mendMonths(api.db, await differing())).toBe(2);
    expect(await differing()).toEqual([]);
  });

  test("is what a report shows until then: reports of whole months read the sums, others the sessions", async () => {
    const team = await buildTeam(api.db);
    const { id: learnerId } = await buildMember(api.db, team.id);
    await buildSession(api.db, { learnerId, startedAt: "2026-05-10T09:00:00Z" });
    await api.db.learnerMonth.updateMany({ data: wrong });
    const admin = api.as(await buildKey(api.db, { role: "admin" }));
    const minutes = async (query: string) => {
      const of = (owner: string) => admin.get(`/v1/${owner}/breakdown?${query}`);
      return [(await of(`teams/${team.id}`)).body.total.minutes.total, (await of(`learners/${learnerId}`)).body.total.minutes.total];
    };
    const may = "from=2026-05-01&to=2026-06-01";
    expect(await minutes(may)).toEqual([1_000, 1_000]);
    expect(await minutes(`${may}&bucket=month`)).toEqual([1_000, 1_000]);
    // Cut, but with all its sessions within.
    expect(await minutes("from=2026-05-10&to=2026-05-11")).toEqual([1_000, 1_000]);
    expect(await minutes(`${may}&bucket=week`)).toEqual([60, 60]);
    expect(await minutes(`${may}&verification=self-reported`)).toEqual([60, 60]);
    expect(await minutes(`${may}&groupBy=resource`)).toEqual([60, 60]);
  });

  test("is told and mended by the command, which ends so that a script can tell", async () => {
    const { learnerId } = await buildSession(api.db, { startedAt: "2026-05-10T09:00:00Z" });
    await api.db.learnerMonth.updateMany({ data: wrong });
    expect(await command()).toEqual({ code: 1, out: `${learnerId}  2026-05 differs\nThe months of 1 people were compared with their sessions: 1 differ.\n` });
    expect(await command("--mend", "--from", "2026-06-01")).toEqual({
      code: 0,
      out: "The months of 1 people were compared with their sessions: 0 differ, 0 were summed up anew.\n",
    });
    expect((await command("--mend")).out).toContain("1 differ, 1 were summed up anew");
    expect(await command()).toEqual({ code: 0, out: "The months of 1 people were compared with their sessions: 0 differ.\n" });
    expect((await command("--from", "May")).code).toBe(64);
    expect((await command("mend")).code).toBe(64);
  });
});

test("a year's months begin together, as nothing, and stay as they are when more is logged", async () => {
  const { learnerId } = await buildSession(api.db, { startedAt: "2026-03-10T09:00:00Z" });
  await buildSession(api.db, { learnerId, startedAt: "2026-05-10T09:00:00Z" });
  await buildSession(api.db, { learnerId, startedAt: "2025-12-31T09:00:00Z" });
  const months = await api.db.learnerMonth.findMany({ orderBy: { month: "asc" } });
  const ofYears = [2025, 2026].flatMap((year) => Array.from({ length: 12 }, (_, index) => toDay(new Date(Date.UTC(year, index)))));
  expect(months.map(({ month }) => toDay(month))).toEqual(ofYears);
  expect(months.filter(({ sessions, minutes, firstOn }) => sessions || minutes || firstOn).map(({ month }) => toDay(month))).toEqual([
    "2025-12-01",
    "2026-03-01",
    "2026-05-01",
  ]);
});

test("emptying the sessions empties the sums", async () => {
  await buildSession(api.db);
  await api.db.$executeRaw`TRUNCATE study_sessions CASCADE`;
  expect(await api.db.learnerMonth.count()).toBe(0);
});

test("what others see of a session changes no sum", async () => {
  const { learnerId, id } = await buildSession(api.db);
  const version = () => api.db.$queryRaw`SELECT xmin::text FROM learner_months`;
  const before = await version();
  await api.db.studySession.update({
    where: { learnerId_id: { learnerId, id } },
    data: { note: "Only words", version: 2, updatedAt: toDate(addDays("2026-06-17", 1)) },
  });
  expect(await version()).toEqual(before);
});

const run = promisify(execFile);

async function command(...words: string[]): Promise<{ code: number; out: string }> {
  const env = { ...process.env, DATABASE_URL: process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`] };
  const options = { cwd: path.join(__dirname, "../.."), env };
  return run(process.execPath, ["--import", "tsx", "src/commands/rollups.ts", ...words], options).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    ({ code, stdout }) => ({ code, out: stdout }),
  );
}
