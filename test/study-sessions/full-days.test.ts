import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildSession, buildStep, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const DAY = "2026-06-10";
const at = (hour: string) => `${DAY}T${hour}:00:00Z`;
const session = (minutes: number, hour = "08") => ({ startedAt: at(hour), minutes, mode: "formal" });

/** A learner whose day has 1,400 minutes, of 800 and 600. */
async function almostFull() {
  const { id: learnerId } = await buildLearner(api.db);
  const long = await buildSession(api.db, { learnerId, startedAt: at("01"), minutes: 800 });
  const short = await buildSession(api.db, { learnerId, startedAt: at("02"), minutes: 600 });
  return { learnerId, long, short, path: `/v1/learners/${learnerId}/study-sessions`, own: api.as(await keyOf(api.db, learnerId)) };
}

async function minutesOf(learnerId: string): Promise<number> {
  const { _sum } = await api.db.studySession.aggregate({ where: { learnerId, deletedAt: null }, _sum: { minutes: true } });
  return _sum.minutes ?? 0;
}

const FULL = { code: "day-full", status: 409, title: "The day holds as many minutes as it may" };

describe("a person's day holds at most 1,440 minutes", () => {
  test("what fits goes in to the last minute, and more is refused with the day, what is left, and the sessions that fill it", async () => {
    const { learnerId, long, short, path, own } = await almostFull();
    const refused = await own.post(path, session(41));
    expect(refused).toMatchObject({ status: 409, body: FULL });
    expect(refused.body.detail).toBe(
      `A day holds at most 1440 minutes. On ${DAY} there are 1400 beside this session, so 40 are left. Send at most that, or another day, or shorten or delete one of the sessions in \`errors\`.`,
    );
    expect(refused.body.errors).toEqual([
      { pointer: "#/minutes", detail: `Session ${long.id} has 800 of that day's minutes.` },
      { pointer: "#/minutes", detail: `Session ${short.id} has 600 of that day's minutes.` },
    ]);
    expect((await own.post(path, session(40))).status).toBe(201);
    expect((await own.post(path, session(1))).body.detail).toContain("so 0 are left");
    expect(await minutesOf(learnerId)).toBe(1440);
  });

  test("of a day of many sessions the twenty longest are named, and the others counted", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    for (let minutes = 50; minutes < 75; minutes++) await buildSession(api.db, { learnerId, startedAt: at("01"), minutes: minutes - 5 });
    const { body } = await api.admin.post(`/v1/learners/${learnerId}/study-sessions`, session(1000));
    expect(body.errors).toHaveLength(21);
    expect(body.errors[0].detail).toMatch(/has 69 of/);
    expect(body.errors[20]).toEqual({ pointer: "#", detail: "… and 5 more." });
  });

  test("a service that may only log is told the sum, and no session", async () => {
    const { path, long, short } = await almostFull();
    const refuse = async (scopes: ("sessions:write" | "learning:read")[]) =>
      (await api.as(await buildKey(api.db, { role: "service", scopes })).post(path, session(41))).text;
    const blind = await refuse(["sessions:write"]);
    expect(blind).toContain("there are 1400 beside this session, so 40 are left");
    expect(blind).not.toContain(long.id);
    expect(blind).not.toContain(short.id);
    expect(await refuse(["sessions:write", "learning:read"])).toContain(long.id);
  });

  test("the day is the learner's own, and only that day", async () => {
    const { path, own } = await almostFull();
    // Already the 11th where the session took place.
    expect((await own.post(path, { ...session(600, "23"), timeZone: "Europe/Berlin" })).status).toBe(201);
    expect((await own.post(path, { ...session(600), startedAt: "2026-06-09T23:59:00Z" })).status).toBe(201);
  });

  test.each([
    ["PUT", async ({ own, path }: Full) => own.put(`${path}/${uuidv7()}`, session(41))],
    ["POST with an Idempotency-Key", async ({ own, path }: Full) => own.post(path, session(41), { "Idempotency-Key": uuidv7() })],
    [
      "the first session on a step",
      async ({ own, path, learnerId }: Full) => own.post(path, { ...session(41), stepId: (await buildStep(api.db, { learnerId })).id }),
    ],
    ["PATCH of minutes", async ({ own, path, short }: Full) => own.patch(`${path}/${short.id}`, { minutes: 641 })],
    [
      "PATCH of startedAt",
      async ({ own, path, learnerId }: Full) => {
        const other = await buildSession(api.db, { learnerId, startedAt: "2026-06-09T08:00:00Z", minutes: 41 });
        return own.patch(`${path}/${other.id}`, { startedAt: at("05") });
      },
    ],
    [
      "PATCH of timeZone",
      async ({ own, path, learnerId }: Full) => {
        const other = await buildSession(api.db, { learnerId, startedAt: "2026-06-09T23:00:00Z", minutes: 41 });
        return own.patch(`${path}/${other.id}`, { timeZone: "Europe/Berlin" });
      },
    ],
    [
      "a timer that is stopped, and runs on",
      async ({ own, learnerId }: Full) => {
        await api.db.timer.create({ data: { learnerId, startedAt: new Date(at("03")), timeZone: "UTC", startedOn: new Date(at("03")) } });
        const refused = await own.post(`/v1/learners/${learnerId}/timer/study-session`, { minutes: 41 });
        expect(await api.db.timer.count({ where: { learnerId, endedAt: null } })).toBe(1);
        return refused;
      },
    ],
  ])("holds for %s", async (_, write) => {
    const full = await almostFull();
    const before = await api.db.studySession.findMany({ where: { learnerId: full.learnerId, occurredOn: new Date(DAY) }, orderBy: { id: "asc" } });
    const refused = await write(full);
    expect(refused).toMatchObject({ status: 409, body: FULL });
    expect(refused.body.detail).toMatch(/(40|840) are left/);
    expect(await api.db.studySession.findMany({ where: { learnerId: full.learnerId, occurredOn: new Date(DAY) }, orderBy: { id: "asc" } })).toEqual(before);
  });

  test.each<Record<string, string>>([{}, { "Idempotency-Key": "one-key" }])(
    "of a batch each session is judged by itself, in its order, and a repetition is existing (%j)",
    async (headers) => {
      const { learnerId, short, own } = await almostFull();
      const ids = Array.from({ length: 5 }, () => uuidv7());
      const items = [30, 41, 5, 6, 5].map((minutes, index) => ({ ...session(minutes), learnerId, id: ids[index] }));
      const first = await own.post("/v1/study-sessions/batch", { items }, headers);
      expect(first.body.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["created", "rejected", "created", "rejected", "created"]);
      expect(first.body.items[1].problem).toMatchObject(FULL);
      expect(first.body.items[1].problem.detail).toContain("there are 1430 beside this session, so 10 are left");
      expect(first.body.items[3].problem.detail).toContain("so 5 are left");
      expect(await minutesOf(learnerId)).toBe(1440);
      const again = await own.post("/v1/study-sessions/batch", { items });
      expect(again.body.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["existing", "rejected", "existing", "rejected", "existing"]);
      expect((await own.patch(`/v1/learners/${learnerId}/study-sessions/${short.id}`, { minutes: 559 })).status).toBe(200);
      const last = await own.post("/v1/study-sessions/batch", { items });
      expect(last.body.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["existing", "created", "existing", "rejected", "existing"]);
    },
  );

  test("of an import the lines that do not fit are rejected, and the others stored", async () => {
    const { learnerId, own } = await almostFull();
    const lines = [41, 40, 1].map((minutes) => JSON.stringify({ ...session(minutes), learnerId, id: uuidv7() }));
    const { text } = await own.post("/v1/imports/study-sessions", lines.join("\n"), { "Content-Type": "application/x-ndjson" });
    const told = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told.map(({ kind, line, problem }) => [kind, line, problem?.code])).toEqual([
      ["rejected", 1, "day-full"],
      ["warned", 2, undefined],
      ["rejected", 3, "day-full"],
      ["progress", undefined, undefined],
      ["done", undefined, undefined],
    ]);
    expect(await minutesOf(learnerId)).toBe(1440);
  });

  test("many at once, singly and in batches, fill the day and never more", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const path = `/v1/learners/${learnerId}/study-sessions`;
    const calls = Array.from({ length: 30 }, (_, index) => {
      const one = session(50 + (index % 7));
      if (index % 3 === 0) return api.admin.post(path, one, { "Idempotency-Key": uuidv7() });
      if (index % 3 === 1) return api.admin.put(`${path}/${uuidv7()}`, one);
      return api.admin.post("/v1/study-sessions/batch", { items: [0, 1, 2].map(() => ({ ...one, learnerId })) });
    });
    const answers = await Promise.all(calls);
    // Which of them come first is chance. More was sent than fits, so some were refused, alone or within a batch.
    expect(answers.filter(({ status }) => ![200, 201, 409].includes(status))).toEqual([]);
    const refused = answers.reduce((sum, { status, body }) => sum + (status === 409 ? 1 : (body.rejected ?? 0)), 0);
    expect(refused).toBeGreaterThan(0);
    const minutes = await minutesOf(learnerId);
    expect(minutes).toBeLessThanOrEqual(1440);
    // What was refused last would not have fitted.
    expect(minutes).toBeGreaterThan(1440 - 57);
  });

  test("one person's full day takes nothing from others who log at the same time", async () => {
    const { path, own } = await almostFull();
    const others = await Promise.all(Array.from({ length: 10 }, () => buildLearner(api.db)));
    const [refused, ...answers] = await Promise.all([
      own.post(path, session(41)),
      ...others.map(({ id }) => api.admin.post(`/v1/learners/${id}/study-sessions`, session(60))),
    ]);
    expect([refused?.status, ...answers.map(({ status }) => status)]).toEqual([409, ...others.map(() => 201)]);
  });

  test("a deleted session gives its minutes back", async () => {
    const { path, own, long } = await almostFull();
    expect((await own.delete(`${path}/${long.id}`)).status).toBe(204);
    expect((await own.post(path, session(840))).status).toBe(201);
  });

  test("the database holds to it by itself", async () => {
    const { learnerId, long } = await almostFull();
    await expect(buildSession(api.db, { learnerId, startedAt: at("03"), minutes: 41 })).rejects.toThrow("study_sessions_day_limit");
    const raise = api.db.studySession.update({ where: { learnerId_id: { learnerId, id: long.id } }, data: { minutes: 841, onTheJobMinutes: 0 } });
    await expect(raise).rejects.toThrow("study_sessions_day_limit");
  });
});

