import { type Client, startApp, type TestApp } from "../setup/app";
import { buildKey, buildMember, buildTeam } from "../setup/factories";

// Which operation takes which scope is said in test/access/authorization/table.ts.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

describe("a service that is confined to a team", () => {
  let client: Client;
  let inside: Part;
  let outside: Part;
  beforeAll(async () => {
    inside = await buildPart();
    outside = await buildPart();
    client = api.as(await buildKey(api.db, { role: "service", teamId: inside.topId }));
  });

  test("sees in lists and logs in batches only who is inside", async () => {
    const idsOf = async (path: string) => (await client.get(path)).body.items.map(({ id }: { id: string }) => id).sort();
    expect(await idsOf("/v1/learners?limit=200")).toEqual([inside.learnerId]);
    expect(await idsOf("/v1/teams?limit=200")).toEqual([inside.topId, inside.teamId].sort());
    const items = [inside, outside].map(({ learnerId }) => ({ learnerId, startedAt: "2026-06-16T08:00:00Z", minutes: 5 }));
    expect((await client.post("/v1/study-sessions/batch", { items })).body).toMatchObject({
      created: 1,
      rejected: 1,
      items: [{ outcome: "created" }, { outcome: "rejected", problem: { code: "not-found" } }],
    });
  });

  test("reads reports of its team with all who are below", async () => {
    expect((await client.get(`/v1/teams/${inside.topId}/growth`)).body.people.total).toBe(1);
  });

  test("loses sight of who leaves with the next request", async () => {
    const member = await buildMember(api.db, inside.teamId);
    const path = `/v1/learners/${member.id}`;
    expect((await client.get(path)).status).toBe(200);
    await api.db.membership.updateMany({ where: { learnerId: member.id }, data: { teamId: outside.teamId } });
    expect((await client.get(path)).status).toBe(404);
  });
});

type Part = Awaited<ReturnType<typeof buildPart>>;

/** A part of the organisation: somebody in a team below another. */
async function buildPart() {
  const top = await buildTeam(api.db);
  const team = await buildTeam(api.db, { parentId: top.id });
  return { topId: top.id, teamId: team.id, learnerId: (await buildMember(api.db, team.id)).id };
}
