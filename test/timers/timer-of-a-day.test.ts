import { v4 as uuidv4 } from "uuid";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildResource, buildStep, keyOf } from "../setup/factories";

let api: TestApp;
let learnerId: string;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db, { timeZone: "America/Los_Angeles" })).id;
  path = `/v1/learners/${learnerId}/timer`;
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const stop = (body: object = {}, headers = {}) => api.admin.post(`${path}/study-session`, body, headers);
const sessions = () => api.db.studySession.count({ where: { learnerId, deletedAt: null } });

describe("a timer keeps the zone and the day in which it was started", () => {
  test("whatever the learner's zone is when it is stopped", async () => {
    // The evening of the 16th in Los Angeles.
    api.setNow(new Date("2026-06-17T04:00:00Z"));
    const started = await api.admin.post(path, {});
    expect(started.body).toMatchObject({ timeZone: "America/Los_Angeles", startedOn: "2026-06-16" });
    await api.admin.patch(`/v1/learners/${learnerId}`, { timeZone: "Asia/Tokyo" });
    api.setNow(new Date("2026-06-17T05:00:00Z"));
    expect((await api.admin.get(path)).body).toEqual(started.body);
    expect((await stop()).body).toMatchObject({ timeZone: "America/Los_Angeles", occurredOn: "2026-06-16", minutes: 60 });
  });

  test("unless the one who starts, corrects or stops it says another zone", async () => {
    expect((await api.admin.post(path, { timeZone: "Asia/Tokyo", startedAt: "2026-06-16T16:00:00Z" })).body).toMatchObject({ startedOn: "2026-06-17" });
    expect((await api.admin.patch(path, { timeZone: "Europe/Berlin" })).body).toMatchObject({ timeZone: "Europe/Berlin", startedOn: "2026-06-16" });
    expect((await stop({ timeZone: "Asia/Tokyo", minutes: 5 })).body).toMatchObject({ timeZone: "Asia/Tokyo", occurredOn: "2026-06-17" });
  });
});

describe("a timer can be started in the past", () => {
  test("at an instant that has passed", async () => {
    const started = await api.admin.post(path, { startedAt: "2026-06-17T11:15:00Z", mode: "social" });
    expect([started.status, started.body.startedAt]).toEqual([201, "2026-06-17T11:15:00.000Z"]);
    expect((await stop()).body).toMatchObject({ minutes: 45, socialMinutes: 45 });
  });

  test("at a time on the learner's own clocks", async () => {
    expect((await api.admin.post(path, { startedAt: "2026-06-17T04:15" })).body.startedAt).toBe("2026-06-17T11:15:00.000Z");
  });

  test("not in the future", async () => {
    const { status, body } = await api.admin.post(path, { startedAt: "2026-06-17T12:00:00.001Z" });
    expect([status, body.code, body.errors[0].pointer]).toEqual([400, "invalid-request", "#/startedAt"]);
    expect((await api.admin.get(path)).status).toBe(404);
  });
});

describe("a timer can be corrected", () => {
  test("in all that starting takes", async () => {
    const { id: goalId } = await buildGoal(api.db, { learnerId });
    const { id: resourceId } = await buildResource(api.db, { type: "book" });
    await api.admin.post(path, { mode: "formal" });
    const change = { startedAt: "2026-06-15T08:00:00.000Z", timeZone: "Europe/Berlin", mode: "social", goalId, resourceId };
    const changed = await api.admin.patch(path, change);
    expect(changed.body).toEqual({ learnerId, ...change, startedOn: "2026-06-15", stepId: null, version: 2 });
    expect((await api.admin.get(path)).body).toEqual(changed.body);
    expect((await stop({ minutes: 30 })).body).toMatchObject({ startedAt: change.startedAt, occurredOn: "2026-06-15", goalId, resourceId, socialMinutes: 30 });
  });

  test("null takes away, and what is left out stays", async () => {
    const { id: goalId } = await buildGoal(api.db, { learnerId });
    await api.admin.post(path, { mode: "formal", goalId });
    expect((await api.admin.patch(path, { mode: null })).body).toMatchObject({ mode: null, goalId });
  });

  test("with a step its goal comes, and with another goal the step goes", async () => {
    const [{ id: other }, step] = [await buildGoal(api.db, { learnerId }), await buildStep(api.db, { learnerId })];
    await api.admin.post(path, { goalId: other });
    expect((await api.admin.patch(path, { stepId: step.id })).body).toMatchObject({ goalId: step.goalId, stepId: step.id });
    expect((await api.admin.patch(path, { stepId: step.id, goalId: other })).status).toBe(400);
    expect((await api.admin.patch(path, { goalId: other })).body).toMatchObject({ goalId: other, stepId: null });
  });

  test.each([
    [{ startedAt: "2026-06-17T12:00:01Z" }, 400, "#/startedAt"],
    [{ startedAt: null }, 400, "#/startedAt"],
    [{ goalId: uuidv4() }, 422, "#/goalId"],
    [{ minutes: 5 }, 400, "#/minutes"],
  ])("%j is refused and changes nothing", async (change, status, pointer) => {
    const { body: before } = await api.admin.post(path, {});
    const refused = await api.admin.patch(path, change);
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([status, pointer]);
    expect((await api.admin.get(path)).body).toEqual(before);
  });

  test("only while it runs", async () => {
    expect((await api.admin.patch(path, { mode: "social" })).status).toBe(404);
  });

  test("and the next of the same learner has another version, so that no If-Match means two of them", async () => {
    const { etag } = (await api.admin.post(path, { mode: "social" })).headers as { etag: string };
    await api.admin.delete(path);
    await api.admin.post(path, {});
    expect((await api.admin.patch(path, { mode: "formal" }, { "If-Match": etag })).status).toBe(412);
    expect((await api.admin.get(path)).body.mode).toBeNull();
  });
});

