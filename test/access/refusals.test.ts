import { KEY_SCOPES } from "../../src/access/scope";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLedLearner, keyOf } from "../setup/factories";
import { buildReview } from "../setup/growth-factories";
import { NOBODY } from "./operations";

// In which words is refused what the table in authorization/table.ts says is refused.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

test("what is not there is refused in whole", async () => {
  const refused = await api.admin.get(`/v1/learners/${NOBODY}`);
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:not-found",
    code: "not-found",
    title: "There is nothing here",
    status: 404,
    detail: "Nothing is here, or nothing that this caller may see. Check the address and whose key is used.",
    requestId: expect.any(String),
  });
});

const OTHER_KEYS = "A learner makes keys of the role learner for themselves; other keys take an admin's key.";

test.each([
  ["lead", "PATCH", "/v1/learners/{learner}/goals/{goal}", { why: "x" }, "This takes the learner's own key."],
  ["lead", "PUT", "/v1/learners/{learner}/membership", { teamId: null, fromDay: "2026-06-01" }, "This takes a service's or an admin's key."],
  ["learner", "POST", "/v1/teams", { name: "Platform" }, "This takes a service's or an admin's key."],
  ["learner", "DELETE", "/v1/learners/{learner}/personal-data", undefined, "This takes an admin's key."],
  ["admin", "GET", "/v1/learners/{learner}/export", undefined, "This takes the learner's own key."],
  ["admin", "PUT", "/v1/learners/{learner}/goals/{goal}/reviews/{review}/answer", { verdict: "endorsed" }, "This takes the key of a lead above the learner."],
  [
    "admin",
    "PUT",
    `/v1/learners/{learner}/study-sessions/${NOBODY}/confirmation`,
    undefined,
    "This takes the key of the mentor that the session was spent with.",
  ],
  ["service", "POST", "/v1/api-keys", { name: "Laptop", role: "admin" }, OTHER_KEYS],
] as const)("a %s is told whose key it takes: %s %s", async (caller, method, path, body, detail) => {
  const { lead, learner } = await buildLedLearner(api.db);
  const goal = await buildGoal(api.db, { learnerId: learner.id });
  const review = await buildReview(api.db, { learnerId: learner.id, goalId: goal.id });
  const keys = {
    learner: () => keyOf(api.db, learner.id),
    lead: () => keyOf(api.db, lead.id),
    service: () => buildKey(api.db, { role: "service" }),
    admin: () => buildKey(api.db, { role: "admin" }),
  };
  const ids = { learner: learner.id, goal: goal.id, review: review.id };
  const url = path.replace(/\{(\w+)\}/g, (_, name) => ids[name as keyof typeof ids]);
  const client = api.as(await keys[caller]());
  const refused = await client[method.toLowerCase() as "put"](url, body);
  expect(refused.status).toBe(403);
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:forbidden",
    code: "forbidden",
    title: "The caller may not do this",
    status: 403,
    detail,
    requestId: expect.any(String),
  });
});

test.each([
  ["/v1/learners", ["learning:read", "reports:read", "directory:write"]],
  ["/v1/learners/{learner}", ["learning:read", "reports:read", "directory:write"]],
  ["/v1/learners/{learner}/goals", ["learning:read"]],
  ["/v1/learners/{learner}/growth", ["reports:read"]],
])("a service is told which scope it takes: %s", async (path, scopes) => {
  const { learner } = await buildLedLearner(api.db);
  const others = KEY_SCOPES.filter((scope) => !scopes.includes(scope));
  const refused = await api.as(await buildKey(api.db, { role: "service", scopes: others })).get(path.replace("{learner}", learner.id));
  expect(refused).toMatchObject({ status: 403, body: { code: "forbidden", detail: `This takes a key with the scope ${scopes.join(" or ")}.` } });
});
