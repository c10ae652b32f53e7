import Fastify from "fastify";
import { v7 as uuidv7 } from "uuid";
import { holdAnswers } from "../../src/access/answers";
import type { App } from "../../src/http/app-type";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildSession, buildStep } from "../setup/factories";

// What a key is answered that may write, but not read. That every operation holds to it is shown by answers-to-writes.test.ts.

let api: TestApp;
let logs: Client;
let keepsGoals: Client;
let both: Client;
let learnerId: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db)).id;
  logs = api.as(await buildKey(api.db, { role: "service", scopes: ["sessions:write"] }));
  keepsGoals = api.as(await buildKey(api.db, { role: "service", scopes: ["learning:write"] }));
  both = api.as(await buildKey(api.db, { role: "service", scopes: ["sessions:write", "learning:write", "learning:read"] }));
});
afterAll(() => api.close());

const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 30 };
const receipt = (path: string, version: number | null, id: string | null = path.split("/").at(-1) as string) => ({
  learnerId,
  id,
  version,
  links: { self: path },
});
const recorded = (headers: Record<string, string>) =>
  api.db.auditEvent.findMany({ where: { requestId: headers["x-request-id"] as string }, select: { action: true, learnerIds: true } });

test("a session that is logged, logged again and changed is answered with a receipt, its ETag and its place", async () => {
  const path = `/v1/learners/${learnerId}/study-sessions/${uuidv7()}`;
  const first = await logs.put(path, { ...session, note: "from a calendar" });
  expect([first.status, first.body, first.headers.etag]).toEqual([201, receipt(path, 1), expect.stringMatching(/^"1-/)]);
  await both.patch(path, { impact: 5, skills: ["sql"] });
  const again = await logs.put(path, { ...session, note: "from a calendar" });
  expect([again.status, again.body, again.headers.etag]).toEqual([200, receipt(path, 2), expect.stringMatching(/^"2-/)]);
  expect(await recorded(again.headers)).toEqual([]);
  const changed = await logs.patch(path, { minutes: 45 }, { "If-Match": again.headers.etag as string });
  expect([changed.status, changed.body, changed.headers.etag]).toEqual([200, receipt(path, 3), expect.stringMatching(/^"3-/)]);
  const posted = await logs.post(`/v1/learners/${learnerId}/study-sessions`, session);
  expect(posted.body).toEqual(receipt(posted.headers.location as string, 1));
});

test("a timer has no id, and the session it becomes has one", async () => {
  const path = `/v1/learners/${learnerId}/timer`;
  const started = await logs.post(path, { mode: "social" });
  expect([started.status, started.body]).toEqual([201, receipt(path, 1, null)]);
  const stopped = await logs.post(`${path}/study-session`, {});
  expect([stopped.status, stopped.body]).toEqual([201, receipt(stopped.headers.location as string, 1)]);
});

test.each([
  [{}, 1],
  [{ title: "Another" }, 2],
])("a goal is not read by changing it: %j", async (change, version) => {
  const { id } = await buildGoal(api.db, { learnerId, title: "Deploy it myself", why: "To know how" });
  const path = `/v1/learners/${learnerId}/goals/${id}`;
  const answer = await keepsGoals.patch(path, change);
  expect([answer.status, answer.body]).toEqual([200, receipt(path, version)]);
  expect((await both.patch(path, change)).body).toMatchObject({ why: "To know how", version });
});

test("a stored answer is sent again as far as who asks for it may read it", async () => {
  const key = await buildKey(api.db, { role: "service", scopes: ["learning:write", "learning:read"] });
  const create = () => api.as(key).post(`/v1/learners/${learnerId}/goals`, { title: "Deploy it myself" }, { "Idempotency-Key": `goal-${learnerId}` });
  const first = await create();
  expect(await recorded(first.headers)).toEqual([{ action: "change", learnerIds: [learnerId] }]);
  const again = await create();
  expect([again.headers["idempotency-replayed"], again.body, again.headers.location]).toEqual(["true", first.body, first.headers.location]);
  // Shown again, it is read.
  expect(await recorded(again.headers)).toEqual([{ action: "read", learnerIds: [learnerId] }]);
  await api.db.apiKey.updateMany({ where: { scopes: { equals: ["learning:write", "learning:read"] } }, data: { scopes: ["learning:write"] } });
  const later = await create();
  expect([later.status, later.headers["idempotency-replayed"], later.body]).toEqual([201, "true", receipt(first.headers.location as string, 1)]);
  expect(await recorded(later.headers)).toEqual([]);
});

test("what a repeated request shows of somebody else's is recorded as a read", async () => {
  const path = `/v1/learners/${learnerId}/study-sessions/${uuidv7()}`;
  expect(await recorded((await both.put(path, session)).headers)).toEqual([{ action: "change", learnerIds: [learnerId] }]);
  const again = await both.put(path, session);
  expect([again.status, again.body.minutes]).toEqual([200, 30]);
  expect(await recorded(again.headers)).toEqual([{ action: "read", learnerIds: [learnerId] }]);
});

test("a refusal quotes what is stored to whoever may read it, and to nobody else", async () => {
  const goal = await buildGoal(api.db, { learnerId });
  const first = await buildStep(api.db, { learnerId, goalId: goal.id, title: "Ask an engineer" });
  const second = await buildStep(api.db, { learnerId, goalId: goal.id, title: "Deploy", requires: [first.id] });
  const steps = `/v1/learners/${learnerId}/goals/${goal.id}/steps`;
  const complete = (client: Client) => client.put(`${steps}/${second.id}/completion`, {});
  const inCircle = (client: Client) => client.patch(`${steps}/${first.id}`, { prerequisites: [second.id] });
  for (const [ask, status, code] of [
    [complete, 409, "step-blocked"],
    [inCircle, 422, "prerequisite-circle"],
  ] as const) {
    const [told, untold] = [await ask(both), await ask(keepsGoals)];
    expect(told).toMatchObject({ status, body: { code, detail: expect.stringContaining("Ask an engineer") } });
    expect(untold).toMatchObject({ status, body: { code } });
    expect(untold.text).not.toContain("Ask an engineer");
  }
});

test("a batch answers with outcomes alone, of what is there already, too", async () => {
  const { id } = await buildSession(api.db, { learnerId });
  const items = [
    { ...session, learnerId },
    { ...session, learnerId, id },
  ];
  const { body } = await logs.post("/v1/study-sessions/batch", { items });
  expect(body.items).toMatchObject([
    { outcome: "created", learnerId },
    { outcome: "rejected", id, problem: { code: "body-differs" } },
  ]);
  expect(Object.keys(body.items[0]).sort()).toEqual(["id", "index", "learnerId", "outcome", "problem", "warnings"]);
});

test("a route that does not say what its answer shows, or names no read, keeps the service from starting", async () => {
  const start = async (config: object) => {
    const app = Fastify();
    holdAnswers(app as unknown as App, { db: api.db });
    app.route({ method: "POST", url: "/things", config, preHandler: async () => undefined, handler: async () => ({}) });
    await app.ready();
  };
  await expect(start({})).rejects.toThrow("POST /things does not say what its answer shows");
  await expect(start({ answers: "getThing" })).rejects.toThrow("getThing");
});
