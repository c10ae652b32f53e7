import { v4 as uuidv4 } from "uuid";
import { readReason } from "../../src/http/change-reason";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildResource, buildSession, buildStep, keyOf } from "../setup/factories";

let api: TestApp;
let learnerId: string;
let path: string;
const CLOSURE = "/v1/periods/2026-05/closure";
const REASON = { "Change-Reason": "Agreed with the auditors" };
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  await api.db.closedMonth.deleteMany();
  learnerId = (await buildLearner(api.db, { timeZone: "UTC", name: "Ada Example" })).id;
  path = `/v1/learners/${learnerId}/study-sessions`;
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const inMay = { startedAt: "2026-05-20T08:00:00Z", minutes: 60, mode: "social" };
const inJune = { ...inMay, startedAt: "2026-06-10T08:00:00Z" };
const close = () => api.admin.put(CLOSURE);
const minutesOf = async () => (await api.db.studySession.aggregate({ where: { learnerId, deletedAt: null }, _sum: { minutes: true } }))._sum.minutes ?? 0;

describe("an organisation closes months", () => {
  test("and everybody sees which", async () => {
    const closed = await close();
    expect([closed.status, closed.body]).toEqual([201, { month: "2026-05", closedAt: NOW.toISOString() }]);
    api.setNow(new Date("2026-06-18T12:00:00Z"));
    const again = await close();
    expect([again.status, again.body]).toEqual([200, closed.body]);
    await api.admin.put("/v1/periods/2026-03/closure");
    const own = api.as(await keyOf(api.db, learnerId));
    expect((await own.get(CLOSURE)).body).toEqual(closed.body);
    const first = await own.get("/v1/periods?limit=1");
    expect(first.body).toEqual({ items: [closed.body], next: expect.any(String) });
    expect((await own.get(`/v1/periods?limit=1&cursor=${first.body.next}`)).body).toMatchObject({ items: [{ month: "2026-03" }], next: null });
  });

  test("and opens them again", async () => {
    await close();
    expect((await api.admin.delete(CLOSURE)).status).toBe(204);
    for (const gone of [await api.admin.get(CLOSURE), await api.admin.delete(CLOSURE)]) expect([gone.status, gone.body.code]).toEqual([404, "not-found"]);
    expect((await api.admin.post(path, inMay)).status).toBe(201);
  });

  test.each(["2026-06", "2026-07", "2999-12"])("but not %s, which is not over", async (month) => {
    const { status, body } = await api.admin.put(`/v1/periods/${month}/closure`);
    expect([status, body.code]).toEqual([400, "invalid-request"]);
    expect(await api.db.closedMonth.count()).toBe(0);
  });

  test.each(["2026-13", "2026-5", "1969-12", "may"])("%s is no month", async (month) => {
    expect((await api.admin.put(`/v1/periods/${month}/closure`)).status).toBe(400);
  });

  test("admins alone, and it is recorded", async () => {
    for (const key of [await keyOf(api.db, learnerId), await buildKey(api.db, { role: "service" })]) {
      for (const method of ["put", "delete"] as const) expect((await api.as(key)[method](CLOSURE)).status).toBe(403);
    }
    const { headers } = await close();
    await api.admin.delete(CLOSURE);
    const { body } = await api.admin.get("/v1/audit-events?action=change&limit=2");
    expect(body.items).toMatchObject([
      { operation: "reopenPeriod", target: CLOSURE, role: "admin" },
      { operation: "closePeriod", target: CLOSURE, role: "admin", requestId: headers["x-request-id"] },
    ]);
  });
});

type Way = {
  before?(): Promise<void>;
  write(headers?: Record<string, string>): Promise<{ status: number; body: { code?: string } }>;
  minutes: [before: number, after: number];
};

