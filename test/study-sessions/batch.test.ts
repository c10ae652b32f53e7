import { v4 as uuidv4 } from "uuid";
import type { Learner } from "../../src/generated/prisma/client";
import { LONG_DAYS, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildResource, keyOf } from "../setup/factories";

const PATH = "/v1/study-sessions/batch";

let api: TestApp;
let learner: Learner;
beforeAll(async () => {
  api = await startApp(LONG_DAYS);
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
});
afterAll(() => api.close());

const item = (overrides: object = {}) => ({ learnerId: learner.id, startedAt: "2026-06-16T08:00:00Z", minutes: 90, ...overrides });
const outcomes = (body: { items: { outcome: string; problem: { code: string } | null }[] }) =>
  body.items.map(({ outcome, problem }) => problem?.code ?? outcome);
const stored = () => api.db.studySession.count({ where: { learnerId: learner.id } });

test("a thousand sessions across learners are logged, with an outcome for each", async () => {
  const learners = await Promise.all(Array.from({ length: 4 }, () => buildLearner(api.db)));
  const items = Array.from({ length: 1_000 }, (_, n) => item({ learnerId: learners[n % 4]?.id, id: uuidv4(), minutes: 1 + n, mode: "formal" }));
  const service = api.as(await buildKey(api.db, { role: "service" }));
  const { status, body } = await service.post(PATH, { items });
  expect([status, body.created, body.existing, body.rejected]).toEqual([200, 1_000, 0, 0]);
  expect(body.items).toEqual(
    items.map(({ learnerId, id }: { learnerId?: string; id?: string }, index) => ({
      index,
      outcome: "created",
      learnerId,
      id,
      problem: null,
      warnings: [expect.objectContaining({ code: "overlaps" })],
    })),
  );
  const sums = await api.db.studySession.groupBy({
    by: ["learnerId"],
    where: { learnerId: { in: learners.map(({ id }) => id) } },
    _sum: { formalMinutes: true },
  });
  expect(sums.map(({ _sum }) => _sum.formalMinutes).sort()).toEqual([124_750, 125_000, 125_250, 125_500]);

  const again = await service.post(PATH, { items });
  expect([again.body.created, again.body.existing, again.body.rejected]).toEqual([0, 1_000, 0]);
});

test("a session out of a batch is as one logged alone", async () => {
  const resourceId = (await buildResource(api.db, { type: "mentor", skills: ["talk"] })).id;
  const said = { startedAt: "2026-06-16T08:00:00Z", timeZone: "Asia/Tokyo", minutes: 90, resourceId, impact: 4, note: "x" };
  const alone = (await api.admin.post(`/v1/learners/${learner.id}/study-sessions`, said)).body;
  const [{ id }] = (await api.admin.post(PATH, { items: [item(said)] })).body.items;
  expect((await api.admin.get(`/v1/learners/${learner.id}/study-sessions/${id}`)).body).toEqual({ ...alone, id, warnings: undefined });
});

test("good items are logged whatever stands beside them", async () => {
  const goalId = (await buildGoal(api.db)).id;
  const { status, body } = await api.admin.post(PATH, {
    items: [
      item(),
      item({ minutes: 0 }),
      item({ learnerId: uuidv4() }),
      item({ goalId }),
      item({ resourceId: uuidv4() }),
      item({ split: { social: 91 } }),
      item({ startedAt: "2027-01-01T00:00:00Z" }),
      item({ note: "a\0b" }),
      item({ colour: "red" }),
      "not a session",
      null,
      item({ mode: "social" }),
    ],
  });
  expect(status).toBe(200);
  expect(outcomes(body)).toEqual([
    "created",
    "invalid-request",
    "not-found",
    "reference-missing",
    "reference-missing",
    "invalid-request",
    "invalid-request",
    "invalid-request",
    "invalid-request",
    "invalid-request",
    "invalid-request",
    "created",
  ]);
  expect([body.created, body.existing, body.rejected, await stored()]).toEqual([2, 0, 10, 2]);
});

