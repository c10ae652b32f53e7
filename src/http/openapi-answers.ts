import { STATUS_CODES } from "node:http";
import type { FastifyContextConfig } from "fastify";
import { z } from "zod";
import { LARGE_BODY_BYTES, LARGE_PAGE } from "./budget";
import { IdempotencyHeaders } from "./idempotency";
import { IfNoneMatchHeaders } from "./preconditions";
import { OF_BODIES, onlyProblems, withProblem } from "./problem";
import { orReceipt } from "./receipt";

type Method = string | string[];
type Route = { method: Method; url: string; schema?: { operationId?: string }; preHandler?: unknown; config?: FastifyContextConfig };
type Schema = { description?: string; querystring?: unknown; headers?: unknown; response?: unknown; body?: unknown };

// What is done about a person who is erased, or is to be.
const ABOUT_ERASURE = ["erasePersonalData", "liftErasedSubject"];

/** A route's schema with what follows from its shape: the refusals that every such route has, `If-None-Match`, receipts. */
export function withWhatFollows<S extends Schema>(route: Route, schema: S | undefined): S {
  const given = { ...schema } as S;
  const { 200: answer } = (given.response ?? {}) as { 200?: unknown };
  // Where no body is taken, a bad one is refused, too.
  if (route.method !== "GET") given.response = { ...onlyProblems(...OF_BODIES), ...(given.response as object) };
  else if (isTagged(answer)) Object.assign(given, { headers: IfNoneMatchHeaders, response: { ...(given.response as object), 304: z.null() } });
  if (route.config?.receipt) given.response = withReceipts(given.response as Record<string, unknown>);
  if (attachesToLearner(route)) given.response = withProblem((given.response ?? {}) as object, "learner-erased");
  if (namesLearner(route, given)) given.response = withProblem((given.response ?? {}) as object, "learner-merged");
  return given;
}

/** What an operation is for, in its route's own words; who may; and what it costs. */
export function describeOperation({ preHandler, config, url }: Route, { description, querystring, body }: Schema): string {
  const { who = "anybody, without a key" } = (preHandler ?? {}) as { who?: string };
  const grows = [
    hasField(querystring, "limit") && `more than ${LARGE_PAGE} items`,
    hasField(querystring, "q") && "a search",
    config?.forms && "another media type",
  ];
  const asksForMuch = [...grows, config?.forms === undefined && body !== undefined && `a body of more than ${LARGE_BODY_BYTES / 1_024} KiB`].filter(Boolean);
  const light = asksForMuch.length ? `light; heavy with ${asksForMuch.join(" or ")}` : "light";
  const cost = url.startsWith("/v1/") ? COSTS[config?.work ?? "light"] : "light";
  return [description, `**Who may:** ${who}.`, `**Cost:** ${cost ?? light}.`].filter(Boolean).join("\n\n");
}

const COSTS: { [work: string]: string | undefined } = {
  heavy: "heavy; a person has one such request worked on at a time, a program three",
  long: "long, as long as there is to read or write; a person has one such request worked on at a time, a program four",
};

type Header = { type: string; description: string };

const ETAG: Header = { type: "string", description: "Names this answer: send it as If-Match with a change, or as If-None-Match with the next read." };
const LINK: Header = { type: "string", description: 'The address of the next page, as rel="next". The last page has none.' };
const LOCATION: Header = { type: "string", description: "The address of what was created." };
const LOCATION_OF_REDIRECT: Header = { type: "string", description: "Where to go on." };
const REPLAYED: Header = { type: "string", description: "`true`: this is the first answer to the same Idempotency-Key, sent again." };
const REQUEST_ID: Header = { type: "string", description: "Names the request in the service's log." };
const RETRY_AFTER: Header = { type: "integer", description: "Seconds after which to try again." };
const SIGN_IN: Header = { type: "string", description: "How to sign in: with a bearer token." };
const VARY: Header = { type: "string", description: "The answer comes in several media types: `Accept` chooses." };

/** The headers of an answer, as far as a client makes use of them. */
function headersOf(status: string, { config, method }: Route, schema: Schema): Record<string, Header> {
  const answer = (schema.response as Record<string, unknown>)[status];
  const succeeds = status < "300";
  const creates = schema.headers === IdempotencyHeaders && succeeds;
  return {
    "X-Request-Id": REQUEST_ID,
    ...((status === "304" || (succeeds && isTagged(answer))) && { ETag: ETAG }),
    ...(succeeds && hasField(answer, "next") && { Link: LINK }),
    ...(status === "302" && { Location: LOCATION_OF_REDIRECT }),
    // What holds a secret is shown once, and is at no address.
    ...(creates && status === "201" && !hasField(answer, "secret") && { Location: LOCATION }),
    ...(creates && method === "POST" && { "Idempotency-Replayed": REPLAYED }),
    ...(status === "200" && config?.forms && { Vary: VARY }),
    ...(status === "401" && { "WWW-Authenticate": SIGN_IN }),
    ...(["429", "503"].includes(status) && { "Retry-After": RETRY_AFTER }),
  };
}

/**
 * Names each response by its status, and adds its headers and the other media types that it is
 * also answered in. These say the same as the JSON, so they have its schema: clients that are
 * generated take an answer for what any of its media types says.
 */
export function describeAnswers(route: Route, schema: Schema, rendered: Record<string, object>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(rendered).map(([status, response]) => {
      const headers = headersOf(status, route, schema);
      if ("content" in response) return [status, { ...response, headers }];
      const description = STATUS_CODES[status] ?? status;
      if (["204", "302", "304"].includes(status)) return [status, { description, type: "null", headers }];
      const types = ["application/json", ...Object.keys((status === "200" && route.config?.forms) || {})];
      return [status, { description, headers, content: Object.fromEntries(types.map((type) => [type, { schema: response }])) }];
    }),
  );
}

/** Whether a request stores something under a learner, which the database refuses for an erased one. */
function attachesToLearner({ method, url, schema }: Route): boolean {
  return method !== "GET" && url.includes("/:learnerId") && !ABOUT_ERASURE.includes(schema?.operationId ?? "");
}

/** Whether a request names a learner, whose record may have been merged into another: in its path, its query or its body. */
function namesLearner({ url }: Route, { querystring, body }: Schema): boolean {
  const names = [querystring, body].flatMap((part) => (part instanceof z.ZodObject ? Object.keys(part.shape) : []));
  return url.includes("/:learnerId") || names.some((name) => ["learner", "learnerId", "leadId"].includes(name));
}

/** The responses of a write whose answer may be cut. */
function withReceipts(responses: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(responses).map(([status, answer]) => [status, status < "300" ? orReceipt(answer as z.ZodType) : answer]));
}

/** Whether an answer has an ETag: all that may be answered have a version. */
function isTagged(schema: unknown): boolean {
  return hasField(schema, "version");
}

function hasField(schema: unknown, field: string): boolean {
  if (schema instanceof z.ZodUnion) return schema.options.some((option) => hasField(option, field));
  return schema instanceof z.ZodObject && field in schema.shape;
}
