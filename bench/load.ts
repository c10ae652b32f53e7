import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import autocannon from "autocannon";
import type { Filled } from "./ground";
import type { Contender } from "./rounds";

export type Asked = { method: "GET" | "PUT" | "POST"; path: string; headers?: Record<string, string>; body?: object };

/** Asks over HTTP, on so many connections at once. Any answer but a 2xx is a mistake of the benchmark's. */
export function http(address: string, connections: number, next: () => Asked): Contender {
  return async (duration) => {
    const setupRequest = (request: autocannon.Request): autocannon.Request => {
      const { body, headers = {}, ...asked } = next();
      const typed = body ? { ...headers, "Content-Type": "application/json" } : headers;
      return { ...request, ...asked, headers: typed, ...(body && { body: JSON.stringify(body) }) };
    };
    const result = await autocannon({ url: address, connections, duration, requests: [{ setupRequest }] });
    if (result.errors || result.non2xx) throw new Error(`${address}: ${result.non2xx} answers that are not 2xx, ${result.errors} errors`);
    return { perSecond: result["2xx"] / result.duration, p50: result.latency.p50, p99: result.latency.p99 };
  };
}

/** Runs a script of pgbench's with prepared statements, on so many connections at once. */
export function pgbench({ url }: Filled, clients: number, script: string): Contender {
  return async (seconds) => {
    const folder = await mkdtemp(path.join(tmpdir(), "cairn-bench-"));
    const file = path.join(folder, "script.sql");
    await writeFile(file, script);
    const args = ["--no-vacuum", "--protocol=prepared", `--client=${clients}`, "--jobs=1", `--time=${seconds}`, `--file=${file}`, url];
    // A mistake in the script is told once by each client.
    const { stdout } = await promisify(execFile)("pgbench", args)
      .catch(({ message, stderr }) => Promise.reject(new Error(`pgbench: ${String(stderr || message).slice(0, 500)}`)))
      .finally(() => rm(folder, { recursive: true }));
    const tps = /tps = ([\d.]+)/.exec(stdout)?.[1];
    if (!tps) throw new Error(`pgbench: ${stdout}`);
    return { perSecond: Number(tps) };
  };
}
