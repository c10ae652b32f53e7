import { v7 as uuidv7 } from "uuid";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildPath, buildResource, keyOf } from "../setup/factories";

const NOWHERE = "0193d5a0-6c00-7a31-9d4e-000000000000";
const NO_MINUTES = { onTheJob: 0, social: 0, formal: 0, unclassified: 0, total: 0 };

let api: TestApp;
let learner: Client;
beforeAll(async () => {
  api = await startApp();
  learner = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
});
beforeEach(() => api.setNow(NOW));
afterAll(() => api.close());

const whole = (key: string, rest: object = {}) => {
  const none = { section: null, resourceId: null, mode: null, estimatedMinutes: null, required: true, weight: 1, prerequisites: [], otherPrerequisites: [] };
  return { key, title: `Step ${key}`, ...none, ...rest };
};
const short = (key: string, rest: object = {}) => ({ key, title: `Step ${key}`, ...rest });

/** A path with a draft of these steps. */
async function draft(...steps: object[]): Promise<string> {
  const { body, status } = await api.admin.post("/v1/paths", { title: "A path", steps });
  expect([status, body.code]).toEqual([201, undefined]);
  return `/v1/paths/${body.id}`;
}

async function published(...steps: object[]): Promise<string> {
  const path = await draft(...steps);
  expect((await api.admin.put(`${path}/versions/1/publication`)).status).toBe(200);
  return path;
}

