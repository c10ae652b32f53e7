import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";

/** The longest that a timer can wait: for a route that ends when its client or its work does. */
export const NO_TIMEOUT_MS = 2_147_483_647;

const LINGER_MS = 2_000;
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
