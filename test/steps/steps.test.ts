import { v7 as uuidv7 } from "uuid";
import { addDays, toDate } from "../../src/days";
import type { Goal, Learner, Step } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildResource, buildSession, buildStep, keyOf } from "../setup/factories";
import { buildEvidence } from "../setup/growth-factories";

const TODAY = "2026-06-17";

let api: TestApp;
let learner: Learner;
let goal: Goal;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  goal = await buildGoal(api.db, { learnerId: learner.id });
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const steps = (below = "") => `/v1/learners/${learner.id}/goals/${goal.id}/steps${below}`;
const build = (overrides: Parameters<typeof buildStep>[1] = {}) => buildStep(api.db, { learnerId: learner.id, goalId: goal.id, ...overrides });
const read = async ({ id }: { id: string }) => (await api.admin.get(steps(`/${id}`))).body;
const put = (step: { id: string }, state: string, body: object = {}) => api.admin.put(steps(`/${step.id}/${state}`), body);
const log = (body: object) => api.admin.post(`/v1/learners/${learner.id}/study-sessions`, { startedAt: "2026-06-16T08:00:00Z", minutes: 60, ...body });
const titles = async (query = "") => (await api.admin.get(steps(query))).body.items.map(({ title }: { title: string }) => title);

test("a step is added by the learner, read, listed and changed", async () => {
  const self = api.as(await keyOf(api.db, learner.id));
  const { id: resourceId } = await buildResource(api.db);
  const before = await build({ title: "Read" });
  const created = await self.post(steps(), {
    section: "Practice",
    title: " Deploy a service yourself ",
    resourceId,
    mode: "on-the-job",
    estimatedMinutes: 1_200,
    required: false,
    weight: 3,
    otherPrerequisites: ["Access to the cluster"],
    dueOn: "2026-06-24",
    prerequisites: [before.id],
  });
  expect(created.status).toBe(201);
  expect(created.headers.location).toBe(steps(`/${created.body.id}`));
  expect(created.body).toEqual({
    learnerId: learner.id,
    goalId: goal.id,
    id: expect.any(String),
    position: 2,
    section: "Practice",
    title: "Deploy a service yourself",
    resourceId,
    resourceTitle: expect.any(String),
    mode: "on-the-job",
    estimatedMinutes: 1_200,
    required: false,
    weight: 3,
    otherPrerequisites: ["Access to the cluster"],
    dueOn: "2026-06-24",
    prerequisites: [before.id],
    state: "not-started",
    startedOn: null,
    completedOn: null,
    skippedOn: null,
    overrideReason: null,
    blockedBy: [before.id],
    overdue: false,
    dueSoon: true,
    loggedMinutes: 0,
    pathStepKey: null,
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect((await self.get(path)).body).toEqual(created.body);
  const bare = { section: null, resourceId: null, mode: null, estimatedMinutes: null, dueOn: null, otherPrerequisites: [], prerequisites: [] };
  const changed = await self.patch(path, { ...bare, required: true });
  expect(changed.status).toBe(200);
  expect(changed.body).toEqual({
    ...created.body,
    ...bare,
    resourceTitle: null,
    required: true,
    blockedBy: [],
    dueSoon: false,
    version: 2,
    updatedAt: expect.any(String),
  });
  expect((await self.get(steps())).body).toEqual({ items: [await read(before), changed.body], next: null });
});

test("a title is enough", async () => {
  const { body } = await api.admin.post(steps(), { title: "Just do it" });
  expect(body).toMatchObject({ position: 1, section: null, mode: null, estimatedMinutes: null, required: true, weight: 1, dueOn: null, prerequisites: [] });
});

test("a client may name the step, once for all of the learner's goals", async () => {
  const id = uuidv7();
  expect((await api.admin.post(steps(), { id, title: "Named" })).body.id).toBe(id);
  expect(await api.admin.post(steps(), { id, title: "Again" })).toMatchObject({ status: 409, body: { code: "already-exists" } });
  const other = await buildGoal(api.db, { learnerId: learner.id });
  const elsewhere = await api.admin.post(`/v1/learners/${learner.id}/goals/${other.id}/steps`, { id, title: "Elsewhere" });
  expect(elsewhere).toMatchObject({ status: 409, body: { code: "already-exists" } });
  const { learnerId, id: goalId } = await buildGoal(api.db);
  expect((await api.admin.post(`/v1/learners/${learnerId}/goals/${goalId}/steps`, { id, title: "Another's" })).status).toBe(201);
});

test("sent again with its Idempotency-Key, a step is added once", async () => {
  const key = { "Idempotency-Key": uuidv7() };
  const first = await api.admin.post(steps(), { title: "Once" }, key);
  expect((await api.admin.post(steps(), { title: "Once" }, key)).body).toEqual(first.body);
  expect(await titles()).toEqual(["Once"]);
});

describe("a step is as its resource", () => {
  test("where it does not say otherwise itself", async () => {
    const { id: resourceId } = await buildResource(api.db, { type: "course", estimatedMinutes: 300 });
    const create = async (body: object) => (await api.admin.post(steps(), { title: "Of a resource", resourceId, ...body })).body;
    expect(await create({})).toMatchObject({ mode: "formal", estimatedMinutes: 300 });
    expect(await create({ mode: "social", estimatedMinutes: 60 })).toMatchObject({ mode: "social", estimatedMinutes: 60 });
    expect(await create({ mode: null, estimatedMinutes: null })).toMatchObject({ mode: null, estimatedMinutes: null });
  });

  test("when it gets a new one, unless that says nothing", async () => {
    const { id: course } = await buildResource(api.db, { type: "course", estimatedMinutes: 300 });
    const { id: other } = await buildResource(api.db, { type: "other" });
    const step = await build({ mode: "social", estimatedMinutes: 60 });
    const patch = async (body: object) => (await api.admin.patch(steps(`/${step.id}`), body)).body;
    expect(await patch({ resourceId: other })).toMatchObject({ resourceId: other, mode: "social", estimatedMinutes: 60 });
    expect(await patch({ resourceId: course, estimatedMinutes: 20 })).toMatchObject({ resourceId: course, mode: "formal", estimatedMinutes: 20 });
    expect(await patch({ title: "Otherwise" })).toMatchObject({ mode: "formal", estimatedMinutes: 20 });
    expect(await patch({ resourceId: null })).toMatchObject({ resourceId: null, mode: "formal", estimatedMinutes: 20 });
  });
});

describe("a goal's steps are listed", () => {
  test("in its order, in pages", async () => {
    for (const title of ["one", "two", "three", "four", "five"]) await build({ title });
    const first = await api.admin.get(steps("?limit=2"));
    expect(first.body.items.map(({ title }: { title: string }) => title)).toEqual(["one", "two"]);
    expect(first.headers.link).toBe(`<${steps("?limit=2")}&cursor=${first.body.next}>; rel="next"`);
    const second = await api.admin.get(steps(`?limit=2&cursor=${first.body.next}`));
    expect(second.body.items.map(({ title }: { title: string }) => title)).toEqual(["three", "four"]);
    expect(await titles(`?limit=2&cursor=${second.body.next}`)).toEqual(["five"]);
    expect((await api.admin.get(steps(`?limit=2&cursor=${second.body.next}`))).body.next).toBeNull();
  });

  test("without those of the learner's other goals", async () => {
    await build({ title: "Here" });
    await buildStep(api.db, { learnerId: learner.id, title: "There" });
    expect(await titles()).toEqual(["Here"]);
  });

  test("with another goal's cursor not at all", async () => {
    const other = await buildGoal(api.db, { learnerId: learner.id });
    for (const goalId of [goal.id, goal.id, other.id]) await buildStep(api.db, { learnerId: learner.id, goalId });
    const { next } = (await api.admin.get(steps("?limit=1"))).body;
    const refused = await api.admin.get(`/v1/learners/${learner.id}/goals/${other.id}/steps?limit=1&cursor=${next}`);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "query/cursor" }] } });
  });
});

