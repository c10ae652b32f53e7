import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildPath, buildStep } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Step = { key: string; prerequisites?: string[] };

/** Steps of which each has the `reach` before it as prerequisites. */
const chain = (count: number, reach: number): Step[] =>
  Array.from({ length: count }, (_, n) => ({ key: `s${n}`, prerequisites: Array.from({ length: Math.min(n, reach) }, (_, back) => `s${n - back - 1}`) }));

async function adopted(...versions: Step[][]) {
  const { id: pathId } = await buildPath(api.db, ...versions);
  const { learnerId, id } = await buildGoal(api.db);
  const url = `/v1/learners/${learnerId}/goals/${id}`;
  expect((await api.admin.put(`${url}/path`, { pathId, version: 1 })).status).toBe(200);
  return { pathId, learnerId, goalId: id, url };
}

/** Every row that a preview reads, with what any transaction, also one that was undone, leaves on a row that it locks or changes. */
async function traces(learnerId: string, goalId: string) {
  const of = (table: string, id: string) =>
    api.db.$queryRawUnsafe(
      `SELECT xmin::text, xmax::text, ctid::text, t.* FROM ${table} t WHERE learner_id = $1::uuid AND ${id} = $2::uuid ORDER BY ctid`,
      learnerId,
      goalId,
    );
  return [await of("goals", "id"), await of("steps", "goal_id"), await of("step_prerequisites", "goal_id")];
}

test("a preview changes and locks no row", async () => {
  const { url, learnerId, goalId } = await adopted(chain(6, 2), [...chain(8, 3).slice(2), { key: "new" }]);
  const before = await traces(learnerId, goalId);
  const { status, body } = await api.admin.get(`${url}/path`);
  expect([status, body.steps.map(({ change }: { change: string }) => change).includes("removed")]).toEqual([200, true]);
  expect(await traces(learnerId, goalId)).toEqual(before);
});

test.each([
  ["a circle with what the learner set", "prerequisite-circle"],
  ["a goal that is closed", "goal-closed"],
  ["too many prerequisites", "too-many-prerequisites"],
  ["too many steps", "too-many-steps"],
])("what the adoption refuses the preview refuses in the same words: %s", async (_, code) => {
  const second = {
    "prerequisite-circle": [{ key: "a" }, { key: "b", prerequisites: ["a"] }],
    "too-many-prerequisites": chain(400, 7),
    "too-many-steps": chain(500, 0),
  }[code] ?? [{ key: "a" }, { key: "c" }];
  const { url, learnerId, goalId, pathId } = await adopted([{ key: "a" }, { key: "b" }], second);
  if (code === "prerequisite-circle") {
    const { items } = (await api.admin.get(`${url}/steps`)).body;
    expect((await api.admin.patch(`${url}/steps/${items[0].id}`, { prerequisites: [items[1].id] })).status).toBe(200);
  }
  if (code === "too-many-steps") await buildStep(api.db, { learnerId, goalId });
  if (code === "goal-closed") await api.admin.patch(url, { status: "abandoned" });
  const [said, done] = [await api.admin.get(`${url}/path`), await api.admin.put(`${url}/path`, { pathId })];
  expect(said.body).toMatchObject({ code });
  expect({ ...said.body, requestId: "" }).toEqual({ ...done.body, requestId: "" });
});

describe("prerequisites", () => {
  const refusal = (count: number) => ({ status: 422, body: { code: "too-many-prerequisites", detail: expect.stringContaining(`there would be ${count}`) } });
  const titled = (steps: Step[]) => steps.map((step) => ({ ...step, title: step.key }));

  test("of a path are 2,500 at most", async () => {
    const most = chain(260, 10);
    const sum = most.reduce((total, { prerequisites }) => total + (prerequisites?.length ?? 0), 0);
    expect((await api.admin.post("/v1/paths", { title: "Dense", steps: titled(most.slice(0, 255)) })).status).toBe(201);
    expect(await api.admin.post("/v1/paths", { title: "Denser", steps: titled(most) })).toMatchObject(refusal(sum));
  });

  test("of a goal likewise, however they came", async () => {
    const { learnerId, id: goalId } = await buildGoal(api.db, { learnerId: (await buildLearner(api.db)).id });
    const steps = await Promise.all(Array.from({ length: 101 }, () => buildStep(api.db, { learnerId, goalId })));
    await api.db.stepPrerequisite.createMany({
      data: steps.slice(51).flatMap(({ id }) => steps.slice(0, 50).map((required) => ({ learnerId, goalId, stepId: id, requiresId: required.id }))),
    });
    const url = `/v1/learners/${learnerId}/goals/${goalId}/steps/${steps[50]?.id}`;
    expect(await api.admin.patch(url, { prerequisites: [steps[0]?.id] })).toMatchObject(refusal(2_501));
    expect((await api.admin.patch(url, { prerequisites: [] })).status).toBe(200);
  });
});

test("a goal that very many steps block names twenty of them, and refuses a step in few words", async () => {
  const { learnerId, id: goalId } = await buildGoal(api.db);
  const first = await Promise.all(
    Array.from({ length: 50 }, (_, n) => buildStep(api.db, { learnerId, goalId, title: `${String(n).padStart(2, "0")} ${"long ".repeat(50)}` })),
  );
  await api.db.step.updateMany({ where: { learnerId, goalId }, data: { required: false } });
  const last = await buildStep(api.db, { learnerId, goalId, requires: first.map(({ id }) => id) });
  const url = `/v1/learners/${learnerId}/goals/${goalId}`;
  const { health } = (await api.admin.get(url)).body.growth;
  expect(health.rule).toBe("every-step-blocked");
  expect(health.blockedBy.map(({ title }: { title: string }) => title.slice(0, 2))).toEqual(first.slice(0, 20).map(({ title }) => title.slice(0, 2)));
  const refused = await api.admin.put(`${url}/steps/${last.id}/completion`, {});
  expect(refused.body.code).toBe("step-blocked");
  expect(refused.body.detail).toMatch(
    /^These steps come first and are not done: "\d\d long .*, 30 more\. Complete or skip them, or send override: true with a reason\.$/,
  );
});
