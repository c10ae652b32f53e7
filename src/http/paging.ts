import { createHash } from "node:crypto";
import { z } from "zod";
import { invalid } from "../errors";
import { Instant, prose } from "./schema";

const MAX_LIMIT = 200;
const DEFAULT_LIMIT = 50;

/** The two parameters of every list. */
export const pageQuery = {
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_LIMIT)
    .optional()
    .meta({ description: `Items a page, at most ${MAX_LIMIT}; ${DEFAULT_LIMIT} unless told.` }),
  cursor: z.string().max(4_000).optional().meta({ description: "`next` of the page before. Opaque." }),
};

export type PageQuery = { limit?: number | undefined; cursor?: string | undefined };
export type Page<T> = { items: T[]; next: string | null };

/** The schema of a page of items, named after the item. */
export function pageOf<T extends z.ZodType>(item: T) {
  const { id, examples } = z.globalRegistry.get(item) ?? {};
  return z
    .object({ items: z.array(item), next: z.string().nullable().meta({ description: "The cursor of the page after; null on the last." }) })
    .meta({ id: `${id}Page`, examples: [{ items: examples ?? [], next: null }] });
}

/** Where a page begins: after the item with this sort value and id; and, where ids are a learner's own, this learner. */
export type After = { value: string | number | Date; id: string; learnerId: string };

/** What a list is ordered by before the id. Instants are whole milliseconds, as they are stored. */
export type SortBy<T> = { text: (item: T) => string } | { number: (item: T) => number } | { instant: (item: T) => Date };

/**
 * Reads one page: asks `read` for one item more than fits, to know whether there is a next.
 *
 * @param list names the list and its filters; a cursor of another is refused
 * @throws AppError for a cursor that this list did not give out
 */
export async function readPage<T extends { id: string; learnerId?: unknown }>(
  list: unknown,
  query: PageQuery,
  sortBy: SortBy<T>,
  read: (take: number, after: After | undefined) => Promise<T[]>,
): Promise<Page<T>> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const name = JSON.stringify(list);
  const items = await read(limit + 1, query.cursor === undefined ? undefined : decode(query.cursor, name, sortBy));
  if (items.length <= limit) return { items, next: null };
  items.pop();
  const last = items.at(-1) as T;
  const value = "text" in sortBy ? sortBy.text(last) : "number" in sortBy ? String(sortBy.number(last)) : sortBy.instant(last).toISOString();
  return { items, next: encode(value, last.id, String(last.learnerId ?? last.id), name) };
}

/** A filter for what comes after a page's end in the order (field, id). */
export function beyond(field: string, direction: "asc" | "desc", after: After | undefined) {
  if (!after) return {};
  const further = direction === "asc" ? "gt" : "lt";
  return { OR: [{ [field]: { [further]: after.value } }, { [field]: after.value, id: { [further]: after.id } }] };
}

// What the database can compare with: whoever makes a cursor up can make the checksum, too.
const Position = z.coerce.number().pipe(z.int32());
const Cursor = z.tuple([prose(10_000), z.guid(), z.guid(), z.string()]);

// The last part is a checksum over the others and the list: a cursor is not a secret, but one
// made by hand is a mistake, better refused than answered with a page that means nothing.
function encode(value: string, id: string, learnerId: string, list: string): string {
  return Buffer.from(JSON.stringify([value, id, learnerId, checksum(value, id, learnerId, list)])).toString("base64url");
}

function decode(cursor: string, list: string, sortBy: SortBy<never>): After {
  const { data } = Cursor.safeParse(parseJson(Buffer.from(cursor, "base64url").toString()));
  if (data) {
    const [text, id, learnerId, sum] = data;
    const { data: value } = ("text" in sortBy ? z.string() : "number" in sortBy ? Position : Instant).safeParse(text);
    if (sum === checksum(text, id, learnerId, list) && value !== undefined) return { value, id, learnerId };
  }
  const detail = "Not a cursor of this list with these filters. Use `next` of the page before, or start without a cursor.";
  throw invalid("query/cursor", detail);
}

function checksum(...parts: string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url").slice(0, 12);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
