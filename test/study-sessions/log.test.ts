import type { Learner } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildResource, keyOf } from "../setup/factories";

const ELSEWHERE = "0193d5a0-6c00-7a31-9d4e-000000000001";
const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 90 };

let api: TestApp;
let learner: Learner;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  path = `/v1/learners/${learner.id}/study-sessions`;
});
afterAll(() => api.close());

const stored = () => api.db.studySession.count({ where: { learnerId: learner.id } });

test("a session is logged and read back", async () => {
  const goal = await buildGoal(api.db, { learnerId: learner.id });
  const resource = await buildResource(api.db, { type: "mentor" });
  const answer = await api.as(await keyOf(api.db, learner.id)).post(path, {
    startedAt: "2026-06-16T10:00:00+02:00",
    timeZone: "Europe/Stockholm",
    minutes: 90,
    split: { onTheJob: 60, social: 20 },
    impact: 4,
    goalId: goal.id,
    resourceId: resource.id,
    skills: ["Kubernetes", "docker"],
    note: "First deploy",
    noteShared: true,
    verification: "self-reported",
  });
  expect(answer.status).toBe(201);
  expect(answer.headers).toMatchObject({ location: `${path}/${answer.body.id}`, etag: expect.stringMatching(/^"1-[\w-]{8}"$/) });
  expect(answer.body).toEqual({
    learnerId: learner.id,
    id: expect.any(String),
    startedAt: "2026-06-16T08:00:00.000Z",
    timeZone: "Europe/Stockholm",
    occurredOn: "2026-06-16",
    minutes: 90,
    onTheJobMinutes: 60,
    socialMinutes: 20,
    formalMinutes: 0,
    unclassifiedMinutes: 10,
    impact: 4,
    goalId: goal.id,
    stepId: null,
    resourceId: resource.id,
    resourceType: "mentor",
    skills: ["kubernetes", "docker"],
    verification: "self-reported",
    note: "First deploy",
    noteShared: true,
    version: 1,
    loggedAt: NOW.toISOString(),
    updatedAt: NOW.toISOString(),
    deletedAt: null,
    warnings: [],
  });
  const read = await api.admin.get(answer.headers.location as string);
  expect([read.status, { ...read.body, warnings: [] }, read.headers.etag]).toEqual([200, answer.body, answer.headers.etag]);
});

test("a start and minutes are enough", async () => {
  expect((await api.admin.post(path, session)).body).toMatchObject({
    timeZone: "UTC",
    unclassifiedMinutes: 90,
    impact: null,
    goalId: null,
    resourceId: null,
    resourceType: null,
    skills: [],
    verification: "self-reported",
    note: null,
    noteShared: false,
  });
});

test.each([
  ["past midnight, the day it began", "2026-06-15T23:30:00Z", "UTC", "2026-06-15"],
  ["a zone ahead", "2026-06-15T15:00:00Z", "Asia/Tokyo", "2026-06-16"],
  ["the zone furthest ahead", "2026-06-15T10:00:00Z", "Pacific/Kiritimati", "2026-06-16"],
  ["a zone behind", "2026-06-16T03:59:59Z", "America/New_York", "2026-06-15"],
  ["the zone furthest behind", "2026-06-16T10:59:59Z", "Pacific/Pago_Pago", "2026-06-15"],
  ["winter time", "2026-03-08T04:59:59Z", "America/New_York", "2026-03-07"],
  ["summer time", "2026-03-09T03:59:59Z", "America/New_York", "2026-03-08"],
  ["before the clocks go back", "2025-10-25T22:00:00Z", "Europe/Berlin", "2025-10-26"],
  ["after the clocks went back", "2025-10-26T22:59:59Z", "Europe/Berlin", "2025-10-26"],
  ["an offset of the client's, which is not the learner's calendar", "2026-06-16T00:30:00+09:00", "UTC", "2026-06-15"],
])("the day: %s", async (_, startedAt, zone, occurredOn) => {
  const traveller = await buildLearner(api.db, { timeZone: zone });
  const own = await api.admin.post(`/v1/learners/${traveller.id}/study-sessions`, { startedAt, minutes: 60 });
  expect(own.body).toMatchObject({ timeZone: zone, occurredOn });
  expect((await api.admin.post(path, { startedAt, minutes: 60, timeZone: zone })).body).toMatchObject({ timeZone: zone, occurredOn });
});

