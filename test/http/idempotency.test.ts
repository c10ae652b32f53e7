import { v4 as uuidv4 } from "uuid";
import type { Learner } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";

const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 90, split: { social: 30, formal: 60 } };

let api: TestApp;
let learner: Learner;
let path: string;
let key: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  path = `/v1/learners/${learner.id}/study-sessions`;
  key = uuidv4();
});
afterAll(() => api.close());

const log = (body: object, idempotencyKey = key) => api.admin.post(path, body, { "Idempotency-Key": idempotencyKey });
const stored = () => api.db.studySession.count({ where: { learnerId: learner.id } });

test("sent again, a creation is answered as the first time and done once", async () => {
  const first = await log(session);
  const second = await log({ split: { formal: 60, social: 30 }, minutes: 90, startedAt: "2026-06-16T08:00:00.000Z" });
  for (const header of ["location", "etag", "content-type"]) expect(second.headers[header]).toBe(first.headers[header]);
  expect([first.headers["idempotency-replayed"], second.headers["idempotency-replayed"]]).toEqual([undefined, "true"]);
  expect([second.status, second.text]).toEqual([201, first.text]);
  expect(await stored()).toBe(1);
});

test("without a key every POST creates", async () => {
  await api.admin.post(path, session);
  await api.admin.post(path, session);
  expect(await stored()).toBe(2);
});

test("the answer stays the first though the session has changed since", async () => {
  const first = await log(session);
  await api.admin.patch(first.headers.location as string, { minutes: 100 });
  expect((await log(session)).body).toEqual(first.body);
});

test("another body under the same key is refused", async () => {
  await log(session);
  const { status, body } = await log({ ...session, minutes: 91 });
  expect([status, body.code]).toEqual([422, "idempotency-key-reused"]);
  expect(await stored()).toBe(1);
});

test("the same body to another address is another request", async () => {
  await log(session);
  const other = `/v1/learners/${(await buildLearner(api.db)).id}/study-sessions`;
  expect((await api.admin.post(other, session, { "Idempotency-Key": key })).body.code).toBe("idempotency-key-reused");
});

test("each caller's keys are their own", async () => {
  await log(session);
  const other = api.as(await buildKey(api.db, { role: "service" }));
  expect((await other.post(path, session, { "Idempotency-Key": key })).headers["idempotency-replayed"]).toBeUndefined();
  expect(await stored()).toBe(2);
});

test("of requests at once, one creates; the others get its answer or are told to wait", async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, () => log(session)));
  const others = answers.filter(({ status }) => status !== 201);
  expect(others.map(({ body }) => body.code)).toEqual(Array(others.length).fill("idempotency-key-in-flight"));
  expect(new Set(answers.filter(({ status }) => status === 201).map(({ body }) => body.id)).size).toBe(1);
  expect(await stored()).toBe(1);
});

test("what was refused is not kept: corrected, it may come under the same key", async () => {
  expect((await log({ ...session, goalId: uuidv4() })).status).toBe(422);
  expect((await log(session)).status).toBe(201);
});

test("after a day a key is forgotten", async () => {
  await log(session);
  const age = (hours: number) => api.db.idempotencyKey.updateMany({ where: { key }, data: { createdAt: new Date(Date.now() - hours * 3_600_000) } });
  await age(23.9);
  expect((await log(session)).headers["idempotency-replayed"]).toBe("true");
  await age(24.1);
  expect((await log(session)).headers["idempotency-replayed"]).toBeUndefined();
  expect(await stored()).toBe(2);
});

test.each([
  ["empty", ""],
  ["too long", "k".repeat(129)],
  ["of two words", "two words"],
  ["beyond ASCII", "schlüssel"],
])("a key that is %s is refused", async (_, wrong) => {
  const { status, body } = await log(session, wrong);
  expect([status, body.errors[0].pointer]).toEqual([400, "headers/idempotency-key"]);
  expect(await stored()).toBe(0);
});

test.each(["k", "k".repeat(128), "!~#'\"\\"])("%j is a key", async (unusual) => {
  expect((await log(session, unusual)).status).toBe(201);
});

test("answers of a day ago go with whatever is created next, by whomever", async () => {
  const other = api.as(await buildKey(api.db, { role: "service" }));
  await other.post("/v1/teams", { name: "Long ago" }, { "Idempotency-Key": "long-ago" });
  await api.db.idempotencyKey.updateMany({ where: { key: "long-ago" }, data: { createdAt: new Date(Date.now() - 24.1 * 3_600_000) } });
  await api.admin.post("/v1/teams", { name: "Now" }, { "Idempotency-Key": "now" });
  expect(await api.db.idempotencyKey.count({ where: { key: "long-ago" } })).toBe(0);
});
