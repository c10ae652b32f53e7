import { setTimeout as wait } from "node:timers/promises";
import type { Pool } from "pg";
import { answers } from "../ground";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const LOCKED_MS = 3_000;

/** The database is killed under load, its connections are cut, and a table is locked for seconds. */
export const drill: Drill = async (stage, quick) => {
  const [restarts, loadMs] = quick ? [2, 500] : [20, 2_000];
  const service = await stage.service({ DATABASE_CONNECT_TIMEOUT_MS: "1000" });
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
  await stage.pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cairn'");
  await wait(loadMs);
  await hold(stage.pool, "LOCK TABLE study_sessions", LOCKED_MS);
  await wait(loadMs);
  await stop();
  const { lost, doubled, flaws } = await ledger.compare({ DATABASE_URL: stage.url });
  // 404: of a deletion that was sent again after a 503, because it had happened. The ledger judges which.
  const strange = [...client.statuses].filter(([status]) => !["200", "201", "204", "404", "503"].includes(status));
  if (strange.length) flaws.push(`answers that were neither good nor 503: ${strange.map(([status, count]) => `${count} of ${status}`)}`);
  const { acknowledged, repeated } = ledger;
  return { restarts, acknowledged, repeated, refused: client.statuses.get("503") ?? 0, readyAgainMs: slowestMs, lost, doubled, flaws };
};

async function hold(pool: Pool, lock: string, milliseconds: number): Promise<void> {
  const client = await pool.connect();
  await client.query("BEGIN");
  await client.query(lock);
  await wait(milliseconds);
  await client.query("ROLLBACK");
  client.release();
}
