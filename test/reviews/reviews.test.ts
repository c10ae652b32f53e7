import { v7 as uuidv7 } from "uuid";
import type { Goal, Learner, Team } from "../../src/generated/prisma/client";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";
import { buildReview } from "../setup/growth-factories";

let api: TestApp;
let director: Learner;
let lead: Learner;
let team: Team;
let learner: Learner;
let goal: Goal;
let self: Client;
beforeAll(async () => {
  api = await startApp();
});
// A director leads the division, a lead the team in it, and the learner is in the team.
beforeEach(async () => {
  api.setNow(NOW);
  director = await buildLearner(api.db);
  const division = await buildTeam(api.db, { leadId: director.id });
  lead = await buildMember(api.db, division.id);
  team = await buildTeam(api.db, { leadId: lead.id, parentId: division.id });
  learner = await buildMember(api.db, team.id);
  goal = await buildGoal(api.db, { learnerId: learner.id });
  self = await as(learner);
});
afterAll(() => api.close());

const reviews = (below = "") => `/v1/learners/${learner.id}/goals/${goal.id}/reviews${below}`;
const as = async ({ id }: { id: string }) => api.as(await keyOf(api.db, id));
const ask = async (body: object = {}) => (await self.post(reviews(), body)).body as { id: string; version: number };
const ETAG = { "If-Match": '"1"' };
const answer = (client: Client, id: string, body: object = { verdict: "endorsed" }, headers: Record<string, string> = ETAG) =>
  client.put(reviews(`/${id}/answer`), body, headers);
const read = async (id: string) => (await self.get(reviews(`/${id}`))).body;

const refusal = (status: number, code: string) => ({ status, body: { code } });
const forbidden = refusal(403, "forbidden");
const notFound = refusal(404, "not-found");
// As it is for any change under an ETag of what is not there.
const gone = refusal(412, "version-mismatch");
const notAbove = (pointer?: string) => ({
  status: 422,
  body: { code: "reviewer-not-above", ...(pointer && { errors: [{ pointer, detail: expect.any(String) }] }) },
});

test("a learner asks, the lead answers, and both read it", async () => {
  const asked = await self.post(reviews(), { question: " Would you let me deploy\nwithout you? " });
  expect(asked.status).toBe(201);
  expect(asked.body).toEqual({
    learnerId: learner.id,
    goalId: goal.id,
    id: expect.any(String),
    stepId: null,
    stepTitle: null,
    reviewerId: null,
    reviewerName: null,
    question: " Would you let me deploy\nwithout you? ",
    askedAt: NOW.toISOString(),
    verdict: null,
    comment: null,
    answeredById: null,
    answeredByName: null,
    answeredAt: null,
    version: 1,
  });
  const path = asked.headers.location as string;
  expect(path).toBe(reviews(`/${asked.body.id}`));
  expect((await (await as(lead)).get(path)).body).toEqual(asked.body);

  api.setNow(new Date("2026-06-18T07:00:00Z"));
  const answered = await (await as(lead)).put(`${path}/answer`, { verdict: "needs-work", comment: "Show me a rollback first" }, ETAG);
  expect(answered.status).toBe(200);
  expect(answered.body).toEqual({
    ...asked.body,
    verdict: "needs-work",
    comment: "Show me a rollback first",
    answeredById: lead.id,
    answeredByName: lead.name,
    answeredAt: "2026-06-18T07:00:00.000Z",
    version: 2,
  });
  // The learner does not see the lead.
  const own = { ...answered.body, answeredByName: null };
  expect((await self.get(path)).body).toEqual(own);
  expect((await self.get(reviews())).body).toEqual({ items: [own], next: null });
});

test("a client may name the review, once; ids of two learners don't meet", async () => {
  const { id } = await buildReview(api.db);
  expect(await self.post(reviews(), { id })).toMatchObject({ status: 201, body: { id } });
  const step = await buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
  expect(await self.post(reviews(), { id, stepId: step.id })).toMatchObject(refusal(409, "already-exists"));
});

