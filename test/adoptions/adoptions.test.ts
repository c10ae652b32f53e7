import { v7 as uuidv7 } from "uuid";
import { toDate } from "../../src/days";
import type { Learner, Step } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildPath, buildResource, buildStep, keyOf } from "../setup/factories";
import { buildEvidence } from "../setup/growth-factories";

type Row = { id: string; pathStepKey: string | null; title: string; dueOn: string | null; prerequisites: string[] };

let api: TestApp;
let learner: Learner;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const of = (goalId: string, below = "") => `/v1/learners/${learner.id}/goals/${goalId}${below}`;
const buildGoalId = async (overrides: object = {}) => (await buildGoal(api.db, { learnerId: learner.id, ...overrides })).id;
const adopt = (goalId: string, pathId: string, version?: number) => api.admin.put(of(goalId, "/path"), { pathId, ...(version && { version }) });
/** What was done, as it was said before the steps were there. */
const foretold = (body: { steps: { change: string }[] }) => ({
  ...body,
  steps: body.steps.map((step) => (step.change === "added" ? { ...step, stepId: null } : step)),
});
const preview = (goalId: string, query = "") => api.admin.get(of(goalId, `/path${query}`));
const goalOf = async (goalId: string) => (await api.admin.get(of(goalId))).body;
const stepsOf = async (goalId: string): Promise<(Row & Record<string, unknown>)[]> => (await api.admin.get(of(goalId, "/steps?limit=200"))).body.items;
const titlesOf = async (goalId: string) => (await stepsOf(goalId)).map(({ title }) => title);

async function stepOf(goalId: string, key: string) {
  const step = (await stepsOf(goalId)).find(({ pathStepKey }) => pathStepKey === key);
  if (!step) throw new Error(`no step ${key}`);
  return step;
}

/** A goal that has adopted the first version of a path with these. */
async function adopted(...versions: Parameters<typeof buildPath>[1][]): Promise<{ goalId: string; pathId: string; steps: Record<string, string> }> {
  const { id: pathId } = await buildPath(api.db, ...versions);
  const goalId = await buildGoalId();
  expect((await adopt(goalId, pathId, 1)).status).toBe(200);
  return { goalId, pathId, steps: Object.fromEntries((await stepsOf(goalId)).map(({ id, pathStepKey }) => [pathStepKey, id])) };
}

const change = (goalId: string, stepId: string | undefined, body: object) => api.admin.patch(of(goalId, `/steps/${stepId}`), body);
const put = (goalId: string, stepId: string | undefined, state: string) => api.admin.put(of(goalId, `/steps/${stepId}/${state}`), {});

