import { z } from "zod";
import type { PrismaClient } from "../generated/prisma/client";
import type { App } from "./app-type";
import { type Life, refuseUnlessServing } from "./life";
import { onlyProblems } from "./problem";

const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health", examples: [{ status: "ok" }] });
const anyone = { tags: ["Service"], security: [] };

/** For whoever runs the service: whether the process lives, and whether it can answer. */
export function healthRoutes(app: App, db: PrismaClient, life: Life): void {
  // Anybody may ask: all who ask at once share one look at the database.
  let looking: Promise<unknown> | undefined;
  const look = () => {
    looking ??= db.$queryRaw`SELECT 1`.finally(() => {
      looking = undefined;
    });
    return looking;
  };

  app.route({
    method: "GET",
    url: "/livez",
    schema: {
      operationId: "getLiveness",
      summary: "Whether the process lives",
      description: "For whoever runs the service: asks nothing of the database.",
      ...anyone,
      response: { 200: Health, ...onlyProblems("invalid-request") },
    },
    handler: async () => ({ status: "ok" }) as const,
  });

  app.route({
    method: "GET",
    url: "/readyz",
    schema: {
      operationId: "getReadiness",
      summary: "Whether the service can answer: it has started, is not stopping, and its database answers",
      description: "For a balancer: whether to send requests here. Asks the database for a 1; requests at the same time share the question.",
      ...anyone,
      response: { 200: Health, ...onlyProblems("invalid-request", "unavailable") },
    },
    handler: async () => {
      refuseUnlessServing(life);
      await look();
      return { status: "ok" } as const;
    },
  });
}
