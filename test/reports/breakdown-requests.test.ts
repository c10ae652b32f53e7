import { v7 as uuidv7 } from "uuid";
import { toDate } from "../../src/days";
import type { Learner, Team } from "../../src/generated/prisma/client";
import type { Breakdown } from "../../src/reports/breakdown.schema";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
let team: Team;
let member: Learner;
beforeAll(async () => {
  api = await startApp();
  team = await buildTeam(api.db);
  member = await buildMember(api.db, team.id);
});
afterAll(() => api.close());

describe("what is refused", () => {
  test.each([
    ["from=2026-06-01&to=2026-06-01", "query/from"],
    ["from=2026-06-02&to=2026-06-01", "query/from"],
    ["from=2027-01-01", "query/from"],
    ["from=2016-01-01&to=2026-06-01", "query/from"],
    ["from=2023-01-01&to=2026-01-01&bucket=day", "query/bucket"],
    ["from=2026-02-30", "query/from"],
    ["from=yesterday", "query/from"],
    ["from=1969-12-31", "query/from"],
    ["bucket=hour", "query/bucket"],
    ["compare=last-year", "query/compare"],
    ["groupBy=mode", "query/groupBy"],
    ["goal=mine", "query/goal"],
    ["resourceType=poem", "query/resourceType"],
    ["verification=none", "query/verification"],
    ["groupBy=skill&skill=go", "query/skill"],
    ["form=2026-06-01", "query/form"],
  ])("%s", async (query, pointer) => {
    const answer = await api.admin.get(`/v1/teams/${team.id}/breakdown?${query}`);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: "invalid-request", errors: [{ pointer }] });
  });

  test.each(["groupBy=team", "groupBy=learner", "depth=direct", "membership=current"])("%s of one learner", async (query) => {
    expect((await api.admin.get(`/v1/learners/${member.id}/breakdown?${query}`)).status).toBe(400);
  });

  test("a repeated parameter", async () => {
    expect((await api.admin.get(`/v1/teams/${team.id}/breakdown?from=2026-01-01&from=2026-02-01`)).status).toBe(400);
  });

  test("more groups than anybody reads", async () => {
    const learner = await buildMember(api.db, team.id);
    const goals = Array.from({ length: 1_001 }, () => ({ learnerId: learner.id, id: uuidv7(), title: "One of many" }));
    await api.db.goal.createMany({ data: goals });
    const session = await buildSession(api.db, { learnerId: learner.id, minutes: 1 });
    await api.db.studySession.createMany({ data: goals.map(({ id }) => ({ ...session, id: uuidv7(), goalId: id })) });
    const answer = await api.admin.get(`/v1/teams/${team.id}/breakdown?groupBy=goal`);
    expect(answer.status).toBe(422);
    expect(answer.body.code).toBe("too-many-groups");
  });

  test("ten years to the day and a thousand buckets are not too many", async () => {
    const longest = await api.admin.get(`/v1/teams/${team.id}/breakdown?from=2016-06-17&to=2026-06-18&bucket=quarter`);
    expect(longest.status).toBe(200);
    const finest = await api.admin.get(`/v1/teams/${team.id}/breakdown?from=2023-09-22&to=2026-06-18&bucket=day`);
    expect(finest.body.buckets).toHaveLength(1_000);
  });
});

