import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { end } from "../ground";
import { Client } from "./client";
import { Ledger } from "./ledger";
import type { Drill } from "./run";

const run = promisify(execFile);
const DISK_MB = 120;
const READS = 10;
const CHUNK = Buffer.alloc(64 * 1_024);

/** The embedded database's disk is filled by others while people log, the service is killed, and started again when there is room. Only root may mount such a disk. */
export const drill: Drill = async (stage, quick) => {
  const rounds = quick ? 1 : 5;
  const disk = path.join(stage.folder, "disk");
  const ballast = path.join(disk, "ballast");
  await mkdir(disk);
  await run("mount", ["-t", "tmpfs", "-o", `size=${DISK_MB}m`, "tmpfs", disk]);
  try {
    const DATA_DIR = path.join(disk, "embedded");
    const service = await stage.service({ DATABASE_URL: "", DATA_DIR, SAMPLE_DATA: "off" });
    const client = new Client(() => service.address);
    const ledger = new Ledger(client);
    const stop = await ledger.begin(4);
    const flaws: string[] = [];
    let reads = 0;
    for (let round = 0; round < rounds; round++) {
      await ledger.reached(ledger.acknowledged + 100);
      await fill(ballast);
      // The one that is refused here is nobody's in the ledger.
      const refused = await refusal(client);
      if (!refused.startsWith("503") || !refused.includes("disk")) flaws.push(`what could not be written was answered with ${refused}`);
      // Reading tidies pages, too, and may find no room to say so.
      for (let n = 0; n < READS; n++) {
        const read = await client.once("GET", "/v1/learners");
        if (read?.status === 200) reads++;
        else if (read?.status !== 503 || !read.text.includes("disk")) flaws.push(`reading on a full disk: ${read?.status} ${read?.text.slice(0, 200)}`);
      }
      const isKilled = round % 2 === 0;
      if (isKilled) await end(service.child, "SIGKILL");
      await rm(ballast);
      if (isKilled) await service.restart();
    }
    if (reads < (rounds * READS) / 2) flaws.push(`${reads} of ${rounds * READS} reads were answered`);
    await ledger.reached(ledger.acknowledged + 100);
    await stop();
    const compared = await ledger.compare({ DATA_DIR }, () => end(service.child));
    const { acknowledged, repeated } = ledger;
    const refused = client.statuses.get("503") ?? 0;
    return { rounds, reads, acknowledged, repeated, refused, lost: compared.lost, doubled: compared.doubled, flaws: [...flaws, ...compared.flaws] };
  } finally {
    // Though a process of the drill's may hold it still.
    await run("umount", ["--lazy", disk]);
  }
};

async function fill(file: string): Promise<void> {
  for (;;) {
    try {
      await writeFile(file, CHUNK, { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") return;
      throw error;
    }
  }
}

/** Writes until a write is refused. @returns what the service said then */
async function refusal(client: Client): Promise<string> {
  for (;;) {
    const answer = await client.once("POST", "/v1/resources", { type: "book", title: "A book of some length".repeat(5) });
    if (answer?.status !== 201) return answer ? `${answer.status} ${answer.text}` : "nothing";
  }
}
