import { v7 as uuidv7 } from "uuid";
import type { Learner } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildSession, keyOf } from "../setup/factories";

let api: TestApp;
let learner: Learner;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
});
afterAll(() => api.close());

const NO_MINUTES = { onTheJob: 0, social: 0, formal: 0, unclassified: 0, total: 0 };

const goals = (below = "") => `/v1/learners/${learner.id}/goals${below}`;

test("a goal is set, read, listed and changed by its learner", async () => {
  const self = api.as(await keyOf(api.db, learner.id));
  const created = await self.post(goals(), {
    title: "Deploy my own service to production",
    why: "So that an analysis becomes a product without a hand-over",
    skills: ["Docker", "Kubernetes"],
    status: "on-hold",
    startsOn: "2026-03-02",
    dueOn: "2026-09-30",
  });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    learnerId: learner.id,
    id: expect.any(String),
    title: "Deploy my own service to production",
    why: "So that an analysis becomes a product without a hand-over",
    skills: ["docker", "kubernetes"],
    status: "on-hold",
    startsOn: "2026-03-02",
    dueOn: "2026-09-30",
    completedOn: null,
    reviewerId: null,
    reviewerName: null,
    followsId: null,
    followsTitle: null,
    target: null,
    path: null,
    growth: {
      progress: null,
      health: { status: "on-hold", rule: "on-hold", explanation: "The goal's status is on-hold.", blockedBy: [] },
      steps: { total: 0, required: 0, completed: 0, skipped: 0, blocked: 0, overdue: 0, dueSoon: 0 },
      plannedMinutes: NO_MINUTES,
      loggedMinutes: NO_MINUTES,
      remainingMinutes: 0,
      unestimatedSteps: 0,
      minutesPerWeek: null,
      projectedEnd: null,
    },
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect(path).toBe(goals(`/${created.body.id}`));
  expect((await self.get(path)).body).toEqual(created.body);

  const changed = await self.patch(path, { status: "active", why: null, dueOn: null });
  const health = { status: "not-started", rule: "nothing-begun", explanation: "Nothing was logged or completed, and no step was started.", blockedBy: [] };
  const growth = { ...created.body.growth, health };
  expect(changed.body).toEqual({ ...created.body, status: "active", why: null, dueOn: null, growth, version: 2, updatedAt: expect.any(String) });
  expect((await self.get(goals())).body).toEqual({ items: [changed.body], next: null });
});

test("a goal of which only the title is said is active", async () => {
  const { body } = await api.admin.post(goals(), { title: "Learn TypeScript" });
  expect(body).toMatchObject({ title: "Learn TypeScript", why: null, skills: [], status: "active", startsOn: null, dueOn: null });
});

