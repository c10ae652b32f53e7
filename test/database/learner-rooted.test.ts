import { parse } from "libpg-query";
import { Client } from "pg";
import { CALLERS, rows } from "../access/authorization/table";
import { type Issuer, startIssuer } from "../access/authorization/token-issuer";
import { setStage, wrongCells } from "../access/authorization/wrong-cells";
import { startApp, type TestApp } from "../setup/app";

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
  "what a reviewer said of others, in their export": /^reviews: .*"answered_by_id" = \$1/s,
  "an erasure takes a reviewer off others' goals": /^goals: UPDATE .*SET "reviewer_id" = /s,
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
      CALLERS.filter((caller) => row.marks[caller] === "+"),
    );
  jest.restoreAllMocks();
  const flaws = await Promise.all([...sent].map(async (sql) => (await unrooted(sql)).map((table) => `${table}: ${sql}`)));
  const matching = (flaw: string) => Object.keys(EXCEPTIONS).filter((name) => EXCEPTIONS[name]?.test(flaw));
  expect(flaws.flat().filter((flaw) => !matching(flaw).length)).toEqual([]);
  expect([...new Set(flaws.flat().flatMap(matching))].sort()).toEqual(Object.keys(EXCEPTIONS).sort());
}, 300_000);

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
])("%s", async (sql, tables) => {
  expect(await unrooted(sql)).toEqual(tables);
});

type Node = Record<string, unknown>;
type Table = { name: string; alias: string };

/** The tables of learners that a statement reads or writes without an equation of their learner. */
async function unrooted(sql: string): Promise<string[]> {
  const { stmts } = (await parse(sql)) as { stmts: Node[] };
  return stmts.flatMap((statement) => levels(statement).flatMap(unrootedIn));
}

const LEVELS = ["SelectStmt", "UpdateStmt", "DeleteStmt", "InsertStmt"];

/** Every query of a statement, those within others too. */
function levels(node: unknown): Node[] {
  if (!node || typeof node !== "object") return [];
  return Object.entries(node).flatMap(([key, value]) => [
    ...(LEVELS.includes(key) || key === "larg" || key === "rarg" ? [{ [key]: value }] : []),
    ...levels(value),
  ]);
}

function unrootedIn(level: Node): string[] {
  const [[kind, query] = []] = Object.entries(level) as [string, Node][];
  if (!kind || !query) return [];
  if (kind === "InsertStmt") {
    const { relname } = query.relation as { relname: string };
    const columns = (query.cols as { ResTarget: { name: string } }[] | undefined)?.map(({ ResTarget }) => ResTarget.name);
    return rooted.has(relname) && columns && !columns.includes("learner_id") ? [relname] : [];
  }
  const from = [query.fromClause, query.usingClause, kind === "SelectStmt" ? undefined : { RangeVar: query.relation }];
  const tables = tablesIn(from).filter(({ name }) => rooted.has(name));
  const equated = new Set(equatedIn(query, tables));
  return tables.flatMap(({ name, alias }) => (equated.has(alias) ? [] : [name]));
}

/** The tables that a query itself is from, not those of queries within it. */
function tablesIn(node: unknown): Table[] {
  if (!node || typeof node !== "object") return [];
  return Object.entries(node).flatMap(([key, value]) => {
    if (LEVELS.includes(key) || key === "quals") return [];
    if (key !== "RangeVar" || !value) return tablesIn(value);
    const { relname, alias } = value as { relname: string; alias?: { aliasname: string } };
    return [{ name: relname, alias: alias?.aliasname ?? relname }];
  });
}

/** The aliases whose learner_id stands in an equation; without an alias, of the only one, or of all that are joined by it. */
function equatedIn(node: unknown, tables: Table[]): string[] {
  if (!node || typeof node !== "object") return [];
  return Object.entries(node).flatMap(([key, value]) => {
    if (key === "usingClause" && JSON.stringify(value).includes('"learner_id"')) return tables.map(({ alias }) => alias);
    if (key === "A_Expr" && isEquation(value as Node))
      return [...columnsIn(value).map((alias) => alias ?? (tables.length === 1 ? tables[0]?.alias : "") ?? ""), ...equatedIn(value, tables)];
    // learner_id IN (SELECT …)
    if (key === "testexpr") return columnsIn({ value }).map((alias) => alias ?? tables[0]?.alias ?? "");
    return equatedIn(value, tables);
  });
}

function isEquation({ kind, name }: Node): boolean {
  return ["AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_IN"].includes(kind as string) && JSON.stringify(name).includes('"="');
}

/** The qualifier of each learner_id in an expression, not in the queries within it; null for none. */
function columnsIn(node: unknown): (string | null)[] {
  if (!node || typeof node !== "object") return [];
  return Object.entries(node).flatMap(([key, value]) => {
    if (LEVELS.includes(key)) return [];
    if (key !== "ColumnRef") return columnsIn(value);
    const names = (value as { fields: { String?: { sval: string } }[] }).fields.map((field) => field.String?.sval);
    return names.at(-1) === "learner_id" ? [names.at(-2) ?? null] : [];
  });
}
