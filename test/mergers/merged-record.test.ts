import { v7 as uuidv7 } from "uuid";
import { queryOf, requests } from "../access/authorization/requests";
import { type Caller, rows } from "../access/authorization/table";
import { type Issuer, startIssuer } from "../access/authorization/token-issuer";
import { buildWorld, type World } from "../access/authorization/world";
import { fill, NOBODY, operations } from "../access/operations";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildResource, buildTeam } from "../setup/factories";

// A merged record stays merged: whoever may see the survivor is told whose it is, and nobody puts anything into it.

let api: TestApp;
let issuer: Issuer;
let world: World;
let survivorId: string;
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
  world = await buildWorld(api, issuer);
  survivorId = (await buildLearner(api.db)).id;
  expect((await api.admin.put(`/v1/learners/${world.ids.learnerId}/merger`, { survivorId })).status).toBe(200);
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

const asked = rows.filter(({ name, operationId }) => {
  const operation = operations.find((each) => each.operationId === operationId);
  return operation?.path.includes("{learnerId}") && !requests[name]?.ids?.learnerId;
});

function ask(client: Awaited<ReturnType<World["as"]>>, { name, operationId }: (typeof rows)[number], learnerId: string) {
  const { method, path } = operations.find((each) => each.operationId === operationId) as (typeof operations)[number];
  const { body, headers, ids: others = {} } = requests[name] ?? {};
  const ids = { ...world.ids, learnerId };
  const url = fill(path, (parameter) => ids[(others[parameter] ?? parameter) as "learnerId"]);
  const query = queryOf(name, ids);
  const answer = method === "get" || method === "delete" ? client[method](url + query, headers) : client[method](url, body?.(ids) as object, headers);
  return { url, answer };
}

describe.each(asked)("$name at a merged record", (row) => {
  // The learner's key is the survivor's now.
  test.each<Caller>(["an admin's key", "the learner", "the lead", "a service confined to a team above"])(
    "says to %s whose it is, and where",
    async (caller) => {
      const { url, answer } = ask(await world.as(caller), row, world.ids.learnerId);
      const { status, body, headers } = await answer;
      expect({ status, code: body.code, survivorId: body.survivorId }).toEqual({ status: 410, code: "learner-merged", survivorId });
      expect(headers.link).toBe(`<${url.replace(world.ids.learnerId, survivorId)}>; rel="canonical"`);
    },
  );

  test.each<Caller>(["a peer", "a lead elsewhere", "the mentor", "a service confined elsewhere"])("is to %s nobody's", async (caller) => {
    const client = await world.as(caller);
    const seen = async (learnerId: string) => {
      const { status, body } = await ask(client, row, learnerId).answer;
      return { status, ...body, requestId: null };
    };
    expect(await seen(world.ids.learnerId)).toEqual(await seen(NOBODY));
  });
});

const line = (item: object) => [JSON.stringify(item), { "Content-Type": "application/x-ndjson" }] as const;
const rejected = async (answer: Promise<{ text: string }>) => JSON.parse((await answer).text.split("\n")[0] as string).problem;
const refusal = async (answer: Promise<{ body: object }>) => (await answer).body;
const SESSION = { startedAt: "2026-06-16T08:00:00Z", minutes: 20 };

