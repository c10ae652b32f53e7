import type { z } from "zod";
import { AppError, type Flaw } from "../errors";

type Column = { name: string; path: string[]; required: boolean; read: (cell: string) => unknown };

// Far more than any table here has.
const MOST_COLUMNS = 100;

/** Makes an object of a row's text. @throws AppError when the row is no row of this table */
export type RowReader = (text: string) => Record<string, unknown>;

/** The columns that a schema takes: a field each, `split.formal` for one within an object. */
export function columnsOf(schema: z.ZodType, path: string[] = [], required = true): Column[] {
  const { type, def } = innermost(schema);
  if (def.shape) {
    return Object.entries(def.shape).flatMap(([name, field]) => columnsOf(field, [...path, name], required && !isOptional(field)));
  }
  return [{ name: path.join("."), path, required, read: CELLS[type] ?? asText }];
}

/**
 * How rows under this header are read. A cell that is empty says nothing; a list is joined by ";".
 *
 * @throws AppError when the header is not one of such a table
 */
export function readHeader(text: string, columns: Column[]): RowReader {
  const names = splitCells(text).map((name) => name.trim());
  if (names.length > MOST_COLUMNS) throw new AppError("invalid-request", `The first line has ${names.length} names. ${namesOf(columns)}`);
  const known = new Map(columns.map((column) => [column.name, column]));
  const named = new Set<string>();
  const flaws: Flaw[] = [];
  for (const name of names) {
    if (named.has(name)) flaws.push(flaw(name, "Named twice. Leave one out."));
    if (!known.has(name)) flaws.push(flaw(name, "Unknown here. Remove it, or check how it is spelt."));
    named.add(name);
  }
  for (const { name, required } of columns) if (required && !named.has(name)) flaws.push(flaw(name, "Missing. Every line needs it."));
  if (flaws.length) {
    const separated = names.length === 1 && /[;\t]/.test(text) ? " Separate the cells by commas." : "";
    throw new AppError("invalid-request", `${namesOf(columns)}${separated} Correct what \`errors\` lists.`, flaws);
  }
  const order = names.map((name) => known.get(name) as Column);
  return (row) => {
    const cells = splitCells(row);
    if (cells.length !== order.length) {
      throw new AppError("invalid-request", `The line has ${cells.length} cells, the header ${order.length}. Quote cells that hold a comma or a quote.`);
    }
    return toObject(cells, order);
  };
}

function toObject(cells: string[], order: Column[]): Record<string, unknown> {
  const item: Record<string, unknown> = {};
  for (const [index, { name, path, read }] of order.entries()) {
    const cell = cells[index] as string;
    if (cell === "") continue;
    const [outer, inner] = path as [string, string?];
    if (inner === undefined) item[name] = read(cell);
    else item[outer] = { ...(item[outer] as object | undefined), [inner]: read(cell) };
  }
  return item;
}

/** The cells of a row, as RFC 4180 writes them. */
function splitCells(text: string): string[] {
  if (!text.includes('"')) return text.split(",");
  const cells: string[] = [];
  for (let at = 0; at <= text.length; ) {
    const isQuoted = text[at] === '"';
    const end = isQuoted ? closing(text, at) + 1 : endOfCell(text, at);
    const cell = isQuoted ? text.slice(at + 1, end - 1).replaceAll('""', '"') : text.slice(at, end);
    if ((end < text.length && text[end] !== ",") || (!isQuoted && cell.includes('"'))) throw misquoted();
    cells.push(cell);
    at = end + 1;
  }
  return cells;
}

function closing(text: string, opening: number): number {
  for (let at = text.indexOf('"', opening + 1); at >= 0; at = text.indexOf('"', at + 2)) if (text[at + 1] !== '"') return at;
  throw misquoted();
}

function endOfCell(text: string, start: number): number {
  const comma = text.indexOf(",", start);
  return comma < 0 ? text.length : comma;
}

function misquoted(): AppError {
  return new AppError(
    "invalid-request",
    'A quote is not closed, or stands within a cell that is not quoted. Quote such a cell, and write its quotes twice: "say ""so""".',
  );
}

function namesOf(columns: Column[]): string {
  return `The first line names the columns, of ${columns.map(({ name }) => name).join(", ")}.`;
}

function flaw(name: string, detail: string): Flaw {
  return { pointer: `#/${name}`, detail };
}

// What is not written as its kind stays a text, which the schema then refuses in its own words.
const CELLS: Record<string, (cell: string) => unknown> = {
  number: (cell) => (/^-?\d+(\.\d+)?$/.test(cell) ? Number(cell) : cell),
  boolean: (cell) => (cell === "true" ? true : cell === "false" ? false : cell),
  array: (cell) =>
    cell
      .split(";")
      .map((item) => item.trim())
      .filter((item) => item !== ""),
};

function asText(cell: string): string {
  return cell;
}

type Def = { type: string; innerType?: z.ZodType; in?: z.ZodType; shape?: Record<string, z.ZodType> };

/** What a schema holds behind nullable, optional and codecs, which travel as their input. */
function innermost(schema: z.ZodType): { type: string; def: Def } {
  const def = schema.def as Def;
  const inner = def.innerType ?? (def.type === "pipe" ? def.in : undefined);
  return inner ? innermost(inner) : { type: def.type, def };
}

function isOptional(schema: z.ZodType): boolean {
  return (schema.def as Def).type === "optional";
}
