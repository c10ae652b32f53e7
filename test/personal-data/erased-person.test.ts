import { v7 as uuidv7 } from "uuid";
import { requests } from "../access/authorization/requests";
import { type Caller, type Row, rows } from "../access/authorization/table";
import { type Issuer, startIssuer } from "../access/authorization/token-issuer";
import { buildWorld, type World } from "../access/authorization/world";
import { fill, operations } from "../access/operations";
import { startApp, type TestApp } from "../setup/app";
import { buildKey } from "../setup/factories";

let api: TestApp;
let issuer: Issuer;
let world: World;
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
  world = await buildWorld(api, issuer);
  const { learnerId } = world.ids;
  expect((await api.admin.delete(`/v1/learners/${learnerId}/personal-data`)).status).toBe(200);
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

const ERASED = { status: 409, code: "learner-erased" };
// Who was erased leads nobody, which is found out first.
const NO_REVIEWER = { status: 422, code: "reviewer-not-above" };
const NOTHING = { status: 404, code: "not-found" };

// Who may do it otherwise, the first of these who may.
const CALLERS: Caller[] = ["an admin's key", "the lead", "the mentor"];
const callerOf = ({ marks }: Row) => CALLERS.find((caller) => marks[caller] === "+");
// These take something away from an erased person, and store nothing.
const TAKES_AWAY = ["erasePersonalData", "removeSubject", "liftErasedSubject"];
const stored = rows.filter(({ name, operationId }) => {
  const operation = operations.find((each) => each.operationId === operationId);
  const isAboutThem = operation?.path.includes("{learnerId}") && !requests[name]?.ids?.learnerId;
  return isAboutThem && operation?.method !== "get" && !TAKES_AWAY.includes(operationId);
});

test("what nobody else may do at all are changes of private words", () => {
  const names = stored.filter((row) => !callerOf(row)).map(({ name }) => name);
  expect(names).toEqual(["updateEvidence (private)", "deleteEvidence (private)", "updateTerm (private)", "deleteTerm (private)"]);
});

test.each(stored.filter(callerOf))("$name is refused for an erased person", async (row) => {
  const { name, operationId } = row;
  const { method, path } = operations.find((each) => each.operationId === operationId) as (typeof operations)[number];
  const { body, headers, ids = {} } = requests[name] ?? {};
  const client = await world.as(callerOf(row) as Caller);
  const url = fill(path, (parameter) => world.ids[ids[parameter] ?? parameter] as string);
  const { status, body: problem } =
    method === "delete" ? await client.delete(url, headers) : await client[method as "put"](url, body?.(world.ids) as object, headers);
  expect({ status, code: problem.code }).toEqual(ERASED);
});

const line = (item: object) => [JSON.stringify(item), { "Content-Type": "application/x-ndjson" }] as const;

test.each<[string, () => Promise<{ status: number; code: string }>]>([
  ["a key for them", () => answer(api.admin.post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId: world.ids.learnerId }))],
  ["a team that they lead", () => answer(api.admin.post("/v1/teams", { name: "A team", leadId: world.ids.learnerId }))],
  ["a team that they are to lead", () => answer(api.admin.patch(`/v1/teams/${world.ids.teamId}`, { leadId: world.ids.learnerId }))],
  ["a mentor who is them", () => answer(api.admin.post("/v1/resources", { type: "mentor", title: "A mentor", learnerId: world.ids.learnerId }))],
  ["a mentor who is to be them", () => answer(api.admin.patch(`/v1/resources/${world.ids.mentoringId}`, { learnerId: world.ids.learnerId }))],
  [
    "an item of a batch",
    async () => {
      const item = { learnerId: world.ids.learnerId, startedAt: "2026-06-16T08:00:00Z", minutes: 20 };
      const { body } = await api.admin.post("/v1/study-sessions/batch", { items: [item, { ...item, learnerId: world.ids.peerId }] });
      expect(body).toMatchObject({ created: 1, rejected: 1 });
      return body.items[0].problem;
    },
  ],
  [
    "a line of sessions",
    async () =>
      rejected(
        await api.admin.post(
          "/v1/imports/study-sessions",
          ...line({ learnerId: world.ids.learnerId, id: uuidv7(), startedAt: "2026-06-16T08:00:00Z", minutes: 20 }),
        ),
      ),
  ],
  ["a line of learners", async () => rejected(await api.admin.post("/v1/imports/learners", ...line({ id: world.ids.learnerId, name: "Ada again" })))],
  [
    "a line of resources",
    async () => {
      const [book, mentor] = [
        { id: uuidv7(), type: "book", title: "A book" },
        { id: uuidv7(), type: "mentor", title: "A mentor", learnerId: world.ids.learnerId },
      ];
      const lines = [book, mentor].map((item) => JSON.stringify(item)).join("\n");
      const { text } = await api.admin.post("/v1/imports/resources", lines, { "Content-Type": "application/x-ndjson" });
      expect(JSON.parse(text.trim().split("\n").at(-1) as string)).toMatchObject({ kind: "done", created: 1, rejected: 1 });
      return rejected({ text });
    },
  ],
])("%s is refused", async (_, ask) => {
  expect(await ask()).toMatchObject(ERASED);
});

