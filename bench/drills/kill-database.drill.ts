import { setTimeout as wait } from "node:timers/promises";
import { Client as PgClient, type Pool } from "pg";
import { answers } from "../ground";
import { Client, readMetrics } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const HELD_MS = 3_000;
const TOO_MANY_CONNECTIONS = "53300";
const CUT_OFF = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cairn'";

/** The database is killed under load, its connections are cut, others take all that it has, and a table is locked until the service's own are all in use. */
export const drill: Drill = async (stage, quick) => {
  const [restarts, loadMs] = quick ? [2, 500] : [20, 2_000];
  const service = await stage.service({ DATABASE_CONNECT_TIMEOUT_MS: "1000", DATABASE_POOL_SIZE: "4" });
  const client = new Client(() => service.address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(quick ? 8 : 32);
  let slowestMs = 0;
  for (let restart = 0; restart < restarts; restart++) {
    await wait(loadMs);
    await stage.killDatabase();
    await wait(500);
    await stage.startDatabase();
    const since = Date.now();
    await answers(`${service.address}/readyz`, service.child);
    slowestMs = Math.max(slowestMs, Date.now() - since);
  }
  await wait(loadMs);
  await stage.pool.query(CUT_OFF);
  await wait(loadMs);
  const left = await takeAll(stage.url, HELD_MS);
  await wait(loadMs);
  const [waiting] = await Promise.all([mostWaiting(service.address, HELD_MS), hold(stage.pool, "LOCK TABLE study_sessions", HELD_MS)]);
  await wait(loadMs);
  await stop();
  const { lost, doubled, flaws } = await ledger.compare({ DATABASE_URL: stage.url });
  // 404: of a deletion that was sent again after a 503, because it had happened. The ledger judges which.
  const strange = [...client.statuses].filter(([status]) => !["200", "201", "204", "404", "503"].includes(status));
  if (strange.length) flaws.push(`answers that were neither good nor 503: ${strange.map(([status, count]) => `${count} of ${status}`)}`);
  if (left) flaws.push(`while others took all connections, the service kept ${left}`);
  if (!waiting) flaws.push("a locked table did not bring all connections into use");
  const { acknowledged, repeated } = ledger;
  return { restarts, acknowledged, repeated, refused: client.statuses.get("503") ?? 0, readyAgainMs: slowestMs, waiting, lost, doubled, flaws };
};

/** Cuts the service off again and again, and takes whatever connections are left. @returns how few it had at the least */
async function takeAll(url: string, milliseconds: number): Promise<number> {
  const held: PgClient[] = [];
  const take = async () => {
    for (;;) {
      const client = new PgClient({ connectionString: url });
      client.on("error", () => undefined);
      const refusal: { code?: string } | null = await client.connect().then(
        () => null,
        (error) => error,
      );
      if (refusal?.code === TOO_MANY_CONNECTIONS) return;
      if (refusal) throw refusal;
      held.push(client);
    }
  };
  let least = Number.POSITIVE_INFINITY;
  await take();
  for (const until = Date.now() + milliseconds; Date.now() < until; await wait(50)) {
    const cut = await held[0]?.query(CUT_OFF);
    least = Math.min(least, cut?.rowCount ?? least);
    await Promise.all(Array.from({ length: 8 }, take));
  }
  await Promise.all(held.map((client) => client.end()));
  return least;
}

/** How many requests waited for a connection at most. */
async function mostWaiting(address: string, milliseconds: number): Promise<number> {
  let most = 0;
  for (const until = Date.now() + milliseconds; Date.now() < until; await wait(100)) {
    const sum = await readMetrics(address);
    most = Math.max(most, sum(/^database_connections.*"waiting"/));
  }
  return most;
}

async function hold(pool: Pool, lock: string, milliseconds: number): Promise<void> {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query(lock);
  await wait(milliseconds);
  await client.query("ROLLBACK");
  client.release();
}
