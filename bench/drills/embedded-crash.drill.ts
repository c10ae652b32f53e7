import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { end } from "../ground";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

/** The service is killed on its embedded database in the middle of writes, and opens it again every time. */
export const drill: Drill = async (stage, quick) => {
  const kills = quick ? 3 : 50;
  const DATA_DIR = path.join(stage.folder, "embedded");
  const service = await stage.service({ DATABASE_URL: "", DATA_DIR, SAMPLE_DATA: "off" });
  const client = new Client(() => service.address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(4);
  let slowestMs = 0;
  for (let kill = 0; kill < kills; kill++) {
    const before = ledger.acknowledged;
    while (ledger.acknowledged < before + 100) await wait(10);
    await wait(Math.random() * 50);
    await end(service.child, "SIGKILL");
    const since = Date.now();
    await service.restart();
    slowestMs = Math.max(slowestMs, Date.now() - since);
  }
  await stop();
  const { lost, doubled, flaws } = await ledger.compare({ DATA_DIR }, () => end(service.child, "SIGTERM"));
  return { kills, acknowledged: ledger.acknowledged, repeated: ledger.repeated, slowestStartMs: slowestMs, lost, doubled, flaws };
};
