import { startApp, type TestApp } from "../setup/app";
import { buildKey } from "../setup/factories";

const tooMany = { status: 429, type: "application/problem+json", body: { code: "too-many-requests", title: "Too many requests" } };

describe("one caller", () => {
  let api: TestApp;
  beforeAll(async () => {
    api = await startApp({ RATE_LIMIT_PER_MINUTE: 5 });
  });
  afterAll(() => api.close());

  test("is answered as often as it may ask in a minute, then told when to come again", async () => {
    const client = api.as(await buildKey(api.db, { role: "service" }));
    for (let count = 0; count < 5; count++) expect((await client.get("/v1/me")).status).toBe(200);
    const refused = await client.get("/v1/me");
    expect(refused).toMatchObject(tooMany);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(60);
    expect(refused.body.detail).toContain("5 requests in a minute");
  });

  test("does not use up what others may ask, nor what needs no caller", async () => {
    const [greedy, modest] = [api.as(await buildKey(api.db, { role: "service" })), api.as(await buildKey(api.db, { role: "service" }))];
    for (let count = 0; count < 9; count++) await greedy.get("/v1/me");
    expect((await greedy.get("/v1/me")).status).toBe(429);
    expect((await modest.get("/v1/me")).status).toBe(200);
    expect((await api.as(null).get("/livez")).status).toBe(200);
  });

  test("stores nothing of what is turned away", async () => {
    const greedy = api.as(await buildKey(api.db, { role: "admin" }));
    for (let count = 0; count < 9; count++) await greedy.post("/v1/teams", { name: `Team ${count}` });
    expect(await api.db.team.count()).toBe(5);
  });
});

describe("one address", () => {
  let api: TestApp;
  beforeAll(async () => {
    api = await startApp({ SIGN_IN_FAILURES_PER_MINUTE: 3, TRUST_PROXY: ["127.0.0.1"] });
  });
  afterAll(() => api.close());

  const from = (address: string, key: string | null) => api.as(key).get("/v1/me", { "X-Forwarded-For": address });

  test("that fails to sign in is turned away, with the right key, too", async () => {
    for (let count = 0; count < 4; count++) expect((await from("10.0.0.1", "wrong")).status).toBe(401);
    const key = await buildKey(api.db, { role: "service" });
    expect(await from("10.0.0.1", "wrong")).toMatchObject(tooMany);
    expect(await from("10.0.0.1", key)).toMatchObject(tooMany);
    expect((await from("10.0.0.2", key)).status).toBe(200);
  });

  test("that signs in does not count, however often", async () => {
    const key = await buildKey(api.db, { role: "service" });
    for (let count = 0; count < 9; count++) expect((await from("10.0.0.3", key)).status).toBe(200);
  });

  test("without any key is counted as well", async () => {
    for (let count = 0; count < 4; count++) expect((await from("10.0.0.4", null)).status).toBe(401);
    expect(await from("10.0.0.4", null)).toMatchObject(tooMany);
  });
});

test("an address is what a proxy says only if the proxy is trusted", async () => {
  const api = await startApp({ SIGN_IN_FAILURES_PER_MINUTE: 1 });
  for (const address of ["10.0.0.1", "10.0.0.2"]) expect((await api.as("wrong").get("/v1/me", { "X-Forwarded-For": address })).status).toBe(401);
  expect((await api.as("wrong").get("/v1/me", { "X-Forwarded-For": "10.0.0.3" })).status).toBe(429);
  await api.close();
});

test("a counter that cannot be reached turns nobody away", async () => {
  const api = await startApp({ RATE_LIMIT_PER_MINUTE: 1, SIGN_IN_FAILURES_PER_MINUTE: 1, REDIS_URL: "redis://127.0.0.1:1" });
  for (let count = 0; count < 3; count++) expect((await api.admin.get("/v1/me")).status).toBe(200);
  for (let count = 0; count < 3; count++) expect((await api.as("wrong").get("/v1/me")).status).toBe(401);
  await api.close();
});
