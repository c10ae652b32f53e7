import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import path from "node:path";
import { base64url, CompactEncrypt, exportJWK, generateKeyPair, type JWK, type JWTHeaderParameters, SignJWT, UnsecuredJWT } from "jose";
import { v7 as uuidv7 } from "uuid";
import type { Review } from "../../src/generated/prisma/client";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner, buildMember, buildSession, buildTeam } from "../setup/factories";
import { buildReview } from "../setup/growth-factories";

const AUDIENCE = "https://cairn.example";
type Claims = Record<string, unknown>;
type PrivateKey = Awaited<ReturnType<typeof generateKeyPair>>["privateKey"];
type Key = { kid: string; private: PrivateKey; jwk: JWK; publicJwk: JWK };

let issuer: string;
let port: number;
let provider: ChildProcess;
let first: Key;
let second: Key;
let api: TestApp;

const PEOPLE: Record<string, Claims> = {
  ada: { name: "Ada" },
  bound: { email: "bound@example.com", email_verified: true },
  unverified: { email: "unverified@example.com" },
  nobody: { name: "Nobody" },
  newcomer: { name: " New Comer ", email: "new@example.com", email_verified: true, zoneinfo: "Asia/Tokyo" },
  odd: { name: "Odd\u0000", email: "müller@example.com", email_verified: true },
  long: { name: `${"x".repeat(199)}🚀` },
  boss: { roles: ["user", "cairn-admin"] },
};

beforeAll(async () => {
  port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  first = await makeKey("first");
  second = await makeKey("second");
  provider = await startIssuer(first);
  api = await startApp({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_ADMIN_CLAIM: "roles" });
  api.setNow(new Date());
});
afterAll(async () => {
  await api.close();
  await stop(provider);
});

const me = (token: string, on = api) => {
  on.setNow(new Date());
  return on.as(token).get("/v1/me");
};

