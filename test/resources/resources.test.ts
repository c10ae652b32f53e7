import { v7 as uuidv7 } from "uuid";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildResource } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(() => api.setNow(NOW));
afterAll(() => api.close());

test("a resource is added, read, listed and changed", async () => {
  const created = await api.admin.post("/v1/resources", {
    type: "book",
    title: "Kubernetes from first principles",
    creator: "A publisher",
    url: "https://example.com/k8s?edition=2",
    description: "Manifests,\nclusters and the control plane",
    skills: ["Kubernetes", "etcd"],
    estimatedMinutes: 1200,
  });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    id: expect.any(String),
    type: "book",
    title: "Kubernetes from first principles",
    creator: "A publisher",
    url: "https://example.com/k8s?edition=2",
    description: "Manifests,\nclusters and the control plane",
    mode: null,
    effectiveMode: "formal",
    skills: ["kubernetes", "etcd"],
    estimatedMinutes: 1200,
    learnerId: null,
    capacityMinutesPerWeek: null,
    archivedAt: null,
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect(path).toBe(`/v1/resources/${created.body.id}`);
  expect((await api.admin.get(path)).body).toEqual(created.body);

  const changed = await api.admin.patch(path, { estimatedMinutes: null, url: null, skills: [] });
  expect(changed.body).toEqual({ ...created.body, estimatedMinutes: null, url: null, skills: [], version: 2, updatedAt: expect.any(String) });
  expect((await api.admin.get("/v1/resources?q=first+principles")).body).toEqual({ items: [changed.body], next: null });
});

test.each([
  ["book", "formal"],
  ["article", "formal"],
  ["course", "formal"],
  ["video", "formal"],
  ["podcast", "formal"],
  ["workshop", "formal"],
  ["conference", "formal"],
  ["certification", "formal"],
  ["mentor", "social"],
  ["coach", "social"],
  ["community", "social"],
  ["shadowing", "social"],
  ["project", "on-the-job"],
  ["assignment", "on-the-job"],
  ["rotation", "on-the-job"],
  ["secondment", "on-the-job"],
  ["other", null],
])("the mode of a %s is %s by default, and what it is told otherwise", async (type, mode) => {
  const created = await api.admin.post("/v1/resources", { type, title: "By type" });
  expect(created.body).toMatchObject({ mode: null, effectiveMode: mode });
  const path = created.headers.location as string;
  const other = mode === "social" ? "on-the-job" : "social";
  expect((await api.admin.patch(path, { mode: other })).body).toMatchObject({ mode: other, effectiveMode: other });
  expect((await api.admin.patch(path, { mode: null })).body).toMatchObject({ mode: null, effectiveMode: mode });
});

test("a type that changes brings its own mode", async () => {
  const { id } = await buildResource(api.db, { type: "course" });
  expect((await api.admin.patch(`/v1/resources/${id}`, { type: "project" })).body).toMatchObject({ type: "project", mode: null, effectiveMode: "on-the-job" });
});

test("what was logged stays as it was logged", async () => {
  const { id } = await buildLearner(api.db);
  const resource = await buildResource(api.db, { type: "book", skills: ["sql"] });
  const session = await api.admin.post(`/v1/learners/${id}/study-sessions`, { startedAt: "2026-06-01T09:00:00Z", minutes: 45, resourceId: resource.id });
  expect(session.status).toBe(201);
  await api.admin.patch(`/v1/resources/${resource.id}`, { type: "mentor", mode: "on-the-job", skills: ["python"] });
  const { warnings: _, ...logged } = session.body;
  expect((await api.admin.get(session.headers.location as string)).body).toEqual(logged);
});

