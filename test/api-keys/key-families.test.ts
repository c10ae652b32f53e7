import { v7 as uuidv7 } from "uuid";
import { MOST_KEYS } from "../../src/api-keys/api-keys.service";
import { newSecret } from "../../src/api-keys/secret";
import { isGuessable } from "../../src/api-keys/strength";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildSession, keyOf } from "../setup/factories";
import { buildEvidence, buildTerm } from "../setup/growth-factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const later = (minutes: number) => new Date(NOW.getTime() + minutes * 60_000);
const works = async (secret: string) => (await api.as(secret).get("/v1/me")).status === 200;
const idOf = async (secret: string) => (await api.as(secret).get("/v1/me")).body.apiKey.id as string;
const make = async (client: Client, body: object) => (await client.post("/v1/api-keys", { name: "Made", ...body })).body;
const rotate = (client: Client, id: string, body: object = {}) => client.post(`/v1/api-keys/${id}/rotation`, body);

describe("a key that a key makes", () => {
  test("expires no later than that one", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const trial = api.as(await buildKey(api.db, { role: "learner", learnerId, expiresAt: later(60) }));
    const own = { role: "learner", learnerId };
    expect(await make(trial, own)).toMatchObject({ expiresAt: later(60).toISOString() });
    expect(await make(trial, { ...own, expiresAt: later(30).toISOString() })).toMatchObject({ expiresAt: later(30).toISOString() });
    for (const expiresAt of [later(61).toISOString(), null]) {
      expect(await trial.post("/v1/api-keys", { name: "Made", ...own, expiresAt })).toMatchObject({
        status: 400,
        body: { detail: expect.stringContaining(later(60).toISOString()), errors: [{ pointer: "#/expiresAt" }] },
      });
    }
  });

  test("does not outlive it by way of a rotation", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const lasting = await keyOf(api.db, learnerId);
    const trial = api.as(await buildKey(api.db, { role: "learner", learnerId, expiresAt: later(60) }));
    const { body } = await rotate(trial, await idOf(lasting));
    expect(body.expiresAt).toBe(later(60).toISOString());
    // Nor does a key that was rotated gain by its successor.
    const service = await buildKey(api.db, { role: "service" });
    const { body: successor } = await rotate(api.as(service), await idOf(service), { overlapMinutes: 10 });
    expect(successor.expiresAt).toBeNull();
    expect(await rotate(api.as(service), successor.id)).toMatchObject({ status: 404 });
  });
});

describe("a rotation happens once", () => {
  test("and then only the successor is rotated", async () => {
    const service = await buildKey(api.db, { role: "service" });
    const { body: second } = await rotate(api.admin, await idOf(service));
    expect(await rotate(api.admin, await idOf(service))).toMatchObject({ status: 409, body: { code: "key-rotated" } });
    expect((await rotate(api.admin, second.id)).status).toBe(201);
  });

  test("of two at the same time", async () => {
    const id = await idOf(await buildKey(api.db, { role: "service" }));
    const answers = await Promise.all([1, 2, 3, 4].map(() => rotate(api.admin, id)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409]);
  });

  test("by the learner alone, for a key of their own", async () => {
    const { id } = await buildLearner(api.db);
    expect(await rotate(api.admin, await idOf(await keyOf(api.db, id)))).toMatchObject({
      status: 403,
      body: { detail: expect.stringContaining("invitation") },
    });
  });
});

describe("a revocation", () => {
  test("takes what the key made, and what any of those were rotated from and into", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const first = await keyOf(api.db, learnerId);
    const own = { role: "learner", learnerId };
    const child = await make(api.as(first), own);
    const grandchild = await make(api.as(child.secret), own);
    const { body: rotated } = await rotate(api.as(child.secret), child.id);
    const ofRotated = await make(api.as(rotated.secret), own);
    const beside = await keyOf(api.db, learnerId);
    const family = [child.secret, grandchild.secret, rotated.secret, ofRotated.secret];

    expect((await api.as(beside).delete(`/v1/api-keys/${rotated.id}`)).status).toBe(204);
    expect(await Promise.all([first, beside, ...family].map(works))).toEqual([true, true, false, false, false, false]);
    const { items } = (await api.admin.get(`/v1/audit-events?learner=${learnerId}&operation=revokeApiKey`)).body;
    expect(items[0].itemIds.sort()).toEqual([child.id, grandchild.id, rotated.id, ofRotated.id].sort());
  });

  test("of what a key made leaves that key", async () => {
    const admin = await buildKey(api.db, { role: "admin" });
    const service = await make(api.as(admin), { role: "service" });
    await api.admin.delete(`/v1/api-keys/${service.id}`);
    expect(await works(admin)).toBe(true);
  });

  test("of a key by which another was rotated takes that one's family", async () => {
    const [thief, service] = [await buildKey(api.db, { role: "admin" }), await buildKey(api.db, { role: "service" })];
    const { body: taken } = await rotate(api.as(thief), await idOf(service));
    await api.admin.delete(`/v1/api-keys/${await idOf(thief)}`);
    expect(await works(taken.secret)).toBe(false);
  });

  test("takes what is made at the same time", async () => {
    for (let round = 0; round < 10; round++) {
      const { id: learnerId } = await buildLearner(api.db);
      const [lost, kept] = [await keyOf(api.db, learnerId), await keyOf(api.db, learnerId)];
      const id = await idOf(lost);
      const more = () => api.as(lost).post("/v1/api-keys", { name: "More", role: "learner", learnerId });
      await Promise.all([more(), more(), api.as(kept).delete(`/v1/api-keys/${id}`), more(), more(), rotate(api.as(lost), id)]);
      expect(await api.db.apiKey.count({ where: { learnerId, revokedAt: null } })).toBe(1);
    }
  });
});

