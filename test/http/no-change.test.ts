import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildResource, buildSession, buildStep, buildTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildTerm } from "../setup/growth-factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Made = { path: string; same: object };

async function ofALearner() {
  const { id: learnerId } = await buildLearner(api.db, { name: "Ada", target: [70, 20, 10] });
  const goal = await buildGoal(api.db, { learnerId, title: "Ship", skills: ["sql"] });
  return { learnerId, goal, goalPath: `/v1/learners/${learnerId}/goals/${goal.id}` };
}

const entities: [string, () => Promise<Made>][] = [
  [
    "a learner",
    async () => ({ path: `/v1/learners/${(await ofALearner()).learnerId}`, same: { name: " Ada ", target: { social: 20 }, timeZone: "UTC", email: null } }),
  ],
  ["a team", async () => ({ path: `/v1/teams/${(await buildTeam(api.db, { name: "Ops" })).id}`, same: { name: "Ops", target: null, leadId: null } })],
  [
    "a resource",
    async () => ({ path: `/v1/resources/${(await buildResource(api.db, { title: "A", skills: ["go"] })).id}`, same: { title: "A", skills: ["Go"] } }),
  ],
  ["a goal", async () => ({ path: (await ofALearner()).goalPath, same: { title: "Ship", skills: ["SQL"], status: "active", completedOn: null } })],
  [
    "a term",
    async () => {
      const { learnerId, goal, goalPath } = await ofALearner();
      const term = await buildTerm(api.db, { learnerId, goalId: goal.id, term: "pod", shared: true });
      return { path: `${goalPath}/terms/${term.id}`, same: { term: "pod", shared: true } };
    },
  ],
  [
    "evidence",
    async () => {
      const { learnerId, goal, goalPath } = await ofALearner();
      const evidence = await buildEvidence(api.db, { learnerId, goalId: goal.id, title: "A page", shared: true });
      return { path: `${goalPath}/evidence/${evidence.id}`, same: { title: "A page", shared: true } };
    },
  ],
  [
    "a timer",
    async () => {
      const path = `/v1/learners/${(await ofALearner()).learnerId}/timer`;
      await api.admin.post(path, { mode: "social", startedAt: "2026-06-16T08:00:00Z" });
      return { path, same: { mode: "social", startedAt: "2026-06-16T10:00:00+02:00", goalId: null } };
    },
  ],
  [
    "a step",
    async () => {
      const { learnerId, goal, goalPath } = await ofALearner();
      const resource = await buildResource(api.db, { estimatedMinutes: 600 });
      const first = await buildStep(api.db, { learnerId, goalId: goal.id });
      const step = await buildStep(api.db, { learnerId, goalId: goal.id, title: "Read", resourceId: resource.id, estimatedMinutes: 90 });
      const path = `${goalPath}/steps/${step.id}`;
      await api.admin.patch(path, { prerequisites: [first.id] });
      return { path, same: { title: "Read", resourceId: resource.id, position: 99, prerequisites: [first.id], required: true } };
    },
  ],
  [
    "a path's draft",
    async () => {
      const steps = [
        { key: "a", title: "A" },
        { key: "b", title: "B", prerequisites: ["a"] },
      ];
      const { headers } = await api.admin.post("/v1/paths", { title: "A path", skills: ["sql"], steps });
      return { path: `${headers.location}/versions/1`, same: { title: "A path", skills: ["SQL"], purpose: null, steps } };
    },
  ],
  [
    "a study session",
    async () => {
      const { learnerId } = await ofALearner();
      const session = await buildSession(api.db, { learnerId, minutes: 60, onTheJobMinutes: 40, socialMinutes: 20, formalMinutes: 0, skills: ["go"] });
      return { path: `/v1/learners/${learnerId}/study-sessions/${session.id}`, same: { minutes: 60, split: { social: 20 }, skills: ["go"] } };
    },
  ],
];

const changesOf = (requestId: string) => api.db.auditEvent.count({ where: { requestId, action: "change" } });