test("a timer can be stopped however long ago it was forgotten, with the minutes that the person gives", async () => {
  api.setNow(new Date("2023-02-03T17:00:00Z"));
  await api.admin.post(path, { mode: "on-the-job" });
  api.setNow(NOW);
  expect((await stop()).body.code).toBe("timer-too-long");
  const stopped = await stop({ minutes: 50 });
  expect([stopped.status, stopped.body]).toEqual([201, expect.objectContaining({ occurredOn: "2023-02-03", minutes: 50, onTheJobMinutes: 50 })]);
});

describe("stopping a timer a second time", () => {
  test("says that it was stopped, when, and into which session", async () => {
    await api.admin.post(path, {});
    const { body: session } = await stop({ minutes: 30 });
    const again = await stop({ minutes: 40 });
    expect([again.status, again.body.code]).toEqual([409, "timer-stopped"]);
    expect(again.body.detail).toContain(`/v1/learners/${learnerId}/study-sessions/${session.id}`);
    expect(again.body.detail).toContain(NOW.toISOString());
    expect(await sessions()).toBe(1);
  });

  test("says so, too, where the session was deleted since", async () => {
    await api.admin.post(path, {});
    const { body: session } = await stop();
    await api.admin.delete(`/v1/learners/${learnerId}/study-sessions/${session.id}`);
    expect((await stop()).body.detail).toContain(`${session.id}, which was deleted since`);
  });

  test("does not name the session to a key that may log, but not read", async () => {
    const logs = api.as(await buildKey(api.db, { role: "service", scopes: ["sessions:write"] }));
    await api.admin.post(path, {});
    const { body: session } = await stop();
    const again = await logs.post(`${path}/study-session`, {});
    expect([again.status, again.body.code]).toEqual([409, "timer-stopped"]);
    expect(again.text).not.toContain(session.id);
  });

  test.each(["patch", "delete"] as const)("and to %s it then are answered in the same way", async (method) => {
    await api.admin.post(path, {});
    await stop();
    const { status, body } = await api.admin[method](path);
    expect([status, body.code]).toEqual([409, "timer-stopped"]);
  });

  test("a timer that was discarded is not there", async () => {
    await api.admin.post(path, {});
    await api.admin.delete(path);
    for (const answer of [await stop(), await api.admin.delete(path), await api.admin.get(path)]) expect(answer.status).toBe(404);
  });

  test("a new one begins anew", async () => {
    await api.admin.post(path, { mode: "social" });
    await stop();
    const second = await api.admin.post(path, {});
    expect([second.status, second.body]).toEqual([201, expect.objectContaining({ mode: null, startedAt: NOW.toISOString() })]);
    expect((await stop()).status).toBe(201);
    expect(await sessions()).toBe(2);
  });
});

test("what a timer was on can be deleted once it was stopped", async () => {
  const { id: stepId, goalId } = await buildStep(api.db, { learnerId });
  await api.admin.post(path, { stepId });
  expect((await api.admin.delete(`/v1/learners/${learnerId}/goals/${goalId}`)).body.code).toBe("in-use");
  const { body: session } = await stop();
  await api.admin.patch(`/v1/learners/${learnerId}/study-sessions/${session.id}`, { goalId: null });
  expect((await api.admin.delete(`/v1/learners/${learnerId}/goals/${goalId}`)).status).toBe(204);
});

test("an erasure takes the last timer, too", async () => {
  await api.admin.post(path, {});
  await stop();
  expect((await api.admin.delete(`/v1/learners/${learnerId}/personal-data`)).status).toBe(200);
  expect(await api.db.timer.count({ where: { learnerId } })).toBe(0);
  const own = await keyOf(api.db, (await buildLearner(api.db)).id);
  expect((await api.as(own).get(path)).status).toBe(404);
});
