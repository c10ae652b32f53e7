import { once } from "node:events";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { EXIT } from "../../src/exit";
import { end, freePort, launch } from "../ground";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";
import { LONG_DAYS, type Stage } from "./stage";

const PATIENCE_MS = 60_000;

/** The service is killed on its embedded database in the middle of writes, opens it again every time, and lets nobody else in. */
export const drill: Drill = async (stage, quick) => {
  const kills = quick ? 3 : 50;
  const DATA_DIR = path.join(stage.folder, "embedded");
  const service = await stage.service({ DATABASE_URL: "", DATA_DIR, SAMPLE_DATA: "off" });
  const client = new Client(() => service.address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(4);
  let slowestMs = 0;
  for (let kill = 0; kill < kills; kill++) {
    await ledger.reached(ledger.acknowledged + 100);
    await wait(Math.random() * 50);
    await end(service.child, "SIGKILL");
    const since = Date.now();
    await service.restart();
    slowestMs = Math.max(slowestMs, Date.now() - since);
  }
  const busy = await codeOf(stage, DATA_DIR);
  const misplaced = await codeOf(stage, path.join(DATA_DIR, "postgres", "PG_VERSION", "below"));
  await stop();
  const { lost, doubled, flaws } = await ledger.compare({ DATA_DIR }, () => end(service.child, "SIGTERM"));
  if (busy !== EXIT.unavailable) flaws.push(`a second process on the same directory ended with ${busy}`);
  if (misplaced !== EXIT.unavailable) flaws.push(`a directory that can't be made ended the process with ${misplaced}`);
  return { kills, acknowledged: ledger.acknowledged, repeated: ledger.repeated, slowestStartMs: slowestMs, lost, doubled, flaws };
};

/** Starts another process on a directory. @returns its exit code; null: it stayed */
async function codeOf(stage: Stage, DATA_DIR: string): Promise<number | null> {
  const child = stage.holds(launch(["dist/server.js"], "", await freePort(), { ...LONG_DAYS, DATA_DIR }));
  const timer = setTimeout(() => child.kill("SIGKILL"), PATIENCE_MS);
  await once(child, "exit");
  clearTimeout(timer);
  return child.exitCode;
}
