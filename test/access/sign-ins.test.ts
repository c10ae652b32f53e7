import { hashSubject } from "../../src/access/subjects";
import type { Config } from "../../src/config";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildActingKey, buildKey, buildLearner, buildSession, keyOf } from "../setup/factories";
import { type Issuer, startIssuer } from "./authorization/token-issuer";

// Who comes to be whom, and how nobody comes to be somebody else.

let issuer: Issuer;
let api: TestApp;
let directory: Client;
let count = 0;
const start = async () => {
  api = await startApp(issuer.settings);
  directory = api.as(await buildKey(api.db, { role: "service", scopes: ["directory:write"] }));
};
beforeAll(async () => {
  issuer = await startIssuer();
  await start();
});
afterEach(() => api.setNow(NOW));
afterAll(async () => {
  await api.close();
  issuer.close();
});

const after = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const name = () => `p${++count}`;
const verified = (email: string | null) => ({ email, email_verified: true });
const signIn = async (subject: string, claims = {}, { on = api, at = NOW, issuedAt }: { on?: TestApp; at?: Date; issuedAt?: Date } = {}) => {
  on.setNow(at);
  return on.as(await issuer.personal(subject, claims, issuedAt ?? at)).get("/v1/me");
};
const whoIs = async (...asked: Parameters<typeof signIn>) => (await signIn(...asked)).body.learner?.id ?? null;
const reload = (id: string) => api.db.learner.findUniqueOrThrow({ where: { id } });
const eventsOf = async (id: string, operation: string) => (await api.admin.get(`/v1/audit-events?learner=${id}&operation=${operation}`)).body.items;
/** On an empty database, which is the only one. */
async function withSettings(settings: Partial<Config>, work: (on: TestApp) => Promise<void>): Promise<void> {
  await api.close();
  const on = await startApp({ ...issuer.settings, ...settings });
  await work(on).finally(() => on.close());
  await start();
}
/** Somebody who signed in by token once, with an address and a note of their own. */
async function buildBound() {
  const [subject, email] = [name(), `${name()}@example.com`];
  const { id } = await buildLearner(api.db, { email, externalId: name() });
  expect(await whoIs(subject, verified(email))).toBe(id);
  return { id, subject, email };
}

