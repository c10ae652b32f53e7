import { v7 as uuidv7 } from "uuid";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const later = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const works = async (secret: string) => (await api.as(secret).get("/v1/me")).status === 200;
const idOf = async (secret: string) => (await api.as(secret).get("/v1/me")).body.apiKey.id as string;
const rotate = async (client: Client, id: string, body: object = {}) => client.post(`/v1/api-keys/${id}/rotation`, body);

test("a key serves until it expires, and not from then on", async () => {
  const { body } = await api.admin.post("/v1/api-keys", { name: "Trial", role: "service", expiresAt: later(10).toISOString() });
  expect(body.expiresAt).toBe(later(10).toISOString());
  api.setNow(later(9.99));
  expect(await works(body.secret)).toBe(true);
  api.setNow(later(10));
  const refused = await api.as(body.secret).get("/v1/me");
  expect(refused).toMatchObject({ status: 401, body: { detail: "The API key is not known here, was revoked, or has expired. Ask for a new one." } });
});

test("a key remembers the day of its last use, and is written once for it", async () => {
  const secret = await buildKey(api.db, { role: "service" });
  const id = await idOf(secret);
  const lastUsedOn = async () => (await api.admin.get("/v1/api-keys?limit=200")).body.items.find((key: { id: string }) => key.id === id).lastUsedOn;
  expect(await lastUsedOn()).toBe("2026-06-17");
  await api.db.$executeRaw`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'written again'; END $$`;
  await api.db.$executeRaw`CREATE TRIGGER refuse BEFORE UPDATE ON api_keys FOR EACH ROW EXECUTE FUNCTION refuse()`;
  expect(await works(secret)).toBe(true);
  await api.db.$executeRaw`DROP TRIGGER refuse ON api_keys`;
  await api.db.$executeRaw`DROP FUNCTION refuse`;
  api.setNow(later(24 * 60));
  await works(secret);
  expect(await lastUsedOn()).toBe("2026-06-18");
});

describe("a rotation", () => {
  test("makes a key of the same kind, beside which the old one serves on for the overlap", async () => {
    const team = await buildTeam(api.db);
    const { body: old } = await api.admin.post("/v1/api-keys", { name: "Dashboard", role: "service", scopes: ["reports:read"], teamId: team.id });
    const { status, body: fresh } = await rotate(api.admin, old.id, { overlapMinutes: 60 });
    expect(status).toBe(201);
    expect(fresh).toMatchObject({ name: "Dashboard", role: "service", scopes: ["reports:read"], teamId: team.id, expiresAt: null });
    expect([fresh.id === old.id, fresh.secret === old.secret]).toEqual([false, false]);
    api.setNow(later(59));
    expect([await works(old.secret), await works(fresh.secret)]).toEqual([true, true]);
    api.setNow(later(60));
    expect([await works(old.secret), await works(fresh.secret)]).toEqual([false, true]);
  });

  test("overlaps by a day unless told, and not at all when told so", async () => {
    const [one, other] = [await buildKey(api.db, { role: "service" }), await buildKey(api.db, { role: "service" })];
    await rotate(api.admin, await idOf(one));
    await rotate(api.admin, await idOf(other), { overlapMinutes: 0 });
    expect([await works(one), await works(other)]).toEqual([true, false]);
    api.setNow(later(24 * 60));
    expect(await works(one)).toBe(false);
  });

  test("gives no key a longer life", async () => {
    const { body: old } = await api.admin.post("/v1/api-keys", { name: "Trial", role: "service", expiresAt: later(10).toISOString() });
    const { body: fresh } = await rotate(api.admin, old.id);
    expect(fresh.expiresAt).toBe(old.expiresAt);
    api.setNow(later(10));
    expect([await works(old.secret), await works(fresh.secret)]).toEqual([false, false]);
  });

  test("is for whose key it is, and for admins", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const own = await keyOf(api.db, learnerId);
    const service = await buildKey(api.db, { role: "service" });
    expect((await rotate(api.as(own), await idOf(own))).body).toMatchObject({ role: "learner", learnerId, scopes: [] });
    expect((await rotate(api.as(service), await idOf(service))).status).toBe(201);
    expect(await rotate(api.as(service), await idOf(own))).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  test("is refused for a key that holds no longer, or never was", async () => {
    const secret = await buildKey(api.db, { role: "service" });
    const id = await idOf(secret);
    await api.admin.delete(`/v1/api-keys/${id}`);
    for (const gone of [id, uuidv7()]) expect(await rotate(api.admin, gone)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  test("with an Idempotency-Key happens once, and shows the secret once", async () => {
    const id = await idOf(await buildKey(api.db, { role: "service" }));
    const again = () => api.as(ADMIN).post(`/v1/api-keys/${id}/rotation`, {}, { "Idempotency-Key": `rotate ${id}`.replace(" ", "-") });
    const ADMIN = await buildKey(api.db, { role: "admin" });
    const [first, second] = [await again(), await again()];
    expect([first.body.secret === null, second.body]).toEqual([false, { ...first.body, secret: null }]);
  });
});

describe("what does not go together", () => {
  test.each([
    ["a learner's key with scopes", { role: "learner", scopes: ["reports:read"] }, "#/scopes"],
    ["an admin's key with scopes", { role: "admin", scopes: ["reports:read"] }, "#/scopes"],
    ["an admin's key for a team", { role: "admin", teamId: "team" }, "#/teamId"],
    ["a service's key without any scope", { role: "service", scopes: [] }, "#/scopes"],
    ["the directory and a team", { role: "service", scopes: ["directory:write"], teamId: "team" }, "#/scopes"],
    ["a scope that there is not", { role: "service", scopes: ["everything"] }, "#/scopes/0"],
    ["a key that has expired", { role: "service", expiresAt: NOW.toISOString() }, "#/expiresAt"],
  ])("is refused: %s", async (_, key, pointer) => {
    const { id: teamId } = await buildTeam(api.db);
    const { id: learnerId } = await buildLearner(api.db);
    const body = { name: "Odd", ...key, ...("teamId" in key && { teamId }), ...(key.role === "learner" && { learnerId }) };
    const before = await api.db.apiKey.count();
    expect(await api.admin.post("/v1/api-keys", body)).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer }] } });
    expect(await api.db.apiKey.count()).toBe(before);
  });

  test("a team that there is not", async () => {
    const refused = await api.admin.post("/v1/api-keys", { name: "Odd", role: "service", teamId: uuidv7() });
    expect(refused).toMatchObject({ status: 422, body: { code: "reference-missing", errors: [{ pointer: "#/teamId" }] } });
  });
});
