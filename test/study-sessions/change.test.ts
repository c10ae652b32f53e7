import { v4 as uuidv4 } from "uuid";
import type { Learner } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildResource, buildSession, keyOf } from "../setup/factories";

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

async function build(overrides: Parameters<typeof buildSession>[1] = {}): Promise<string> {
  const { id } = await buildSession(api.db, { learnerId: learner.id, ...overrides });
  return `/v1/learners/${learner.id}/study-sessions/${id}`;
}

const onTheJob = { minutes: 90, onTheJobMinutes: 90 };
const unclassified = { minutes: 90, onTheJobMinutes: 0 };
const mixed = { minutes: 90, onTheJobMinutes: 60, socialMinutes: 20 };

const row = (minutes: number, onTheJobMinutes: number, socialMinutes: number, formalMinutes: number) => ({
  minutes,
  onTheJobMinutes,
  socialMinutes,
  formalMinutes,
  unclassifiedMinutes: minutes - onTheJobMinutes - socialMinutes - formalMinutes,
});

test("what is given changes, the rest stays", async () => {
  const path = await build({ note: "before", impact: 2 });
  const { body: before } = await api.admin.get(path);
  api.setNow(new Date("2026-06-17T13:00:00Z"));
  const own = api.as(await keyOf(api.db, learner.id));
  const changed = await own.patch(path, { impact: 5, skills: ["Go"], note: "after", noteShared: true });
  expect(changed.status).toBe(200);
  expect(changed.headers.etag).toMatch(/^"2-/);
  expect(changed.body).toEqual({
    ...before,
    impact: 5,
    skills: ["go"],
    note: "after",
    noteShared: true,
    version: 2,
    updatedAt: "2026-06-17T13:00:00.000Z",
    warnings: expect.any(Array),
  });
  expect(changed.body).toMatchObject((await own.get(path)).body);
});

test("null takes away", async () => {
  const goalId = (await buildGoal(api.db, { learnerId: learner.id })).id;
  const resourceId = (await buildResource(api.db)).id;
  const path = await build({ impact: 2, note: "before", goalId, resourceId, resourceType: "book" });
  const empty = { impact: null, note: null, goalId: null, resourceId: null };
  expect((await api.as(await keyOf(api.db, learner.id)).patch(path, empty)).body).toMatchObject({ ...empty, resourceType: null });
});

test.each([
  ["one mode follows new minutes", onTheJob, { minutes: 45 }, row(45, 45, 0, 0)],
  ["unclassified minutes stay so", unclassified, { minutes: 45 }, row(45, 0, 0, 0)],
  ["mixed minutes keep their parts", mixed, { minutes: 120 }, row(120, 60, 20, 0)],
  ["mixed minutes keep their parts down to their sum", mixed, { minutes: 80 }, row(80, 60, 20, 0)],
  ["a mode takes all", mixed, { mode: "formal" }, row(90, 0, 0, 90)],
  ["a mode takes all of new minutes", mixed, { mode: "formal", minutes: 30 }, row(30, 0, 0, 30)],
  ["a split changes the modes that it names, and no others", mixed, { split: { social: 30 } }, row(90, 60, 30, 0)],
  ["a split of new minutes does too", mixed, { split: { onTheJob: 10, formal: 5 }, minutes: 40 }, row(40, 10, 20, 5)],
  ["null takes a mode's minutes away", mixed, { split: { onTheJob: null, formal: 15 } }, row(90, 0, 20, 15)],
  ["an empty split changes nothing", onTheJob, { split: {} }, row(90, 90, 0, 0)],
  ["nothing said, nothing changed", mixed, {}, row(90, 60, 20, 0)],
])("%s", async (_, before, change, after) => {
  const { status, body } = await api.admin.patch(await build(before), change);
  expect([status, body]).toEqual([200, expect.objectContaining(after)]);
});

test.each([
  ["minutes that do not hold the parts", mixed, { minutes: 79 }, "#/split"],
  ["a split over the minutes", onTheJob, { split: { social: 91 } }, "#/split"],
  ["a part that does not fit beside the parts that stay", onTheJob, { split: { social: 1 } }, "#/split"],
  ["a mode and a split", onTheJob, { mode: "social", split: { social: 90 } }, "#/split"],
  ["no minutes", onTheJob, { minutes: null }, "#/minutes"],
  ["too many minutes", onTheJob, { minutes: 1441 }, "#/minutes"],
  ["a null start", onTheJob, { startedAt: null }, "#/startedAt"],
  ["a start in the future", onTheJob, { startedAt: "2026-06-19T12:00:00Z" }, "#/startedAt"],
  ["an unknown zone", onTheJob, { timeZone: "+02:00" }, "#/timeZone"],
  ["a mentor's word of one's own", onTheJob, { verification: "mentor-confirmed" }, "#/verification"],
  ["another day than the start's", onTheJob, { occurredOn: "2026-06-02" }, "#/occurredOn"],
  ["another learner", onTheJob, { learnerId: uuidv4() }, "#/learnerId"],
  ["an unknown field", onTheJob, { duration: 5 }, "#/duration"],
])("%s is refused, and changes nothing", async (_, before, change, pointer) => {
  const path = await build(before);
  const { body: stored } = await api.admin.get(path);
  const { status, body } = await api.admin.patch(path, change);
  expect([status, body.code, body.errors[0].pointer]).toEqual([400, "invalid-request", pointer]);
  expect((await api.admin.get(path)).body).toEqual(stored);
});

test("a new resource brings its type and leaves the modes", async () => {
  const path = await build({ ...mixed, resourceType: "book" });
  const { id: resourceId } = await buildResource(api.db, { type: "mentor", skills: ["talk"] });
  expect((await api.admin.patch(path, { resourceId })).body).toMatchObject({ ...row(90, 60, 20, 0), resourceId, resourceType: "mentor", skills: [] });
});

test("a change elsewhere leaves the type that was logged, though the resource has another now", async () => {
  const resource = await buildResource(api.db, { type: "mentor" });
  const path = await build({ resourceId: resource.id, resourceType: "book" });
  expect((await api.admin.patch(path, { impact: 3 })).body.resourceType).toBe("book");
});

test("the day follows the start and the zone", async () => {
  const path = await build({ startedAt: "2026-06-10T12:00:00Z" });
  const day = async (change: object) => (await api.admin.patch(path, change)).body.occurredOn;
  expect(await day({ startedAt: "2026-06-10T23:00:00Z" })).toBe("2026-06-10");
  expect(await day({ timeZone: "Europe/Berlin" })).toBe("2026-06-11");
  expect(await day({ startedAt: "2026-06-10T21:59:59Z" })).toBe("2026-06-10");
  expect(await day({ minutes: 240 })).toBe("2026-06-10");
});

test("the day does not move with the learner", async () => {
  const path = await build({ startedAt: "2026-06-10T23:00:00Z" });
  await api.admin.patch(`/v1/learners/${learner.id}`, { timeZone: "Asia/Tokyo" });
  expect((await api.admin.patch(path, { impact: 3 })).body).toMatchObject({ timeZone: "UTC", occurredOn: "2026-06-10" });
});

test.each([
  ["a goal that is not there", async () => ({ goalId: uuidv4() })],
  ["another learner's goal", async () => ({ goalId: (await buildGoal(api.db)).id })],
  ["a resource that is not there", async () => ({ resourceId: uuidv4() })],
])("%s is refused", async (_, change) => {
  const { status, body } = await api.admin.patch(await build(), await change());
  expect([status, body.code]).toEqual([422, "reference-missing"]);
});

test("changes at once all count, and none brings back what another replaced", async () => {
  const path = await build(onTheJob);
  for (let round = 1; round <= 10; round++) {
    // In the first round nothing is changed by this.
    await api.admin.patch(path, { minutes: 90, mode: "on-the-job" });
    const impact = 1 + (round % 5);
    const answers = await Promise.all([{ minutes: 30 }, { mode: "formal" }, { impact }].map((change) => api.admin.patch(path, change)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await api.admin.get(path)).body).toMatchObject({ ...row(30, 0, 0, 30), impact, version: 4 * round });
  }
});

describe("who vouches", () => {
  test("what a service measured is no longer its word once the learner writes other minutes", async () => {
    const path = await build({ ...onTheJob, verification: "systemRecorded" });
    const { status, body } = await api.as(await keyOf(api.db, learner.id)).patch(path, { minutes: 1440 });
    expect(status === 200 ? body.verification : status).not.toBe("system-recorded");
  });
});

describe("If-Match", () => {
  test.each(["PATCH", "DELETE"])("%s takes the version that was read, and refuses another", async (method) => {
    const path = await build();
    const send = (tag: string) =>
      method === "PATCH" ? api.admin.patch(path, { impact: 3 }, { "If-Match": tag }) : api.admin.delete(path, { "If-Match": tag });
    for (const tag of ['"2"', '"0"', "1", 'W/"1"', '"1", "2"', '"x"', ""]) {
      const { status, body } = await send(tag);
      expect([tag, status, body.code]).toEqual([tag, 412, "version-mismatch"]);
    }
    expect((await api.admin.get(path)).headers.etag).toMatch(/^"1-/);
    expect((await send('"1"')).status).toBe(method === "PATCH" ? 200 : 204);
  });

  test("* takes any", async () => {
    const path = await build({ version: 7 });
    expect((await api.admin.patch(path, { impact: 3 }, { "If-Match": "*" })).body.version).toBe(8);
  });

  test("of changes at once on one version, one succeeds", async () => {
    const path = await build();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => api.admin.patch(path, { minutes: 10 + n }, { "If-Match": '"1"' })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(412)]);
    expect((await api.admin.get(path)).body.version).toBe(2);
  });
});

