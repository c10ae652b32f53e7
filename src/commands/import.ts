import { createReadStream, statSync } from "node:fs";
import { Readable } from "node:stream";
import { EXIT, exitWith, UsageError } from "../exit";
import { shown } from "../flaws";
import type { ImportLine } from "../imports/imports.schema";
import { linesOf } from "../lines";
import { bar } from "./bar";

const KINDS = ["study-sessions", "learners", "resources"];
const TYPES: Record<string, string> = { csv: "text/csv", ndjson: "application/x-ndjson", jsonl: "application/x-ndjson" };
const USAGE = `Say what to send: \`npm run import -- [${KINDS.join("|")}] file.csv\`, or a file.ndjson; study-sessions unless told. CAIRN_KEY holds the API key, CAIRN_URL the service's address.`;
const WIDTH = 30;

type Totals = Extract<ImportLine, { kind: "done" }>;

/** Sends a file to the service and shows how far it is; lines that were rejected go to standard error. To resume, send it again. */
async function main(words: string[]): Promise<void> {
  const { kind, file, type } = understand(words);
  const { CAIRN_KEY: key, CAIRN_URL: url = "http://127.0.0.1:3000" } = process.env;
  if (!key) throw new UsageError(`CAIRN_KEY is not set. ${USAGE}`);
  if (!/^https?:/.test(url) || !URL.canParse(url))
    throw new UsageError(`CAIRN_URL must be the service's address, such as http://127.0.0.1:3000. It is ${shown(url)}.`);
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new UsageError(`There is no file ${file}.`);

  let sent = 0;
  const upload = createReadStream(file).on("data", (part) => {
    sent += part.length;
  });
  const response = await fetch(new URL(`/v1/imports/${kind}`, url), {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": type },
    body: Readable.toWeb(upload) as never,
    duplex: "half",
  } as RequestInit).catch((error: Error) =>
    fail(EXIT.unavailable, `${url} cannot be reached (${(error.cause as Error | undefined)?.message ?? error.message}).`),
  );
  if (response.status !== 200) return fail(response.status >= 500 ? EXIT.unavailable : EXIT.failure, await refusal(response));

  const last = await follow(response, () => (size ? sent / size : 1));
  if (last?.kind === "done") {
    console.log(summary(last));
    process.exitCode = last.rejected ? EXIT.failure : 0;
  } else if (last?.kind === "failed") fail(EXIT.failure, `From line ${last.line} on nothing was stored. ${last.problem.detail} ${summary(last)}`);
  else fail(EXIT.unavailable, "The answer was cut. Send the file again: what is there already stays as it is.");
}

function understand(words: string[]): { kind: string; file: string; type: string } {
  const [kind = "", file = ""] = words.length === 1 ? [KINDS[0], words[0]] : words;
  const type = TYPES[file.split(".").at(-1)?.toLowerCase() ?? ""];
  if (words.length > 2 || !KINDS.includes(kind) || !type) throw new UsageError(USAGE);
  return { kind, file, type };
}

/** Shows the answer's lines while they come. @returns the last */
async function follow(response: Response, progress: () => number): Promise<ImportLine | undefined> {
  let last: ImportLine | undefined;
  try {
    for await (const line of linesOf(textOf(response))) {
      last = JSON.parse(line) as ImportLine;
      if (last.kind === "rejected") console.error(rejection(last));
      else if (last.kind === "warned")
        console.log(last.warnings.map(({ code, detail }) => `line ${(last as { line: number }).line}: ${code}: ${detail}`).join("\n"));
      else if (last.kind === "progress") show(`${bar(progress(), WIDTH)} ${summary({ ...last, kind: "done" })}`);
    }
  } catch {
    // Cut: the last line tells.
  }
  if (process.stdout.isTTY) process.stdout.write("\r\u001b[K");
  return last;
}

function textOf({ body }: Response): AsyncIterable<string> {
  return (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as never) as unknown as AsyncIterable<string>;
}

/** On a terminal one line, written over; elsewhere a line each. */
function show(text: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${text.slice(0, process.stdout.columns - 1)}`);
  else console.log(text);
}

function summary({ lines, created, existing, rejected }: Totals | Extract<ImportLine, { kind: "failed" }>): string {
  return `${lines} lines: ${created} created, ${existing} existing, ${rejected} rejected.`;
}

function rejection({ line, problem }: Extract<ImportLine, { kind: "rejected" }>): string {
  return `line ${line}: ${problem.code}: ${problem.errors?.map(({ pointer, detail }) => `${pointer.slice(2)}: ${detail}`).join(" ") ?? problem.detail}`;
}

async function refusal(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { detail, errors = [] } = JSON.parse(text) as { detail: string; errors?: { pointer: string; detail: string }[] };
    return [`${response.status}: ${detail}`, ...errors.map((each) => `  ${each.pointer.slice(2)}: ${each.detail}`)].join("\n");
  } catch {
    return `${response.status}: this is no answer of Cairn's. Check CAIRN_URL.`;
  }
}

function fail(code: number, message: string): never {
  console.error(message);
  process.exit(code);
}

main(process.argv.slice(2)).catch(exitWith);
