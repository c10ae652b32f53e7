import cors from "@fastify/cors";
import helmet from "@fastify/helmet";
import type { Config } from "../config";
import type { App } from "./app-type";

/**
 * Headers for browsers: an API's answers are data, never a page, and no other site's. The page
 * of the documentation brings its own policy.
 */
export async function hardenAnswers(app: App, { CORS_ORIGINS }: Config): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: CORS_ORIGINS ? "cross-origin" : "same-origin" },
  });
  if (!CORS_ORIGINS) return;
  await app.register(cors, {
    origin: CORS_ORIGINS,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: ["ETag", "Link", "Location", "Retry-After", "X-Request-Id", "Idempotency-Replayed"],
    maxAge: 600,
  });
}