describe("a service that keeps the directory", () => {
  test("cannot make a token of somebody else's that of a person who has signed in", async () => {
    const { id, subject } = await buildBound();
    const [attacker, address] = [name(), `${name()}@example.com`];
    expect((await directory.patch(`/v1/learners/${id}`, { externalId: attacker, email: address })).status).toBe(200);
    expect(await whoIs(attacker, verified(address), { at: after(5) })).toBeNull();
    expect(await whoIs(subject, {}, { at: after(5) })).toBe(id);
  });

  test.each([
    ["an address", (to: string) => ({ email: `${to}@example.com` })],
    ["an externalId", (to: string) => ({ externalId: to })],
  ])("closes the first sign-in of somebody by changing %s, until an admin confirms it", async (_, change) => {
    const { id } = await buildLearner(api.db, { email: `${name()}@example.com` });
    const [attacker, to] = [name(), name()];
    expect((await directory.patch(`/v1/learners/${id}`, change(to))).status).toBe(200);
    const { email } = await reload(id);
    const refused = await signIn(attacker, verified(email));
    expect(refused).toMatchObject({ status: 401, body: { detail: expect.stringContaining("Ask an admin to confirm it") } });
    expect((await api.admin.get(`/v1/learners/${id}/subject`)).body).toEqual({ learnerId: id, subject: null, signInOpen: false, tokensFrom: null });

    await api.admin.patch(`/v1/learners/${id}`, { email });
    expect(await whoIs(name(), verified(email))).toBe(id);
  });

  test("may send what is there already", async () => {
    const { id, email, externalId } = await buildLearner(api.db, { email: `${name()}@example.com`, externalId: name() });
    await directory.patch(`/v1/learners/${id}`, { email, externalId, name: "Ada King" });
    expect(await whoIs(name(), verified(email))).toBe(id);
  });

  test("cannot provision somebody anew whose address it changed", async () => {
    await withSettings({ OIDC_PROVISION: true }, async (on) => {
      const keeper = on.as(await buildKey(on.db, { role: "service" }));
      const { id } = await buildLearner(on.db, { email: "old@example.com" });
      await keeper.patch(`/v1/learners/${id}`, { email: "new@example.com" });
      expect((await signIn("somebody", verified("new@example.com"), { on })).status).toBe(401);
      expect(await on.db.learner.count()).toBe(1);
    });
  });

  test.each(["get", "delete"] as const)("does not %s a subject", async (method) => {
    const { id } = await buildBound();
    expect(await directory[method](`/v1/learners/${id}/subject`)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("does not bring a subject by an import, or with a learner", async () => {
    expect((await directory.post("/v1/learners", { name: "Ada", subject: "mine" })).status).toBe(400);
    const { id } = await buildLearner(api.db);
    expect((await directory.patch(`/v1/learners/${id}`, { subject: "mine" })).status).toBe(400);
    const lines = await directory.post("/v1/imports/learners", '{"externalId":"x","name":"Ada","subject":"mine"}', { "Content-Type": "application/x-ndjson" });
    expect(lines.text).toContain("#/subject");
    expect(await api.db.learner.count({ where: { subject: "mine" } })).toBe(0);
  });
});

describe("a first sign-in is bound", () => {
  test("by the claim that holds the directory's id, before the address", async () => {
    await withSettings({ OIDC_EXTERNAL_ID_CLAIM: "employee" }, async (on) => {
      const byId = await buildLearner(on.db, { externalId: "hr-1" });
      const byEmail = await buildLearner(on.db, { email: "a@example.com" });
      expect(await whoIs("one", { employee: "hr-1", ...verified("a@example.com") }, { on })).toBe(byId.id);
      expect(await whoIs("two", { employee: "hr-2", ...verified("a@example.com") }, { on })).toBe(byEmail.id);
    });
  });

  test("by a claim that is a number", async () => {
    await withSettings({ OIDC_EXTERNAL_ID_CLAIM: "employee" }, async (on) => {
      const { id } = await buildLearner(on.db, { externalId: "1042" });
      expect(await whoIs("one", { employee: 1042 }, { on })).toBe(id);
    });
  });

  test("to nobody, where the claim names a person who is bound, or the address one with another id", async () => {
    await withSettings({ OIDC_EXTERNAL_ID_CLAIM: "employee" }, async (on) => {
      await buildLearner(on.db, { externalId: "hr-1", subject: "somebody" });
      await buildLearner(on.db, { email: "a@example.com", externalId: "hr-2" });
      expect(await whoIs("one", { employee: "hr-1", ...verified("a@example.com") }, { on })).toBeNull();
      expect(await whoIs("one", { employee: "hr-3", ...verified("a@example.com") }, { on })).toBeNull();
    });
  });

  test("not by a claim that nobody configured, and not by a subject that is an externalId", async () => {
    const { externalId } = await buildLearner(api.db, { externalId: name() });
    expect(await whoIs(name(), { employee: externalId })).toBeNull();
    expect(await whoIs(externalId as string)).toBeNull();
  });

  test.each([
    [undefined, 401, 200],
    ["true", 401, 200],
    ["false", 401, 401],
    [false, 401, 401],
    [true, 200, 200],
    [1, 401, 401],
  ])("by an address with email_verified %j: %i, and %i where addresses are trusted", async (email_verified, status, trusted) => {
    const claims = { email: "a@example.com", email_verified };
    await withSettings({}, async (on) => {
      await buildLearner(on.db, { email: "a@example.com" });
      expect((await signIn("one", claims, { on })).status).toBe(status);
    });
    await withSettings({ OIDC_TRUST_EMAIL: true }, async (on) => {
      await buildLearner(on.db, { email: "a@example.com" });
      expect((await signIn("one", claims, { on })).status).toBe(trusted);
    });
  });

  test("once, of two subjects at the same time", async () => {
    const { id, email } = await buildLearner(api.db, { email: `${name()}@example.com` });
    const ids = await Promise.all([name(), name()].map((subject) => whoIs(subject, verified(email))));
    expect(ids.sort()).toEqual([id, null].sort());
    expect(await eventsOf(id, "bindLearner")).toHaveLength(1);
  });
});

describe("an admin", () => {
  test("sets a subject, which ends the person's keys and earlier tokens, and is told in the audit", async () => {
    const { id, subject, email } = await buildBound();
    const [key, acting] = [await keyOf(api.db, id), await buildActingKey(api.db, id)];
    const { body: key2 } = await api.as(key).post("/v1/api-keys", { name: "Phone", role: "learner", learnerId: id });
    const fresh = name();
    api.setNow(after(10));
    const set = await api.admin.put(`/v1/learners/${id}/subject`, { subject: fresh });
    expect(set).toMatchObject({ status: 200, body: { learnerId: id, subject: fresh, signInOpen: true, tokensFrom: after(10).toISOString() } });
    const works = async (secret: string) => (await api.as(secret).get("/v1/me")).status;
    expect(await Promise.all([key, key2.secret, acting].map(works))).toEqual([401, 401, 200]);
    expect(await whoIs(subject, verified(email), { at: after(20) })).toBeNull();
    expect(await whoIs(fresh, {}, { at: after(20) })).toBe(id);
    const [event] = await eventsOf(id, "setSubject");
    expect(event).toMatchObject({ fields: ["subject"], learnerIds: [id], role: "admin" });
    expect(event.itemIds).toContain(key2.id);
    expect(event.itemIds).toHaveLength(2);
  });

  test("changes an address, which ends keys and tokens from before; others do not", async () => {
    const { id, subject } = await buildBound();
    const key = await keyOf(api.db, id);
    api.setNow(after(10));
    await api.admin.patch(`/v1/learners/${id}`, { name: "Ada King", externalId: name() });
    expect((await api.as(key).get("/v1/me")).status).toBe(200);
    await api.admin.patch(`/v1/learners/${id}`, { email: `${name()}@example.com` });
    expect((await api.as(key).get("/v1/me")).status).toBe(401);
    const old = await signIn(subject, {}, { at: after(11), issuedAt: NOW });
    expect(old).toMatchObject({ status: 401, body: { detail: expect.stringContaining("Sign in again") } });
    // The provider's clock may be ahead: what it issued in the last seconds before is not taken for later.
    expect(await whoIs(subject, {}, { at: after(11), issuedAt: new Date(after(10).getTime() + 29_000) })).toBeNull();
    expect(await whoIs(subject, {}, { at: after(11) })).toBe(id);
    expect(await eventsOf(id, "endSignIns")).toMatchObject([{ fields: ["email"], itemIds: [expect.any(String)] }]);
  });

  test("takes a subject away, and opens the binding, but not to tokens from before", async () => {
    const { id, subject, email } = await buildBound();
    api.setNow(after(10));
    expect((await api.admin.delete(`/v1/learners/${id}/subject`)).status).toBe(204);
    expect(await whoIs(subject, verified(email), { at: after(11), issuedAt: after(9) })).toBeNull();
    const fresh = name();
    expect(await whoIs(fresh, verified(email), { at: after(11) })).toBe(id);
  });

  test("does not open it by that to an address that a program changed", async () => {
    const { id } = await buildBound();
    const address = `${name()}@example.com`;
    await directory.patch(`/v1/learners/${id}`, { email: address });
    await api.admin.delete(`/v1/learners/${id}/subject`);
    expect(await whoIs(name(), verified(address), { at: after(10) })).toBeNull();
  });

  test("does not give one subject to two", async () => {
    const { subject } = await buildBound();
    const { id } = await buildLearner(api.db);
    expect(await api.admin.put(`/v1/learners/${id}/subject`, { subject })).toMatchObject({
      status: 409,
      body: { code: "already-exists", errors: [{ pointer: "#/subject" }] },
    });
  });
});

test("a key that a token makes while the sign-in is ended does not outlive it", async () => {
  for (let round = 0; round < 10; round++) {
    const { id, subject } = await buildBound();
    const own = api.as(await issuer.personal(subject));
    const make = () => own.post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId: id });
    await Promise.all([make(), make(), api.admin.put(`/v1/learners/${id}/subject`, { subject: name() }), make(), make()]);
    expect(await api.db.apiKey.count({ where: { learnerId: id, revokedAt: null } })).toBe(0);
  }
});

describe("an erased person's subject", () => {
  async function buildErased() {
    const bound = await buildBound();
    expect((await api.admin.delete(`/v1/learners/${bound.id}/personal-data`)).status).toBe(200);
    return bound;
  }

  test("signs nobody in: neither anew nor by another's address, and is recorded once a day", async () => {
    const { id, subject, email } = await buildErased();
    const other = await buildLearner(api.db, { email });
    for (const _ of [1, 2]) {
      expect(await signIn(subject, verified(email))).toMatchObject({
        status: 403,
        body: { code: "person-erased", detail: expect.stringContaining("An admin") },
      });
    }
    expect((await reload(other.id)).subject).toBeNull();
    expect(await eventsOf(id, "refuseErasedPerson")).toHaveLength(1);
  });

  test("is not provisioned", async () => {
    await withSettings({ OIDC_PROVISION: true }, async (on) => {
      const { body } = await signIn("gone", { name: "Gone" }, { on });
      await on.admin.delete(`/v1/learners/${body.learner.id}/personal-data`);
      expect((await signIn("gone", { name: "Gone" }, { on })).status).toBe(403);
      expect(await on.db.learner.count()).toBe(1);
    });
  });

  test("stays as a keyed hash alone", async () => {
    const { id, subject } = await buildErased();
    const { erasedSubjectHash, subject: kept } = await reload(id);
    expect(kept).toBeNull();
    expect(Buffer.from(erasedSubjectHash as Uint8Array)).toEqual(await hashSubject(api.db, subject));
    expect(await hashSubject(api.db, subject)).not.toEqual(await hashSubject(api.db, name()));
  });

  test("is given to nobody else by an admin, until it is lifted; then it is somebody new", async () => {
    const { id, subject, email } = await buildErased();
    const other = await buildLearner(api.db, { email });
    expect(await api.admin.put(`/v1/learners/${other.id}/subject`, { subject })).toMatchObject({
      status: 409,
      body: { code: "already-exists", detail: expect.stringContaining(`/v1/learners/${id}/erased-subject`) },
    });
    expect((await api.admin.delete(`/v1/learners/${id}/erased-subject`)).status).toBe(204);
    expect(await eventsOf(id, "liftErasedSubject")).toHaveLength(1);
    expect(await whoIs(subject, verified(email))).toBe(other.id);
    expect(await api.admin.delete(`/v1/learners/${id}/erased-subject`)).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  test("is not made known again by a token that comes at the same time", async () => {
    await withSettings({ OIDC_PROVISION: true }, async (on) => {
      for (let round = 0; round < 10; round++) {
        const subject = `r${round}`;
        const { body } = await signIn(subject, {}, { on });
        await Promise.all([on.admin.delete(`/v1/learners/${body.learner.id}/personal-data`), ...Array.from({ length: 5 }, () => signIn(subject, {}, { on }))]);
        expect(await on.db.learner.count({ where: { subject } })).toBe(0);
      }
    });
  });

  test("of somebody who never signed in leaves no hash", async () => {
    const { id } = await buildLearner(api.db, { email: `${name()}@example.com` });
    await buildSession(api.db, { learnerId: id });
    await api.admin.delete(`/v1/learners/${id}/personal-data`);
    expect((await reload(id)).erasedSubjectHash).toBeNull();
  });
});