/** Every way in which what was logged in a month changes. */
const ways: Record<string, () => Promise<Way>> = {
  "a session is logged": async () => ({ write: (headers) => api.admin.post(path, inMay, headers), minutes: [0, 60] }),
  "a session is logged under an id": async () => ({
    write: (headers) => api.admin.put(`${path}/${uuidv4()}`, inMay, headers),
    minutes: [0, 60],
  }),
  "a session is logged on a step": async () => {
    const { id: stepId } = await buildStep(api.db, { learnerId });
    return { write: (headers) => api.admin.post(path, { ...inMay, stepId }, headers), minutes: [0, 60] };
  },
  "one is changed": async () => {
    const { body } = await api.admin.post(path, inMay);
    return { write: (headers) => api.admin.patch(`${path}/${body.id}`, { minutes: 30 }, headers), minutes: [60, 30] };
  },
  "one is moved there": async () => {
    const { body } = await api.admin.post(path, { ...inJune, minutes: 30 });
    return { write: (headers) => api.admin.patch(`${path}/${body.id}`, { startedAt: inMay.startedAt, minutes: 40 }, headers), minutes: [30, 40] };
  },
  "one is moved away": async () => {
    const { body } = await api.admin.post(path, { ...inMay, minutes: 30 });
    return { write: (headers) => api.admin.patch(`${path}/${body.id}`, { startedAt: inJune.startedAt, minutes: 40 }, headers), minutes: [30, 40] };
  },
  "one is deleted": async () => {
    const { body } = await api.admin.post(path, inMay);
    return { write: (headers) => api.admin.delete(`${path}/${body.id}`, headers), minutes: [60, 0] };
  },
  "a forgotten timer is stopped": async () => {
    await api.admin.post(`/v1/learners/${learnerId}/timer`, { startedAt: inMay.startedAt });
    return { write: (headers) => api.admin.post(`/v1/learners/${learnerId}/timer/study-session`, { minutes: 20 }, headers), minutes: [0, 20] };
  },
  "a batch comes": async () => ({
    write: async (headers) => {
      const { body } = await api.admin.post("/v1/study-sessions/batch", { items: [{ ...inMay, learnerId }] }, headers);
      const [{ problem }] = body.items;
      return { status: problem?.status ?? 200, body: problem ?? body };
    },
    minutes: [0, 60],
  }),
  "a file comes": async () => ({
    write: async (headers) => {
      const line = JSON.stringify({ ...inMay, learnerId, id: uuidv4() });
      const { text } = await api.admin.post("/v1/imports/study-sessions", line, { "Content-Type": "application/x-ndjson", ...headers });
      const { problem } =
        text
          .trim()
          .split("\n")
          .map((each) => JSON.parse(each))
          .find(({ kind }) => kind === "rejected") ?? {};
      return { status: problem?.status ?? 200, body: problem ?? {} };
    },
    minutes: [0, 60],
  }),
};

describe.each(Object.entries(ways))("in a closed month, when %s", (_, build) => {
  test("nothing changes without a reason, and the refusal says what to do", async () => {
    const { write, minutes } = await build();
    await close();
    const refused = await write();
    expect([refused.status, refused.body]).toEqual([409, expect.objectContaining({ code: "period-closed", detail: expect.stringContaining("Change-Reason") })]);
    expect(await minutesOf()).toBe(minutes[0]);
  });

  test("it changes by an admin with a reason, which the audit keeps", async () => {
    const { write, minutes } = await build();
    await close();
    expect((await write(REASON)).status).toBeLessThan(300);
    expect(await minutesOf()).toBe(minutes[1]);
    const { body } = await api.admin.get(`/v1/audit-events?learner=${learnerId}&action=change&limit=1`);
    expect(body.items[0]).toMatchObject({ role: "admin", reason: "Agreed with the auditors" });
  });
});

test("a reason is an admin's to give", async () => {
  await close();
  for (const key of [await keyOf(api.db, learnerId), await buildKey(api.db, { role: "service" })]) {
    expect((await api.as(key).post(path, inMay, REASON)).body.code).toBe("period-closed");
  }
  // Not by coming at the same time as an admin's, either.
  const own = api.as(await keyOf(api.db, learnerId));
  const at = (minute: number) => ({ ...inMay, startedAt: `2026-05-21T10:${minute}:00Z`, minutes: 1 });
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => (n % 2 ? own.post(path, at(10 + n)) : api.admin.post(path, at(10 + n), REASON))));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, (_, n) => (n % 2 ? 409 : 201)));
});

test.each([" ", "%20", "%0A"])("%j is no reason", async (reason) => {
  await close();
  expect((await api.admin.post(path, inMay, { "Change-Reason": reason })).body.code).toBe("period-closed");
});

test("a reason beyond ASCII is percent-encoded", async () => {
  await close();
  await api.admin.post(path, inMay, { "Change-Reason": encodeURIComponent("Prüfung: 100 % 完了") });
  expect((await api.admin.get(`/v1/audit-events?learner=${learnerId}&action=change&limit=1`)).body.items[0].reason).toBe("Prüfung: 100 % 完了");
});

// As Node hands a header over: a character for each byte.
test.each([
  ["UTF-8", Buffer.from("Prüfung: 100 %").toString("latin1"), "Prüfung: 100 %"],
  ["Latin-1", "Pr\u00fcfung", "Prüfung"],
])("or comes as %s", (_, sent, kept) => expect(readReason(sent)).toBe(kept));

