import type { FastifyRequest } from "fastify";
import type { Pool } from "pg";
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
import type { App } from "./app-type";
import type { Places } from "./places";

export type Metrics = {
  registry: Registry;
  underWay: Gauge;
  duration: Histogram<"method" | "route" | "status">;
};

// Seconds. From a look-up by key to what a client's own limit cuts.
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

// Of the process, so observed once however many apps it holds.
const processRegistry = new Registry();
collectDefaultMetrics({ register: processRegistry });

/** What Prometheus reads: of the process, of requests by route, and of the connections to the database. */
export function createMetrics(pools: Record<string, Pool>, places: Places): Metrics {
  const registry = new Registry();
  new Gauge({
    name: "database_connections",
    help: "Connections to the database, and requests that wait for one.",
    labelNames: ["database", "state"],
    registers: [registry],
    collect() {
      for (const [database, pool] of Object.entries(pools)) {
        this.set({ database, state: "busy" }, pool.totalCount - pool.idleCount);
        this.set({ database, state: "idle" }, pool.idleCount);
        this.set({ database, state: "waiting" }, pool.waitingCount);
      }
    },
  });
  new Gauge({
    name: "requests_in_places",
    help: "Places to work in that are taken, and requests that wait for one in the queue of their own caller.",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(places.count())) this.set({ state }, count);
    },
  });
  return {
    registry,
    underWay: new Gauge({ name: "http_requests_under_way", help: "Requests that are not answered yet.", registers: [registry] }),
    duration: new Histogram({
      name: "http_request_duration_seconds",
      help: "Requests by route, and how long they took from their first line to the end of the answer. Status 499: the client hung up.",
      labelNames: ["method", "route", "status"],
      buckets: BUCKETS,
      registers: [registry],
    }),
  };
}

/** What was compared with what it should be, and how much of it differed. */
export type Compared = { equal: number; differing: number };

/**
 * Compares a little more each time somebody reads the metrics, who does not wait for it: they are
 * read above all when the database is away.
 */
export function compareOnRead({ registry }: Metrics, name: string, help: string, compare: () => Promise<Compared>): void {
  let isComparing = false;
  const counter = new Counter({
    name,
    help,
    labelNames: ["result"],
    registers: [registry],
    collect() {
      if (isComparing) return;
      isComparing = true;
      compare()
        .then(count, () => undefined)
        .finally(() => {
          isComparing = false;
        });
    },
  });
  const count = ({ equal, differing }: Compared) => {
    counter.inc({ result: "equal" }, equal);
    counter.inc({ result: "differing" }, differing);
  };
  count({ equal: 0, differing: 0 });
}

/** @param countVisit refuses who asks too often */
export function metricsRoute(app: App, { registry }: Metrics, countVisit: (request: FastifyRequest) => Promise<void>): void {
  app.route({
    method: "GET",
    url: "/metrics",
    onRequest: countVisit,
    schema: { hide: true },
    handler: async (_, reply) =>
      reply
        .type(registry.contentType)
        .serializer(String)
        .send(await Registry.merge([processRegistry, registry]).metrics()),
  });
}