describe("a token that the provider itself gave", () => {
  test("signs in the learner whose subject it names", async () => {
    const ada = await buildLearner(api.db, { subject: "ada" });
    const answer = await me(await tokenOf("ada"));
    expect(answer).toMatchObject({ status: 200, body: { role: "learner", apiKey: null, learner: { id: ada.id }, leads: [] } });
  });

  test("binds a learner by a verified e-mail address, once", async () => {
    const learner = await buildLearner(api.db, { email: "bound@example.com" });
    expect((await me(await tokenOf("bound"))).body.learner).toMatchObject({ id: learner.id });
    expect((await api.db.learner.findUniqueOrThrow({ where: { id: learner.id } })).subject).toBe("bound");
    // From then on the subject counts, and the address binds nobody else.
    await api.db.learner.update({ where: { id: learner.id }, data: { email: "moved@example.com" } });
    expect((await me(await tokenOf("bound"))).body.learner.id).toBe(learner.id);
  });

  test("does not take over a learner who is bound to another subject", async () => {
    await api.db.learner.deleteMany({ where: { subject: "bound" } });
    await buildLearner(api.db, { email: "bound@example.com", subject: "somebody else" });
    expect((await me(await tokenOf("bound"))).status).toBe(401);
  });

  test("does not bind by an address that is not verified", async () => {
    await buildLearner(api.db, { email: "unverified@example.com" });
    expect((await me(await tokenOf("unverified"))).status).toBe(401);
  });

  test("of somebody who is not known is refused, and says what to do", async () => {
    const refused = await me(await tokenOf("nobody"));
    expect(refused).toMatchObject({
      status: 401,
      body: { code: "unauthenticated", detail: expect.stringContaining("Ask whoever keeps the directory") },
    });
    expect(refused.headers["www-authenticate"]).toBe('Bearer realm="cairn"');
  });

  test("makes a learner of a newcomer where that is on, one of five at once", async () => {
    const welcoming = await startApp({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_PROVISION: true });
    welcoming.setNow(new Date());
    const token = await tokenOf("newcomer");
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => me(token, welcoming)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(answers[0]?.body.learner).toMatchObject({ name: "New Comer", email: "new@example.com", externalId: null, timeZone: "Asia/Tokyo" });
    expect(await welcoming.db.learner.count({ where: { subject: "newcomer" } })).toBe(1);
    await welcoming.close();
  });

  test("makes a learner of a newcomer whose claims are not to be kept, without those", async () => {
    const welcoming = await startApp({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_PROVISION: true });
    welcoming.setNow(new Date());
    expect((await me(await tokenOf("odd"), welcoming)).body.learner).toMatchObject({ name: "odd", email: null });
    expect((await me(await tokenOf("long"), welcoming)).body.learner).toMatchObject({ name: "x".repeat(199) });
    expect((await welcoming.admin.get("/v1/learners")).status).toBe(200);
    await welcoming.close();
  });

  test("makes an admin of who has the claim, as a person", async () => {
    const boss = await buildLearner(api.db, { subject: "boss" });
    expect((await me(await tokenOf("boss"))).body).toMatchObject({ role: "admin", apiKey: null, learner: { id: boss.id } });
    expect((await api.as(await tokenOf("boss")).post("/v1/teams", { name: "By a person" })).status).toBe(201);
  });

  test("leaves an admin the person they are: their own notes, and the reviews that wait on them", async () => {
    const boss = await api.db.learner.upsert({
      where: { subject: "boss" },
      create: { id: uuidv7(), name: "Boss", subject: "boss", timeZone: "UTC" },
      update: {},
    });
    const client = api.as(await tokenOf("boss"));
    const own = await buildSession(api.db, { learnerId: boss.id, note: "mine alone" });
    expect((await client.get(`/v1/learners/${boss.id}/study-sessions/${own.id}`)).body.note).toBe("mine alone");

    const team = await buildTeam(api.db, { leadId: boss.id });
    const elsewhere = await buildTeam(api.db, { leadId: (await buildLearner(api.db)).id });
    const [led, other] = [await buildMember(api.db, team.id), await buildMember(api.db, elsewhere.id)];
    const [theirs, others] = [
      await buildReview(api.db, { learnerId: led.id, askedAt: new Date() }),
      await buildReview(api.db, { learnerId: other.id, askedAt: new Date() }),
    ];
    const waiting = async (id: string) => (await client.get(`/v1/teams/${id}/growth`)).body.reviewsWaiting.total;
    expect([await waiting(team.id), await waiting(elsewhere.id)]).toEqual([1, 0]);
    const answer = (review: Review) =>
      client.put(`/v1/learners/${review.learnerId}/goals/${review.goalId}/reviews/${review.id}/answer`, { verdict: "endorsed" }, { "If-Match": '"1"' });
    expect((await answer(theirs)).body).toMatchObject({ verdict: "endorsed", answeredById: boss.id });
    expect((await answer(others)).status).toBe(403);
  });

  test("keeps an Idempotency-Key to its person", async () => {
    const ada = await api.db.learner.upsert({
      where: { subject: "ada" },
      create: { id: uuidv7(), name: "Ada", subject: "ada", timeZone: "UTC" },
      update: {},
    });
    const client = api.as(await tokenOf("ada"));
    const create = () => client.post(`/v1/learners/${ada.id}/goals`, { title: "Once" }, { "Idempotency-Key": "once" });
    const [one, again] = [await create(), await create()];
    expect([one.status, again.status, again.headers["idempotency-replayed"], again.body.id]).toEqual([201, 201, "true", one.body.id]);
  });
});

