import { v7 as uuidv7 } from "uuid";
import type { Team } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { buildTeam } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

/** Teams each below the one before. */
async function buildChain(length: number): Promise<Team[]> {
  const chain: Team[] = [];
  while (chain.length < length) chain.push(await buildTeam(api.db, { parentId: chain.at(-1)?.id }));
  return chain;
}

const move = (team: Team, parent: Team | null) => api.admin.patch(`/v1/teams/${team.id}`, { parentId: parent?.id ?? null });

const idsUnder = async (team: Team) => new Set((await api.admin.get(`/v1/teams?under=${team.id}`)).body.items.map(({ id }: Team) => id));

/** Compares what each team has below it with what its parents' chain says. */
async function expectSoundTree(teams: Team[]): Promise<void> {
  const parents = new Map<string, string | null>();
  for (const { id } of teams) parents.set(id, (await api.admin.get(`/v1/teams/${id}`)).body.parentId);
  const upwards = (id: string | null | undefined): string[] => (id ? [id, ...upwards(parents.get(id))] : []);
  for (const team of teams) {
    const below = teams.filter(({ id }) => upwards(id).includes(team.id)).map(({ id }) => id);
    expect(await idsUnder(team)).toEqual(new Set(below));
  }
}

test("a team moves with all below it", async () => {
  const [top, middle, leaf] = (await buildChain(3)) as [Team, Team, Team];
  const [elsewhere, deep] = (await buildChain(2)) as [Team, Team];
  const teams = [top, middle, leaf, elsewhere, deep];
  await expectSoundTree(teams);

  expect((await move(middle, deep)).body).toMatchObject({ parentId: deep.id, version: 2 });
  expect(await idsUnder(elsewhere)).toEqual(new Set([elsewhere.id, deep.id, middle.id, leaf.id]));
  expect(await idsUnder(top)).toEqual(new Set([top.id]));
  await expectSoundTree(teams);

  await move(middle, null);
  expect(await idsUnder(elsewhere)).toEqual(new Set([elsewhere.id, deep.id]));
  await expectSoundTree(teams);

  await move(elsewhere, leaf);
  expect(await idsUnder(middle)).toEqual(new Set([middle.id, leaf.id, elsewhere.id, deep.id]));
  await expectSoundTree(teams);
});

test("a move to where the team is already changes nothing below", async () => {
  const [top, middle, leaf] = (await buildChain(3)) as [Team, Team, Team];
  expect((await move(middle, top)).status).toBe(200);
  await expectSoundTree([top, middle, leaf]);
});

test.each([
  ["itself", 0, 0],
  ["its child", 0, 1],
  ["what lies three levels below it", 0, 3],
  ["its child, from the middle of the tree", 1, 2],
])("a team cannot move below %s", async (_, from, to) => {
  const chain = await buildChain(4);
  const refused = await move(chain[from] as Team, chain[to] as Team);
  const detail = "The new parent is the team itself or lies below it. Choose a team outside of its subtree, or move that one first.";
  expect(refused.status).toBe(409);
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:team-cycle",
    code: "team-cycle",
    title: "A team cannot be its own ancestor",
    status: 409,
    detail,
    errors: [{ pointer: "#/parentId", detail }],
    requestId: expect.any(String),
  });
  await expectSoundTree(chain);
});

test("a team is not created below itself", async () => {
  const id = uuidv7();
  expect(await api.admin.post("/v1/teams", { id, name: "Ouroboros", parentId: id })).toMatchObject({ status: 409, body: { code: "team-cycle" } });
  expect((await api.admin.get(`/v1/teams/${id}`)).status).toBe(404);
});

test("of moves at the same time that together would close a circle, one is refused", async () => {
  for (let round = 0; round < 5; round++) {
    const [a, b, c] = [await buildTeam(api.db), await buildTeam(api.db), await buildTeam(api.db)];
    const pair = await Promise.all([move(a, b), move(b, a)]);
    expect(pair.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(pair.find(({ status }) => status === 409)?.body.code).toBe("team-cycle");
    await expectSoundTree([a, b]);

    await Promise.all([move(a, null), move(b, null)]);
    const ring = await Promise.all([move(a, b), move(b, c), move(c, a)]);
    expect(ring.map(({ status }) => status).sort()).toEqual([200, 200, 409]);
    await expectSoundTree([a, b, c]);
  }
});

test("a move waits for one under way, and then sees it", async () => {
  const [a, b] = [await buildTeam(api.db), await buildTeam(api.db)];
  const { late } = await api.db.$transaction(async (tx) => {
    await tx.team.update({ where: { id: a.id }, data: { parentId: b.id } });
    const late = move(b, a);
    await tx.$queryRaw`SELECT pg_sleep(0.3)::text`;
    return { late };
  });
  expect(await late).toMatchObject({ status: 409, body: { code: "team-cycle" } });
  await expectSoundTree([a, b]);
});

test("moves at the same time that go well together all succeed", async () => {
  const [a, b, c, d] = (await buildChain(4)) as [Team, Team, Team, Team];
  const moves = await Promise.all([move(d, a), move(c, a), move(b, null)]);
  expect(moves.map(({ status }) => status)).toEqual([200, 200, 200]);
  await expectSoundTree([a, b, c, d]);
});
