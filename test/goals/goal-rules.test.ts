import { v7 as uuidv7 } from "uuid";
import { toDate } from "../../src/days";
import type { Learner } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildMember, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";

const TODAY = "2026-06-17";
const YESTERDAY = "2026-06-16";

let api: TestApp;
let learner: Learner;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const goals = (below = "") => `/v1/learners/${learner.id}/goals${below}`;
const build = async (overrides: Parameters<typeof buildGoal>[1] = {}) => (await buildGoal(api.db, { learnerId: learner.id, ...overrides })).id;
const read = async (id: string) => (await api.admin.get(goals(`/${id}`))).body;
const create = (body: object) => api.admin.post(goals(), { title: "A goal", ...body });
const patch = (id: string, body: object) => api.admin.patch(goals(`/${id}`), body);

describe("a goal is not due before it starts", () => {
  const detail = "dueOn must not be before startsOn.";
  const refusal = { status: 400, body: { code: "invalid-request", detail, errors: [{ pointer: "#/dueOn", detail }] } };

  test("when it is set", async () => {
    expect(await create({ startsOn: TODAY, dueOn: YESTERDAY })).toMatchObject(refusal);
    expect((await api.admin.get(goals())).body.items).toEqual([]);
  });

  test.each([
    ["with a new due day", { dueOn: "2026-06-09" }],
    ["with a new start", { startsOn: "2026-06-21" }],
    ["with both", { startsOn: "2027-01-02", dueOn: "2027-01-01" }],
  ])("when it changes %s", async (_, change) => {
    const id = await build({ startsOn: toDate("2026-06-10"), dueOn: toDate("2026-06-20") });
    expect(await patch(id, { title: "Not so", ...change })).toMatchObject(refusal);
    expect(await read(id)).toMatchObject({ startsOn: "2026-06-10", dueOn: "2026-06-20", title: expect.not.stringContaining("Not so"), version: 1 });
  });
});

describe("a goal follows another of the learner's", () => {
  const detail = "The goal that it follows is itself, or goes on from it. Choose an earlier goal.";
  const circle = { status: 409, body: { code: "goal-circle", title: "A goal cannot follow itself", detail, errors: [{ pointer: "#/followsId", detail }] } };

  test("from the start or later, and no longer", async () => {
    const first = await build();
    const { body } = await create({ followsId: first });
    expect(body.followsId).toBe(first);
    expect((await patch(body.id, { title: "Otherwise" })).body.followsId).toBe(first);
    expect((await patch(body.id, { followsId: null })).body.followsId).toBeNull();
    expect((await patch(body.id, { followsId: first })).body.followsId).toBe(first);
  });

  test("one may be followed by several", async () => {
    const first = await build();
    expect((await create({ followsId: first })).status).toBe(201);
    expect((await create({ followsId: first })).status).toBe(201);
  });

  test.each([
    ["is not there", async () => uuidv7()],
    ["is another learner's", async () => (await buildGoal(api.db)).id],
  ])("but not one that %s", async (_, other) => {
    const id = await build();
    const detail = "The learner has no such goal. Use the id of one of the learner's own goals.";
    const refusal = { status: 422, body: { code: "reference-missing", errors: [{ pointer: "#/followsId", detail }] } };
    expect(await patch(id, { followsId: await other() })).toMatchObject(refusal);
    expect(await create({ followsId: await other() })).toMatchObject(refusal);
  });

  test("but not itself, not even when it is set", async () => {
    const id = await build();
    expect(await patch(id, { followsId: id })).toMatchObject(circle);
    const own = uuidv7();
    expect(await create({ id: own, followsId: own })).toMatchObject(circle);
    expect((await api.admin.get(goals())).body.items).toEqual([expect.objectContaining({ id, followsId: null, version: 1 })]);
  });

  test("but not in a ring of three", async () => {
    const first = await build();
    const second = await build({ followsId: first });
    const third = await build({ followsId: second });
    expect(await patch(first, { followsId: third })).toMatchObject(circle);
    expect((await read(first)).followsId).toBeNull();
    // Beside the ring, and out of it again, is no ring.
    const fourth = await build({ followsId: third });
    expect((await patch(third, { followsId: first })).status).toBe(200);
    expect((await patch(second, { followsId: fourth })).status).toBe(200);
    expect(await patch(first, { followsId: second })).toMatchObject(circle);
  });

  test("and of two changes at once that would close a ring together, one is refused", async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b, c] = [await build(), await build(), await build()];
      await patch(c, { followsId: b });
      const answers = await Promise.all([patch(a, { followsId: c }), patch(b, { followsId: a })]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      expect(answers.find(({ status }) => status === 409)).toMatchObject(circle);
    }
  });

  test("and is not deleted while another follows it", async () => {
    const first = await build();
    const second = await build({ followsId: first });
    expect(await api.admin.delete(goals(`/${first}`))).toMatchObject({ status: 409, body: { code: "in-use" } });
    expect((await api.admin.delete(goals(`/${second}`))).status).toBe(204);
    expect((await api.admin.delete(goals(`/${first}`))).status).toBe(204);
  });
});

