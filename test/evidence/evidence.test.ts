import { v7 as uuidv7 } from "uuid";
import type { Goal, Learner } from "../../src/generated/prisma/client";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildStep, keyOf } from "../setup/factories";
import { buildEvidence } from "../setup/growth-factories";

let api: TestApp;
let learner: Learner;
let goal: Goal;
let self: Client;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  goal = await buildGoal(api.db, { learnerId: learner.id });
  self = api.as(await keyOf(api.db, learner.id));
});
afterAll(() => api.close());

const evidence = (below = "") => `/v1/learners/${learner.id}/goals/${goal.id}/evidence${below}`;
const notFound = { status: 404, body: { code: "not-found" } };

test("evidence is added, read, listed, changed and deleted by its learner", async () => {
  const step = await buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
  const created = await self.post(evidence(), {
    stepId: step.id,
    title: "  The service's runbook ",
    url: "https://example.com/runbook?page=2",
    text: "  Written while\ndeploying ",
  });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    learnerId: learner.id,
    goalId: goal.id,
    id: expect.any(String),
    stepId: step.id,
    title: "The service's runbook",
    url: "https://example.com/runbook?page=2",
    text: "  Written while\ndeploying ",
    shared: false,
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect(path).toBe(evidence(`/${created.body.id}`));
  expect((await self.get(path)).body).toEqual(created.body);

  const changed = await self.patch(path, { stepId: null, title: "The runbook", text: null });
  expect(changed.status).toBe(200);
  expect(changed.body).toEqual({ ...created.body, stepId: null, title: "The runbook", text: null, version: 2, updatedAt: expect.any(String) });
  expect((await self.get(evidence())).body).toEqual({ items: [changed.body], next: null });

  expect((await self.delete(path)).status).toBe(204);
  expect(await self.get(path)).toMatchObject(notFound);
  expect((await self.get(evidence())).body).toEqual({ items: [], next: null });
});

test("evidence is listed the newest first, and of a step alone when asked", async () => {
  const step = await buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
  const build = (title: string, day: number, stepId?: string) =>
    buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id, title, createdAt: new Date(Date.UTC(2026, 0, day)), stepId: stepId ?? null });
  await build("second", 2, step.id);
  await build("third", 3);
  await build("first", 1, step.id);
  await buildEvidence(api.db, { learnerId: learner.id, title: "of another goal" });
  const titles = async (query: string) => (await self.get(evidence(query))).body.items.map(({ title }: { title: string }) => title);
  expect(await titles("")).toEqual(["third", "second", "first"]);
  expect(await titles(`?step=${step.id}`)).toEqual(["second", "first"]);
  expect(await titles(`?step=${uuidv7()}`)).toEqual([]);
  expect(await self.get(evidence("?step=none"))).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/step" }] } });
});

