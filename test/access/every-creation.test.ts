import { v7 as uuidv7 } from "uuid";
import { digest } from "../../src/digest";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildPath, buildResource, buildStep } from "../setup/factories";

let api: TestApp;
let caller: Client;
let learnerId: string;
let goalId: string;
let stepId: string;
beforeAll(async () => {
  api = await startApp();
  caller = api.as(await buildKey(api.db, { role: "admin" }));
  learnerId = (await buildLedLearner(api.db)).learner.id;
  goalId = (await buildGoal(api.db, { learnerId })).id;
  stepId = (await buildStep(api.db, { learnerId, goalId })).id;
});
afterAll(() => api.close());

type Creation = { path(): string; body: object; nulls: object; other: object | (() => object); count(): Promise<number>; clear?(): Promise<unknown> };

const creations: Record<string, Creation> = {
  "a learner": {
    path: () => "/v1/learners",
    nulls: { email: null, externalId: null, target: null },
    body: { name: "Ada", timeZone: "UTC" },
    other: { name: "Bo", timeZone: "UTC" },
    count: () => api.db.learner.count(),
  },
  "a team": {
    path: () => "/v1/teams",
    nulls: { leadId: null, target: null },
    body: { name: "A", parentId: null },
    other: { name: "B", parentId: null },
    count: () => api.db.team.count(),
  },
  "a resource": {
    path: () => "/v1/resources",
    nulls: { creator: null, estimatedMinutes: null },
    body: { type: "book", title: "A", mode: "on-the-job", skills: ["sql"] },
    other: { type: "book", title: "A", mode: "on-the-job", skills: ["sql", "go"] },
    count: () => api.db.resource.count(),
  },
  "a goal": {
    path: () => `/v1/learners/${learnerId}/goals`,
    nulls: { why: null, target: null, completedOn: null },
    body: { title: "A", dueOn: "2026-09-30" },
    other: { title: "A", dueOn: "2026-10-01" },
    count: () => api.db.goal.count(),
  },
  "a path": {
    path: () => "/v1/paths",
    nulls: { purpose: null },
    body: { title: "A", skills: ["sql"], steps: [{ key: "only", title: "Only", prerequisites: [] }] },
    other: { title: "A", skills: ["sql"], steps: [] },
    count: () => api.db.path.count(),
  },
  "a step": {
    path: () => `/v1/learners/${learnerId}/goals/${goalId}/steps`,
    nulls: { section: null, resourceId: null, estimatedMinutes: null, dueOn: null },
    body: { title: "A", mode: "on-the-job", prerequisites: [] },
    other: { title: "A", mode: "social", prerequisites: [] },
    count: () => api.db.step.count(),
  },
  evidence: {
    path: () => `/v1/learners/${learnerId}/goals/${goalId}/evidence`,
    nulls: { stepId: null, url: null },
    body: { title: "A", text: "By me", shared: true },
    other: { title: "A", text: "By me", url: "https://example.com/a", shared: true },
    count: () => api.db.evidence.count(),
  },
  // One waits at a time for the goal, and one for its step.
  "a review": {
    path: () => `/v1/learners/${learnerId}/goals/${goalId}/reviews`,
    nulls: { reviewerId: null },
    body: { question: "A?", stepId: null },
    other: () => ({ question: "A?", stepId }),
    count: () => api.db.review.count(),
    clear: () => api.db.review.deleteMany(),
  },
  "a term": {
    path: () => `/v1/learners/${learnerId}/goals/${goalId}/terms`,
    nulls: { meaning: null, resourceId: null },
    body: { term: "A", learnedOn: "2026-06-01", shared: true },
    other: { term: "B", learnedOn: "2026-06-01", shared: true },
    count: () => api.db.term.count(),
    clear: () => api.db.term.deleteMany(),
  },
  "an API key": {
    path: () => "/v1/api-keys",
    nulls: { learnerId: null, teamId: null, expiresAt: null },
    body: { name: "A", role: "service" },
    other: { name: "A", role: "admin" },
    count: () => api.db.apiKey.count(),
  },
};

