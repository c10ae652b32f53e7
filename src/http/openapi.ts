import { STATUS_CODES } from "node:http";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from "fastify";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import type { App } from "./app-type";
import { tidy } from "./openapi-tidy";
import { IfNoneMatchHeaders } from "./preconditions";
import { OF_BODIES, onlyProblems, withProblem } from "./problem";
import { orReceipt } from "./receipt";

// A codec travels as its input, in answers too.
const zodToJsonConfig = {
  override: ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    const { def } = zodSchema._zod;
    // Left out by Zod where a schema decodes: an example is written as it travels, so it holds.
    const { examples } = z.globalRegistry.get(zodSchema) ?? {};
    if (Array.isArray(examples)) jsonSchema.examples = examples;
    if (def.type === "pipe" && "reverseTransform" in def) {
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      const { $schema: _, ...wire } = z.toJSONSchema(def.in, { io: "input", unrepresentable: "any" });
      Object.assign(jsonSchema, wire, z.globalRegistry.get(zodSchema) ?? {});
    }
  },
};

const transformSchema = createJsonSchemaTransform({ zodToJsonConfig });
const addComponents = createJsonSchemaTransformObject({ zodToJsonConfig });

/**
 * The description of the API, rendered from the routes' own schemas, at /openapi.json, and its page at /docs.
 *
 * @param countVisit refuses who asks too often
 */
export async function describeApi(app: App, version: string, countVisit: (request: FastifyRequest) => Promise<void>): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Cairn",
        version,
        description:
          "Learners, goals, paths, resources, study sessions; the real mix of on-the-job, social and formal learning that they add up to; and how goals are doing.",
      },
      servers: [{ url: "/" }],
      tags: TAGS,
      components: {
        securitySchemes: { bearer: { type: "http", scheme: "bearer", description: "An API key, or an access token of the organisation's identity provider." } },
      },
      security: [{ bearer: [] }],
    },
    transform: (document) => {
      const given = document as Parameters<typeof transformSchema>[0];
      const response = given.schema?.response as { 200?: unknown } | undefined;
      // Where no body is taken, a bad one is refused, too.
      if (document.route.method !== "GET") given.schema = { ...given.schema, response: { ...onlyProblems(...OF_BODIES), ...response } };
      else if (isTagged(response?.[200])) given.schema = { ...given.schema, headers: IfNoneMatchHeaders, response: { ...response, 304: z.null() } };
      if (document.route.config?.receipt) given.schema = { ...given.schema, response: withReceipts(given.schema?.response as Record<string, unknown>) };
      if (attachesToLearner(document.route))
        given.schema = { ...given.schema, response: withProblem((given.schema?.response ?? {}) as object, "learner-erased") };
      if (namesLearner(document.route, given.schema))
        given.schema = { ...given.schema, response: withProblem((given.schema?.response ?? {}) as object, "learner-merged") };
      const { schema, url } = transformSchema(given);
      const responses = (schema as { response?: Record<string, object> }).response ?? {};
      return { schema: { ...schema, response: Object.fromEntries(Object.entries(responses).map(describe(document.route.config))) }, url };
    },
    transformObject: (document) => tidy(addComponents(document) as Parameters<typeof tidy>[0]),
  });
  // Written once: it is large, and anybody may ask for it.
  let written: Buffer | undefined;
  const send = (reply: FastifyReply) => {
    written ??= Buffer.from(JSON.stringify(app.swagger()));
    return reply.header("Content-Type", "application/json; charset=utf-8").send(written);
  };
  app.get("/openapi.json", { schema: { hide: true }, onRequest: countVisit }, async (_request, reply) => send(reply));
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    staticCSP: true,
    // The service speaks http: a browser that asks for the page's scripts by https gets none, and shows a blank page.
    transformStaticCSP: (policy) => policy.replace(/\s*upgrade-insecure-requests;?/, ""),
    // A key that was pasted in is gone with the page, and so is one that an earlier version of it kept.
    uiConfig: { persistAuthorization: false, filter: true },
    theme: {
      title: "Cairn API",
      js: [{ filename: "forget-keys.js", content: 'localStorage.removeItem("authorized");' }],
      favicon: [{ filename: "cairn.svg", rel: "icon", type: "image/svg+xml", sizes: "any", content: CAIRN }],
    },
    logo: { type: "image/svg+xml", content: CAIRN, href: "/docs" },
    uiHooks: {
      // The page's own ways to the description write it each time.
      onRequest(request, reply, done) {
        const { url } = request.routeOptions;
        countVisit(request).then(() => {
          if (url === "/docs/json") send(reply);
          else if (url === "/docs/yaml") reply.callNotFound();
          else done();
        }, done);
      },
    },
  });
}

