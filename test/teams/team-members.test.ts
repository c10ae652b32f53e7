import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner, buildTeam, joinTeam } from "../setup/factories";

let api: TestApp;
const team: Record<"division" | "crew" | "sales", string> = { division: "", crew: "", sales: "" };
beforeAll(async () => {
  api = await startApp();
  const { db } = api;
  team.division = (await buildTeam(db)).id;
  team.crew = (await buildTeam(db, { parentId: team.division })).id;
  team.sales = (await buildTeam(db)).id;
  const person = async (name: string, stays: [string, string, string?][]) => {
    const { id } = await buildLearner(db, { name });
    for (const [teamId, fromDay, untilDay] of stays) await joinTeam(db, id, teamId, { fromDay, untilDay });
  };
  await person("Dan", [[team.division, "2026-01-01"]]);
  await person("Bea", [
    [team.division, "2026-01-01", "2026-03-01"],
    [team.crew, "2026-03-01"],
  ]);
  await person("Kim", [
    [team.crew, "2026-01-01", "2026-06-01"],
    [team.sales, "2026-06-01"],
  ]);
  await person("Ann", [[team.crew, "2026-06-18"]]);
  await person("Nil", []);
});
afterAll(() => api.close());

const members = async (teamId: string, query = "") => {
  const { body } = await api.admin.get(`/v1/teams/${teamId}/members${query}`);
  return body.items.map(({ name }: { name: string }) => name);
};

test("a member is shown with the team and the days of the stay", async () => {
  const { body } = await api.admin.get(`/v1/teams/${team.crew}/members?on=2026-05-31`);
  expect(body).toEqual({
    items: [
      { id: expect.any(String), name: "Bea", teamId: team.crew, teamName: expect.any(String), fromDay: "2026-03-01", untilDay: null },
      { id: expect.any(String), name: "Kim", teamId: team.crew, teamName: expect.any(String), fromDay: "2026-01-01", untilDay: "2026-06-01" },
    ],
    next: null,
  });
  expect((await api.admin.get(`/v1/learners/${body.items[0].id}`)).body.name).toBe("Bea");
});

test("today and the whole subtree are meant unless told", async () => {
  expect(await members(team.division)).toEqual(["Bea", "Dan"]);
  expect(await members(team.division, "?on=2026-06-17&depth=subtree")).toEqual(["Bea", "Dan"]);
});

test.each([
  ["direct", "2026-06-17", ["Dan"]],
  ["direct", "2026-02-28", ["Bea", "Dan"]],
  ["direct", "2026-03-01", ["Dan"]],
  ["subtree", "2025-12-31", []],
  ["subtree", "2026-01-01", ["Bea", "Dan", "Kim"]],
  ["subtree", "2026-05-31", ["Bea", "Dan", "Kim"]],
  ["subtree", "2026-06-01", ["Bea", "Dan"]],
  ["subtree", "2026-06-18", ["Ann", "Bea", "Dan"]],
  ["subtree", "2999-12-31", ["Ann", "Bea", "Dan"]],
])("the members %s on %s are %j", async (depth, on, names) => {
  expect(await members(team.division, `?depth=${depth}&on=${on}`)).toEqual(names);
});

test.each(["on=2026-02-30", "on=yesterday", "on=2026-06-17T00:00:00Z", "depth=all"])("%s is refused", async (query) => {
  const refused = await api.admin.get(`/v1/teams/${team.crew}/members?${query}`);
  expect(refused.status).toBe(400);
  expect(refused.body.errors).toContainEqual({ pointer: `query/${query.split("=")[0]}`, detail: expect.any(String) });
});

test("a team that is not there has no members", async () => {
  expect(await api.admin.get(`/v1/teams/${uuidv7()}/members`)).toMatchObject({ status: 404, body: { code: "not-found" } });
});
