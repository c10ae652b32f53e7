import { v7 as uuidv7 } from "uuid";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildPath, buildResource, buildStep, buildTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";
import { fill, NOBODY, type Operation, operations } from "./operations";

let api: TestApp;
// Shared by what changes nothing.
let unchanged: World;
beforeAll(async () => {
  api = await startApp();
  unchanged = await buildWorld();
});
afterAll(() => api.close());

const CALLERS = ["member", "lead", "stranger", "service", "admin"] as const;
type World = Awaited<ReturnType<typeof buildWorld>>;
type Rule = {
  answers: [member: number, lead: number, stranger: number, service: number, admin: number];
  body?(world: World): object;
  /** Other ids of the world than those of the parameters' own names. */
  ids?: Record<string, string>;
};

const draft = { pathId: "draftedPathId", number: "draftNumber" };
const emptyGoal = { goalId: "emptyGoalId" };

// What each caller is answered who asks it about the member, the member's team or the member's things.
const rules: Record<string, Rule> = {
  getMe: { answers: [200, 200, 200, 200, 200] },

  createLearner: { answers: [403, 403, 403, 201, 201], body: () => ({ name: "Ada" }) },
  listLearners: { answers: [200, 200, 200, 200, 200] },
  getLearner: { answers: [200, 200, 404, 200, 200] },
  exportPersonalData: { answers: [200, 403, 404, 403, 403] },
  erasePersonalData: { answers: [403, 403, 404, 403, 200] },
  updateLearner: { answers: [200, 403, 404, 200, 200], body: () => ({ timeZone: "Asia/Tokyo" }) },
  getMembership: { answers: [200, 200, 404, 200, 200] },
  moveLearner: { answers: [403, 403, 404, 200, 200], body: ({ ids }) => ({ teamId: ids.teamId, fromDay: "2026-06-01" }) },
  deleteMembership: { answers: [403, 403, 404, 204, 204] },

  createTeam: { answers: [403, 403, 403, 201, 201], body: () => ({ name: "Platform" }) },
  listTeams: { answers: [200, 200, 200, 200, 200] },
  getTeam: { answers: [200, 200, 404, 200, 200] },
  updateTeam: { answers: [403, 403, 404, 200, 200], body: () => ({ name: "Platform" }) },
  // The member is not in the empty team, so it does not exist for them.
  deleteTeam: { answers: [404, 403, 404, 204, 204], ids: { teamId: "emptyTeamId" } },
  listTeamMembers: { answers: [404, 200, 404, 200, 200] },
  listGlossary: { answers: [200, 200, 404, 200, 200] },

  createResource: { answers: [403, 403, 403, 201, 201], body: () => ({ type: "book", title: "A book" }) },
  listResources: { answers: [200, 200, 200, 200, 200] },
  getResource: { answers: [200, 200, 200, 200, 200] },
  updateResource: { answers: [403, 403, 403, 200, 200], body: () => ({ title: "Another" }) },
  archiveResource: { answers: [403, 403, 403, 200, 200] },
  restoreResource: { answers: [403, 403, 403, 200, 200] },

  createPath: { answers: [403, 403, 403, 201, 201], body: () => ({ title: "To production" }) },
  listPaths: { answers: [200, 200, 200, 200, 200] },
  getPath: { answers: [200, 200, 200, 200, 200] },
  archivePath: { answers: [403, 403, 403, 200, 200] },
  restorePath: { answers: [403, 403, 403, 200, 200] },
  draftPathVersion: { answers: [403, 403, 403, 201, 201] },
  getPathVersion: { answers: [200, 200, 200, 200, 200] },
  updatePathVersion: { answers: [403, 403, 403, 200, 200], body: () => ({ title: "To production" }), ids: draft },
  deletePathVersion: { answers: [403, 403, 403, 204, 204], ids: draft },
  publishPathVersion: { answers: [403, 403, 403, 200, 200], ids: draft },

  createGoal: { answers: [201, 403, 404, 201, 201], body: () => ({ title: "Deploy it myself" }) },
  listGoals: { answers: [200, 200, 404, 200, 200] },
  getGoal: { answers: [200, 200, 404, 200, 200] },
  updateGoal: { answers: [200, 403, 404, 200, 200], body: () => ({ status: "completed" }) },
  deleteGoal: { answers: [204, 403, 404, 204, 204], ids: emptyGoal },
  adoptPath: { answers: [200, 403, 404, 200, 200], body: ({ ids }) => ({ pathId: ids.pathId }), ids: emptyGoal },
  previewPathChange: { answers: [200, 200, 404, 200, 200] },

  createStep: { answers: [201, 403, 404, 201, 201], body: () => ({ title: "Deploy it myself" }) },
  listSteps: { answers: [200, 200, 404, 200, 200] },
  getStep: { answers: [200, 200, 404, 200, 200] },
  updateStep: { answers: [200, 403, 404, 200, 200], body: () => ({ title: "Deploy it myself" }) },
  deleteStep: { answers: [204, 403, 404, 204, 204] },
  startStep: { answers: [200, 403, 404, 200, 200], body: () => ({}) },
  unstartStep: { answers: [200, 403, 404, 200, 200] },
  completeStep: { answers: [200, 403, 404, 200, 200], body: () => ({}) },
  uncompleteStep: { answers: [200, 403, 404, 200, 200] },
  skipStep: { answers: [200, 403, 404, 200, 200], body: () => ({}) },
  unskipStep: { answers: [200, 403, 404, 200, 200] },

  addEvidence: { answers: [201, 403, 404, 201, 201], body: () => ({ title: "The runbook", text: "By me", shared: true }) },
  listEvidence: { answers: [200, 200, 404, 200, 200] },
  getEvidence: { answers: [200, 200, 404, 200, 200] },
  updateEvidence: { answers: [200, 403, 404, 200, 200], body: () => ({ title: "The runbook" }) },
  deleteEvidence: { answers: [204, 403, 404, 204, 204] },

  askForReview: { answers: [201, 403, 404, 201, 201], body: () => ({}), ids: emptyGoal },
  listReviews: { answers: [200, 200, 404, 200, 200] },
  getReview: { answers: [200, 200, 404, 200, 200] },
  // A review is a person's word, so nobody's keys but a lead's.
  answerReview: { answers: [403, 200, 404, 403, 403], body: () => ({ verdict: "endorsed" }) },
  withdrawReview: { answers: [204, 403, 404, 204, 204] },

  addTerm: { answers: [201, 403, 404, 201, 201], body: () => ({ term: "etcd", shared: true }) },
  listTerms: { answers: [200, 200, 404, 200, 200] },
  getTerm: { answers: [200, 200, 404, 200, 200] },
  updateTerm: { answers: [200, 403, 404, 200, 200], body: () => ({ meaning: "A store" }) },
  deleteTerm: { answers: [204, 403, 404, 204, 204] },

  createApiKey: { answers: [201, 403, 403, 403, 201], body: ({ ids }) => ({ name: "Laptop", role: "learner", learnerId: ids.learnerId }) },
  listApiKeys: { answers: [200, 200, 200, 200, 200] },
  rotateApiKey: { answers: [201, 404, 404, 404, 201], body: () => ({}) },
  revokeApiKey: { answers: [204, 404, 404, 404, 204] },
};

