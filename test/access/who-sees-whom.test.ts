import type { Learner } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  // Its days begin at 11:00 UTC of the day before: neither the server's nor the learners' zone decides.
  api = await startApp({ TIME_ZONE: "Pacific/Apia" });
});
beforeEach(() => api.setNow(NOW));
afterAll(() => api.close());

// Three levels, a lead and a member each, and a team beside them:
//   Company (Cleo): Cora
//     Division (Dora): Dan      Sales (Sam): Sue
//       Crew (Karl): Kim
async function buildCompany() {
  const { db } = api;
  const person = (name: string) => buildLearner(db, { name });
  const [cleo, dora, karl, sam] = [await person("Cleo"), await person("Dora"), await person("Karl"), await person("Sam")];
  const company = await buildTeam(db, { name: "Company", leadId: cleo.id });
  const division = await buildTeam(db, { name: "Division", leadId: dora.id, parentId: company.id });
  const crew = await buildTeam(db, { name: "Crew", leadId: karl.id, parentId: division.id });
  const sales = await buildTeam(db, { name: "Sales", leadId: sam.id, parentId: company.id });
  const members = { cora: await person("Cora"), dan: await person("Dan"), kim: await person("Kim"), sue: await person("Sue") };
  await joinTeam(db, members.cora.id, company.id);
  await joinTeam(db, members.dan.id, division.id);
  await joinTeam(db, members.kim.id, crew.id);
  await joinTeam(db, members.sue.id, sales.id);
  const people = { cleo, dora, karl, sam, ...members };
  return { company, division, crew, sales, people };
}

/** The names of those whom a person sees: the same in the list as one by one. */
async function seenBy(viewer: Learner, people: Record<string, Learner>): Promise<string[]> {
  const client = api.as(await keyOf(api.db, viewer.id));
  const listed: { id: string; name: string }[] = (await client.get("/v1/learners")).body.items;
  const read = await Promise.all(Object.values(people).map(async ({ id }) => ((await client.get(`/v1/learners/${id}`)).status === 200 ? [id] : [])));
  expect(listed.map(({ id }) => id).sort()).toEqual(read.flat().sort());
  return listed.map(({ name }) => name);
}

const move = (learner: Learner, teamId: string | null, fromDay: string) => api.admin.put(`/v1/learners/${learner.id}/membership`, { teamId, fromDay });

test("people see themselves, and who is at or below the teams that they lead", async () => {
  const { people } = await buildCompany();
  const seen = Object.fromEntries(await Promise.all(Object.entries(people).map(async ([name, person]) => [name, await seenBy(person, people)])));
  expect(seen).toEqual({
    cleo: ["Cleo", "Cora", "Dan", "Kim", "Sue"],
    dora: ["Dan", "Dora", "Kim"],
    karl: ["Karl", "Kim"],
    sam: ["Sam", "Sue"],
    cora: ["Cora"],
    dan: ["Dan"],
    kim: ["Kim"],
    sue: ["Sue"],
  });
});

test("the lead of two teams, one below the other, sees each person once", async () => {
  const { people, crew } = await buildCompany();
  await api.admin.patch(`/v1/teams/${crew.id}`, { leadId: people.dora.id });
  expect(await seenBy(people.dora, people)).toEqual(["Dan", "Dora", "Kim"]);
});

test("who no longer leads a team no longer sees it", async () => {
  const { people, crew } = await buildCompany();
  await api.admin.patch(`/v1/teams/${crew.id}`, { leadId: people.sam.id });
  expect(await seenBy(people.karl, people)).toEqual(["Karl"]);
  expect(await seenBy(people.sam, people)).toEqual(["Kim", "Sam", "Sue"]);
});

test("a lead sees a person from the day on which they join, until the day on which they leave", async () => {
  const { people, sales } = await buildCompany();
  await move(people.kim, sales.id, "2026-06-20");
  await move(people.kim, null, "2026-06-25");

  const seen = async (now: string) => {
    api.setNow(new Date(now));
    return { karl: await seenBy(people.karl, people), sam: await seenBy(people.sam, people) };
  };
  expect(await seen("2026-06-19T10:59:59Z")).toEqual({ karl: ["Karl", "Kim"], sam: ["Sam", "Sue"] });
  expect(await seen("2026-06-19T11:00:00Z")).toEqual({ karl: ["Karl"], sam: ["Kim", "Sam", "Sue"] });
  expect(await seen("2026-06-24T10:59:59Z")).toEqual({ karl: ["Karl"], sam: ["Kim", "Sam", "Sue"] });
  expect(await seen("2026-06-24T11:00:00Z")).toEqual({ karl: ["Karl"], sam: ["Sam", "Sue"] });
});

