import { startApp, type TestApp } from "../setup/app";

// The address itself leads on: a browser to what there is to see, a program to links.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test("a program is answered with links, without a key, and each of them leads somewhere", async () => {
  const { status, body, headers } = await api.as(null).get("/", { Accept: "*/*" });
  expect([status, body.name, headers.vary]).toEqual([200, "Cairn", "Accept"]);
  for (const link of Object.values<string>(body.links)) expect([link, (await api.admin.get(link)).status]).toEqual([link, 200]);
});

test("a browser is led to the documentation", async () => {
  const { status, headers } = await api.as(null).get("/", { Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8" });
  expect([status, headers.location, headers.vary]).toEqual([302, "/docs", "Accept"]);
  expect((await api.as(null).get("/docs")).type).toBe("text/html");
});

test("who prefers JSON to a page gets it", async () => {
  expect((await api.as(null).get("/", { Accept: "application/json, text/html;q=0.5" })).status).toBe(200);
});