test("reviews are listed the latest first, and by whether they wait", async () => {
  const of = { learnerId: learner.id, goalId: goal.id };
  const on = (day: number) => new Date(Date.UTC(2026, 4, day));
  const second = await buildReview(api.db, { ...of, askedAt: on(2), answeredById: lead.id });
  const first = await buildReview(api.db, { ...of, askedAt: on(1), answeredById: director.id });
  const third = await buildReview(api.db, { ...of, askedAt: on(3) });
  await buildReview(api.db, { learnerId: learner.id });
  const ids = async (query: string) => (await self.get(reviews(query))).body.items.map(({ id }: { id: string }) => id);
  expect(await ids("")).toEqual([third.id, second.id, first.id]);
  expect(await ids("?waiting=true")).toEqual([third.id]);
  expect(await ids("?waiting=false")).toEqual([second.id, first.id]);
  expect(await self.get(reviews("?waiting=yes"))).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/waiting" }] } });
});

describe("who may answer", () => {
  test("any lead above, when nobody was asked by name: directly", async () => {
    const { id } = await ask();
    expect(await answer(await as(lead), id)).toMatchObject({ status: 200, body: { answeredById: lead.id, verdict: "endorsed", comment: null } });
  });

  test("any lead above, when nobody was asked by name: two levels up", async () => {
    const { id } = await ask();
    expect(await answer(await as(director), id)).toMatchObject({ status: 200, body: { answeredById: director.id } });
  });

  test("only who was asked by name, even two levels up", async () => {
    const { id } = await ask({ reviewerId: director.id });
    expect(await answer(await as(lead), id)).toMatchObject({
      status: 403,
      body: { code: "forbidden", detail: "Somebody else was asked by name. Let the learner ask you, or anybody above." },
    });
    expect(await read(id)).toMatchObject({ reviewerId: director.id, verdict: null, version: 1 });
    expect(await answer(await as(director), id)).toMatchObject({ status: 200, body: { reviewerId: director.id, answeredById: director.id } });
  });

  test("no peer, no learner of theirs, no stranger: to them the learner is not there", async () => {
    const { id } = await ask();
    const apart = await buildTeam(api.db, { leadId: (await buildLearner(api.db)).id });
    const others = [await buildMember(api.db, team.id), await buildLearner(api.db), { id: apart.leadId as string }];
    for (const other of others) expect(await answer(await as(other), id)).toMatchObject(notFound);
    expect((await read(id)).answeredAt).toBeNull();
  });

  test("not the learner, even when they lead their own team", async () => {
    await api.db.team.update({ where: { id: team.id }, data: { leadId: learner.id } });
    const { id } = await ask();
    expect(await answer(self, id)).toMatchObject({ status: 403, body: { code: "forbidden", detail: "This takes the key of a lead above the learner." } });
    expect((await read(id)).answeredAt).toBeNull();
    expect(await answer(await as(director), id)).toMatchObject({ status: 200 });
  });

  test("no admin and no service: an answer is somebody's word", async () => {
    const { id } = await ask();
    for (const client of [api.admin, api.as(await buildKey(api.db, { role: "service" }))]) {
      expect(await answer(client, id)).toMatchObject({ status: 403, body: { code: "forbidden", detail: "This takes the key of a lead above the learner." } });
    }
    expect((await read(id)).answeredAt).toBeNull();
  });

  test("not who led the team when it was asked", async () => {
    const [anybody, named] = [await ask(), await buildReview(api.db, { learnerId: learner.id, reviewerId: lead.id })];
    const successor = await buildLearner(api.db);
    await api.db.team.update({ where: { id: team.id }, data: { leadId: successor.id } });
    const former = await as(lead);
    expect(await answer(former, anybody.id)).toMatchObject(notFound);
    const path = `/v1/learners/${learner.id}/goals/${named.goalId}/reviews/${named.id}/answer`;
    expect(await former.put(path, { verdict: "endorsed" })).toMatchObject(notFound);
    expect(await answer(await as(successor), anybody.id)).toMatchObject({ status: 200, body: { answeredById: successor.id } });
  });

  test("not the old lead once the learner is in another team, and the new one is", async () => {
    const { id } = await ask();
    const newLead = await buildLearner(api.db);
    const newTeam = await buildTeam(api.db, { leadId: newLead.id });
    const moved = await api.admin.put(`/v1/learners/${learner.id}/membership`, { teamId: newTeam.id, fromDay: "2026-06-18" });
    expect(moved.status).toBe(200);
    // The move is tomorrow's: today the new lead doesn't even see the learner.
    expect(await answer(await as(newLead), id)).toMatchObject(notFound);
    api.setNow(new Date("2026-06-18T12:00:00Z"));
    expect(await answer(await as(lead), id)).toMatchObject(notFound);
    expect(await answer(await as(director), id)).toMatchObject(notFound);
    expect((await read(id)).answeredAt).toBeNull();
    expect(await answer(await as(newLead), id)).toMatchObject({ status: 200, body: { answeredById: newLead.id } });
  });

  test("a lead who is in the learner's team without leading it, or below it, is not above", async () => {
    const { id } = await ask();
    const peer = await buildMember(api.db, team.id);
    await buildTeam(api.db, { leadId: peer.id, parentId: team.id });
    expect(await answer(await as(peer), id)).toMatchObject(notFound);
  });
});

