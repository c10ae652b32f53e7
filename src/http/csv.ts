import { stringify } from "csv-stringify/sync";
import type { z } from "zod";

export type CsvCell = string | number | boolean | null;

// Space, control and format characters, which spreadsheets skip.
const BLANK = String.raw`\u0001-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0`;
// The four signs that begin a formula, also in the widths of East Asian input, and the minus of typesetting.
const SIGN = String.raw`=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212`;
/** What a spreadsheet may take for a formula, as a regular expression that JavaScript and PostgreSQL read alike. */
export const FORMULA = String.raw`^[${BLANK}]*[${SIGN}]|^[\t\r\n]`;

/**
 * A table as RFC 4180 text with a header line. A text that a spreadsheet would take for a
 * formula gets an apostrophe in front; numbers stay numbers. A null is an empty cell, a list
 * is joined by "; ", a nested object becomes columns such as `share.onTheJob`.
 */
export function toCsv(columns: string[], rows: unknown[]): string {
  const table = rows.map((row) => {
    const cells = flatten(row);
    return columns.map((column) => cells.get(column) ?? null);
  });
  // A line end of either kind alone ends a row for some readers, too.
  return stringify([columns, ...table], { record_delimiter: "\r\n", quoted_match: /[\r\n]/, cast: { string: guard, boolean: String } });
}

/** The columns that an object's schema gives, in its order. */
export function csvColumns(schema: z.ZodType, prefix = ""): string[] {
  const shape = objectShape(schema);
  if (!shape) return [prefix];
  return Object.entries(shape).flatMap(([key, field]) => csvColumns(field as z.ZodType, prefix ? `${prefix}.${key}` : key));
}

function flatten(value: unknown, prefix = "", cells = new Map<string, CsvCell>()): Map<string, CsvCell> {
  if (Array.isArray(value)) cells.set(prefix, value.map(inOneCell).join("; "));
  else if (typeof value === "object" && value !== null) {
    for (const [key, field] of Object.entries(value)) flatten(field, prefix ? `${prefix}.${key}` : key, cells);
  } else cells.set(prefix, value as CsvCell);
  return cells;
}

function inOneCell(item: unknown): unknown {
  return typeof item === "object" && item !== null ? JSON.stringify(item) : item;
}

const formula = new RegExp(FORMULA);

function guard(text: string): string {
  return formula.test(text) ? `'${text}` : text;
}

/** The fields of an object schema, also behind nullable, optional and codecs (which travel as their input). */
function objectShape(schema: z.ZodType): Record<string, unknown> | undefined {
  const def = schema.def as { type: string; innerType?: z.ZodType; in?: z.ZodType; shape?: Record<string, unknown> };
  if (def.type === "object") return def.shape;
  const inner = def.type === "nullable" || def.type === "optional" ? def.innerType : def.type === "pipe" ? def.in : undefined;
  return inner && objectShape(inner);
}
