import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import cors from "@fastify/cors";
import helmet from "helmet";
import type { Config } from "../config";
import { AppError } from "../errors";
import type { App } from "./app-type";

/** Headers for browsers: an API's answers are data, never a page, and no other site's. */
export const BROWSER_HEADERS = headersOf(
  helmet({ contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } } }),
);

/** Sets them on every answer of a route. The page of the documentation brings its own policy. */
export async function hardenAnswers(app: App, { CORS_ORIGINS }: Config): Promise<void> {
  const headers = CORS_ORIGINS ? { ...BROWSER_HEADERS, "cross-origin-resource-policy": "cross-origin" } : BROWSER_HEADERS;
  app.addHook("onRequest", ({ raw }, reply, done) => {
    reply.headers(headers);
    done(
      isDecodable(raw.url ?? "")
        ? undefined
        : new AppError("invalid-request", "The address has a % that begins no character of UTF-8. Write a percent sign as %25."),
    );
  });
  if (!CORS_ORIGINS) return;
  await app.register(cors, {
    origin: CORS_ORIGINS,
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    exposedHeaders: ["ETag", "Link", "Location", "Retry-After", "X-Request-Id", "Idempotency-Replayed"],
    maxAge: 600,
  });
}

/** The router refuses such paths; in a query the text would be taken as it stands. */
function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url);
    return true;
  } catch {
    return false;
  }
}

/** What it sets on any answer: the same on all, so it is asked once. */
function headersOf(middleware: ReturnType<typeof helmet>): Record<string, string> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  middleware(response.req, response, () => undefined);
  return response.getHeaders() as Record<string, string>;
}
