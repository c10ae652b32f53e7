import type { FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import { z } from "zod";
import type { App } from "./app-type";
import { onlyProblems } from "./problem";

const LINKS = {
  documentation: "/docs",
  description: "/openapi.json",
  caller: "/v1/me",
  liveness: "/livez",
  readiness: "/readyz",
};

const Start = z
  .object({
    name: z.string(),
    version: z.string(),
    links: z.object(Object.fromEntries(Object.keys(LINKS).map((name) => [name, z.string()])) as Record<keyof typeof LINKS, z.ZodString>),
  })
  .meta({ id: "Start", description: "Where to go from here.", examples: [{ name: "Cairn", version: "0.1.0", links: LINKS }] });

/**
 * The address itself: a browser is led to what there is to see, a program gets links.
 *
 * @param countVisit refuses who asks too often
 */
export function startRoutes(app: App, version: string, countVisit: (request: FastifyRequest) => Promise<void>): void {
  app.route({
    method: "GET",
    url: "/",
    onRequest: countVisit,
    schema: {
      operationId: "getStart",
      summary: "Find out what there is here",
      description: "A browser, which asks for a page, is led to the documentation.",
      tags: ["Service"],
      security: [],
      response: { 200: Start, 302: z.null(), ...onlyProblems("invalid-request", "too-many-requests") },
    },
    handler: async (request, reply) => {
      reply.header("Vary", "Accept");
      if (new Negotiator(request.raw).mediaType(["application/json", "text/html"]) === "text/html") return reply.redirect(LINKS.documentation, 302);
      return { name: "Cairn", version, links: LINKS };
    },
  });
}
