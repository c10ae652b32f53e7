import { v4 as uuidv4 } from "uuid";
import type { Learner } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildResource, keyOf } from "../setup/factories";

let api: TestApp;
let learner: Learner;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  path = `/v1/learners/${learner.id}/timer`;
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

/** Lets time pass from the start of every test's timer. */
const after = (seconds: number) => api.setNow(new Date(NOW.getTime() + seconds * 1_000));
const stop = (body: object = {}, headers = {}) => api.admin.post(`${path}/study-session`, body, headers);
const sessions = () => api.db.studySession.count({ where: { learnerId: learner.id } });
const minutes = (count: number) => count * 60;

test("a timer is started, seen, and stopped into a session", async () => {
  const own = api.as(await keyOf(api.db, learner.id));
  const goalId = (await buildGoal(api.db, { learnerId: learner.id, skills: ["docker"] })).id;
  const resourceId = (await buildResource(api.db, { type: "book" })).id;
  const started = await own.post(path, { mode: "on-the-job", goalId, resourceId });
  expect([started.status, started.headers.location]).toEqual([201, path]);
  expect(started.body).toEqual({
    learnerId: learner.id,
    startedAt: NOW.toISOString(),
    timeZone: learner.timeZone,
    startedOn: "2026-06-17",
    mode: "on-the-job",
    goalId,
    stepId: null,
    resourceId,
    version: 1,
  });
  expect((await own.get(path)).body).toEqual(started.body);

  after(minutes(25));
  const stopped = await own.post(`${path}/study-session`, {});
  expect([stopped.status, stopped.headers.location]).toEqual([201, `/v1/learners/${learner.id}/study-sessions/${stopped.body.id}`]);
  expect(stopped.body).toMatchObject({
    startedAt: NOW.toISOString(),
    loggedAt: "2026-06-17T12:25:00.000Z",
    minutes: 25,
    onTheJobMinutes: 25,
    goalId,
    resourceId,
    resourceType: "book",
    skills: ["docker"],
    verification: "self-reported",
  });
  expect({ ...(await own.get(stopped.headers.location as string)).body, warnings: [] }).toEqual(stopped.body);
  expect((await own.get(path)).status).toBe(404);
});

test.each([
  ["no time at all", 0, 1],
  ["a second", 1, 1],
  ["89 seconds", 89, 1],
  ["a minute and a half", 90, 2],
  ["a whole day", minutes(1440), 1440],
  ["a whole day and the seconds that rounding forgives", minutes(1440) + 29, 1440],
])("%s", async (_, seconds, logged) => {
  await api.admin.post(path, {});
  after(seconds);
  expect((await stop()).body.minutes).toBe(logged);
});

test("a clock that went backwards leaves a minute", async () => {
  await api.admin.post(path, {});
  after(-30);
  expect((await stop()).body.minutes).toBe(1);
});

describe("a timer that ran for more than a day", () => {
  beforeEach(async () => {
    await api.admin.post(path, {});
    after(minutes(1441));
  });

  test.each([{}, { "Idempotency-Key": "too-long" }])("is refused as a session and runs on (%j)", async (headers) => {
    const { status, body } = await stop({}, headers);
    expect([status, body.code]).toEqual([422, "timer-too-long"]);
    expect(await sessions()).toBe(0);
    expect((await api.admin.get(path)).body.startedAt).toBe(NOW.toISOString());
  });

  test("is logged with the minutes that were learned", async () => {
    expect((await stop({ minutes: 50 })).body).toMatchObject({ minutes: 50, startedAt: NOW.toISOString() });
    expect((await api.admin.get(path)).status).toBe(404);
  });
});

test("a session past midnight belongs to the day on which the timer was started", async () => {
  api.setNow(new Date("2026-06-17T23:50:00Z"));
  await api.admin.post(path, {});
  api.setNow(new Date("2026-06-18T00:20:00Z"));
  expect((await stop()).body).toMatchObject({ occurredOn: "2026-06-17", minutes: 30 });
});

describe("what is said when it stops", () => {
  test("goes ahead of what was said when it started", async () => {
    const goalId = (await buildGoal(api.db, { learnerId: learner.id })).id;
    const resourceId = (await buildResource(api.db, { type: "mentor" })).id;
    await api.admin.post(path, { mode: "formal", goalId });
    after(minutes(60));
    const said = { mode: "social", goalId: null, resourceId, impact: 5, note: "n", noteShared: true, skills: ["talk"], timeZone: "Asia/Tokyo" };
    const { mode: _, ...kept } = said;
    expect((await stop(said)).body).toMatchObject({ ...kept, minutes: 60, socialMinutes: 60 });
  });

  test("a split takes the place of the mode", async () => {
    await api.admin.post(path, { mode: "formal" });
    after(minutes(60));
    expect((await stop({ split: { onTheJob: 40, social: 10 } })).body).toMatchObject({ onTheJobMinutes: 40, socialMinutes: 10, formalMinutes: 0 });
  });

  test("without a mode, the resource's counts", async () => {
    await api.admin.post(path, { resourceId: (await buildResource(api.db, { type: "mentor" })).id });
    after(minutes(60));
    expect((await stop()).body.socialMinutes).toBe(60);
  });

  test.each([
    ["a split over the time", { split: { social: 61 } }, "#/split"],
    ["a mode and a split", { mode: "social", split: { social: 10 } }, "#/split"],
    ["no minutes", { minutes: 0 }, "#/minutes"],
    ["another start", { startedAt: "2026-06-16T08:00:00Z" }, "#/startedAt"],
    ["a machine's word", { verification: "system-recorded" }, "#/verification"],
    ["an unknown field", { comment: "x" }, "#/comment"],
  ])("%s is refused, and the timer runs on", async (_, body, pointer) => {
    await api.admin.post(path, {});
    after(minutes(60));
    const answer = await stop(body);
    expect([answer.status, answer.body.errors[0].pointer]).toEqual([400, pointer]);
    expect([await sessions(), (await api.admin.get(path)).status]).toEqual([0, 200]);
  });

  test("a goal that is not there is refused, and the timer runs on", async () => {
    await api.admin.post(path, {});
    expect((await stop({ goalId: uuidv4() })).body.code).toBe("reference-missing");
    expect((await api.admin.get(path)).status).toBe(200);
  });
});

