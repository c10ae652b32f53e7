import { pipeline, Transform } from "node:stream";
import type { FastifyRequest } from "fastify";
import { AppError } from "../errors";
import type { App } from "./app-type";

/**
 * Holds bodies to what this caller may send, before they are parsed, where the route itself allows more.
 *
 * @param mostOf the most bytes
 */
export function limitBodies(app: App, mostOf: (request: FastifyRequest) => number): void {
  app.addHook("preParsing", async (request, _reply, payload) => {
    const most = mostOf(request);
    if (request.routeOptions.bodyLimit <= most) return payload;
    if (Number(request.headers["content-length"] ?? 0) > most) throw tooLarge(most);
    if (request.headers["transfer-encoding"] === undefined) return payload;
    let received = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        received += chunk.length;
        // Fastify compares it with its own count.
        Object.assign(counted, { receivedEncodedLength: received });
        done(received > most ? tooLarge(most) : null, chunk);
      },
    });
    return pipeline(payload, counted, () => undefined);
  });
}

function tooLarge(most: number): AppError {
  return new AppError("body-too-large", `A body of yours may have ${most} bytes. Send less at once, for example a batch in several parts.`);
}