describe("what was learned from decides the mode", () => {
  test.each([
    ["a book", { type: "book" }, {}, { formalMinutes: 90 }],
    ["a mentor", { type: "mentor" }, {}, { socialMinutes: 90 }],
    ["a project", { type: "project" }, {}, { onTheJobMinutes: 90 }],
    ["another thing", { type: "other" }, {}, { unclassifiedMinutes: 90 }],
    ["a thing with a mode", { type: "other", mode: "social" }, {}, { socialMinutes: 90 }],
    ["a book read on the job", { type: "book", mode: "onTheJob" }, {}, { onTheJobMinutes: 90 }],
    ["a book, unless the session has a mode", { type: "book" }, { mode: "on-the-job" }, { onTheJobMinutes: 90 }],
    ["a book, unless the session is split", { type: "book" }, { split: { social: 30 } }, { socialMinutes: 30, unclassifiedMinutes: 60 }],
  ] as const)("%s", async (_, overrides, said, expected) => {
    const resource = await buildResource(api.db, overrides);
    const { body } = await api.admin.post(path, { ...session, ...said, resourceId: resource.id });
    const minutes = { onTheJobMinutes: 0, socialMinutes: 0, formalMinutes: 0, unclassifiedMinutes: 0 };
    expect(body).toMatchObject({ ...minutes, ...expected, resourceType: overrides.type });
  });

  test("and is not asked again when the resource is changed", async () => {
    const resource = await buildResource(api.db, { type: "book", skills: ["sql"] });
    const { body } = await api.admin.post(path, { ...session, resourceId: resource.id });
    await api.admin.patch(`/v1/resources/${resource.id}`, { type: "mentor", mode: "on-the-job", skills: ["git"] });
    await api.admin.put(`/v1/resources/${resource.id}/archival`);
    expect(body).toMatchObject((await api.admin.get(`${path}/${body.id}`)).body);
    expect(body).toMatchObject({ formalMinutes: 90, resourceType: "book", skills: ["sql"] });
  });
});

test("skills are the resource's and the goal's, each once, unless given", async () => {
  const resourceId = (await buildResource(api.db, { skills: ["docker", "linux"] })).id;
  const goalId = (await buildGoal(api.db, { learnerId: learner.id, skills: ["kubernetes", "docker"] })).id;
  expect((await api.admin.post(path, { ...session, resourceId, goalId })).body.skills).toEqual(["docker", "linux", "kubernetes"]);
  expect((await api.admin.post(path, { ...session, resourceId, goalId, skills: ["etcd"] })).body.skills).toEqual(["etcd"]);
  expect((await api.admin.post(path, { ...session, resourceId, goalId, skills: [] })).body.skills).toEqual([]);
});

test.each([
  ["a minute", { minutes: 1 }],
  ["a whole day", { minutes: 1440 }],
  ["a split of everything", { split: { onTheJob: 30, social: 30, formal: 30 } }],
  ["a split of nothing", { split: {} }],
  ["the first instant", { startedAt: "1970-01-01T00:00:00Z" }],
  ["a day ahead, for a clock that is off", { startedAt: new Date(NOW.getTime() + 86_400_000).toISOString() }],
  ["no goal, said outright", { goalId: null, resourceId: null, impact: null, note: null }],
])("%s is logged", async (_, change) => {
  expect((await api.admin.post(path, { ...session, ...change })).status).toBe(201);
});

test.each([
  ["no minutes at all", { minutes: undefined }, "#/minutes"],
  ["no start", { startedAt: undefined }, "#/startedAt"],
  ["0 minutes", { minutes: 0 }, "#/minutes"],
  ["more minutes than a day has", { minutes: 1441 }, "#/minutes"],
  ["half a minute", { minutes: 12.5 }, "#/minutes"],
  ["minutes as text", { minutes: "90" }, "#/minutes"],
  ["null minutes", { minutes: null }, "#/minutes"],
  ["a negative part", { split: { social: -1 } }, "#/split/social"],
  ["a part of half a minute", { split: { social: 0.5 } }, "#/split/social"],
  ["a split over the minutes", { split: { onTheJob: 60, formal: 31 } }, "#/split"],
  ["a mode of its own in the split", { split: { onthejob: 60 } }, "#/split/onthejob"],
  ["a mode and a split", { mode: "social", split: { social: 90 } }, "#/split"],
  ["an unknown mode", { mode: "onTheJob" }, "#/mode"],
  ["more than a day ahead", { startedAt: new Date(NOW.getTime() + 86_400_001).toISOString() }, "#/startedAt"],
  ["before 1970", { startedAt: "1969-12-31T23:59:59Z" }, "#/startedAt"],
  ["before 1970 where the learner was", { startedAt: "1970-01-01T00:00:00Z", timeZone: "America/New_York" }, "#/startedAt"],
  ["the year 0", { startedAt: "0000-01-01T00:00:00+23:59" }, "#/startedAt"],
  ["a start without a zone that is still to come", { startedAt: "2026-06-18T12:00:01" }, "#/startedAt"],
  ["a day instead of an instant", { startedAt: "2026-06-16" }, "#/startedAt"],
  ["a day that is not there", { startedAt: "2026-02-29T08:00:00Z" }, "#/startedAt"],
  ["an instant as a number", { startedAt: 1_781_596_800_000 }, "#/startedAt"],
  ["an unknown zone", { timeZone: "Mars/Olympus" }, "#/timeZone"],
  ["an offset as the zone", { timeZone: "+02:00" }, "#/timeZone"],
  ["an impact of 0", { impact: 0 }, "#/impact"],
  ["an impact of 6", { impact: 6 }, "#/impact"],
  ["a goal's title as its id", { goalId: "deploy" }, "#/goalId"],
  ["a resource's id cut short", { resourceId: "0193d5a0-6c00-7a31-9d4e" }, "#/resourceId"],
  ["a skill twice", { skills: ["SQL", "sql"] }, "#/skills"],
  ["too many skills", { skills: Array.from({ length: 21 }, (_, n) => `s${n}`) }, "#/skills"],
  ["a skill that filters would read as none", { skills: ["none"] }, "#/skills/0"],
  ["an empty note", { note: "" }, "#/note"],
  ["an unknown field", { durationMinutes: 90 }, "#/durationMinutes"],
  ["a field of the answer's", { occurredOn: "2026-06-16" }, "#/occurredOn"],
  ["an id in the body of a POST", { id: ELSEWHERE }, "#/id"],
  ["a mentor's word", { verification: "mentor-confirmed" }, "#/verification"],
])("%s is refused", async (_, change, pointer) => {
  const { status, body, type } = await api.admin.post(path, { ...session, ...change });
  expect([status, type]).toEqual([400, "application/problem+json"]);
  expect(body).toMatchObject({ code: "invalid-request", errors: expect.arrayContaining([{ pointer, detail: expect.any(String) }]) });
  expect(await stored()).toBe(0);
});

