import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { answers, end, freePort } from "../ground";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const DRAIN_MS = 1_000;

/** Three processes behind HAProxy are restarted one after the other, while people log: nobody notices. */
export const drill: Drill = async (stage, quick) => {
  const rounds = quick ? 1 : 20;
  const services = [];
  for (let n = 0; n < 3; n++) services.push(await stage.service({ DRAIN_MS: String(DRAIN_MS) }));
  const port = await freePort();
  await writeFile(
    path.join(stage.folder, "haproxy.cfg"),
    configuration(
      port,
      services.map(({ address }) => new URL(address).host),
    ),
  );
  const balancer = stage.holds(spawn("haproxy", ["-q", "-db", "-f", path.join(stage.folder, "haproxy.cfg")], { stdio: ["ignore", "inherit", "inherit"] }));
  const address = `http://127.0.0.1:${port}`;
  await answers(`${address}/readyz`, balancer);
  const client = new Client(() => address);
  const ledger = new Ledger(client);
  const stop = await ledger.begin(quick ? 8 : 32);
  const flaws: string[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const service of services) {
      const code = await end(service.child, "SIGTERM");
      if (code !== 0) flaws.push(`a stop ended with ${code}`);
      await service.restart();
      // Until the balancer has seen it.
      await wait(500);
    }
  }
  await stop();
  const compared = await ledger.compare({ DATABASE_URL: stage.url });
  const failures = client.failures();
  return {
    rounds,
    requests: client.requests,
    failed: failures.failed,
    lost: compared.lost,
    doubled: compared.doubled,
    flaws: [...flaws, ...failures.flaws, ...compared.flaws],
  };
};

/** Checks five times a second whether each is ready; what could not be sent is sent to another. */
function configuration(port: number, hosts: string[]): string {
  return `
defaults
  mode http
  option redispatch 1
  retries 3
  retry-on conn-failure
  timeout connect 2s
  timeout client 60s
  timeout server 60s
frontend all
  bind 127.0.0.1:${port}
  default_backend cairn
backend cairn
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 200ms fall 1 rise 1
${hosts.map((host, n) => `  server process${n} ${host}`).join("\n")}
`;
}
