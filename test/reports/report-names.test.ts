import { v7 as uuidv7 } from "uuid";
import type { Breakdown } from "../../src/reports/breakdown.schema";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildMember, buildSession, buildStep, buildTeam, keyOf } from "../setup/factories";

let api: TestApp;
let client: Client;
let teamId: string;
let learnerId: string;
let goalId: string;
beforeAll(async () => {
  api = await startApp();
  const lead = await buildLearner(api.db);
  client = api.as(await keyOf(api.db, lead.id));
  teamId = (await buildTeam(api.db, { name: "Platform", leadId: lead.id, target: [60, 20, 20] })).id;
  learnerId = (await buildMember(api.db, teamId)).id;
  await api.db.learner.update({ where: { id: learnerId }, data: { name: "Ada" } });
  goalId = (await buildGoal(api.db, { learnerId, title: "Deploy" })).id;
  const step = await buildStep(api.db, { learnerId, goalId, title: "First rollback" });
  await buildSession(api.db, { learnerId, goalId });
  await api.db.review.create({ data: { learnerId, goalId, id: uuidv7(), stepId: step.id, askedAt: new Date("2026-06-16T08:00:00Z") } });
});
afterAll(() => api.close());

describe("a name stands beside each id of a report", () => {
  test("of a breakdown: whose target it is, and whose goal", async () => {
    const { target, groups } = (await client.get(`/v1/teams/${teamId}/breakdown?groupBy=goal`)).body as Breakdown;
    expect(target).toMatchObject({ setById: teamId, setByName: "Platform" });
    expect(groups).toMatchObject([{ id: goalId, label: "Deploy", learnerId, learnerName: "Ada" }]);
    await api.db.goal.update({ where: { learnerId_id: { learnerId, id: goalId } }, data: { target: [10, 20, 70] } });
    const own = (await client.get(`/v1/learners/${learnerId}/breakdown?goal=${goalId}`)).body as Breakdown;
    expect(own.target).toMatchObject({ setBy: "goal", setById: goalId, setByName: "Deploy" });
  });

  test("of a growth report: the person's team, and the step of a review", async () => {
    const growth = (await client.get(`/v1/teams/${teamId}/growth`)).body;
    expect(growth.items).toMatchObject([{ id: learnerId, name: "Ada", teamId, teamName: "Platform" }]);
    expect(growth.reviewsWaiting.items).toMatchObject([{ learnerName: "Ada", goalTitle: "Deploy", stepTitle: "First rollback" }]);
    const own = (await client.get(`/v1/learners/${learnerId}/growth?since=2026-06-01`)).body;
    expect(own.items).toMatchObject([{ teamName: "Platform" }]);
    expect(own.changes.reviews.items).toMatchObject([{ goalTitle: "Deploy", stepTitle: "First rollback" }]);
  });

  test("of somebody in no team there is none", async () => {
    const { id } = await buildLearner(api.db);
    expect((await api.admin.get(`/v1/learners/${id}/growth`)).body.items).toMatchObject([{ teamId: null, teamName: null }]);
  });
});
