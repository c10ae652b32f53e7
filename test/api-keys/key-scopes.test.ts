import { v7 as uuidv7 } from "uuid";
import { KEY_SCOPES, type KeyScope } from "../../src/access/scope";
import { fill, type Operation, operations } from "../access/operations";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildPath, buildResource, buildSession, buildStep, buildTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";

let api: TestApp;
let inside: Record<string, string>;
let outside: Record<string, string>;
beforeAll(async () => {
  api = await startApp();
  inside = await buildWorld();
  outside = await buildWorld();
});
afterAll(() => api.close());

const L: KeyScope[] = ["learning:read"];
const W: KeyScope[] = ["learning:write"];
const S: KeyScope[] = ["sessions:write"];
const R: KeyScope[] = ["reports:read"];
const D: KeyScope[] = ["directory:write"];
const PROFILE: KeyScope[] = ["learning:read", "reports:read", "directory:write"];

// Which scopes each operation takes, one of them; "any": whichever; "none": it takes a person or an admin.
const NEEDS: Record<string, KeyScope[] | "any" | "none"> = {
  getMe: "any",
  ...of("any", "listTeams getTeam listResources getResource listPaths getPath getPathVersion listApiKeys revokeApiKey rotateApiKey"),
  ...of("none", "exportPersonalData erasePersonalData createApiKey answerReview confirmStudySession withdrawStudySessionConfirmation listAuditEvents"),
  ...of(PROFILE, "listLearners getLearner getMembership"),
  ...of(
    D,
    "createLearner updateLearner moveLearner deleteMembership createTeam updateTeam deleteTeam createResource updateResource archiveResource restoreResource",
  ),
  ...of(D, "createPath archivePath restorePath draftPathVersion updatePathVersion deletePathVersion publishPathVersion"),
  ...of(L, "listGoals getGoal listSteps getStep previewPathChange listEvidence getEvidence listReviews getReview listTerms getTerm"),
  ...of(L, "listStudySessions getStudySession getTimer listGlossary listMentoredSessions"),
  ...of(W, "createGoal updateGoal deleteGoal createStep updateStep deleteStep startStep unstartStep completeStep uncompleteStep skipStep unskipStep adoptPath"),
  ...of(W, "addEvidence updateEvidence deleteEvidence askForReview withdrawReview addTerm updateTerm deleteTerm"),
  ...of(S, "logStudySession putStudySession updateStudySession deleteStudySession logStudySessions startTimer discardTimer stopTimer"),
  ...of(R, "getLearnerBreakdown getTeamBreakdown getLearnerGrowth getTeamGrowth listTeamStudySessions listTeamMembers"),
};

function of<T>(needs: T, names: string): Record<string, T> {
  return Object.fromEntries(names.split(" ").map((name) => [name, needs]));
}

test("every operation says which scope it takes", () => {
  expect(operations.map(({ operationId }) => operationId).sort()).toEqual(Object.keys(NEEDS).sort());
});

// A body that no operation takes: who may go on is told so, who may not is told that instead.
const ask = (client: Client, { method, path }: Operation, ids: Record<string, string>) => {
  const url = fill(path, (parameter) => ids[parameter] as string);
  return method === "get" || method === "delete" ? client[method](url) : client[method](url, { "no such field": true });
};

describe.each(KEY_SCOPES)("a service with the scope %s alone", (scope) => {
  let client: Client;
  beforeAll(async () => {
    client = api.as(await buildKey(api.db, { role: "service", scopes: [scope] }));
  });

  // What deletes is asked with an ETag that nothing has, so that all is there for the next.
  test.each(operations.map((operation) => [operation.operationId, operation] as const))("%s", async (name, operation) => {
    const needs = NEEDS[name] as KeyScope[] | "any" | "none";
    const missing = name === "discardTimer" || name === "revokeApiKey" || name === "deleteMembership";
    const url = fill(operation.path, (parameter) => (missing && parameter !== "learnerId" ? uuidv7() : inside[parameter]) as string);
    const headers = { "If-Match": '"999"' };
    const response =
      operation.method === "get" || operation.method === "delete"
        ? await client[operation.method](url, operation.method === "delete" ? headers : {})
        : await client[operation.method](url, { "no such field": true }, headers);
    // Schemas are judged before guards, so a body in the wrong form tells nothing of who may: see below.
    if (response.status === 400) return;
    const may = needs === "any" || (needs !== "none" && needs.includes(scope));
    if (may) expect([401, 403]).not.toContain(response.status);
    else expect(response).toMatchObject({ status: 403, body: { code: "forbidden" } });
    if (!may && needs !== "none") expect(response.body.detail).toContain((needs as KeyScope[]).join(" or "));
  });
});

