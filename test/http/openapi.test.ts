import { z } from "zod";
import { buildApp } from "../../src/app";
import { readConfig } from "../../src/config";
import { PROBLEMS } from "../../src/errors";
import type { PrismaClient } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { readDescription, readWholeDescription } from "../setup/description";
import { buildLearner, buildMember, buildPath, buildResource, buildSession, buildStep, buildTeam } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";

type Schema = { [keyword: string]: unknown; $ref?: string; properties?: Record<string, Schema>; examples?: unknown[]; format?: string };
type Content = Record<string, { schema: Schema }>;
type Operation = {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content: Content };
  responses: Record<string, { description: string; content?: Content; headers?: Record<string, { $ref: string }> }>;
};
type Document = { openapi: string; paths: Record<string, Record<string, Operation>>; components: { schemas: Record<string, Schema> } };

const committed = readDescription();
const document: Document = readWholeDescription();
const operations = Object.entries(document.paths).flatMap(([url, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, Operation] => [`${method.toUpperCase()} ${url}`, operation]),
);
const underV1 = operations.filter(([name]) => name.includes(" /v1/"));
const schemas = Object.entries(document.components.schemas);

test("it is served to anyone as it is committed", async () => {
  const app = await buildApp({ config: readConfig({ LOG_LEVEL: "silent" }), db: {} as PrismaClient });
  await app.ready();
  const { statusCode, body } = await app.inject("/openapi.json");
  await app.close();
  expect(statusCode).toBe(200);
  expect(JSON.parse(body)).toEqual(committed);
  expect(document.openapi).toMatch(/^3\.1\./);
});

