import type { Readable } from "node:stream";
import type { z } from "zod";
import { AppError } from "../errors";
import { continued } from "../http/file-body";
import { parseJson } from "../http/json-body";
import { BrokenUpload, type Line, splitLines } from "./lines";
import { columnsOf, readHeader } from "./table";

/** An upload's lines, and how a value is made of a line's text. */
export type Source = { lines: AsyncIterable<Line[]>; read(text: string): unknown };

export type Limits = {
  bytes: number;
  /** How long a line may be waited for. */
  timeoutMs: number;
};

/** @throws AppError when the first line is no header of such items */
export async function openCsv(upload: Readable, item: z.ZodType, limits: Limits): Promise<Source> {
  const lines = readLines(upload, true, limits);
  const columns = columnsOf(item);
  const { first, rest } = await takeFirst(lines);
  if (!first) throw new AppError("invalid-request", `The file is empty. Its first line names the columns, of ${columns.map(({ name }) => name).join(", ")}.`);
  if ("error" in first) throw first.error;
  return { lines: rest, read: readHeader(first.text, columns) };
}

export function openNdjson(upload: Readable, limits: Limits): Source {
  return { lines: readLines(upload, false, limits), read: parseJson };
}

async function takeFirst(lines: AsyncGenerator<Line[]>): Promise<{ first: Line | undefined; rest: AsyncIterable<Line[]> }> {
  try {
    for (let some = await lines.next(); !some.done; some = await lines.next()) {
      const [first, ...others] = some.value;
      if (first) return { first, rest: continued(others, lines) };
    }
  } catch (error) {
    throw error instanceof BrokenUpload ? error.problem : error;
  }
  return { first: undefined, rest: lines };
}

async function* readLines(upload: Readable, quotes: boolean, limits: Limits): AsyncGenerator<Line[]> {
  const splitter = splitLines(quotes);
  // Not destroyed with the reading: that would close the socket under the answer.
  const blocks = upload.iterator({ destroyOnReturn: false });
  let [received, waited] = [0, 0];
  for (;;) {
    const since = performance.now();
    const block = await within(limits.timeoutMs - waited, blocks.next(), () => new BrokenUpload(tooSlow(limits), splitter.line()));
    if (block.done) break;
    received += block.value.length;
    if (received > limits.bytes) throw new BrokenUpload(tooLarge(limits), splitter.line());
    const lines = splitter.push(block.value);
    waited = lines.length ? 0 : waited + performance.now() - since;
    if (lines.length) yield lines;
  }
  yield splitter.end();
}

async function within<T>(ms: number, work: Promise<T>, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  return Promise.race([work, timeout]).finally(() => clearTimeout(timer));
}

function tooLarge({ bytes }: Limits): AppError {
  return new AppError("body-too-large", `An import may have ${bytes} bytes. Send the rest as another file.`);
}

function tooSlow({ timeoutMs }: Limits): AppError {
  return new AppError("request-timeout", `No line arrived for ${timeoutMs} ms. Send the file again; what is there already stays as it is.`);
}