describe("a token that is not the provider's, or not for this service, is refused", () => {
  const now = () => Math.floor(Date.now() / 1000);
  const claims = (): Claims => ({ iss: issuer, aud: AUDIENCE, sub: "ada", iat: now(), exp: now() + 300 });
  const sign = (payload: Claims, header: Partial<JWTHeaderParameters> = {}, key = first) =>
    new SignJWT(payload).setProtectedHeader({ alg: "RS256", kid: key.kid, typ: "at+jwt", ...header }).sign(key.private);
  const without = (name: string) => Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name));
  const parts = (header: object, payload: object, signature = "") =>
    `${base64url.encode(JSON.stringify(header))}.${base64url.encode(JSON.stringify(payload))}.${signature}`;

  beforeAll(async () => {
    await api.db.learner.upsert({ where: { subject: "ada" }, create: { id: uuidv7(), name: "Ada", subject: "ada", timeZone: "UTC" }, update: {} });
  });

  test("while one that is signed like the provider's own is accepted", async () => {
    expect((await me(await sign(claims()))).status).toBe(200);
    expect((await me(await sign({ ...claims(), aud: ["another", AUDIENCE] }))).status).toBe(200);
    // Within the skew of the clocks.
    expect((await me(await sign({ ...claims(), exp: now() - 20 }))).status).toBe(200);
    expect((await me(await sign({ ...claims(), nbf: now() + 20 }))).status).toBe(200);
    expect((await me(await sign({ ...claims(), iat: now() + 20 }))).status).toBe(200);
    expect((await me(await sign({ ...claims(), iat: now() - 86_420 }))).status).toBe(200);
    expect((await me(await sign(claims(), { typ: "application/at+jwt" }))).status).toBe(200);
    expect((await me(await sign(claims(), { typ: "AT+JWT" }))).status).toBe(200);
  });

  const attacks: Record<string, () => Promise<string> | string> = {
    "without a signature, alg none": () => new UnsecuredJWT(claims()).encode(),
    "alg none by hand": () => parts({ alg: "none", kid: "first" }, claims()),
    "alg NONE": () => parts({ alg: "NONE", kid: "first" }, claims()),
    "alg nOnE with a signature": async () => parts({ alg: "nOnE" }, claims(), (await sign(claims())).split(".")[2]),
    "no alg": () => parts({ kid: "first" }, claims(), "AAAA"),
    "alg null": () => parts({ alg: null, kid: "first" }, claims(), "AAAA"),
    "HS256 with the public key for a secret": () => hmac(JSON.stringify(first.publicJwk), claims()),
    "HS256 with the key's modulus for a secret": () => hmac(first.publicJwk.n as string, claims()),
    "HS256 with an empty secret": () => hmac("", claims()),
    "an algorithm that is not allowed": async () => new SignJWT(claims()).setProtectedHeader({ alg: "PS256", kid: "first" }).sign(await pssKey()),
    "the signature removed": async () => `${(await sign(claims())).split(".").slice(0, 2).join(".")}.`,
    "the signature changed": async () => flip(await sign(claims()), 2),
    "the payload changed": async () => replacePayload(await sign(claims()), { ...claims(), sub: "boss" }),
    "the header changed": async () => flip(await sign(claims()), 0),
    "another issuer": () => sign({ ...claims(), iss: "https://elsewhere.example" }),
    "an issuer with a slash more": () => sign({ ...claims(), iss: `${issuer}/` }),
    "no issuer": () => sign(without("iss")),
    "another audience": () => sign({ ...claims(), aud: "https://other.example" }),
    "an audience that begins alike": () => sign({ ...claims(), aud: `${AUDIENCE}.evil.example` }),
    "no audience": () => sign(without("aud")),
    "an empty audience": () => sign({ ...claims(), aud: [] }),
    "a key id that the provider does not have": () => sign(claims(), { kid: "unknown" }),
    "a key of one's own under the provider's id": async () => sign(claims(), { kid: "first" }, await makeKey("own")),
    "a key of one's own in the header": async () => {
      const own = await makeKey("own");
      return sign(claims(), { kid: "own", jwk: own.publicJwk }, own);
    },
    "a key set of one's own in the header": async () => sign(claims(), { kid: "own", jku: "http://127.0.0.1:1/jwks" }, await makeKey("own")),
    "a certificate address in the header": async () => sign(claims(), { kid: "own", x5u: "http://127.0.0.1:1/x5u" }, await makeKey("own")),
    "a key id that is a path": () => sign(claims(), { kid: "../../../../dev/null" }),
    "a critical header that nobody knows": () =>
      sign(claims(), { crit: ["exp-hack"], "exp-hack": true } as Partial<JWTHeaderParameters>).catch(() =>
        parts({ alg: "RS256", kid: "first", crit: ["x"], x: 1 }, claims(), "AAAA"),
      ),
    expired: () => sign({ ...claims(), exp: now() - 31 }),
    "expired for years": () => sign({ ...claims(), exp: 1 }),
    "without an expiry": () => sign(without("exp")),
    "an expiry that is a text": () => sign({ ...claims(), exp: "2999-01-01" as unknown as number }).catch(() => "eyJh.eyJh.AAAA"),
    "not yet valid": () => sign({ ...claims(), nbf: now() + 60 }),
    "without a subject": () => sign(without("sub")),
    "an empty subject": () => sign({ ...claims(), sub: "" }),
    "a subject that is a number": () => parts({ alg: "RS256", kid: "first" }, { ...claims(), sub: 7 }, "AAAA"),
    "a subject that is longer than any": () => sign({ ...claims(), sub: "a".repeat(201) }),
    "a subject with the NUL character": () => sign({ ...claims(), sub: "ada\0" }),
    "a subject with space around it": () => sign({ ...claims(), sub: " ada" }),
    "without a type": () => sign(claims(), { typ: undefined }),
    "of the type that any token has": () => sign(claims(), { typ: "JWT" }),
    "of the type of a logout token": () => sign(claims(), { typ: "logout+jwt" }),
    "of the type of a security event": () => sign(claims(), { typ: "secevent+jwt" }),
    "of the type of a proof of possession": () => sign(claims(), { typ: "dpop+jwt" }),
    "of a type that begins alike": () => sign(claims(), { typ: "at+jwt2" }),
    "a logout token by its events": () => sign({ ...claims(), events: { "http://schemas.openid.net/event/backchannel-logout": {} } }),
    "events that are empty": () => sign({ ...claims(), events: {} }),
    "bound to a key of its sender's": () => sign({ ...claims(), cnf: { jkt: "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } }),
    "bound to a certificate": () => sign({ ...claims(), cnf: { "x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2" } }),
    "an ID token by its nonce": () => sign({ ...claims(), nonce: "n-0S6_WzA2Mj" }),
    "an ID token by its at_hash": () => sign({ ...claims(), at_hash: "fPlsvVszI29LU2UhDyJ9vg" }),
    "an ID token by its c_hash": () => sign({ ...claims(), c_hash: "LDktKdoQak3Pk0cnXxCltA" }),
    "without the time of its issue": () => sign(without("iat")),
    "issued too long ago, and far from its expiry": () => sign({ ...claims(), iat: now() - 86_431, exp: now() + 86_400 }),
    "issued in time to come": () => sign({ ...claims(), iat: now() + 31 }),
    "a time of issue that is a text": () => parts({ alg: "RS256", kid: "first", typ: "at+jwt" }, { ...claims(), iat: "now" }, "AAAA"),
    "a payload that is said not to be encoded": () => parts({ alg: "RS256", kid: "first", typ: "at+jwt", b64: false, crit: ["b64"] }, claims(), "AAAA"),
    huge: () => sign({ ...claims(), padding: "x".repeat(9_000) }),
    nested: async () => sign({ ...claims(), sub: await sign(claims()) }),
    encrypted: async () => new CompactEncrypt(new TextEncoder().encode("x")).setProtectedHeader({ alg: "dir", enc: "A128GCM" }).encrypt(new Uint8Array(16)),
    "a payload that is not JSON": () => `${base64url.encode(JSON.stringify({ alg: "RS256", kid: "first" }))}.AAAA.AAAA`,
    "nothing but dots": () => "eyJ..",
    "four parts": async () => `${await sign(claims())}.AAAA`,
  };

  test.each(Object.entries(attacks))("%s", async (_, attack) => {
    const refused = await me(await attack());
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 401, code: "unauthenticated" });
  });

  test("and there are more than sixty ways of it", () => {
    expect(Object.keys(attacks).length).toBeGreaterThanOrEqual(60);
  });

  describe("where a claim tells access tokens", () => {
    const onService = async (claim: string, payload: Claims, typ: string | undefined) => {
      const told = await startApp({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE, OIDC_ACCESS_TOKEN_CLAIM: claim });
      await buildLearner(told.db, { subject: "ada" });
      const { status } = await me(await sign({ ...claims(), ...payload }, { typ }), told);
      await told.close();
      return status;
    };

    test.each([
      ["token_use=access", { token_use: "access" }, undefined, 200],
      ["token_use=access", { token_use: "access" }, "JWT", 200],
      ["token_use=access", { token_use: "id" }, "JWT", 401],
      ["token_use=access", {}, "JWT", 401],
      ["token_use=access", {}, "at+jwt", 200],
      ["token_use=access", { token_use: "access" }, "logout+jwt", 401],
      ["token_use=access", { token_use: "access", nonce: "n" }, "JWT", 401],
      ["typ=Bearer", { typ: "Bearer" }, "JWT", 200],
      ["typ=Bearer", { typ: "ID" }, "JWT", 401],
      ["scp", { scp: "cairn" }, "JWT", 200],
      ["scp", { scp: "" }, "JWT", 401],
      ["scp=cairn", { scp: "openid cairn" }, "JWT", 200],
      ["scp=cairn", { scp: ["openid", "cairn"] }, "JWT", 200],
      ["scp=cairn", { scp: "openid cairns" }, "JWT", 401],
    ])("%s in %j with the type %s is answered %i", async (claim, payload, typ, status) => {
      expect(await onService(claim, payload, typ)).toBe(status);
    });
  });

  test("an API key still signs in beside them", async () => {
    expect((await api.admin.get("/v1/me")).body).toMatchObject({ role: "admin", apiKey: { name: "ADMIN_API_KEY" } });
  });
});

