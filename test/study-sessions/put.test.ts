import { v4 as uuidv4 } from "uuid";
import { digest } from "../../src/digest";
import type { Learner } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildResource, buildStep, keyOf } from "../setup/factories";

const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 90, split: { social: 30, formal: 60 }, note: "etcd" };

let api: TestApp;
let learner: Learner;
let id: string;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  id = uuidv4();
  path = `/v1/learners/${learner.id}/study-sessions/${id}`;
});
afterAll(() => api.close());

test("the first PUT logs the session, the same one again answers what is there", async () => {
  const own = api.as(await keyOf(api.db, learner.id));
  const first = await own.put(path, session);
  const second = await own.put(path, session);
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(first.body).toMatchObject({ learnerId: learner.id, id, socialMinutes: 30, formalMinutes: 60, note: "etcd", version: 1 });
  expect(second.body).toEqual(first.body);
  expect([first.headers.etag, second.headers.etag]).toEqual(Array(2).fill(expect.stringMatching(/^"1-/)));
  expect(second.headers.etag).toBe(first.headers.etag);
});

test.each([
  ["keys in another order", { note: "etcd", split: { formal: 60, social: 30 }, minutes: 90, startedAt: "2026-06-16T08:00:00Z" }],
  ["the same instant in another zone", { ...session, startedAt: "2026-06-16T10:00:00.000+02:00" }],
])("%s is the same session", async (_, again) => {
  await api.admin.put(path, session);
  expect((await api.admin.put(path, again)).status).toBe(200);
});

const nulls = { impact: null, goalId: null, stepId: null, resourceId: null };

test("null is as good as left out, in either order, also in a batch and without a note", async () => {
  const own = api.as(await keyOf(api.db, learner.id));
  const { note: _, ...silent } = session;
  for (const [first, second] of [
    [session, { ...session, ...nulls }],
    [{ ...session, ...nulls }, session],
    [silent, { ...silent, ...nulls, note: null }],
  ] as const) {
    const at = path.replace(id, uuidv4());
    expect([(await own.put(at, first)).status, (await own.put(at, second)).status]).toEqual([201, 200]);
    const item = { learnerId: learner.id, id: at.split("/").at(-1) };
    expect((await own.post("/v1/study-sessions/batch", { items: [{ ...item, ...second }] })).body).toMatchObject({ existing: 1 });
  }
});

test("null is another session where what is left out is the step's", async () => {
  const { id: resourceId } = await buildResource(api.db);
  const { goalId, ...step } = await buildStep(api.db, { learnerId: learner.id, resourceId });
  const onStep = { ...session, stepId: step.id };
  expect((await api.admin.put(path, onStep)).body).toMatchObject({ goalId, resourceId });
  expect((await api.admin.put(path, { ...onStep, resourceId: null })).body).toMatchObject({ code: "body-differs" });
});

test("what the version before stored by a body with null is answered again", async () => {
  const own = api.as(await keyOf(api.db, learner.id));
  const sent = { ...session, ...nulls };
  await own.put(path, sent);
  const bodyDigest = digest({ ...sent, startedAt: new Date(session.startedAt) });
  await api.db.studySession.updateMany({ where: { id }, data: { bodyDigest } });
  expect((await own.put(path, sent)).status).toBe(200);
});

test("an id in capitals is the same id", async () => {
  await api.admin.put(path, session);
  expect((await api.admin.put(path.replace(id, id.toUpperCase()), session)).status).toBe(200);
});

test.each([
  ["other minutes", { minutes: 91 }],
  ["another note", { note: "etcd " }],
  ["one field more", { impact: 3 }],
  ["one field less", { note: undefined }],
])("%s under the same id are refused, and change nothing", async (_, change) => {
  const { body: first } = await api.admin.put(path, session);
  const second = await api.admin.put(path, { ...session, ...change });
  expect([second.status, second.body.code]).toEqual([409, "body-differs"]);
  expect(first).toMatchObject((await api.admin.get(path)).body);
});

test("after a PATCH, the body that created the session is still a retry, and answers the session as it is now", async () => {
  await api.admin.put(path, session);
  const { body: patched } = await api.admin.patch(path, { minutes: 120, mode: "formal" });
  const retried = await api.admin.put(path, session);
  expect([retried.status, retried.body]).toEqual([200, patched]);
  expect((await api.admin.put(path, { ...session, minutes: 120 })).body.code).toBe("body-differs");
});

test("after its deletion, a session is not brought back by a retry", async () => {
  await api.admin.put(path, session);
  await api.admin.delete(path);
  const retried = await api.admin.put(path, session);
  expect([retried.status, retried.body.code]).toEqual([409, "session-deleted"]);
  expect((await api.admin.get(path)).status).toBe(404);
});

test("fifty retries at once make one session", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, () => api.admin.put(path, session)));
  const statuses = answers.map(({ status }) => status).sort();
  expect(statuses).toEqual([...Array(49).fill(200), 201]);
  expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(1);
});

test("of fifty different sessions under one id, one is logged and the others are told", async () => {
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => api.admin.put(path, { ...session, minutes: 100 + n })));
  expect(answers.map(({ status }) => status).sort()).toEqual([201, ...Array(49).fill(409)]);
  const [winner] = answers.filter(({ status }) => status === 201);
  expect(winner?.body).toMatchObject((await api.admin.get(path)).body);
});

test("two learners may name their sessions alike", async () => {
  const other = path.replace(learner.id, (await buildLearner(api.db)).id);
  expect((await api.admin.put(path, session)).status).toBe(201);
  expect((await api.admin.put(other, { ...session, minutes: 100 })).status).toBe(201);
  expect((await api.admin.get(path)).body.minutes).toBe(90);
});

test.each([
  ["an id that is no UUID", async () => path.replace(id, "monday"), session, 400, "invalid-request"],
  ["a wrong body", async () => path, { ...session, minutes: 0 }, 400, "invalid-request"],
  ["a learner who is not there", async () => path.replace(learner.id, uuidv4()), session, 404, "not-found"],
  ["a goal that is not there", async () => path, { ...session, goalId: uuidv4() }, 422, "reference-missing"],
])("%s is refused", async (_, url, body, status, code) => {
  const answer = await api.admin.put(await url(), body);
  expect([answer.status, answer.body.code]).toEqual([status, code]);
  expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(0);
});

test("another learner's goal is refused", async () => {
  const { id: goalId } = await buildGoal(api.db);
  expect((await api.admin.put(path, { ...session, goalId })).body.code).toBe("reference-missing");
});

test("a lead does not log for those they lead, a stranger finds nobody", async () => {
  const led = await buildLedLearner(api.db);
  const url = path.replace(learner.id, led.learner.id);
  expect((await api.as(await keyOf(api.db, led.lead.id)).put(url, session)).status).toBe(403);
  expect((await api.as(await keyOf(api.db, learner.id)).put(url, session)).status).toBe(404);
});