describe("one timer at a time", () => {
  test("a second start is refused and leaves the first alone", async () => {
    const { body: first } = await api.admin.post(path, { mode: "formal" });
    after(60);
    const second = await api.admin.post(path, { mode: "social" });
    expect([second.status, second.body.code]).toEqual([409, "timer-running"]);
    expect((await api.admin.get(path)).body).toEqual(first);
  });

  test("of starts at once, one succeeds", async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.admin.post(path, {})));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
  });

  test("of stops at once, one logs a session", async () => {
    await api.admin.post(path, {});
    const answers = await Promise.all(Array.from({ length: 10 }, () => stop()));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(9).fill(409)]);
    expect(await sessions()).toBe(1);
  });

  test("each learner has their own", async () => {
    await api.admin.post(path, {});
    expect((await api.admin.post(path.replace(learner.id, (await buildLearner(api.db)).id), {})).status).toBe(201);
  });

  test("after a stop, the next may start", async () => {
    await api.admin.post(path, {});
    await stop();
    expect((await api.admin.post(path, {})).status).toBe(201);
  });
});

describe("sent again with its Idempotency-Key", () => {
  test("a start is answered as before, not refused", async () => {
    const headers = { "Idempotency-Key": uuidv4() };
    const first = await api.admin.post(path, { mode: "formal" }, headers);
    const second = await api.admin.post(path, { mode: "formal" }, headers);
    expect([second.status, second.body]).toEqual([201, first.body]);
  });

  test("a stop is answered with the session, though the timer is gone and time went on", async () => {
    await api.admin.post(path, {});
    after(minutes(30));
    const headers = { "Idempotency-Key": uuidv4() };
    const first = await stop({}, headers);
    after(minutes(40));
    const second = await stop({}, headers);
    expect([second.status, second.body, second.headers.location]).toEqual([201, first.body, first.headers.location]);
    expect(await sessions()).toBe(1);
  });
});

test("a discarded timer logs nothing", async () => {
  await api.admin.post(path, {});
  const discarded = await api.as(await keyOf(api.db, learner.id)).delete(path);
  expect([discarded.status, discarded.text]).toEqual([204, ""]);
  expect([(await api.admin.get(path)).status, await sessions()]).toEqual([404, 0]);
});

test("where no timer runs there is nothing to see, stop or discard", async () => {
  for (const answer of [await api.admin.get(path), await stop(), await api.admin.delete(path)]) {
    expect([answer.status, answer.body.code]).toEqual([404, "not-found"]);
  }
});

test.each([
  ["an unknown mode", { mode: "play" }, 400, "invalid-request"],
  ["an unknown field", { minutes: 5 }, 400, "invalid-request"],
  ["a start that is still to come", { startedAt: "2026-06-17T12:00:01Z" }, 400, "invalid-request"],
  ["a start before there were days", { startedAt: "1969-12-31T23:59:59Z" }, 400, "invalid-request"],
  ["a goal that is not there", { goalId: uuidv4() }, 422, "reference-missing"],
  ["a resource that is not there", { resourceId: uuidv4() }, 422, "reference-missing"],
])("a start with %s is refused", async (_, body, status, code) => {
  const answer = await api.admin.post(path, body);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect((await api.admin.get(path)).status).toBe(404);
});

test("a start on another learner's goal is refused", async () => {
  expect((await api.admin.post(path, { goalId: (await buildGoal(api.db)).id })).body.code).toBe("reference-missing");
});

describe("who may", () => {
  test("a service starts and stops for anyone", async () => {
    const service = api.as(await buildKey(api.db, { role: "service" }));
    expect((await service.post(path, {})).status).toBe(201);
    expect((await service.post(`${path}/study-session`, {})).status).toBe(201);
  });

  test("a lead sees a timer and neither starts, stops nor discards it", async () => {
    const led = await buildLedLearner(api.db);
    const url = `/v1/learners/${led.learner.id}/timer`;
    await api.admin.post(url, {});
    const lead = api.as(await keyOf(api.db, led.lead.id));
    expect((await lead.get(url)).status).toBe(200);
    const refused = [await lead.post(url, {}), await lead.post(`${url}/study-session`, {}), await lead.delete(url)];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual(Array(3).fill([403, "forbidden"]));
    expect((await api.admin.get(url)).status).toBe(200);
  });

  test("a stranger finds nothing, running or not", async () => {
    await api.admin.post(path, {});
    const stranger = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    const answers = [await stranger.get(path), await stranger.post(path, {}), await stranger.post(`${path}/study-session`, {}), await stranger.delete(path)];
    expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
  });

  test("nobody without a key", async () => {
    expect((await api.as(null).post(path, {})).status).toBe(401);
  });
});
