import request from "supertest";
import { startApp, type TestApp } from "../setup/app";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test.each([
  ["an answer", "/v1/me", 200],
  ["a refusal", "/v1/learners/nonsense", 400],
  ["nothing", "/nothing", 404],
  ["a probe", "/livez", 200],
])("a browser is told to make no page of %s", async (_, path, status) => {
  const answer = await api.admin.get(path);
  expect(answer.status).toBe(status);
  expect(answer.headers).toMatchObject({
    "content-security-policy": "default-src 'none';frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "strict-transport-security": expect.stringContaining("max-age=31536000"),
    "cross-origin-resource-policy": "same-origin",
  });
  expect(answer.headers["x-powered-by"]).toBeUndefined();
});

test("the page of the documentation may run its own scripts, and no others", async () => {
  const { status, headers } = await api.as(null).get("/docs/");
  expect(status).toBe(200);
  expect(headers["content-security-policy"]).toContain("script-src 'self'");
  expect(headers["content-security-policy"]).not.toContain("script-src 'self' 'unsafe-inline'");
});

test("the page of the documentation also works over plain http, under the service's own name, and finds an operation", async () => {
  const page = await api.as(null).get("/docs/");
  expect(page.headers["content-security-policy"]).not.toContain("upgrade-insecure-requests");
  expect(page.text).toContain("<title>Cairn API</title>");
  const [, icon] = /<link rel="icon" type="image\/svg\+xml" href="([^"]+)"/.exec(page.text) as unknown as [string, string];
  const mark = await api.as(null).get(new URL(icon, `${api.url}/docs/`).pathname);
  expect([mark.status, mark.type]).toEqual([200, "image/svg+xml"]);
  const { text } = await api.as(null).get("/docs/static/swagger-initializer.js");
  expect(text).toContain('"filter":true');
  expect(text).toContain(mark.body.toString("base64"));
});

test("the page of the documentation keeps no key in the browser", async () => {
  const { status, text } = await api.as(null).get("/docs/static/swagger-initializer.js");
  expect(status).toBe(200);
  expect(text).toContain('"persistAuthorization":false');
  const page = (await api.as(null).get("/docs/")).text;
  const [, script] = /<script src="([^"]+forget-keys\.js)"/.exec(page) as unknown as [string, string];
  expect((await api.as(null).get(new URL(script, `${api.url}/docs/`).pathname)).text).toBe('localStorage.removeItem("authorized");');
});

test("the page of the documentation reads the description that is written once", async () => {
  const [own, pages, yaml] = [await api.as(null).get("/openapi.json"), await api.as(null).get("/docs/json"), await api.as(null).get("/docs/yaml")];
  expect([own.status, pages.status, yaml.status]).toEqual([200, 200, 404]);
  expect(pages.text).toBe(own.text);
  expect(own.type).toBe("application/json");
});

const preflight = (of: TestApp, origin: string) =>
  request(of.url).options("/v1/me").set({ Origin: origin, "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization" });

test("no page of another origin may call", async () => {
  const refused = await preflight(api, "https://dashboard.example");
  expect(refused.headers["access-control-allow-origin"]).toBeUndefined();
  expect((await api.admin.get("/v1/me", { Origin: "https://dashboard.example" })).headers["access-control-allow-origin"]).toBeUndefined();
});

test("pages of the origins that are named may call, and of no others", async () => {
  const open = await startApp({ CORS_ORIGINS: ["https://dashboard.example"] });
  const allowed = await preflight(open, "https://dashboard.example");
  expect(allowed.status).toBe(204);
  expect(allowed.headers["access-control-allow-origin"]).toBe("https://dashboard.example");
  expect((await open.admin.get("/v1/me", { Origin: "https://dashboard.example" })).headers["access-control-expose-headers"]).toContain("ETag");
  // Who may call reads a refusal, too, also of a method that an address does not take.
  const refused = await open.admin.delete("/v1/me", { Origin: "https://dashboard.example" });
  expect([refused.status, refused.headers.allow, refused.headers["access-control-allow-origin"]]).toEqual([405, "GET, HEAD", "https://dashboard.example"]);
  // Each part of an answer that depends on a header of the request is known to caches.
  for (const path of ["/v1/learners", "/v1/exports/study-sessions"]) {
    const { headers } = await open.admin.get(path, { Origin: "https://dashboard.example", Accept: "text/csv" });
    expect([headers["content-type"], headers["access-control-allow-origin"], headers.vary]).toEqual([
      "text/csv; charset=utf-8; header=present",
      "https://dashboard.example",
      "Origin, Accept",
    ]);
  }
  for (const origin of ["https://evil.example", "https://dashboard.example.evil.example", "null"]) {
    expect((await preflight(open, origin)).headers["access-control-allow-origin"]).not.toBe(origin);
  }
  await open.close();
});