test.each<[string, () => Promise<object>]>([
  ["a key for them", () => refusal(api.admin.post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId: world.ids.learnerId }))],
  ["a team that they lead", () => refusal(api.admin.post("/v1/teams", { name: "A team", leadId: world.ids.learnerId }))],
  ["a team that they are to lead", () => refusal(api.admin.patch(`/v1/teams/${world.ids.teamId}`, { leadId: world.ids.learnerId }))],
  ["a mentor who is them", () => refusal(api.admin.post("/v1/resources", { type: "mentor", title: "A mentor", learnerId: world.ids.learnerId }))],
  [
    "another's goal that they review",
    () => refusal(api.admin.post(`/v1/learners/${world.ids.peerId}/goals`, { title: "A goal", reviewerId: world.ids.learnerId })),
  ],
  ["a search for resources that they are", () => refusal(api.admin.get(`/v1/resources?learner=${world.ids.learnerId}`))],
  ["a search for teams that they lead", () => refusal(api.admin.get(`/v1/teams?lead=${world.ids.learnerId}`))],
  [
    "a team's report of them alone",
    async () => refusal((await world.as("the lead")).get(`/v1/teams/${world.ids.teamId}/breakdown?learner=${world.ids.learnerId}`)),
  ],
  [
    "a team's sessions of them alone",
    async () => refusal((await world.as("the lead")).get(`/v1/teams/${world.ids.teamId}/study-sessions?learner=${world.ids.learnerId}`)),
  ],
  [
    "an item of a batch",
    async () => {
      const items = [world.ids.learnerId, world.ids.peerId].map((learnerId) => ({ ...SESSION, learnerId }));
      const { body } = await api.admin.post("/v1/study-sessions/batch", { items });
      expect(body).toMatchObject({ created: 1, rejected: 1 });
      return body.items[0].problem;
    },
  ],
  [
    "an item of a batch of a service that is confined to the team",
    async () => {
      const service = await world.as("a service confined to a team above");
      return (await service.post("/v1/study-sessions/batch", { items: [{ ...SESSION, learnerId: world.ids.learnerId }] })).body.items[0].problem;
    },
  ],
  ["a line of sessions", () => rejected(api.admin.post("/v1/imports/study-sessions", ...line({ ...SESSION, learnerId: world.ids.learnerId, id: uuidv7() })))],
  ["a line of learners", () => rejected(api.admin.post("/v1/imports/learners", ...line({ id: world.ids.learnerId, name: "Ada again" })))],
  [
    "a line of resources",
    () => rejected(api.admin.post("/v1/imports/resources", ...line({ id: uuidv7(), type: "mentor", title: "A mentor", learnerId: world.ids.learnerId }))),
  ],
])("%s is refused, and named the survivor", async (_, ask) => {
  expect(await ask()).toMatchObject({ code: "learner-merged", survivorId });
});

test("a batch of who may not see the survivor is told that nobody is there", async () => {
  const service = await world.as("a service confined elsewhere");
  const { body } = await service.post("/v1/study-sessions/batch", { items: [{ ...SESSION, learnerId: world.ids.learnerId }] });
  expect(body.items[0].problem.code).toBe("not-found");
});

test("it stands in no list; what was recorded of it is still found", async () => {
  const ids = ({ body }: { body: { items: { id: string }[] } }) => body.items.map(({ id }) => id);
  expect(ids(await api.admin.get("/v1/learners?limit=200"))).not.toContain(world.ids.learnerId);
  expect(ids(await api.admin.get(`/v1/teams/${world.ids.teamId}/members`))).not.toContain(world.ids.learnerId);
  expect(ids(await api.admin.get(`/v1/teams/${world.ids.teamId}/members`))).toContain(survivorId);
  expect((await api.admin.get(`/v1/audit-events?learner=${world.ids.learnerId}`)).body.items.length).toBeGreaterThan(0);
});

