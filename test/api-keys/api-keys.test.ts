import { v7 as uuidv7 } from "uuid";
import { ensureAdminKey } from "../../src/api-keys/api-keys.service";
import { newSecret } from "../../src/api-keys/secret";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(() => api.setNow(NOW));
afterAll(() => api.close());

test("a key is made, and its secret signs in", async () => {
  const created = await api.admin.post("/v1/api-keys", { name: "Team dashboard", role: "service" });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    id: expect.any(String),
    name: "Team dashboard",
    role: "service",
    learnerId: null,
    scopes: ["sessions:write", "learning:read", "learning:write", "reports:read", "directory:write"],
    teamId: null,
    expiresAt: null,
    actsFor: false,
    lastUsedOn: null,
    rotatedAt: null,
    prefix: created.body.secret.slice(0, 14),
    createdAt: expect.any(String),
    revokedAt: null,
    secret: expect.stringMatching(/^cairn_[0-9a-f]{72}$/),
  });
  const me = await api.as(created.body.secret).get("/v1/me");
  expect(me.body).toMatchObject({ role: "service", apiKey: { id: created.body.id, name: "Team dashboard" } });
});

test("the secret is shown once and stored nowhere", async () => {
  const { body } = await api.admin.post("/v1/api-keys", { name: "Shown once", role: "admin" }, { "Idempotency-Key": uuidv7() });
  const { secret, ...shown } = body;
  const { items } = (await api.admin.get("/v1/api-keys?limit=1")).body;
  expect(items).toEqual([shown]);

  const tables = await api.db.$queryRaw<{ name: string }[]>`SELECT tablename::text AS name FROM pg_tables WHERE schemaname = 'public'`;
  expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(["api_keys", "idempotency_keys"]));
  for (const { name } of tables) {
    const [dump] = await api.db.$queryRawUnsafe<{ text: string }[]>(`SELECT coalesce(string_agg(t::text, ' '), '') AS text FROM "${name}" t`);
    // Only what recognises it; bytes are dumped as hexadecimal digits.
    if (name === "api_keys") expect(dump?.text).toContain(shown.prefix);
    expect(dump?.text).not.toContain(secret.slice(shown.prefix.length));
    expect(dump?.text).not.toContain(Buffer.from(secret).toString("hex"));
  }
});

test("two keys have nothing but the prefix's brand in common", async () => {
  const make = async () => (await api.admin.post("/v1/api-keys", { name: "Twin", role: "service" })).body.secret;
  expect(await make()).not.toBe(await make());
});

test("a learner's key is that learner", async () => {
  const { id } = await buildLearner(api.db);
  const created = await api.as(await keyOf(api.db, id)).post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId: id });
  expect(created.body).toMatchObject({ role: "learner", learnerId: id, actsFor: false });
  expect((await api.as(created.body.secret).get("/v1/me")).body.learner.id).toBe(id);
});

test.each([
  ["a learner's without a learner", { role: "learner" }],
  ["a learner's of nobody", { role: "learner", learnerId: null }],
  ["a service's of a learner", { role: "service", learnerId: uuidv7() }],
  ["an admin's of a learner", { role: "admin", learnerId: uuidv7() }],
])("a key is refused: %s", async (_, body) => {
  const detail = "A key of the role learner names its learner; others name none.";
  expect(await api.admin.post("/v1/api-keys", { name: "Odd", ...body })).toMatchObject({
    status: 400,
    body: { code: "invalid-request", detail, errors: [{ pointer: "#/learnerId", detail }] },
  });
});

test("a key of a learner who does not exist is refused", async () => {
  const refused = await api.admin.post("/v1/api-keys", { name: "Ghost", role: "learner", learnerId: uuidv7() });
  expect(refused).toMatchObject({ status: 422, body: { code: "reference-missing", detail: "The learner does not exist. Create the learner first." } });
});

test.each([
  ["#/name", { name: "" }],
  ["#/name", { name: "x".repeat(101) }],
  ["#/role", { role: "lead" }],
  ["#/learnerId", { learnerId: "ada" }],
  ["#/secret", { secret: "cairn_mine" }],
])("%s is refused in %j", async (pointer, body) => {
  const refused = await api.admin.post("/v1/api-keys", { name: "Key", role: "service", ...body });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
});

describe("a learner", () => {
  test("makes keys for themselves", async () => {
    const { id } = await buildLearner(api.db);
    const created = await api.as(await keyOf(api.db, id)).post("/v1/api-keys", { name: "Phone", role: "learner", learnerId: id });
    expect((await api.as(created.body.secret).get("/v1/me")).body.learner.id).toBe(id);
  });

  test.each([
    ["for another", async () => ({ role: "learner", learnerId: (await buildLearner(api.db)).id })],
    ["of a service", async () => ({ role: "service" })],
    ["of an admin", async () => ({ role: "admin" })],
  ])("makes no key %s", async (_, body) => {
    const { id } = await buildLearner(api.db);
    const refused = await api.as(await keyOf(api.db, id)).post("/v1/api-keys", { name: "More", ...(await body()) });
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });
});

