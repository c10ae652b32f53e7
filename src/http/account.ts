import type { Socket } from "node:net";
import { AppError } from "../errors";
import type { App } from "./app-type";
import type { Metrics } from "./metrics";

// Clients that send without waiting for answers are rare, and make a process keep what they do not read.
const MOST_ON_ONE_CONNECTION = 16;
// As proxies say of a client that did not wait for its answer.
const HUNG_UP = 499;

/**
 * Of each request, when it is over: one line in the log, its figures in the metrics. What comes while
 * `most` are under way is turned away at the door, so that those within are answered as fast as ever;
 * but not what asks how the service does.
 */
export function accountForRequests(app: App, { underWay, duration }: Metrics, most: number): void {
  let within = 0;
  const onConnection = new WeakMap<Socket, number>();
  app.addHook("onRequest", async (request, reply) => {
    const { method, routeOptions, raw } = request;
    const { socket } = raw;
    const before = onConnection.get(socket) ?? 0;
    const isTurnedAway = before >= MOST_ON_ONE_CONNECTION || (within >= most && !!routeOptions.url?.startsWith("/v1"));
    onConnection.set(socket, before + 1);
    if (!isTurnedAway) underWay.set(++within);
    reply.raw.once("close", () => {
      onConnection.set(socket, (onConnection.get(socket) ?? 1) - 1);
      if (!isTurnedAway) underWay.set(--within);
      const status = reply.raw.writableFinished ? reply.statusCode : HUNG_UP;
      duration.observe({ method, route: routeOptions.url ?? "none", status }, reply.elapsedTime / 1_000);
      request.log.info({ req: request, res: { statusCode: status }, responseTime: Math.round(reply.elapsedTime * 1_000) / 1_000 }, "request completed");
    });
    if (isTurnedAway) throw tooBusy();
  });
}

function tooBusy(): AppError {
  return new AppError(
    "unavailable",
    "More requests are under way than can be answered soon, or are sent on one connection without waiting. Try again after the seconds in Retry-After.",
  );
}
