import { v7 as uuidv7 } from "uuid";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildResource, keyOf } from "../setup/factories";

// Steps inside goal creation: all of it, or nothing.

let api: TestApp;
let own: Client;
let url: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  const { id } = await buildLearner(api.db);
  own = api.as(await keyOf(api.db, id));
  url = `/v1/learners/${id}/goals`;
});
afterAll(() => api.close());

const once = () => ({ "Idempotency-Key": uuidv7() });
type Step = { id: string; title: string };
const stepsOf = async (goalId: string) => (await own.get(`${url}/${goalId}/steps?limit=200`)).body.items as Step[];

test("a goal is set with its steps, in their order, with prerequisites by key, and what a step leaves out is its resource's", async () => {
  const { id: resourceId } = await buildResource(api.db, { type: "course", estimatedMinutes: 600 });
  const id = uuidv7();
  const steps = [
    { key: "deploy", title: "Deploy", weight: 3, mode: "on-the-job", estimatedMinutes: 1200, dueOn: "2026-09-01", prerequisites: ["read", "watch"] },
    { key: "read", title: "Read", resourceId, required: false, otherPrerequisites: ["Access"], section: "Basics" },
    { key: "watch", title: "Watch", id },
  ];
  const { status, body } = await own.post(url, { title: "Production", steps });
  expect(status).toBe(201);
  expect(body.growth.steps).toMatchObject({ total: 3, required: 2, blocked: 1 });
  expect(body.growth.plannedMinutes).toMatchObject({ onTheJob: 1200, total: 1200 });
  const [deploy, read, watch] = await stepsOf(body.id);
  expect(deploy).toMatchObject({ position: 1, weight: 3, dueOn: "2026-09-01", prerequisites: [read?.id, watch?.id], blockedBy: [read?.id, watch?.id] });
  expect(read).toMatchObject({
    position: 2,
    resourceId,
    mode: "formal",
    estimatedMinutes: 600,
    required: false,
    otherPrerequisites: ["Access"],
    section: "Basics",
  });
  expect(watch).toMatchObject({ position: 3, id, mode: null, pathStepKey: null, prerequisites: [] });
});

test("sent again under the same key, nothing is set a second time", async () => {
  const key = once();
  const body = {
    title: "Once",
    steps: [
      { key: "a", title: "A" },
      { key: "b", title: "B", prerequisites: ["a"] },
    ],
  };
  const first = await own.post(url, body, key);
  const again = await own.post(url, { ...body, steps: body.steps.map((step) => ({ ...step, section: null })) }, key);
  expect([first.status, again.status, again.headers["idempotency-replayed"], again.body.id]).toEqual([201, 201, "true", first.body.id]);
  expect(await stepsOf(first.body.id)).toHaveLength(2);
  expect((await own.get(url)).body.items).toHaveLength(1);
});

const many = (count: number) => Array.from({ length: count }, (_, n) => ({ key: `s${n}`, title: `Step ${n}` }));

test.each<[string, object[], object, number, string, string | undefined]>([
  [
    "a key that comes twice",
    [
      { key: "a", title: "A" },
      { key: "a", title: "B" },
    ],
    {},
    400,
    "invalid-request",
    "#/steps/1/key",
  ],
  ["a prerequisite that is missing", [{ key: "a", title: "A", prerequisites: ["b"] }], {}, 400, "invalid-request", "#/steps/0/prerequisites/0"],
  [
    "a circle",
    [
      { key: "a", title: "A", prerequisites: ["b"] },
      { key: "b", title: "B", prerequisites: ["a"] },
    ],
    {},
    422,
    "prerequisite-circle",
    undefined,
  ],
  ["an unknown resource", [{ key: "a", title: "A", resourceId: uuidv7() }], {}, 422, "reference-missing", "#/steps/0/resourceId"],
  ["more steps than a goal may have", many(501), {}, 400, "invalid-request", "#/steps"],
  ["a step without a key", [{ title: "A" }], {}, 400, "invalid-request", "#/steps/0/key"],
  ["a field that there is not", [{ key: "a", title: "A", state: "completed" }], {}, 400, "invalid-request", "#/steps/0/state"],
  ["a goal that is closed", [{ key: "a", title: "A" }], { status: "completed" }, 409, "goal-closed", undefined],
])("nothing is set of %s", async (_, steps, goal, status, code, pointer) => {
  const refused = await own.post(url, { title: "Nothing", ...goal, steps });
  expect([refused.status, refused.body.code, refused.body.errors?.[0].pointer]).toEqual([status, code, pointer]);
  expect((await own.get(url)).body.items).toEqual([]);
});

test("as many steps as a goal may have are set at once", async () => {
  const { status, body } = await own.post(url, { title: "Long", steps: many(500) });
  expect([status, body.growth.steps.total]).toEqual([201, 500]);
});

test("a change of a goal takes no steps", async () => {
  const { body } = await own.post(url, { title: "Plain" });
  expect(await own.patch(`${url}/${body.id}`, { steps: [] })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/steps" }] } });
});