test("a rejected item says where and why", async () => {
  const id = uuidv4();
  const { body, headers } = await api.admin.post(PATH, { items: [item(), item({ minutes: 0 }), item({ id, goalId: uuidv4() })] });
  expect(body.items[1]).toMatchObject({
    index: 1,
    outcome: "rejected",
    problem: { status: 400, code: "invalid-request", errors: [{ pointer: "#/minutes", detail: expect.any(String) }], requestId: headers["x-request-id"] },
  });
  expect(body.items[2]).toMatchObject({ index: 2, learnerId: learner.id, id, problem: { status: 422, errors: [{ pointer: "#/goalId" }] } });
});

test("an id twice in one batch is one session; another session under it is told so", async () => {
  const id = uuidv4();
  const { body } = await api.admin.post(PATH, { items: [item({ id }), item({ id }), item({ id, minutes: 91 }), item({ id: id.toUpperCase() })] });
  expect(outcomes(body)).toEqual(["created", "existing", "body-differs", "existing"]);
  expect(await api.db.studySession.findMany({ where: { learnerId: learner.id } })).toMatchObject([{ id, minutes: 90 }]);
});

test("the same id under two learners is two sessions", async () => {
  const id = uuidv4();
  const other = (await buildLearner(api.db)).id;
  expect(outcomes((await api.admin.post(PATH, { items: [item({ id }), item({ id, learnerId: other, minutes: 30 })] })).body)).toEqual(["created", "created"]);
});

test("items without an id are sessions of their own", async () => {
  expect(outcomes((await api.admin.post(PATH, { items: [item(), item()] })).body)).toEqual(["created", "created"]);
  expect(await stored()).toBe(2);
});

test("sent again, ids tell what is there, what differs and what was deleted", async () => {
  const ids = [uuidv4(), uuidv4(), uuidv4(), uuidv4()];
  const items = ids.map((id) => item({ id }));
  await api.admin.post(PATH, { items: items.slice(0, 3) });
  await api.admin.delete(`/v1/learners/${learner.id}/study-sessions/${ids[2]}`);
  const { body } = await api.admin.post(PATH, { items: [items[0], { ...items[1], minutes: 5 }, items[2], items[3]] });
  expect(outcomes(body)).toEqual(["existing", "body-differs", "session-deleted", "created"]);
});

test("a session that was PUT is existing to a batch, and the other way round", async () => {
  const [put, batched] = [uuidv4(), uuidv4()];
  const { learnerId, ...session } = item();
  const path = `/v1/learners/${learnerId}/study-sessions`;
  await api.admin.put(`${path}/${put}`, session);
  expect(outcomes((await api.admin.post(PATH, { items: [item({ id: put }), item({ id: batched })] })).body)).toEqual(["existing", "created"]);
  expect((await api.admin.put(`${path}/${batched}`, session)).status).toBe(200);
});

test("batches at once with the same ids log each session once", async () => {
  const items = Array.from({ length: 50 }, () => item({ id: uuidv4() }));
  const answers = await Promise.all(Array.from({ length: 5 }, () => api.admin.post(PATH, { items })));
  expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
  expect(answers.reduce((sum, { body }) => sum + body.created, 0)).toBe(50);
  expect(answers.reduce((sum, { body }) => sum + body.existing, 0)).toBe(200);
  expect(await stored()).toBe(50);
});

test("with an Idempotency-Key, items without ids are not logged twice either", async () => {
  const headers = { "Idempotency-Key": uuidv4() };
  const first = await api.admin.post(PATH, { items: [item(), item({ minutes: 0 })] }, headers);
  const second = await api.admin.post(PATH, { items: [item(), item({ minutes: 0 })] }, headers);
  expect(second.body).toEqual(first.body);
  expect(second.headers["idempotency-replayed"]).toBe("true");
  expect(await stored()).toBe(1);
  const other = await api.admin.post(PATH, { items: [item(), item()] }, headers);
  expect([other.status, other.body.code]).toEqual([422, "idempotency-key-reused"]);
});

