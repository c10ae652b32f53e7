import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { answers, claimDirectory, inUse, isReachable, ownDirectory } from "./claim";

export type EmbeddedPostgres = { host: string; port: number; close(): Promise<void> };

const PORT = 5432;
// The name under which a Postgres client looks for a server in a directory.
const SOCKET = `.s.PGSQL.${PORT}`;
const MAX_CONNECTIONS = 100;

/**
 * Starts Postgres (PGlite) in a worker thread, so that a long query does not stall the
 * event loop, behind a socket that only this user can reach: it asks for no password.
 *
 * @param dataDir where the data is kept, created with mode 0700; undefined: in memory
 * @throws DataDirError when it is another user's, or another process serves it
 */
export async function startEmbedded(dataDir: string | undefined): Promise<EmbeddedPostgres> {
  const directory = dataDir && ownDirectory(dataDir);
  const giveUp = directory ? await claimDirectory(directory) : () => undefined;
  try {
    return await open(directory, giveUp);
  } catch (error) {
    giveUp();
    throw error;
  }
}

async function open(directory: string | undefined, giveUp: () => void): Promise<EmbeddedPostgres> {
  const socketDir = process.platform === "win32" ? undefined : socketDirectory(directory);
  // An earlier version of the service made no claim.
  if (socketDir && (await answers(path.join(socketDir.path, SOCKET)))) throw inUse(socketDir.path);
  const worker = new Worker(path.join(__dirname, "embedded.worker.js"), {
    workerData: {
      dataDir: directory && path.join(directory, "postgres"),
      listen: socketDir ? { path: path.join(socketDir.path, SOCKET) } : { host: "127.0.0.1", port: 0 },
      maxConnections: MAX_CONNECTIONS,
    },
  });
  const [{ address }] = (await once(worker, "message")) as [{ address: string }];
  const [host, port] = socketDir ? [socketDir.path, PORT] : hostAndPort(address);
  return {
    host,
    port,
    async close() {
      const stopped = once(worker, "message");
      worker.postMessage("stop");
      await stopped;
      await worker.terminate();
      if (socketDir?.temporary) rmSync(socketDir.path, { recursive: true, force: true });
      giveUp();
    },
  };
}

/** Inside the data directory, or in a private temporary one where that path would be too long. */
function socketDirectory(directory: string | undefined): { path: string; temporary: boolean } {
  if (directory && isReachable(directory, SOCKET)) return { path: directory, temporary: false };
  return { path: mkdtempSync(path.join(os.tmpdir(), "cairn-")), temporary: true };
}

function hostAndPort(address: string): [string, number] {
  const [host, port] = address.split(":");
  return [host as string, Number(port)];
}
