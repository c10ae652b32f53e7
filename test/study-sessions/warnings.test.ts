import { v4 as uuidv4 } from "uuid";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";

// What is accepted, and told with the answer to a write.

let api: TestApp;
let learnerId: string;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db, { timeZone: "UTC" })).id;
  path = `/v1/learners/${learnerId}/study-sessions`;
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const session = (startedAt: string, minutes = 60, more: object = { mode: "social" }) => ({ startedAt: `2026-06-${startedAt}:00Z`, minutes, ...more });
const codes = ({ body }: { body: { warnings: { code: string }[] } }) => body.warnings.map(({ code }) => code);
const log = (...of: Parameters<typeof session>) => api.admin.post(path, session(...of));

describe("overlapping sessions are accepted and told", () => {
  test("by each other's ids", async () => {
    const first = await log("16T08:00");
    expect([first.status, first.body.warnings]).toEqual([201, []]);
    const second = await log("16T08:59");
    expect(second.status).toBe(201);
    expect(second.body.warnings).toEqual([{ code: "overlaps", detail: expect.stringContaining("another session"), sessionIds: [first.body.id] }]);
  });

  test.each([
    ["begins as the other ends", "16T09:00", 60, false],
    ["ends as the other begins", "16T07:00", 60, false],
    ["ends a minute later", "16T07:00", 61, true],
    ["lies within", "16T08:10", 10, true],
    ["lies around", "16T07:00", 180, true],
    ["began the day before", "15T23:00", 600, true],
  ])("one that %s", async (_, startedAt, minutes, told) => {
    await log("16T08:00");
    expect(codes(await log(startedAt, minutes))).toEqual(told ? ["overlaps"] : []);
  });

  test("not of another learner's, nor of one that was deleted", async () => {
    const { id: other } = await buildLearner(api.db);
    await api.admin.post(`/v1/learners/${other}/study-sessions`, session("16T08:00"));
    const { body } = await log("16T08:00");
    await api.admin.delete(`${path}/${body.id}`);
    expect(codes(await log("16T08:00"))).toEqual([]);
  });

  test("the first twenty are named, and that there are more is said", async () => {
    for (let count = 0; count < 21; count++) await buildSession(api.db, { learnerId, startedAt: new Date("2026-06-16T08:00:00Z"), minutes: 10 });
    const [warning] = (await log("16T08:00")).body.warnings;
    expect([warning.sessionIds.length, warning.detail]).toEqual([20, expect.stringContaining("more than 20 other sessions")]);
  });

  test("a change is told as well, and no longer once they lie apart", async () => {
    const [{ body: first }, { body: second }] = [await log("16T08:00"), await log("16T10:00")];
    expect((await api.admin.patch(`${path}/${second.id}`, { startedAt: "2026-06-16T08:30:00Z" })).body.warnings[0].sessionIds).toEqual([first.id]);
    expect(codes(await api.admin.patch(`${path}/${second.id}`, {}))).toEqual(["overlaps"]);
    expect(codes(await api.admin.patch(`${path}/${second.id}`, { startedAt: "2026-06-16T09:00:00Z" }))).toEqual([]);
  });

  test("a stopped timer is told", async () => {
    const { body: first } = await log("17T11:00");
    await api.admin.post(`/v1/learners/${learnerId}/timer`, { mode: "social", startedAt: "2026-06-17T11:30:00Z" });
    expect((await api.admin.post(`/v1/learners/${learnerId}/timer/study-session`, {})).body.warnings[0].sessionIds).toEqual([first.id]);
  });

  test("of a batch each item, also of one another", async () => {
    const items = [session("16T08:00"), session("16T08:30"), session("16T20:00")].map((each) => ({ ...each, learnerId, id: uuidv4() }));
    const { body } = await api.admin.post("/v1/study-sessions/batch", { items });
    const told = body.items.map(({ warnings }: { warnings: { sessionIds: string[] }[] }) => warnings.map(({ sessionIds }) => sessionIds));
    expect(told).toEqual([[[items[1]?.id]], [[items[0]?.id]], []]);
  });

  test("of a file by a line of the answer, and not again where the line was there before", async () => {
    const [first, second] = [uuidv4(), uuidv4()];
    const file = `learnerId,id,startedAt,minutes,mode\n${learnerId},${first},2026-06-16T08:00,60,social\n${learnerId},${second},2026-06-16T08:30,60,social\n`;
    const send = async () =>
      (await api.admin.post("/v1/imports/study-sessions", file, { "Content-Type": "text/csv" })).text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    const warned = (lines: { kind: string }[]) => lines.filter(({ kind }) => kind === "warned");
    expect(warned(await send())).toMatchObject([
      { line: 2, id: first, warnings: [{ code: "overlaps", sessionIds: [second] }] },
      { line: 3, id: second, warnings: [{ code: "overlaps", sessionIds: [first] }] },
    ]);
    expect(warned(await send())).toEqual([]);
  });
});