test("a client may name the resource, once", async () => {
  const { id } = await buildResource(api.db);
  const again = await api.admin.post("/v1/resources", { id, type: "book", title: "Again" });
  expect(again).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

test("a mentor may be a learner here, and is found by that", async () => {
  const mentor = await buildLearner(api.db);
  const created = await api.admin.post("/v1/resources", { type: "mentor", title: "Ask Ada", learnerId: mentor.id });
  expect(created.body.learnerId).toBe(mentor.id);
  await buildResource(api.db, { type: "mentor" });
  expect((await api.admin.get(`/v1/resources?learner=${mentor.id}`)).body.items).toEqual([created.body]);
});

test("a learner who does not exist is nobody's mentor", async () => {
  const refusal = { status: 422, body: { code: "reference-missing", detail: "The learner behind this resource does not exist. Create the learner first." } };
  expect(await api.admin.post("/v1/resources", { type: "mentor", title: "Ask nobody", learnerId: uuidv7() })).toMatchObject(refusal);
  const { id } = await buildResource(api.db);
  expect(await api.admin.patch(`/v1/resources/${id}`, { learnerId: uuidv7() })).toMatchObject(refusal);
});

test.each([
  ["#/type", { type: "scroll" }],
  ["#/type", { type: null }],
  ["#/title", { title: "" }],
  ["#/title", { title: "x".repeat(301) }],
  ["#/creator", { creator: "" }],
  ["#/url", { url: "example" }],
  ["#/url", { url: "javascript:alert(1)" }],
  ["#/url", { url: `https://example.com/${"x".repeat(2000)}` }],
  ["#/description", { description: "x".repeat(5001) }],
  ["#/mode", { mode: "onTheJob" }],
  ["#/effectiveMode", { effectiveMode: "social" }],
  ["#/skills", { skills: ["SQL", "sql"] }],
  ["#/skills", { skills: Array.from({ length: 21 }, (_, index) => `skill ${index}`) }],
  ["#/skills/0", { skills: ["none"] }],
  ["#/skills/1", { skills: ["sql", "x".repeat(61)] }],
  // Thirty-one letters that are sixty-two in lower case.
  ["#/skills/0", { skills: ["İ".repeat(31)] }],
  ["#/estimatedMinutes", { estimatedMinutes: 0 }],
  ["#/estimatedMinutes", { estimatedMinutes: 1.5 }],
  ["#/learnerId", { learnerId: "ada" }],
  ["#/archivedAt", { archivedAt: null }],
])("%s is refused in %j", async (pointer, body) => {
  const created = await api.admin.post("/v1/resources", { type: "book", title: "A book", ...body });
  expect(created).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer }] } });
  const { id } = await buildResource(api.db);
  expect(await api.admin.patch(`/v1/resources/${id}`, body)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
});

test("a skill of the greatest length is kept in lower case, whatever becomes of its letters there", async () => {
  const created = await api.admin.post("/v1/resources", { type: "book", title: "A book", skills: ["İ".repeat(30)] });
  expect(created).toMatchObject({ status: 201, body: { skills: ["İ".repeat(30).toLowerCase()] } });
});

describe("an archived resource", () => {
  const titles = async (query: string) => (await api.admin.get(`/v1/resources?${query}`)).body.items.map(({ title }: { title: string }) => title);

  test("is out of lists until it is restored, and is read all the while", async () => {
    const { id } = await buildResource(api.db, { title: "Archived one" });
    await buildResource(api.db, { title: "Archived not" });
    const archived = await api.admin.put(`/v1/resources/${id}/archival`);
    expect(archived).toMatchObject({ status: 200, body: { id, archivedAt: NOW.toISOString(), version: 2 } });
    expect(archived.headers.etag).toBe('"2"');
    expect((await api.admin.get(`/v1/resources/${id}`)).body).toEqual(archived.body);
    expect(await titles("q=archived")).toEqual(["Archived not"]);
    expect(await titles("q=archived&archived=false")).toEqual(["Archived not"]);
    expect(await titles("q=archived&archived=true")).toEqual(["Archived one"]);

    const restored = await api.admin.delete(`/v1/resources/${id}/archival`);
    expect(restored).toMatchObject({ status: 200, body: { id, archivedAt: null, version: 3 } });
    expect(await titles("q=archived")).toEqual(["Archived not", "Archived one"]);
    expect(await titles("q=archived&archived=true")).toEqual([]);
  });

  test("has been archived since the first time", async () => {
    const { id } = await buildResource(api.db);
    const first = await api.admin.put(`/v1/resources/${id}/archival`);
    api.setNow(new Date("2026-06-18T12:00:00Z"));
    expect((await api.admin.put(`/v1/resources/${id}/archival`)).body.archivedAt).toBe(first.body.archivedAt);
  });

  test("that is restored twice is simply there", async () => {
    const { id } = await buildResource(api.db);
    expect(await api.admin.delete(`/v1/resources/${id}/archival`)).toMatchObject({ status: 200, body: { archivedAt: null } });
  });
});

test.each([
  ["get", ""],
  ["patch", ""],
  ["put", "/archival"],
  ["delete", "/archival"],
] as const)("nothing is there: %s%s", async (method, below) => {
  const path = `/v1/resources/${uuidv7()}${below}`;
  const refused = method === "patch" ? await api.admin.patch(path, { title: "Nothing" }) : await api.admin[method](path);
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});