describe("asking", () => {
  test("goes to the goal's reviewer unless told, and to anybody above when told so", async () => {
    await api.db.goal.update({ where: { learnerId_id: { learnerId: learner.id, id: goal.id } }, data: { reviewerId: director.id } });
    const byDefault = await self.post(reviews(), {});
    expect(byDefault).toMatchObject({ status: 201, body: { reviewerId: director.id } });
    expect(await answer(await as(lead), byDefault.body.id)).toMatchObject(forbidden);
    expect((await self.delete(reviews(`/${byDefault.body.id}`))).status).toBe(204);
    expect(await self.post(reviews(), { reviewerId: null })).toMatchObject({ status: 201, body: { reviewerId: null } });
  });

  test("goes to anybody above when the goal's reviewer has ceased to lead", async () => {
    await api.db.goal.update({ where: { learnerId_id: { learnerId: learner.id, id: goal.id } }, data: { reviewerId: lead.id } });
    await api.db.team.update({ where: { id: team.id }, data: { leadId: null } });
    expect(await self.post(reviews(), {})).toMatchObject({ status: 201, body: { reviewerId: null } });
  });

  test("by name keeps nobody else from answering once who was named has ceased to lead", async () => {
    const { body } = await self.post(reviews(), { reviewerId: lead.id });
    expect(await answer(await as(director), body.id)).toMatchObject(forbidden);
    await api.db.team.update({ where: { id: team.id }, data: { leadId: null } });
    expect(await answer(await as(director), body.id)).toMatchObject({ status: 200, body: { answeredById: director.id } });
  });

  test("is done for the learner by a service or an admin, too, and not by the lead", async () => {
    expect(await (await as(lead)).post(reviews(), {})).toMatchObject(forbidden);
    expect((await api.admin.post(reviews(), {})).status).toBe(201);
  });

  test("names somebody above: not a peer, not the learner, nobody unknown", async () => {
    const unfit = [(await buildMember(api.db, team.id)).id, learner.id, (await buildLearner(api.db)).id, uuidv7()];
    await api.db.team.update({ where: { id: team.id }, data: { leadId: learner.id } });
    for (const reviewerId of [...unfit, lead.id]) {
      expect(await self.post(reviews(), { reviewerId })).toMatchObject({
        status: 422,
        body: {
          code: "reviewer-not-above",
          title: "The reviewer does not lead the learner",
          detail:
            "A reviewer leads the learner's team of today, or a team above it, and is somebody else. Name such a lead, or nobody: then any of them can answer.",
          errors: [{ pointer: "#/reviewerId" }],
        },
      });
    }
    expect((await self.get(reviews())).body.items).toEqual([]);
  });

  test("is refused when nobody is above who could answer", async () => {
    await api.db.team.updateMany({ where: { leadId: { in: [lead.id, director.id] } }, data: { leadId: null } });
    expect(await self.post(reviews(), {})).toMatchObject({
      status: 422,
      body: {
        code: "reviewer-not-above",
        detail: "Nobody leads the learner's team of today or a team above it, so nobody could answer. Ask for a lead in the directory first.",
      },
    });
    await api.db.team.update({ where: { id: team.id }, data: { leadId: learner.id } });
    expect(await self.post(reviews(), {})).toMatchObject(notAbove());
  });

  test("is refused to who is in no team today", async () => {
    const alone = await buildLearner(api.db);
    await joinTeam(api.db, alone.id, team.id, { fromDay: "2026-01-01", untilDay: "2026-06-17" });
    const { id } = await buildGoal(api.db, { learnerId: alone.id });
    expect(await (await as(alone)).post(`/v1/learners/${alone.id}/goals/${id}/reviews`, {})).toMatchObject(notAbove());
  });

  test("is refused for a step of another goal", async () => {
    const detail = "The goal has no such step. Use the id of one of its steps.";
    for (const stepId of [uuidv7(), (await buildStep(api.db, { learnerId: learner.id })).id, (await buildStep(api.db)).id]) {
      expect(await self.post(reviews(), { stepId })).toMatchObject({
        status: 422,
        body: { code: "reference-missing", detail, errors: [{ pointer: "#/stepId", detail }] },
      });
    }
  });

  test.each([
    ["#/question", { question: "" }],
    ["#/question", { question: "x".repeat(5_001) }],
    ["#/reviewerId", { reviewerId: "ada" }],
    ["#/stepId", { stepId: "none" }],
    ["#/verdict", { verdict: "endorsed" }],
    ["#/askedAt", { askedAt: "2026-06-01T00:00:00Z" }],
    ["#/answeredById", { answeredById: uuidv7() }],
  ])("%s is refused in %j", async (pointer, body) => {
    const refused = await self.post(reviews(), body);
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual([{ pointer, detail: expect.any(String) }]);
  });
});