test("a team that moves is seen by its new leads above, with all below it, and no longer by the old ones", async () => {
  const { people, division, sales, company } = await buildCompany();
  await api.admin.patch(`/v1/teams/${division.id}`, { parentId: sales.id });
  expect(await seenBy(people.sam, people)).toEqual(["Dan", "Kim", "Sam", "Sue"]);
  expect(await seenBy(people.cleo, people)).toEqual(["Cleo", "Cora", "Dan", "Kim", "Sue"]);

  await api.admin.patch(`/v1/teams/${division.id}`, { parentId: null });
  expect(await seenBy(people.sam, people)).toEqual(["Sam", "Sue"]);
  expect(await seenBy(people.cleo, people)).toEqual(["Cleo", "Cora", "Sue"]);
  expect(await seenBy(people.dora, people)).toEqual(["Dan", "Dora", "Kim"]);

  await api.admin.patch(`/v1/teams/${company.id}`, { parentId: division.id });
  expect(await seenBy(people.dora, people)).toEqual(["Cora", "Dan", "Dora", "Kim", "Sue"]);
});

test("a lead of a team below sees nobody above, a member of it though they may be", async () => {
  const { people, company } = await buildCompany();
  await joinTeam(api.db, people.karl.id, company.id);
  expect(await seenBy(people.karl, people)).toEqual(["Karl", "Kim"]);
});

test("a lead reads what belongs to a member, and no longer after a move", async () => {
  const { people, sales } = await buildCompany();
  const goal = await buildGoal(api.db, { learnerId: people.kim.id });
  const paths = [`/v1/learners/${people.kim.id}/membership`, `/v1/learners/${people.kim.id}/goals`, `/v1/learners/${people.kim.id}/goals/${goal.id}`];
  const [karl, sam] = [api.as(await keyOf(api.db, people.karl.id)), api.as(await keyOf(api.db, people.sam.id))];
  const statuses = () => Promise.all(paths.map(async (path) => [(await karl.get(path)).status, (await sam.get(path)).status]));

  expect(await statuses()).toEqual(paths.map(() => [200, 404]));
  await move(people.kim, sales.id, "2026-06-17");
  expect(await statuses()).toEqual(paths.map(() => [404, 200]));
});

test("people know of the teams that they lead, all below, and the one that they are in", async () => {
  const { people } = await buildCompany();
  const known = async (person: Learner) =>
    (await api.as(await keyOf(api.db, person.id)).get("/v1/teams")).body.items.map((team: { name: string }) => team.name);
  expect(await known(people.cleo)).toEqual(["Company", "Crew", "Division", "Sales"]);
  expect(await known(people.dora)).toEqual(["Crew", "Division"]);
  expect(await known(people.kim)).toEqual(["Crew"]);
  await move(people.kim, null, "2026-06-17");
  expect(await known(people.kim)).toEqual([]);
});

test("a filter shows nothing that the caller may not see", async () => {
  const { people, company } = await buildCompany();
  const karl = api.as(await keyOf(api.db, people.karl.id));
  const found = async (path: string) => (await karl.get(path)).body.items.map((item: { name: string }) => item.name);
  expect(await found("/v1/learners?q=sue")).toEqual([]);
  expect(await found(`/v1/teams?parent=${company.id}`)).toEqual([]);
  // What is below a team says that the team is there.
  expect(await found(`/v1/teams?under=${company.id}`)).toEqual([]);
});

test.each([
  ["before, who left since", "2026-05-01"],
  ["after, who only comes then", "2026-08-01"],
])("a lead who lists the members of a day %s, is not shown whom they may not see today", async (_, day) => {
  const { people, crew } = await buildCompany();
  const [left, coming] = [await buildLearner(api.db, { name: "Lena" }), await buildLearner(api.db, { name: "Cem" })];
  await joinTeam(api.db, left.id, crew.id, { fromDay: "2026-04-01", untilDay: "2026-06-01" });
  await joinTeam(api.db, coming.id, crew.id, { fromDay: "2026-07-01" });
  const listed = await api.as(await keyOf(api.db, people.karl.id)).get(`/v1/teams/${crew.id}/members?on=${day}`);
  expect(listed.body.items.map((member: { name: string }) => member.name)).toEqual(["Kim"]);
});