test.each([
  ["no items", { items: [] }, "#/items"],
  ["too many items", { items: Array(1_001).fill({}) }, "#/items"],
  ["items that are no list", { items: {} }, "#/items"],
  ["nothing", {}, "#/items"],
  ["a list without its name", [], "#"],
  ["an unknown field", { items: [{}], dryRun: true }, "#/dryRun"],
])("%s is refused", async (_, body, pointer) => {
  const answer = await api.admin.post(PATH, body);
  expect([answer.status, answer.body.code, answer.body.errors[0].pointer]).toEqual([400, "invalid-request", pointer]);
});

describe("limits", () => {
  test("a batch may be larger than another body", async () => {
    const items = Array.from({ length: 200 }, () => item({ note: "a".repeat(10_000) }));
    expect((await api.admin.post(PATH, { items })).body.created).toBe(200);
  });

  test("but not as large as it likes", async () => {
    const items = Array.from({ length: 900 }, () => item({ note: "a".repeat(10_000) }));
    const { status, body } = await api.admin.post(PATH, { items });
    expect([status, body.code]).toEqual([413, "body-too-large"]);
  });

  test.each([
    ["told before", false],
    ["or not", true],
  ])("a person's is no larger than another body, its length %s", async (_, isChunked) => {
    const send = async (key: string, count: number) => {
      const text = JSON.stringify({ items: Array.from({ length: count }, () => item({ note: "a".repeat(10_000) })) });
      const body = isChunked ? new Blob([text]).stream() : text;
      const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
      const answer = await fetch(api.url + PATH, { method: "POST", headers, body, duplex: "half" } as RequestInit);
      return [answer.status, ((await answer.json()) as { code?: string }).code];
    };
    expect(await send(await keyOf(api.db, learner.id), 90)).toEqual([200, undefined]);
    expect(await send(await keyOf(api.db, learner.id), 110)).toEqual([413, "body-too-large"]);
    expect(await send(await buildKey(api.db, { role: "service" }), 110)).toEqual([200, undefined]);
  });

  test("an item as deep as the body allows is rejected like any other", async () => {
    const deep = `{"items":[${"[".repeat(100_000)}${"]".repeat(100_000)}]}`;
    for (const headers of [{}, { "Idempotency-Key": uuidv4() }] as Record<string, string>[]) {
      const { status, body } = await postText(deep, headers);
      expect(status === 200 ? outcomes(body) : status).toEqual(status === 200 ? ["invalid-request"] : 400);
    }
  });
});

describe("for whom", () => {
  test("a learner logs their own; others are as if not there", async () => {
    const { lead, learner: led } = await buildLedLearner(api.db);
    const own = item({ learnerId: lead.id });
    const items = [own, item(), item({ learnerId: led.id }), item({ learnerId: uuidv4() })];
    const { body } = await api.as(await keyOf(api.db, lead.id)).post(PATH, { items });
    expect(outcomes(body)).toEqual(["created", "not-found", "not-found", "not-found"]);
    const [unseen, ledOne, missing] = body.items.slice(1).map(({ problem }: { problem: object }) => problem);
    expect([unseen, ledOne]).toEqual([missing, missing]);
  });

  test("another learner's goal is no reference", async () => {
    const goalId = (await buildGoal(api.db)).id;
    const { body } = await api.as(await keyOf(api.db, learner.id)).post(PATH, { items: [item({ goalId })] });
    expect(outcomes(body)).toEqual(["reference-missing"]);
  });

  test("a learner does not vouch as a machine", async () => {
    const items = [item({ verification: "system-recorded" })];
    expect(outcomes((await api.as(await keyOf(api.db, learner.id)).post(PATH, { items })).body)).toEqual(["invalid-request"]);
    expect(outcomes((await api.admin.post(PATH, { items })).body)).toEqual(["created"]);
  });

  test("nobody without a key", async () => {
    expect((await api.as(null).post(PATH, { items: [item()] })).status).toBe(401);
  });
});

async function postText(text: string, headers: Record<string, string>) {
  const key = await buildKey(api.db, { role: "admin" });
  const answer = await fetch(api.url + PATH, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json", ...headers },
    body: text,
  });
  return { status: answer.status, body: (await answer.json()) as Parameters<typeof outcomes>[0] };
}