describe("adopting a path", () => {
  test("makes its steps the goal's, in its order, with their prerequisites", async () => {
    const { id: resourceId } = await buildResource(api.db);
    const { id: pathId } = await buildPath(api.db, [
      { key: "read", section: "Basics", title: "Read", resourceId, mode: "formal", estimatedMinutes: 600 },
      { key: "deploy", title: "Deploy", required: false, weight: 3, prerequisites: ["read"], otherPrerequisites: ["Access"] },
    ]);
    const goalId = await buildGoalId();
    const self = api.as(await keyOf(api.db, learner.id));
    const answer = await self.put(of(goalId, "/path"), { pathId });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      pathId,
      fromVersion: null,
      toVersion: 1,
      progress: { before: null, after: 0 },
      steps: [
        { stepId: expect.any(String), key: "read", title: "Read", change: "added", fields: [] },
        { stepId: expect.any(String), key: "deploy", title: "Deploy", change: "added", fields: [] },
      ],
    });
    const [read, deploy] = await stepsOf(goalId);
    const fresh = { state: "not-started", startedOn: null, completedOn: null, skippedOn: null, dueOn: null, version: 1, loggedMinutes: 0 };
    expect(read).toMatchObject({ ...fresh, pathStepKey: "read", position: 1, section: "Basics", title: "Read", resourceId, mode: "formal" });
    expect(read).toMatchObject({ estimatedMinutes: 600, required: true, weight: 1, prerequisites: [], otherPrerequisites: [] });
    expect(deploy).toMatchObject({ ...fresh, pathStepKey: "deploy", position: 2, section: null, title: "Deploy", resourceId: null, mode: null });
    expect(deploy).toMatchObject({ estimatedMinutes: null, required: false, weight: 3, prerequisites: [read?.id], otherPrerequisites: ["Access"] });
    expect(await goalOf(goalId)).toMatchObject({ path: { id: pathId, version: 1, newerVersion: null }, version: 2 });
  });

  test("comes after the goal's own steps, and leaves these", async () => {
    const goalId = await buildGoalId();
    const own = await buildStep(api.db, { learnerId: learner.id, goalId, title: "Own", completedOn: toDate("2026-06-01"), weight: 2 });
    const { id: pathId } = await buildPath(api.db, [
      { key: "a", title: "A" },
      { key: "b", title: "B" },
    ]);
    expect((await adopt(goalId, pathId)).body.progress).toEqual({ before: 1, after: 0.5 });
    expect(await titlesOf(goalId)).toEqual(["Own", "A", "B"]);
    expect((await stepsOf(goalId))[0]).toMatchObject({ id: own.id, pathStepKey: null, state: "completed", version: 1 });
  });

  test("takes the last published version, or the one that is given", async () => {
    const { id: pathId } = await buildPath(api.db, [{ key: "a" }], [{ key: "b" }]);
    await api.admin.post(`/v1/paths/${pathId}/versions`);
    await api.admin.patch(`/v1/paths/${pathId}/versions/3`, { steps: [{ key: "c", title: "Not yet" }] });
    const [last, first] = [await buildGoalId(), await buildGoalId()];
    expect((await adopt(last, pathId)).body).toMatchObject({ toVersion: 2, steps: [{ key: "b" }] });
    expect((await adopt(first, pathId, 1)).body).toMatchObject({ toVersion: 1, steps: [{ key: "a" }] });
    expect((await goalOf(first)).path).toEqual({ id: pathId, title: expect.any(String), version: 1, newerVersion: 2 });
  });

  test("of one path by two goals of a learner goes well", async () => {
    const { id: pathId } = await buildPath(api.db, [{ key: "a" }, { key: "b", prerequisites: ["a"] }]);
    for (const goalId of [await buildGoalId(), await buildGoalId()]) {
      expect((await adopt(goalId, pathId)).status).toBe(200);
      expect(await stepsOf(goalId)).toHaveLength(2);
    }
  });

  describe("is refused, and changes nothing, where", () => {
    async function expectRefused(goalId: string, body: { pathId: string; version?: number }, refusal: object) {
      const [goal, steps] = [await goalOf(goalId), await stepsOf(goalId)];
      const answer = await api.admin.put(of(goalId, "/path"), body);
      expect(answer).toMatchObject(refusal);
      expect([await goalOf(goalId), await stepsOf(goalId)]).toEqual([goal, steps]);
    }
    const detail = "There is no such path, or this version of it is not published. Look it up under /v1/paths.";
    const unpublished = (pointer: string) => ({ status: 422, body: { code: "path-not-published", errors: [{ pointer, detail }] } });

    test("there is no such path", async () => {
      await expectRefused(await buildGoalId(), { pathId: uuidv7() }, unpublished("#/pathId"));
    });

    test("the path was never published", async () => {
      const { body } = await api.admin.post("/v1/paths", { title: "A draft", steps: [{ key: "a", title: "A" }] });
      await expectRefused(await buildGoalId(), { pathId: body.id }, unpublished("#/pathId"));
      await expectRefused(await buildGoalId(), { pathId: body.id, version: 1 }, unpublished("#/version"));
    });

    test("the version is a draft, or is not there", async () => {
      const { id: pathId } = await buildPath(api.db);
      await api.admin.post(`/v1/paths/${pathId}/versions`);
      await expectRefused(await buildGoalId(), { pathId, version: 2 }, unpublished("#/version"));
      await expectRefused(await buildGoalId(), { pathId, version: 3 }, unpublished("#/version"));
    });

    test("the path is archived", async () => {
      const { id: pathId } = await buildPath(api.db);
      await api.admin.put(`/v1/paths/${pathId}/archival`);
      const detail = "An archived path is no longer adopted, and its versions no longer taken over. Choose another path.";
      await expectRefused(await buildGoalId(), { pathId }, { status: 409, body: { code: "path-archived", detail } });
      await api.admin.delete(`/v1/paths/${pathId}/archival`);
      expect((await adopt(await buildGoalId(), pathId)).status).toBe(200);
    });

    test("the goal has adopted another path", async () => {
      const { goalId } = await adopted([{ key: "a" }]);
      const { id: pathId } = await buildPath(api.db, [{ key: "b" }], [{ key: "b" }]);
      const detail = "The goal has adopted another path. Set a second goal for this one, which may follow the first.";
      await expectRefused(goalId, { pathId }, { status: 409, body: { code: "path-adopted", detail } });
    });

    test("the goal has adopted this version, or a later one", async () => {
      const { id: pathId } = await buildPath(api.db, [{ key: "a" }], [{ key: "a" }, { key: "b" }]);
      const goalId = await buildGoalId();
      await adopt(goalId, pathId);
      const detail = "The goal is at version 2 already. Only a newer version can be taken over.";
      const refusal = { status: 409, body: { code: "path-adopted", title: "The goal has adopted a path already", detail } };
      await expectRefused(goalId, { pathId }, refusal);
      await expectRefused(goalId, { pathId, version: 2 }, refusal);
      await expectRefused(goalId, { pathId, version: 1 }, refusal);
    });

    test.each(["completed", "abandoned"] as const)("the goal is %s", async (status) => {
      const { id: pathId } = await buildPath(api.db);
      await expectRefused(await buildGoalId({ status }), { pathId }, { status: 409, body: { code: "goal-closed" } });
    });

    test("there would be more than 500 steps", async () => {
      const goalId = await buildGoalId();
      const many = Array.from({ length: 499 }, (_, index) => ({ learnerId: learner.id, goalId, id: uuidv7(), title: "One of many", position: index + 1 }));
      await api.db.step.createMany({ data: many });
      const { id: pathId } = await buildPath(api.db, [{ key: "a" }], [{ key: "a" }, { key: "b" }]);
      const detail = "A goal has at most 500 steps, and there would be 501. Set a second goal that follows this one.";
      await expectRefused(goalId, { pathId }, { status: 422, body: { code: "too-many-steps", detail } });
      expect((await adopt(goalId, pathId, 1)).status).toBe(200);
      await expectRefused(goalId, { pathId, version: 2 }, { status: 422, body: { code: "too-many-steps" } });
    });

    test.each([
      ["#/pathId", {}],
      ["#/pathId", { pathId: "notebook" }],
      ["#/version", { pathId: uuidv7(), version: 0 }],
      ["#/version", { pathId: uuidv7(), version: null }],
      ["#/steps", { pathId: uuidv7(), steps: [] }],
    ])("%s is wrong in %j", async (pointer, body) => {
      const refused = await api.admin.put(of(await buildGoalId(), "/path"), body);
      expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer }] } });
    });
  });

  test("at once by two is done once", async () => {
    const { id: pathId } = await buildPath(api.db, [{ key: "a" }]);
    const goalId = await buildGoalId();
    const answers = await Promise.all([adopt(goalId, pathId), adopt(goalId, pathId)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await stepsOf(goalId)).toHaveLength(1);
  });

  test.each([
    ["where there is no goal", () => uuidv7()],
    ["under another learner's goal", async () => (await buildGoal(api.db)).id],
  ])("is nothing %s", async (_, goal) => {
    const goalId = await goal();
    const { id: pathId } = await buildPath(api.db);
    expect(await adopt(goalId, pathId)).toMatchObject({ status: 404, body: { code: "not-found" } });
    expect(await preview(goalId)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });
});