describe("a step moves", () => {
  test.each([
    [1, ["d", "a", "b", "c"]],
    [2, ["a", "d", "b", "c"]],
    [4, ["a", "b", "c", "d"]],
    [500, ["a", "b", "c", "d"]],
  ])("when it is added at %d", async (position, order) => {
    for (const title of ["a", "b", "c"]) await build({ title });
    const { body } = await api.admin.post(steps(), { title: "d", position });
    expect(body.position).toBe(order.indexOf("d") + 1);
    expect(await titles()).toEqual(order);
  });

  test.each([
    ["a", 1, ["a", "b", "c", "d"]],
    ["a", 2, ["b", "a", "c", "d"]],
    ["a", 3, ["b", "c", "a", "d"]],
    ["a", 500, ["b", "c", "d", "a"]],
    ["c", 1, ["c", "a", "b", "d"]],
    ["c", 2, ["a", "c", "b", "d"]],
    ["d", 3, ["a", "b", "d", "c"]],
  ])("%s to %d", async (title, position, order) => {
    const built: Record<string, Step> = {};
    for (const name of ["a", "b", "c", "d"]) built[name] = await build({ title: name });
    const { body } = await api.admin.patch(steps(`/${built[title]?.id}`), { position });
    expect(body).toMatchObject({ title, position: order.indexOf(title) + 1, version: title === "a" && position === 1 ? 1 : 2 });
    const { items } = (await api.admin.get(steps())).body;
    expect(items.map((step: Step) => [step.position, step.title])).toEqual(order.map((name, index) => [index + 1, name]));
    expect(items.filter((step: Step) => step.title !== title).map(({ version }: Step) => version)).toEqual([1, 1, 1]);
  });

  test("up when one before it is deleted", async () => {
    const [first, second] = [await build(), await build()];
    expect((await api.admin.delete(steps(`/${first.id}`))).status).toBe(204);
    expect((await api.admin.get(steps(`/${first.id}`))).status).toBe(404);
    expect((await read(second)).position).toBe(1);
  });

  test("alone: steps of the learner's other goals stay in their places, and take none", async () => {
    const [first, second] = [await build(), await build()];
    const other = await buildGoal(api.db, { learnerId: learner.id });
    for (const title of ["one", "two"]) await buildStep(api.db, { learnerId: learner.id, goalId: other.id, title });
    await api.admin.delete(steps(`/${first.id}`));
    expect((await read(second)).position).toBe(1);
    const { items } = (await api.admin.get(`/v1/learners/${learner.id}/goals/${other.id}/steps`)).body;
    expect(items.map((step: Step) => [step.position, step.title])).toEqual([
      [1, "one"],
      [2, "two"],
    ]);
  });
});

