import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from "fastify-type-provider-zod";
import { z } from "zod";
import type { App } from "./app-type";

// A codec travels as its input, in answers too.
const zodToJsonConfig = {
  override: ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    const { def } = zodSchema._zod;
    if (def.type === "pipe" && "reverseTransform" in def) {
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      const { $schema: _, ...wire } = z.toJSONSchema(def.in, { io: "input", unrepresentable: "any" });
      Object.assign(jsonSchema, wire, z.globalRegistry.get(zodSchema) ?? {});
    }
  },
};

const transformSchema = createJsonSchemaTransform({ zodToJsonConfig });

/** The description of the API, rendered from the routes' own schemas, and its page at /docs. */
export async function describeApi(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Cairn",
        version,
        description: "Learners, resources, study sessions, and the real mix of on-the-job, social and formal learning that they add up to.",
        license: { name: "MIT", identifier: "MIT" },
      },
      servers: [{ url: "/" }],
      tags: TAGS,
      components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer", description: "An API key." } } },
      security: [{ apiKey: [] }],
    },
    transform: (document) => {
      const transformed = transformSchema(document as Parameters<typeof transformSchema>[0]);
      const { config } = document.route;
      const ok = (transformed.schema as { response?: Record<string, unknown> }).response?.["200"];
      if (config?.csv && ok) {
        const response = transformed.schema as { response: Record<string, unknown> };
        response.response["200"] = {
          description: "OK",
          content: { "application/json": { schema: ok }, "text/csv": { schema: { type: "string" } } },
        };
      }
      return transformed;
    },
    transformObject: createJsonSchemaTransformObject({ zodToJsonConfig }),
  });
  await app.register(swaggerUi, { routePrefix: "/docs", uiConfig: { persistAuthorization: true } });
}

const TAGS = [
  { name: "Caller", description: "Who is calling." },
  { name: "Learners", description: "People who learn, and the teams they are in from day to day." },
  { name: "Teams", description: "The organisation's tree." },
  { name: "Resources", description: "What one learns from; its type gives its mode by default." },
  { name: "Goals", description: "What one learner wants to be able to do, why, and by when." },
  { name: "Study sessions", description: "Dated minutes of learning, split over modes." },
  { name: "Reports", description: "The real mix against a target." },
  { name: "API keys", description: "How programs and people sign in." },
  { name: "Service", description: "Whether the service is alive and ready." },
];