test("every flaw is named at once", async () => {
  const { body } = await api.admin.post(path, { minutes: 0, mode: "play" });
  expect(body.errors.map(({ pointer }: { pointer: string }) => pointer).sort()).toEqual(["#/minutes", "#/mode", "#/startedAt"]);
});

test.each([
  ["a goal that is not there", async () => ({ goalId: ELSEWHERE }), "#/goalId"],
  ["another learner's goal", async () => ({ goalId: (await buildGoal(api.db)).id }), "#/goalId"],
  ["a resource that is not there", async () => ({ resourceId: ELSEWHERE }), "#/resourceId"],
])("%s is refused", async (_, change, pointer) => {
  const { status, body } = await api.admin.post(path, { ...session, ...(await change()) });
  expect([status, body.code]).toEqual([422, "reference-missing"]);
  expect(body.errors).toEqual([{ pointer, detail: body.detail }]);
  expect(await stored()).toBe(0);
});

describe("who vouches", () => {
  test("a service says that it measured the session; the learner does not", async () => {
    const measured = { ...session, verification: "system-recorded" };
    const service = api.as(await buildKey(api.db, { role: "service" }));
    expect((await service.post(path, measured)).body).toMatchObject({ verification: "system-recorded" });
    const refused = await api.as(await keyOf(api.db, learner.id)).post(path, measured);
    expect([refused.status, refused.body.errors[0].pointer]).toEqual([400, "#/verification"]);
  });
});

describe("who may log for a learner", () => {
  test("the learner, a service, an admin", async () => {
    for (const key of [await keyOf(api.db, learner.id), await buildKey(api.db, { role: "service" }), await buildKey(api.db, { role: "admin" })]) {
      expect((await api.as(key).post(path, session)).status).toBe(201);
    }
  });

  test("not the lead, who sees but does not write", async () => {
    const led = await buildLedLearner(api.db);
    const { status, body } = await api.as(await keyOf(api.db, led.lead.id)).post(`/v1/learners/${led.learner.id}/study-sessions`, session);
    expect([status, body.code]).toEqual([403, "forbidden"]);
  });

  test("nobody for a learner whom they may not see, in the words for a learner who is not there", async () => {
    const stranger = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    const unseen = await stranger.post(path, session);
    const missing = await stranger.post(`/v1/learners/${ELSEWHERE}/study-sessions`, session);
    expect([unseen.status, missing.status]).toEqual([404, 404]);
    expect({ ...unseen.body, requestId: "" }).toEqual({ ...missing.body, requestId: "" });
    expect(await stored()).toBe(0);
  });

  test("an admin for nobody who is not a learner", async () => {
    expect((await api.admin.post(`/v1/learners/${ELSEWHERE}/study-sessions`, session)).status).toBe(404);
    expect((await api.admin.post("/v1/learners/tomas/study-sessions", session)).body.errors[0].pointer).toBe("path/learnerId");
  });

  test("nobody without a key", async () => {
    expect((await api.as(null).post(path, session)).status).toBe(401);
  });
});

test("a body beyond the limit is refused", async () => {
  const { status, body } = await api.admin.post(path, { ...session, note: "a".repeat(2_000_000) });
  expect([status, body.code]).toEqual([413, "body-too-large"]);
});
