import { parse } from "libpg-query";

type Node = Record<string, unknown>;
type Table = { name: string; alias: string };

/**
 * Which of the tables of learners a statement reads or writes without saying whose rows it means:
 * by an equation of `learner_id` that every row must meet, or by the column it inserts.
 */
export async function unrooted(rooted: Set<string>, sql: string): Promise<string[]> {
  const { stmts } = (await parse(sql)) as { stmts: Node[] };
  return stmts.flatMap((statement) => levels(statement).flatMap((level) => unrootedIn(rooted, level)));
}

const LEVELS = ["SelectStmt", "UpdateStmt", "DeleteStmt", "InsertStmt"];

/** Every query of a statement, those within others too. */
function levels(node: unknown): Node[] {
  return children(node).flatMap(([key, value]) => [...(LEVELS.includes(key) || key === "larg" || key === "rarg" ? [{ [key]: value }] : []), ...levels(value)]);
}

function unrootedIn(rooted: Set<string>, level: Node): string[] {
  const [[kind, query] = []] = Object.entries(level) as [string, Node][];
  if (!kind || !query) return [];
  if (kind === "InsertStmt") {
    const { relname } = query.relation as { relname: string };
    const columns = (query.cols as { ResTarget: { name: string } }[] | undefined)?.map(({ ResTarget }) => ResTarget.name);
    return rooted.has(relname) && columns && !columns.includes("learner_id") ? [relname] : [];
  }
  const tables = tablesOf(query).filter(({ name }) => rooted.has(name));
  const equated = equatedIn(query, tables);
  return tables.flatMap(({ name, alias }) => (equated.has(alias) ? [] : [name]));
}

function tablesOf(query: Node): Table[] {
  return tablesIn([query.fromClause, query.usingClause, { RangeVar: query.relation }]);
}

/** The tables that a query itself is from, not those of queries within it. */
function tablesIn(node: unknown): Table[] {
  return children(node).flatMap(([key, value]) => {
    if (LEVELS.includes(key) || key === "quals") return [];
    if (key !== "RangeVar" || !value) return tablesIn(value);
    const { relname, alias } = value as { relname: string; alias?: { aliasname: string } };
    return [{ name: relname, alias: alias?.aliasname ?? relname }];
  });
}

/** The aliases whose learner every row of a query is equated with. */
function equatedIn(query: Node, tables: Table[]): Set<string> {
  return union([query.whereClause, query.fromClause, query.usingClause].map((part) => equatedBy(part, tables)));
}

/** The same of a part of a query: of all that AND joins, of what every arm of an OR says, and nothing of a NOT. */
function equatedBy(node: unknown, tables: Table[]): Set<string> {
  return union(
    children(node).map(([key, value]) => {
      if (key === "BoolExpr") return equatedByAll(value as Node, tables);
      if (key === "A_Expr") return isEquation(value as Node) ? named(value, tables) : new Set<string>();
      // learner_id IN (SELECT …)
      if (key === "testexpr") return named({ value }, tables);
      if (key === "usingClause") return new Set(JSON.stringify(value).includes('"learner_id"') ? tables.map(({ alias }) => alias) : []);
      if (key === "SelectStmt") return without(equatedIn(value as Node, tables), tablesOf(value as Node));
      if (key === "caseclause" || key === "targetList") return new Set<string>();
      return equatedBy(value, tables);
    }),
  );
}

function equatedByAll({ boolop, args }: Node, tables: Table[]): Set<string> {
  const each = (args as Node[]).map((arg) => equatedBy(arg, tables));
  if (boolop === "AND_EXPR") return union(each);
  if (boolop === "NOT_EXPR") return new Set();
  return new Set([...(each[0] ?? [])].filter((alias) => each.every((arm) => arm.has(alias))));
}

function isEquation({ kind, name }: Node): boolean {
  return ["AEXPR_OP", "AEXPR_OP_ANY", "AEXPR_IN"].includes(kind as string) && JSON.stringify(name) === '[{"String":{"sval":"="}}]';
}

/** The aliases of the learner_ids in an equation; without one, that of the only table. */
function named(equation: unknown, tables: Table[]): Set<string> {
  const only = tables.length === 1 ? tables[0]?.alias : undefined;
  return new Set(columnsIn(equation).flatMap((alias) => alias ?? only ?? []));
}

/** The qualifier of each learner_id in an expression, not in the queries within it; null for none. */
function columnsIn(node: unknown): (string | null)[] {
  return children(node).flatMap(([key, value]) => {
    if (LEVELS.includes(key)) return [];
    if (key !== "ColumnRef") return columnsIn(value);
    const names = (value as { fields: { String?: { sval: string } }[] }).fields.map((field) => field.String?.sval);
    return names.at(-1) === "learner_id" ? [names.at(-2) ?? null] : [];
  });
}

function children(node: unknown): [string, unknown][] {
  return node && typeof node === "object" ? Object.entries(node) : [];
}

function union(sets: Set<string>[]): Set<string> {
  return new Set(sets.flatMap((set) => [...set]));
}

/** An alias that a query within gives again is another table there. */
function without(aliases: Set<string>, tables: Table[]): Set<string> {
  return new Set([...aliases].filter((alias) => !tables.some((table) => table.alias === alias)));
}