describe("the due days of adopted steps", () => {
  const days = async (goal: object, ...steps: Parameters<typeof buildPath>[1][]) => {
    const { id: pathId } = await buildPath(api.db, ...steps);
    const goalId = await buildGoalId(goal);
    expect((await adopt(goalId, pathId)).status).toBe(200);
    return Object.fromEntries((await stepsOf(goalId)).map(({ pathStepKey, dueOn }) => [pathStepKey, dueOn]));
  };

  test("are spread over the goal's period by weight, to its due day", async () => {
    const steps = [
      { key: "a", weight: 1 },
      { key: "b", weight: 2 },
      { key: "c", weight: 7 },
    ];
    const period = { startsOn: toDate("2026-07-01"), dueOn: toDate("2026-07-11") };
    expect(await days(period, steps)).toEqual({ a: "2026-07-02", b: "2026-07-04", c: "2026-07-11" });
  });

  test("come in an order in which prerequisites are due first", async () => {
    const steps = [{ key: "last", prerequisites: ["middle"] }, { key: "first" }, { key: "middle", prerequisites: ["first"] }];
    const period = { startsOn: toDate("2026-07-01"), dueOn: toDate("2026-07-31") };
    expect(await days(period, steps)).toEqual({ first: "2026-07-11", middle: "2026-07-21", last: "2026-07-31" });
  });

  test("begin today where the goal has no start, on the learner's calendar", async () => {
    await api.db.learner.update({ where: { id: learner.id }, data: { timeZone: "Pacific/Kiritimati" } });
    expect(await days({ dueOn: toDate("2026-06-28") }, [{ key: "a" }, { key: "b" }])).toEqual({ a: "2026-06-23", b: "2026-06-28" });
  });

  test("are all the same where the period is one day", async () => {
    const day = toDate("2026-07-01");
    expect(await days({ startsOn: day, dueOn: day }, [{ key: "a" }, { key: "b" }])).toEqual({ a: "2026-07-01", b: "2026-07-01" });
  });

  test.each([
    ["the goal has no due day", { startsOn: toDate("2026-07-01") }],
    ["the due day has passed", { dueOn: toDate("2026-06-16") }],
  ])("are none where %s", async (_, goal) => {
    expect(await days(goal, [{ key: "a" }, { key: "b" }])).toEqual({ a: null, b: null });
  });

  test("of a new step come no later than those of the steps that wait for it", async () => {
    const first = [{ key: "a" }, { key: "b", prerequisites: ["a"] }];
    const { id: pathId } = await buildPath(api.db, first, [
      { key: "y" },
      { key: "z", prerequisites: ["y"] },
      { key: "a", prerequisites: ["z"] },
      { key: "b", prerequisites: ["a"] },
    ]);
    const goalId = await buildGoalId({ startsOn: toDate("2026-06-17"), dueOn: toDate("2026-08-16") });
    await adopt(goalId, pathId, 1);
    await adopt(goalId, pathId);
    const due = Object.fromEntries((await stepsOf(goalId)).map(({ pathStepKey, dueOn }) => [pathStepKey, dueOn]));
    // Spread by themselves, z would be due on the goal's last day.
    expect(due).toEqual({ y: "2026-07-17", z: "2026-07-17", a: "2026-07-17", b: "2026-08-16" });
  });

  test("of a newer version are spread over what is left, and those that there are stay", async () => {
    const { id: pathId } = await buildPath(api.db, [{ key: "a" }], [{ key: "a" }, { key: "b" }, { key: "c", prerequisites: ["b"] }]);
    const goalId = await buildGoalId({ startsOn: toDate("2026-06-01"), dueOn: toDate("2026-06-27") });
    await adopt(goalId, pathId, 1);
    await change(goalId, (await stepOf(goalId, "a")).id, { dueOn: "2026-06-05" });
    await adopt(goalId, pathId);
    const due = Object.fromEntries((await stepsOf(goalId)).map(({ pathStepKey, dueOn }) => [pathStepKey, dueOn]));
    expect(due).toEqual({ a: "2026-06-05", b: "2026-06-22", c: "2026-06-27" });
  });
});

