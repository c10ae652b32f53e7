import { v7 as uuidv7 } from "uuid";
import type { Learner, Team } from "../../src/generated/prisma/client";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildMember, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(buildTree);
afterAll(() => api.close());

// Top (Tina)
//   Middle (Max)
//     Leaf (Lea): a member
//   Beside
let top: Team;
let middle: Team;
let leaf: Team;
let beside: Team;
let people: Record<"tina" | "max" | "lea" | "member", Learner>;
let clients: Record<"tina" | "max" | "lea" | "member" | "confined" | "service" | "admin", Client>;

async function buildTree() {
  const { db } = api;
  const [tina, max, lea] = [await buildLearner(db), await buildLearner(db), await buildLearner(db)];
  top = await buildTeam(db, { name: "Top", leadId: tina.id });
  middle = await buildTeam(db, { name: "Middle", parentId: top.id, leadId: max.id });
  leaf = await buildTeam(db, { name: "Leaf", parentId: middle.id, leadId: lea.id });
  beside = await buildTeam(db, { name: "Beside", parentId: top.id });
  people = { tina, max, lea, member: await buildMember(db, leaf.id) };
  const own = async (name: keyof typeof people) => api.as(await keyOf(db, people[name].id));
  clients = {
    tina: await own("tina"),
    max: await own("max"),
    lea: await own("lea"),
    member: await own("member"),
    confined: api.as(await buildKey(db, { role: "service", teamId: middle.id })),
    service: api.as(await buildKey(db, { role: "service" })),
    admin: api.admin,
  };
}

type Listed = { items: { name: string; parentId: string | null }[] };

/** The teams that a caller lists, each with the one above. */
async function treeOf(client: Client, query = `under=${top.id}`): Promise<Record<string, string | null>> {
  const names = new Map([top, middle, leaf, beside].map(({ id, name }) => [id, name]));
  const { items }: Listed = (await client.get(`/v1/teams?${query}`)).body;
  return Object.fromEntries(items.map(({ name, parentId }) => [name, parentId && (names.get(parentId) ?? "somewhere else")]));
}

const WHOLE = { Top: null, Middle: "Top", Leaf: "Middle", Beside: "Top" };

describe("the tree begins where the caller's sight does", () => {
  const seen: [keyof typeof clients, Record<string, string | null>][] = [
    ["tina", WHOLE],
    ["max", { Middle: null, Leaf: "Middle" }],
    ["lea", { Leaf: null }],
    ["member", { Leaf: null }],
    ["confined", { Middle: null, Leaf: "Middle" }],
  ];

  test.each(seen)("for %s, in the list, one by one and as CSV", async (who, expected) => {
    const client = clients[who];
    expect(await treeOf(client, "")).toEqual(expected);
    for (const team of [top, middle, leaf, beside]) {
      const { status, body } = await client.get(`/v1/teams/${team.id}`);
      const above = [top, middle].find(({ name }) => name === expected[team.name]);
      expect([team.name, status, body.parentId]).toEqual(team.name in expected ? [team.name, 200, above?.id ?? null] : [team.name, 404, undefined]);
    }
    const csv = (await client.get("/v1/teams", { Accept: "text/csv" })).text;
    for (const team of [top, beside]) expect([team.name, csv.includes(team.id)]).toEqual([team.name, team.name in expected]);
  });

  test.each(["admin", "service"] as const)("and for %s nowhere: they see all of it", async (who) => {
    expect(await treeOf(clients[who])).toEqual(WHOLE);
  });

  test.each(["tina", "max", "lea"] as const)("of the teams that %s leads, too", async (who) => {
    const { leads } = (await clients[who].get("/v1/me")).body;
    expect(leads.map(({ parentId }: { parentId: string | null }) => parentId)).toEqual([null]);
  });

  test("who leads a team below their own team is told what is between, as far as they see it", async () => {
    await joinTeam(api.db, people.lea.id, middle.id);
    expect(await treeOf(clients.lea, "")).toEqual({ Middle: null, Leaf: "Middle" });
    expect((await clients.lea.get("/v1/me")).body.leads).toMatchObject([{ id: leaf.id, parentId: middle.id }]);
  });

  test("an answer that was kept is not said to be unchanged once more of the tree is seen", async () => {
    const path = `/v1/teams/${middle.id}`;
    const { etag } = (await clients.max.get(path)).headers;
    const again = () => clients.max.get(path, { "If-None-Match": etag as string });
    expect((await again()).status).toBe(304);
    await api.db.team.update({ where: { id: top.id }, data: { leadId: people.max.id } });
    expect(await again()).toMatchObject({ status: 200, body: { parentId: top.id, version: 1 } });
  });

  test("who leads a visible team is told", async () => {
    expect((await clients.member.get(`/v1/teams/${leaf.id}`)).body.leadId).toBe(people.lea.id);
  });
});