describe("prerequisites", () => {
  test("are replaced as a whole, each once", async () => {
    const [a, b, c] = [await build(), await build(), await build()];
    const patch = async (prerequisites: string[]) => (await api.admin.patch(steps(`/${c.id}`), { prerequisites })).body.prerequisites;
    expect(await patch([b.id, a.id, b.id])).toEqual([a.id, b.id]);
    expect(await patch([b.id])).toEqual([b.id]);
    expect((await api.admin.patch(steps(`/${c.id}`), { title: "Otherwise" })).body.prerequisites).toEqual([b.id]);
    expect(await patch([])).toEqual([]);
  });

  test("go with the step that was required", async () => {
    const a = await build();
    const b = await build({ requires: [a.id] });
    await api.admin.delete(steps(`/${a.id}`));
    expect(await read(b)).toMatchObject({ prerequisites: [], blockedBy: [] });
  });

  test.each([
    ["a step of another goal of the learner", async () => (await buildStep(api.db, { learnerId: learner.id })).id],
    ["another learner's step", async () => (await buildStep(api.db)).id],
    ["a step that is not there", async () => uuidv7()],
  ])("are not %s", async (_, other) => {
    const [a, b] = [await build(), await build()];
    const prerequisites = [a.id, await other()];
    const detail = "A prerequisite is another step of the same goal. Use its id.";
    const refusal = { status: 422, body: { code: "reference-missing", detail, errors: [{ pointer: "#/prerequisites", detail }] } };
    expect(await api.admin.patch(steps(`/${b.id}`), { title: "Not so", prerequisites })).toMatchObject(refusal);
    expect(await api.admin.post(steps(), { title: "Not so", prerequisites })).toMatchObject(refusal);
    expect(await titles()).toEqual([a.title, b.title]);
    expect((await read(b)).prerequisites).toEqual([]);
  });

  test("in a circle are refused, named", async () => {
    const a = await build({ title: "Read" });
    const b = await build({ title: "Try", requires: [a.id] });
    const c = await build({ title: "Deploy", requires: [b.id] });
    const refused = await api.admin.patch(steps(`/${a.id}`), { prerequisites: [c.id], weight: 9 });
    expect([refused.status, refused.body.code]).toEqual([422, "prerequisite-circle"]);
    expect(refused.body.detail).toBe(
      'Each of these steps waits for the one before it, so none could ever begin: "Read" → "Try" → "Deploy" → "Read". Take one of these prerequisites out.',
    );
    expect(await read(a)).toMatchObject({ weight: 1, prerequisites: [], version: 1 });
  });

  test("of itself are refused, for a new step, too", async () => {
    const a = await build({ title: "Read" });
    const refusal = { status: 422, body: { code: "prerequisite-circle", detail: expect.stringContaining('"Read" → "Read"') } };
    expect(await api.admin.patch(steps(`/${a.id}`), { prerequisites: [a.id] })).toMatchObject(refusal);
    const id = uuidv7();
    expect(await api.admin.post(steps(), { id, title: "Read", prerequisites: [id] })).toMatchObject(refusal);
  });

  test("of two changes at once that would close a circle together, one is refused", async () => {
    const [a, b] = [await build(), await build()];
    const answers = await Promise.all([
      api.admin.patch(steps(`/${a.id}`), { prerequisites: [b.id] }),
      api.admin.patch(steps(`/${b.id}`), { prerequisites: [a.id] }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 422]);
  });
});

describe("a step's state", () => {
  test("begins, today or on an earlier day, and goes back", async () => {
    const step = await build();
    const started = await put(step, "start");
    expect(started).toMatchObject({ status: 200, body: { state: "in-progress", startedOn: TODAY, version: 2 } });
    expect((await put(step, "start", { startedOn: "2026-06-01" })).body).toMatchObject({ state: "in-progress", startedOn: "2026-06-01" });
    const back = await api.admin.delete(steps(`/${step.id}/start`));
    expect(back).toMatchObject({ status: 200, body: { state: "not-started", startedOn: null } });
  });

  test("is completed, today or on an earlier day, and goes back to what it was", async () => {
    const step = await build({ startedOn: toDate("2026-06-01") });
    expect(await put(step, "completion")).toMatchObject({ status: 200, body: { state: "completed", startedOn: "2026-06-01", completedOn: TODAY } });
    expect((await put(step, "completion", { completedOn: "2026-06-12" })).body.completedOn).toBe("2026-06-12");
    const back = await api.admin.delete(steps(`/${step.id}/completion`));
    expect(back).toMatchObject({ status: 200, body: { state: "in-progress", startedOn: "2026-06-01", completedOn: null } });
  });

  test("is skipped, today or on an earlier day, and taken in again", async () => {
    const step = await build();
    expect(await put(step, "skip")).toMatchObject({ status: 200, body: { state: "skipped", skippedOn: TODAY } });
    expect((await put(step, "skip", { skippedOn: "2026-06-12" })).body.skippedOn).toBe("2026-06-12");
    expect(await api.admin.delete(steps(`/${step.id}/skip`))).toMatchObject({ status: 200, body: { state: "not-started", skippedOn: null } });
  });

  test.each([
    ["start", "startedOn"],
    ["completion", "completedOn"],
    ["skip", "skippedOn"],
  ])("repeated (%s) keeps its day, though time went on, and taken back twice is taken back", async (state, day) => {
    const step = await build();
    await put(step, state);
    api.setNow(new Date("2026-06-20T12:00:00Z"));
    expect(await put(step, state)).toMatchObject({ status: 200, body: { [day]: TODAY } });
    await api.admin.delete(steps(`/${step.id}/${state}`));
    expect(await api.admin.delete(steps(`/${step.id}/${state}`))).toMatchObject({ status: 200, body: { [day]: null, state: "not-started" } });
  });

  test("of a skipped step is completed by completing it", async () => {
    const step = await build({ skippedOn: toDate("2026-06-01") });
    expect((await put(step, "completion")).body).toMatchObject({ state: "completed", completedOn: TODAY, skippedOn: null });
  });

  test("of a completed step is not skipped", async () => {
    const step = await build({ completedOn: toDate("2026-06-01") });
    expect(await put(step, "skip")).toMatchObject({
      status: 409,
      body: { code: "step-completed", detail: "What is completed cannot be skipped. Take the completion back first: DELETE …/completion." },
    });
    expect(await read(step)).toMatchObject({ state: "completed", skippedOn: null, version: 1 });
  });

  test.each([
    ["start", "startedOn"],
    ["completion", "completedOn"],
    ["skip", "skippedOn"],
  ])("does not come about (%s) on a day that is still to come for the learner", async (state, day) => {
    await api.db.learner.update({ where: { id: learner.id }, data: { timeZone: "Pacific/Kiritimati" } });
    const step = await build();
    const refused = await put(step, state, { [day]: "2026-06-19" });
    const detail = "This day is still to come for the learner. Give today, an earlier day, or none.";
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: `#/${day}`, detail }] } });
    // At noon of the 17th in UTC, this learner is in the 18th already.
    expect(await put(step, state)).toMatchObject({ status: 200, body: { [day]: "2026-06-18" } });
    expect(await put(step, state, { [day]: "2026-06-18" })).toMatchObject({ status: 200 });
  });

  test.each([
    ["start", { startedOn: "tomorrow" }, "#/startedOn"],
    ["start", { completedOn: TODAY }, "#/completedOn"],
    ["completion", { completedOn: "2026-02-30" }, "#/completedOn"],
    ["completion", { completedOn: null }, "#/completedOn"],
    ["completion", { override: "yes" }, "#/override"],
    ["completion", { override: true }, "#/reason"],
    ["completion", { override: true, reason: " " }, "#/reason"],
    ["completion", { reason: "Knew it already" }, "#/override"],
    ["completion", { override: false, reason: "Knew it already" }, "#/override"],
    ["completion", { override: true, reason: "x".repeat(1_001) }, "#/reason"],
    ["skip", { reason: "No time" }, "#/reason"],
  ])("does not come about (%s) by %j", async (state, body, pointer) => {
    const step = await build();
    const refused = await put(step, state, body);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer, detail: expect.any(String) }] } });
    expect(await read(step)).toMatchObject({ state: "not-started", version: 1 });
  });

  test.each(["start", "completion", "skip"])("changes (%s) under the version that was read alone", async (state) => {
    const step = await build();
    const path = steps(`/${step.id}/${state}`);
    expect(await api.admin.put(path, {}, { "If-Match": '"7"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect(await api.admin.put(path, {}, { "If-Match": '"1"' })).toMatchObject({ status: 200, body: { version: 2 } });
    expect(await api.admin.delete(path, { "If-Match": '"1"' })).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect(await api.admin.delete(path, { "If-Match": '"2"' })).toMatchObject({ status: 200, body: { version: 3 } });
  });
});

describe("a blocked step", () => {
  const BLOCKED = 'These steps come first and are not done: "Read", "Try". Complete or skip them, or send override: true with a reason.';
  let read1: Step;
  let try1: Step;
  let deploy: Step;
  beforeEach(async () => {
    read1 = await build({ title: "Read" });
    try1 = await build({ title: "Try" });
    deploy = await build({ title: "Deploy", requires: [read1.id, try1.id] });
  });

  test("is not completed until what it waits for is completed or skipped", async () => {
    expect((await read(deploy)).blockedBy).toEqual([read1.id, try1.id]);
    expect(await put(deploy, "completion")).toMatchObject({ status: 409, body: { code: "step-blocked", detail: BLOCKED } });
    await put(read1, "completion");
    expect((await read(deploy)).blockedBy).toEqual([try1.id]);
    expect((await put(deploy, "completion")).body.detail).toContain('are not done: "Try".');
    await put(try1, "skip");
    expect((await read(deploy)).blockedBy).toEqual([]);
    expect(await put(deploy, "completion")).toMatchObject({ status: 200, body: { state: "completed", overrideReason: null } });
  });

  test("is completed with a reason, which is kept until that is taken back", async () => {
    const done = await put(deploy, "completion", { override: true, reason: "Did it at my last job" });
    expect(done).toMatchObject({ status: 200, body: { state: "completed", overrideReason: "Did it at my last job", blockedBy: [] } });
    expect(await put(deploy, "completion")).toMatchObject({ status: 200, body: { overrideReason: "Did it at my last job" } });
    expect((await put(deploy, "completion", { completedOn: "2026-06-01" })).body).toMatchObject({
      completedOn: "2026-06-01",
      overrideReason: "Did it at my last job",
    });
    const back = await api.admin.delete(steps(`/${deploy.id}/completion`));
    expect(back.body).toMatchObject({ state: "not-started", overrideReason: null, blockedBy: [read1.id, try1.id] });
    expect(await put(deploy, "completion")).toMatchObject({ status: 409, body: { code: "step-blocked" } });
  });

  test("keeps no reason that it did not take", async () => {
    expect((await put(read1, "completion", { override: true, reason: "To be sure" })).body).toMatchObject({ state: "completed", overrideReason: null });
  });

  test("stays completed when what came before it is taken back", async () => {
    await put(read1, "completion");
    await put(try1, "completion");
    await put(deploy, "completion");
    await api.admin.delete(steps(`/${read1.id}/completion`));
    expect(await read(deploy)).toMatchObject({ state: "completed", blockedBy: [] });
  });

  test("may be started and skipped", async () => {
    expect((await put(deploy, "start")).body).toMatchObject({ state: "in-progress", blockedBy: [read1.id, try1.id] });
    expect((await put(deploy, "skip")).body).toMatchObject({ state: "skipped", blockedBy: [] });
  });
});

test.each([
  [-1, { overdue: true, dueSoon: false }],
  [0, { overdue: false, dueSoon: true }],
  [7, { overdue: false, dueSoon: true }],
  [8, { overdue: false, dueSoon: false }],
])("a step that is due in %d days is %j until it is done", async (days, due) => {
  const step = await build({ dueOn: toDate(addDays(TODAY, days)) });
  expect(await read(step)).toMatchObject(due);
  await put(step, "completion");
  expect(await read(step)).toMatchObject({ overdue: false, dueSoon: false });
});

describe("a goal", () => {
  test("has at most 500 steps", async () => {
    const many = Array.from({ length: 499 }, (_, index) => {
      return { learnerId: learner.id, goalId: goal.id, id: uuidv7(), title: `Step ${index + 1}`, position: index + 1 };
    });
    await api.db.step.createMany({ data: many });
    expect(await api.admin.post(steps(), { title: "The last" })).toMatchObject({ status: 201, body: { position: 500 } });
    expect(await api.admin.post(steps(), { title: "Too many" })).toMatchObject({
      status: 422,
      body: { code: "too-many-steps", detail: "A goal has at most 500 steps, and there would be 501. Set a second goal that follows this one." },
    });
    expect(await api.db.step.count({ where: { goalId: goal.id } })).toBe(500);
  });

  test("counts each change of its steps", async () => {
    const version = async () => (await api.admin.get(`/v1/learners/${learner.id}/goals/${goal.id}`)).body.version;
    const { body: step } = await api.admin.post(steps(), { title: "One" });
    expect(await version()).toBe(2);
    await api.admin.patch(steps(`/${step.id}`), { title: "Otherwise" });
    await put(step, "start");
    await put(step, "skip");
    expect(await version()).toBe(5);
    await api.admin.delete(steps(`/${step.id}`));
    expect(await version()).toBe(6);
    await api.admin.post(steps(), { title: "" });
    expect(await version()).toBe(6);
  });

  describe.each(["completed", "abandoned"] as const)("that is %s", (status) => {
    test.each([
      ["add", () => api.admin.post(steps(), { title: "More" })],
      ["change", ({ id }: Step) => api.admin.patch(steps(`/${id}`), { title: "Otherwise" })],
      ["delete", ({ id }: Step) => api.admin.delete(steps(`/${id}`))],
      ["start", (step: Step) => put(step, "start")],
      ["unstart", ({ id }: Step) => api.admin.delete(steps(`/${id}/start`))],
      ["complete", (step: Step) => put(step, "completion")],
      ["uncomplete", ({ id }: Step) => api.admin.delete(steps(`/${id}/completion`))],
      ["skip", (step: Step) => put(step, "skip")],
      ["unskip", ({ id }: Step) => api.admin.delete(steps(`/${id}/skip`))],
    ])("keeps its steps as they are: %s", async (_, change) => {
      goal = await buildGoal(api.db, { learnerId: learner.id, status });
      const step = await build();
      const before = await read(step);
      expect(await change(step)).toMatchObject({
        status: 409,
        body: { code: "goal-closed", detail: `The goal is ${status}, so its steps stay as they are. To go on with it, PATCH its status to active.` },
      });
      expect((await api.admin.get(steps())).body.items).toEqual([before]);
      expect((await api.admin.get(`/v1/learners/${learner.id}/goals/${goal.id}`)).body.version).toBe(1);
    });
  });

  test.each(["draft", "onHold"] as const)("that is %s takes changes of its steps", async (status) => {
    goal = await buildGoal(api.db, { learnerId: learner.id, status });
    expect((await put(await build(), "completion")).status).toBe(200);
  });
});

describe("a session on a step", () => {
  test("starts it on the session's day, once, and counts its minutes", async () => {
    const step = await build();
    const session = await log({ stepId: step.id });
    expect(session).toMatchObject({ status: 201, body: { stepId: step.id, goalId: goal.id } });
    expect(await read(step)).toMatchObject({ state: "in-progress", startedOn: "2026-06-16", loggedMinutes: 60, version: 2 });
    await log({ stepId: step.id, startedAt: "2026-06-10T08:00:00Z", minutes: 30 });
    expect(await read(step)).toMatchObject({ startedOn: "2026-06-16", loggedMinutes: 90, version: 2 });
    await api.admin.delete(session.headers.location as string);
    expect(await read(step)).toMatchObject({ startedOn: "2026-06-16", loggedMinutes: 30 });
    expect((await api.admin.get(`/v1/learners/${learner.id}/goals/${goal.id}`)).body.growth.loggedMinutes.total).toBe(30);
  });

  test("of several at once starts it on the earliest day", async () => {
    const step = await build();
    const items = ["2026-06-12", "2026-06-09", "2026-06-14"].map((day) => {
      return { learnerId: learner.id, id: uuidv7(), startedAt: `${day}T08:00:00Z`, minutes: 10, stepId: step.id };
    });
    const sent = await api.admin.post("/v1/study-sessions/batch", { items });
    expect(sent.status).toBeLessThan(300);
    expect(await read(step)).toMatchObject({ startedOn: "2026-06-09", loggedMinutes: 30, version: 2 });
  });

  test("brings the step's goal, resource and mode, unless it says otherwise", async () => {
    const { id: course } = await buildResource(api.db, { type: "course" });
    const { id: mentor } = await buildResource(api.db, { type: "mentor" });
    const { id: other } = await buildResource(api.db, { type: "other" });
    const step = await build({ resourceId: course, mode: "onTheJob" });
    const plain = await build({ resourceId: course });
    const answer = async (body: object) => (await log(body)).body;
    expect(await answer({ stepId: step.id })).toMatchObject({ goalId: goal.id, resourceId: course, resourceType: "course", onTheJobMinutes: 60 });
    expect(await answer({ stepId: plain.id })).toMatchObject({ resourceId: course, formalMinutes: 60 });
    expect(await answer({ stepId: step.id, resourceId: mentor })).toMatchObject({ resourceId: mentor, socialMinutes: 60 });
    expect(await answer({ stepId: step.id, resourceId: other })).toMatchObject({ resourceId: other, onTheJobMinutes: 60 });
    expect(await answer({ stepId: step.id, resourceId: null })).toMatchObject({ resourceId: null, onTheJobMinutes: 60 });
    expect(await answer({ stepId: step.id, mode: "social" })).toMatchObject({ socialMinutes: 60 });
    expect(await answer({ stepId: step.id, split: { formal: 20 } })).toMatchObject({ formalMinutes: 20, unclassifiedMinutes: 40 });
  });

  test("with another goal than the step's is refused", async () => {
    const step = await build();
    const other = await buildGoal(api.db, { learnerId: learner.id });
    const detail = "The step belongs to another goal than goalId says. Leave goalId out, or use a step of that goal.";
    const refusal = { status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/stepId", detail }] } };
    expect(await log({ stepId: step.id, goalId: other.id })).toMatchObject(refusal);
    expect(await log({ stepId: step.id, goalId: null })).toMatchObject(refusal);
    expect(await log({ stepId: step.id, goalId: goal.id })).toMatchObject({ status: 201 });
    expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(1);
  });

  test.each([
    ["is not there", async () => uuidv7()],
    ["is another learner's", async () => (await buildStep(api.db)).id],
  ])("of which the step %s is refused", async (_, stepId) => {
    const detail = "The learner has no such step. Use the id of a step of one of the learner's own goals.";
    const refusal = { status: 422, body: { code: "reference-missing", errors: [{ pointer: "#/stepId", detail }] } };
    expect(await log({ stepId: await stepId() })).toMatchObject(refusal);
    const { id } = await buildSession(api.db, { learnerId: learner.id });
    expect(await api.admin.patch(`/v1/learners/${learner.id}/study-sessions/${id}`, { stepId: await stepId() })).toMatchObject(refusal);
    expect(await api.admin.post(`/v1/learners/${learner.id}/timer`, { stepId: await stepId() })).toMatchObject(refusal);
  });

  test("moves with its change: to the step's goal, and off the step when the goal changes", async () => {
    const step = await build();
    const other = await buildGoal(api.db, { learnerId: learner.id });
    const { id } = await buildSession(api.db, { learnerId: learner.id });
    const patch = async (body: object) => (await api.admin.patch(`/v1/learners/${learner.id}/study-sessions/${id}`, body)).body;
    expect(await patch({ stepId: step.id })).toMatchObject({ stepId: step.id, goalId: goal.id });
    expect((await read(step)).loggedMinutes).toBe(60);
    expect(await patch({ goalId: goal.id })).toMatchObject({ stepId: step.id, goalId: goal.id });
    expect(await patch({ goalId: other.id })).toMatchObject({ stepId: null, goalId: other.id });
    expect(await patch({ stepId: step.id, goalId: other.id })).toMatchObject({ code: "invalid-request", errors: [{ pointer: "#/stepId" }] });
    expect(await patch({ stepId: step.id })).toMatchObject({ stepId: step.id, goalId: goal.id });
    expect(await patch({ stepId: null })).toMatchObject({ stepId: null, goalId: goal.id });
  });

  test("comes of a timer on the step", async () => {
    const step = await build({ mode: "social" });
    const timer = await api.admin.post(`/v1/learners/${learner.id}/timer`, { stepId: step.id });
    expect(timer.body).toMatchObject({ stepId: step.id, goalId: goal.id, mode: null });
    expect((await read(step)).state).toBe("not-started");
    api.setNow(new Date(NOW.getTime() + 25 * 60_000));
    const session = await api.admin.post(`/v1/learners/${learner.id}/timer/study-session`, {});
    expect(session.body).toMatchObject({ stepId: step.id, goalId: goal.id, socialMinutes: 25 });
    expect(await read(step)).toMatchObject({ state: "in-progress", startedOn: TODAY, loggedMinutes: 25 });
  });
});

describe("deleting a step", () => {
  test.each([
    ["a session was logged on", ({ id }: Step) => log({ stepId: id })],
    ["a timer runs for", ({ id }: Step) => api.admin.post(`/v1/learners/${learner.id}/timer`, { stepId: id })],
  ])("is refused where %s it", async (_, use) => {
    const [step, after] = [await build(), await build()];
    expect((await use(step)).status).toBe(201);
    expect(await api.admin.delete(steps(`/${step.id}`))).toMatchObject({ status: 409, body: { code: "in-use" } });
    expect([(await read(step)).position, (await read(after)).position]).toEqual([1, 2]);
  });

  test("is refused where there is evidence for it that the caller sees", async () => {
    const own = api.as(await keyOf(api.db, learner.id));
    const [shown, hidden] = [await build(), await build()];
    await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id, stepId: shown.id, shared: true });
    await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id, stepId: hidden.id });
    const refused = { status: 409, body: { code: "in-use" } };
    for (const client of [own, api.admin]) expect(await client.delete(steps(`/${shown.id}`))).toMatchObject(refused);
    expect(await own.delete(steps(`/${hidden.id}`))).toMatchObject(refused);
  });

  test("tells nobody else that there is private evidence for it, which stays for the learner", async () => {
    const [empty, hidden] = [await build(), await build()];
    const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id, stepId: hidden.id, text: "Mine alone" });
    for (const step of [empty, hidden]) expect((await api.admin.delete(steps(`/${step.id}`))).status).toBe(204);
    const own = api.as(await keyOf(api.db, learner.id));
    expect((await own.get(`/v1/learners/${learner.id}/goals/${goal.id}/evidence/${id}`)).body).toMatchObject({ stepId: null, text: "Mine alone" });
  });

  test("that something else is kept on, too, takes nothing from private evidence", async () => {
    const step = await build();
    await log({ stepId: step.id });
    const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: goal.id, stepId: step.id });
    expect(await api.admin.delete(steps(`/${step.id}`))).toMatchObject({ status: 409, body: { code: "in-use" } });
    expect(await api.db.evidence.findFirstOrThrow({ where: { id } })).toMatchObject({ stepId: step.id, version: 1 });
  });
});

