import type { FastifyReply, FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import type { z } from "zod";
import type { App } from "./app-type";
import { type CsvCell, csvColumns, toCsv } from "./csv";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set on a route that also answers `Accept: text/csv`. */
    csv?: CsvForm;
  }
}

export type CsvRow = Record<string, CsvCell>;

/** How an answer becomes a table: its columns, and its rows read from the JSON answer itself. */
export type CsvForm = { columns: string[]; rows(body: never): unknown[] };

/** A list as a table: one row an item, one column a field. */
export function csvList(item: z.ZodType): { csv: CsvForm } {
  return { csv: { columns: csvColumns(item), rows: (body: { items: unknown[] }) => body.items } };
}

/**
 * What follows from an answer's shape, so that no route can forget it: an entity's ETag from
 * its `version`, a list's Link from its `next`, and CSV made from the JSON answer, so that
 * the two cannot disagree.
 */
export function negotiateRepresentations(app: App): void {
  app.addHook("preSerialization", async (request, reply, payload) => {
    if (typeof payload !== "object" || payload === null || reply.statusCode >= 300) return payload;
    if ("version" in payload && typeof payload.version === "number") reply.header("ETag", etag(payload.version));
    if ("next" in payload && typeof payload.next === "string") reply.header("Link", linkToNext(request, payload.next));
    return payload;
  });
  app.addHook("onSend", async (request, reply, payload) => {
    reply.header("Cache-Control", "private, no-store").header("X-Request-Id", request.id).header("X-Content-Type-Options", "nosniff");
    if (isUnchanged(request, reply)) {
      reply.status(304).removeHeader("Content-Type").removeHeader("Content-Length");
      return null;
    }
    const { csv } = request.routeOptions.config;
    if (!csv) return payload;
    reply.header("Vary", "Accept");
    if (reply.statusCode !== 200 || typeof payload !== "string" || !prefersCsv(request)) return payload;
    reply.removeHeader("Content-Length").header("Content-Type", "text/csv; charset=utf-8; header=present");
    return toCsv(csv.columns, csv.rows(JSON.parse(payload) as never));
  });
}

export function etag(version: number): string {
  return `"${version}"`;
}

function linkToNext(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, "http://localhost");
  url.searchParams.set("cursor", cursor);
  return `<${url.pathname}${url.search}>; rel="next"`;
}

/** RFC 9110: a GET compares ETags weakly, and `*` is any. */
function isUnchanged(request: FastifyRequest, reply: FastifyReply): boolean {
  const known = request.headers["if-none-match"];
  const current = reply.getHeader("ETag");
  if (request.method !== "GET" || reply.statusCode !== 200 || !known || !current) return false;
  return known.split(",").some((tag) => ["*", String(current)].includes(tag.trim().replace(/^W\//, "")));
}

function prefersCsv(request: FastifyRequest): boolean {
  return new Negotiator(request.raw).mediaType(["application/json", "text/csv"]) === "text/csv";
}