// A cairn: three stones, one on the other.
const CAIRN = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40" width="40" height="40" role="img"><title>Cairn API</title><g fill="#9aa5b1"><ellipse cx="20" cy="32" rx="16" ry="6"/><ellipse cx="20" cy="20.5" rx="11" ry="5"/><ellipse cx="20" cy="10.5" rx="6.5" ry="4.5"/></g></svg>`;

// What is done about a person who is erased, or is to be.
const ABOUT_ERASURE = ["erasePersonalData", "liftErasedSubject"];

/** Whether a request stores something under a learner, which the database refuses for an erased one. */
function attachesToLearner({ method, url, schema }: { method: unknown; url: string; schema?: { operationId?: string } }): boolean {
  return method !== "GET" && url.includes("/:learnerId") && !ABOUT_ERASURE.includes(schema?.operationId ?? "");
}

/** Whether a request names a learner, whose record may have been merged into another: in its path, its query or its body. */
function namesLearner({ url }: { url: string }, { querystring, body }: { querystring?: unknown; body?: unknown } = {}): boolean {
  const names = [querystring, body].flatMap((part) => (part instanceof z.ZodObject ? Object.keys(part.shape) : []));
  return url.includes("/:learnerId") || names.some((name) => ["learner", "learnerId", "leadId"].includes(name));
}

/** The responses of a write whose answer may be cut. */
function withReceipts(responses: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(responses).map(([status, answer]) => [status, status < "300" ? orReceipt(answer as z.ZodType) : answer]));
}

/** Whether an answer has an ETag. */
function isTagged(schema: unknown): boolean {
  return schema instanceof z.ZodObject && "version" in schema.shape;
}

/** Names a response by its status, and adds the other forms that it is also answered in. */
function describe(config: FastifyContextConfig | undefined) {
  return ([status, response]: [string, object]): [string, object] => {
    if ("content" in response) return [status, response];
    const description = STATUS_CODES[status] ?? status;
    if (["204", "302", "304"].includes(status)) return [status, { description, type: "null" }];
    const others = Object.keys((status === "200" && config?.forms) || {}).map((type) => [type, { schema: { type: "string" } }]);
    return [status, { description, content: { "application/json": { schema: response }, ...Object.fromEntries(others) } }];
  };
}

const TAGS = [
  { name: "Caller", description: "Who is calling." },
  { name: "Learners", description: "People who learn, and the teams they are in from day to day." },
  { name: "Teams", description: "The organisation's tree." },
  { name: "Resources", description: "What one learns from; its type gives its mode by default." },
  { name: "Paths", description: "Reusable, ordered sets of steps with prerequisites, published in versions." },
  { name: "Goals", description: "What one learner wants to be able to do, why, and by when; its steps, evidence, reviews and vocabulary." },
  { name: "Study sessions", description: "Dated minutes of learning, split over modes." },
  { name: "Reports", description: "The real mix against a target, and how goals are doing." },
  { name: "Imports and exports", description: "Whole files, in and out, line by line." },
  { name: "API keys", description: "How programs and people sign in." },
  { name: "Audit", description: "Who changed what, and who read whose data." },
  { name: "Service", description: "Whether the service is alive and ready." },
];
