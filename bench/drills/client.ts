import { setTimeout as wait } from "node:timers/promises";
import { ADMIN_KEY } from "../ground";

/** An answer, read whole. `tries`: how often it had to be asked. */
export type Answered = { status: number; text: string; headers: Headers; tries: number };
// biome-ignore lint/suspicious/noExplicitAny: answers of the service, whose shape its own tests hold
export type Json = any;

const PATIENCE_MS = 120_000;
const PAUSE_MS = 50;

/** Counts answers by status, and requests that got none. */
export class Client {
  /** How long the slowest answer took; set it to 0 to start anew. */
  longestMs = 0;
  readonly statuses = new Map<string, number>();
  readonly flaws: string[] = [];

  constructor(private readonly addressOf: () => string) {}

  /** How many were sent. */
  get requests(): number {
    return [...this.statuses.values()].reduce((sum, count) => sum + count, 0);
  }

  /** What got no answer, or one that is the service's fault: how many, and a flaw for each kind. */
  failures(): { failed: number; flaws: string[] } {
    const failed = [...this.statuses].filter(([status]) => status === "none" || Number(status) >= 500);
    return { failed: failed.reduce((sum, [, count]) => sum + count, 0), flaws: failed.map(([status, count]) => `${count} requests failed: ${status}`) };
  }

  /**
   * Asks until it is answered for good, as the documentation tells: again when nothing came, after
   * Retry-After on a 503, and while the same Idempotency-Key is under way.
   */
  async ask(method: string, path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Answered> {
    const until = Date.now() + PATIENCE_MS;
    for (let tries = 1; Date.now() < until; tries++) {
      const answer = await this.once(method, path, body, headers);
      if (!answer) {
        await wait(PAUSE_MS);
        continue;
      }
      const { status, text } = answer;
      if (status === 503) {
        const seconds = Number(answer.headers.get("retry-after"));
        if (!(seconds > 0)) this.flaws.push(`${method} ${path}: 503 without Retry-After`);
        await wait(seconds * 1_000);
      } else if (status === 409 && text.includes("idempotency-key-in-flight")) await wait(PAUSE_MS);
      else return { ...answer, tries };
    }
    throw new Error(`${method} ${path}: no answer in ${PATIENCE_MS / 1_000} s`);
  }

  /** Asks once. @returns nothing when the connection broke before the end of the answer */
  async once(method: string, path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Omit<Answered, "tries"> | undefined> {
    const type: Record<string, string> = body === undefined ? {} : { "Content-Type": typeof body === "string" ? "application/x-ndjson" : "application/json" };
    const since = performance.now();
    try {
      const answer = await fetch(this.addressOf() + path, {
        method,
        headers: { Authorization: `Bearer ${ADMIN_KEY}`, ...type, ...headers },
        ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await answer.text();
      this.#count(String(answer.status));
      return { status: answer.status, text, headers: answer.headers };
    } catch {
      this.#count("none");
      return undefined;
    } finally {
      this.longestMs = Math.max(this.longestMs, performance.now() - since);
    }
  }

  /** Asks for good, and expects a 2xx. */
  async json(method: string, path: string, body?: object, headers?: Record<string, string>): Promise<Json> {
    const { status, text } = await this.ask(method, path, body, headers);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text.slice(0, 300)}`);
    return text ? JSON.parse(text) : undefined;
  }

  #count(name: string): void {
    this.statuses.set(name, (this.statuses.get(name) ?? 0) + 1);
  }
}

/** Reads what a process tells of itself. @returns what sums up the values of the lines that are asked for */
export async function readMetrics(address: string): Promise<(lines: RegExp) => number> {
  const answer = await fetch(`${address}/metrics`);
  if (!answer.ok) throw new Error(`/metrics: ${answer.status}`);
  const lines = (await answer.text()).split("\n");
  return (asked) => {
    const found = lines.filter((line) => asked.test(line));
    if (!found.length) throw new Error(`There is no metric ${asked}`);
    return found.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  };
}