async function buildWorld() {
  const { db } = api;
  const [lead, stranger] = [await buildLearner(db), await buildLearner(db)];
  const [team, emptyTeam] = [await buildTeam(db, { leadId: lead.id }), await buildTeam(db, { leadId: lead.id })];
  const member = await buildMember(db, team.id);
  const path = await buildPath(db);
  const goal = await buildGoal(db, { learnerId: member.id, pathId: path.id, pathVersion: 1 });
  const of = { learnerId: member.id, goalId: goal.id };
  const callers: Record<(typeof CALLERS)[number], Client> = {
    member: api.as(await keyOf(db, member.id)),
    lead: api.as(await keyOf(db, lead.id)),
    stranger: api.as(await keyOf(db, stranger.id)),
    service: api.as(await buildKey(db, { role: "service" })),
    admin: api.admin,
  };
  const ids: Record<string, string> = {
    learnerId: member.id,
    teamId: team.id,
    emptyTeamId: emptyTeam.id,
    membershipId: (await db.membership.findFirstOrThrow({ where: { learnerId: member.id } })).id,
    resourceId: (await buildResource(db)).id,
    pathId: path.id,
    number: "1",
    draftedPathId: (await api.admin.post("/v1/paths", { title: "A draft", steps: [{ key: "only", title: "Only" }] })).body.id,
    draftNumber: "1",
    goalId: goal.id,
    emptyGoalId: (await buildGoal(db, { learnerId: member.id })).id,
    stepId: (await buildStep(db, of)).id,
    evidenceId: (await buildEvidence(db, { ...of, shared: true })).id,
    reviewId: (await buildReview(db, of)).id,
    termId: (await buildTerm(db, { ...of, shared: true })).id,
    apiKeyId: (await db.apiKey.findFirstOrThrow({ where: { learnerId: member.id } })).id,
  };
  return { callers, ids };
}

