import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { dump } from "../../src/backup/dump";
import { RestoreRefused, restore } from "../../src/backup/restore";
import { TRIGGERS } from "../../src/backup/verify";
import { loadDemo } from "../../src/demo/load-demo";
import { differingMonths } from "../../src/study-sessions/learner-months";
import { empty, NOW, startApp, type TestApp } from "../setup/app";
import { buildKey } from "../setup/factories";
import { PATIENT } from "../setup/patience";

const HARD = 'a line\nof two, a tab\t, "quotes", \\backslash, \u2028, \u0001, ångström, 日本語, 🪨';

let api: TestApp;
let whole: string[];
beforeAll(async () => {
  api = await startApp();
  await clear();
  const { analyst } = await loadDemo(api.db, NOW);
  const session = { startedAt: "2026-06-16T08:00:00.123Z", minutes: 25, split: { formal: 20 }, note: HARD, skills: ["a,b", "{c}", '"d"'] };
  const posted = await api.as(analyst.key).post(`/v1/learners/${analyst.id}/study-sessions`, session, { "Idempotency-Key": "kept" });
  expect(posted.status).toBe(201);
  whole = await collect();
});
beforeEach(() => clear());
afterAll(() => api.close());

/** The audit too, which nothing else may empty. */
async function clear(): Promise<void> {
  await empty(api.db);
  await api.db.$executeRaw`ALTER TABLE audit_events DISABLE TRIGGER USER`;
  await api.db.$executeRaw`TRUNCATE audit_events`;
  await api.db.$executeRaw`ALTER TABLE audit_events ENABLE TRIGGER USER`;
}

async function collect(): Promise<string[]> {
  const chunks: string[] = [];
  for await (const chunk of dump(api.pool)) chunks.push(chunk);
  return chunks;
}

async function* cutAnew(text: string, size: number): AsyncGenerator<string> {
  for (let start = 0; start < text.length; start += size) yield text.slice(start, start + size);
}

const restored = (text: string) => restore(api.pool, cutAnew(text, 10_007));
const lines = () => whole.join("").trimEnd().split("\n");
const joined = (all: string[]) => `${all.join("\n")}\n`;

test("what was dumped is restored to the letter, keys, audit and answers to replays with it", async () => {
  const { rows, derived } = await restored(whole.join(""));
  expect(rows).toBe(lines().length - 2);
  expect(derived).toEqual({
    teamPairs: await api.db.teamClosure.count(),
    differingTeamPairs: 0,
    months: expect.any(Number),
    differingMonths: 0,
    differingOverlaps: 0,
  });
  expect(Math.min(derived.teamPairs, derived.months)).toBeGreaterThan(0);
  // A row may have moved within its table.
  expect((await collect()).join("").trimEnd().split("\n").sort().slice(1)).toEqual(
    lines()
      .sort()
      .slice(1)
      .map((line) => (line.startsWith('{"rows"') ? expect.stringContaining(`{"rows":${rows},`) : line)),
  );
  const differing = [];
  for await (const some of differingMonths(api.db, {})) differing.push(...some.differing);
  expect(differing).toEqual([]);
});

test("a restored database holds to its rules again", async () => {
  await restored(whole.join(""));
  const admin = api.as(await buildKey(api.db, { role: "admin" }));
  const [{ id, version }] = (await admin.get("/v1/teams?limit=1")).body.items;
  expect(version).toBeGreaterThan(0);
  await expect(api.db.$executeRaw`UPDATE teams SET parent_id = id WHERE id = ${id}::uuid`).rejects.toThrow(/teams_no_cycle/);
  await expect(api.db.$executeRaw`DELETE FROM audit_events`).rejects.toThrow();
  await expect(api.db.$executeRaw`UPDATE study_sessions SET goal_id = gen_random_uuid()`).rejects.toThrow(/foreign key/);
  const { rows } = await api.pool.query("SELECT conname FROM pg_constraint WHERE contype = 'f' AND condeferrable");
  const triggers = await api.pool.query("SELECT tgname FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal");
  expect([rows, triggers.rows]).toEqual([[], []]);
});

describe("nothing goes in of", () => {
  const refusals: [string, () => string, RegExp][] = [
    ["a file that is cut", () => joined(lines().slice(0, -1)), /not a whole dump/],
    ["a file that is cut within a line", () => whole.join("").slice(0, -30), /not a whole dump/],
    ["a file in which a row was changed", () => whole.join("").replace('"minutes":25', '"minutes":26'), /not a whole dump/],
    ["a file that lacks a row", () => joined(lines().toSpliced(5, 1)), /not a whole dump/],
    ["two files in one", () => whole.join("").repeat(2), /not a whole dump/],
    ["an empty file", () => "", /not a whole dump/],
    ["another file", () => "learnerId,id\n", /not a whole dump/],
    ["JSON of another kind", () => '{"items":[]}\n', /not a dump of this service/],
    ["a dump of another version", () => whole.join("").replace("_learner_months", "_learner_years"), /it lacks \d+_learner_months, it has \d+_learner_years/],
  ];
  test.each(refusals)("%s", async (_, text, words) => {
    await expect(restored(text())).rejects.toThrow(words);
    expect(await api.db.learner.count()).toBe(0);
  });
});

