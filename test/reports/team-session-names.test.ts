import { parse } from "csv-parse/sync";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildMember, buildResource, buildSession, buildStep, buildTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test("the sessions behind a team's breakdown say by name whose they are and what they were spent on, also as CSV", async () => {
  const leader = await buildLearner(api.db);
  const team = await buildTeam(api.db, { leadId: leader.id });
  const [one, other] = [await buildMember(api.db, team.id), await buildMember(api.db, team.id)];
  const goal = await buildGoal(api.db, { learnerId: one.id, title: "Deploy" });
  // Another's goal may have the same id.
  await buildGoal(api.db, { learnerId: other.id, id: goal.id, title: "Somebody else's" });
  const step = await buildStep(api.db, { learnerId: one.id, goalId: goal.id, title: "First rollback" });
  const resource = await buildResource(api.db, { title: "=A book" });
  const id = { goalId: goal.id, stepId: step.id, resourceId: resource.id };
  await buildSession(api.db, { learnerId: one.id, startedAt: "2026-06-02T09:00:00Z", ...id });
  await buildSession(api.db, { learnerId: other.id, startedAt: "2026-06-01T09:00:00Z" });
  const lead = api.as(await keyOf(api.db, leader.id));
  const path = `/v1/teams/${team.id}/study-sessions`;
  const { items } = (await lead.get(path)).body;
  expect(items).toMatchObject([
    { learnerId: one.id, learnerName: one.name, ...id, goalTitle: "Deploy", stepTitle: "First rollback", resourceTitle: "=A book" },
    { learnerId: other.id, learnerName: other.name, goalId: null, goalTitle: null, stepTitle: null, resourceTitle: null },
  ]);
  const lines: Record<string, string>[] = parse((await lead.get(path, { Accept: "text/csv" })).text, { columns: true });
  expect(lines.map((line) => [line.learnerName, line.goalTitle, line.stepTitle, line.resourceTitle])).toEqual([
    [one.name, "Deploy", "First rollback", "'=A book"],
    [other.name, "", "", ""],
  ]);
});
