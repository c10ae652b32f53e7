import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

export const KEY = "an-admin-key-for-benchmarks-0123456789";

/** The service as a process of its own. */
export async function startService(databaseUrl: string): Promise<{ url: string; process: ChildProcess; stop(): Promise<void> }> {
  const child = spawn(process.execPath, ["--import", "tsx", path.join(__dirname, "../src/server.ts")], {
    cwd: path.join(__dirname, ".."),
    env: { ...process.env, DATABASE_URL: databaseUrl, ADMIN_API_KEY: KEY, PORT: "0", RATE_LIMIT_PER_MINUTE: "0", LOG_LEVEL: "info" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let log = "";
  const url = await new Promise<string>((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`The service ended with ${code}.`)));
    child.stdout.on("data", (part) => {
      log = (log + part).slice(-10_000);
      const listening = /Server listening at (http:\/\/[\d.:]+)/.exec(log)?.[1];
      if (listening) resolve(listening);
    });
  });
  // It listens before it accepts the key.
  while ((await fetch(`${url}/v1/me`, { headers: { Authorization: `Bearer ${KEY}` } })).status !== 200) await new Promise((resolve) => setTimeout(resolve, 50));
  const stop = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  };
  return { url, process: child, stop };
}