describe.each(entities)("a change of %s to what it is", (_, make) => {
  test.each(["without fields", "with equal values"])("%s keeps its version and breaks nobody's If-Match", async (how) => {
    const { path, same } = await make();
    const before = await api.admin.get(path);
    const etag = before.headers.etag as string;
    for (const headers of [{}, { "If-Match": etag }] as Record<string, string>[]) {
      const { status, body, headers: answered } = await api.admin.patch(path, how === "without fields" ? {} : same, headers);
      expect([status, body.version, answered.etag, body.updatedAt]).toEqual([200, before.body.version, etag, before.body.updatedAt]);
      expect(await changesOf(answered["x-request-id"] as string)).toBe(0);
    }
    expect((await api.admin.patch(path, {}, { "If-Match": '"99"' })).status).toBe(412);
  });
});

test.each([
  ["start", { startedOn: "2026-05-01" }],
  ["completion", { completedOn: "2026-05-01" }],
  ["skip", { skippedOn: "2026-05-01" }],
])("a step's %s, sent again, keeps the versions of the step and the goal", async (what, body) => {
  const { learnerId, goal, goalPath } = await ofALearner();
  const { id } = await buildStep(api.db, { learnerId, goalId: goal.id });
  const own = api.as(await keyOf(api.db, learnerId));
  const first = await own.put(`${goalPath}/steps/${id}/${what}`, body);
  expect(first.status).toBe(200);
  const version = (await own.get(goalPath)).body.version;
  for (const repeated of [body, {}]) {
    const again = await own.put(`${goalPath}/steps/${id}/${what}`, repeated, { "If-Match": first.headers.etag as string });
    expect([again.status, again.body]).toEqual([200, first.body]);
  }
  expect((await own.get(goalPath)).body.version).toBe(version);
  expect(await api.db.auditEvent.count({ where: { learnerIds: { has: learnerId }, action: "change" } })).toBe(1);
});

test("who is shown somebody's data by a change that is none is recorded as a reader", async () => {
  const { learnerId, goalPath } = await ofALearner();
  const service = api.as(await buildKey(api.db, { role: "service" }));
  for (const path of [goalPath, `/v1/learners/${learnerId}`]) {
    const { headers } = await service.patch(path, {});
    const events = await api.db.auditEvent.findMany({ where: { requestId: headers["x-request-id"] as string } });
    expect(events.map(({ action, learnerIds }) => [action, learnerIds])).toEqual([["read", [learnerId]]]);
  }
  const own = api.as(await keyOf(api.db, learnerId));
  const { headers } = await own.patch(goalPath, {});
  expect(await api.db.auditEvent.count({ where: { requestId: headers["x-request-id"] as string } })).toBe(0);
});

test("what is sent again is recorded once: a membership, an archive, a publication", async () => {
  const { learnerId } = await ofALearner();
  const team = await buildTeam(api.db);
  const { id } = await buildResource(api.db);
  const path = (await api.admin.post("/v1/paths", { title: "A path", steps: [{ key: "a", title: "A" }] })).headers.location;
  const deeds: [string, object?][] = [
    [`/v1/learners/${learnerId}/membership`, { teamId: team.id, fromDay: "2026-06-01" }],
    [`/v1/resources/${id}/archival`],
    [`${path}/versions/1/publication`],
    [`${path}/archival`],
  ];
  for (const [url, body] of deeds) {
    const answers = [await api.admin.put(url, body), await api.admin.put(url, body), await api.admin.put(url, body)];
    expect([url, answers.map(({ status }) => status)]).toEqual([url, [200, 200, 200]]);
    const recorded = await Promise.all(answers.map(({ headers }) => changesOf(headers["x-request-id"] as string)));
    expect([url, recorded]).toEqual([url, [1, 0, 0]]);
  }
});

test("a step of which something changes is changed, and its goal with it", async () => {
  const { learnerId, goal, goalPath } = await ofALearner();
  const [a, b] = [await buildStep(api.db, { learnerId, goalId: goal.id }), await buildStep(api.db, { learnerId, goalId: goal.id })];
  let { version } = (await api.admin.get(goalPath)).body;
  for (const change of [{ title: "Another" }, { position: 1 }, { prerequisites: [a.id] }, { prerequisites: [] }]) {
    expect((await api.admin.patch(`${goalPath}/steps/${b.id}`, change)).status).toBe(200);
    expect((await api.admin.get(goalPath)).body.version).toBe(++version);
  }
});
