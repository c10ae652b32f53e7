import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildPath, keyOf } from "../setup/factories";
import { NOBODY, type Operation, operations } from "./operations";

// Of an address with several ids, `not-found` names the one that leads to nothing, and tells no more than that.

let api: TestApp;
let admin: Client;
let learnerId: string;
let goalId: string;
let pathId: string;
beforeAll(async () => {
  api = await startApp();
  admin = api.as(await buildKey(api.db, { role: "admin" }));
  learnerId = (await buildLearner(api.db)).id;
  goalId = (await buildGoal(api.db, { learnerId })).id;
  pathId = (await buildPath(api.db)).id;
});
afterAll(() => api.close());

const idsOf = ({ path }: Operation) => [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
const several = operations.filter((operation) => idsOf(operation).length > 1);
// A change of what was read needs its version, or takes whole bodies: without a flaw in them it gets as far as the address.
const BODIES: Record<string, object> = {
  putStudySession: { startedAt: "2026-06-16T08:00:00Z", minutes: 30 },
  adoptPath: { pathId: NOBODY },
  createStep: { title: "A" },
  addEvidence: { title: "A", text: "B" },
  addTerm: { term: "A" },
  answerReview: { verdict: "endorsed" },
};

async function ask(client: Client, { operationId, method, path, takesBody }: Operation, known: Record<string, string>) {
  const url = path.replace(/\{(\w+)\}/g, (_, name) => known[name] ?? (name === "number" ? "99" : NOBODY));
  const body = takesBody ? (BODIES[operationId] ?? {}) : undefined;
  return method === "get" || method === "delete" ? client[method](url) : client[method](url, body);
}

const of = (noun: string) => `There is no such ${noun} here, or none that this caller may see.`;

test.each(several.filter((operation) => idsOf(operation)[0] === "learnerId"))(
  "$operationId names the learner, whether hidden or not there",
  async (operation) => {
    const stranger = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    const answers = [await ask(stranger, operation, {}), await ask(stranger, operation, { learnerId }), await ask(stranger, operation, { learnerId, goalId })];
    for (const { status, body } of answers) {
      expect([status, body.errors]).toEqual([404, [{ pointer: "path/learnerId", detail: of("learner") }]]);
      expect({ ...body, requestId: "" }).toEqual({ ...answers[0]?.body, requestId: "" });
    }
  },
);

test.each(several.filter((operation) => idsOf(operation).includes("goalId") && idsOf(operation).length > 2))(
  "$operationId tells a goal that there is none of from what is not in the goal",
  async (operation) => {
    const last = idsOf(operation).at(-1) as string;
    const [noGoal, goal] = [await ask(admin, operation, { learnerId }), await ask(admin, operation, { learnerId, goalId })];
    // Whose key it takes comes first.
    if (noGoal.status === 403) return;
    expect([noGoal.status, noGoal.body.errors]).toEqual([404, [{ pointer: "path/goalId", detail: of("goal") }]]);
    expect([goal.status, goal.body.errors?.[0].pointer]).toEqual([404, `path/${last}`]);
  },
);

test.each(several.filter((operation) => idsOf(operation)[0] === "pathId"))("$operationId tells a path from its version", async (operation) => {
  const [noPath, path] = [await ask(admin, operation, {}), await ask(admin, operation, { pathId })];
  expect([noPath.status, noPath.body.errors]).toEqual([404, [{ pointer: "path/pathId", detail: of("path") }]]);
  expect([path.status, path.body.errors]).toEqual([404, [{ pointer: "path/number", detail: of("version") }]]);
});

test("of an item of a batch, the learner is named", async () => {
  const { body } = await admin.post("/v1/study-sessions/batch", { items: [{ learnerId: NOBODY, startedAt: "2026-06-16T08:00:00Z", minutes: 30 }] });
  expect(body.items[0].problem).toMatchObject({ code: "not-found", errors: [{ pointer: "#/learnerId", detail: of("learner") }] });
});
