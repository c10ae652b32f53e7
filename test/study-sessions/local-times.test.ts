import { v4 as uuidv4 } from "uuid";
import { instantIn } from "../../src/days";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner } from "../setup/factories";

// A local time without an offset is read in the learner's zone.

let api: TestApp;
let learnerId: string;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db, { timeZone: "Europe/Berlin" })).id;
  path = `/v1/learners/${learnerId}/study-sessions`;
});
afterAll(() => api.close());

describe.each([
  ["Europe/Berlin", "2025-11-20T08:15", "2025-11-20T07:15:00.000Z"],
  ["Europe/Berlin", "2026-06-16T08:15:30.25", "2026-06-16T06:15:30.250Z"],
  ["Europe/Berlin", "2026-06-16t08:15", "2026-06-16T06:15:00.000Z"],
  ["America/Los_Angeles", "2026-06-16T23:30", "2026-06-17T06:30:00.000Z"],
  ["Asia/Kathmandu", "2026-06-16T00:00", "2026-06-15T18:15:00.000Z"],
  // Skipped: read as if the clocks had not yet been put forward, so that it shows an hour later.
  ["Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:30:00.000Z"],
  ["Europe/Berlin", "2026-03-29T01:59:59", "2026-03-29T00:59:59.000Z"],
  ["Europe/Berlin", "2026-03-29T03:00", "2026-03-29T01:00:00.000Z"],
  ["Australia/Lord_Howe", "2025-10-05T02:15", "2025-10-04T15:45:00.000Z"],
  // Shown twice: the first time.
  ["Europe/Berlin", "2025-10-26T02:30", "2025-10-26T00:30:00.000Z"],
  ["Europe/Berlin", "2025-10-26T03:00", "2025-10-26T02:00:00.000Z"],
  ["America/New_York", "2025-11-02T01:30", "2025-11-02T05:30:00.000Z"],
])("in %s %s", (timeZone, startedAt, instant) => {
  test(`is ${instant}`, () => expect(instantIn(startedAt.toUpperCase(), timeZone).toISOString()).toBe(instant));

  test("is logged as that, on the day that it says", async () => {
    const logged = await api.admin.post(path, { startedAt, timeZone, minutes: 30, mode: "social" });
    expect([logged.status, logged.body.startedAt, logged.body.occurredOn]).toEqual([201, instant, startedAt.slice(0, 10)]);
  });
});

test("without a zone of its own, a session's is the learner's", async () => {
  const { body } = await api.admin.post(path, { startedAt: "2026-06-16T08:15", minutes: 30, mode: "social" });
  expect(body).toMatchObject({ startedAt: "2026-06-16T06:15:00.000Z", timeZone: "Europe/Berlin" });
});

test("sent again, it is the same session", async () => {
  const [address, session] = [`${path}/${uuidv4()}`, { startedAt: "2026-06-16T08:15", minutes: 30, mode: "social" }];
  expect((await api.admin.put(address, session)).status).toBe(201);
  expect((await api.admin.put(address, session)).status).toBe(200);
  expect((await api.admin.put(address, { ...session, startedAt: "2026-06-16T08:16" })).body.code).toBe("body-differs");
});

test("in a change, it is read in the session's zone, or in that of the change", async () => {
  const { body } = await api.admin.post(path, { startedAt: "2026-06-16T08:15", timeZone: "Asia/Tokyo", minutes: 30, mode: "social" });
  expect((await api.admin.patch(`${path}/${body.id}`, { startedAt: "2026-06-16T09:00" })).body.startedAt).toBe("2026-06-16T00:00:00.000Z");
  expect((await api.admin.patch(`${path}/${body.id}`, { startedAt: "2026-06-16T09:00", timeZone: "UTC" })).body.startedAt).toBe("2026-06-16T09:00:00.000Z");
});

test("of a batch and a file each item is read in its own learner's zone", async () => {
  const { id: other } = await buildLearner(api.db, { timeZone: "Asia/Tokyo" });
  const [startedAt, id] = ["2026-06-16T08:15", uuidv4()];
  await api.admin.post("/v1/study-sessions/batch", { items: [learnerId, other].map((learnerId) => ({ learnerId, startedAt, minutes: 30 })) });
  const file = `learnerId,id,startedAt,minutes\n${other},${id},2026-06-16T18:15,30\n`;
  await api.admin.post("/v1/imports/study-sessions", file, { "Content-Type": "text/csv" });
  const stored = await api.db.studySession.findMany({ orderBy: { startedAt: "asc" }, where: { learnerId: { in: [learnerId, other] } } });
  expect(stored.map(({ startedAt }) => startedAt.toISOString())).toEqual(["2026-06-15T23:15:00.000Z", "2026-06-16T06:15:00.000Z", "2026-06-16T09:15:00.000Z"]);
});

test.each(["2026-06-16", "2026-06-16 08:15", "2026-06-16T8:15", "2026-06-16T24:00", "2026-06-16T08", "2026-02-30T08:15", "2026-06-16T08:15+0200", ""])(
  "%s is none",
  async (startedAt) => {
    const { status, body } = await api.admin.post(path, { startedAt, minutes: 30 });
    expect([status, body.errors]).toEqual([400, [{ pointer: "#/startedAt", detail: expect.stringContaining("2026-11-23T09:30") }]]);
  },
);