test("a path is created as the draft of its first version, and read", async () => {
  const { id: resourceId } = await buildResource(api.db);
  const created = await api.as(await buildKey(api.db, { role: "service" })).post("/v1/paths", {
    title: "  From notebook to production ",
    purpose: "An analyst can run what an analyst builds",
    skills: ["Docker", "Kubernetes"],
    steps: [
      short("read", { section: "Basics", resourceId, mode: "social", estimatedMinutes: 600 }),
      short("deploy", { weight: 3, required: false, prerequisites: ["read"], otherPrerequisites: ["Access to the cluster"] }),
    ],
  });
  expect([created.status, created.headers.etag]).toEqual([201, expect.stringMatching(/^"1-/)]);
  expect(created.headers.location).toBe(`/v1/paths/${created.body.id}`);
  expect(created.body).toEqual({
    id: expect.any(String),
    title: "From notebook to production",
    purpose: "An analyst can run what an analyst builds",
    skills: ["docker", "kubernetes"],
    number: 1,
    publishedVersion: null,
    draftVersion: 1,
    archivedAt: null,
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
    plannedMinutes: { ...NO_MINUTES, social: 600, total: 600 },
    criticalPath: { minutes: 600, steps: ["read", "deploy"] },
    steps: [
      whole("read", { section: "Basics", resourceId, mode: "social", estimatedMinutes: 600 }),
      whole("deploy", { weight: 3, required: false, prerequisites: ["read"], otherPrerequisites: ["Access to the cluster"] }),
    ],
    versions: [{ number: 1, publishedAt: null }],
  });
  expect((await api.admin.get(created.headers.location as string)).body).toEqual(created.body);

  const { title, purpose, skills, steps, plannedMinutes, criticalPath, version } = created.body;
  const first = await api.admin.get(`${created.headers.location}/versions/1`);
  expect([first.status, first.headers.etag]).toEqual([200, expect.stringMatching(/^"1-/)]);
  const content = { title, purpose, skills, steps, plannedMinutes, criticalPath, version };
  expect(first.body).toEqual({ pathId: created.body.id, number: 1, publishedAt: null, createdAt: expect.any(String), ...content });
});

test("a title is enough to begin with", async () => {
  const { body } = await api.admin.post("/v1/paths", { title: "Later" });
  expect(body).toMatchObject({ purpose: null, skills: [], steps: [], plannedMinutes: NO_MINUTES, criticalPath: { minutes: 0, steps: [] } });
});

test("a client may name the path, once", async () => {
  const id = uuidv7();
  expect((await api.admin.post("/v1/paths", { id, title: "Named" })).body.id).toBe(id);
  expect(await api.admin.post("/v1/paths", { id, title: "Again" })).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

test("sent again with its Idempotency-Key, a path is created once, and so is its next draft", async () => {
  const key = { "Idempotency-Key": uuidv7() };
  const [first, again] = [await api.admin.post("/v1/paths", { title: "Once" }, key), await api.admin.post("/v1/paths", { title: "Once" }, key)];
  expect([again.status, again.body]).toEqual([201, first.body]);
  const path = await published(short("a"));
  const next = { "Idempotency-Key": uuidv7() };
  const drafted = await api.admin.post(`${path}/versions`, undefined, next);
  expect(drafted.status).toBe(201);
  expect((await api.admin.post(`${path}/versions`, undefined, next)).body).toEqual(drafted.body);
});

test("planned minutes are those of the required steps, by mode", async () => {
  const path = await draft(
    short("a", { mode: "on-the-job", estimatedMinutes: 100 }),
    short("b", { mode: "on-the-job", estimatedMinutes: 20 }),
    short("c", { mode: "social", estimatedMinutes: 7 }),
    short("d", { mode: "formal", estimatedMinutes: 5 }),
    short("e", { estimatedMinutes: 3 }),
    short("f", { mode: "formal" }),
    short("g", { mode: "formal", estimatedMinutes: 1_000, required: false }),
  );
  expect((await api.admin.get(path)).body.plannedMinutes).toEqual({ onTheJob: 120, social: 7, formal: 5, unclassified: 3, total: 135 });
});

test("the critical path is the longest chain, optional steps included", async () => {
  const path = await draft(
    short("a", { estimatedMinutes: 10 }),
    short("b", { estimatedMinutes: 30, required: false, prerequisites: ["a"] }),
    short("c", { estimatedMinutes: 20, prerequisites: ["a"] }),
    short("d", { prerequisites: ["b", "c"] }),
    short("e", { estimatedMinutes: 35 }),
  );
  expect((await api.admin.get(path)).body.criticalPath).toEqual({ minutes: 40, steps: ["a", "b", "d"] });
  expect((await api.admin.get(`${path}/versions/1`)).body.criticalPath).toEqual({ minutes: 40, steps: ["a", "b", "d"] });
});

test("a step is as its resource where it does not say otherwise", async () => {
  const book = (await buildResource(api.db, { type: "book", estimatedMinutes: 300 })).id;
  const talk = (await buildResource(api.db, { type: "mentor", mode: "onTheJob" })).id;
  const other = (await buildResource(api.db, { type: "other" })).id;
  const path = await draft(
    short("book", { resourceId: book }),
    short("faster", { resourceId: book, mode: "on-the-job", estimatedMinutes: 60 }),
    short("neither", { resourceId: book, mode: null, estimatedMinutes: null }),
    short("talk", { resourceId: talk }),
    short("other", { resourceId: other }),
  );
  expect((await api.admin.get(path)).body.steps).toEqual([
    whole("book", { resourceId: book, mode: "formal", estimatedMinutes: 300 }),
    whole("faster", { resourceId: book, mode: "on-the-job", estimatedMinutes: 60 }),
    whole("neither", { resourceId: book }),
    whole("talk", { resourceId: talk, mode: "on-the-job" }),
    whole("other", { resourceId: other }),
  ]);
});

test("a draft changes in what is given, and its steps as a whole", async () => {
  const path = await draft(short("a", { weight: 2 }), short("b", { prerequisites: ["a"] }));
  const version = `${path}/versions/1`;
  const renamed = await api.admin.patch(version, { title: "Renamed", skills: ["Go"] });
  expect([renamed.status, renamed.headers.etag]).toEqual([200, expect.stringMatching(/^"2-/)]);
  expect(renamed.body).toMatchObject({ title: "Renamed", purpose: null, skills: ["go"], steps: [{ key: "a", weight: 2 }, { key: "b" }], version: 2 });
  const replaced = await api.admin.patch(version, { purpose: "To see", steps: [short("c"), short("a")] });
  expect(replaced.body).toMatchObject({ title: "Renamed", purpose: "To see" });
  expect(replaced.body.steps).toEqual([whole("c"), whole("a")]);
  expect((await api.admin.get(version)).body).toEqual(replaced.body);
  const emptied = await api.admin.patch(version, { purpose: null, steps: [] });
  expect(emptied.body).toMatchObject({ title: "Renamed", purpose: null, steps: [], version: 4 });
});

describe("publishing", () => {
  test("makes the draft the version that is shown, at the time of the publication", async () => {
    const path = await draft(short("a"));
    api.setNow(new Date("2026-06-18T09:00:00Z"));
    const done = await api.admin.put(`${path}/versions/1/publication`);
    expect(done).toMatchObject({ status: 200, body: { number: 1, publishedAt: "2026-06-18T09:00:00.000Z", version: 2 } });
    expect((await api.admin.get(path)).body).toMatchObject({
      number: 1,
      publishedVersion: 1,
      draftVersion: null,
      versions: [{ number: 1, publishedAt: "2026-06-18T09:00:00.000Z" }],
    });
  });

  test("again changes nothing", async () => {
    const path = await published(short("a"));
    const { body } = await api.admin.get(`${path}/versions/1`);
    api.setNow(new Date("2026-06-19T09:00:00Z"));
    const again = await api.admin.put(`${path}/versions/1/publication`);
    expect([again.status, again.body]).toEqual([200, body]);
    expect((await api.admin.put(`${path}/versions/1/publication`, undefined, { "If-Match": '"2"' })).status).toBe(200);
    expect((await api.admin.put(`${path}/versions/1/publication`, undefined, { "If-Match": '"1"' })).status).toBe(412);
  });

  test("at once by two is done once", async () => {
    const path = await draft(short("a"));
    const answers = await Promise.all([1, 2].map(() => api.admin.put(`${path}/versions/1/publication`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await api.admin.get(path)).body.version).toBe(2);
  });

  test("takes a step", async () => {
    const path = await draft();
    const refused = await api.admin.put(`${path}/versions/1/publication`);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/steps", detail: expect.any(String) }] } });
    expect((await api.admin.get(path)).body).toMatchObject({ publishedVersion: null, version: 1 });
  });

  test("under an older ETag is refused", async () => {
    const path = await draft(short("a"));
    await api.admin.patch(`${path}/versions/1`, { title: "Changed meanwhile" });
    const refused = await api.admin.put(`${path}/versions/1/publication`, undefined, { "If-Match": '"1"' });
    expect(refused).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect((await api.admin.get(path)).body.publishedVersion).toBeNull();
  });
});

describe("a published version", () => {
  const refusal = {
    status: 409,
    body: {
      code: "path-published",
      title: "A published version does not change",
      detail: "Goals hold on to what they adopted. Draft the next version with POST …/versions, and change that.",
    },
  };

  test.each([{ title: "Otherwise" }, { steps: [{ key: "b", title: "Another" }] }, { steps: [] }, { purpose: null }])("is not changed by %j", async (change) => {
    const path = await published(short("a"));
    const { body } = await api.admin.get(`${path}/versions/1`);
    expect(await api.admin.patch(`${path}/versions/1`, change)).toMatchObject(refusal);
    expect((await api.admin.get(`${path}/versions/1`)).body).toEqual(body);
  });

  test("is not deleted, nor is the path with it", async () => {
    const path = await published(short("a"));
    expect(await api.admin.delete(`${path}/versions/1`)).toMatchObject(refusal);
    expect((await api.admin.get(path)).status).toBe(200);
  });

  test.each([
    ["a new title", (id: string) => api.db.$executeRaw`UPDATE path_versions SET title = 'x' WHERE path_id = ${id}::uuid AND number = 1`],
    [
      "taking the publication back",
      (id: string) => api.db.$executeRaw`UPDATE path_versions SET published_at = NULL WHERE path_id = ${id}::uuid AND number = 1`,
    ],
    ["deleting it", (id: string) => api.db.$executeRaw`DELETE FROM path_versions WHERE path_id = ${id}::uuid AND number = 1`],
    ["deleting the path", (id: string) => api.db.$executeRaw`DELETE FROM paths WHERE id = ${id}::uuid`],
    ["changing a step", (id: string) => api.db.$executeRaw`UPDATE path_steps SET weight = 9 WHERE path_id = ${id}::uuid AND number = 1`],
    ["deleting a step", (id: string) => api.db.$executeRaw`DELETE FROM path_steps WHERE path_id = ${id}::uuid AND number = 1`],
    ["moving a step in", (id: string) => api.db.$executeRaw`UPDATE path_steps SET number = 1, key = 'in' WHERE path_id = ${id}::uuid AND number = 2`],
    ["moving a step out", (id: string) => api.db.$executeRaw`UPDATE path_steps SET number = 2, key = 'out' WHERE path_id = ${id}::uuid AND number = 1`],
    [
      "adding a step",
      (id: string) => api.db.$executeRaw`INSERT INTO path_steps (path_id, number, key, position, title) VALUES (${id}::uuid, 1, 'b', 1, 'Another')`,
    ],
  ])("is held by the database itself against %s", async (_, change) => {
    const path = await published(short("a"));
    await api.admin.post(`${path}/versions`);
    const { body } = await api.admin.get(path);
    await expect(change(body.id)).rejects.toThrow('violates constraint "path_versions_immutable"');
    expect((await api.admin.get(path)).body).toEqual(body);
  });

  test("may be followed by a draft, which the database lets change", async () => {
    const path = await published(short("a"));
    const { id } = (await api.admin.get(path)).body;
    await api.admin.post(`${path}/versions`);
    expect(await api.db.$executeRaw`UPDATE path_steps SET weight = 9 WHERE path_id = ${id}::uuid AND number = 2`).toBe(1);
    expect((await api.admin.get(`${path}/versions/2`)).body.steps[0].weight).toBe(9);
  });
});

describe("the next version", () => {
  test("is drafted from the last, and changes without it", async () => {
    const path = await draft(short("a"), short("b", { prerequisites: ["a"], weight: 4 }));
    await api.admin.patch(`${path}/versions/1`, { purpose: "To see", skills: ["go"] });
    await api.admin.put(`${path}/versions/1/publication`);
    const { body: first } = await api.admin.get(`${path}/versions/1`);
    const drafted = await api.admin.post(`${path}/versions`);
    expect([drafted.status, drafted.headers.location]).toEqual([201, `${path}/versions/2`]);
    expect(drafted.body).toEqual({ ...first, number: 2, publishedAt: null, version: 4, createdAt: expect.any(String) });

    await api.admin.patch(`${path}/versions/2`, { title: "The second", steps: [short("c")] });
    expect((await api.admin.get(`${path}/versions/1`)).body).toEqual({ ...first, version: 5 });
    expect((await api.admin.get(path)).body).toMatchObject({ title: "A path", number: 1, publishedVersion: 1, draftVersion: 2 });
    await api.admin.put(`${path}/versions/2/publication`);
    expect((await api.admin.get(path)).body).toMatchObject({
      title: "The second",
      number: 2,
      publishedVersion: 2,
      draftVersion: null,
      versions: [{ number: 2 }, { number: 1 }],
    });
  });

  test("waits for the draft that there is", async () => {
    const path = await draft(short("a"));
    const refused = await api.admin.post(`${path}/versions`);
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "already-exists", detail: "Version 1 is being drafted. Change it, publish it or delete it." },
    });
    expect((await api.admin.get(path)).body.version).toBe(1);
  });

  test("is drafted once by two at once", async () => {
    const path = await published(short("a"));
    const answers = await Promise.all([1, 2].map(() => api.admin.post(`${path}/versions`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
  });
});

describe("a draft that is deleted", () => {
  test("leaves the published version, and may be drafted again", async () => {
    const path = await published(short("a"));
    await api.admin.post(`${path}/versions`);
    await api.admin.patch(`${path}/versions/2`, { steps: [short("b")] });
    expect(await api.admin.delete(`${path}/versions/2`, { "If-Match": '"3"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect((await api.admin.delete(`${path}/versions/2`, { "If-Match": '"4"' })).status).toBe(204);
    expect((await api.admin.get(`${path}/versions/2`)).status).toBe(404);
    expect((await api.admin.get(path)).body).toMatchObject({ number: 1, draftVersion: null, versions: [{ number: 1 }] });
    expect((await api.admin.post(`${path}/versions`)).body).toMatchObject({ number: 2, steps: [{ key: "a" }] });
  });

  test("takes the path with it when it was the only version", async () => {
    const path = await draft(short("a"));
    expect((await api.admin.delete(`${path}/versions/1`)).status).toBe(204);
    expect((await api.admin.get(path)).status).toBe(404);
    expect(await api.db.path.count({ where: { id: path.split("/").at(-1) } })).toBe(0);
  });
});

describe("an archived path", () => {
  test("is out of lists until it is restored, and is read all the while", async () => {
    const path = await published(short("a"));
    const { id } = (await api.admin.get(path)).body;
    const titles = async (query: string) => (await learner.get(`/v1/paths${query}`)).body.items.map((item: { id: string }) => item.id);
    const archived = await api.admin.put(`${path}/archival`);
    expect(archived).toMatchObject({ status: 200, body: { id, archivedAt: NOW.toISOString(), version: 3 } });
    expect((await api.admin.put(`${path}/archival`)).body).toEqual(archived.body);
    expect((await learner.get(path)).body).toMatchObject({ id, archivedAt: NOW.toISOString() });
    expect(await titles("?limit=200")).not.toContain(id);
    expect(await titles("?limit=200&archived=true")).toContain(id);
    const restored = await api.admin.delete(`${path}/archival`);
    expect(restored).toMatchObject({ status: 200, body: { archivedAt: null, version: 4 } });
    expect((await api.admin.delete(`${path}/archival`)).body).toEqual(restored.body);
    expect(await titles("?limit=200")).toContain(id);
  });

  test("is archived and restored under its ETag alone", async () => {
    const path = await draft(short("a"));
    expect(await api.admin.put(`${path}/archival`, undefined, { "If-Match": '"7"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect((await api.admin.put(`${path}/archival`, undefined, { "If-Match": '"1"' })).headers.etag).toMatch(/^"2-/);
    expect(await api.admin.delete(`${path}/archival`, { "If-Match": '"1"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
  });
});

describe("who sees what", () => {
  test("learners see what is published, and no draft of anything", async () => {
    const path = await published(short("a"));
    await api.admin.post(`${path}/versions`);
    await api.admin.patch(`${path}/versions/2`, { title: "Not yet" });
    const { id } = (await api.admin.get(path)).body;
    const seen = await learner.get(path);
    expect(seen.body).toMatchObject({ title: "A path", number: 1, publishedVersion: 1, draftVersion: null });
    expect(seen.body.versions).toEqual([{ number: 1, publishedAt: expect.any(String) }]);
    expect((await learner.get(`${path}/versions/1`)).status).toBe(200);
    expect(await learner.get(`${path}/versions/2`)).toMatchObject({ status: 404, body: { code: "not-found" } });
    const listed = (await learner.get("/v1/paths?limit=200")).body.items.find((item: { id: string }) => item.id === id);
    const { steps: _, plannedMinutes: __, criticalPath: ___, versions: ____, ...summary } = seen.body;
    expect(listed).toEqual(summary);
  });

  test("a path that was never published is nothing to learners", async () => {
    const path = await draft(short("a"));
    expect(await learner.get(path)).toMatchObject({ status: 404, body: { code: "not-found" } });
    expect(await learner.get(`${path}/versions/1`)).toMatchObject({ status: 404, body: { code: "not-found" } });
    const ids = async (client: Client) => (await client.get("/v1/paths?limit=200")).body.items.map((item: { id: string }) => `/v1/paths/${item.id}`);
    expect(await ids(learner)).not.toContain(path);
    expect(await ids(api.admin)).toContain(path);
  });

  test("nothing is read under another number or path", async () => {
    const { id } = await buildPath(api.db);
    for (const path of [`/v1/paths/${NOWHERE}`, `/v1/paths/${id}/versions/2`, `/v1/paths/${NOWHERE}/versions/1`]) {
      expect(await api.admin.get(path)).toMatchObject({ status: 404, body: { code: "not-found" } });
    }
    expect(await api.admin.get(`/v1/paths/${id}/versions/0`)).toMatchObject({ status: 400, body: { errors: [{ pointer: "path/number" }] } });
  });
});

describe("what is not there is not changed", () => {
  test.each([
    ["drafting", () => api.admin.post(`/v1/paths/${NOWHERE}/versions`)],
    ["archiving", () => api.admin.put(`/v1/paths/${NOWHERE}/archival`)],
    ["restoring", () => api.admin.delete(`/v1/paths/${NOWHERE}/archival`)],
    ["publishing a path that is not there", () => api.admin.put(`/v1/paths/${NOWHERE}/versions/1/publication`)],
    ["publishing a version that is not there", async () => api.admin.put(`${await draft()}/versions/2/publication`)],
    ["changing a version that is not there", async () => api.admin.patch(`${await draft()}/versions/2`, { title: "Otherwise" })],
    ["replacing steps of a version that is not there", async () => api.admin.patch(`${await draft()}/versions/2`, { steps: [] })],
    ["deleting a version that is not there", async () => api.admin.delete(`${await draft()}/versions/2`)],
  ])("%s", async (_, change) => {
    expect(await change()).toMatchObject({ status: 404, body: { code: "not-found" } });
  });
});

describe("paths are listed", () => {
  test("by title, as their last version has it, in pages, by words and by skill", async () => {
    const skill = `listed-${uuidv7()}`;
    const build = async (title: string, purpose: string | null) => {
      const { body } = await api.admin.post("/v1/paths", { title, purpose, skills: [skill], steps: [short("a")] });
      await api.admin.put(`/v1/paths/${body.id}/versions/1/publication`);
    };
    await build("Cherry", "Red 50%");
    await build("Apple", "Green");
    await build("Banana", null);
    const read = async (query: string) => (await learner.get(`/v1/paths?skill=${skill}&${query}`)).body;
    const titles = async (query: string) => (await read(query)).items.map(({ title }: { title: string }) => title);
    expect(await titles("")).toEqual(["Apple", "Banana", "Cherry"]);
    expect(await titles("q=RED+cherry")).toEqual(["Cherry"]);
    expect(await titles("q=50%25")).toEqual(["Cherry"]);
    expect(await titles("q=an_na")).toEqual([]);
    const first = await read("limit=2");
    expect(first.items.map(({ title }: { title: string }) => title)).toEqual(["Apple", "Banana"]);
    expect(await read(`limit=2&cursor=${first.next}`)).toMatchObject({ items: [{ title: "Cherry" }], next: null });
    expect((await learner.get(`/v1/paths?skill=${skill}-not`)).body.items).toEqual([]);
  });

  test.each([
    ["a word too long", `q=${"x".repeat(101)}`, "query/q"],
    ["a flag that is none", "archived=yes", "query/archived"],
    ["an unknown filter", "title=Apple", "query/title"],
    ["no limit", "limit=0", "query/limit"],
  ])("%s is refused", async (_, query, pointer) => {
    expect(await learner.get(`/v1/paths?${query}`)).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer }] } });
  });
});

describe("what is refused, in a new path and in a draft alike, and changes nothing", () => {
  const a = short("a");

  async function refused(body: object) {
    const { title = "A path", ...rest } = body as { title?: unknown };
    const count = await api.db.path.count();
    const created = await api.admin.post("/v1/paths", { title, ...rest });
    expect(await api.db.path.count()).toBe(count);
    const path = await draft(short("old"));
    const { body: before } = await api.admin.get(path);
    const changed = await api.admin.patch(`${path}/versions/1`, { title, ...rest });
    expect((await api.admin.get(path)).body).toEqual(before);
    // What else is known is not the same: a draft takes no id.
    const said = ({ text }: { text: string }) => ({ ...JSON.parse(text.replace("Known are id, ", "Known are ")), requestId: null });
    expect(said(changed)).toEqual(said(created));
    return created;
  }

  test.each([
    [
      "a circle of two",
      [short("a", { title: "Read", prerequisites: ["b"] }), short("b", { title: "Write", prerequisites: ["a"] })],
      '"Read" → "Write" → "Read"',
    ],
    [
      "a circle of three behind others",
      [a, short("w", { prerequisites: ["z", "a"] }), short("x", { prerequisites: ["w"] }), short("z", { prerequisites: ["x"] })],
      '"Step w" → "Step x" → "Step z" → "Step w"',
    ],
    ["a step that waits for itself", [short("a", { prerequisites: ["a"] })], '"Step a" → "Step a"'],
  ])("%s, named", async (_, steps, circle) => {
    const { status, body } = await refused({ steps });
    expect([status, body.code, body.errors]).toEqual([422, "prerequisite-circle", undefined]);
    expect(body.detail).toBe(`Each of these steps waits for the one before it, so none could ever begin: ${circle}. Take one of these prerequisites out.`);
  });

  test.each([
    ["a key that comes twice", [a, short("b"), short("a")], "#/steps/2/key", 'Another step has the key "a" already. Give each step its own.'],
    [
      "an unknown prerequisite",
      [a, short("b", { prerequisites: ["a", "c"] })],
      "#/steps/1/prerequisites/1",
      'A prerequisite is another one of these steps, named once: no step here has the key "c". Correct it or take it out.',
    ],
    [
      "a prerequisite named twice",
      [a, short("b", { prerequisites: ["a", "a"] })],
      "#/steps/1/prerequisites/1",
      'A prerequisite is another one of these steps, named once: "a" is named twice. Correct it or take it out.',
    ],
  ])("%s", async (_, steps, pointer, detail) => {
    const { status, body } = await refused({ steps });
    expect([status, body.code, body.errors]).toEqual([400, "invalid-request", [{ pointer, detail }]]);
  });

  test("an unknown resource", async () => {
    const { status, body } = await refused({ steps: [a, short("b", { resourceId: NOWHERE })] });
    const detail = "The resource does not exist. Look it up under /v1/resources.";
    expect([status, body.code, body.errors]).toEqual([422, "reference-missing", [{ pointer: "#/steps/1/resourceId", detail }]]);
  });

  test.each([
    ["weight 0", { weight: 0 }, "weight", "Must be a whole number from 1 to 1000. It is 0."],
    ["a negative weight", { weight: -1 }, "weight", "Must be a whole number from 1 to 1000. It is -1."],
    ["half a weight", { weight: 1.5 }, "weight", "Must be a whole number from 1 to 1000. It is 1.5."],
    ["a weight too great", { weight: 1_001 }, "weight", expect.any(String)],
    ["a weight in words", { weight: "1" }, "weight", expect.any(String)],
    ["no minutes", { estimatedMinutes: 0 }, "estimatedMinutes", expect.any(String)],
    ["half a minute", { estimatedMinutes: 0.5 }, "estimatedMinutes", expect.any(String)],
    ["minutes beyond counting", { estimatedMinutes: 10_000_001 }, "estimatedMinutes", expect.any(String)],
    ["an unknown mode", { mode: "onTheJob" }, "mode", expect.any(String)],
    ["a resource that is no id", { resourceId: "book" }, "resourceId", expect.any(String)],
    ["an empty section", { section: " " }, "section", expect.any(String)],
    ["an empty title", { title: "" }, "title", expect.any(String)],
    ["a title too long", { title: "x".repeat(301) }, "title", expect.any(String)],
    ["a key with capitals", { key: "First" }, "key", expect.any(String)],
    ["a key with a loose hyphen", { key: "first-" }, "key", expect.any(String)],
    ["a key too long", { key: "x".repeat(61) }, "key", expect.any(String)],
    ["neither required nor optional", { required: null }, "required", expect.any(String)],
    ["a null among the words", { otherPrerequisites: [null] }, "otherPrerequisites/0", expect.any(String)],
    ["a due day, which is the goal's", { dueOn: "2026-07-01" }, "dueOn", expect.any(String)],
  ])("a step with %s", async (_, rest, place, detail) => {
    const { status, body } = await refused({ steps: [a, short("b", rest)] });
    expect([status, body.code, body.errors]).toEqual([400, "invalid-request", [{ pointer: `#/steps/1/${place}`, detail }]]);
  });

  test.each([
    ["an empty title", { title: " " }, "#/title"],
    ["an empty purpose", { purpose: "" }, "#/purpose"],
    ["a skill named twice", { skills: ["Go", "go"] }, "#/skills"],
    ["steps that are none", { steps: null }, "#/steps"],
    ["a publication of one's own", { publishedAt: "2026-06-01T00:00:00Z" }, "#/publishedAt"],
  ])("%s", async (_, rest, pointer) => {
    const { status, body } = await refused(rest);
    expect([status, body.code, body.errors]).toEqual([400, "invalid-request", [{ pointer, detail: expect.any(String) }]]);
  });

  test("501 steps; 500 are not too many", async () => {
    const steps = Array.from({ length: 501 }, (_, index) => short(`s${index}`));
    const { status, body } = await refused({ steps });
    expect([status, body.errors]).toEqual([400, [{ pointer: "#/steps", detail: "Must be at most 500 steps. It is a list of 501 items." }]]);
    expect((await api.admin.get(await draft(...steps.slice(1)))).body.steps).toHaveLength(500);
  });
});

test("a resource that a step of a path is made of stays", async () => {
  const { id } = await buildResource(api.db);
  await draft(short("a", { resourceId: id }));
  await expect(api.db.resource.delete({ where: { id } })).rejects.toThrow("path_steps_resource_id_fkey");
});

test("a draft is changed under the ETag that was read alone", async () => {
  const path = await draft(short("a"));
  expect((await api.admin.patch(`${path}/versions/1`, { title: "One" }, { "If-Match": '"1"' })).status).toBe(200);
  const refused = await api.admin.patch(`${path}/versions/1`, { title: "Two" }, { "If-Match": '"1"' });
  expect(refused).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
  expect((await api.admin.get(path)).body.title).toBe("One");
});

test("what a goal has adopted stays when the path goes on", async () => {
  const { id } = await buildPath(api.db, [{ key: "a" }]);
  const goal = await buildGoal(api.db, { pathId: id, pathVersion: 1 });
  await api.admin.post(`/v1/paths/${id}/versions`);
  await api.admin.put(`/v1/paths/${id}/versions/2/publication`);
  await api.admin.put(`/v1/paths/${id}/archival`);
  expect((await api.admin.get(`/v1/learners/${goal.learnerId}/goals/${goal.id}`)).body.path).toEqual({
    id,
    title: expect.any(String),
    version: 1,
    newerVersion: null,
  });
});