test.each<[string, () => Promise<{ status: number; code: string }>]>([
  [
    "another's goal that they review",
    () => answer(api.admin.post(`/v1/learners/${world.ids.peerId}/goals`, { title: "A goal", reviewerId: world.ids.learnerId })),
  ],
  [
    "another's goal that they are to review",
    () => answer(api.admin.patch(`/v1/learners/${world.ids.outsiderId}/goals/${world.ids.outsiderGoalId}`, { reviewerId: world.ids.learnerId })),
  ],
])("%s is refused", async (_, ask) => {
  expect(await ask()).toEqual(NO_REVIEWER);
});

async function answer(asked: Promise<{ status: number; body: { code: string } }>): Promise<{ status: number; code: string }> {
  const { status, body } = await asked;
  return { status, code: body.code };
}

function rejected({ text }: { text: string }): { status: number; code: string } {
  return JSON.parse(text.split("\n")[0] as string).problem;
}

test("a read of what was theirs finds nothing, or nobody", async () => {
  const { learnerId, goalId } = world.ids;
  expect(await answer(api.admin.get(`/v1/learners/${learnerId}/goals/${goalId}`))).toEqual(NOTHING);
  expect((await api.admin.get(`/v1/learners/${learnerId}`)).body).toMatchObject({ name: "Somebody who was erased", email: null, externalId: null });
  expect((await api.admin.get("/v1/learners?limit=200")).body.items.map(({ id }: { id: string }) => id)).not.toContain(learnerId);
  expect((await api.admin.get(`/v1/teams/${world.ids.teamId}/members`)).body.items.map(({ id }: { id: string }) => id)).not.toContain(learnerId);
});

test("the day of the erasure is their last in a team", async () => {
  const { body } = await api.admin.get(`/v1/learners/${world.ids.learnerId}/membership`);
  expect(body.history).toMatchObject([{ fromDay: "2020-01-01", untilDay: "2026-06-18" }]);
});

test("every table that refers to a learner refuses rows about an erased one, whatever path they come by", async () => {
  const { db } = api;
  const references = await db.$queryRaw<{ table: string; column: string }[]>`
    SELECT f.conrelid::regclass::text AS table, a.attname AS column
    FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
    WHERE f.contype = 'f' AND f.confrelid = 'learners'::regclass`;
  const triggers = await db.$queryRaw<{ table: string; arguments: string; name: string }[]>`
    SELECT tgrelid::regclass::text AS table, encode(tgargs, 'escape') AS arguments, tgname AS name FROM pg_trigger WHERE NOT tgisinternal`;
  const unguarded = references.filter(
    ({ table, column }) =>
      !triggers.some((trigger) => trigger.table === table && trigger.name.endsWith("_of_erased_people") && trigger.arguments.split("\\000").includes(column)),
  );
  const names = unguarded.map(({ table, column }) => `${table}.${column}`).sort();
  // Sums are made by the database itself; sessions and records that are merged have triggers of their own, which are tried elsewhere.
  expect(names).toEqual(["learner_months.learner_id", "learners.merged_into_id", "study_sessions.learner_id", "study_sessions.mentor_id"]);
});

test.each<[string, () => Promise<unknown>]>([
  ["a session", () => insertSession(world.ids.learnerId, null)],
  ["a session that they mentored", () => insertSession(world.ids.peerId as string, world.ids.learnerId)],
  ["a change of a session", () => api.db.$executeRaw`UPDATE study_sessions SET note = 'Ada' WHERE learner_id = ${world.ids.learnerId}::uuid`],
  [
    "a mentor in another's session",
    () =>
      api.db
        .$executeRaw`UPDATE study_sessions SET mentor_id = ${world.ids.learnerId}::uuid WHERE learner_id = ${world.ids.outsiderId}::uuid AND mentor_id IS NULL`,
  ],
  ["their name", () => api.db.$executeRaw`UPDATE learners SET name = 'Ada' WHERE id = ${world.ids.learnerId}::uuid`],
  ["their address", () => api.db.$executeRaw`UPDATE learners SET email = 'ada@example.com' WHERE id = ${world.ids.learnerId}::uuid`],
  ["that they are not erased", () => api.db.$executeRaw`UPDATE learners SET erased_at = NULL WHERE id = ${world.ids.learnerId}::uuid`],
  [
    "an answer kept for them",
    () =>
      api.db.idempotencyKey.create({ data: { callerId: world.ids.learnerId, key: uuidv7(), bodyDigest: Buffer.alloc(1), status: 201, headers: {}, body: {} } }),
  ],
])("the database refuses %s", async (_, write) => {
  if (_ === "a mentor in another's session") await insertSession(world.ids.outsiderId as string, null);
  await expect(write()).rejects.toThrow("learners_erased");
});

function insertSession(learnerId: string, mentorId: string | null): Promise<number> {
  return api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, body_digest, mentor_id)
    VALUES (${learnerId}::uuid, gen_random_uuid(), now(), 'UTC', now()::date, 10, 0, 0, 0, '\\x00', ${mentorId}::uuid)`;
}

test("an erasure of who was erased takes away what is left, and is possible again and again", async () => {
  await buildKey(api.db, { role: "service" });
  const { status, body } = await api.admin.delete(`/v1/learners/${world.ids.learnerId}/personal-data`);
  expect(status).toBe(200);
  expect(Object.values(body.erased as Record<string, number>).reduce((sum, count) => sum + count, 0)).toBe(0);
});