describe("sent again, a session is told what holds of it now", () => {
  test("under its own id, without overlapping itself", async () => {
    const address = `${path}/${uuidv4()}`;
    const first = await api.admin.put(address, session("16T08:00"));
    const again = await api.admin.put(address, session("16T08:00"));
    expect([again.status, again.body, again.headers.etag]).toEqual([200, first.body, first.headers.etag]);
    const { body: other } = await log("16T08:30");
    expect((await api.admin.put(address, session("16T08:00"))).body.warnings[0].sessionIds).toEqual([other.id]);
  });

  test("with its Idempotency-Key, what was told first", async () => {
    const headers = { "Idempotency-Key": uuidv4() };
    const first = await api.admin.post(path, session("16T08:00", 60, {}), headers);
    expect(codes(first)).toEqual(["unclassified"]);
    expect((await api.admin.post(path, session("16T08:00", 60, {}), headers)).body).toEqual(first.body);
  });

  test("and its ETag is that of a read, whatever is told", async () => {
    await log("16T08:00");
    const { body, headers } = await log("16T08:30");
    expect(body.warnings).toHaveLength(1);
    const read = await api.admin.get(`${path}/${body.id}`);
    expect([read.headers.etag, "warnings" in read.body]).toEqual([headers.etag, false]);
  });
});

describe("a session of which nothing is classified is answered with a warning", () => {
  test.each([
    ["without mode, split, step or resource", {}, ["unclassified"]],
    ["with a mode", { mode: "formal" }, []],
    ["with a split of some of it", { split: { social: 1 } }, []],
    ["with a split of nothing", { split: {} }, ["unclassified"]],
  ])("%s", async (_, more, told) => {
    expect(codes(await log("16T08:00", 60, more))).toEqual(told);
  });

  test("with a resource or a step, by whether that has a mode", async () => {
    const [book, other] = [await buildResource(api.db, { type: "book" }), await buildResource(api.db, { type: "other" })];
    const step = await buildStep(api.db, { learnerId });
    expect(codes(await log("16T08:00", 60, { resourceId: book.id }))).toEqual([]);
    expect(codes(await log("16T10:00", 60, { resourceId: other.id }))).toEqual(["unclassified"]);
    expect(codes(await log("16T12:00", 60, { stepId: step.id }))).toEqual(step.mode ? [] : ["unclassified"]);
  });
});

describe("a session that is older than a setting comes with a warning", () => {
  test.each([
    ["2026-03-19T23:59:00Z", []],
    ["2026-03-18T23:59:00Z", ["logged-late"]],
  ])("%s, logged on 17 June, with 90 days", async (startedAt, told) => {
    api.setNow(new Date("2026-06-17T12:00:00Z"));
    const { body } = await api.admin.post(path, { startedAt, minutes: 5, mode: "social" });
    expect(body.warnings.map(({ code }: { code: string }) => code)).toEqual(told);
    // By the day on which it was logged, however much later it is sent again.
    api.setNow(new Date("2027-06-17T12:00:00Z"));
    expect(codes(await api.admin.patch(`${path}/${body.id}`, {}))).toEqual(told);
  });
});

describe("a session before the person's first membership comes with a warning", () => {
  test("and none that is between two, or of who was never in a team", async () => {
    expect(codes(await log("02T08:00"))).toEqual([]);
    const team = await buildTeam(api.db);
    await joinTeam(api.db, learnerId, team.id, { fromDay: "2026-06-03", untilDay: "2026-06-05" });
    await joinTeam(api.db, learnerId, team.id, { fromDay: "2026-06-10" });
    expect(codes(await log("02T12:00"))).toEqual(["before-membership"]);
    for (const day of ["03", "07", "11"]) expect(codes(await log(`${day}T12:00`))).toEqual([]);
  });
});

describe("nobody is told by a warning what they may not see", () => {
  test("a key that may log, but not read, is told only what follows from what it sent", async () => {
    const logs = api.as(await buildKey(api.db, { role: "service", scopes: ["sessions:write"] }));
    await log("16T08:00");
    const items = [
      { ...session("16T08:00", 60, {}), learnerId },
      { ...session("16T08:00"), learnerId },
    ];
    const { body } = await logs.post("/v1/study-sessions/batch", { items });
    expect(body.items.map((item: { warnings: { code: string }[] }) => item.warnings.map(({ code }) => code))).toEqual([["unclassified"], []]);
    expect((await logs.post(path, session("16T08:00"))).body).not.toHaveProperty("warnings");
  });

  test("whoever reads the learner's sessions is told: their own key, and a service that is confined to their team", async () => {
    const team = await buildTeam(api.db);
    await joinTeam(api.db, learnerId, team.id, { fromDay: "2026-06-10" });
    const confined = api.as(await buildKey(api.db, { role: "service", teamId: team.id }));
    const { body: first } = await api.as(await keyOf(api.db, learnerId)).post(path, session("09T08:00"));
    expect(codes({ body: first })).toEqual(["before-membership"]);
    const told = await confined.post(path, session("09T08:00"));
    expect(codes(told)).toEqual(["overlaps", "before-membership"]);
    expect((await confined.get(`${path}/${told.body.warnings[0].sessionIds[0]}`)).status).toBe(200);
  });
});
