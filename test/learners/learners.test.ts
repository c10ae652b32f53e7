import { startApp, type TestApp } from "../setup/app";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test("a learner is created, read, listed and changed", async () => {
  const created = await api.admin.post("/v1/learners", { name: "Tomas Lind", email: "Tomas.Lind@Example.com", timeZone: "Europe/Stockholm" });
  expect(created.status).toBe(201);
  expect(created.body).toMatchObject({ name: "Tomas Lind", email: "tomas.lind@example.com", externalId: null, target: null, version: 1 });
  expect(created.headers.etag).toBe('"1"');
  const path = created.headers.location as string;
  expect((await api.admin.get(path)).body).toEqual(created.body);
  const changed = await api.admin.patch(path, { target: { onTheJob: 60, social: 25, formal: 15 } });
  expect(changed.body).toMatchObject({ version: 2, target: { onTheJob: 60, social: 25, formal: 15 } });
  expect((await api.admin.get("/v1/learners?q=tomas")).body.items).toEqual([changed.body]);
});