type Full = Awaited<ReturnType<typeof almostFull>>;

describe("a day that held more before", () => {
  /** As it is stored where the limit was higher. */
  async function overfull() {
    const { id: learnerId } = await buildLearner(api.db);
    const [session] = await api.db.$transaction(async (tx) => {
      await tx.$executeRaw`SELECT set_config('cairn.day_minutes', '5000', true)`;
      const build = () => buildSession(tx as typeof api.db, { learnerId, startedAt: at("01"), minutes: 800 });
      return [await build(), await build(), await build()];
    });
    return { learnerId, id: session?.id, path: `/v1/learners/${learnerId}/study-sessions` };
  }

  test("may be corrected and told more of, but takes no more", async () => {
    const { path, id } = await overfull();
    expect((await api.admin.patch(`${path}/${id}`, { impact: 3, mode: "social" })).status).toBe(200);
    expect((await api.admin.patch(`${path}/${id}`, { minutes: 700 })).status).toBe(200);
    expect((await api.admin.patch(`${path}/${id}`, { startedAt: at("04") })).status).toBe(200);
    expect((await api.admin.patch(`${path}/${id}`, { minutes: 701 })).body.code).toBe("day-full");
    expect((await api.admin.post(path, session(1))).body).toMatchObject({
      ...FULL,
      detail: expect.stringContaining("there are 2300 beside this session, so 0 are left"),
    });
    expect((await api.admin.patch(`${path}/${id}`, { startedAt: "2026-06-09T08:00:00Z" })).status).toBe(200);
  });
});

describe("with DAY_MINUTES_LIMIT set", () => {
  test.each([
    [3000, 2],
    [100, 0],
  ])("a day holds %d minutes by every path", async (limit, fits) => {
    const other = await startApp({ DAY_MINUTES_LIMIT: limit });
    try {
      const { id: learnerId } = await buildLearner(other.db);
      const path = `/v1/learners/${learnerId}/study-sessions`;
      const statuses = [(await other.admin.post(path, session(1440))).status, (await other.admin.post(path, session(1440), { "Idempotency-Key": "a" })).status];
      expect(statuses).toEqual(fits ? [201, 201] : [409, 409]);
      const rest = limit - fits * 1440;
      const { body } = await other.admin.post("/v1/study-sessions/batch", {
        items: [
          { ...session(rest - 1), learnerId },
          { ...session(2), learnerId },
        ],
      });
      expect(body.items.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["created", "rejected"]);
      const last = (await other.admin.post(path, session(1))).body.id;
      expect((await other.admin.patch(`${path}/${last}`, { minutes: 2 })).body.detail).toContain(`A day holds at most ${limit} minutes.`);
    } finally {
      await other.close();
    }
  });
});
