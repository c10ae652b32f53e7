import { Agent, request } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

export type Asked = { method: string; path: string; key: string | null; body?: object };
/** How long each answer took, and how many answers had which status; `none`: the connection broke. */
export type Paced = { waits: number[]; statuses: Map<string, number> };

const PATIENCE_MS = 30_000;

/**
 * Lets each of several people ask something again and again, one thing after the other, at their
 * own even pace: what is measured is how long they wait, not how much can be answered. Whoever waits
 * for longer than a beat goes on with the next beat of their own, so that one slow moment does not
 * make all of them ask at the same time from then on.
 */
export async function pace(address: string, people: (() => Asked)[], everyMs: number, seconds: number): Promise<Paced> {
  const agent = new Agent({ keepAlive: true });
  const result: Paced = { waits: [], statuses: new Map() };
  const until = performance.now() + seconds * 1_000;
  await Promise.all(
    people.map(async (next, n) => {
      await wait((everyMs * n) / people.length);
      for (let due = performance.now(); due < until; due += everyMs * Math.max(1, Math.ceil((performance.now() - due) / everyMs))) {
        await wait(Math.max(0, due - performance.now()));
        const since = performance.now();
        const status = await statusOf(address, next(), agent);
        result.waits.push(performance.now() - since);
        result.statuses.set(status, (result.statuses.get(status) ?? 0) + 1);
      }
    }),
  );
  agent.destroy();
  return result;
}

export function statusOf(address: string, { method, path, key, body }: Asked, agent?: Agent): Promise<string> {
  const headers = { ...(key !== null && { Authorization: `Bearer ${key}` }), ...(body && { "Content-Type": "application/json" }) };
  const text = body && JSON.stringify(body);
  return new Promise((resolve) => {
    const asked = request(
      `${address}${path}`,
      { method, headers: text ? { ...headers, "Content-Length": Buffer.byteLength(text) } : headers, agent, timeout: PATIENCE_MS },
      (answer) => {
        answer
          .on("error", () => resolve("none"))
          .on("end", () => resolve(String(answer.statusCode)))
          .resume();
      },
    );
    asked
      .on("timeout", () => asked.destroy())
      .on("error", () => resolve("none"))
      .end(text);
  });
}

/** The wait than which so many of a hundred were no longer. */
export function percentile(waits: number[], percent: number): number {
  const sorted = [...waits].sort((a, b) => a - b);
  return Math.round((sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] as number) * 10) / 10;
}

/** Asks for `/livez` five times a second until it is told to stop. @returns the longest wait; Infinity: an answer did not come */
export function watchAlive(address: string): () => Promise<number> {
  let isOver = false;
  const watching = (async () => {
    let longestMs = 0;
    while (!isOver) {
      const since = performance.now();
      const status = await statusOf(address, { method: "GET", path: "/livez", key: null });
      longestMs = Math.max(longestMs, status === "200" ? performance.now() - since : Number.POSITIVE_INFINITY);
      await wait(200);
    }
    return Math.round(longestMs);
  })();
  return () => {
    isOver = true;
    return watching;
  };
}