/** The dump with other rows, and a checksum that fits. */
function forged(change: (rows: { table: string; row: Record<string, unknown> }[]) => object[]): string {
  const [head, ...rows] = lines().slice(0, -1);
  const text = joined([head as string, ...change(rows.map((line) => JSON.parse(line))).map((row) => JSON.stringify(row))]);
  return `${text}${JSON.stringify({ rows: text.split("\n").length - 2, sha256: createHash("sha256").update(text).digest("hex") })}\n`;
}
const of = (table: string, change: (row: Record<string, unknown>, place: number) => object) => {
  let place = 0;
  return forged((rows) => rows.map((each) => (each.table === table ? { ...each, row: { ...each.row, ...change(each.row, place++) } } : each)));
};
const closure = async () => (await api.db.teamClosure.findMany()).map((pair) => Object.values(pair).join(" ")).sort();

test("who sees whom follows from the teams, whatever pairs of them the file has", async () => {
  await restored(whole.join(""));
  const sound = await closure();
  const teams = (await api.db.team.findMany()).map(({ id }) => id);
  const everybodyLeads = forged((rows) => [
    ...rows.filter(({ table }) => table !== "team_closure"),
    ...teams.flatMap((ancestor_id) =>
      teams.map((team_id) => ({ table: "team_closure", row: { ancestor_id, team_id, depth: ancestor_id === team_id ? 0 : 1 } })),
    ),
  ]);
  const deeper = of("team_closure", ({ depth }) => ({ depth: Number(depth) + 1 }));
  const none = forged((rows) => rows.filter(({ table }) => table !== "team_closure"));
  for (const text of [everybodyLeads, deeper, none]) {
    await clear();
    const { derived } = await restored(text);
    expect(await closure()).toEqual(sound);
    expect(derived).toMatchObject({ teamPairs: sound.length, differingMonths: 0 });
    expect(derived.differingTeamPairs).toBeGreaterThan(0);
  }
});

test("where a team was on a day follows from its parents, whatever the file has", async () => {
  await restored(whole.join(""));
  const ancestry = async () => (await api.pool.query("SELECT to_jsonb(a) AS row FROM team_ancestry a ORDER BY ancestor_id, team_id, from_day")).rows;
  const sound = await ancestry();
  const deeper = of("team_ancestry", ({ depth }) => ({ depth: Number(depth) + 1 }));
  const none = forged((rows) => rows.filter(({ table }) => table !== "team_ancestry"));
  const shorter = of("team_ancestry", () => ({ until_day: "2026-01-01" }));
  for (const text of [deeper, none, shorter]) {
    await clear();
    expect((await restored(text)).derived.differingTeamPairs).toBe(sound.length);
    expect(await ancestry()).toEqual(sound);
  }
});

test("sums of months follow from the sessions, whatever sums the file has", async () => {
  await restored(whole.join(""));
  const sums = async () => (await api.pool.query("SELECT to_jsonb(m) AS row FROM learner_months m WHERE sessions > 0 ORDER BY learner_id, month")).rows;
  const sound = await sums();
  const more = of("learner_months", ({ minutes }) => ({ minutes: Number(minutes) + 1 }));
  const none = forged((rows) => rows.filter(({ table }) => table !== "learner_months"));
  const elsewhen = of("learner_months", ({ month }) => ({ month: String(month).replace("-01", "-02") }));
  for (const text of [more, none, elsewhen]) {
    await clear();
    expect((await restored(text)).derived.differingMonths).toBeGreaterThan(0);
    expect(await sums()).toEqual(sound);
    expect((await api.pool.query("SELECT FROM learner_months WHERE sessions = 0 AND minutes > 0")).rowCount).toBe(0);
  }
});

