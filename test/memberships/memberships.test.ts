import { v7 as uuidv7 } from "uuid";
import type { Learner, Team } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildTeam, joinTeam } from "../setup/factories";

let api: TestApp;
let a: Team;
let b: Team;
let c: Team;
let learner: Learner;
beforeAll(async () => {
  api = await startApp();
  [a, b, c] = [await buildTeam(api.db), await buildTeam(api.db), await buildTeam(api.db)];
});
beforeEach(async () => {
  api.setNow(NOW);
  learner = await buildLearner(api.db);
});
afterAll(() => api.close());

const path = () => `/v1/learners/${learner.id}/membership`;
const move = (body: { teamId: string | null; fromDay: string; untilDay?: string | null }) => api.admin.put(path(), body);

type Stay = { id: string; teamId: string; fromDay: string; untilDay: string | null };
const stays = async () => (await api.admin.get(path())).body.history.map(({ teamId, fromDay, untilDay }: Stay) => [teamId, fromDay, untilDay]);

test("who was never in a team has no history", async () => {
  expect((await api.admin.get(path())).body).toEqual({ current: null, history: [] });
});

test("a learner joins a team from a day on", async () => {
  const moved = await move({ teamId: a.id, fromDay: "2026-01-01" });
  const membership = { id: expect.any(String), teamId: a.id, teamName: a.name, fromDay: "2026-01-01", untilDay: null, createdAt: expect.any(String) };
  expect(moved.status).toBe(200);
  expect(moved.body).toEqual({ current: membership, history: [membership] });
  expect((await api.admin.get(path())).body).toEqual(moved.body);
});

test("a move ends the membership before it and keeps the history", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  const moved = await move({ teamId: b.id, fromDay: "2026-03-01" });
  expect(moved.body.current).toMatchObject({ teamId: b.id, fromDay: "2026-03-01", untilDay: null });
  await move({ teamId: a.id, fromDay: "2026-05-01" });
  expect(await stays()).toEqual([
    [a.id, "2026-01-01", "2026-03-01"],
    [b.id, "2026-03-01", "2026-05-01"],
    [a.id, "2026-05-01", null],
  ]);
});

test("a move of the same day replaces the one before: it was a correction", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  await move({ teamId: b.id, fromDay: "2026-03-01" });
  await move({ teamId: c.id, fromDay: "2026-03-01" });
  expect(await stays()).toEqual([
    [a.id, "2026-01-01", "2026-03-01"],
    [c.id, "2026-03-01", null],
  ]);
});

test("the same move again changes nothing", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  for (const _ of [1, 2]) await move({ teamId: b.id, fromDay: "2026-03-01" });
  expect(await stays()).toEqual([
    [a.id, "2026-01-01", "2026-03-01"],
    [b.id, "2026-03-01", null],
  ]);
});

test("a move may lie in the future, and takes place on its day", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  expect((await move({ teamId: b.id, fromDay: "2026-06-18" })).body.current.teamId).toBe(a.id);
  api.setNow(new Date("2026-06-18T00:00:00Z"));
  expect((await api.admin.get(path())).body.current.teamId).toBe(b.id);
});

test("a learner leaves every team from a day on", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  expect((await move({ teamId: null, fromDay: "2026-06-17" })).body.current).toBeNull();
  expect(await stays()).toEqual([[a.id, "2026-01-01", "2026-06-17"]]);
});

test("who leaves on the day of joining never was there", async () => {
  await move({ teamId: a.id, fromDay: "2026-06-17" });
  expect((await move({ teamId: null, fromDay: "2026-06-17" })).body).toEqual({ current: null, history: [] });
});

test("who is in no team may leave", async () => {
  expect(await move({ teamId: null, fromDay: "2026-06-17" })).toMatchObject({ status: 200, body: { current: null, history: [] } });
});

test("a stay may end, and afterwards the learner is in no team", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  expect((await move({ teamId: b.id, fromDay: "2026-03-01", untilDay: "2026-06-17" })).body.current).toBeNull();
  expect(await stays()).toEqual([
    [a.id, "2026-01-01", "2026-03-01"],
    [b.id, "2026-03-01", "2026-06-17"],
  ]);
});