test("a client may name the goal, once; ids of two learners don't meet", async () => {
  const { id } = await buildGoal(api.db);
  expect((await api.admin.post(goals(), { id, title: "The same id" })).status).toBe(201);
  expect(await api.admin.post(goals(), { id, title: "Again" })).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

test("an ETag changes with what is logged on the goal, and a goal is changed under one that was read before", async () => {
  const { id } = await buildGoal(api.db, { learnerId: learner.id });
  const before = await api.admin.get(goals(`/${id}`));
  expect(before.headers.etag).toMatch(/^"1-[\w-]{8}"$/);
  await buildSession(api.db, { learnerId: learner.id, goalId: id });
  const after = await api.admin.get(goals(`/${id}`), { "If-None-Match": before.headers.etag as string });
  expect([after.status, after.body.version, after.body.growth.loggedMinutes.total]).toEqual([200, 1, 60]);
  expect(after.headers.etag).not.toBe(before.headers.etag);
  const change = (ifMatch: string) => api.admin.patch(goals(`/${id}`), { why: "Because" }, { "If-Match": ifMatch });
  expect((await change(before.headers.etag as string)).status).toBe(200);
  expect((await change(after.headers.etag as string)).status).toBe(412);
  expect((await change('"2"')).status).toBe(200);
});

test("goals are listed newest first, and by status", async () => {
  const build = (title: string, day: number, status?: "onHold" | "completed") =>
    buildGoal(api.db, { learnerId: learner.id, title, status, createdAt: new Date(Date.UTC(2026, 0, day)) });
  await build("second", 2, "onHold");
  await build("third", 3, "completed");
  await build("first", 1, "onHold");
  await buildGoal(api.db);
  const titles = async (query: string) => (await api.admin.get(goals(query))).body.items.map(({ title }: { title: string }) => title);
  expect(await titles("")).toEqual(["third", "second", "first"]);
  expect(await titles("?status=on-hold")).toEqual(["second", "first"]);
  expect(await titles("?status=abandoned")).toEqual([]);
  expect(await api.admin.get(goals("?status=onHold"))).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/status" }] } });
});

test.each([
  ["#/title", { title: " " }],
  ["#/title", { title: "x".repeat(301) }],
  ["#/title", { title: null }],
  ["#/why", { why: "" }],
  ["#/why", { why: "x".repeat(5001) }],
  ["#/status", { status: "onHold" }],
  ["#/status", { status: null }],
  ["#/skills", { skills: ["Go", "go"] }],
  ["#/startsOn", { startsOn: "2026-02-29" }],
  ["#/dueOn", { dueOn: "2026-06-17T12:00:00Z" }],
  ["#/learnerId", { learnerId: uuidv7() }],
])("%s is refused in %j", async (pointer, body) => {
  const created = await api.admin.post(goals(), { title: "A goal", ...body });
  expect(created.status).toBe(400);
  expect(created.body.errors).toContainEqual({ pointer, detail: expect.any(String) });
  const { id } = await buildGoal(api.db, { learnerId: learner.id });
  expect((await api.admin.patch(goals(`/${id}`), body)).body.errors).toContainEqual({ pointer, detail: expect.any(String) });
});

test("a goal is not due before it starts, but may be on the same day", async () => {
  const refusal = { status: 400, body: { code: "invalid-request", detail: "dueOn must not be before startsOn." } };
  expect(await api.admin.post(goals(), { title: "Backwards", startsOn: "2026-06-02", dueOn: "2026-06-01" })).toMatchObject(refusal);
  const sameDay = await api.admin.post(goals(), { title: "In a day", startsOn: "2026-06-02", dueOn: "2026-06-02" });
  expect(sameDay.status).toBe(201);
  expect(await api.admin.patch(sameDay.headers.location as string, { startsOn: "2026-06-03" })).toMatchObject(refusal);
});

describe("deleting", () => {
  test("removes a goal that nothing was logged on", async () => {
    const { id } = await buildGoal(api.db, { learnerId: learner.id });
    expect((await api.admin.delete(goals(`/${id}`))).status).toBe(204);
    expect((await api.admin.get(goals(`/${id}`))).status).toBe(404);
    expect((await api.admin.get(goals())).body.items).toEqual([]);
  });

  test.each([
    ["a session was logged on", (goalId: string) => buildSession(api.db, { learnerId: learner.id, goalId })],
    ["a timer runs for", (goalId: string) => api.admin.post(`/v1/learners/${learner.id}/timer`, { goalId })],
  ])("is refused for a goal that %s", async (_, use) => {
    const { id } = await buildGoal(api.db, { learnerId: learner.id });
    await use(id);
    expect(await api.admin.delete(goals(`/${id}`))).toMatchObject({ status: 409, body: { code: "in-use" } });
    expect((await api.admin.get(goals(`/${id}`))).status).toBe(200);
  });
});

test.each(["get", "patch", "delete"] as const)("a goal is nothing under another learner: %s", async (method) => {
  const { id } = await buildGoal(api.db);
  const refused = method === "patch" ? await api.admin.patch(goals(`/${id}`), { title: "Mine now" }) : await api.admin[method](goals(`/${id}`));
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});

test.each(["get", "post"] as const)("who does not exist has no goals: %s", async (method) => {
  const path = `/v1/learners/${uuidv7()}/goals`;
  const refused = method === "post" ? await api.admin.post(path, { title: "A goal" }) : await api.admin.get(path);
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});

test("a goal is not completed before it started", async () => {
  const goal = await buildGoal(api.db, { startsOn: new Date("2026-05-02T00:00:00Z") });
  const path = `/v1/learners/${goal.learnerId}/goals/${goal.id}`;
  const own = api.as(await keyOf(api.db, goal.learnerId));
  const early = await own.patch(path, { status: "completed", completedOn: "2026-05-01" });
  expect(early).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/completedOn", detail: expect.stringContaining("before it started") }] } });
  expect((await own.patch(path, { status: "completed", completedOn: "2026-05-02" })).status).toBe(200);
  expect(await own.patch(path, { startsOn: "2026-05-03" })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/startsOn" }] } });
  expect((await own.patch(path, { startsOn: "2026-05-01" })).status).toBe(200);
});
