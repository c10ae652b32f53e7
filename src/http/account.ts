import type { Socket } from "node:net";
import type { FastifyReply } from "fastify";
import { AppError } from "../errors";
import type { App } from "./app-type";
import type { Metrics } from "./metrics";

const MOST_ON_ONE_CONNECTION = 16;
const MOST_LISTENERS = 30;
// As proxies say of a client that did not wait for its answer.
const HUNG_UP = 499;

/** Of each request, when it is over: one line in the log, its figures in the metrics. */
export function accountForRequests(app: App, { underWay, duration }: Metrics): void {
  app.addHook("onRequest", (request, reply, done) => {
    const { method, routeOptions } = request;
    // Each part that waits for the end of an answer listens for it, and Node would take so many for a leak.
    reply.raw.setMaxListeners(MOST_LISTENERS);
    underWay.inc();
    reply.raw.once("close", () => {
      underWay.dec();
      const status = reply.raw.writableFinished ? reply.statusCode : HUNG_UP;
      duration.observe({ method, route: routeOptions.url ?? "none", status }, reply.elapsedTime / 1_000);
      request.log.info({ req: request, res: { statusCode: status }, responseTime: Math.round(reply.elapsedTime * 1_000) / 1_000 }, "request completed");
    });
    done();
  });
}

/**
 * Turns away at the door what comes while `most` requests are being worked on, so that those are
 * answered as fast as ever. Who is slow to send or to read takes nobody's place: a request counts
 * from when it is there until its answer is.
 */
export function limitRequestsAtOnce(app: App, most: number): void {
  const within = new Set<FastifyReply>();
  app.addHook("onRequest", (_request, _reply, done) => {
    done(within.size >= most ? tooBusy("More requests are under way than can be answered soon.") : undefined);
  });
  app.addHook("preValidation", (_request, reply, done) => {
    within.add(reply);
    reply.raw.once("close", () => within.delete(reply));
    done();
  });
  app.addHook("onSend", (_request, reply, payload, done) => {
    within.delete(reply);
    done(null, payload);
  });
}

/** Who sends without waiting for answers makes a process keep all that they do not read. */
export function limitPipelines(app: App): void {
  const onConnection = new WeakMap<Socket, number>();
  const count = (socket: Socket, step: number) => {
    const requests = (onConnection.get(socket) ?? 0) + step;
    onConnection.set(socket, requests);
    return requests;
  };
  app.addHook("onRequest", ({ raw: { socket } }, reply, done) => {
    reply.raw.once("close", () => count(socket, -1));
    const isOneTooMany = count(socket, 1) > MOST_ON_ONE_CONNECTION;
    done(isOneTooMany ? tooBusy("Too many requests were sent on one connection without waiting for answers.") : undefined);
  });
}

function tooBusy(what: string): AppError {
  return new AppError("unavailable", `${what} Try again after the seconds in Retry-After.`);
}