describe("a move back in time", () => {
  beforeEach(async () => {
    await move({ teamId: a.id, fromDay: "2026-03-01" });
    await move({ teamId: b.id, fromDay: "2026-05-01" });
  });

  test("is taken before everything else, when it ends there", async () => {
    expect((await move({ teamId: c.id, fromDay: "2026-01-01", untilDay: "2026-03-01" })).status).toBe(200);
    expect(await stays()).toEqual([
      [c.id, "2026-01-01", "2026-03-01"],
      [a.id, "2026-03-01", "2026-05-01"],
      [b.id, "2026-05-01", null],
    ]);
  });

  test("is taken between two memberships, when it ends where the later begins", async () => {
    expect((await move({ teamId: c.id, fromDay: "2026-04-01", untilDay: "2026-05-01" })).status).toBe(200);
    expect(await stays()).toEqual([
      [a.id, "2026-03-01", "2026-04-01"],
      [c.id, "2026-04-01", "2026-05-01"],
      [b.id, "2026-05-01", null],
    ]);
  });

  test.each([
    ["before everything else without an end", { fromDay: "2026-01-01" }],
    ["one day too long", { fromDay: "2026-01-01", untilDay: "2026-03-02" }],
    ["between two without an end", { fromDay: "2026-04-01" }],
    ["in the place of the earlier without an end", { fromDay: "2026-03-01" }],
  ])("is refused %s, and nothing changes", async (_, days) => {
    const before = await stays();
    const refused = await move({ teamId: c.id, ...days });
    expect(refused.status).toBe(409);
    expect(refused.body).toEqual({
      type: "urn:cairn:problem:membership-overlap",
      code: "membership-overlap",
      title: "A learner is in at most one team on any day",
      status: 409,
      detail: expect.stringContaining("end the period that overlaps with untilDay"),
      requestId: expect.any(String),
    });
    expect(await stays()).toEqual(before);
  });
});

test.each([
  ["#/untilDay", { untilDay: "2026-05-31" }],
  ["#/untilDay", { untilDay: "2026-06-01" }],
  ["#/untilDay", { untilDay: "soon" }],
  ["#/fromDay", { fromDay: "2026-02-30" }],
  ["#/fromDay", { fromDay: "2026-06-01T00:00:00Z" }],
  ["#/fromDay", { fromDay: "1969-12-31" }],
  ["#/fromDay", { fromDay: "3000-01-01" }],
  ["#/fromDay", { fromDay: null }],
  ["#/teamId", { teamId: undefined }],
  ["#/teamId", { teamId: "none" }],
])("%s is refused in %j", async (pointer, body) => {
  const refused = await api.admin.put(path(), { teamId: a.id, fromDay: "2026-06-01", ...body });
  expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request" } });
  expect(refused.body.errors).toContainEqual({ pointer, detail: expect.any(String) });
  expect(await stays()).toEqual([]);
});

test("a team that does not exist is refused, and nothing changes", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  const refused = await move({ teamId: uuidv7(), fromDay: "2026-06-01" });
  expect(refused).toMatchObject({ status: 422, body: { code: "reference-missing", detail: "The team does not exist. Create it first." } });
  expect(await stays()).toEqual([[a.id, "2026-01-01", null]]);
});

test("who does not exist is in no team", async () => {
  const nobody = `/v1/learners/${uuidv7()}/membership`;
  expect(await api.admin.get(nobody)).toMatchObject({ status: 404, body: { code: "not-found" } });
  expect(await api.admin.put(nobody, { teamId: a.id, fromDay: "2026-06-01" })).toMatchObject({ status: 404, body: { code: "not-found" } });
});

test("of moves at the same time, one stands at the end and none fails for another reason", async () => {
  await move({ teamId: a.id, fromDay: "2026-01-01" });
  for (const fromDay of ["2026-03-01", "2026-03-01", "2026-04-01"]) {
    const moves = await Promise.all([a, b, c].map(({ id }) => move({ teamId: id, fromDay })));
    for (const { status } of moves) expect([200, 409]).toContain(status);
    expect(moves.map(({ status }) => status)).toContain(200);
    const open = (await stays()).filter(([, , untilDay]: [string, string, string | null]) => untilDay === null);
    expect(open).toEqual([[expect.any(String), fromDay, null]]);
  }
});

describe("a membership that never was", () => {
  test("is deleted, and its days are free again", async () => {
    await move({ teamId: a.id, fromDay: "2026-01-01" });
    const { body } = await move({ teamId: b.id, fromDay: "2026-03-01" });
    expect((await api.admin.delete(`${path()}/${body.current.id}`)).status).toBe(204);
    expect(await stays()).toEqual([[a.id, "2026-01-01", "2026-03-01"]]);
    expect((await move({ teamId: c.id, fromDay: "2026-03-01" })).status).toBe(200);
  });

  test("is not there twice", async () => {
    const { body } = await move({ teamId: a.id, fromDay: "2026-01-01" });
    await api.admin.delete(`${path()}/${body.current.id}`);
    expect(await api.admin.delete(`${path()}/${body.current.id}`)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  test("is deleted under its own learner alone", async () => {
    const other = await buildLearner(api.db);
    const { id } = await joinTeam(api.db, other.id, a.id);
    expect((await api.admin.delete(`${path()}/${id}`)).status).toBe(404);
    expect((await api.admin.get(`/v1/learners/${other.id}/membership`)).body.history).toHaveLength(1);
  });
});