const rows = operations.flatMap((operation) => {
  const rule = rules[operation.operationId];
  return rule ? [{ ...operation, rule }] : [];
});

test("every route of these features has its rule", () => {
  const tags = ["Caller", "Learners", "Teams", "Resources", "Paths", "Goals", "API keys"];
  const promised = operations.filter(({ tag }) => tags.includes(tag)).map(({ operationId }) => operationId);
  expect(promised.sort()).toEqual(Object.keys(rules).sort());
});

test.each(rows.flatMap((row) => CALLERS.map((caller, index) => ({ ...row, caller, status: row.rule.answers[index] as number }))))(
  "$operationId: $status for $caller",
  async ({ caller, status, rule, ...operation }) => {
    const world = status < 400 && operation.method !== "get" ? await buildWorld() : unchanged;
    const response = await ask(world.callers[caller], operation, rule, world, pathIds(world, rule));
    expect(response.status).toBe(status);
    if (status === 403 || status === 404) expect(response.body.code).toBe(status === 403 ? "forbidden" : "not-found");
  },
);

test.each(rows.filter(({ rule }) => rule.answers[2] === 404))("$operationId says no more of what is hidden than of nothing", async ({ rule, ...operation }) => {
  const { stranger } = unchanged.callers;
  const hidden = await ask(stranger, operation, rule, unchanged, pathIds(unchanged, rule));
  const nothing = await ask(stranger, operation, rule, unchanged, () => NOBODY);
  expect(hidden.status).toBe(nothing.status);
  expect({ ...hidden.body, requestId: "" }).toEqual({ ...nothing.body, requestId: "" });
  expect(Object.keys(hidden.headers)).toEqual(Object.keys(nothing.headers));
});

test("what is not there is refused in whole", async () => {
  const refused = await api.admin.get(`/v1/learners/${uuidv7()}`);
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:not-found",
    code: "not-found",
    title: "There is nothing here",
    status: 404,
    detail: "Nothing is here, or nothing that this caller may see. Check the address and whose key is used.",
    requestId: expect.any(String),
  });
});

test.each([
  ["lead", "updateGoal", "This takes the learner's own key."],
  ["lead", "moveLearner", "This takes a service's or an admin's key."],
  ["member", "createTeam", "This takes a service's or an admin's key."],
  ["admin", "answerReview", "This takes the key of a lead above the learner."],
  ["service", "createApiKey", "A learner makes keys of the role learner for themselves; other keys take an admin's key."],
] as const)("a %s is told whose key %s takes", async (caller, operationId, detail) => {
  const { rule, ...operation } = rows.find((row) => row.operationId === operationId) as (typeof rows)[number];
  const refused = await ask(unchanged.callers[caller], operation, rule, unchanged, pathIds(unchanged, rule));
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:forbidden",
    code: "forbidden",
    title: "The caller may see this but not change it",
    status: 403,
    detail,
    requestId: expect.any(String),
  });
});

function pathIds({ ids }: World, rule: Rule): (parameter: string) => string {
  return (parameter) => ids[rule.ids?.[parameter] ?? parameter] as string;
}

function ask(client: Client, { method, path }: Operation, { body }: Rule, world: World, id: (parameter: string) => string) {
  const url = fill(path, id);
  if (method === "get" || method === "delete") return client[method](url);
  return client[method](url, body?.(world));
}