test("keys are listed newest first: all for an admin, their own for a learner, itself for a service", async () => {
  const { id } = await buildLearner(api.db);
  const [older, newer, service] = [await keyOf(api.db, id), await keyOf(api.db, id), await buildKey(api.db, { role: "service" })];
  const prefixes = async (secret: string) => (await api.as(secret).get("/v1/api-keys")).body.items.map(({ prefix }: { prefix: string }) => prefix);
  const shown = (secret: string) => secret.slice(0, 14);
  expect(await prefixes(older)).toEqual([shown(newer), shown(older)]);
  expect(await prefixes(service)).toEqual([shown(service)]);
  const all = (await api.admin.get("/v1/api-keys?limit=200")).body.items.map(({ prefix }: { prefix: string }) => prefix);
  expect(all.slice(0, 3)).toEqual([shown(service), shown(newer), shown(older)]);
  expect(all).toHaveLength(await api.db.apiKey.count());
});

describe("revoking", () => {
  const keyIdOf = async (secret: string) => (await api.as(secret).get("/v1/me")).body.apiKey.id;

  test("takes effect with the next request and stays on record", async () => {
    const { id } = await buildLearner(api.db);
    const [lost, kept] = [await keyOf(api.db, id), await keyOf(api.db, id)];
    const lostId = await keyIdOf(lost);
    const revoked = await api.as(kept).delete(`/v1/api-keys/${lostId}`);
    expect(revoked.status).toBe(204);
    expect((await api.as(lost).get("/v1/me")).status).toBe(401);
    const { items } = (await api.as(kept).get("/v1/api-keys")).body;
    expect(items.map((key: { id: string; revokedAt: string | null }) => [key.id === lostId, key.revokedAt])).toEqual([
      [false, null],
      [true, NOW.toISOString()],
    ]);
  });

  test("again changes nothing", async () => {
    const id = await keyIdOf(await buildKey(api.db, { role: "service" }));
    await api.admin.delete(`/v1/api-keys/${id}`);
    api.setNow(new Date("2026-06-18T12:00:00Z"));
    expect((await api.admin.delete(`/v1/api-keys/${id}`)).status).toBe(204);
    const { items } = (await api.admin.get("/v1/api-keys?limit=1")).body;
    expect(items).toMatchObject([{ id, revokedAt: NOW.toISOString() }]);
  });

  test("is for a service to do to itself", async () => {
    const service = await buildKey(api.db, { role: "service" });
    expect((await api.as(service).delete(`/v1/api-keys/${await keyIdOf(service)}`)).status).toBe(204);
    expect((await api.as(service).get("/v1/me")).status).toBe(401);
  });

  test.each(["learner", "service"] as const)("a %s cannot take another's key, which to them does not exist", async (role) => {
    const caller = role === "learner" ? await keyOf(api.db, (await buildLearner(api.db)).id) : await buildKey(api.db, { role });
    const others = await buildKey(api.db, { role: "service" });
    expect(await api.as(caller).delete(`/v1/api-keys/${await keyIdOf(others)}`)).toMatchObject({ status: 404, body: { code: "not-found" } });
    expect((await api.as(others).get("/v1/me")).status).toBe(200);
  });

  test("nothing is nothing", async () => {
    expect(await api.admin.delete(`/v1/api-keys/${uuidv7()}`)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });
});

// Each changes which key the setting names, so the other tests' admin is none of them.
describe("the configured admin's key", () => {
  let admin: string;
  beforeAll(async () => {
    admin = await buildKey(api.db, { role: "admin" });
    await api.db.apiKey.updateMany({ data: { configured: false } });
  });
  const works = async (secret: string) => (await api.as(secret).get("/v1/me")).status === 200;

  test.each([
    ["of any form", "k8Zq2vXw9LmT4rYc7NbH1sPd6FgJ3uEa"],
    ["with the brand of this service", newSecret()],
  ])("signs in, %s", async (_, secret) => {
    await ensureAdminKey(api.db, secret);
    expect((await api.as(secret).get("/v1/me")).body).toMatchObject({ role: "admin", apiKey: { name: "ADMIN_API_KEY" } });
  });

  test("is stored once, of however many processes start with it at once", async () => {
    const secret = newSecret();
    await Promise.all([1, 2, 3, 4].map(() => ensureAdminKey(api.db, secret)));
    const { items } = (await api.as(admin).get("/v1/api-keys?limit=200")).body;
    expect(items.filter(({ prefix }: { prefix: string }) => prefix === secret.slice(0, 14))).toHaveLength(1);
  });

  test("changed, revokes the one before with all that it made, and records it", async () => {
    const [old, fresh, others] = [newSecret(), newSecret(), await buildKey(api.db, { role: "service" })];
    await ensureAdminKey(api.db, old);
    const { body: made } = await api.as(old).post("/v1/api-keys", { name: "Made", role: "service" });
    await ensureAdminKey(api.db, fresh);
    expect(await Promise.all([old, made.secret, fresh, others].map(works))).toEqual([false, false, true, true]);
    const { items } = (await api.as(admin).get(`/v1/audit-events?operation=ensureAdminKey&limit=1`)).body;
    expect(items[0].itemIds).toEqual(expect.arrayContaining([made.id]));
    expect(items[0].itemIds).toHaveLength(3);

    // A process that still starts with the value before brings nothing back.
    await ensureAdminKey(api.db, old);
    expect(await Promise.all([old, fresh].map(works))).toEqual([false, true]);
  });

  test("no longer set, stays", async () => {
    const secret = newSecret();
    await ensureAdminKey(api.db, secret);
    expect(await ensureAdminKey(api.db, undefined)).toBeNull();
    expect(await works(secret)).toBe(true);
  });
});