test("a service without a provider takes no tokens", async () => {
  const alone = await startApp();
  expect((await me(await tokenOf("ada"), alone)).status).toBe(401);
  await alone.close();
});

// Restarts the provider, so it comes last.
describe("when the provider's keys change", () => {
  test("known keys stand while it is away, and new ones are neither accepted nor called wrong", async () => {
    const later = await startApp({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE });
    later.setNow(new Date());
    await buildLearner(later.db, { subject: "ada" });
    const old = await tokenOf("ada");
    expect((await me(old, later)).status).toBe(200);

    await stop(provider);
    const start = Date.now();
    const minutesLater = (minutes: number) => jest.spyOn(Date, "now").mockReturnValue(start + minutes * 60_000);
    minutesLater(11);
    expect((await me(old, later)).status).toBe(200);
    minutesLater(12);
    const unknown = await me(await signedBySecond(), later);
    expect(unknown).toMatchObject({ status: 503, body: { code: "unavailable", detail: expect.stringContaining("identity provider") } });
    expect(unknown.headers["retry-after"]).toBeDefined();

    jest.restoreAllMocks();
    provider = await startIssuer(second);
    const fresh = await tokenOf("ada");
    minutesLater(13);
    expect((await me(fresh, later)).status).toBe(200);
    expect((await me(old, later)).status).toBe(401);
    jest.restoreAllMocks();
    await later.close();
  });

  test("a service that has never reached it says that it cannot know", async () => {
    await stop(provider);
    const token = await signedBySecond();
    const cold = await startApp({ OIDC_ISSUER: issuer, OIDC_AUDIENCE: AUDIENCE });
    expect(await me(token, cold)).toMatchObject({ status: 503, body: { code: "unavailable" } });
    expect((await cold.admin.get("/v1/me")).status).toBe(200);
    await cold.close();
  });
});

