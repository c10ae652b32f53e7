import type { FastifyReply, FastifyRequest } from "fastify";
import Negotiator from "negotiator";
import type { z } from "zod";
import { digest } from "../digest";
import type { App } from "./app-type";
import { csvColumns, toCsv } from "./csv";
import type { Page } from "./paging";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The other media types that a route answers in, each made from the JSON answer itself. */
    forms?: Forms;
    /** Set on a route whose answers differ under one `version`: with the day, with what is logged, or with who asks. */
    derived?: boolean;
  }
}

const CSV = "text/csv";

export type Forms = { [mediaType: string]: (body: never) => string };

/** How an answer becomes a table: its columns, and its rows read from the JSON answer itself. */
export type CsvForm = { columns: string[]; rows(body: never): unknown[] };

export function csvForm({ columns, rows }: CsvForm): { forms: Forms } {
  return { forms: { [CSV]: (body) => toCsv(columns, rows(body)) } };
}

/** A list as a table: one row an item, one column a field. */
export function csvList(item: z.ZodType): { forms: Forms } {
  return csvForm({ columns: csvColumns(item), rows: (body: { items: unknown[] }) => body.items });
}

/** Answers with a page of items that are JSON already. */
export function sendWritten(reply: FastifyReply, page: Page<{ text: string }>): FastifyReply {
  return reply
    .type("application/json; charset=utf-8")
    .serializer(({ items, next }: typeof page) => `{"items":[${items.map(({ text }) => text).join()}],"next":${JSON.stringify(next)}}`)
    .send(page);
}

/**
 * What follows from an answer's shape, so that no route can forget it: an entity's ETag from
 * its `version`, a list's Link from its `next`, and other forms made from the JSON answer, so
 * that they cannot disagree.
 */
export function negotiateRepresentations(app: App): void {
  app.addHook("preSerialization", async (request, reply, payload) => {
    if (typeof payload !== "object" || payload === null || reply.statusCode >= 300) return payload;
    if ("version" in payload && typeof payload.version === "number") reply.header("ETag", etag(payload.version));
    if ("next" in payload && typeof payload.next === "string") reply.header("Link", linkToNext(request, payload.next));
    return payload;
  });
  app.addHook("onSend", async (request, reply, payload) => {
    reply.header("Cache-Control", "private, no-store").header("X-Request-Id", request.id);
    const { forms, derived } = request.routeOptions.config;
    if (forms) varyBy(reply, "Accept");
    const type = forms && preferred(request, Object.keys(forms));
    const form = type && forms[type];
    const isTagged = typeof payload === "string" && reply.hasHeader("ETag");
    // Warnings go with the answer to a write; what it is tagged for is what a read would answer.
    if (isTagged && derived) tagAnew(reply, { ...JSON.parse(payload), warnings: undefined });
    // Another form of the same version is another answer.
    if (isTagged && form) tagAnew(reply, [reply.getHeader("ETag"), type]);
    if (isUnchanged(request, reply)) {
      reply.status(304).removeHeader("Content-Type").removeHeader("Content-Length");
      return null;
    }
    if (reply.statusCode !== 200 || typeof payload !== "string" || !form) return payload;
    reply.removeHeader("Content-Length").header("Content-Type", `${type}; charset=utf-8${type === CSV ? "; header=present" : ""}`);
    const body = JSON.parse(payload);
    return type === CSV ? form(body as never) + incompleteLine(request, body) : form(body as never);
  });
}

/** Whether the caller would rather have an answer as a table, where the route makes one. */
export function wantsCsv(request: FastifyRequest): boolean {
  return preferred(request, [CSV]) === CSV;
}

export function etag(version: number): string {
  return `"${version}"`;
}

/** `"3-x1Yz"`: of two answers with the same version, those that say the same have the same tag. */
function tagAnew(reply: FastifyReply, said: unknown): void {
  reply.header("ETag", String(reply.getHeader("ETag")).replace(/(-[\w-]+)?"$/, `-${digest(said).toString("base64url").slice(0, 8)}"`));
}

/** Adds to `Vary`, which other parts of the answer may have set: replacing it would let a cache mix their answers. */
export function varyBy(reply: FastifyReply, field: string): void {
  const known = [reply.getHeader("Vary") ?? []].flat().join(", ");
  const isThere = known
    .toLowerCase()
    .split(/\s*,\s*/)
    .some((each) => each === "*" || each === field.toLowerCase());
  if (!isThere) reply.header("Vary", known ? `${known}, ${field}` : field);
}

function linkToNext(request: FastifyRequest, cursor: string): string {
  return `<${nextPage(request, cursor)}>; rel="next"`;
}

function nextPage(request: FastifyRequest, cursor: string): string {
  const url = new URL(request.url, "http://localhost");
  url.searchParams.set("cursor", cursor);
  return `${url.pathname}${url.search}`;
}

/** The last line of a table that is not whole: whoever opens the file sees neither the Link nor `next`. As in exports it begins with `#`. */
function incompleteLine(request: FastifyRequest, { items, next }: Partial<Page<unknown>>): string {
  return items && next ? `# incomplete: ${items.length} rows on this page; more at ${nextPage(request, next)}\r\n` : "";
}

/** RFC 9110: a GET compares ETags weakly, and `*` is any. */
function isUnchanged(request: FastifyRequest, reply: FastifyReply): boolean {
  const known = request.headers["if-none-match"];
  const current = reply.getHeader("ETag");
  if (request.method !== "GET" || reply.statusCode !== 200 || !known || !current) return false;
  return known.split(",").some((tag) => ["*", String(current)].includes(tag.trim().replace(/^W\//, "")));
}

/** The form that the caller would rather have than JSON, if any. */
function preferred(request: FastifyRequest, types: string[]): string | undefined {
  return new Negotiator(request.raw).mediaType(["application/json", ...types]);
}