describe("what is refused, and changes nothing", () => {
  test.each([
    ["#/weight", { weight: 0 }],
    ["#/weight", { weight: -1 }],
    ["#/weight", { weight: 1.5 }],
    ["#/weight", { weight: null }],
    ["#/title", { title: " " }],
    ["#/title", { title: null }],
    ["#/section", { section: "" }],
    ["#/estimatedMinutes", { estimatedMinutes: 0 }],
    ["#/mode", { mode: "onTheJob" }],
    ["#/required", { required: "yes" }],
    ["#/dueOn", { dueOn: "2026-02-29" }],
    ["#/position", { position: 0 }],
    ["#/position", { position: 501 }],
    ["#/prerequisites/0", { prerequisites: ["read"] }],
    ["#/prerequisites", { prerequisites: Array.from({ length: 51 }, () => uuidv7()) }],
    ["#/completedOn", { completedOn: TODAY }],
    ["#/state", { state: "completed" }],
    ["#/goalId", { goalId: uuidv7() }],
  ])("%s in %j", async (pointer, body) => {
    const step = await build();
    const refusal = { status: 400, body: { code: "invalid-request", errors: [{ pointer, detail: expect.any(String) }] } };
    expect(await api.admin.post(steps(), { title: "A step", ...body })).toMatchObject(refusal);
    expect(await api.admin.patch(steps(`/${step.id}`), body)).toMatchObject(refusal);
    expect((await api.admin.get(steps())).body.items).toEqual([expect.objectContaining({ id: step.id, version: 1 })]);
  });

  test("a resource that is not there", async () => {
    const step = await build();
    const detail = "The resource does not exist. Look it up under /v1/resources.";
    const refusal = { status: 422, body: { code: "reference-missing", errors: [{ pointer: "#/resourceId", detail }] } };
    expect(await api.admin.post(steps(), { title: "A step", resourceId: uuidv7() })).toMatchObject(refusal);
    expect(await api.admin.patch(steps(`/${step.id}`), { resourceId: uuidv7() })).toMatchObject(refusal);
    expect((await api.admin.get(steps())).body.items).toHaveLength(1);
  });

  test("another id for a step", async () => {
    const step = await build();
    expect(await api.admin.patch(steps(`/${step.id}`), { id: uuidv7() })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/id" }] } });
  });
});

describe("a step is nothing", () => {
  const calls: [string, (path: string) => Promise<{ status: number; body: unknown }>][] = [
    ["read", (path) => api.admin.get(path)],
    ["changed", (path) => api.admin.patch(path, { title: "Otherwise" })],
    ["deleted", (path) => api.admin.delete(path)],
    ["started", (path) => api.admin.put(`${path}/start`, {})],
    ["unstarted", (path) => api.admin.delete(`${path}/start`)],
    ["completed", (path) => api.admin.put(`${path}/completion`, {})],
    ["uncompleted", (path) => api.admin.delete(`${path}/completion`)],
    ["skipped", (path) => api.admin.put(`${path}/skip`, {})],
    ["unskipped", (path) => api.admin.delete(`${path}/skip`)],
  ];

  test.each(calls)("under another goal or learner, or under no goal: %s", async (_, call) => {
    const step = await build();
    const sibling = await buildGoal(api.db, { learnerId: learner.id });
    const stranger = await buildGoal(api.db);
    for (const owner of [sibling, stranger, { learnerId: learner.id, id: uuidv7() }]) {
      const refused = await call(`/v1/learners/${owner.learnerId}/goals/${owner.id}/steps/${step.id}`);
      expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
    }
    expect(await read(step)).toMatchObject({ state: "not-started", version: 1 });
  });

  test.each(["get", "post"] as const)("where there is no goal: %s", async (method) => {
    const path = `/v1/learners/${learner.id}/goals/${uuidv7()}/steps`;
    const refused = method === "post" ? await api.admin.post(path, { title: "A step" }) : await api.admin.get(path);
    expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
  });
});

describe("a session that comes to a step, or cannot", () => {
  test("by a change starts it, too", async () => {
    const { goal, step, own } = await buildOwnStep();
    const session = await buildSession(api.db, { learnerId: goal.learnerId });
    expect((await own.patch(`/v1/learners/${goal.learnerId}/study-sessions/${session.id}`, { stepId: step.id })).status).toBe(200);
    expect((await own.get(pathOf(step))).body).toMatchObject({ state: "in-progress", startedOn: "2026-06-01", loggedMinutes: 60 });
  });

  test("of a closed goal leaves the step as it was", async () => {
    const { goal, step, own } = await buildOwnStep();
    await own.patch(`/v1/learners/${goal.learnerId}/goals/${goal.id}`, { status: "abandoned" });
    const logged = await own.post(`/v1/learners/${goal.learnerId}/study-sessions`, { startedAt: "2026-06-16T08:00:00Z", minutes: 10, stepId: step.id });
    expect(logged.status).toBe(201);
    expect((await own.get(pathOf(step))).body).toMatchObject({ state: "not-started", version: 1 });
  });

  test("starting it counts as a change to its goal", async () => {
    const { goal, step, own } = await buildOwnStep();
    const log = () => own.post(`/v1/learners/${goal.learnerId}/study-sessions`, { startedAt: "2026-06-16T08:00:00Z", minutes: 10, stepId: step.id });
    for (const version of [2, 2]) {
      await log();
      expect((await own.get(`/v1/learners/${goal.learnerId}/goals/${goal.id}`)).body.version).toBe(version);
    }
  });

  test("lets go of it when it is deleted", async () => {
    const { goal, step, own } = await buildOwnStep();
    const { body } = await own.post(`/v1/learners/${goal.learnerId}/study-sessions`, { startedAt: "2026-06-16T08:00:00Z", minutes: 10, stepId: step.id });
    expect((await own.delete(pathOf(step))).status).toBe(409);
    await own.delete(`/v1/learners/${goal.learnerId}/study-sessions/${body.id}`);
    expect((await own.delete(pathOf(step))).status).toBe(204);
  });

  test.each(["study-sessions", "timer"])("must not be of no goal at once: POST %s", async (what) => {
    const { goal, step, own } = await buildOwnStep();
    const body = what === "timer" ? { goalId: null, stepId: step.id } : { startedAt: "2026-06-16T08:00:00Z", minutes: 10, goalId: null, stepId: step.id };
    expect(await own.post(`/v1/learners/${goal.learnerId}/${what}`, body)).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/stepId" }] } });
  });

  test("from a timer keeps the timer's step, and goes to another when told", async () => {
    const { goal, step, own } = await buildOwnStep({ mode: "social" });
    const other = await buildStep(api.db, { learnerId: goal.learnerId, goalId: (await buildGoal(api.db, { learnerId: goal.learnerId })).id });
    const timer = `/v1/learners/${goal.learnerId}/timer`;
    const stop = async (body: object) => {
      await own.post(timer, { goalId: goal.id, stepId: step.id });
      return (await own.post(`${timer}/study-session`, { minutes: 20, ...body })).body;
    };
    expect(await stop({ goalId: goal.id })).toMatchObject({ goalId: goal.id, stepId: step.id, socialMinutes: 20 });
    expect(await stop({ stepId: other.id })).toMatchObject({ goalId: other.goalId, stepId: other.id });
    expect(await stop({ goalId: other.goalId })).toMatchObject({ goalId: other.goalId, stepId: null });
  });
});

test("a step is not completed before it was started, nor started after it was completed", async () => {
  const { step, own } = await buildOwnStep();
  await own.put(`${pathOf(step)}/start`, { startedOn: "2026-05-02" });
  const early = await own.put(`${pathOf(step)}/completion`, { completedOn: "2026-05-01" });
  expect(early).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/completedOn", detail: expect.stringContaining("started after this day") }] } });
  await own.put(`${pathOf(step)}/completion`, { completedOn: "2026-05-02" });
  const late = await own.put(`${pathOf(step)}/start`, { startedOn: "2026-05-03" });
  expect(late).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/startedOn", detail: expect.stringContaining("completed before this day") }] } });
  expect((await own.put(`${pathOf(step)}/start`, {})).body).toMatchObject({ startedOn: "2026-05-02", completedOn: "2026-05-02" });
});

test("the start of a completed step that never had one is the day of its completion", async () => {
  const { step, own } = await buildOwnStep();
  await own.put(`${pathOf(step)}/completion`, { completedOn: "2026-05-01" });
  expect((await own.put(`${pathOf(step)}/start`, {})).body).toMatchObject({ startedOn: "2026-05-01", completedOn: "2026-05-01" });
});

test("a skipped step is taken in again by its start", async () => {
  const { step, own } = await buildOwnStep();
  await own.put(`${pathOf(step)}/skip`, {});
  expect((await own.put(`${pathOf(step)}/start`, {})).body).toMatchObject({ state: "in-progress", skippedOn: null });
});

async function buildOwnStep(overrides: Parameters<typeof buildStep>[1] = {}) {
  const goal = await buildGoal(api.db);
  const step = await buildStep(api.db, { learnerId: goal.learnerId, goalId: goal.id, ...overrides });
  return { goal, step, own: api.as(await keyOf(api.db, goal.learnerId)) };
}

function pathOf({ learnerId, goalId, id }: { learnerId: string; goalId: string; id: string }): string {
  return `/v1/learners/${learnerId}/goals/${goalId}/steps/${id}`;
}
