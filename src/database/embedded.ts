import { hash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";

export type EmbeddedPostgres = { host: string; port: number; close(): Promise<void> };

const PORT = 5432;
const ADDRESS_FILE = "address.json";
// The shortest limit on a socket's path among the platforms that Node runs on (macOS: 104).
const LONGEST_SOCKET_PATH = 103;
const MAX_CONNECTIONS = 100;

/**
 * Starts Postgres (PGlite) in a worker thread, so that a long query does not stall the
 * event loop, behind a socket that only this user can reach: it asks for no password.
 *
 * @param dataDir where the data is kept, created with mode 0700; undefined: in memory
 */
export async function startEmbedded(dataDir: string | undefined): Promise<EmbeddedPostgres> {
  if (dataDir) {
    mkdirSync(dataDir, { recursive: true });
    chmodSync(dataDir, 0o700);
  }
  const claim = dataDir ? await claimOf(dataDir) : undefined;
  try {
    return await open(dataDir, claim);
  } catch (error) {
    claim?.close();
    throw error;
  }
}

async function open(dataDir: string | undefined, claim: Server | undefined): Promise<EmbeddedPostgres> {
  if (dataDir && (await isServed(dataDir))) throw new DataDirInUseError(dataDir);
  const socketDir = process.platform === "win32" ? undefined : socketDirectory(dataDir);
  const worker = new Worker(path.join(__dirname, "embedded.worker.js"), {
    workerData: {
      dataDir: dataDir && path.join(dataDir, "postgres"),
      listen: socketDir ? { path: socketPath(socketDir.path) } : { host: "127.0.0.1", port: 0 },
      maxConnections: MAX_CONNECTIONS,
    },
  });
  const [{ address }] = (await once(worker, "message")) as [{ address: string }];
  const [host, port] = socketDir ? [socketDir.path, PORT] : hostAndPort(address);
  if (dataDir) writeFileSync(path.join(dataDir, ADDRESS_FILE), JSON.stringify(socketDir ? { path: socketPath(host) } : { host, port }));
  return {
    host,
    port,
    async close() {
      const stopped = once(worker, "message");
      worker.postMessage("stop");
      await stopped;
      await worker.terminate();
      if (socketDir?.temporary) rmSync(socketDir.path, { recursive: true, force: true });
      claim?.close();
    },
  };
}

/** Two servers on the same files would destroy them. */
export class DataDirInUseError extends Error {
  override name = "DataDirInUseError";

  constructor(dataDir: string) {
    super(`Another process serves the data in ${dataDir}. Stop it first, or set DATA_DIR to another directory.`);
  }
}

/**
 * Takes a name of this machine's that belongs to the directory, and ends with the process however
 * that ends: two that start at once must not both find that nobody serves it yet. Containers do
 * not share such names, and only Linux and Windows have them.
 */
async function claimOf(dataDir: string): Promise<Server | undefined> {
  const name = `cairn-${hash("sha256", realpathSync(dataDir)).slice(0, 32)}`;
  if (process.platform !== "linux" && process.platform !== "win32") return undefined;
  const server = createServer((socket) => socket.destroy()).listen(process.platform === "linux" ? `\0${name}` : `\\\\.\\pipe\\${name}`);
  await once(server, "listening").catch((error) => {
    throw error.code === "EADDRINUSE" ? new DataDirInUseError(dataDir) : error;
  });
  return server.unref();
}

/** Whether the server that last wrote its address into the directory still answers there. */
async function isServed(dataDir: string): Promise<boolean> {
  const file = path.join(dataDir, ADDRESS_FILE);
  if (!existsSync(file)) return false;
  const socket = connect(addressIn(file));
  const answered = await Promise.race([once(socket, "connect").then(() => true), once(socket, "close").then(() => false)]).catch(() => false);
  socket.destroy();
  return answered;
}

/** A file that was being written when the disk was full or the power went tells of nobody who serves. */
function addressIn(file: string): { path: string } | { host: string; port: number } {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { path: file };
  }
}

/** Inside the data directory, or in a private temporary one where that path would be too long. */
function socketDirectory(dataDir: string | undefined): { path: string; temporary: boolean } {
  if (dataDir && Buffer.byteLength(socketPath(dataDir)) <= LONGEST_SOCKET_PATH) {
    return { path: path.resolve(dataDir), temporary: false };
  }
  return { path: mkdtempSync(path.join(os.tmpdir(), "cairn-")), temporary: true };
}

/** The name under which a Postgres client looks for a server in a directory. */
function socketPath(directory: string): string {
  return path.join(path.resolve(directory), `.s.PGSQL.${PORT}`);
}

function hostAndPort(address: string): [string, number] {
  const [host, port] = address.split(":");
  return [host as string, Number(port)];
}
