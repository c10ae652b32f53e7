import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyReply, FastifyRequest } from "fastify";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import type { App } from "./app-type";
import { describeAnswers, describeOperation, withWhatFollows } from "./openapi-answers";
import type { SampleIds } from "./openapi-examples";
import { LACKS_BODY, tidy } from "./openapi-tidy";

// A codec travels as its input, in answers too.
const zodToJsonConfig = {
  override: ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    const { def } = zodSchema._zod;
    // Left out by Zod where a schema decodes: an example is written as it travels, so it holds.
    const { examples } = z.globalRegistry.get(zodSchema) ?? {};
    if (Array.isArray(examples)) jsonSchema.examples = examples;
    if (def.type === "pipe" && "reverseTransform" in def) {
      // Another's description of a codec that has a name.
      if (jsonSchema.$ref) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      Object.assign(jsonSchema, onTheWire(def), z.globalRegistry.get(zodSchema) ?? {});
      delete jsonSchema.id;
    }
  },
};

/** What a codec reads. `true` and `false` after `?` are a boolean's two words. */
function onTheWire(codec: z.core.$ZodPipeDef): object {
  if (codec.out._zod.def.type === "boolean") return { type: "boolean" };
  const { $schema: _, $defs: __, ...wire } = z.toJSONSchema(codec.in, { io: "input", unrepresentable: "any" });
  // What has a name is a component.
  return JSON.parse(JSON.stringify(wire), (key, value) => (key === "$ref" ? `${String(value).replace("#/$defs/", "#/components/schemas/")}Input` : value));
}

const transformSchema = createJsonSchemaTransform({ zodToJsonConfig });
const addComponents = createJsonSchemaTransformObject({ zodToJsonConfig });

/**
 * The description of the API, rendered from the routes' own schemas, at /openapi.json, and its page at /docs.
 *
 * @param sampleIds what its examples are of
 * @param countVisit refuses who asks too often
 */
export async function describeApi(app: App, version: string, countVisit: (request: FastifyRequest) => Promise<void>, sampleIds: SampleIds): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Cairn",
        version,
        contact: { name: "Whoever runs this service" },
        license: { name: "All rights reserved", identifier: "LicenseRef-Proprietary" },
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
    transform: ({ route, ...document }) => {
      const given = withWhatFollows(route as never, document.schema);
      const { schema, url } = transformSchema({ ...document, route, schema: given } as Parameters<typeof transformSchema>[0]);
      const { response = {} } = schema as { response?: Record<string, object> };
      const mayLackBody = acceptsNothing(given.body) && { [LACKS_BODY]: true };
      const description = describeOperation(route as never, given);
      return { schema: { ...schema, ...mayLackBody, description, response: describeAnswers(route as never, given, response) }, url };
    },
    transformObject: (document) => tidy(addComponents(document) as Parameters<typeof tidy>[0], sampleIds),
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

/** Whether a request may come without a body: an empty one is an object without fields. */
function acceptsNothing(body: unknown): boolean {
  return body instanceof z.ZodObject && body.safeParse({}).success;
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
  { name: "Periods", description: "Months that are closed: what was logged in them stays." },
  { name: "Imports and exports", description: "Whole files, in and out, line by line." },
  { name: "API keys", description: "How programs and people sign in." },
  { name: "Audit", description: "Who changed what, and who read whose data." },
  { name: "Service", description: "Whether the service is alive and ready." },
];