describe("filters by the team above", () => {
  test.each([
    ["tina", ["Top"]],
    ["max", ["Middle"]],
    ["lea", ["Leaf"]],
    ["member", ["Leaf"]],
    ["confined", ["Middle"]],
  ] as const)("`none` lists for %s what is shown without one", async (who, expected) => {
    expect(Object.entries(await treeOf(clients[who], "parent=none"))).toEqual(expected.map((name) => [name, null]));
  });

  test("`none` is the top for whoever sees all", async () => {
    for (const who of ["admin", "service"] as const) expect(await treeOf(clients[who], `under=${top.id}&parent=none`)).toEqual({ Top: null });
  });

  test("of a team that the caller may not see, as of one that is not there, nothing is listed", async () => {
    for (const who of ["max", "lea", "member", "confined"] as const) {
      for (const parent of [top.id, uuidv7()]) expect([who, await treeOf(clients[who], `parent=${parent}`)]).toEqual([who, {}]);
    }
    expect(await treeOf(clients.max, `parent=${middle.id}`)).toEqual({ Leaf: "Middle" });
    expect(await treeOf(clients.confined, `parent=${middle.id}`)).toEqual({ Leaf: "Middle" });
    expect(await treeOf(clients.tina, `parent=${top.id}`)).toEqual({ Middle: "Top", Beside: "Top" });
  });
});

test("who keeps the directory is answered with the whole tree, also under the ETag that was read", async () => {
  for (const client of [clients.service, clients.admin]) {
    const read = await client.get(`/v1/teams/${leaf.id}`);
    expect(read.body.parentId).toBe(middle.id);
    const changed = await client.patch(`/v1/teams/${leaf.id}`, { parentId: beside.id }, { "If-Match": read.headers.etag as string });
    expect(changed).toMatchObject({ status: 200, body: { parentId: beside.id } });
    expect((await client.get(`/v1/teams/${leaf.id}`)).headers.etag).toBe(changed.headers.etag);
    await client.patch(`/v1/teams/${leaf.id}`, { parentId: middle.id });
  }
});

describe("a history of memberships", () => {
  /** In Beside first, then in Leaf, and from tomorrow on in Top. */
  async function buildHistory() {
    const learner = await buildLearner(api.db);
    await joinTeam(api.db, learner.id, beside.id, { fromDay: "2026-01-01", untilDay: "2026-03-01" });
    await joinTeam(api.db, learner.id, leaf.id, { fromDay: "2026-03-01", untilDay: "2026-06-18" });
    await joinTeam(api.db, learner.id, top.id, { fromDay: "2026-06-18" });
    return learner;
  }
  const teamsOf = async (client: Client, learner: Learner) => {
    const { current, history } = (await client.get(`/v1/learners/${learner.id}/membership`)).body;
    return { current: current.teamId, history: history.map(({ teamId }: { teamId: string | null }) => teamId) };
  };

  test.each(["max", "lea", "confined"] as const)("does not tell %s teams that they may not see", async (who) => {
    const learner = await buildHistory();
    expect(await teamsOf(clients[who], learner)).toEqual({ current: leaf.id, history: [null, leaf.id, null] });
    const { text } = await clients[who].get(`/v1/learners/${learner.id}/membership`);
    for (const { id } of [beside, top]) expect(text).not.toContain(id);
  });

  test("is whole for the learner, a lead above all of it, a service and an admin", async () => {
    const learner = await buildHistory();
    const own = api.as(await keyOf(api.db, learner.id));
    for (const client of [own, clients.tina, clients.service, clients.admin]) {
      expect(await teamsOf(client, learner)).toEqual({ current: leaf.id, history: [beside.id, leaf.id, top.id] });
    }
    const moved = await clients.service.put(`/v1/learners/${learner.id}/membership`, { teamId: top.id, fromDay: "2026-06-10", untilDay: "2026-06-18" });
    expect(moved.body.history.map(({ teamId }: { teamId: string }) => teamId)).toEqual([beside.id, leaf.id, top.id, top.id]);
  });
});