function signedBySecond(): Promise<string> {
  const claims = { iss: issuer, aud: AUDIENCE, sub: "ada", iat: Math.floor(Date.now() / 1000), exp: 4_000_000_000 };
  return new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "second", typ: "at+jwt" }).sign(second.private);
}

async function tokenOf(subject: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${subject}:a+secret+of+the+tests`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  expect({ status: response.status, parts: access_token?.split(".").length }).toEqual({ status: 200, parts: 3 });
  return access_token;
}

async function startIssuer(key: Key): Promise<ChildProcess> {
  const settings = { issuer, port, audience: AUDIENCE, algorithm: "RS256", keys: [key.jwk], people: PEOPLE };
  const child = spawn(process.execPath, [path.join(__dirname, "../setup/issuer.mjs"), JSON.stringify(settings)], { stdio: ["ignore", "pipe", "ignore"] });
  await once(child.stdout as NodeJS.ReadableStream, "data");
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill();
  await once(child, "exit");
}

async function makeKey(kid: string): Promise<Key> {
  const pair = await generateKeyPair("RS256", { extractable: true });
  const named = { kid, alg: "RS256", use: "sig" };
  return {
    kid,
    private: pair.privateKey,
    jwk: { ...(await exportJWK(pair.privateKey)), ...named },
    publicJwk: { ...(await exportJWK(pair.publicKey)), ...named },
  };
}

async function pssKey(): Promise<PrivateKey> {
  return (await generateKeyPair("PS256")).privateKey;
}

async function hmac(secret: string, payload: Claims): Promise<string> {
  const { createHmac } = await import("node:crypto");
  const signed = `${base64url.encode(JSON.stringify({ alg: "HS256", kid: "first" }))}.${base64url.encode(JSON.stringify(payload))}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

/** One character in the middle of a part, another. */
function flip(token: string, part: number): string {
  const all = token.split(".");
  const text = all[part] as string;
  const middle = Math.floor(text.length / 2);
  all[part] = `${text.slice(0, middle)}${text[middle] === "A" ? "B" : "A"}${text.slice(middle + 1)}`;
  return all.join(".");
}

function replacePayload(token: string, payload: Claims): string {
  const [header, , signature] = token.split(".");
  return `${header}.${base64url.encode(JSON.stringify(payload))}.${signature}`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port: free } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return free;
}
