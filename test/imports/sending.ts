import { type ClientRequest, type IncomingMessage, request as open } from "node:http";
import type { Problem } from "../../src/http/problem";
import type { TestApp } from "../setup/app";

type Totals = { lines: number; created: number; existing: number; rejected: number };
type Rejected = { kind: "rejected"; line: number; id: string | null; problem: Problem };
type Failed = Totals & { kind: "failed"; line: number; problem: Problem };
type AnswerLine = Rejected | Failed | (Totals & { kind: "progress" | "done" });

export type Imported = { status: number; type: string; requestId: string; problem: Problem; lines: AnswerLine[]; rejected: Rejected[]; last: AnswerLine };

/** Sends a file whole and reads the answer to its end. */
export async function importFile(
  api: TestApp,
  key: string,
  kind: string,
  body: string | Buffer,
  headers: Record<string, string> = { "Content-Type": "text/csv" },
): Promise<Imported> {
  const response = await fetch(`${api.url}/v1/imports/${kind}`, { method: "POST", headers: { Authorization: `Bearer ${key}`, ...headers }, body });
  return read(response.status, response.headers.get("content-type") ?? "", response.headers.get("x-request-id") ?? "", await response.text());
}

export const NDJSON = { "Content-Type": "application/x-ndjson" };

/** An upload that is written piece by piece. */
export function startImport(api: TestApp, key: string, kind: string, headers: Record<string, string> = { "Content-Type": "text/csv" }) {
  const upload = open(`${api.url}/v1/imports/${kind}`, { method: "POST", headers: { Authorization: `Bearer ${key}`, ...headers } });
  upload.setMaxListeners(0);
  const answer = new Promise<IncomingMessage>((resolve, reject) => upload.on("response", resolve).on("error", reject));
  return {
    upload,
    answer,
    async end(): Promise<Imported> {
      upload.end();
      const response = await answer;
      let text = "";
      for await (const part of response.setEncoding("utf8")) text += part;
      return read(response.statusCode ?? 0, response.headers["content-type"] ?? "", String(response.headers["x-request-id"]), text);
    },
  };
}

/** Writes, and waits while the other side does not take it. */
export async function write(upload: ClientRequest, part: string | Buffer): Promise<void> {
  if (!upload.write(part)) await new Promise((resolve) => upload.once("drain", resolve));
}

function read(status: number, type: string, requestId: string, text: string): Imported {
  const problem = type.startsWith("application/problem+json") ? JSON.parse(text) : undefined;
  const lines: AnswerLine[] = problem
    ? []
    : text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
  const rejected = lines.filter((line): line is Rejected => line.kind === "rejected");
  return { status, type, requestId, problem, lines, rejected, last: lines.at(-1) as AnswerLine };
}
