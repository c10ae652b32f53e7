import { dump } from "../../src/backup/dump";
import { restore } from "../../src/backup/restore";
import { loadDemo } from "../../src/demo/load-demo";
import { differingMonths } from "../../src/study-sessions/learner-months";
import { empty, NOW, startApp, type TestApp } from "../setup/app";
import { buildKey } from "../setup/factories";

const SLOW = 300_000;
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
}, SLOW);
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

test(
  "what was dumped is restored to the letter, keys, audit and answers to replays with it",
  async () => {
    const rows = await restored(whole.join(""));
    expect(rows).toBe(lines().length - 2);
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
  },
  SLOW,
);

test(
  "a restored database holds to its rules again",
  async () => {
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
  },
  SLOW,
);

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
  test.each(refusals)(
    "%s",
    async (_, text, words) => {
      await expect(restored(text())).rejects.toThrow(words);
      expect(await api.db.learner.count()).toBe(0);
    },
    SLOW,
  );
});

test("a database that holds anything is left as it is", async () => {
  await buildKey(api.db, { role: "admin" });
  await expect(restored(whole.join(""))).rejects.toThrow("The database is not empty: there are api_keys.");
});
