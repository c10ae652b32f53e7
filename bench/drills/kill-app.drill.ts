import { setTimeout as wait } from "node:timers/promises";
import { end } from "../ground";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

/** The service is killed in the middle of everything, again and again; people send again what was not answered. */
export const drill: Drill = async (stage, quick) => {
  const [kills, writes] = quick ? [3, 300] : [100, 200_000];
  const service = await stage.service();
  const client = new Client(() => service.address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(quick ? 8 : 32);
  for (let kill = 1; kill <= kills; kill++) {
    // Not before its share of the writes was acknowledged, and then in the midst of others.
    await ledger.reached((writes * kill) / kills);
    await wait(Math.random() * 50);
    await end(service.child, "SIGKILL");
    await service.restart();
  }
  await stop();
  const { lost, doubled, flaws } = await ledger.compare({ DATABASE_URL: stage.url });
  const { acknowledged, repeated, replayed } = ledger;
  return { kills, acknowledged, repeated, replayed, unanswered: client.statuses.get("none") ?? 0, lost, doubled, flaws };
};