test("a client may name the evidence, once; ids of two learners don't meet", async () => {
  const { id } = await buildEvidence(api.db);
  expect(await self.post(evidence(), { id, title: "The same id", text: "x" })).toMatchObject({ status: 201, body: { id } });
  expect(await self.post(evidence(), { id, title: "Again", text: "x" })).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

describe("whose it is", () => {
  /** Evidence that its learner keeps, and everybody else who can see the learner. */
  async function build(shared: boolean) {
    const { lead, learner } = await buildLedLearner(api.db);
    const { goalId, id } = await buildEvidence(api.db, { learnerId: learner.id, shared });
    const list = `/v1/learners/${learner.id}/goals/${goalId}/evidence`;
    const others: [string, Client][] = [
      ["lead", api.as(await keyOf(api.db, lead.id))],
      ["service", api.as(await buildKey(api.db, { role: "service" }))],
      ["admin", api.admin],
    ];
    return { list, path: `${list}/${id}`, id, others, own: api.as(await keyOf(api.db, learner.id)) };
  }

  test("private evidence does not exist for the lead, a service or an admin", async () => {
    const { list, path, others, own } = await build(false);
    for (const [who, client] of others) {
      expect([who, (await client.get(path)).status]).toEqual([who, 404]);
      expect([who, (await client.get(list)).body]).toEqual([who, { items: [], next: null }]);
      expect((await client.get(list, { Accept: "text/csv" })).text).not.toContain("What I did");
    }
    expect((await own.get(path)).body).toMatchObject({ text: "What I did", shared: false });
  });

  test("private evidence is no more than nothing to them: the same words", async () => {
    const { list, path, others } = await build(false);
    for (const [, client] of others) {
      const [hidden, nothing] = [await client.get(path), await client.get(`${list}/${uuidv7()}`)];
      expect({ ...hidden.body, requestId: "" }).toEqual({ ...nothing.body, requestId: "" });
    }
  });

  test("a service or an admin can neither change, share nor delete what is private", async () => {
    const { path, others, own } = await build(false);
    for (const [, client] of others.filter(([who]) => who !== "lead")) {
      expect(await client.patch(path, { title: "Mine now" })).toMatchObject(notFound);
      expect(await client.patch(path, { shared: true })).toMatchObject(notFound);
      expect(await client.delete(path)).toMatchObject(notFound);
      // A right guess of the version must not tell that it is there.
      expect((await client.patch(path, { shared: true }, { "If-Match": '"1"' })).status).toBe(
        (await client.patch(`${path.slice(0, -36)}${uuidv7()}`, { shared: true }, { "If-Match": '"1"' })).status,
      );
    }
    expect((await own.get(path)).body).toMatchObject({ title: expect.stringMatching(/^Evidence/), shared: false, version: 1 });
  });

  test("shared evidence is for whoever sees the goal, and the lead still does not change it", async () => {
    const { list, path, id, others, own } = await build(true);
    for (const [who, client] of others) {
      expect([who, (await client.get(path)).body.text]).toEqual([who, "What I did"]);
      expect([who, (await client.get(list)).body.items.map((each: { id: string }) => each.id)]).toEqual([who, [id]]);
    }
    const [[, lead], [, service]] = others as [[string, Client], [string, Client]];
    expect(await lead.patch(path, { title: "Mine now" })).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await lead.delete(path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await service.patch(path, { title: "Spelt right" })).toMatchObject({ status: 200, body: { title: "Spelt right" } });
    expect((await own.get(path)).body.title).toBe("Spelt right");
  });

  test("sharing shows it, and taking it back hides it again", async () => {
    const { list, path, others, own } = await build(false);
    const [, lead] = others[0] as [string, Client];
    expect(await own.patch(path, { shared: true })).toMatchObject({ status: 200, body: { shared: true } });
    expect((await lead.get(path)).status).toBe(200);
    expect(await own.patch(path, { shared: false })).toMatchObject({ status: 200, body: { shared: false } });
    expect(await lead.get(path)).toMatchObject(notFound);
    expect((await lead.get(list)).body.items).toEqual([]);
  });

  test("others add shared evidence alone, and do not take from the learner what is shared", async () => {
    const refusal = { status: 400, body: { errors: [{ pointer: "#/shared", detail: expect.stringContaining("Only the learner keeps things private") }] } };
    for (const client of [api.admin, api.as(await buildKey(api.db, { role: "service" }))]) {
      for (const input of [{}, { shared: false }])
        expect(await client.post(evidence(), { title: "From an import", text: "x", ...input })).toMatchObject(refusal);
      const added = await client.post(evidence(), { title: "From an import", text: "x", shared: true });
      expect(added).toMatchObject({ status: 201, body: { shared: true } });
      const path = added.headers.location as string;
      expect((await client.get(path)).body).toEqual(added.body);
      expect(await client.patch(path, { shared: false })).toMatchObject(refusal);
      expect(await client.patch(path, { text: "y" })).toMatchObject({ status: 200, body: { text: "y", shared: true } });
      expect(await self.patch(path, { shared: false })).toMatchObject({ status: 200, body: { shared: false } });
    }
  });

  test("who can't see the learner finds nothing, shared or not", async () => {
    const { list, path } = await build(true);
    const stranger = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    for (const refused of [await stranger.get(path), await stranger.get(list), await stranger.post(list, { title: "A", text: "x" })]) {
      expect(refused).toMatchObject(notFound);
    }
  });

  test("a page is full although private evidence lies between what is shared", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const { id: goalId } = await buildGoal(api.db, { learnerId: learner.id });
    for (const [index, shared] of [true, false, false, true, false, true].entries()) {
      await buildEvidence(api.db, { learnerId: learner.id, goalId, title: `${index}`, shared, createdAt: new Date(Date.UTC(2026, 0, index + 1)) });
    }
    const client = api.as(await keyOf(api.db, lead.id));
    const path = `/v1/learners/${learner.id}/goals/${goalId}/evidence?limit=2`;
    const first = (await client.get(path)).body;
    expect(first.items.map(({ title }: { title: string }) => title)).toEqual(["5", "3"]);
    const second = (await client.get(`${path}&cursor=${first.next}`)).body;
    expect(second).toMatchObject({ items: [{ title: "0" }], next: null });
  });
});

describe("what it must be", () => {
  const empty = { status: 400, body: { code: "invalid-request", detail: "Evidence is a url or a text, or both. Give one." } };

  test("a link or a text, when it is added and when it is changed", async () => {
    expect(await self.post(evidence(), { title: "Nothing" })).toMatchObject(empty);
    expect(await self.post(evidence(), { title: "Nothing", url: null, text: null })).toMatchObject(empty);
    const { body } = await self.post(evidence(), { title: "A link", url: "https://example.com/" });
    expect(body).toMatchObject({ url: "https://example.com/", text: null });
    expect(await self.patch(evidence(`/${body.id}`), { url: null })).toMatchObject(empty);
    expect(await self.patch(evidence(`/${body.id}`), { url: null, text: "In words" })).toMatchObject({ status: 200, body: { url: null, text: "In words" } });
  });

  test.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "ftp://example.com/a",
    "mailto:ada@example.com",
    "//example.com/a",
    "example.com/a",
    "http:",
    "https://example.com/a b",
    "",
  ])("the address %j is refused", async (url) => {
    const added = await self.post(evidence(), { title: "A link", url });
    expect(added).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/url" }] } });
    const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id });
    expect(await self.patch(evidence(`/${id}`), { url })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/url" }] } });
  });

  test.each(["http://intranet/runbook", "HTTPS://EXAMPLE.COM/a", "https://müller.example/straße?q=ä#z", "https://user@example.com:8443/"])(
    "the address %s is kept as it was given",
    async (url) => {
      expect((await self.post(evidence(), { title: "A link", url })).body.url).toBe(url);
    },
  );

  test.each([
    ["#/title", { title: " " }],
    ["#/title", { title: null }],
    ["#/title", { title: "x".repeat(301) }],
    ["#/text", { text: "" }],
    ["#/text", { text: "x".repeat(20_001) }],
    ["#/shared", { shared: null }],
    ["#/shared", { shared: "true" }],
    ["#/stepId", { stepId: "none" }],
    ["#/learnerId", { learnerId: uuidv7() }],
    ["#/goalId", { goalId: uuidv7() }],
    ["#/version", { version: 1 }],
  ])("%s is refused in %j", async (pointer, body) => {
    const added = await self.post(evidence(), { title: "A text", text: "x", ...body });
    expect(added.status).toBe(400);
    expect(added.body.errors).toContainEqual({ pointer, detail: expect.any(String) });
    const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id });
    const changed = await self.patch(evidence(`/${id}`), body);
    expect(changed.status).toBe(400);
    expect(changed.body.errors).toContainEqual({ pointer, detail: expect.any(String) });
  });

  test("an address is at most 2,000 characters long", async () => {
    const longest = `https://example.com/${"a".repeat(1_980)}`;
    expect((await self.post(evidence(), { title: "A link", url: longest })).body.url).toBe(longest);
    expect(await self.post(evidence(), { title: "A link", url: `${longest}a` })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/url" }] } });
  });

  test("its step is one of this goal", async () => {
    const detail = "The goal has no such step. Use the id of one of its steps.";
    const refusal = { status: 422, body: { code: "reference-missing", detail, errors: [{ pointer: "#/stepId", detail }] } };
    const elsewhere = [
      uuidv7(),
      (await buildStep(api.db, { learnerId: learner.id })).id,
      // Of somebody else's goal.
      (await buildStep(api.db)).id,
    ];
    const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id });
    for (const stepId of elsewhere) {
      expect(await self.post(evidence(), { title: "A text", text: "x", stepId })).toMatchObject(refusal);
      expect(await self.patch(evidence(`/${id}`), { stepId })).toMatchObject(refusal);
    }
  });
});

