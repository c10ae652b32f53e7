import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildActingKey, buildKey, buildLearner, buildLedLearner, buildSession, keyOf } from "../setup/factories";

let api: TestApp;
let directory: Client;
beforeAll(async () => {
  api = await startApp();
  directory = api.as(await buildKey(api.db, { role: "service", scopes: ["directory:write"] }));
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const afterDays = (days: number) => new Date(NOW.getTime() + days * 86_400_000);
const invite = (learnerId: string, by = directory, body: object = {}) => by.post(`/v1/learners/${learnerId}/invitations`, body);
const list = async (learnerId: string) => (await directory.get(`/v1/learners/${learnerId}/invitations`)).body.items;
const redeem = (secret: string, more: object = {}) => api.as(null).post("/v1/invitations/redemption", { secret, ...more });
const works = async (secret: string) => (await api.as(secret).get("/v1/me")).status === 200;
const events = async (learnerId: string, operation: string) => (await api.admin.get(`/v1/audit-events?learner=${learnerId}&operation=${operation}`)).body.items;
const NOT_VALID = { status: 401, body: { code: "unauthenticated", detail: expect.stringContaining("Ask whoever sent it for a new one.") } };

test("an invitation is redeemed once, for the person's own first key", async () => {
  const { id } = await buildLearner(api.db);
  const session = await buildSession(api.db, { learnerId: id, note: "mine alone" });
  const made = await invite(id);
  expect(made).toMatchObject({
    status: 201,
    body: { learnerId: id, redeemedAt: null, apiKeyId: null, secondAttemptAt: null, expiresAt: afterDays(7).toISOString() },
  });
  const { secret, ...shown } = made.body;
  expect(await list(id)).toEqual([shown]);

  const redeemed = await redeem(secret, { name: "Laptop" });
  expect(redeemed).toMatchObject({ status: 201, body: { name: "Laptop", role: "learner", learnerId: id, actsFor: false } });
  const own = api.as(redeemed.body.secret);
  expect((await own.get(`/v1/learners/${id}/study-sessions/${session.id}`)).body.note).toBe("mine alone");
  expect(await list(id)).toEqual([{ ...shown, redeemedAt: NOW.toISOString(), apiKeyId: redeemed.body.id }]);
  expect(await events(id, "redeemInvitation")).toMatchObject([
    { role: "learner", keyId: redeemed.body.id, personId: id, learnerIds: [id], itemIds: [redeemed.body.id, shown.id], target: "/v1/invitations/redemption" },
  ]);
});

test("the secret is shown once, also where the request is repeated", async () => {
  const { id } = await buildLearner(api.db);
  const again = () => directory.post(`/v1/learners/${id}/invitations`, {}, { "Idempotency-Key": `invite-${id}` });
  const [first, second] = [await again(), await again()];
  expect(second.body).toEqual({ ...first.body, secret: null });
  expect((await redeem(first.body.secret)).status).toBe(201);
});

test.each([
  [{ validDays: 1 }, 1],
  [{ validDays: 30 }, 30],
])("with %j it expires after %i days", async (body, days) => {
  const { id } = await buildLearner(api.db);
  const { secret } = (await invite(id, directory, body)).body;
  api.setNow(afterDays(days));
  expect(await redeem(secret)).toMatchObject(NOT_VALID);
  api.setNow(new Date(afterDays(days).getTime() - 1));
  expect((await redeem(secret)).status).toBe(201);
});

test.each([0, 31, 1.5, null])("validDays %j is refused", async (validDays) => {
  const { id } = await buildLearner(api.db);
  expect(await invite(id, directory, { validDays })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/validDays" }] } });
});

test("one that nobody made, or an API key, is refused, and counts as a failed sign-in", async () => {
  const { id } = await buildLearner(api.db);
  for (const secret of ["nothing", `cairn_${"0".repeat(72)}`, await keyOf(api.db, id)]) expect(await redeem(secret)).toMatchObject(NOT_VALID);
  expect(await api.as(null).post("/v1/invitations/redemption", {})).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/secret" }] } });
});

test("a new one ends the one before, also of two at the same time", async () => {
  const { id } = await buildLearner(api.db);
  const all = [await invite(id), ...(await Promise.all([invite(id), invite(id)])), await invite(id)];
  expect(all.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  expect(await list(id)).toHaveLength(1);
  for (const { body } of all.slice(0, 3)) expect(await redeem(body.secret)).toMatchObject(NOT_VALID);
  expect((await redeem(all[3]?.body.secret)).status).toBe(201);
});

test("of two who redeem it at the same time one gets the key, and the other raises the alarm", async () => {
  const { id } = await buildLearner(api.db);
  const { secret } = (await invite(id)).body;
  const answers = await Promise.all([redeem(secret), redeem(secret), redeem(secret)]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  expect(await api.db.apiKey.count({ where: { learnerId: id } })).toBe(1);
  expect(await events(id, "redeemInvitationAgain")).toHaveLength(1);
});

test("withdrawn, it is gone", async () => {
  const { id } = await buildLearner(api.db);
  const { body } = await invite(id);
  expect((await directory.delete(`/v1/learners/${id}/invitations/${body.id}`)).status).toBe(204);
  expect(await redeem(body.secret)).toMatchObject(NOT_VALID);
  expect((await directory.delete(`/v1/learners/${id}/invitations/${body.id}`)).status).toBe(404);
  const other = (await invite((await buildLearner(api.db)).id)).body;
  expect((await directory.delete(`/v1/learners/${id}/invitations/${other.id}`)).status).toBe(404);
});

describe("a second attempt", () => {
  test("is told to whoever tries, the audit, the lead and the admins, and the key can be taken back", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const { id, secret } = (await invite(learner.id)).body;
    const thief = (await redeem(secret)).body;
    await api.as(thief.secret).post("/v1/api-keys", { name: "More", role: "learner", learnerId: learner.id });
    const second = await redeem(secret);
    expect(second).toMatchObject({ status: 409, body: { code: "invitation-redeemed", detail: expect.stringContaining("tell an admin at once") } });
    expect((await redeem(secret)).status).toBe(409);

    expect(await events(learner.id, "redeemInvitationAgain")).toMatchObject([{ role: null, keyId: null, personId: null, itemIds: [id] }]);
    expect(await list(learner.id)).toMatchObject([{ id, secondAttemptAt: NOW.toISOString() }]);
    const alert = { kind: "invitation-redeemed-twice", learnerId: learner.id, name: learner.name, invitationId: id, at: NOW.toISOString() };
    const alerts = async (client: Client) => (await client.get("/v1/me")).body.alerts;
    const leads = api.as(await keyOf(api.db, lead.id));
    expect(await alerts(leads)).toEqual([alert]);
    expect(await alerts(api.admin)).toContainEqual(alert);
    expect(await alerts(api.as(await keyOf(api.db, (await buildLedLearner(api.db)).lead.id)))).toEqual([]);
    expect(await alerts(api.as(await buildActingKey(api.db, lead.id)))).toEqual([]);
    expect(await alerts(directory)).toEqual([]);

    expect((await api.admin.delete(`/v1/learners/${learner.id}/invitations/${id}`)).status).toBe(204);
    expect(await api.db.apiKey.count({ where: { learnerId: learner.id, revokedAt: null } })).toBe(0);
    expect(await alerts(leads)).toEqual([]);
  });

  test("is told for thirty days", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const { secret } = (await invite(learner.id)).body;
    await redeem(secret);
    await redeem(secret);
    const leads = api.as(await keyOf(api.db, lead.id));
    api.setNow(afterDays(29));
    expect((await leads.get("/v1/me")).body.alerts).toHaveLength(1);
    api.setNow(afterDays(30));
    expect((await leads.get("/v1/me")).body.alerts).toEqual([]);
  });
});

describe("somebody who has signed in before", () => {
  test("is not invited by a program, which could redeem it itself", async () => {
    const { id } = await buildLearner(api.db);
    await keyOf(api.db, id);
    expect(await invite(id)).toMatchObject({ status: 403, body: { code: "forbidden", detail: expect.stringContaining("takes an admin") } });
  });

  test("is, though a key acts for them: that is not theirs", async () => {
    const { id } = await buildLearner(api.db);
    await buildActingKey(api.db, id);
    expect((await invite(id)).status).toBe(201);
  });

  test("is invited by an admin, which ends their keys when it is redeemed", async () => {
    const { id } = await buildLearner(api.db);
    const old = await keyOf(api.db, id);
    const { secret } = (await invite(id, api.admin)).body;
    expect(await works(old)).toBe(true);
    const fresh = (await redeem(secret)).body.secret;
    expect([await works(old), await works(fresh)]).toEqual([false, true]);
  });

  test("meanwhile, is nobody's to redeem", async () => {
    const { id } = await buildLearner(api.db);
    const { secret } = (await invite(id)).body;
    const own = await keyOf(api.db, id);
    expect(await redeem(secret)).toMatchObject(NOT_VALID);
    expect(await works(own)).toBe(true);
  });

  test("by the identity provider, is not invited while they do", async () => {
    const { id } = await buildLearner(api.db, { subject: "somebody" });
    expect(await invite(id, api.admin)).toMatchObject({ status: 409, body: { code: "in-use", detail: expect.stringContaining("subject") } });
  });
});

test("an invitation ends with the address that it was sent to", async () => {
  const { id } = await buildLearner(api.db, { email: `${Date.now()}@example.com` });
  await keyOf(api.db, id);
  const { secret } = (await invite(id, api.admin)).body;
  await directory.patch(`/v1/learners/${id}`, { email: `other${Date.now()}@example.com` });
  expect(await redeem(secret)).toMatchObject(NOT_VALID);
});

test("an invitation ends with the key that made it", async () => {
  const maker = await api.admin.post("/v1/api-keys", { name: "Stolen", role: "service" });
  const { id } = await buildLearner(api.db);
  const { secret } = (await invite(id, api.as(maker.body.secret))).body;
  await api.admin.delete(`/v1/api-keys/${maker.body.id}`);
  expect(await redeem(secret)).toMatchObject(NOT_VALID);
});

test("failed redemptions of one address are limited", async () => {
  const limited = await startApp({ SIGN_IN_FAILURES_PER_MINUTE: 3 });
  const attempt = () => limited.as(null).post("/v1/invitations/redemption", { secret: "guess" });
  const statuses: number[] = [];
  for (let count = 0; count < 6; count++) statuses.push((await attempt()).status);
  expect([statuses[0], statuses.at(-1)]).toEqual([401, 429]);
  await limited.close();
});
