import { type Client, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";
import { fill, NOBODY, operations } from "./operations";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const identified = operations.flatMap((operation) => [...operation.path.matchAll(/\{(\w+Id)\}/g)].map(([, parameter]) => ({ ...operation, parameter })));

test.each(identified)("$operationId refuses a $parameter that is not a UUID", async ({ method, path, parameter }) => {
  const refused = await api.admin[method](fill(path, (name) => (name === parameter ? "42" : idOf(name))));
  expect(refused).toMatchObject({
    status: 400,
    body: { code: "invalid-request", errors: [{ pointer: `path/${parameter}`, detail: expect.stringMatching(/^Must be a UUID(, or `me`)?\. It is "42"\.$/) }] },
  });
});

const numbered = operations.filter(({ path }) => path.includes("{number}"));

test.each(numbered.flatMap((operation) => ["0", "-1", "1.5", "2147483648", "first", NOBODY].map((number) => ({ ...operation, number }))))(
  "$operationId refuses the number $number",
  async ({ method, path, number }) => {
    const refused = await api.admin[method](fill(path, (name) => (name === "number" ? number : NOBODY)));
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "path/number" }] } });
  },
);

test.each(numbered)("$operationId finds nothing under a number that there is none of", async ({ method, path, takesBody }) => {
  const url = fill(path, idOf);
  const refused = method === "patch" && takesBody ? await api.admin.patch(url, {}) : await api.admin[method](url);
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});

const ofThese = operations.filter(({ tag }) => ["Learners", "Teams", "Resources", "Paths", "Goals", "API keys"].includes(tag));

test.each(ofThese.filter(({ takesBody }) => takesBody))("$operationId refuses a field that it does not know", async ({ method, path }) => {
  const url = fill(path, idOf);
  const refused = await (method === "post" ? api.admin.post : method === "put" ? api.admin.put : api.admin.patch)(url, { nmae: "Ada" });
  expect(refused.status).toBe(400);
  expect(refused.body.errors).toContainEqual({
    pointer: "#/nmae",
    detail: expect.stringMatching(/^Unknown here\. Remove it, or check how it is spelt\. Known (is|are) /),
  });
});

// Those that take JSON: an import takes a file.
const ofJson = operations.filter(({ takesBody, path }) => takesBody && !path.startsWith("/v1/imports/"));

test.each(ofJson)("$operationId takes no null for a body that was left out, and no list", async ({ method, path }) => {
  const url = fill(path, idOf);
  const sent = (body: string) => (api.admin[method] as Client["post"])(url, body, { "Content-Type": "application/json" });
  const ofNull = { pointer: "#", detail: "The body is null. Send one JSON object, or no body at all." };
  expect(await sent("null")).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [ofNull] } });
  expect(await sent("[]")).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "#" }] } });
});

describe("a body", () => {
  const send = async (body: string | undefined, headers: Record<string, string>) => {
    const key = await buildKey(api.db, { role: "service" });
    const response = await fetch(`${api.url}/v1/learners`, { method: "POST", headers: { Authorization: `Bearer ${key}`, ...headers }, ...(body && { body }) });
    return { status: response.status, type: response.headers.get("content-type"), body: await response.json() };
  };
  const json = { "Content-Type": "application/json" };

  test("that is not JSON is refused", async () => {
    expect(await send('{"name": ', json)).toEqual({
      status: 400,
      type: "application/problem+json",
      body: {
        type: "urn:cairn:problem:invalid-request",
        code: "invalid-request",
        title: "The request is not valid",
        status: 400,
        detail: "The text is not JSON. Send one JSON object.",
        errors: [{ pointer: "#", detail: "The text is not JSON. Send one JSON object." }],
        requestId: expect.any(String),
      },
    });
  });

  test.each([
    ["an array", "[]"],
    ["a text", '"Ada"'],
  ])("that is %s is refused", async (_, body) => {
    expect(await send(body, json)).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "#" }] } });
  });

  test.each([{}, json])("that is missing has no fields, with the headers %j", async (headers) => {
    expect(await send(undefined, headers)).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/name" }] } });
  });

  test.each(["text/plain", "application/xml", "application/x-www-form-urlencoded", "json"])("of the type %s is refused", async (type) => {
    expect(await send('{"name":"Ada"}', { "Content-Type": type })).toEqual({
      status: 415,
      type: "application/problem+json",
      body: {
        type: "urn:cairn:problem:unsupported-media-type",
        code: "unsupported-media-type",
        title: "The body is of an unknown type",
        status: 415,
        detail: "Send JSON, with the header Content-Type: application/json.",
        requestId: expect.any(String),
      },
    });
  });

  test("that is too large is refused", async () => {
    expect(await send(JSON.stringify({ name: "x".repeat(api.config.BODY_LIMIT_BYTES) }), json)).toEqual({
      status: 413,
      type: "application/problem+json",
      body: {
        type: "urn:cairn:problem:body-too-large",
        code: "body-too-large",
        title: "The body is too large",
        status: 413,
        detail: "Send less at once, for example a batch in several parts.",
        requestId: expect.any(String),
      },
    });
  });

  test("may be named a merge patch where it is one", async () => {
    const { id } = await buildLearner(api.db);
    const changed = await api.admin.patch(`/v1/learners/${id}`, { name: "Ada King" }, { "Content-Type": "application/merge-patch+json" });
    expect(changed).toMatchObject({ status: 200, body: { name: "Ada King" } });
  });

  test.each(["__proto__", "constructor"])("cannot reach the prototype through %s", async (key) => {
    expect((await send(`{"name":"Ada","${key}":{"prototype":{}}}`, json)).status).toBe(400);
  });
});

test.each(["/v1/nothing", `/v1/learners/${NOBODY}/nothing`])("%s is nothing", async (path) => {
  expect(await api.admin.get(path)).toMatchObject({ status: 404, body: { code: "not-found" }, type: "application/problem+json" });
});

test("an address that cannot be decoded is refused as a problem", async () => {
  expect(await api.admin.get("/v1/learners/%ZZ")).toMatchObject({ status: 400, body: { code: "invalid-request" }, type: "application/problem+json" });
});

test("every refusal carries its request's id", async () => {
  const refused = await api.admin.get(`/v1/learners/${NOBODY}`);
  expect(refused.headers["x-request-id"]).toBe(refused.body.requestId);
});

/** An id that nothing has; of a path's version, a number. */
function idOf(parameter: string): string {
  return parameter === "number" ? "1" : NOBODY;
}