describe("in a closed month", () => {
  test("other months, and of a batch the other items, go on as ever", async () => {
    await close();
    const items = [inMay, inJune, { ...inMay, startedAt: "2026-04-30T23:59:59Z" }].map((each) => ({ ...each, learnerId }));
    const { body } = await api.admin.post("/v1/study-sessions/batch", { items });
    expect(body.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["rejected", "created", "created"]);
  });

  test("what overlaps it in a month that is open is logged", async () => {
    await api.admin.post(path, { ...inMay, startedAt: "2026-05-31T23:30:00Z" });
    await close();
    const logged = await api.admin.post(path, { ...inMay, startedAt: "2026-06-01T00:10:00Z" });
    expect([logged.status, logged.body.warnings]).toMatchObject([201, [{ code: "overlaps" }]]);
  });

  test("the day is the learner's own", async () => {
    await close();
    const startedAt = "2026-06-01T02:00:00Z";
    expect((await api.admin.post(path, { ...inMay, startedAt, timeZone: "America/New_York" })).body.code).toBe("period-closed");
    expect((await api.admin.post(path, { ...inMay, startedAt })).status).toBe(201);
  });

  test("what was logged before is answered to who sends it again", async () => {
    const [address, headers] = [`${path}/${uuidv4()}`, { "Idempotency-Key": uuidv4() }];
    const [put, posted] = [await api.admin.put(address, inMay), await api.admin.post(path, inMay, headers)];
    await close();
    expect((await api.admin.put(address, inMay)).status).toBe(200);
    expect((await api.admin.post(path, inMay, headers)).body).toEqual(posted.body);
    const { body } = await api.admin.post("/v1/study-sessions/batch", { items: [{ ...inMay, learnerId, id: put.body.id }] });
    expect(body.existing).toBe(1);
  });

  test("a change to what it is is none, and the note stays the learner's own", async () => {
    const own = api.as(await keyOf(api.db, learnerId));
    const { body } = await own.post(path, { ...inMay, note: "before", noteShared: true });
    await close();
    expect((await own.patch(`${path}/${body.id}`, { minutes: 60 })).status).toBe(200);
    expect((await own.patch(`${path}/${body.id}`, { note: null, noteShared: false })).body).toMatchObject({ note: null, noteShared: false });
    expect((await own.patch(`${path}/${body.id}`, { impact: 5 })).body.code).toBe("period-closed");
  });

  test("a mentor confirms nothing more", async () => {
    const mentor = await buildLearner(api.db);
    const { id: resourceId } = await buildResource(api.db, { type: "mentor", learnerId: mentor.id });
    const { body } = await api.admin.post(path, { ...inMay, resourceId });
    await close();
    const confirmed = await api.as(await keyOf(api.db, mentor.id)).put(`${path}/${body.id}/confirmation`, undefined, { "If-Match": '"1"' });
    expect(confirmed.body.code).toBe("period-closed");
  });

  test("a step's and a goal's own changes are not held up", async () => {
    const step = await buildStep(api.db, { learnerId });
    await api.admin.post(path, { ...inMay, stepId: step.id });
    await close();
    const ofStep = `/v1/learners/${learnerId}/goals/${step.goalId}/steps/${step.id}`;
    expect((await api.admin.put(`${ofStep}/completion`)).status).toBe(200);
    expect((await api.admin.delete(ofStep)).body.code).toBe("in-use");
    expect((await api.admin.delete(`/v1/learners/${learnerId}/goals/${(await buildGoal(api.db, { learnerId })).id}`)).status).toBe(204);
  });

  test("an erasure works as ever, and takes the person's name out of reasons", async () => {
    await api.admin.post(path, { ...inMay, note: "mine" });
    await close();
    const { id: other } = await buildLearner(api.db);
    await api.admin.post(`/v1/learners/${other}/study-sessions`, inMay, { "Change-Reason": "Was logged for Ada Example" });
    await api.admin.post(path, { ...inMay, startedAt: "2026-05-21T08:00:00Z" }, { "Change-Reason": "Was away, ill" });
    expect((await api.admin.delete(`/v1/learners/${learnerId}/personal-data`)).status).toBe(200);
    expect(await api.db.studySession.findFirst({ where: { learnerId } })).toMatchObject({ note: null, minutes: 60 });
    expect((await api.db.changeReason.findMany()).map(({ reason }) => reason)).toEqual(expect.arrayContaining(["Was logged for Somebody who was erased"]));
    expect((await api.db.changeReason.findMany()).map(({ reason }) => reason)).not.toContain("Was away, ill");
  });

  test("nothing changes by a statement that goes past the service", async () => {
    const { id } = await buildSession(api.db, { learnerId, occurredOn: new Date("2026-05-20"), startedAt: new Date("2026-05-20T08:00:00Z") });
    await close();
    const where = `learner_id = '${learnerId}' AND id = '${id}'`;
    for (const statement of [`UPDATE study_sessions SET impact = 1 WHERE ${where}`, `DELETE FROM study_sessions WHERE ${where}`]) {
      await expect(api.db.$executeRawUnsafe(statement)).rejects.toThrow("study_sessions_closed_month");
    }
  });
});

test("no write slips past a closing that comes at the same time", async () => {
  const days = Array.from({ length: 25 }, (_, n) => `2026-05-${String(n + 1).padStart(2, "0")}T08:00:00Z`);
  const writes = days.map((startedAt) => api.admin.post(path, { ...inMay, startedAt, minutes: 1 }));
  const closed = close().then(minutesOf);
  const later = days.map((startedAt) => api.admin.put(`${path}/${uuidv4()}`, { ...inMay, startedAt, minutes: 1 }));
  const [minutes, answers] = [await closed, await Promise.all([...writes, ...later])];
  expect(answers.filter(({ status }) => status === 201).length).toBe(minutes);
  expect(await minutesOf()).toBe(minutes);
  expect(answers.filter(({ status }) => status !== 201).every(({ body }) => body.code === "period-closed")).toBe(true);
});
