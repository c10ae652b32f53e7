import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner, buildMember, buildTeam, joinTeam } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test("a team is created, read, listed and changed", async () => {
  const lead = await buildLearner(api.db);
  const parent = await buildTeam(api.db);
  const target = { onTheJob: 50, social: 30, formal: 20 };
  const created = await api.admin.post("/v1/teams", { name: "Platform", parentId: parent.id, leadId: lead.id, target });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    id: expect.any(String),
    name: "Platform",
    parentId: parent.id,
    parentName: parent.name,
    leadId: lead.id,
    leadName: lead.name,
    target,
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect(path).toBe(`/v1/teams/${created.body.id}`);
  expect((await api.admin.get(path)).body).toEqual(created.body);

  const changed = await api.admin.patch(path, { name: "Platform Engineering", leadId: null, target: null });
  expect(changed.body).toEqual({
    ...created.body,
    name: "Platform Engineering",
    leadId: null,
    leadName: null,
    target: null,
    version: 2,
    updatedAt: expect.any(String),
  });
  expect((await api.admin.get("/v1/teams?q=platform")).body).toEqual({ items: [changed.body], next: null });
});

test("a client may name the team, once", async () => {
  const { id } = await buildTeam(api.db);
  const again = await api.admin.post("/v1/teams", { id, name: "Platform" });
  expect(again).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

test.each([
  ["parentId", "The parent team does not exist. Create it first."],
  ["leadId", "The lead is not a learner here. Create the learner first."],
])("a %s of nothing is refused", async (field, detail) => {
  const created = await api.admin.post("/v1/teams", { name: "Platform", [field]: uuidv7() });
  expect(created.status).toBe(422);
  expect(created.body).toEqual({
    type: "urn:cairn:problem:reference-missing",
    code: "reference-missing",
    title: "Something the request refers to does not exist",
    status: 422,
    detail,
    errors: [{ pointer: `#/${field}`, detail }],
    requestId: expect.any(String),
  });
  const { id } = await buildTeam(api.db);
  expect(await api.admin.patch(`/v1/teams/${id}`, { [field]: uuidv7() })).toMatchObject({ status: 422, body: { code: "reference-missing", detail } });
});

test.each([
  ["#/name", { name: "  " }],
  ["#/name", { name: null }],
  ["#/name", { name: "x".repeat(201) }],
  ["#/parentId", { parentId: "none" }],
  ["#/leadId", { leadId: 7 }],
  ["#/target", { target: { onTheJob: 0, social: 0, formal: 0 } }],
])("%s is refused in %j", async (pointer, body) => {
  expect(await api.admin.post("/v1/teams", { name: "Platform", ...body })).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  const { id } = await buildTeam(api.db);
  expect(await api.admin.patch(`/v1/teams/${id}`, body)).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
});

test.each(["get", "patch", "delete"] as const)("nothing is there: %s", async (method) => {
  const path = `/v1/teams/${uuidv7()}`;
  const refused = method === "patch" ? await api.admin.patch(path, { name: "Platform" }) : await api.admin[method](path);
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});

describe("deleting", () => {
  test("removes a team that nothing refers to", async () => {
    const lead = await buildLearner(api.db);
    const parent = await buildTeam(api.db);
    const { id } = await buildTeam(api.db, { parentId: parent.id, leadId: lead.id });
    expect((await api.admin.delete(`/v1/teams/${id}`)).status).toBe(204);
    expect((await api.admin.get(`/v1/teams/${id}`)).status).toBe(404);
    expect((await api.admin.get(`/v1/teams?under=${parent.id}`)).body.items).toHaveLength(1);
    expect((await api.admin.delete(`/v1/teams/${id}`)).status).toBe(404);
  });

  test.each([
    ["has members", (teamId: string) => buildMember(api.db, teamId)],
    ["had members", (teamId: string) => buildMember(api.db, teamId, { fromDay: "2020-01-01", untilDay: "2021-01-01" })],
    ["will have members", (teamId: string) => buildMember(api.db, teamId, { fromDay: "2999-01-01" })],
    ["has teams below it", (teamId: string) => buildTeam(api.db, { parentId: teamId })],
  ])("is refused for a team that %s", async (_, use) => {
    const { id } = await buildTeam(api.db);
    await use(id);
    const refused = await api.admin.delete(`/v1/teams/${id}`);
    expect(refused.status).toBe(409);
    expect(refused.body).toEqual({
      type: "urn:cairn:problem:in-use",
      code: "in-use",
      title: "Something else still refers to this",
      status: 409,
      detail: "Other records refer to this, and their history would be lost with it. Move or end those first.",
      requestId: expect.any(String),
    });
    expect((await api.admin.get(`/v1/teams/${id}`)).status).toBe(200);
  });
});

describe("the list", () => {
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    ids.lead = (await buildLearner(api.db)).id;
    ids.top = (await buildTeam(api.db, { name: "Listed top" })).id;
    ids.left = (await buildTeam(api.db, { name: "Listed left 50%", parentId: ids.top, leadId: ids.lead })).id;
    ids.right = (await buildTeam(api.db, { name: "Listed right", parentId: ids.top })).id;
    ids.leaf = (await buildTeam(api.db, { name: "Listed leaf", parentId: ids.left, leadId: ids.lead })).id;
    await joinTeam(api.db, ids.lead, ids.leaf);
  });

  const shown: [string, () => string, string[]][] = [
    ["everything", () => "", ["leaf", "left", "right", "top"]],
    ["the top", () => "&parent=none", ["top"]],
    ["what is right below", () => `&parent=${ids.top}`, ["left", "right"]],
    ["a subtree, its root included", () => `&under=${ids.left}`, ["leaf", "left"]],
    ["the teams of a lead", () => `&lead=${ids.lead}`, ["leaf", "left"]],
    ["what fits all filters", () => `&lead=${ids.lead}&parent=${ids.top}`, ["left"]],
    ["nothing below a leaf", () => `&parent=${ids.leaf}`, []],
    ["names with all the words", () => "+lis+LEFT", ["left"]],
    ["a per cent sign as itself", () => "+50%25", ["left"]],
  ];

  test.each(shown)("shows %s", async (_, query, expected) => {
    const { body } = await api.admin.get(`/v1/teams?q=listed${query()}`);
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual(expected.map((name) => ids[name]));
  });

  test.each(["parent=top", "under=none", "lead=me"])("refuses %s", async (query) => {
    const refused = await api.admin.get(`/v1/teams?${query}`);
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: `query/${query.split("=")[0]}` }] } });
  });
});
