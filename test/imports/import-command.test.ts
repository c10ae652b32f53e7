import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";

const ROOT = path.join(__dirname, "../..");

let api: TestApp;
let key: string;
let directory: string;
beforeAll(async () => {
  api = await startApp();
  key = await buildKey(api.db, { role: "service" });
  directory = mkdtempSync(path.join(os.tmpdir(), "cairn-import-"));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await api.close();
});

function run(words: string[], environment: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env.PATH, CAIRN_KEY: key, CAIRN_URL: api.url, ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, ["--import", "tsx", path.join(ROOT, "src/commands/import.ts"), ...words], { cwd: ROOT, env }, (error, out, err) =>
      resolve({ code: Number(error?.code ?? 0), out, err }),
    );
  });
}

function file(name: string, ...lines: string[]): string {
  const written = path.join(directory, name);
  writeFileSync(written, lines.join("\n"));
  return written;
}

test("it sends a file, tells what became of it, and resumes by sending it again", async () => {
  const { id } = await buildLearner(api.db);
  const row = (minutes: number) => `${id},${uuidv7()},2026-06-16T08:00:00Z,${minutes}`;
  const sessions = file("sessions.csv", "learnerId,id,startedAt,minutes", row(30), row(0), row(60));
  const first = await run([sessions]);
  expect(first.out.trim().split("\n").at(-1)).toBe("3 lines: 2 created, 0 existing, 1 rejected.");
  expect([first.code, first.err.trim()]).toEqual([1, expect.stringMatching(/^line 3: invalid-request: minutes: .+$/)]);
  const again = await run(["study-sessions", sessions]);
  expect(again.out.trim().split("\n").at(-1)).toBe("3 lines: 0 created, 2 existing, 1 rejected.");
});

test("it sends learners as lines of JSON", async () => {
  const { code, err, out } = await run([
    "learners",
    file("people.ndjson", JSON.stringify({ name: "Ada", externalId: "hr-1", team: "Ops", fromDay: "2026-01-01" })),
  ]);
  expect([code, err, out.trim().split("\n").at(-1)]).toEqual([0, "", "1 lines: 1 created, 0 existing, 0 rejected."]);
});

test.each([
  ["without a file", () => [], {}, 64, "Say what to send"],
  ["with a file that there is none of", () => ["none.csv"], {}, 64, "There is no file"],
  ["with another kind", () => ["goals", "goals.csv"], {}, 64, "Say what to send"],
  ["without a key", () => [file("a.csv", "id")], { CAIRN_KEY: "" }, 64, "CAIRN_KEY is not set"],
  ["with a key that is not known", () => [file("a.csv", "id")], { CAIRN_KEY: "unknown" }, 1, "401"],
  ["with a wrong header", () => [file("a.csv", "id,colour")], {}, 1, "colour: Unknown here"],
  [
    "with an address that is none",
    () => [file("a.csv", "id")],
    { CAIRN_URL: "cairn" },
    64,
    'CAIRN_URL must be the service\'s address, such as http://127.0.0.1:3000. It is "cairn".',
  ],
  ["where nobody listens", () => [file("a.csv", "id")], { CAIRN_URL: "http://127.0.0.1:9" }, 69, "cannot be reached"],
])("%s it says so, and ends with its code", async (_, words, environment, code, message) => {
  const ended = await run(words(), environment);
  expect([ended.code, ended.err]).toEqual([code, expect.stringContaining(message)]);
});

test("an answer that is cut is not taken for the end", async () => {
  const cutting = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "Content-Type": "application/x-ndjson" });
    response.write('{"kind":"progress","lines":1,"created":1,"existing":0,"rejected":0}\n');
    setTimeout(() => response.destroy(), 100);
  });
  await new Promise<void>((resolve) => cutting.listen(0, "127.0.0.1", resolve));
  const ended = await run([file("a.csv", "id")], { CAIRN_URL: `http://127.0.0.1:${(cutting.address() as AddressInfo).port}` });
  cutting.close();
  expect([ended.code, ended.err]).toEqual([69, expect.stringContaining("The answer was cut")]);
});
