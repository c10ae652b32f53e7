import { Client } from "pg";
import { type Caller, rows } from "../access/authorization/table";
import { type Issuer, startIssuer } from "../access/authorization/token-issuer";
import { type Stage, setStage, wrongCells } from "../access/authorization/wrong-cells";
import { fill, NOBODY } from "../access/operations";
import { inline, operations, type Schema } from "../http/generated-requests";
import { startApp, type TestApp } from "../setup/app";
import { unrooted } from "./unrooted";

// learner_id can distribute what learners own over many machines (docs/scaling.md) as long as
// every statement says whose rows it is about, or joins them by learner.

let api: TestApp;
let issuer: Issuer;
let rooted: Set<string>;
const sent = new Set<string>();
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
  const tables = await api.db.$queryRaw<{ name: string }[]>`
    SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
    WHERE i.indisprimary AND a.attname = 'learner_id'`;
  rooted = new Set(tables.map(({ name }) => name));
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

// Right as they are: each asks all machines, and would go on doing so.
const EXCEPTIONS: Record<string, RegExp> = {
  "who is in a team is found by the team": /^memberships: .*JOIN memberships m ON m\.team_id = c\.team_id/s,
  "what others logged with a mentor": /^study_sessions: .*"mentor_id" = \$1 AND .* ORDER BY/s,
  "what a reviewer said of others, in their export": /^reviews: SELECT .*"learner_id" = \$1 OR "public"\."reviews"\."answered_by_id" = \$2/s,
  "whom a change of a team concerns":
    /^memberships: SELECT "public"\."memberships"\."learner_id".*EXISTS\(SELECT "t1"\."team_id" FROM "public"\."team_closure"/s,
  "who names a record that is to be merged": /^(study_sessions|goals|reviews): .* AS referring/s,
  "whoever names a merged record names the survivor": /^(study_sessions|goals|reviews): \s*UPDATE \w+ SET (mentor_id|reviewer_id) = /s,
  "an erasure takes a reviewer off others' goals": /^goals: \s*UPDATE goals SET reviewer_id = nullif/s,
  "an erasure takes a reviewer off what others wait for": /^reviews: \s*UPDATE reviews SET reviewer_id = CASE/s,
};

test("the tables are those that a learner owns", () => {
  expect([...rooted].sort()).toEqual([
    "evidence",
    "goals",
    "learner_months",
    "memberships",
    "reviews",
    "step_prerequisites",
    "steps",
    "study_sessions",
    "terms",
    "timers",
  ]);
});

// One of each kind whose requests make statements of their own.
const KINDS: Caller[] = [
  "the learner",
  "the lead",
  "the mentor",
  "an admin's key",
  "an admin in person",
  "sessions:write",
  "a service confined to a team above",
];

test("every statement of every operation says whose rows it is about", async () => {
  const query = Client.prototype.query;
  jest.spyOn(Client.prototype, "query").mockImplementation(function (this: Client, ...args: unknown[]) {
    const text = typeof args[0] === "string" ? args[0] : (args[0] as { text?: string }).text;
    if (text) sent.add(text);
    return (query as (...args: unknown[]) => unknown).apply(this, args) as never;
  });
  const stage = await setStage(api, issuer);
  for (const row of rows)
    await wrongCells(
      stage,
      row,
      KINDS.filter((caller) => row.marks[caller] === "+"),
    );
  await askForEverything(stage);
  jest.restoreAllMocks();
  const flaws = await Promise.all([...sent].map(async (sql) => (await unrooted(rooted, sql)).map((table) => `${table}: ${sql}`)));
  const matching = (flaw: string) => Object.keys(EXCEPTIONS).filter((name) => EXCEPTIONS[name]?.test(flaw));
  expect(flaws.flat().filter((flaw) => !matching(flaw).length)).toEqual([]);
  expect([...new Set(flaws.flat().flatMap(matching))].sort()).toEqual(Object.keys(EXCEPTIONS).sort());
});

/** What is read with each parameter alone, and page by page: lists and reports are other statements then. */
async function askForEverything({ shared }: Stage): Promise<void> {
  const reads = operations.filter(({ method, path }) => method === "GET" && path.startsWith("/v1/"));
  const asked = reads.flatMap(({ path, parameters }) =>
    parameters
      .filter((parameter) => parameter.in === "query" && parameter.name !== "cursor")
      .flatMap(({ name, schema }) => valuesOf(inline(schema) as Schema).map((value) => `${fill(path, (id) => shared.ids[id] as string)}?${name}=${value}`)),
  );
  const askAll = async (caller: Caller) => {
    const client = await shared.as(caller);
    for (const url of asked) {
      const { body } = await client.get(url);
      if (body.next) await client.get(`${url}&cursor=${body.next}`);
    }
  };
  await Promise.all(["an admin's key" as const, "the lead" as const, "the learner" as const].map(askAll));
}

const EXAMPLES: Record<string, string> = { uuid: NOBODY, date: "2026-06-01", "date-time": "2026-01-01T00:00:00Z", email: "a@example.com" };

const MOST_NAMES = 10;

/** One of each kind that a parameter takes; of a resource's many types, which make no other statement, the first. */
function valuesOf({ anyOf, enum: names, format, type }: Schema): string[] {
  if (anyOf) return (anyOf as Schema[]).flatMap(valuesOf);
  if (names) return (names as string[]).slice(0, (names as string[]).length > MOST_NAMES ? 1 : MOST_NAMES);
  return [EXAMPLES[format ?? ""] ?? (type === "integer" ? "1" : "true")];
}

test.each([
  ["SELECT * FROM goals WHERE id = $1", ["goals"]],
  ["SELECT * FROM goals WHERE learner_id = $1 AND id = $2", []],
  ["SELECT * FROM goals g JOIN steps s ON s.learner_id = g.learner_id AND s.goal_id = g.id WHERE g.learner_id = $1", []],
  ["SELECT * FROM goals g JOIN steps s ON s.goal_id = g.id WHERE g.learner_id = $1", ["steps"]],
  ["SELECT * FROM goals g JOIN steps s USING (learner_id) WHERE g.id = $1", []],
  ["WITH g AS (SELECT * FROM goals WHERE id = $1) SELECT * FROM g WHERE learner_id = $2", ["goals"]],
  ["SELECT 1 FROM learners l WHERE EXISTS (SELECT FROM goals g WHERE g.learner_id = l.id)", []],
  ["SELECT 1 FROM learners l WHERE EXISTS (SELECT FROM goals g WHERE g.id = l.id)", ["goals"]],
  ["UPDATE goals SET title = '' WHERE id = $1", ["goals"]],
  ['DELETE FROM "public"."goals" WHERE "public"."goals"."learner_id" = $1', []],
  ["INSERT INTO goals (id) VALUES ($1)", ["goals"]],
  ["INSERT INTO goals (learner_id, id) VALUES ($1, $2)", []],
  ["SELECT * FROM goals WHERE learner_id <> $1", ["goals"]],
  ["SELECT * FROM goals WHERE learner_id = $1 OR id = $2", ["goals"]],
  ["SELECT * FROM goals WHERE (learner_id = $1 AND id = $2) OR learner_id = ANY ($3)", []],
  ["SELECT * FROM goals WHERE NOT learner_id = $1", ["goals"]],
  ["SELECT learner_id = $1 FROM goals", ["goals"]],
  ["SELECT 1 FROM goals g WHERE EXISTS (SELECT FROM steps s WHERE s.learner_id = g.learner_id)", []],
  ["SELECT 1 FROM goals g WHERE EXISTS (SELECT FROM steps g WHERE g.learner_id = $1)", ["goals"]],
  ["SELECT 1 FROM team_closure c JOIN memberships m ON m.team_id = c.team_id JOIN goals g ON g.learner_id = m.learner_id", []],
])("%s", async (sql, tables) => {
  expect(await unrooted(rooted, sql)).toEqual(tables);
});