test("no two operations have the same name", () => {
  const ids = operations.map(([, { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
});

describe.each(operations)("%s", (name, operation) => {
  test("has a name, a summary and a tag", () => {
    expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/);
    expect(operation.summary).toMatch(/^[A-Z].{5,}[^.]$/);
    expect(operation.tags).toHaveLength(1);
  });

  test("says what it is for, who may, and what it costs", () => {
    const [purpose, who, cost, ...rest] = (operation.description ?? "").split("\n\n");
    expect(purpose).toMatch(/^[A-Z][^*]{15,}[.?]$/);
    expect(who).toMatch(/^\*\*Who may:\*\* .{5,}\.$/);
    expect(cost).toMatch(/^\*\*Cost:\*\* (light|heavy|long)\b.*\.$/);
    expect(rest).toEqual([]);
  });

  test("has sound examples of what is sent and answered", () => {
    const answers = Object.entries(operation.responses).filter(([status]) => status < "300");
    const contents: (Content | undefined)[] = [operation.requestBody?.content, ...answers.map(([, { content }]) => content)];
    for (const schema of contents.flatMap((content): Schema[] => (content?.["application/json"] ? [content["application/json"].schema] : []))) {
      const { examples } = resolve(schema);
      expect(examples).toEqual([expect.anything()]);
      expect(z.fromJSONSchema(inline(schema) as z.core.JSONSchema.JSONSchema).safeParse(examples?.[0])).toMatchObject({ success: true });
    }
  });

  test("answers each refusal as a problem, in the words of its codes", () => {
    for (const [status, { description, content }] of Object.entries(operation.responses).filter(([status]) => status >= "400")) {
      const codes = [...description.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code as keyof typeof PROBLEMS);
      expect(codes.map((code) => PROBLEMS[code].status)).toEqual(Array(codes.length || 1).fill(Number(status)));
      expect(content).toEqual({ "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } });
    }
    if (name.includes(" /v1/")) expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(["400", "401", "500", "503"]));
    else expect(operation.security).toEqual([]);
  });

  test("asks for what it needs first, and fills in nothing that may be left out", () => {
    const parameters = operation.parameters ?? [];
    expect(parameters).toEqual([...parameters.filter(({ required }) => required), ...parameters.filter(({ required }) => !required)]);
    for (const parameter of parameters.filter(({ required }) => !required)) expect(JSON.stringify(parameter)).not.toMatch(/"examples?":/);
  });

  test("says what each parameter is", () => {
    for (const { schema } of operation.parameters ?? [])
      expect(Object.keys(schema)).toEqual(expect.arrayContaining([expect.stringMatching(/^(type|anyOf|enum|\$ref)$/)]));
  });
});

test.each(underV1.filter(([name]) => /^(PATCH|DELETE) .*(\{(learner|team|resource|goal|step|evidence|review|term|session)Id|\{number)\}$/.test(name)))(
  "%s takes If-Match",
  (_, { parameters }) => {
    expect(parameters).toContainEqual(expect.objectContaining({ in: "header", name: "if-match" }));
  },
);

// What needs no key has no caller whose the header could be.
test.each(underV1.filter(([name, { responses, security }]) => name.startsWith("POST") && responses["201"] && security?.length !== 0))(
  "%s takes an Idempotency-Key",
  (_, operation) => {
    expect(operation.parameters).toContainEqual(expect.objectContaining({ in: "header", name: "idempotency-key" }));
  },
);

test.each(underV1.filter(([name]) => name.startsWith("GET ")))("%s takes If-None-Match where its answer has a version", (_, { parameters = [], responses }) => {
  const { schema } = responses["200"]?.content?.["application/json"] ?? { schema: {} };
  const isTagged = resolve(schema).properties?.version !== undefined;
  expect([parameters.some(({ name }) => name === "if-none-match"), "304" in responses]).toEqual([isTagged, isTagged]);
});

test.each(operations.filter(([name]) => !name.startsWith("GET ")))("%s refuses a body that is too large or of an unknown type", (_, { responses }) => {
  expect(Object.keys(responses)).toEqual(expect.arrayContaining(["413", "415"]));
});

// A service's key needs a scope for what is one learner's, and for what tells of many.
test.each(underV1.filter(([name]) => /^GET .*\/(\{learnerId\}.*|\{teamId\}\/(members|breakdown|growth|study-sessions))$/.test(name)))(
  "%s is refused to who lacks a scope",
  (_, { responses }) => {
    expect(responses["403"]?.description).toContain("`forbidden`");
  },
);

test("every reference leads somewhere", () => {
  const references = [...JSON.stringify(committed).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g)].map(
    ([, kind, name]) => [kind, name] as [string, string],
  );
  expect(references.filter(([kind, name]) => !committed.components[kind]?.[name])).toEqual([]);
  const known = Object.entries(committed.components).flatMap(([kind, things]) => Object.keys(things as object).map((name) => `${kind}/${name}`));
  const used = new Set(references.map(([kind, name]) => `${kind}/${name}`));
  expect(known.filter((name) => !used.has(name) && !name.startsWith("securitySchemes/"))).toEqual([]);
});

describe("what several operations have in common is written once", () => {
  const described = Object.values(committed.paths as Document["paths"]).flatMap((methods) => Object.values(methods));

  test("refusals, headers and answers without a body are components", () => {
    const responses = described.flatMap((operation) => Object.entries(operation.responses));
    expect(responses.filter(([status, response]) => (status >= "300" || status === "204") && !("$ref" in response))).toEqual([]);
    expect(responses.flatMap(([, { headers }]) => Object.values(headers ?? {})).filter((header) => !header.$ref)).toEqual([]);
  });

  test("no parameter is written out twice", () => {
    const written = described.flatMap(({ parameters = [] }) => parameters.filter((parameter) => !("$ref" in parameter)).map((each) => JSON.stringify(each)));
    expect(written.filter((each, index) => written.indexOf(each) < index)).toEqual([]);
  });

  // A shape that is new here wants a name: `.meta({ id: "…" })` on its schema.
  test("no object and no list of words is written out twice", () => {
    const seen = new Map<string, string[]>();
    for (const [name, schema] of schemas) for (const inner of Object.values(schema)) collectShapes(inner, name, seen);
    collectShapes([committed.paths, committed.components.parameters, committed.components.responses], "an operation", seen);
    expect([...seen].filter(([, places]) => places.length > 1)).toEqual([]);
  });

  test.each(["Mode", "ResourceType", "Target", "Figures", "Shares", "Rating", "ByMode", "ReportTarget", "GoalStatus", "GoalHealth"])(
    "%s has a name",
    (name) => {
      expect(document.components.schemas).toHaveProperty(name);
    },
  );
});

describe("what is sent is declared", () => {
  const headersOf = (name: string, status: string) => Object.keys(operations.find(([each]) => each === name)?.[1].responses[status]?.headers ?? {});

  test.each([
    ["GET /v1/learners/{learnerId}", "200", ["ETag", "X-Request-Id"]],
    ["GET /v1/learners/{learnerId}", "304", ["ETag", "X-Request-Id"]],
    ["PATCH /v1/learners/{learnerId}", "200", ["ETag", "X-Request-Id"]],
    ["GET /v1/learners", "200", ["Link", "Vary", "X-Request-Id"]],
    ["POST /v1/learners", "201", ["ETag", "Idempotency-Replayed", "Location", "X-Request-Id"]],
    ["POST /v1/api-keys", "201", ["Idempotency-Replayed", "X-Request-Id"]],
    ["GET /v1/me", "401", ["WWW-Authenticate", "X-Request-Id"]],
    ["GET /v1/me", "429", ["Retry-After", "X-Request-Id"]],
    ["GET /v1/me", "503", ["Retry-After", "X-Request-Id"]],
  ])("%s with %s: %j", (name, status, headers) => {
    expect(headersOf(name, status).sort()).toEqual(headers);
  });

  test("a body that may be left out is not required, and any other is", () => {
    const required = (id: string) =>
      (operations.find(([, { operationId }]) => operationId === id)?.[1].requestBody as { required?: boolean } | undefined)?.required;
    for (const id of ["startTimer", "stopTimer", "startStep", "completeStep", "createInvitation", "rotateApiKey"])
      expect([id, required(id)]).toEqual([id, undefined]);
    for (const id of ["createLearner", "logStudySession", "logStudySessions", "importResources"]) expect([id, required(id)]).toEqual([id, true]);
  });

  test("what is true or false is a boolean", () => {
    const flags = operations.flatMap(([, { parameters = [] }]) => parameters.filter(({ name }) => /^(archived|confirmed|waiting|learned|dryRun)$/.test(name)));
    expect(flags.length).toBeGreaterThan(5);
    expect(flags.filter(({ schema }) => schema.type !== "boolean")).toEqual([]);
  });

  test("other forms of an answer say what its JSON says", () => {
    for (const [name, { responses }] of operations) {
      const content = Object.values(responses["200"]?.content ?? {});
      if (!responses["200"]?.content?.["application/json"]) continue;
      expect([name, content.filter(({ schema }) => JSON.stringify(schema) !== JSON.stringify(content[0]?.schema))]).toEqual([name, []]);
    }
  });
});

describe("what travels is what is printed", () => {
  const fields = schemas.flatMap(([name, schema]) => properties(schema, name));

  // Where an offset may be left out, a format would say too little, and a pattern is printed.
  const orLocal = /^(StudySession(Create|Update|BatchItem|Line)|Timer(Start|Update))\.startedAt$/;

  test("instants are date-times", () => {
    const instants = fields.filter(([name]) => /\.(\w+At|updatedSince)$/.test(name));
    expect(instants.length).toBeGreaterThan(10);
    expect(instants.filter(([name, schema]) => !orLocal.test(name) && formatOf(schema) !== "date-time")).toEqual([]);
    const patterns = fields.filter(([name]) => orLocal.test(name)).map(([, schema]) => new RegExp((schema as { pattern: string }).pattern));
    expect(patterns.length).toBeGreaterThan(3);
    for (const time of ["2026-11-20T08:15", "2026-11-20T08:15:00.5+02:00"]) expect(patterns.filter((pattern) => !pattern.test(time))).toEqual([]);
  });

  test("days are dates", () => {
    const days = fields.filter(([name]) => /\.(\w+On|\w+Day|from|to)$/.test(name));
    expect(days.length).toBeGreaterThan(5);
    expect(days.filter(([, schema]) => formatOf(schema) !== "date")).toEqual([]);
    const asked = operations.flatMap(([, { parameters = [] }]) => parameters.filter(({ name }) => ["from", "to", "on"].includes(name)));
    expect(asked.filter(({ schema }) => schema.format !== "date")).toEqual([]);
  });

  test("ids are UUIDs", () => {
    const ids = fields.filter(([name]) => /\.(id|\w+Id)$/.test(name) && !/\.(requestId|externalId)$/.test(name));
    // A group of a report may be one of several things, so its id is a text.
    expect(ids.filter(([, schema]) => formatOf(schema) !== "uuid").map(([name]) => name)).toEqual(["BreakdownGroup.id"]);
  });

  test.each([
    ["StudySession", "verification", ["self-reported", "mentor-confirmed", "system-recorded"]],
    ["StudySessionCreate", "verification", ["self-reported", "system-recorded"]],
    ["StudySessionCreate", "mode", ["on-the-job", "social", "formal"]],
    ["Goal", "status", ["draft", "active", "on-hold", "completed", "abandoned"]],
  ])("%s.%s is one of its words", (schema, field, words) => {
    expect(resolve(document.components.schemas[schema]?.properties?.[field] as Schema)).toMatchObject({ type: "string", enum: words });
  });

  test("a target is an object of three shares, not the row's list", () => {
    const target = JSON.stringify(inline(document.components.schemas.Learner?.properties?.target));
    expect(target).toContain('"onTheJob":{"type":"integer"');
    expect(target).not.toContain('"array"');
  });

  test("defaults of the database are not required of a client", () => {
    expect(document.components.schemas.StudySessionCreate?.required).toEqual(["startedAt", "minutes"]);
    expect(document.components.schemas.StudySessionUpdate?.required).toBeUndefined();
  });
});

describe("real answers fit what is printed", () => {
  let api: TestApp;
  beforeAll(async () => {
    api = await startApp();
  });
  afterAll(() => api.close());

  test("entities, lists and problems", async () => {
    const learner = await buildLearner(api.db, { email: "a@example.com", target: [60, 25, 15] });
    const resource = await buildResource(api.db, { mode: "onTheJob" });
    const { id } = await buildSession(api.db, { learnerId: learner.id, resourceId: resource.id, resourceType: "book", note: "x", skills: ["sql"] });
    const url = `/v1/learners/${learner.id}`;
    await api.admin.post(`${url}/timer`, { mode: "on-the-job" });
    await expectToFit([
      ["/v1/me", "Me"],
      [url, "Learner"],
      ["/v1/learners", "LearnerPage"],
      [`/v1/resources/${resource.id}`, "Resource"],
      [`${url}/study-sessions`, "StudySessionPage"],
      [`${url}/study-sessions/${id}`, "StudySession"],
      [`${url}/timer`, "Timer"],
      [`${url}/breakdown?bucket=month&compare=previous&groupBy=resource-type`, "Breakdown"],
      [`${url}/study-sessions?limit=0`, "Problem"],
      ["/v1/nothing", "Problem"],
    ]);
  });

  test("what belongs to goals and paths", async () => {
    const path = await buildPath(api.db, [
      { key: "read", mode: "formal", estimatedMinutes: 60 },
      { key: "do", prerequisites: ["read"] },
    ]);
    const team = await buildTeam(api.db);
    const { id: learnerId } = await buildMember(api.db, team.id);
    const { id: stepId, goalId } = await buildStep(api.db, { learnerId, dueOn: new Date("2026-06-30") });
    const of = { learnerId, goalId, shared: true };
    const [evidence, term] = [
      await buildEvidence(api.db, { ...of, stepId }),
      await buildTerm(api.db, { ...of, meaning: "x", learnedOn: new Date("2026-06-01") }),
    ];
    const review = await buildReview(api.db, { learnerId, goalId, answeredById: (await buildLearner(api.db)).id });
    const url = `/v1/learners/${learnerId}/goals/${goalId}`;
    await api.admin.put(`${url}/path`, { pathId: path.id });
    await expectToFit([
      [`/v1/paths/${path.id}`, "Path"],
      ["/v1/paths", "PathSummaryPage"],
      [`/v1/paths/${path.id}/versions/1`, "PathVersion"],
      [url, "Goal"],
      [`/v1/learners/${learnerId}/goals`, "GoalPage"],
      [`${url}/path`, "PathChange"],
      [`${url}/steps`, "StepPage"],
      [`${url}/steps/${stepId}`, "Step"],
      [`${url}/evidence`, "EvidencePage"],
      [`${url}/evidence/${evidence.id}`, "Evidence"],
      [`${url}/reviews`, "ReviewPage"],
      [`${url}/reviews/${review.id}`, "Review"],
      [`/v1/learners/${learnerId}/terms`, "TermPage"],
      [`${url}/terms/${term.id}`, "Term"],
      [`/v1/teams/${team.id}/glossary`, "GlossaryEntryPage"],
    ]);
  });

  async function expectToFit(answers: [target: string, schema: string][]) {
    for (const [target, schema] of answers) {
      const { body } = await api.admin.get(target);
      const fits = z.fromJSONSchema(inline(document.components.schemas[schema] as Schema) as z.core.JSONSchema.JSONSchema).safeParse(body);
      expect([target, fits.error?.issues ?? []]).toEqual([target, []]);
    }
  }
});

function resolve(schema: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  return name ? resolve(document.components.schemas[name] as Schema) : schema;
}

/** The schema with every reference replaced by what it leads to. */
function inline(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inline);
  if (typeof value !== "object" || value === null) return value;
  const { $ref, ...rest } = value as Schema;
  if ($ref) return inline(resolve({ $ref }));
  return Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, key === "examples" ? item : inline(item)]));
}