describe("a reviewer leads the learner", () => {
  const detail =
    "A reviewer leads the learner's team of today, or a team above it, and is somebody else. Name such a lead, or nobody: then any of them can answer.";
  const refusal = { status: 422, body: { code: "reviewer-not-above", detail, errors: [{ pointer: "#/reviewerId", detail }] } };

  test("directly or from further above, and may be left out again", async () => {
    const [head, lead] = [await buildLearner(api.db), await buildLearner(api.db)];
    const area = await buildTeam(api.db, { leadId: head.id });
    const team = await buildTeam(api.db, { leadId: lead.id, parentId: area.id });
    await joinTeam(api.db, learner.id, team.id);
    const self = api.as(await keyOf(api.db, learner.id));
    const { body } = await self.post(goals(), { title: "Seen", reviewerId: lead.id });
    expect(body.reviewerId).toBe(lead.id);
    expect((await self.patch(goals(`/${body.id}`), { reviewerId: head.id })).body.reviewerId).toBe(head.id);
    expect((await self.patch(goals(`/${body.id}`), { reviewerId: null })).body.reviewerId).toBeNull();
  });

  test("and is nobody who does not", async () => {
    const led = await buildLedLearner(api.db);
    learner = led.learner;
    const id = await build();
    const team = await buildTeam(api.db, { leadId: learner.id });
    const elsewhere = (await buildTeam(api.db, { leadId: (await buildLearner(api.db)).id })).leadId as string;
    const former = await buildLearner(api.db);
    const left = await buildTeam(api.db, { leadId: former.id });
    await api.db.membership.create({
      data: { learnerId: learner.id, id: uuidv7(), teamId: left.id, fromDay: toDate("2019-01-01"), untilDay: toDate("2020-01-01") },
    });
    const others = {
      nobody: uuidv7(),
      themselves: learner.id,
      somebodyBelow: (await buildMember(api.db, team.id)).id,
      elsewhere,
      former: former.id,
    };
    for (const [who, reviewerId] of Object.entries(others)) {
      expect([who, await patch(id, { reviewerId })]).toMatchObject([who, refusal]);
      expect([who, await create({ reviewerId })]).toMatchObject([who, refusal]);
    }
    expect(await read(id)).toMatchObject({ reviewerId: null, version: 1 });
    expect((await patch(id, { reviewerId: led.lead.id })).status).toBe(200);
  });

  test("when named: one who leads no longer stays named until somebody changes that", async () => {
    const led = await buildLedLearner(api.db);
    learner = led.learner;
    const id = await build({ reviewerId: led.lead.id });
    await api.db.team.updateMany({ where: { leadId: led.lead.id }, data: { leadId: null } });
    expect((await patch(id, { title: "Otherwise" })).body.reviewerId).toBe(led.lead.id);
    expect(await patch(id, { reviewerId: led.lead.id })).toMatchObject(refusal);
  });
});