describe("nothing goes in of a file whose checksum fits and that has", () => {
  const other = () => "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e";
  const forgeries: [string, () => string, RegExp][] = [
    ["teams in a circle", () => of("teams", ({ id, parent_id }) => (parent_id ? {} : { parent_id: id })), /There are teams that are their own ancestors/],
    ["teams that were in a circle", () => of("team_parents", ({ team_id }) => ({ parent_id: team_id })), /There are teams that were their own ancestors/],
    [
      "a team elsewhere than its history says",
      () => of("team_parents", () => ({ until_day: "2026-01-01" })),
      /There are teams whose history does not end where they are/,
    ],
    ["goals in a circle", () => of("goals", ({ id }) => ({ follows_id: id })), /There are goals that follow themselves/],
    [
      "people who were erased and have keys, goals and teams",
      () => of("learners", () => ({ erased_at: "2026-06-01T00:00:00Z" })),
      /There are things of people who were erased/,
    ],
    [
      "records that were merged into others and have keys, goals and teams",
      () => of("learners", () => ({ subject: null, merged_into_id: other(), merged_at: "2026-06-01T00:00:00Z" })),
      /There are things of records that were merged into others/,
    ],
    [
      "somebody who is in two teams",
      () => {
        const [first] = lines()
          .map((line) => JSON.parse(line))
          .filter(({ table }) => table === "memberships");
        return forged((rows) => [...rows, { ...first, row: { ...first.row, id: other() } }]);
      },
      /memberships_no_overlap/,
    ],
    ["a lead who is nobody", () => of("teams", () => ({ lead_id: other() })), /teams_lead_id_fkey/],
    ["a learner's key that is nobody's", () => of("api_keys", ({ role }) => (role === "learner" ? { learner_id: null } : {})), /api_keys_owner_check/],
    ["a role that there is not", () => of("api_keys", () => ({ role: "owner" })), /api_key_role/],
    ["a day that there is not", () => of("memberships", () => ({ from_day: "2026-02-30" })), /2026-02-30/],
  ];
  test.each(forgeries)("%s", async (_, text, words) => {
    const refusal = await restored(text()).catch((error) => error);
    expect([refusal, refusal.message]).toEqual([expect.any(RestoreRefused), expect.stringMatching(words)]);
    expect(await api.db.learner.count()).toBe(0);
  });
});

test("every trigger has its answer in a restore", async () => {
  const { rows } = await api.pool.query<{ name: string }>("SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1");
  expect(rows.map(({ name }) => name)).toEqual(Object.keys(TRIGGERS).sort());
});

describe("the command", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "cairn-dump-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const inFolder = (name: string) => path.join(folder, name);
  const run = async (file: string) => {
    const child = spawn(process.execPath, ["--import", "tsx", "src/commands/dump.ts", file], {
      cwd: path.join(__dirname, "../.."),
      env: {
        ...process.env,
        DATABASE_URL: process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`],
        DATABASE_POOL_SIZE: "1",
        ...PATIENT,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
    const [code] = await once(child, "exit");
    return { code, output };
  };

  test("writes a file of its own, which only its owner may read", async () => {
    expect(await run(inFolder("new"))).toEqual({ code: 0, output: expect.stringContaining("keep it as safe as the database") });
    expect(statSync(inFolder("new")).mode & 0o777).toBe(0o600);
    expect(readFileSync(inFolder("new"), "utf8").split("\n")[0]).toContain('"cairn":"dump"');
    expect(readdirSync(folder)).toEqual(["new"]);
    rmSync(inFolder("new"));
  });

  const planted: [string, string, () => void][] = [
    ["a file of that name", "dump", () => writeFileSync(inFolder("dump"), "mine", { mode: 0o644 })],
    ["a link of that name", "dump", () => symlinkSync(inFolder("mine"), inFolder("dump"))],
    ["a link of that name that leads nowhere", "dump", () => symlinkSync(inFolder("nowhere"), inFolder("dump"))],
    ["a file where it is written first", "dump.part", () => writeFileSync(inFolder("dump.part"), "mine", { mode: 0o644 })],
    ["a link where it is written first", "dump.part", () => symlinkSync(inFolder("mine"), inFolder("dump.part"))],
  ];
  test.each(planted)("leaves %s as it is", async (_, name, plant) => {
    writeFileSync(inFolder("mine"), "mine");
    plant();
    const before = lstatSync(inFolder(name));
    expect(await run(inFolder("dump"))).toEqual({ code: 64, output: expect.stringContaining(`${inFolder(name)} exists`) });
    expect(lstatSync(inFolder(name))).toMatchObject({ ino: before.ino, mode: before.mode, size: before.size });
    expect(readFileSync(inFolder("mine"), "utf8")).toBe("mine");
    expect(readdirSync(folder).sort()).toEqual([name, "mine"].sort());
    rmSync(inFolder(name));
  });
});

test("a database that holds anything is left as it is", async () => {
  await buildKey(api.db, { role: "admin" });
  await expect(restored(whole.join(""))).rejects.toThrow("The database is not empty: there are api_keys.");
});
