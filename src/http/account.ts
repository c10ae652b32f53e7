import { AppError } from "../errors";
import type { App } from "./app-type";
import type { Metrics } from "./metrics";

// As proxies say of a client that did not wait for its answer.
const HUNG_UP = 499;

/**
 * Of each request, when it is over: one line in the log, its figures in the metrics. What comes while
 * `most` are under way is turned away at the door, so that those within are answered as fast as ever;
 * but not what asks how the service does.
 */
export function accountForRequests(app: App, { underWay, duration }: Metrics, most: number): void {
  let within = 0;
  app.addHook("onRequest", async (request, reply) => {
    const { method, routeOptions } = request;
    const isTurnedAway = within >= most && !!routeOptions.url?.startsWith("/v1");
    if (!isTurnedAway) underWay.set(++within);
    reply.raw.once("close", () => {
      if (!isTurnedAway) underWay.set(--within);
      const status = reply.raw.writableFinished ? reply.statusCode : HUNG_UP;
      duration.observe({ method, route: routeOptions.url ?? "none", status }, reply.elapsedTime / 1_000);
      request.log.info({ req: request, res: { statusCode: status }, responseTime: Math.round(reply.elapsedTime * 1_000) / 1_000 }, "request completed");
    });
    if (isTurnedAway) throw new AppError("unavailable", "More requests are under way than can be answered soon. Try again after the seconds in Retry-After.");
  });
}
