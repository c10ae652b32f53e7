import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildPath, buildResource, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
let lead: Client;
let member: Client;
let ids: { top: string; team: string; past: string; leader: string; learner: string; path: string };
beforeAll(async () => {
  api = await startApp();
  const [head, leader, learner] = [
    await buildLearner(api.db, { name: "Head" }),
    await buildLearner(api.db, { name: "Leader" }),
    await buildLearner(api.db, { name: "Member" }),
  ];
  const top = await buildTeam(api.db, { name: "Company", leadId: head.id });
  const team = await buildTeam(api.db, { name: "Platform", parentId: top.id, leadId: leader.id });
  const past = await buildTeam(api.db, { name: "Support", parentId: top.id });
  await joinTeam(api.db, leader.id, team.id);
  await joinTeam(api.db, learner.id, past.id, { untilDay: "2026-01-01" });
  await joinTeam(api.db, learner.id, team.id, { fromDay: "2026-01-01" });
  const path = await buildPath(api.db, [{ key: "one" }]);
  await api.db.pathVersion.create({ data: { pathId: path.id, number: 2, title: "A draft's title" } });
  ids = { top: top.id, team: team.id, past: past.id, leader: leader.id, learner: learner.id, path: path.id };
  const first = await buildGoal(api.db, { learnerId: learner.id, title: "First" });
  await buildGoal(api.db, { learnerId: learner.id, title: "Next", followsId: first.id, reviewerId: leader.id, pathId: path.id, pathVersion: 1 });
  lead = api.as(await keyOf(api.db, leader.id));
  member = api.as(await keyOf(api.db, learner.id));
});
afterAll(() => api.close());

describe("names stand beside ids, as far as the caller may see whom or what they are of", () => {
  test("of a team: its parent's and its lead's", async () => {
    const found = async (client: Client) => (await client.get(`/v1/teams?q=platform`)).body.items[0];
    expect(await found(api.admin)).toMatchObject({ parentId: ids.top, parentName: "Company", leadId: ids.leader, leadName: "Leader" });
    expect(await found(lead)).toMatchObject({ parentId: null, parentName: null, leadId: ids.leader, leadName: "Leader" });
    // Whoever is in the team knows of it, and does not see its lead's profile.
    expect(await found(member)).toMatchObject({ parentId: null, parentName: null, leadId: ids.leader, leadName: null });
    const confined = api.as(await buildKey(api.db, { role: "service", teamId: ids.team }));
    expect(await found(confined)).toMatchObject({ parentId: null, parentName: null, leadName: "Leader" });
  });

  test("of a team that is made or changed, as of one that is read", async () => {
    const made = await api.admin.post("/v1/teams", { name: "New", parentId: ids.team, leadId: ids.leader });
    expect(made.body).toMatchObject({ parentName: "Platform", leadName: "Leader" });
    const changed = await api.admin.patch(`/v1/teams/${made.body.id}`, { parentId: ids.top, leadId: null });
    expect(changed.body).toMatchObject({ parentName: "Company", leadId: null, leadName: null });
    expect((await api.admin.get(`/v1/teams/${made.body.id}`)).body).toEqual(changed.body);
    const me = (await lead.get("/v1/me")).body;
    expect(me.leads).toMatchObject([{ id: ids.team, parentName: null, leadName: "Leader" }]);
  });

  test("of a team's members: their team's, also as CSV", async () => {
    const { body } = await api.admin.get(`/v1/teams/${ids.top}/members`);
    expect(body.items.map(({ name, teamName }: { name: string; teamName: string }) => [name, teamName])).toEqual([
      ["Leader", "Platform"],
      ["Member", "Platform"],
    ]);
    const { text } = await api.admin.get(`/v1/teams/${ids.top}/members`, { Accept: "text/csv" });
    expect(text.split("\r\n")[0]).toBe("id,name,teamId,teamName,fromDay,untilDay");
    expect(text).toContain(`Member,${ids.team},Platform,`);
  });

  test("of a membership: all of one's own; of others only teams that the caller may know of", async () => {
    const history = async (client: Client) => (await client.get(`/v1/learners/${ids.learner}/membership`)).body.history;
    const own = [
      { teamId: ids.past, teamName: "Support" },
      { teamId: ids.team, teamName: "Platform" },
    ];
    expect(await history(member)).toMatchObject(own);
    expect(await history(api.admin)).toMatchObject(own);
    expect(await history(lead)).toMatchObject([{ teamId: null, teamName: null }, own[1]]);
  });

  test("of a goal: the adopted path's version, its reviewer and the goal before", async () => {
    const goal = async (client: Client) =>
      (await client.get(`/v1/learners/${ids.learner}/goals`)).body.items.find(({ title }: { title: string }) => title === "Next");
    const { title } = await api.db.pathVersion.findFirstOrThrow({ where: { pathId: ids.path, number: 1 } });
    for (const client of [api.admin, lead]) {
      expect(await goal(client)).toMatchObject({ path: { id: ids.path, title, version: 1 }, reviewerName: "Leader", followsTitle: "First" });
    }
    expect(await goal(member)).toMatchObject({ path: { title }, reviewerId: ids.leader, reviewerName: null, followsTitle: "First" });
  });

  test("of a goal's step: its resource", async () => {
    const goal = await buildGoal(api.db, { learnerId: ids.learner });
    const { id: resourceId } = await buildResource(api.db, { title: "A book" });
    await buildStep(api.db, { learnerId: ids.learner, goalId: goal.id, resourceId });
    await buildStep(api.db, { learnerId: ids.learner, goalId: goal.id });
    for (const client of [api.admin, lead, member]) {
      const { items } = (await client.get(`/v1/learners/${ids.learner}/goals/${goal.id}/steps`)).body;
      expect(items).toMatchObject([
        { resourceId, resourceTitle: "A book" },
        { resourceId: null, resourceTitle: null },
      ]);
    }
  });

  test("of a review: its step, who was asked and who answered", async () => {
    const goal = await buildGoal(api.db, { learnerId: ids.learner });
    const step = await buildStep(api.db, { learnerId: ids.learner, goalId: goal.id, title: "First rollback" });
    const reviews = `/v1/learners/${ids.learner}/goals/${goal.id}/reviews`;
    const { id } = (await member.post(reviews, { stepId: step.id, reviewerId: ids.leader })).body;
    await lead.put(`${reviews}/${id}/answer`, { verdict: "endorsed" }, { "If-Match": '"1"' });
    const named = { stepTitle: "First rollback", reviewerName: "Leader", answeredByName: "Leader" };
    for (const client of [api.admin, lead]) {
      expect((await client.get(reviews)).body.items).toMatchObject([named]);
      expect((await client.get(`${reviews}/${id}`)).body).toMatchObject(named);
    }
    expect((await member.get(reviews)).body.items).toMatchObject([{ stepTitle: "First rollback", reviewerName: null, answeredByName: null }]);
  });
});