describe("live keys", () => {
  test("of one person are so many and no more, also at the same time; those that act for them are counted apart", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const own = api.as(await keyOf(api.db, learnerId));
    const more = (client: Client) => client.post("/v1/api-keys", { name: "More", role: "learner", learnerId });
    const answers = await Promise.all(Array.from({ length: MOST_KEYS.ofPerson + 2 }, () => more(own)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(MOST_KEYS.ofPerson - 1);
    const refused = answers.find(({ status }) => status !== 201);
    expect(refused).toMatchObject({ status: 409, body: { code: "too-many-keys", detail: expect.stringContaining("lastUsedOn") } });
    expect((await more(api.admin)).status).toBe(201);

    // A rotation makes room for itself where nothing overlaps.
    const { id } = answers.find(({ status }) => status === 201)?.body ?? {};
    expect((await rotate(own, id)).body.code).toBe("too-many-keys");
    expect((await rotate(own, id, { overlapMinutes: 0 })).status).toBe(201);
    const { items } = (await own.get("/v1/api-keys?limit=200")).body;
    await own.delete(`/v1/api-keys/${items.find((key: { actsFor: boolean; revokedAt: null }) => !key.actsFor && !key.revokedAt).id}`);
  });

  test("of services and admins are so many and no more", async () => {
    const rows = Array.from({ length: MOST_KEYS.ofPrograms }, () => {
      const id = uuidv7();
      return { id, name: "Many", role: "service" as const, scopes: ["learning:read"], prefix: "many", secretHash: Buffer.from(id) };
    });
    await api.db.apiKey.createMany({ data: rows });
    expect(await api.admin.post("/v1/api-keys", { name: "More", role: "service" })).toMatchObject({ status: 409, body: { code: "too-many-keys" } });
    await api.db.apiKey.deleteMany({ where: { name: "Many" } });
  });
});

describe("an Idempotency-Key", () => {
  const goal = (client: Client, learnerId: string, key: string) =>
    client.post(`/v1/learners/${learnerId}/goals`, { title: "Once" }, { "Idempotency-Key": key });

  test("is the person's, whichever key of theirs carries it", async () => {
    const { id } = await buildLearner(api.db);
    const [laptop, phone] = [api.as(await keyOf(api.db, id)), api.as(await keyOf(api.db, id))];
    const [first, again] = [await goal(laptop, id, "one"), await goal(phone, id, "one")];
    expect([again.headers["idempotency-replayed"], again.body.id]).toEqual(["true", first.body.id]);
  });

  test("is not that of a key that acts for them", async () => {
    const { id } = await buildLearner(api.db);
    const own = api.as(await keyOf(api.db, id));
    const acting = api.as((await make(api.admin, { role: "learner", learnerId: id })).secret);
    const [first, other] = [await goal(own, id, "one"), await goal(acting, id, "one")];
    expect([other.status, other.headers["idempotency-replayed"]]).toEqual([201, undefined]);
    expect(other.body.id).not.toBe(first.body.id);
  });

  test("of a service's key stays its own when it is rotated", async () => {
    const { id } = await buildLearner(api.db);
    const service = await buildKey(api.db, { role: "service" });
    const first = await goal(api.as(service), id, "one");
    const { body: second } = await rotate(api.as(service), await idOf(service));
    const { body: third } = await rotate(api.as(second.secret), second.id);
    for (const { secret } of [second, third]) expect((await goal(api.as(secret), id, "one")).body.id).toBe(first.body.id);
    expect((await goal(api.as(await buildKey(api.db, { role: "service" })), id, "one")).body.id).not.toBe(first.body.id);
  });

  test("that the version before kept under the key still answers", async () => {
    const { id } = await buildLearner(api.db);
    const own = await keyOf(api.db, id);
    const first = await goal(api.as(own), id, "one");
    await api.db.idempotencyKey.updateMany({ where: { callerId: id }, data: { callerId: await idOf(own) } });
    expect((await goal(api.as(own), id, "one")).body.id).toBe(first.body.id);
  });
});

describe("a key that an admin makes for a learner", () => {
  test("is marked, sees nothing private, mints nothing, and what it reads is recorded", async () => {
    const { learner, lead } = await buildLedLearner(api.db);
    const { id: goalId } = await buildGoal(api.db, { learnerId: learner.id });
    const of = { learnerId: learner.id, goalId };
    const session = await buildSession(api.db, { learnerId: learner.id, note: "private words" });
    const evidence = await buildEvidence(api.db, { ...of, text: "private words" });
    const term = await buildTerm(api.db, { ...of, term: "private words" });
    const { secret, id: keyId, actsFor } = await make(api.admin, { role: "learner", learnerId: learner.id });
    expect(actsFor).toBe(true);
    const acting = api.as(secret);

    const me = await acting.get("/v1/me");
    expect(me.body).toMatchObject({ role: "learner", apiKey: { id: keyId, actsFor: true }, learner: { id: learner.id } });
    const base = `/v1/learners/${learner.id}`;
    const reads = [
      `${base}/study-sessions`,
      `${base}/study-sessions/${session.id}`,
      `${base}/goals/${goalId}/evidence`,
      `${base}/terms`,
      `${base}/growth?since=2026-01-01`,
      `${base}/export`,
      `${base}/goals/${goalId}/evidence/${evidence.id}`,
      `${base}/goals/${goalId}/terms/${term.id}`,
      "/v1/exports/study-sessions",
    ];
    const answers = await Promise.all(reads.map((path) => acting.get(path)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 403, 404, 404, 200]);
    expect(answers.filter(({ text }) => text.includes("private words"))).toEqual([]);
    const own = await api.as(await keyOf(api.db, learner.id)).get(`${base}/study-sessions/${session.id}`);
    expect(own.body.note).toBe("private words");

    const { items } = (await api.admin.get(`/v1/audit-events?key=${keyId}&action=read&limit=200`)).body;
    expect(items.map(({ operation }: { operation: string }) => operation).sort()).toEqual(
      ["getMe", "exportStudySessions", "getLearnerGrowth", "getStudySession", "listEvidence", "listStudySessions", "listTerms"].sort(),
    );
    for (const item of items) expect(item).toMatchObject({ personId: null, learnerIds: [learner.id] });

    for (const learnerId of [learner.id, lead.id]) {
      expect((await acting.post("/v1/api-keys", { name: "More", role: "learner", learnerId })).status).toBe(403);
    }
    expect((await acting.get("/v1/api-keys")).body.items).toMatchObject([{ id: keyId }]);
    expect((await acting.post(`${base}/goals/${goalId}/evidence`, { title: "A", text: "B", shared: false })).status).toBe(400);
    expect((await acting.patch(`${base}/study-sessions/${session.id}`, { note: "over it" })).status).toBe(403);
  });

  test("stays marked when it is rotated, and the learner sees and revokes it", async () => {
    const { id } = await buildLearner(api.db);
    const { secret, id: keyId } = await make(api.admin, { role: "learner", learnerId: id });
    const { body: second } = await rotate(api.as(secret), keyId);
    expect(second.actsFor).toBe(true);
    const own = api.as(await keyOf(api.db, id));
    const seen = (await own.get("/v1/api-keys")).body.items.filter((key: { actsFor: boolean }) => key.actsFor);
    expect(seen).toHaveLength(2);
    await own.delete(`/v1/api-keys/${keyId}`);
    expect(await works(second.secret)).toBe(false);
  });
});

describe("a key that somebody chooses for ADMIN_API_KEY", () => {
  test.each([
    "a".repeat(40),
    "abcdefghijklmnopqrstuvwxyz012345",
    "zyxwvutsrqponmlkjihgfedcba987654",
    "passwordpasswordpasswordpassword1",
    "deadbeefdeadbeefdeadbeefdeadbeef",
    "MyCompanyAdminKey2026!MyCompanyAdminKey",
    "correct-horse-battery-staple-correct-horse",
    "cairn_3f9a01c2cairn_3f9a01c2cairn_3f9a01c2",
    "00000000-0000-0000-0000-000000000001",
  ])("could be guessed: %s", (secret) => {
    expect(isGuessable(secret)).toBe(true);
  });

  test("could not, as openssl and this service make them", () => {
    for (let round = 0; round < 500; round++) expect(isGuessable(newSecret().slice(6, 70))).toBe(false);
  });
});
