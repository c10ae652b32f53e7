import { type Client, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildSession, buildTeam, joinTeam, keyOf } from "../setup/factories";
import { NOBODY, type Operation, operations } from "./operations";

// `me` works wherever a learner's id does, for people; a program is told that it is nobody.

let api: TestApp;
let learnerId: string;
let learner: Client;
let service: Client;
beforeAll(async () => {
  api = await startApp();
  learnerId = (await buildLearner(api.db)).id;
  learner = api.as(await keyOf(api.db, learnerId));
  service = api.as(await buildKey(api.db, { role: "service" }));
  await buildSession(api.db, { learnerId });
});
afterAll(() => api.close());

const ofLearner = operations.filter(({ path }) => path.includes("{learnerId}"));
const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 30 };
const PROGRAM = "`me` is the person who calls, and this key is a program's, or nobody's. Name the learner by id.";

async function ask(client: Client, { method, path, takesBody }: Operation, whose: string) {
  const url = path.replace(/\{(\w+)\}/g, (_, name) => (name === "learnerId" ? whose : name === "number" ? "1" : NOBODY));
  return method === "get" || method === "delete" ? client[method](url) : client[method](url, takesBody ? {} : undefined);
}

test("there are such operations", () => {
  expect(ofLearner.length).toBeGreaterThan(40);
});

test.each(ofLearner)("$operationId answers a person the same for me as for their id", async (operation) => {
  // A person has one timer: the first of two alike would not be there for the second.
  await api.db.timer.deleteMany();
  const byId = await ask(learner, operation, learnerId);
  await api.db.timer.deleteMany();
  const byMe = await ask(learner, operation, "me");
  const said = ({ text }: { text: string }) => text.replace(/"(requestId|exportedAt)":"[^"]+"/g, "");
  expect([byMe.status, said(byMe).replaceAll("/learners/me/", `/learners/${learnerId}/`)]).toEqual([byId.status, said(byId)]);
  expect(byMe.body.errors ?? []).not.toContainEqual(expect.objectContaining({ pointer: "path/learnerId" }));
});

test.each(ofLearner)("$operationId tells a program that it is no person", async (operation) => {
  expect(await ask(service, operation, "me")).toMatchObject({
    status: 400,
    body: { code: "invalid-request", errors: [{ pointer: "path/learnerId", detail: PROGRAM }] },
  });
  expect((await ask(api.as(null), operation, "me")).status).toBe(401);
});

test("what is logged for me is mine, and is found under my id", async () => {
  const logged = await learner.post("/v1/learners/me/study-sessions", session);
  expect([logged.status, logged.body.learnerId]).toEqual([201, learnerId]);
  expect(logged.headers.location).toBe(`/v1/learners/${learnerId}/study-sessions/${logged.body.id}`);
  const { warnings: _, ...stored } = logged.body;
  expect((await learner.get(`/v1/learners/me/study-sessions/${logged.body.id}`)).body).toEqual(stored);
});

test("a page that follows is mine, too", async () => {
  const { body, headers } = await learner.get("/v1/learners/me/study-sessions?limit=1");
  expect(headers.link).toContain("/v1/learners/me/study-sessions?limit=1&cursor=");
  expect((await learner.get(`/v1/learners/me/study-sessions?limit=1&cursor=${body.next}`)).status).toBe(200);
});

test("in the items of a batch, and in the lines of a file", async () => {
  const batch = await learner.post("/v1/study-sessions/batch", { items: [{ ...session, learnerId: "me" }] });
  expect(batch.body.items[0]).toMatchObject({ outcome: "created", learnerId });
  const csv = `learnerId,id,startedAt,minutes\nme,${NOBODY},2026-06-15T08:00:00Z,20\n`;
  const sent = (client: Client) => client.post("/v1/imports/study-sessions", csv, { "Content-Type": "text/csv" });
  expect((await sent(learner)).text).toContain('"kind":"done","lines":1,"created":1');
  expect((await sent(service)).text).toContain(JSON.stringify(PROGRAM));
});

test("a batch judges each item of a program by itself", async () => {
  const { status, body } = await service.post("/v1/study-sessions/batch", {
    items: [
      { ...session, learnerId: "me" },
      { ...session, learnerId },
    ],
  });
  expect([status, body.items.map(({ outcome }: { outcome: string }) => outcome)]).toEqual([200, ["rejected", "created"]]);
  expect(body.items[0].problem.errors).toEqual([{ pointer: "#/learnerId", detail: PROGRAM }]);
});

test("in filters and bodies that name a learner", async () => {
  const team = await buildTeam(api.db, { leadId: learnerId });
  await joinTeam(api.db, learnerId, team.id);
  const url = (whose: string) => `/v1/teams/${team.id}/study-sessions?learner=${whose}`;
  const { status, body } = await learner.get(url("me"));
  expect([status, body.items.length]).toEqual([200, (await learner.get(url(learnerId))).body.items.length]);
  expect(await service.get(url("me"))).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/learner", detail: PROGRAM }] } });
  expect((await learner.post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId: "me" })).body.learnerId).toBe(learnerId);
});

test("a key that acts for somebody is read as them", async () => {
  const { body } = await api.admin.post("/v1/api-keys", { name: "For them", role: "learner", learnerId });
  expect((await api.as(body.secret).get("/v1/learners/me")).body.id).toBe(learnerId);
});
