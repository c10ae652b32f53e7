import { setTimeout as wait } from "node:timers/promises";
import type { z } from "zod";
import { isUnavailable } from "../database/violations";
import { AppError, cut } from "../errors";
import { readAs } from "../flaws";
import { problemBodies, problemBody } from "../http/problem";
import type { Warning } from "../study-sessions/study-sessions.schema";
import type { ImportLine } from "./imports.schema";
import { BrokenUpload, type Line } from "./lines";

export type Outcome = { created: boolean; warnings?: Warning[] } | { error: AppError };

/** What comes in by an import: how an item looks, and how many are stored at once, each with its own outcome. */
export type Door<S extends z.ZodType> = { item: S; store(items: z.output<S>[]): Promise<Outcome[]> };

export type Upload = {
  lines: AsyncIterable<Line[]>;
  /** Makes a value of a line's text. @throws AppError when it is none */
  read(text: string): unknown;
  requestId: string;
  /** Whatever went wrong, in words for the caller. */
  explain(error: unknown): AppError;
};

const CHUNK = 2_000;
// Of text: lines of many words are stored by fewer, because each is held several times over on its way.
const CHUNK_LENGTH = 1_000_000;
// More than any id has: what stands in its place may be anything.
const LONGEST_ID = 100;
const ATTEMPTS = 3;
const PAUSE_MS = 1_000;

type Parsed<T> = { number: number; id: string | null } & ({ item: T } | { error: AppError });
type Told = ImportLine & { kind: "rejected" | "warned" };
type Stored = { told: Told[]; rejected: number; lines: number; created: number; existing: number };

/**
 * Stores an upload while it arrives, and tells how far it is. While one chunk is stored the next is
 * read, and no third: who sends faster waits. The last line is `done` or `failed`; where neither
 * comes, the answer was cut.
 */
export async function* importUpload<S extends z.ZodType>(door: Door<S>, upload: Upload): AsyncGenerator<string> {
  const totals = { lines: 0, created: 0, existing: 0, rejected: 0 };
  let broken: BrokenUpload | undefined;
  for await (const result of inTurns(door, upload)) {
    if (result instanceof BrokenUpload) {
      broken ??= result;
      continue;
    }
    totals.lines += result.lines;
    totals.created += result.created;
    totals.existing += result.existing;
    totals.rejected += result.rejected;
    yield [...result.told, { kind: "progress", ...totals } as const].map(write).join("");
  }
  if (broken) yield write({ kind: "failed", ...totals, line: broken.line, problem: problemBody(broken.problem, upload.requestId) });
  else yield write({ kind: "done", ...totals });
}

/** What became of each chunk, in their order. After one that failed no further is begun. */
async function* inTurns<S extends z.ZodType>(door: Door<S>, upload: Upload): AsyncGenerator<Stored | BrokenUpload> {
  let underWay: Promise<Stored | BrokenUpload> | undefined;
  try {
    for await (const chunk of readChunks(door.item, upload)) {
      const before = underWay;
      underWay = chunk instanceof BrokenUpload ? Promise.resolve(chunk) : storeChunk(door, chunk, upload);
      const result = await before;
      if (result) yield result;
      if (result instanceof BrokenUpload) break;
    }
    const last = await underWay;
    if (last) yield last;
  } finally {
    // Nobody may be left to be told; what was begun is finished.
    await underWay;
  }
}

/** Lines by the thousand, fewer if they are long, each parsed; last, what broke the upload, if anything did. */
async function* readChunks<S extends z.ZodType>(item: S, { lines, read, explain }: Upload): AsyncGenerator<Parsed<z.output<S>>[] | BrokenUpload> {
  let chunk: Parsed<z.output<S>>[] = [];
  let length = 0;
  let [broken, next]: [BrokenUpload | undefined, number] = [undefined, 1];
  try {
    for await (const some of lines) {
      for (const line of some) {
        next = line.number + 1;
        length += "text" in line ? line.text.length : 0;
        if (chunk.push(parse(item, line, read)) < CHUNK && length < CHUNK_LENGTH) continue;
        yield chunk;
        [chunk, length] = [[], 0];
      }
    }
  } catch (error) {
    broken = error instanceof BrokenUpload ? error : new BrokenUpload(explain(error), next);
  }
  if (chunk.length) yield chunk;
  if (broken) yield broken;
}

function parse<S extends z.ZodType>(schema: S, line: Line, read: Upload["read"]): Parsed<z.output<S>> {
  const { number } = line;
  if ("error" in line) return { number, id: null, error: line.error };
  let value: unknown;
  try {
    value = read(line.text);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { number, id: null, error };
  }
  const { data, error } = readAs(schema, value);
  const { id } = (value ?? {}) as { id?: unknown };
  return error ? { number, id: typeof id === "string" ? cut(id, LONGEST_ID) : null, error } : { number, id: (data as { id?: string }).id ?? null, item: data };
}

async function storeChunk<S extends z.ZodType>(door: Door<S>, chunk: Parsed<z.output<S>>[], { requestId, explain }: Upload): Promise<Stored | BrokenUpload> {
  const items = chunk.flatMap((line) => ("item" in line ? [line.item] : []));
  try {
    const outcomes = (await persistently(() => door.store(items)))[Symbol.iterator]();
    const problemOf = problemBodies(requestId);
    const stored: Stored = { told: [], rejected: 0, lines: chunk.length, created: 0, existing: 0 };
    for (const line of chunk) {
      const outcome = "item" in line ? (outcomes.next().value as Outcome) : line;
      stored["error" in outcome ? "rejected" : outcome.created ? "created" : "existing"]++;
      if ("error" in outcome) stored.told.push({ kind: "rejected", line: line.number, id: line.id, problem: problemOf(outcome.error) });
      // Of what was there before it was told when it came.
      else if (outcome.created && outcome.warnings?.length) stored.told.push({ kind: "warned", line: line.number, id: line.id, warnings: outcome.warnings });
    }
    return stored;
  } catch (error) {
    return new BrokenUpload(explain(error), chunk[0]?.number ?? 1);
  }
}

/** A database that is away for a moment must not end an hour's upload: what went in before counts as existing then. */
async function persistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt === ATTEMPTS || !isUnavailable(error)) throw error;
      await wait(PAUSE_MS);
    }
  }
}

function write(line: ImportLine): string {
  return `${JSON.stringify(line)}\n`;
}
