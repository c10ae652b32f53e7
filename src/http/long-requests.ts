import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";

/** The longest that a timer can wait: for a route that ends when its client or its work does. */
export const NO_TIMEOUT_MS = 2_147_483_647;

const LINGER_MS = 2_000;

const PATIENCE_MS = 30_000;
// Bytes a millisecond: slower than any network that is of use.
const LEAST_SENT = 10;
const LEAST_RECEIVED = 0.1;

const long = new WeakSet<Socket>();

/**
 * Lets a request take as long as its upload goes on: the server's limit on how long one may take to
 * arrive is for those that are read whole. Whoever calls this sees to it that something arrives.
 */
export function allowLongUpload({ raw }: FastifyRequest, reply: FastifyReply): void {
  const { socket } = raw;
  long.add(socket);
  reply.raw.once("close", () => long.delete(socket));
  reply.raw.once("finish", () => {
    if (raw.complete) return;
    // Answered before its end: closed at once, the answer could be lost to who is still sending.
    // Read rather than resumed, which does nothing while somebody else waits for it to be readable.
    raw.on("readable", () => raw.read()).read();
    setTimeout(() => raw.complete || socket.destroy(), LINGER_MS).unref();
  });
}

export function isLongUpload(socket: Socket): boolean {
  return long.has(socket);
}

export type Patience = {
  /** Something has moved. */
  moved(bytes: number): void;
  /** Begins a wait, and says when it is too long. @returns what ends the wait */
  wait(late: () => void): () => void;
};

/**
 * How long a client is waited for, in all its pauses together: a while, and longer by the bytes
 * that have moved. Who moves a byte now and then would hold a place for ever otherwise.
 *
 * @param patienceMs for a client that moves nothing
 * @param leastPerMs the bytes by which a client earns a millisecond
 */
function patienceOf(patienceMs: number, leastPerMs: number): Patience {
  let leftMs = patienceMs;
  return {
    moved(bytes) {
      // What moved fast before is no excuse for what is slow later.
      leftMs = Math.min(leftMs, patienceMs) + bytes / leastPerMs;
    },
    wait(late) {
      const since = performance.now();
      const timer = setTimeout(late, Math.min(Math.max(leftMs, 0), NO_TIMEOUT_MS));
      return () => {
        clearTimeout(timer);
        leftMs -= performance.now() - since;
      };
    },
  };
}

/** With a client that uploads: 100 bytes a second will do. */
export function patienceWithSender(patienceMs: number): Patience {
  return patienceOf(patienceMs, LEAST_RECEIVED);
}

/**
 * Answers with a text piece by piece. The next is made when the one before was taken; a client that
 * takes less than 10,000 bytes a second for long is cut off.
 */
export function sendPieces(reply: FastifyReply, pieces: AsyncIterable<string>): never {
  // What is sent is a stream of what the schema says.
  return reply.send(Readable.from(takenInTime(reply, pieces), { objectMode: false })) as never;
}

async function* takenInTime({ raw }: FastifyReply, pieces: AsyncIterable<string>): AsyncGenerator<string> {
  const patience = patienceOf(PATIENCE_MS, LEAST_SENT);
  const cut = () => raw.destroy();
  for await (const piece of pieces) {
    patience.moved(Buffer.byteLength(piece));
    const end = patience.wait(cut);
    try {
      yield piece;
    } finally {
      end();
    }
  }
  // The last pieces are on their way still.
  raw.once("close", patience.wait(cut));
}
