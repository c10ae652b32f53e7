import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";

/** The data directory is not to be had, and why. */
export class DataDirError extends Error {
  override name = "DataDirError";
}

// The shortest limit on a socket's path among the platforms that Node runs on (macOS: 104).
const LONGEST_SOCKET_PATH = 103;
const OTHERS_MAY_WRITE = 0o022;
const PAUSE_MS = 20;

/**
 * Makes a directory, or takes one, and sees to it that only this user may enter it.
 *
 * @returns its real path
 * @throws DataDirError when it is another user's, or what is in it may be
 */
export function ownDirectory(name: string): string {
  mkdirSync(name, { recursive: true, mode: 0o700 });
  const directory = realpathSync(name);
  const user = process.getuid?.();
  if (user === undefined) return directory;
  const { uid, mode } = statSync(directory);
  if (uid !== user) throw new DataDirError(`${name} belongs to another user, who could read and change the data. Set DATA_DIR to a directory of your own.`);
  if (mode & OTHERS_MAY_WRITE && readdirSync(directory).length)
    throw new DataDirError(
      `Other users may write into ${name}, so what is in it may be theirs. Set DATA_DIR to a directory of your own, or look what is in this one and run: chmod 700 '${name}'`,
    );
  chmodSync(directory, 0o700);
  return directory;
}

/**
 * Claims a directory that only this user may enter: two servers on the same files would destroy
 * them. The claim ends with the process, however that ends.
 *
 * A claim is a socket in the directory. Whoever wants the directory listens there first and looks
 * for others then, so of two at once at least one sees the other; where both do, the lesser name
 * goes first. A socket that refuses was left behind by a process that ended.
 *
 * @returns what gives it up
 * @throws DataDirError while another process claims it
 */
export async function claimDirectory(directory: string): Promise<() => void> {
  if (process.platform === "win32") return lockFile(directory);
  const name = `.claim-${randomBytes(8).toString("hex")}`;
  const near = reachable(directory, `${name}.new`);
  const server = createServer((socket) => socket.destroy());
  const giveUp = () => {
    remove(directory, name);
    server.close();
  };
  try {
    server.listen(path.join(near.path, `${name}.new`)).unref();
    await once(server, "listening");
    // Seen by others only now that it answers.
    renameSync(path.join(directory, `${name}.new`), path.join(directory, name));
    await untilAlone(directory, near.path, name);
    writeFileSync(path.join(directory, `${name}.held`), "");
    return giveUp;
  } catch (error) {
    giveUp();
    throw error;
  } finally {
    near.leave();
  }
}

async function untilAlone(directory: string, near: string, own: string): Promise<void> {
  for (let isAlone = false; !isAlone; ) {
    isAlone = true;
    for (const other of readdirSync(directory)) {
      if (!/^\.claim-[0-9a-f]+$/.test(other) || other === own) continue;
      if (!(await answers(path.join(near, other)))) remove(directory, other);
      else if (other < own || existsSync(path.join(directory, `${other}.held`))) throw inUse(directory);
      else isAlone = false;
    }
    // A greater name either sees this one and goes, or did not see it and holds the directory.
    if (!isAlone) await wait(PAUSE_MS);
  }
}

function remove(directory: string, name: string): void {
  for (const file of [name, `${name}.held`]) rmSync(path.join(directory, file), { force: true });
}

/** Whether somebody listens on a socket. */
export async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    // Any other failure may be that of one who is too busy to answer.
    return !["ECONNREFUSED", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    socket.destroy();
  }
}

export function inUse(directory: string): DataDirError {
  return new DataDirError(`Another process serves the data in ${directory}. Stop it first, or set DATA_DIR to another directory.`);
}

/** Whether a socket of this name in the directory has a path that is short enough. */
export function isReachable(directory: string, socketName: string): boolean {
  return Buffer.byteLength(path.join(directory, socketName)) <= LONGEST_SOCKET_PATH;
}

/** A path of the directory by which its sockets are reached: its own, or a link to it for the while. */
function reachable(directory: string, socketName: string): { path: string; leave(): void } {
  if (isReachable(directory, socketName)) return { path: directory, leave: () => undefined };
  const folder = mkdtempSync(path.join(os.tmpdir(), "cairn-"));
  symlinkSync(directory, path.join(folder, "d"));
  return { path: path.join(folder, "d"), leave: () => rmSync(folder, { recursive: true, force: true }) };
}

// libuv's flag for a file that nobody else may open; Node gives it no name.
const EXCLUSIVE = 0x10000000;

/** Windows has no such sockets, but files that one process alone may open. */
function lockFile(directory: string): () => void {
  try {
    const file = openSync(path.join(directory, "claim.lock"), constants.O_RDWR | constants.O_CREAT | EXCLUSIVE);
    return () => closeSync(file);
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EBUSY" ? inUse(directory) : error;
  }
}