describe.each(Object.entries(creations))("creating %s with an Idempotency-Key", (_, { path, body, nulls, count, clear, ...creation }) => {
  let other: object;
  beforeEach(async () => {
    await clear?.();
    other = typeof creation.other === "function" ? creation.other() : creation.other;
  });
  const create = (key: string, sent = body, client = caller) => client.post(path(), sent, { "Idempotency-Key": key });

  test("happens once, and is answered again as before", async () => {
    const key = uuidv7();
    const before = await count();
    const first = await create(key);
    expect(first.status).toBe(201);
    expect(first.headers["idempotency-replayed"]).toBeUndefined();

    const again = await create(key, Object.fromEntries(Object.entries(body).reverse()));
    expect(again.status).toBe(201);
    expect(again.headers["idempotency-replayed"]).toBe("true");
    // A secret is shown once, even so.
    expect(again.body).toEqual("secret" in first.body ? { ...first.body, secret: null } : first.body);
    for (const header of ["location", "etag", "content-type"]) expect(again.headers[header]).toBe(first.headers[header]);
    expect(await count()).toBe(before + 1);
  });

  test.each(["left out", "null"])("is the same request whether a field is left out or null: first %s", async (first) => {
    const [one, two] = first === "null" ? [{ ...body, ...nulls }, body] : [body, { ...body, ...nulls }];
    const key = uuidv7();
    const made = await create(key, one);
    const again = await create(key, two);
    expect([made.status, again.status, again.headers["idempotency-replayed"], again.body.id]).toEqual([201, 201, "true", made.body.id]);
  });

  test("is refused with another body", async () => {
    const key = uuidv7();
    await create(key);
    const before = await count();
    const refused = await create(key, other);
    expect(refused.status).toBe(422);
    expect(refused.body).toEqual({
      type: "urn:cairn:problem:idempotency-key-reused",
      code: "idempotency-key-reused",
      title: "The key came with another body before",
      status: 422,
      detail: "Choose a new Idempotency-Key for a new request; this one belongs to another.",
      requestId: expect.any(String),
    });
    expect(await count()).toBe(before);
  });

  test("happens for each caller who chose the same key", async () => {
    const key = uuidv7();
    const [mine, theirs] = [await create(key), await create(key, other, api.admin)];
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(mine.body.id).not.toBe(theirs.body.id);
  });

  test("happens once when the request comes five times at once", async () => {
    const key = uuidv7();
    const before = await count();
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => create(key)));
    // Who comes while the first is under way is told so, or waits for its answer.
    const created = answers.filter(({ status }) => status === 201);
    const inFlight = answers.filter((answer) => answer.status === 409 && answer.body.code === "idempotency-key-in-flight");
    expect(created.length + inFlight.length).toBe(5);
    const again = await create(key);
    expect(new Set(created.map((answer) => answer.body.id))).toEqual(new Set([again.body.id]));
    expect(await count()).toBe(before + 1);
  });

  test("happens again after a day, and not before", async () => {
    const key = uuidv7();
    const age = (hours: number) => api.db.idempotencyKey.updateMany({ where: { key }, data: { createdAt: new Date(Date.now() - hours * 3_600_000) } });
    const first = await create(key);
    await age(23.9);
    expect((await create(key)).body.id).toBe(first.body.id);
    await age(24.1);
    const second = await create(key, other);
    expect(second.status).toBe(201);
    expect(second.body.id).not.toBe(first.body.id);
  });

  test.each([
    ["empty", ""],
    ["with a space", "a key"],
    ["too long", "k".repeat(129)],
    ["not of ASCII", "cl\u00e9"],
  ])("is refused when the key is %s", async (_, key) => {
    const before = await count();
    expect(await create(key)).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "headers/idempotency-key" }] } });
    expect(await count()).toBe(before);
  });
});

