import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { PATIENT } from "./patience";

const running: ChildProcess[] = [];

const ROOT = path.join(__dirname, "../..");

/** The service as a process, on the embedded database unless told. */
export function startService(environment: Record<string, string>, command = [process.execPath, "--import", "tsx", "src/server.ts"], cwd = ROOT) {
  const { DATABASE_URL: _, ...inherited } = process.env;
  const [file, ...words] = command as [string, ...string[]];
  const child = spawn(file, words, {
    cwd,
    env: { ...inherited, LOG_LEVEL: "info", PORT: "0", SAMPLE_DATA: "off", ...PATIENT, ...environment },
  });
  running.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output += chunk;
    });
  }
  const ended = once(child, "close").then(([code]) => ({ code: code as number, output }));
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    for (;;) {
      const match = pattern.exec(output);
      if (match) return match;
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return { child, ended, until };
}

/** Makes a folder in which `npm start` runs the repository's own script on a build of its own. */
export function prepareNpmStart(folder: string): void {
  const { start } = JSON.parse(readFileSync(path.join(ROOT, "package.json"), "utf8")).scripts;
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "cairn", version: "0.0.0", scripts: { start } }));
  for (const name of ["node_modules", "prisma", "data"]) symlinkSync(path.join(ROOT, name), path.join(folder, name), "dir");
  const compiler = path.join(ROOT, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, "-p", "tsconfig.build.json", "--outDir", path.join(folder, "dist")], { cwd: ROOT });
}

/** Ends those that a test left running. */
export async function endServices(): Promise<void> {
  for (const child of running.splice(0).filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}