function properties(schema: Schema, name: string): [string, Schema][] {
  const inner = [...((schema.anyOf ?? []) as Schema[]), ...((schema.items ? [schema.items] : []) as Schema[])].flatMap((each) => properties(each, name));
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, field]): [string, Schema][] => [
    [`${name}.${key}`, field],
    ...properties(field, `${name}.${key}`),
  ]);
  return [...inner, ...own];
}

function formatOf(schema: Schema): string | undefined {
  const of = resolve(schema);
  return of.format ?? (of.anyOf as Schema[] | undefined)?.map(formatOf).find(Boolean);
}

/** Where each object with properties and each list of words is written out, by all of it but what is said about it. */
function collectShapes(value: unknown, place: string, seen: Map<string, string[]>): void {
  if (typeof value !== "object" || value === null) return;
  const { type, properties, enum: words } = value as Schema;
  if ((type === "object" && properties) || (type === "string" && Array.isArray(words) && words.length > 1)) {
    const isSaid = (key: string, said: unknown) => ["examples", "example"].includes(key) || (key === "description" && typeof said === "string");
    const shape = JSON.stringify(value, (key, said) => (isSaid(key, said) ? undefined : said));
    seen.set(shape, [...(seen.get(shape) ?? []), place]);
  }
  for (const [key, inner] of Object.entries(value)) if (!["examples", "example"].includes(key)) collectShapes(inner, `${place}.${key}`, seen);
}