test("a path's next version is drafted once, and answered again as before", async () => {
  const { id } = await buildPath(api.db);
  const headers = { "Idempotency-Key": uuidv7() };
  const draft = (more = headers) => caller.post(`/v1/paths/${id}/versions`, undefined, more);
  const [first, again] = [await draft(), await draft()];
  expect([first.status, again.status, again.headers["idempotency-replayed"]]).toEqual([201, 201, "true"]);
  expect(again.body).toEqual(first.body);
  expect(await draft({ "Idempotency-Key": uuidv7() })).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

test("a refusal is not kept: the same request may succeed later", async () => {
  const [key, parentId] = [uuidv7(), uuidv7()];
  const create = () => caller.post("/v1/teams", { name: "Below", parentId }, { "Idempotency-Key": key });
  expect((await create()).status).toBe(422);
  await caller.post("/v1/teams", { id: parentId, name: "Above" });
  expect(await create()).toMatchObject({ status: 201, body: { parentId } });
});

test("a key belongs to one address", async () => {
  const headers = { "Idempotency-Key": uuidv7() };
  const other = await buildLearner(api.db);
  await caller.post(`/v1/learners/${learnerId}/goals`, { title: "A" }, headers);
  const refused = await caller.post(`/v1/learners/${other.id}/goals`, { title: "A" }, headers);
  expect(refused).toMatchObject({ status: 422, body: { code: "idempotency-key-reused" } });
});

test("what was created may have changed: the first answer is given again", async () => {
  const headers = { "Idempotency-Key": uuidv7() };
  const first = await caller.post("/v1/learners", { name: "Ada" }, headers);
  await caller.patch(first.headers.location as string, { name: "Ada King" });
  expect((await caller.post("/v1/learners", { name: "Ada" }, headers)).body).toEqual(first.body);
});

// The embedded database has one session: there, the second request waits for the first.
const onServer = process.env.DATABASE_URL ? test : test.skip;

onServer("a request whose first is under way is refused", async () => {
  const headers = { "Idempotency-Key": uuidv7() };
  const create = () => caller.post("/v1/teams", { name: "Slow" }, headers);
  const requests = await api.db.$transaction(async (tx) => {
    await tx.$executeRaw`LOCK TABLE teams IN SHARE MODE`;
    const both = [create(), create()];
    const refused = await Promise.race(both);
    expect(refused.status).toBe(409);
    expect(refused.body).toEqual({
      type: "urn:cairn:problem:idempotency-key-in-flight",
      code: "idempotency-key-in-flight",
      title: "The first request with this key is under way",
      status: 409,
      detail: "Wait for the first request with this Idempotency-Key, then send this one again to get its answer.",
      requestId: expect.any(String),
    });
    return { both };
  });
  expect((await Promise.all(requests.both)).map(({ status }) => status).sort()).toEqual([201, 409]);
});

test("null is another request where what is left out is a resource's", async () => {
  const { id: resourceId } = await buildResource(api.db, { type: "book", estimatedMinutes: 60 });
  const step = { title: "A", resourceId };
  for (const [path, body, other] of [
    [`/v1/learners/${learnerId}/goals/${goalId}/steps`, step, { ...step, mode: null }],
    ["/v1/paths", { title: "A", steps: [{ ...step, key: "only" }] }, { title: "A", steps: [{ ...step, key: "only", estimatedMinutes: null }] }],
  ] as const) {
    const headers = { "Idempotency-Key": uuidv7() };
    expect((await caller.post(path, body, headers)).status).toBe(201);
    expect((await caller.post(path, other, headers)).status).toBe(422);
  }
});

test("what the version before stored by a body with null is answered again", async () => {
  const key = uuidv7();
  const [path, body] = ["/v1/resources", { type: "book", title: "A", creator: null }];
  const made = await caller.post(path, body, { "Idempotency-Key": key });
  await api.db.idempotencyKey.updateMany({ where: { key }, data: { bodyDigest: digest(["POST", path, body]) } });
  expect(await caller.post(path, body, { "Idempotency-Key": key })).toMatchObject({ status: 201, body: { id: made.body.id } });
});
