import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test.each(["service", "admin"] as const)("a key of the role %s is nobody's", async (role) => {
  const me = await api.as(await buildKey(api.db, { role })).get("/v1/me");
  expect(me.status).toBe(200);
  expect(me.body).toEqual({
    role,
    apiKey: { id: expect.any(String), name: expect.stringMatching(/^Key \d+$/), actsFor: false },
    learner: null,
    leads: [],
    alerts: [],
  });
});

test("a learner's key says who that is and which teams they lead, by name", async () => {
  const { id } = await buildLearner(api.db);
  const teamB = await buildTeam(api.db, { name: "B", leadId: id });
  const teamA = await buildTeam(api.db, { name: "A", leadId: id });
  await buildTeam(api.db, { name: "Below B, led by nobody", parentId: teamB.id });
  await joinTeam(api.db, id, (await buildTeam(api.db, { name: "Their own, led by nobody" })).id);

  const me = await api.as(await keyOf(api.db, id)).get("/v1/me");
  const read = async (path: string) => (await api.admin.get(path)).body;
  expect(me.body).toEqual({
    role: "learner",
    apiKey: { id: expect.any(String), name: expect.any(String), actsFor: false },
    alerts: [],
    learner: await read(`/v1/learners/${id}`),
    leads: [await read(`/v1/teams/${teamA.id}`), await read(`/v1/teams/${teamB.id}`)],
  });
});

test("the key is named by its own id", async () => {
  const service = api.as(await buildKey(api.db, { role: "service" }));
  const me = await service.get("/v1/me");
  const [itself] = (await service.get("/v1/api-keys")).body.items;
  expect(me.body.apiKey).toEqual({ id: itself.id, name: itself.name, actsFor: false });
});