test("a step with evidence is not deleted, and the goal takes its evidence with it", async () => {
  const step = await buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
  const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id, stepId: step.id });
  const goalPath = `/v1/learners/${learner.id}/goals/${goal.id}`;
  expect(await self.delete(`${goalPath}/steps/${step.id}`)).toMatchObject({ status: 409, body: { code: "in-use" } });
  expect((await self.get(evidence(`/${id}`))).status).toBe(200);
  expect((await self.delete(goalPath)).status).toBe(204);
  expect(await api.db.evidence.count({ where: { learnerId: learner.id } })).toBe(0);
});

test.each(["get", "patch", "delete"] as const)("evidence is nothing under another goal: %s", async (method) => {
  const { id } = await buildEvidence(api.db, { learnerId: learner.id, shared: true });
  const path = evidence(`/${id}`);
  const refused = method === "patch" ? await self.patch(path, { title: "Here now" }) : await self[method](path);
  expect(refused).toMatchObject(notFound);
  expect(await api.db.evidence.count({ where: { learnerId: learner.id, id, version: 1 } })).toBe(1);
});

test.each(["get", "post"] as const)("a goal that is not there, or is somebody else's, has no evidence: %s", async (method) => {
  for (const goalId of [uuidv7(), (await buildGoal(api.db)).id]) {
    const path = `/v1/learners/${learner.id}/goals/${goalId}/evidence`;
    expect(method === "post" ? await self.post(path, { title: "A", text: "x" }) : await self.get(path)).toMatchObject(notFound);
  }
});