describe("a completed goal", () => {
  test("was completed today unless told", async () => {
    expect((await create({ status: "completed" })).body).toMatchObject({ status: "completed", completedOn: TODAY });
    const id = await build();
    expect((await patch(id, { status: "completed" })).body).toMatchObject({ status: "completed", completedOn: TODAY });
    api.setNow(new Date("2026-06-20T12:00:00Z"));
    expect((await patch(id, { title: "Done" })).body.completedOn).toBe(TODAY);
    expect((await patch(id, { status: "completed" })).body.completedOn).toBe(TODAY);
    expect((await patch(id, { completedOn: null })).body.completedOn).toBe(TODAY);
  });

  test("was completed on the day that it is told", async () => {
    expect((await create({ status: "completed", completedOn: "2026-06-01" })).body.completedOn).toBe("2026-06-01");
    const id = await build();
    expect((await patch(id, { status: "completed", completedOn: TODAY })).body.completedOn).toBe(TODAY);
    expect((await patch(id, { completedOn: "2026-05-01" })).body.completedOn).toBe("2026-05-01");
  });

  test("was completed on the learner's own day, and on none that is still to come there", async () => {
    await api.db.learner.update({ where: { id: learner.id }, data: { timeZone: "Pacific/Kiritimati" } });
    const id = await build();
    const detail = "A goal cannot have been completed in the future.";
    const refusal = { status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/completedOn", detail }] } };
    expect(await patch(id, { status: "completed", completedOn: "2026-06-19" })).toMatchObject(refusal);
    expect(await create({ status: "completed", completedOn: "2026-06-19" })).toMatchObject(refusal);
    expect((await patch(id, { status: "completed" })).body.completedOn).toBe("2026-06-18");
  });

  test.each(["draft", "active", "on-hold", "abandoned"])("alone was completed on a day: not one that is %s", async (status) => {
    const detail = "Only a goal whose status is completed was completed on a day. Send the status, too, or leave the day out.";
    const refusal = { status: 400, body: { code: "invalid-request", errors: [{ pointer: "#/completedOn", detail }] } };
    expect(await create({ status, completedOn: YESTERDAY })).toMatchObject(refusal);
    const id = await build();
    expect(await patch(id, { status, completedOn: YESTERDAY })).toMatchObject(refusal);
    await patch(id, { status });
    expect(await patch(id, { completedOn: YESTERDAY })).toMatchObject(refusal);
    expect(await read(id)).toMatchObject({ status, completedOn: null });
  });

  test.each(["draft", "active", "on-hold", "abandoned"])(
    "that is %s again was not completed, and its steps may change but where it is abandoned",
    async (status) => {
      const id = await build({ status: "completed" });
      const step = await buildStep(api.db, { learnerId: learner.id, goalId: id });
      const complete = () => api.admin.put(goals(`/${id}/steps/${step.id}/completion`), {});
      expect(await complete()).toMatchObject({ status: 409, body: { code: "goal-closed" } });
      expect((await patch(id, { status })).body).toMatchObject({ status, completedOn: null });
      expect((await complete()).status).toBe(status === "abandoned" ? 409 : 200);
      expect((await patch(id, { status: "completed" })).body.completedOn).toBe(TODAY);
    },
  );

  test("keeps its progress, whatever is left", async () => {
    const id = await build();
    await buildStep(api.db, { learnerId: learner.id, goalId: id, completedOn: toDate(TODAY), weight: 3 });
    await buildStep(api.db, { learnerId: learner.id, goalId: id });
    const { growth } = (await patch(id, { status: "completed" })).body;
    expect(growth).toMatchObject({ progress: 0.75, health: { status: "completed" } });
  });
});

describe("the target of a goal", () => {
  const OWN = { onTheJob: 10, social: 20, formal: 70 };
  const ORGANISATION = { onTheJob: 70, social: 20, formal: 10, setBy: "organisation", setById: null, setByName: null };
  const breakdown = async (query: string) => (await api.admin.get(`/v1/learners/${learner.id}/breakdown?from=2026-06-01&to=2026-07-01&${query}`)).body;

  test("is set, read, and taken away", async () => {
    const { body } = await create({ target: OWN });
    expect(body.target).toEqual(OWN);
    expect((await patch(body.id, { title: "Otherwise" })).body.target).toEqual(OWN);
    expect((await patch(body.id, { target: null })).body.target).toBeNull();
  });

  test.each([
    ["99 percent", { onTheJob: 70, social: 20, formal: 9 }, "#/target"],
    ["101 percent", { onTheJob: 70, social: 20, formal: 11 }, "#/target"],
    ["less than nothing", { onTheJob: 110, social: -10, formal: 0 }, "#/target/onTheJob"],
    ["half a percent", { onTheJob: 69.5, social: 20.5, formal: 10 }, "#/target/onTheJob"],
    ["two modes", { onTheJob: 70, social: 30 }, "#/target/formal"],
  ])("is not of %s", async (_, target, pointer) => {
    const refused = await create({ target });
    expect([refused.status, refused.body.code]).toEqual([400, "invalid-request"]);
    expect(refused.body.errors).toContainEqual({ pointer, detail: expect.any(String) });
    expect((await patch(await build(), { target })).body.errors).toEqual(refused.body.errors);
  });

  test("is the reference of a report filtered by the goal, before the learner's own and the organisation's", async () => {
    const [aimed, plain] = [await build({ target: [10, 20, 70] }), await build()];
    for (const goalId of [aimed, plain]) await buildSession(api.db, { learnerId: learner.id, goalId });
    const byGoal = { ...OWN, setBy: "goal", setById: aimed, setByName: expect.stringMatching(/^Goal /) };
    const report = await breakdown(`goal=${aimed}`);
    expect(report.target).toEqual(byGoal);
    expect(report.total).toMatchObject({ deviation: { onTheJob: 90, social: -20, formal: -70 }, distance: 90 });
    expect((await breakdown(`goal=${plain}`)).target).toEqual(ORGANISATION);
    expect((await breakdown("")).target).toEqual(ORGANISATION);
    expect((await breakdown("goal=none")).target).toEqual(ORGANISATION);

    await api.admin.patch(`/v1/learners/${learner.id}`, { target: { onTheJob: 0, social: 100, formal: 0 } });
    const byLearner = { onTheJob: 0, social: 100, formal: 0, setBy: "learner", setById: learner.id, setByName: learner.name };
    expect((await breakdown(`goal=${aimed}`)).target).toEqual(byGoal);
    expect((await breakdown(`goal=${plain}`)).target).toEqual(byLearner);
    expect((await breakdown("")).target).toEqual(byLearner);
  });

  test("is the reference of its group in a report by goal, and of no other", async () => {
    const [aimed, plain] = [await build({ target: [10, 20, 70] }), await build()];
    for (const goalId of [aimed, plain, undefined]) await buildSession(api.db, { learnerId: learner.id, goalId });
    const { groups, target } = await breakdown("groupBy=goal");
    expect(target).toEqual(ORGANISATION);
    const of = new Map(groups.map((group: { id: string | null }) => [group.id, group]));
    expect(of.size).toBe(3);
    expect(of.get(aimed)).toMatchObject({ target: { ...OWN, setBy: "goal", setById: aimed }, deviation: { onTheJob: 90 }, distance: 90 });
    expect(of.get(plain)).toMatchObject({ target: ORGANISATION, deviation: { onTheJob: 30 }, distance: 30 });
    expect(of.get(null)).toMatchObject({ target: ORGANISATION, distance: 30 });
  });

  test("is not another learner's goal's", async () => {
    const other = await buildGoal(api.db, { target: [10, 20, 70] });
    expect((await breakdown(`goal=${other.id}`)).target).toEqual(ORGANISATION);
  });
});