describe("one waits at a time", () => {
  test("for the goal, and for each of its steps", async () => {
    const [one, other] = [await step(), await step()];
    const waiting = {
      status: 409,
      body: {
        code: "review-waiting",
        title: "A review is waiting already",
        detail: "A review of this waits for its answer. Wait for it, or withdraw it before asking again.",
      },
    };
    for (const body of [{}, { stepId: one.id }, { stepId: other.id }]) {
      expect((await self.post(reviews(), body)).status).toBe(201);
      expect(await self.post(reviews(), { ...body, reviewerId: director.id })).toMatchObject(waiting);
    }
    expect((await self.get(reviews("?waiting=true"))).body.items).toHaveLength(3);
  });

  test("an answer about a step leaves the goal's review waiting", async () => {
    const { id: stepId } = await step();
    const [ofGoal, ofStep] = [await ask(), await ask({ stepId })];
    expect(await answer(await as(lead), ofStep.id)).toMatchObject({ status: 200, body: { stepId, verdict: "endorsed" } });
    expect((await read(ofGoal.id)).answeredAt).toBeNull();
    expect((await self.post(reviews(), { stepId })).status).toBe(201);
    expect((await self.post(reviews(), {})).status).toBe(409);
  });

  test("the next is asked after an answer, and after a withdrawal", async () => {
    const first = await ask();
    expect((await answer(await as(lead), first.id)).status).toBe(200);
    const second = await ask();
    expect((await self.delete(reviews(`/${second.id}`))).status).toBe(204);
    expect((await self.post(reviews(), {})).status).toBe(201);
    expect((await self.get(reviews())).body.items).toHaveLength(2);
  });

  test("even when five are asked at once", async () => {
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => self.post(reviews(), {})));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  });

  const step = () => buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
});

