import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import cors from "@fastify/cors";
import helmet from "helmet";
import type { Config } from "../config";
import type { App } from "./app-type";

/**
 * Headers for browsers: an API's answers are data, never a page, and no other site's. The page
 * of the documentation brings its own policy.
 */
export async function hardenAnswers(app: App, { CORS_ORIGINS }: Config): Promise<void> {
  const headers = headersOf(
    helmet({
      contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
      crossOriginResourcePolicy: { policy: CORS_ORIGINS ? "cross-origin" : "same-origin" },
    }),
  );
  app.addHook("onRequest", (_, reply, done) => {
    reply.headers(headers);
    done();
  });
  if (!CORS_ORIGINS) return;
  await app.register(cors, {
    origin: CORS_ORIGINS,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: ["ETag", "Link", "Location", "Retry-After", "X-Request-Id", "Idempotency-Replayed"],
    maxAge: 600,
  });
}

/** What it sets on any answer: the same on all, so it is asked once. */
function headersOf(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  middleware(response.req, response, () => undefined);
  return response.getHeaders() as Record<string, string>;
}