describe("who may read it", () => {
  let lead: Client;
  let peer: Client;
  let own: Client;
  beforeAll(async () => {
    const leader = await buildLearner(api.db);
    await api.db.team.update({ where: { id: team.id }, data: { leadId: leader.id } });
    lead = api.as(await keyOf(api.db, leader.id));
    peer = api.as(await keyOf(api.db, (await buildMember(api.db, team.id)).id));
    own = api.as(await keyOf(api.db, member.id));
  });

  test("the learner reads their own, not the team's", async () => {
    expect((await own.get(`/v1/learners/${member.id}/breakdown`)).status).toBe(200);
    expect((await own.get(`/v1/teams/${team.id}/breakdown`)).status).toBe(404);
    expect((await own.get(`/v1/teams/${team.id}/study-sessions`)).status).toBe(404);
  });

  test("the lead reads the team's and each member's", async () => {
    expect((await lead.get(`/v1/teams/${team.id}/breakdown`)).status).toBe(200);
    expect((await lead.get(`/v1/learners/${member.id}/breakdown`)).status).toBe(200);
    expect((await lead.get(`/v1/teams/${team.id}/study-sessions`)).status).toBe(200);
  });

  test("a peer reads neither", async () => {
    expect((await peer.get(`/v1/learners/${member.id}/breakdown`)).status).toBe(404);
    expect((await peer.get(`/v1/teams/${team.id}/breakdown`)).status).toBe(404);
  });

  test("a service reads both", async () => {
    const service = api.as(await buildKey(api.db, { role: "service" }));
    expect((await service.get(`/v1/learners/${member.id}/breakdown`)).status).toBe(200);
    expect((await service.get(`/v1/teams/${team.id}/breakdown`)).status).toBe(200);
  });

  test("what is not there is answered in the same words", async () => {
    const { requestId: _, ...hidden } = (await peer.get(`/v1/teams/${team.id}/breakdown`)).body;
    const { requestId: __, ...absent } = (await peer.get(`/v1/teams/${uuidv7()}/breakdown`)).body;
    expect(hidden).toEqual(absent);
  });
});

describe("people whom a lead no longer sees", () => {
  /** A team of one who stays and some who moved elsewhere on 1 June, each with an hour logged in May. */
  async function teamWithFormerMembers(count: number) {
    const leader = await buildLearner(api.db);
    const led = await buildTeam(api.db, { leadId: leader.id });
    const elsewhere = await buildTeam(api.db);
    const learners = [await buildMember(api.db, led.id)];
    for (let index = 0; index < count; index++) {
      const learner = await buildMember(api.db, led.id, { untilDay: "2026-06-01" });
      await joinTeam(api.db, learner.id, elsewhere.id, { fromDay: "2026-06-01" });
      learners.push(learner);
    }
    for (const { id } of learners) await buildSession(api.db, { learnerId: id, startedAt: "2026-05-12T09:00:00Z" });
    return { led, former: learners.at(-1) as Learner, lead: api.as(await keyOf(api.db, leader.id)) };
  }

  test.each([1, 5, 12])("are left out, and counted as left out, however many they are: %s", async (count) => {
    const { led, lead } = await teamWithFormerMembers(count);
    const report = (await lead.get(`/v1/teams/${led.id}/breakdown`)).body;
    expect(report.withheldLearners).toBe(count);
    expect(report.total).toMatchObject({ minutes: { total: 60 }, learners: { eligible: 1, active: 1 } });
  });

  test("so the total is the same however the report is divided, and a day more or less tells nothing", async () => {
    const { led, lead } = await teamWithFormerMembers(6);
    const minutes = async (query: string) => (await lead.get(`/v1/teams/${led.id}/breakdown?${query}`)).body.total.minutes.total;
    const divisions = ["", "bucket=month", "groupBy=learner", "groupBy=team", "groupBy=skill", "compare=previous", "depth=direct"];
    for (const query of [...divisions, "resourceType=none", "verification=self-reported"]) expect([query, await minutes(query)]).toEqual([query, 60]);
    for (const to of ["2026-05-12", "2026-05-13", "2026-05-14"]) expect([to, await minutes(`to=${to}`)]).toEqual([to, to > "2026-05-12" ? 60 : 0]);
  });

  test("one of them asked for by id is nobody", async () => {
    const { led, lead, former } = await teamWithFormerMembers(6);
    const report = (await lead.get(`/v1/teams/${led.id}/breakdown?learner=${former.id}`)).body;
    expect(report.total).toMatchObject({ minutes: { total: 0 }, learners: { eligible: 0, active: 0 } });
    expect((await lead.get(`/v1/teams/${led.id}/study-sessions?learner=${former.id}`)).body.items).toEqual([]);
  });

  test("do not appear among the sessions, while an admin sees them all", async () => {
    const { led, lead } = await teamWithFormerMembers(5);
    expect((await lead.get(`/v1/teams/${led.id}/study-sessions`)).body.items).toHaveLength(1);
    expect((await api.admin.get(`/v1/teams/${led.id}/study-sessions`)).body.items).toHaveLength(6);
    expect((await api.admin.get(`/v1/teams/${led.id}/breakdown?bucket=month`)).body).toMatchObject({ withheldLearners: 0, total: { minutes: { total: 360 } } });
  });
});