describe("deletion", () => {
  test("leaves a tombstone without the note, and nothing to read", async () => {
    const path = await build({ note: "private", noteShared: true });
    const gone = await api.as(await keyOf(api.db, learner.id)).delete(path);
    expect([gone.status, gone.text]).toEqual([204, ""]);
    expect((await api.admin.get(path)).status).toBe(404);
    expect(await api.db.studySession.findMany({ where: { learnerId: learner.id } })).toMatchObject([{ note: null, deletedAt: NOW, version: 2 }]);
  });

  test("happens once: afterwards there is nothing to change or delete", async () => {
    const path = await build();
    await api.admin.delete(path);
    for (const again of [await api.admin.delete(path), await api.admin.patch(path, { minutes: 5 })]) {
      expect([again.status, again.body.code]).toEqual([404, "not-found"]);
    }
  });
});

describe("who may change", () => {
  test.each(["PATCH", "DELETE"])("%s: not the lead, and to strangers nothing is there", async (method) => {
    const { lead, learner } = await buildLedLearner(api.db);
    const { id } = await buildSession(api.db, { learnerId: learner.id });
    const path = `/v1/learners/${learner.id}/study-sessions/${id}`;
    const status = async (key: string | null, url = path) =>
      (method === "PATCH" ? await api.as(key).patch(url, { minutes: 5 }) : await api.as(key).delete(url)).status;
    expect(await status(await keyOf(api.db, lead.id))).toBe(403);
    expect(await status(await keyOf(api.db, (await buildLearner(api.db)).id))).toBe(404);
    expect(await status(null)).toBe(401);
    expect(await status(await keyOf(api.db, learner.id), path.replace(id, uuidv4()))).toBe(404);
    expect(await status(await keyOf(api.db, learner.id), path.replace(id, "monday"))).toBe(400);
    expect((await api.admin.get(path)).headers.etag).toMatch(/^"1-/);
  });
});

test("no change of time or zone puts a session before 1970", async () => {
  const path = await build({ startedAt: new Date("1970-01-01T08:00:00Z") });
  for (const body of [{ timeZone: "Pacific/Honolulu" }, { startedAt: "1970-01-01T04:00:00Z", timeZone: "America/New_York" }]) {
    expect(await api.admin.patch(path, body)).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/startedAt" }] } });
  }
  expect((await api.admin.get(path)).body).toMatchObject({ occurredOn: "1970-01-01", version: 1 });
});