test.each([
  ["POST", "/learners/{learnerId}/goals", { title: "A" }, W],
  ["PATCH", "/learners/{learnerId}/goals/{goalId}", { why: "x" }, W],
  ["POST", "/learners/{learnerId}/goals/{goalId}/steps", { title: "A" }, W],
  ["PUT", "/learners/{learnerId}/goals/{goalId}/steps/{stepId}/start", {}, W],
  ["PUT", "/learners/{learnerId}/goals/{goalId}/path", { pathId: uuidv7() }, W],
  ["POST", "/learners/{learnerId}/goals/{goalId}/evidence", { title: "A", text: "x" }, W],
  ["POST", "/learners/{learnerId}/goals/{goalId}/terms", { term: "A" }, W],
  ["POST", "/learners/{learnerId}/study-sessions", { startedAt: "2026-06-16T08:00:00Z", minutes: 5 }, S],
  ["PUT", `/learners/{learnerId}/study-sessions/${uuidv7()}`, { startedAt: "2026-06-16T08:00:00Z", minutes: 5 }, S],
  ["PATCH", "/learners/{learnerId}/study-sessions/{sessionId}", { minutes: 5 }, S],
  ["POST", "/learners/{learnerId}/timer", {}, S],
  ["POST", "/study-sessions/batch", { items: [{}] }, S],
  ["POST", "/learners", { name: "A" }, D],
  ["PATCH", "/learners/{learnerId}", { name: "A" }, D],
  ["POST", "/teams", { name: "A" }, D],
  ["PATCH", "/teams/{teamId}", { name: "A" }, D],
  ["POST", "/resources", { type: "book", title: "A" }, D],
  ["PATCH", "/resources/{resourceId}", { title: "A" }, D],
  ["POST", "/paths", { title: "A" }, D],
] as const)("%s %s takes its scope, and no other", async (method, path, body, needs) => {
  const url = fill(`/v1${path}`, (parameter) => inside[parameter] as string);
  for (const scope of KEY_SCOPES) {
    const client = api.as(await buildKey(api.db, { role: "service", scopes: [scope] }));
    const { status } = await client[method.toLowerCase() as "post" | "put" | "patch"](url, body);
    expect({ scope, allowed: status !== 403 }).toEqual({ scope, allowed: (needs as KeyScope[]).includes(scope) });
  }
});

describe("a service that is confined to a team", () => {
  let client: Client;
  beforeAll(async () => {
    client = api.as(await buildKey(api.db, { role: "service", teamId: inside.topId as string }));
  });

  const aboutSomebody = operations.filter(({ path }) => /\{(learner|team)Id\}/.test(path) && !path.endsWith("/answer") && !path.endsWith("/confirmation"));

  test.each(aboutSomebody.map((operation) => [operation.operationId, operation] as const))("%s: what is outside does not exist", async (name, operation) => {
    const refused = await ask(client, operation, outside);
    if (refused.status === 400) return;
    expect({ name, status: refused.status }).toEqual({ name, status: 404 });
    if (operation.method === "get") expect((await ask(client, operation, inside)).status).toBeLessThan(405);
  });

  test("sees in lists and logs in batches only who is inside", async () => {
    const learners = (await client.get("/v1/learners?limit=200")).body.items.map(({ id }: { id: string }) => id);
    expect(learners).toContain(inside.learnerId);
    expect(learners).not.toContain(outside.learnerId);
    const teams = (await client.get("/v1/teams?limit=200")).body.items.map(({ id }: { id: string }) => id);
    expect(teams.sort()).toEqual([inside.topId, inside.teamId].sort());
    const items = [inside, outside].map(({ learnerId }) => ({ learnerId, startedAt: "2026-06-16T08:00:00Z", minutes: 5 }));
    expect((await client.post("/v1/study-sessions/batch", { items })).body).toMatchObject({
      created: 1,
      rejected: 1,
      items: [{ outcome: "created" }, { outcome: "rejected", problem: { code: "not-found" } }],
    });
  });

  test("reads reports of its team and all below, and of no other", async () => {
    expect((await client.get(`/v1/teams/${inside.topId}/growth`)).body.people.total).toBe(1);
    expect((await client.get(`/v1/teams/${inside.teamId}/breakdown`)).status).toBe(200);
    expect((await client.get(`/v1/teams/${outside.teamId}/growth`)).status).toBe(404);
  });

  test("loses sight of who leaves with the next request", async () => {
    const member = await buildMember(api.db, inside.teamId as string);
    const path = `/v1/learners/${member.id}`;
    expect((await client.get(path)).status).toBe(200);
    await api.db.membership.updateMany({ where: { learnerId: member.id }, data: { teamId: outside.teamId as string } });
    expect((await client.get(path)).status).toBe(404);
  });
});

async function buildWorld(): Promise<Record<string, string>> {
  const { db } = api;
  const top = await buildTeam(db);
  const lead = await buildLearner(db);
  const team = await buildTeam(db, { parentId: top.id, leadId: lead.id });
  const { id: learnerId } = await buildMember(db, team.id);
  await keyOf(db, learnerId);
  const path = await buildPath(db);
  const goal = await buildGoal(db, { learnerId, pathId: path.id, pathVersion: 1 });
  const goalOf = { learnerId, goalId: goal.id };
  return {
    topId: top.id,
    teamId: team.id,
    learnerId,
    membershipId: (await db.membership.findFirstOrThrow({ where: { learnerId } })).id,
    resourceId: (await buildResource(db)).id,
    pathId: path.id,
    number: "1",
    goalId: goal.id,
    stepId: (await buildStep(db, goalOf)).id,
    evidenceId: (await buildEvidence(db, { ...goalOf, shared: true })).id,
    termId: (await buildTerm(db, { ...goalOf, shared: true })).id,
    reviewId: (await buildReview(db, goalOf)).id,
    sessionId: (await buildSession(db, { learnerId })).id,
    apiKeyId: (await db.apiKey.findFirstOrThrow({ where: { learnerId } })).id,
  };
}