test("the nearest target wins: the learner's, the team's, one above, the organisation's", async () => {
  const top = await buildTeam(api.db);
  const middle = await buildTeam(api.db, { parentId: top.id });
  const leaf = await buildTeam(api.db, { parentId: middle.id });
  const learner = await buildMember(api.db, leaf.id);
  const target = async () => (await api.admin.get(`/v1/learners/${learner.id}/breakdown`)).body.target;

  expect(await target()).toEqual({ onTheJob: 70, social: 20, formal: 10, setBy: "organisation", setById: null, setByName: null });
  await api.db.team.update({ where: { id: top.id }, data: { target: [60, 20, 20] } });
  expect(await target()).toEqual({ onTheJob: 60, social: 20, formal: 20, setBy: "team", setById: top.id, setByName: top.name });
  await api.db.team.update({ where: { id: leaf.id }, data: { target: [50, 25, 25] } });
  expect(await target()).toMatchObject({ onTheJob: 50, setBy: "team", setById: leaf.id });
  await api.db.learner.update({ where: { id: learner.id }, data: { target: [40, 30, 30] } });
  expect(await target()).toMatchObject({ onTheJob: 40, setBy: "learner", setById: learner.id });
});

test("a target of a team that the caller may not see is in force, and names nobody", async () => {
  const leader = await buildLearner(api.db);
  const top = await buildTeam(api.db, { target: [60, 20, 20] });
  const middle = await buildTeam(api.db, { parentId: top.id, leadId: leader.id });
  const leaf = await buildTeam(api.db, { parentId: middle.id, target: [50, 25, 25] });
  const [one, other] = [await buildMember(api.db, middle.id), await buildMember(api.db, leaf.id)];
  const lead = api.as(await keyOf(api.db, leader.id));
  const service = api.as(await buildKey(api.db, { role: "service", teamId: middle.id }));
  const hidden = { onTheJob: 60, social: 20, formal: 20, setBy: "team", setById: null, setByName: null };
  const seen = { onTheJob: 50, social: 25, formal: 25, setBy: "team", setById: leaf.id, setByName: leaf.name };
  for (const client of [lead, service]) {
    const { body } = await client.get(`/v1/teams/${middle.id}/breakdown?groupBy=learner`);
    expect(body.target).toEqual(hidden);
    const targets = Object.fromEntries(body.groups.map(({ id, target }: { id: string; target: object }) => [id, target]));
    expect(targets).toEqual({ [one.id]: hidden, [other.id]: seen });
    expect((await client.get(`/v1/teams/${middle.id}/breakdown`, { Accept: "text/csv" })).text).not.toMatch(new RegExp(`${top.id}|${top.name}\\b`));
    expect((await client.get(`/v1/learners/${one.id}/breakdown`)).body.target).toEqual(hidden);
  }
  expect((await api.as(await keyOf(api.db, one.id)).get(`/v1/learners/${one.id}/breakdown`)).body.target).toEqual(hidden);
  expect((await api.admin.get(`/v1/teams/${middle.id}/breakdown`)).body.target).toMatchObject({ setById: top.id });
});

test("a learner's today is their own, a team's the organisation's", async () => {
  // Noon in UTC on the 17th is already the 18th in Kiritimati.
  const early = await buildLearner(api.db, { timeZone: "Pacific/Kiritimati" });
  expect((await api.admin.get(`/v1/learners/${early.id}/breakdown`)).body.period).toMatchObject({ from: "2026-03-20", to: "2026-06-19", days: 91 });
  expect((await api.admin.get(`/v1/teams/${team.id}/breakdown`)).body.period).toMatchObject({ from: "2026-03-19", to: "2026-06-18", days: 91 });
});

test("two goals of the same id are of two people: a group has the title of the one that is counted", async () => {
  const [one, other] = [await buildMember(api.db, team.id), await buildMember(api.db, team.id)];
  const { id } = await buildGoal(api.db, { learnerId: other.id, title: "Somebody else's" });
  await buildGoal(api.db, { learnerId: one.id, id, title: "Mine" });
  await buildSession(api.db, { learnerId: one.id, goalId: id });
  const labels = async (path: string) => (await api.admin.get(path)).body.groups.map(({ label }: { label: string }) => label);
  expect(await labels(`/v1/learners/${one.id}/breakdown?groupBy=goal`)).toEqual(["Mine"]);
  expect(await labels(`/v1/teams/${team.id}/breakdown?groupBy=goal&learner=${one.id}`)).toEqual(["Mine"]);
});

