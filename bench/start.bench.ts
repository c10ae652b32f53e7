import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { freePort } from "./ground";
import { type Bench, inTurns, ratioOf, repeated } from "./rounds";

/** How long it takes from nothing to ready, on an embedded database that is there, beside Node and Fastify alone. */
export const bench: Bench = async (ground) => {
  const folder = await mkdtemp(path.join(tmpdir(), "cairn-bench-"));
  const settings = { DATABASE_URL: "", DATA_DIR: path.join(folder, "data"), SAMPLE_DATA: "off", LOG_LEVEL: "error" };
  try {
    // The first start makes the database; the benchmark is of those after it.
    await start(["dist/server.js"], settings);
    const rounds = await inTurns(ground, {
      cairn: repeated(() => start(["dist/server.js"], settings)),
      "Fastify alone": repeated(() => start(["bench/references/bare.js"], {})),
    });
    return {
      rounds,
      ratios: [{ name: "time to ready, embedded, to Fastify alone", ratio: ratioOf(rounds.cairn, rounds["Fastify alone"], "p50") }],
    };
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Starts, waits until ready, ends. @returns milliseconds until ready */
async function start(args: string[], settings: NodeJS.ProcessEnv): Promise<number> {
  const port = await freePort();
  const begun = performance.now();
  const child = spawn(process.execPath, args, { env: { ...process.env, PORT: String(port), ...settings }, stdio: ["ignore", "ignore", "inherit"] });
  await ready(`http://127.0.0.1:${port}/readyz`, child);
  const took = performance.now() - begun;
  child.kill("SIGTERM");
  await once(child, "exit");
  return took;
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`${child.spawnargs.join(" ")} ended before it was ready`);
}