test.each<[string, () => Promise<unknown>]>([
  ["a session", () => insertSession(world.ids.learnerId, null)],
  ["a session that they mentored", () => insertSession(world.ids.peerId as string, world.ids.learnerId)],
  ["a goal", () => api.db.goal.create({ data: { learnerId: world.ids.learnerId, id: uuidv7(), title: "A goal" } })],
  ["a goal that they review", () => api.db.goal.update({ where: goalOf(survivorId), data: { reviewerId: world.ids.learnerId } })],
  ["a goal taken back", () => api.db.$executeRaw`UPDATE goals SET learner_id = ${world.ids.learnerId}::uuid WHERE learner_id = ${survivorId}::uuid`],
  ["a stay", async () => joined(world.ids.learnerId)],
  [
    "a timer",
    () => api.db.timer.create({ data: { learnerId: world.ids.learnerId, startedAt: new Date(), timeZone: "UTC", startedOn: new Date("2026-06-17") } }),
  ],
  ["a team", () => api.db.team.update({ where: { id: world.ids.teamId }, data: { leadId: world.ids.learnerId } })],
  ["a mentor", async () => buildResource(api.db, { type: "mentor", learnerId: world.ids.learnerId })],
  ["a key", () => buildKey(api.db, { role: "learner", learnerId: world.ids.learnerId })],
  ["its name", () => api.db.$executeRaw`UPDATE learners SET name = 'Ada' WHERE id = ${world.ids.learnerId}::uuid`],
  ["its address", () => api.db.$executeRaw`UPDATE learners SET email = 'ada@example.com' WHERE id = ${world.ids.learnerId}::uuid`],
  ["that it is not merged", () => api.db.$executeRaw`UPDATE learners SET merged_into_id = NULL, merged_at = NULL WHERE id = ${world.ids.learnerId}::uuid`],
  ["another survivor", () => api.db.$executeRaw`UPDATE learners SET merged_into_id = ${world.ids.peerId}::uuid WHERE id = ${world.ids.learnerId}::uuid`],
  [
    "one merged into it",
    () => api.db.$executeRaw`UPDATE learners SET merged_into_id = ${world.ids.learnerId}::uuid, merged_at = now() WHERE id = ${world.ids.peerId}::uuid`,
  ],
  [
    "an answer kept for it",
    () =>
      api.db.idempotencyKey.create({ data: { callerId: world.ids.learnerId, key: uuidv7(), bodyDigest: Buffer.alloc(1), status: 201, headers: {}, body: {} } }),
  ],
])("the database refuses %s", async (_, write) => {
  await expect(write()).rejects.toThrow("learners_merged");
});

test("the database refuses to merge a record into itself, into nobody, or while it has a subject", async () => {
  const { id } = await buildLearner(api.db, { subject: uuidv7() });
  const into = (other: string) => api.db.$executeRaw`UPDATE learners SET merged_into_id = ${other}::uuid, merged_at = now() WHERE id = ${id}::uuid`;
  for (const other of [id, survivorId]) await expect(into(other)).rejects.toThrow("learners_merged_check");
  await api.db.$executeRaw`UPDATE learners SET subject = NULL WHERE id = ${id}::uuid`;
  await expect(into(uuidv7())).rejects.toThrow("learners_merged_into_id_fkey");
});

const goalOf = (learnerId: string) => ({ learnerId_id: { learnerId, id: world.ids.goalId as string } });

async function joined(learnerId: string) {
  const team = await buildTeam(api.db);
  return api.db.membership.create({ data: { learnerId, id: uuidv7(), teamId: team.id, fromDay: new Date("2026-01-01") } });
}

function insertSession(learnerId: string, mentorId: string | null): Promise<number> {
  return api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, body_digest, mentor_id)
    VALUES (${learnerId}::uuid, gen_random_uuid(), now(), 'UTC', now()::date, 10, 0, 0, 0, '\\x00', ${mentorId}::uuid)`;
}

describe("somebody who signs in for the first time by what the merged record goes by", () => {
  const both = async (of: object = {}) => {
    const email = `${uuidv7()}@example.com`;
    const [merged, survivor] = [await buildLearner(api.db, { email, ...of }), await buildLearner(api.db, { email: `${uuidv7()}@example.com` })];
    expect((await api.admin.put(`/v1/learners/${merged.id}/merger`, { survivorId: survivor.id })).status).toBe(200);
    return { survivor: survivor.id, client: api.as(await issuer.personal(uuidv7(), { email, email_verified: true }, new Date("2026-06-17T12:00:00Z"))) };
  };

  test("is the survivor", async () => {
    const { survivor, client } = await both();
    expect((await client.get("/v1/me")).body.learner?.id).toBe(survivor);
  });

  test("is not let in where a program had changed it", async () => {
    const { client } = await both({ signInOpen: false });
    expect((await client.get("/v1/me")).status).toBe(401);
  });
});

test("somebody whose subject it was is the survivor, with the token that they have", async () => {
  const subject = uuidv7();
  const [merged, survivor] = [await buildLearner(api.db, { subject }), await buildLearner(api.db)];
  const client = api.as(await issuer.token(subject));
  expect((await client.get("/v1/me")).body.learner.id).toBe(merged.id);
  expect((await api.admin.put(`/v1/learners/${merged.id}/merger`, { survivorId: survivor.id })).status).toBe(200);
  expect((await client.get("/v1/me")).body.learner.id).toBe(survivor.id);
});
