import type { Readable } from "node:stream";
import type { z } from "zod";
import { AppError } from "../errors";
import { continued } from "../http/file-body";
import { countFields, LINE, parseJson } from "../http/json-body";
import { type Patience, patienceWithSender } from "../http/long-requests";
import { BrokenUpload, type Line, splitLines } from "./lines";
import { columnsOf, readHeader } from "./table";

/** An upload's lines, and how a value is made of a line's text. */
export type Source = { lines: AsyncIterable<Line[]>; read(text: string): unknown };

export type Limits = {
  bytes: number;
  /** How long a line may be waited for; and how long all of them together, beyond what 100 bytes a second take. */
  timeoutMs: number;
};

/** @throws AppError when the first line is no header of such items */
export async function openCsv(upload: Readable, item: z.ZodType, limits: Limits): Promise<Source> {
  const lines = readLines(upload, true, limits);
  const columns = columnsOf(item);
  const { first, rest } = await takeFirst(lines);
  if (!first) throw new AppError("invalid-request", `The file is empty. Its first line names the columns, of ${columns.map(({ name }) => name).join(", ")}.`);
  if ("error" in first) throw first.error;
  const readLine = readHeader(first.text, columns);
  const read = (text: string): unknown => {
    const value = readLine(text);
    // A cell can hold a list.
    countFields(value, LINE);
    return value;
  };
  return { lines: rest, read };
}

export function openNdjson(upload: Readable, limits: Limits): Source {
  return { lines: readLines(upload, false, limits), read: (text) => parseJson(text, LINE) };
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
  const patience = patienceWithSender(limits.timeoutMs);
  let [received, waited] = [0, 0];
  for (;;) {
    const since = performance.now();
    const block = await within(limits, waited, patience, blocks.next(), splitter.line);
    if (block.done) break;
    received += block.value.length;
    patience.moved(block.value.length);
    if (received > limits.bytes) throw new BrokenUpload(tooLarge(limits), splitter.line());
    const lines = splitter.push(block.value);
    waited = lines.length ? 0 : waited + performance.now() - since;
    if (lines.length) yield lines;
  }
  yield splitter.end();
}

/** The next block, unless no line came for too long, or the file comes too slowly. */
async function within<T>(limits: Limits, waitedMs: number, patience: Patience, next: Promise<T>, line: () => number): Promise<T> {
  let end = () => {};
  const timeout = new Promise<never>((_, reject) => {
    const breakOff = (problem: AppError) => reject(new BrokenUpload(problem, line()));
    const timer = setTimeout(() => breakOff(noLine(limits)), limits.timeoutMs - waitedMs);
    const endWait = patience.wait(() => breakOff(tooSlow()));
    end = () => {
      clearTimeout(timer);
      endWait();
    };
  });
  return Promise.race([next, timeout]).finally(end);
}

function tooLarge({ bytes }: Limits): AppError {
  return new AppError("body-too-large", `An import may have ${bytes} bytes. Send the rest as another file.`);
}

function tooSlow(): AppError {
  return new AppError(
    "request-timeout",
    "The file arrives too slowly: fewer than 100 bytes a second. Send it again from a faster line, or log in batches as things happen; what is there already stays as it is.",
  );
}

function noLine({ timeoutMs }: Limits): AppError {
  return new AppError("request-timeout", `No line arrived for ${timeoutMs} ms. Send the file again; what is there already stays as it is.`);
}