test("goals, steps and sessions of two people under the same ids are counted each by itself", async () => {
  const lead = await buildLearner(api.db);
  const { id: teamId } = await buildTeam(api.db, { leadId: lead.id });
  const people = [await buildMember(api.db, teamId), await buildMember(api.db, teamId)];
  const [goalId, stepId, sessionId] = [uuidv7(), uuidv7(), uuidv7()];
  for (const [index, { id: learnerId }] of people.entries()) {
    await buildGoal(api.db, { learnerId, id: goalId, title: `Goal of ${index}`, dueOn: toDate("2026-06-20") });
    await buildStep(api.db, { learnerId, goalId, id: stepId, title: `Step of ${index}`, dueOn: toDate("2026-06-19"), estimatedMinutes: 600 });
    await buildSession(api.db, { learnerId, id: sessionId, goalId, stepId, minutes: 60 * (index + 1) });
  }
  const client = api.as(await keyOf(api.db, lead.id));
  const report = await client.get(`/v1/teams/${teamId}/breakdown?groupBy=goal&compare=previous`);
  const expected = people.map(({ id }, index) => [goalId, id, `Goal of ${index}`, 60 * (index + 1)]);
  const { groups } = report.body as Breakdown;
  expect(groups.map(({ id, learnerId, label, minutes }) => [id, learnerId, label, minutes.total])).toEqual(expected);
  for (const [index, { sessionsUrl }] of groups.entries()) {
    expect((await client.get(sessionsUrl)).body.items).toMatchObject([{ learnerId: people[index]?.id, id: sessionId, minutes: 60 * (index + 1) }]);
  }
  const { text } = await client.get(`/v1/teams/${teamId}/breakdown?groupBy=goal`, { Accept: "text/csv" });
  expect(
    text
      .split("\r\n")
      .filter((line) => line.startsWith("group,"))
      .map((line) => line.split(",").slice(1, 5)),
  ).toEqual(people.map(({ id, name }, index) => [goalId, id, name, `Goal of ${index}`]));
  const [event] = await api.db.auditEvent.findMany({ where: { requestId: report.headers["x-request-id"] as string } });
  expect(event?.learnerIds.toSorted()).toEqual(people.map(({ id }) => id).sort());

  const growth = (await client.get(`/v1/teams/${teamId}/growth`)).body;
  expect(growth.items.map(({ id, goals }: { id: string; goals: { title: string }[] }) => [id, goals.map(({ title }) => title)]).sort()).toEqual(
    people.map(({ id }, index) => [id, [`Goal of ${index}`]]).sort(),
  );
  expect(
    growth.due.items.map((due: { learnerId: string; goalTitle: string; stepTitle: string | null }) => [due.learnerId, due.goalTitle, due.stepTitle]).sort(),
  ).toEqual(
    people
      .flatMap(({ id }, index) => [
        [id, `Goal of ${index}`, null],
        [id, `Goal of ${index}`, `Step of ${index}`],
      ])
      .sort(),
  );
  expect(growth.mix.actual.minutes.total).toBe(180);
  const steps = await Promise.all(people.map(({ id }) => client.get(`/v1/learners/${id}/goals/${goalId}/steps/${stepId}`)));
  expect(steps.map(({ body }) => body.loggedMinutes)).toEqual([60, 120]);
});

test("a goal's group leads to the goal's sessions", async () => {
  const goal = await buildGoal(api.db, { title: "Deploy" });
  const session = await buildSession(api.db, { learnerId: goal.learnerId, goalId: goal.id });
  await buildSession(api.db, { learnerId: goal.learnerId });
  const { groups } = (await api.admin.get(`/v1/learners/${goal.learnerId}/breakdown?groupBy=goal`)).body;
  expect(groups.map(({ id, label }: { id: string | null; label: string }) => [id, label])).toEqual([
    [goal.id, "Deploy"],
    [null, "none"],
  ]);
  const { items } = (await api.admin.get(groups[0].sessionsUrl)).body;
  expect(items.map(({ id }: { id: string }) => id)).toEqual([session.id]);
});
