import { v7 as uuidv7 } from "uuid";
import { beginRequest, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const TOKEN = `eyJ${"hbGciOiJSUzI1NiJ9".repeat(2)}.eyJ${"zdWIiOiJhZGEifQ".repeat(2)}.c2lnbmF0dXJl`;

/** The lines of one request. */
async function linesOf(ask: () => Promise<{ headers: Record<string, string> }>): Promise<Record<string, unknown>[]> {
  const id = (await ask()).headers["x-request-id"];
  return api.log.map((line) => JSON.parse(line)).filter(({ reqId }) => reqId === id);
}

test("one line tells of a request: its id, method, path, status and how long it took", async () => {
  const path = `/v1/learners/${(await buildLearner(api.db)).id}`;
  const lines = await linesOf(() => api.admin.get(path));
  expect(lines).toMatchObject([
    { req: { method: "GET", path, remoteAddress: "127.0.0.1" }, res: { statusCode: 200 }, responseTime: expect.any(Number), msg: "request completed" },
  ]);
  expect(lines[0]).not.toHaveProperty("traceId");
});

test.each([
  ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "4bf92f3577b34da6a3ce929d0e0e4736"],
  ["cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-later", "4bf92f3577b34da6a3ce929d0e0e4736"],
  ["ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", undefined],
  ["00-00000000000000000000000000000000-00f067aa0ba902b7-01", undefined],
  ["00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", undefined],
  ["00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", undefined],
  ["zanzibar", undefined],
])("of the trace %s the log holds %s", async (traceparent, traceId) => {
  const [line] = await linesOf(() => api.admin.get("/v1/me", { traceparent }));
  expect(line?.traceId).toBe(traceId);
  expect(JSON.stringify(line)).not.toContain("zanzibar");
});

test("whoever hangs up is logged as that", async () => {
  const { hangUp } = await beginRequest(api.url, "/v1/learners");
  hangUp();
  const lines = () => api.log.map((line) => JSON.parse(line)).filter(({ res }) => res?.statusCode === 499);
  while (!lines().length) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(lines()).toMatchObject([{ req: { method: "POST", path: "/v1/learners" } }]);
});

test("a log holds nothing of whom people search for", async () => {
  const lines = await linesOf(() => api.admin.get("/v1/learners?email=zanzibar@example.com&q=zanzibar"));
  expect(lines).toHaveLength(1);
  expect(JSON.stringify(lines)).not.toContain("zanzibar");
});

test("an address in which people put what is no id is logged without it", async () => {
  const { id } = await buildLearner(api.db);
  const logged = async (path: string) => (await linesOf(() => api.admin.get(path)))[0]?.req;
  expect(await logged(`/v1/learners/${id}/goals/${id}`)).toMatchObject({ path: `/v1/learners/${id}/goals/${id}` });
  expect(await logged("/v1/learners/ada@example.com/goals")).toMatchObject({ path: "/v1/learners/[learnerId]/goals" });
  expect(await logged("/v1/people/ada@example.com")).toMatchObject({ path: "[no such address]" });
});

test("a failure is logged with what helps to find it, and without the row that the database shows", async () => {
  const { id, email } = await buildLearner(api.db, { email: "zanzibar@example.com" });
  await api.db.$executeRawUnsafe(`ALTER TABLE study_sessions ADD CONSTRAINT unlucky_check CHECK (minutes <> 13) NOT VALID`);
  await api.db.$executeRawUnsafe(`ALTER TABLE learners ADD CONSTRAINT no_test CHECK (time_zone <> 'Asia/Tokyo') NOT VALID`);
  for (const ask of [
    () => api.admin.post(`/v1/learners/${id}/study-sessions`, { startedAt: "2026-06-16T08:00:00Z", minutes: 13, note: "zanzibar", mode: "formal" }),
    () => api.admin.patch(`/v1/learners/${id}`, { timeZone: "Asia/Tokyo" }),
  ]) {
    const lines = await linesOf(ask);
    const failure = lines.find(({ err }) => err) as { err: Record<string, string> };
    expect(failure.err).toMatchObject({ type: "PrismaClientKnownRequestError", stack: expect.stringMatching(/^\s+at /) });
    expect(JSON.stringify(failure.err)).toMatch(/unlucky_check|no_test/);
    expect(JSON.stringify(lines)).not.toMatch(new RegExp(`zanzibar|${email}`));
  }
  await api.db.$executeRawUnsafe(`ALTER TABLE study_sessions DROP CONSTRAINT unlucky_check`);
  await api.db.$executeRawUnsafe(`ALTER TABLE learners DROP CONSTRAINT no_test`);
});

test.each(["key", "token"])("a %s in the wrong place is not logged", async (kind) => {
  const secret = kind === "key" ? await keyOf(api.db, (await buildLearner(api.db)).id) : TOKEN;
  const wrong = [
    () => api.as(secret).get(`/v1/me?key=${secret}`),
    () => api.as(null).get(`/v1/${secret}`),
    () => api.as(null).get(`/v1/learners/${secret}/goals?access_token=${secret}`),
    () => api.as(`${secret}x`).get("/v1/me"),
    () => api.as(null).get("/v1/me", { Authorization: `Basic ${secret}`, Cookie: `key=${secret}`, "X-API-Key": secret }),
    () => api.admin.post("/v1/learners", { name: "Ada", [secret]: secret }),
    () => api.admin.get("/v1/learners", { "If-None-Match": secret, Accept: secret }),
  ];
  for (const ask of wrong) {
    const lines = await linesOf(ask);
    expect(lines.length).toBeGreaterThanOrEqual(1);
    expect(JSON.stringify(lines)).not.toContain(secret.slice(0, 20));
  }
});

test("neither the making nor the life of keys is logged or stored with a key", async () => {
  const { id: learnerId } = await buildLearner(api.db);
  const admin = await buildKey(api.db, { role: "admin" });
  const made = await api.as(admin).post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId }, { "Idempotency-Key": uuidv7() });
  const next = await api.as(made.body.secret).post(`/v1/api-keys/${made.body.id}/rotation`, {}, { "Idempotency-Key": uuidv7() });
  expect([made.status, next.status]).toEqual([201, 201]);
  await api.as(next.body.secret).delete(`/v1/api-keys/${made.body.id}`);
  const rows = await api.db.$queryRaw<{ row: string }[]>`SELECT t::text AS row FROM idempotency_keys t UNION ALL SELECT t::text FROM api_keys t`;
  const kept = JSON.stringify([api.log, rows]);
  for (const secret of [admin, made.body.secret, next.body.secret]) {
    expect(secret).toMatch(/^cairn_/);
    expect(kept).not.toContain(secret.slice(20));
  }
});
