import { v7 as uuidv7 } from "uuid";
import { Instant } from "../../src/http/schema";
import { importFile, NDJSON } from "../imports/sending";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";

describe("an instant", () => {
  test.each([
    ["2026-06-10T08:00:00Z", "2026-06-10T08:00:00.000Z"],
    ["2026-06-10t08:00:00z", "2026-06-10T08:00:00.000Z"],
    ["2026-06-10t08:00:00.25+02:00", "2026-06-10T06:00:00.250Z"],
    ["2026-06-10T08:00:00-00:00", "2026-06-10T08:00:00.000Z"],
    ["2024-02-29T23:59:59.9999999Z", "2024-02-29T23:59:59.999Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"],
    ["2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00.000Z"],
    ["2017-01-01t00:59:60+01:00", "2017-01-01T00:00:00.000Z"],
    ["1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"],
    ["2026-06-10T12:30:60Z", "2026-06-10T12:31:00.000Z"],
  ])("%s is %s", (text, instant) => {
    expect(Instant.parse(text).toISOString()).toBe(instant);
  });

  test.each([
    "2026-06-10",
    "2026-06-10 08:00:00Z",
    "2026-06-10T08:00Z",
    "2026-06-10T08:00:00",
    "2026-06-10T08:00:00.Z",
    "2026-06-10T08:00:61Z",
    "2026-06-10T08:60:00Z",
    "2026-06-10T24:00:00Z",
    "2026-06-10T08:00:00+24:00",
    "2026-06-10T08:00:00+01:60",
    "2026-06-10T08:00:00+0100",
    "2026-02-29T08:00:00Z",
    "2026-06-31t08:00:00z",
    " 2026-06-10T08:00:00Z",
    "2026-06-10T08:00:00Z\n",
    "+002026-06-10T08:00:00Z",
    // After the last instant that there is a column for.
    "9999-12-31T23:59:60Z",
  ])("%j is none", (text) => {
    expect(Instant.safeParse(text).success).toBe(false);
  });
});

describe("RFC 3339 is read wherever an instant is", () => {
  let api: TestApp;
  let path: string;
  let learnerId: string;
  beforeAll(async () => {
    api = await startApp();
    learnerId = (await buildLearner(api.db)).id;
    path = `/v1/learners/${learnerId}/study-sessions`;
  });
  afterAll(() => api.close());

  const LEAP = "2026-06-16t23:59:60z";
  const NEXT_DAY = { startedAt: "2026-06-17T00:00:00.000Z", occurredOn: "2026-06-17" };

  test("in a body, also of a batch, and it is the same request however it is written", async () => {
    const id = uuidv7();
    expect(await api.admin.put(`${path}/${id}`, { startedAt: LEAP, minutes: 30 })).toMatchObject({ status: 201, body: NEXT_DAY });
    expect((await api.admin.put(`${path}/${id}`, { startedAt: NEXT_DAY.startedAt, minutes: 30 })).status).toBe(200);
    const { body } = await api.admin.post("/v1/study-sessions/batch", { items: [{ learnerId, startedAt: LEAP, minutes: 30 }] });
    expect(body).toMatchObject({ created: 1, rejected: 0 });
    const { status } = await api.admin.post("/v1/api-keys", { name: "A", role: "service", expiresAt: "2026-12-31t23:59:60z" });
    expect(status).toBe(201);
  });

  test("in a query", async () => {
    const { status, body } = await api.admin.get(`${path}?updatedSince=${LEAP}`);
    expect([status, body.items.length > 0]).toEqual([200, true]);
  });

  test("in a file", async () => {
    const key = await buildKey(api.db, { role: "service" });
    const [first, second] = [uuidv7(), uuidv7()];
    expect((await importFile(api, key, "study-sessions", `learnerId,id,startedAt,minutes\n${learnerId},${first},${LEAP},30\n`)).last).toMatchObject({
      created: 1,
    });
    const line = JSON.stringify({ learnerId, id: second, startedAt: LEAP, minutes: 30 });
    expect((await importFile(api, key, "study-sessions", `${line}\n`, NDJSON)).last).toMatchObject({ created: 1 });
    for (const id of [first, second]) expect((await api.admin.get(`${path}/${id}`)).body).toMatchObject(NEXT_DAY);
  });
});