describe("a newer version", () => {
  test("is announced by the goal from its publication on, and not while the path is archived", async () => {
    const { goalId, pathId } = await adopted([{ key: "a" }]);
    const newer = async () => (await goalOf(goalId)).path.newerVersion;
    const { etag } = (await api.admin.get(of(goalId))).headers;
    await api.admin.post(`/v1/paths/${pathId}/versions`);
    expect(await newer()).toBeNull();
    await api.admin.put(`/v1/paths/${pathId}/versions/2/publication`);
    expect(await newer()).toBe(2);
    expect((await api.admin.get(of(goalId), { "If-None-Match": etag as string })).status).toBe(200);
    await api.admin.put(`/v1/paths/${pathId}/archival`);
    expect(await newer()).toBeNull();
    await api.admin.delete(`/v1/paths/${pathId}/archival`);
    await adopt(goalId, pathId);
    expect((await goalOf(goalId)).path).toEqual({ id: pathId, title: expect.any(String), version: 2, newerVersion: null });
  });

  test("adds, changes, removes and keeps, and says so beforehand", async () => {
    const { goalId, pathId, steps } = await adopted(
      [
        { key: "stays", title: "Stays" },
        { key: "done", title: "Done", weight: 2 },
        { key: "begun", title: "Begun" },
        { key: "untouched", title: "Untouched" },
        { key: "skipped", title: "Skipped" },
        { key: "changes", title: "Changes", weight: 1, prerequisites: ["untouched"] },
        { key: "done-changes", title: "Done, changes", weight: 1 },
      ],
      [
        { key: "new", title: "New", prerequisites: ["changes"] },
        { key: "changes", title: "Changed", weight: 5, mode: "social", prerequisites: ["stays"] },
        { key: "stays", title: "Stays" },
        { key: "done-changes", title: "Otherwise", weight: 9 },
      ],
    );
    for (const key of ["done", "done-changes"]) await put(goalId, steps[key], "completion");
    await put(goalId, steps.begun, "start");
    await put(goalId, steps.skipped, "skip");
    const [goal, before] = [await goalOf(goalId), await stepsOf(goalId)];
    expect(goal.growth.progress).toBe(3 / 7);

    const said = await preview(goalId);
    expect(said.status).toBe(200);
    expect(said.body).toEqual({
      pathId,
      fromVersion: 1,
      toVersion: 2,
      // Of done 2 and 1, begun 1, stays 1, changes 5, new 1.
      progress: { before: 3 / 7, after: 3 / 11 },
      steps: [
        { stepId: null, key: "new", title: "New", change: "added", fields: [] },
        { stepId: steps.changes, key: "changes", title: "Changed", change: "changed", fields: ["title", "mode", "weight", "prerequisites"] },
        { stepId: steps.untouched, key: "untouched", title: "Untouched", change: "removed", fields: [] },
        { stepId: steps.done, key: "done", title: "Done", change: "kept", fields: [] },
        { stepId: steps.begun, key: "begun", title: "Begun", change: "kept", fields: [] },
        { stepId: steps.skipped, key: "skipped", title: "Skipped", change: "kept", fields: [] },
        { stepId: steps["done-changes"], key: "done-changes", title: "Done, changes", change: "kept", fields: [] },
      ],
    });
    expect([await goalOf(goalId), await stepsOf(goalId)]).toEqual([goal, before]);

    const done = await adopt(goalId, pathId);
    expect([done.status, foretold(done.body)]).toEqual([200, said.body]);
    const after = await stepsOf(goalId);
    const byTitle = (list: typeof after, title: string) => list.find((step) => step.title === title);
    expect(after.map(({ title }) => title)).toEqual(["New", "Stays", "Done", "Begun", "Skipped", "Changed", "Done, changes"]);
    expect(after.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const own = { pathStepKey: null, version: 3, updatedAt: expect.any(String), position: expect.any(Number) };
    for (const title of ["Done", "Begun", "Skipped"]) expect(byTitle(after, title)).toEqual({ ...byTitle(before, title), ...own });
    const kept = byTitle(before, "Done, changes");
    expect(byTitle(after, "Done, changes")).toEqual({ ...kept, position: 7 });
    expect(byTitle(after, "Changed")).toMatchObject({ id: steps.changes, weight: 5, mode: "social", prerequisites: [steps.stays], pathStepKey: "changes" });
    expect(byTitle(after, "New")).toMatchObject({ prerequisites: [steps.changes], pathStepKey: "new", state: "not-started" });
    expect(await goalOf(goalId)).toMatchObject({ path: { id: pathId, version: 2, newerVersion: null }, growth: { progress: 3 / 11 } });
  });

  test("leaves what the learner changed, whatever the versions say", async () => {
    const { goalId, pathId, steps } = await adopted(
      [{ key: "a", title: "Read", weight: 1, estimatedMinutes: 60, mode: "formal" }, { key: "b" }],
      [{ key: "a", title: "Read twice", weight: 1, estimatedMinutes: 60, mode: "formal" }, { key: "b" }],
    );
    await change(goalId, steps.a, { title: "Mine", weight: 7, estimatedMinutes: 90, mode: null, section: "Later", dueOn: "2026-07-01", required: false });
    const { body } = await adopt(goalId, pathId);
    expect(body.steps).toEqual([]);
    const own = { weight: 7, estimatedMinutes: 90, mode: null, section: "Later", dueOn: "2026-07-01", required: false };
    expect(await stepOf(goalId, "a")).toMatchObject({ id: steps.a, title: "Mine", ...own });
  });

  test("merges prerequisites three ways", async () => {
    const free = ["a", "b", "c", "d"].map((key) => ({ key }));
    const { goalId, pathId, steps } = await adopted(
      [...free, { key: "e", prerequisites: ["a", "b"] }, { key: "f", prerequisites: ["a", "b"] }],
      [...free, { key: "e", prerequisites: ["b", "c"] }, { key: "f", prerequisites: ["b", "c"] }],
    );
    const own = await buildStep(api.db, { learnerId: learner.id, goalId, title: "Own" });
    // Of e the learner drops b, and adds d and a step of their own; to f they add d.
    await change(goalId, steps.e, { prerequisites: [steps.a, steps.d, own.id] });
    await change(goalId, steps.f, { prerequisites: [steps.a, steps.b, steps.d] });
    await adopt(goalId, pathId);
    expect(new Set((await stepOf(goalId, "e")).prerequisites)).toEqual(new Set([steps.c, steps.d, own.id]));
    expect(new Set((await stepOf(goalId, "f")).prerequisites)).toEqual(new Set([steps.b, steps.c, steps.d]));
  });

  test("merges more prerequisites than one may name at once", async () => {
    const free = Array.from({ length: 100 }, (_, index) => ({ key: `k${index}` }));
    const { goalId, pathId, steps } = await adopted(
      [...free, { key: "last" }],
      [...free, { key: "last", prerequisites: free.slice(50).map(({ key }) => key) }],
    );
    const changed = await change(goalId, steps.last, { prerequisites: free.slice(0, 50).map(({ key }) => steps[key]) });
    expect(changed.status).toBe(200);
    expect((await adopt(goalId, pathId)).status).toBe(200);
    expect((await stepOf(goalId, "last")).prerequisites).toHaveLength(100);
  });

  test("leaves prerequisites that the versions say alike as the learner has them, in whatever order they are named", async () => {
    const { goalId, pathId, steps } = await adopted(
      [{ key: "a" }, { key: "b" }, { key: "c", prerequisites: ["a", "b"] }],
      [{ key: "a" }, { key: "b" }, { key: "c", prerequisites: ["b", "a"] }],
    );
    await change(goalId, steps.c, { prerequisites: [steps.a] });
    expect((await adopt(goalId, pathId)).body.steps).toEqual([]);
    expect((await stepOf(goalId, "c")).prerequisites).toEqual([steps.a]);
  });

  test("does not bring back what the learner deleted, and adds what needs it without it", async () => {
    const { goalId, pathId, steps } = await adopted(
      [
        { key: "a", title: "A" },
        { key: "b", title: "B" },
      ],
      [
        { key: "a", title: "Changed" },
        { key: "b", title: "B" },
        { key: "c", title: "C", prerequisites: ["a", "b"] },
      ],
    );
    expect((await api.admin.delete(of(goalId, `/steps/${steps.a}`))).status).toBe(204);
    expect((await adopt(goalId, pathId)).body.steps).toEqual([{ stepId: expect.any(String), key: "c", title: "C", change: "added", fields: [] }]);
    expect(await titlesOf(goalId)).toEqual(["B", "C"]);
    expect((await stepOf(goalId, "c")).prerequisites).toEqual([steps.b]);
  });

  test.each([
    [
      "a session was logged on",
      (step: Step) => api.admin.post(`/v1/learners/${learner.id}/study-sessions`, { startedAt: "2026-06-16T08:00:00Z", minutes: 60, stepId: step.id }),
    ],
    ["a timer runs for", (step: Step) => api.admin.post(`/v1/learners/${learner.id}/timer`, { stepId: step.id })],
    ["there is evidence for", (step: Step) => buildEvidence(api.db, { learnerId: learner.id, goalId: step.goalId, stepId: step.id, shared: true })],
    ["a review is asked for", (step: Step) => api.admin.post(of(step.goalId, "/reviews"), { stepId: step.id })],
  ])("keeps as the goal's own a step that it drops and that %s", async (_, use) => {
    learner = (await buildLedLearner(api.db)).learner;
    const { goalId, pathId, steps } = await adopted(
      [
        { key: "a", title: "A" },
        { key: "b", title: "B" },
      ],
      [{ key: "b", title: "B" }],
    );
    const used = await use({ id: steps.a, goalId } as Step);
    if ("status" in used) expect(used.status).toBe(201);
    const { body } = await adopt(goalId, pathId);
    expect(body.steps).toEqual([{ stepId: steps.a, key: "a", title: "A", change: "kept", fields: [] }]);
    expect((await stepsOf(goalId))[0]).toMatchObject({ id: steps.a, title: "A", pathStepKey: null });
  });

  test("tells nobody but the learner that there is private evidence for a step that it drops, and keeps the evidence", async () => {
    const versions = [
      [
        { key: "a", title: "A" },
        { key: "b", title: "B" },
      ],
      [{ key: "b", title: "B" }],
    ];
    const [without, withIt] = [await adopted(...versions), await adopted(...versions)];
    const { id } = await buildEvidence(api.db, { learnerId: learner.id, goalId: withIt.goalId, stepId: withIt.steps.a });
    const changes = ({ body }: { body: { steps: { title: string; change: string }[] } }) => body.steps.map(({ title, change }) => [title, change]);
    const own = api.as(await keyOf(api.db, learner.id));
    expect(changes(await own.get(of(withIt.goalId, "/path")))).toEqual([["A", "kept"]]);
    for (const { goalId } of [without, withIt]) expect(changes(await preview(goalId))).toEqual([["A", "removed"]]);
    for (const { goalId, pathId } of [without, withIt]) expect(changes(await adopt(goalId, pathId))).toEqual([["A", "removed"]]);
    expect((await own.get(of(withIt.goalId, `/evidence/${id}`))).body).toMatchObject({ stepId: null, text: "What I did" });
  });

  test("keeps a completed step as it was completed, though what is shown of it differs", async () => {
    const { goalId, pathId, steps } = await adopted(
      [
        { key: "a", title: "A", weight: 2 },
        { key: "b", title: "B" },
      ],
      [
        { key: "a", title: "Otherwise", weight: 9, required: false },
        { key: "b", title: "B" },
      ],
    );
    await put(goalId, steps.a, "completion");
    const before = await stepOf(goalId, "a");
    expect((await adopt(goalId, pathId)).body.progress).toEqual({ before: 2 / 3, after: 2 / 3 });
    expect(await stepOf(goalId, "a")).toEqual(before);
  });

  test("that says the same changes nothing but the version that is adopted", async () => {
    const { goalId, pathId } = await adopted([{ key: "a" }, { key: "b" }], [{ key: "a" }, { key: "b" }]);
    const before = await stepsOf(goalId);
    expect((await adopt(goalId, pathId)).body).toEqual({ pathId, fromVersion: 1, toVersion: 2, progress: { before: 0, after: 0 }, steps: [] });
    expect(await stepsOf(goalId)).toEqual(before);
  });

  test("may be skipped: the third after the first, in one", async () => {
    const { goalId, pathId, steps } = await adopted(
      [
        { key: "a", title: "One" },
        { key: "gone", title: "Gone" },
      ],
      [
        { key: "a", title: "Two" },
        { key: "between", title: "Between" },
      ],
      [
        { key: "a", title: "Three" },
        { key: "b", title: "B" },
      ],
    );
    expect((await preview(goalId, "?version=2")).body).toMatchObject({ toVersion: 2, steps: [{ key: "between" }, { key: "a" }, { key: "gone" }] });
    expect((await adopt(goalId, pathId)).body).toMatchObject({ fromVersion: 1, toVersion: 3 });
    expect(await titlesOf(goalId)).toEqual(["Three", "B"]);
    expect((await stepOf(goalId, "a")).id).toBe(steps.a);
  });

  test("puts new steps where the path has them, around the learner's own order", async () => {
    const step = (title: string) => ({ key: title, title });
    const { goalId, pathId, steps } = await adopted(
      [step("a"), step("b"), step("c")],
      [step("n1"), step("a"), step("n2"), step("n3"), step("b"), step("c"), step("n4")],
    );
    await buildStep(api.db, { learnerId: learner.id, goalId, title: "own" });
    await change(goalId, steps.c, { position: 1 });
    expect(await titlesOf(goalId)).toEqual(["c", "a", "b", "own"]);
    await adopt(goalId, pathId);
    expect(await titlesOf(goalId)).toEqual(["n1", "c", "n4", "a", "n2", "n3", "b", "own"]);
  });

  test("that goes in a circle with the learner's own prerequisites is refused whole", async () => {
    const { goalId, pathId, steps } = await adopted(
      [
        { key: "a", title: "Read" },
        { key: "b", title: "Write" },
      ],
      [
        { key: "a", title: "Read" },
        { key: "b", title: "Write", prerequisites: ["a"] },
        { key: "c", title: "New" },
      ],
    );
    await change(goalId, steps.a, { prerequisites: [steps.b] });
    const [goal, before] = [await goalOf(goalId), await stepsOf(goalId)];
    const refused = await adopt(goalId, pathId);
    expect([refused.status, refused.body.code]).toEqual([422, "prerequisite-circle"]);
    expect(refused.body.detail).toBe(
      'Each of these steps waits for the one before it, so none could ever begin: "Read" → "Write" → "Read". Take one of these prerequisites out.',
    );
    expect(await preview(goalId)).toMatchObject({ status: 422, body: { code: "prerequisite-circle" } });
    expect([await goalOf(goalId), await stepsOf(goalId)]).toEqual([goal, before]);
    await change(goalId, steps.a, { prerequisites: [] });
    expect((await adopt(goalId, pathId)).status).toBe(200);
  });
});

describe("what a newer version would change", () => {
  test("is nothing where there is none", async () => {
    const { goalId, pathId, steps } = await adopted([{ key: "a" }, { key: "b" }]);
    await put(goalId, steps.a, "completion");
    const none = { pathId, fromVersion: 1, toVersion: null, progress: { before: 0.5, after: 0.5 }, steps: [] };
    expect((await preview(goalId)).body).toEqual(none);
    expect((await preview(goalId, "?version=1")).body).toEqual(none);
  });

  test("is read by whoever may see the goal, and answers as often as it is asked", async () => {
    const { goalId } = await adopted([{ key: "a" }], [{ key: "a" }, { key: "b" }]);
    const self = api.as(await keyOf(api.db, learner.id));
    const first = await self.get(of(goalId, "/path"));
    expect([first.status, first.body.steps]).toEqual([200, [expect.objectContaining({ key: "b", change: "added" })]]);
    expect((await self.get(of(goalId, "/path"))).body).toEqual(first.body);
    expect((await goalOf(goalId)).version).toBe(2);
  });

  test("takes an adopted path", async () => {
    const detail = "The goal has adopted no path. PUT one at this address.";
    expect(await preview(await buildGoalId())).toMatchObject({ status: 404, body: { code: "not-found", detail } });
  });

  test.each([
    ["a draft", "?version=3", 422, "path-not-published"],
    ["an earlier version", "?version=1", 409, "path-adopted"],
    ["no version", "?version=0", 400, "invalid-request"],
    ["an unknown parameter", "?to=3", 400, "invalid-request"],
  ])("is not told of %s", async (_, query, status, code) => {
    const { id: pathId } = await buildPath(api.db, [{ key: "a" }], [{ key: "b" }]);
    await api.admin.post(`/v1/paths/${pathId}/versions`);
    const goalId = await buildGoalId();
    await adopt(goalId, pathId);
    expect(await preview(goalId, query)).toMatchObject({ status, body: { code } });
  });

  test("is not told of a closed goal", async () => {
    const { goalId } = await adopted([{ key: "a" }], [{ key: "b" }]);
    await api.admin.patch(of(goalId), { status: "completed" });
    expect(await preview(goalId)).toMatchObject({ status: 409, body: { code: "goal-closed" } });
  });
});