describe("an answer stays", () => {
  const answered = { status: 409, body: { code: "review-answered", title: "The review was answered", detail: "An answer stays. Ask for another review." } };

  test("it is neither changed, by whomever, nor withdrawn", async () => {
    const { id } = await ask();
    const given = await answer(await as(lead), id, { verdict: "endorsed", comment: "Yes" });
    for (const client of [await as(lead), await as(director)])
      expect(await answer(client, id, { verdict: "needs-work" }, { "If-Match": '"2"' })).toMatchObject(answered);
    for (const client of [self, api.admin]) expect(await client.delete(reviews(`/${id}`))).toMatchObject(answered);
    // The learner does not see the lead.
    expect(await read(id)).toEqual({ ...given.body, answeredByName: null });
  });

  test("of two who answer at once, one does", async () => {
    const { id } = await ask();
    const [one, other] = [await as(lead), await as(director)];
    const answers = await Promise.all([answer(one, id, { verdict: "endorsed" }), answer(other, id, { verdict: "needs-work" })]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    expect(await read(id)).toEqual({ ...answers.find(({ status }) => status === 200)?.body, answeredByName: null });
  });

  test("a review that waits is neither answered nor withdrawn under another ETag than its own", async () => {
    const { id } = await ask();
    const path = reviews(`/${id}`);
    expect(await (await as(lead)).put(`${path}/answer`, { verdict: "endorsed" }, { "If-Match": '"7"' })).toMatchObject(refusal(412, "version-mismatch"));
    expect(await self.delete(path, { "If-Match": '"7"' })).toMatchObject(refusal(412, "version-mismatch"));
    expect((await (await as(lead)).put(`${path}/answer`, { verdict: "endorsed" }, { "If-Match": '"1"' })).headers.etag).toMatch(/^"2-/);
  });

  test.each([[{}], [{ "If-Match": "*" }]])("nobody answers without saying what they have read: with %j", async (headers: Record<string, string>) => {
    const { id } = await ask();
    expect(await answer(await as(lead), id, { verdict: "endorsed" }, headers)).toMatchObject({
      status: 428,
      body: {
        code: "precondition-required",
        detail: "Read the review first, and send its ETag as If-Match with the answer, so that what you answer is what you read.",
      },
    });
    expect((await read(id)).answeredAt).toBeNull();
  });

  test("a goal that was reviewed is not deleted, nor a step that was", async () => {
    const step = await buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
    await ask({ stepId: step.id });
    const goalPath = `/v1/learners/${learner.id}/goals/${goal.id}`;
    for (const path of [`${goalPath}/steps/${step.id}`, goalPath]) expect(await self.delete(path)).toMatchObject(refusal(409, "in-use"));
  });
});

test.each([
  ["#/verdict", {}],
  ["#/verdict", { verdict: null }],
  ["#/verdict", { verdict: "needsWork" }],
  ["#/verdict", { verdict: "rejected" }],
  ["#/comment", { verdict: "endorsed", comment: "" }],
  ["#/comment", { verdict: "endorsed", comment: "x".repeat(5_001) }],
  ["#/answeredById", { verdict: "endorsed", answeredById: uuidv7() }],
])("an answer with a flaw in %s is refused: %j", async (pointer, body) => {
  const { id } = await ask();
  const refused = await answer(await as(lead), id, body);
  expect(refused.status).toBe(400);
  expect(refused.body.errors).toEqual([{ pointer, detail: expect.any(String) }]);
  expect((await read(id)).answeredAt).toBeNull();
});

test("a review that waits is withdrawn by its learner, a service or an admin, and not by the lead", async () => {
  const { id } = await ask();
  expect(await (await as(lead)).delete(reviews(`/${id}`))).toMatchObject(forbidden);
  expect((await self.delete(reviews(`/${id}`))).status).toBe(204);
  expect(await self.get(reviews(`/${id}`))).toMatchObject(notFound);
  expect(await answer(await as(lead), id)).toMatchObject(gone);
  expect((await api.admin.delete(reviews(`/${(await ask()).id}`))).status).toBe(204);
});

test("a review is nothing under another goal, and under a goal that is not there", async () => {
  const { id, goalId } = await buildReview(api.db, { learnerId: learner.id });
  expect(goalId).not.toBe(goal.id);
  expect(await self.get(reviews(`/${id}`))).toMatchObject(notFound);
  expect(await self.delete(reviews(`/${id}`))).toMatchObject(notFound);
  expect(await answer(await as(lead), id)).toMatchObject(gone);
  for (const unknown of [uuidv7(), (await buildGoal(api.db)).id]) {
    const path = `/v1/learners/${learner.id}/goals/${unknown}/reviews`;
    expect(await self.get(path)).toMatchObject(notFound);
    expect(await self.post(path, {})).toMatchObject(notFound);
  }
});
