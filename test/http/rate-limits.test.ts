import { request as httpRequest } from "node:http";
import { buildApp } from "../../src/app";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, keyOf } from "../setup/factories";

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

  test("who asks again before it may is refused about a second later, whoever else asks meanwhile, and without a look at the key", async () => {
    const learner = await buildLearner(api.db);
    const key = await keyOf(api.db, learner.id);
    const [greedy, modest] = [api.as(key), api.as(await buildKey(api.db, { role: "service" }))];
    for (let count = 0; count < 6; count++) await greedy.get("/v1/me");
    // Had it been looked up, it would be known no more.
    await api.db.apiKey.deleteMany({ where: { learnerId: learner.id } });
    let isRefused = false;
    const again = greedy.get("/v1/me").then((answer) => {
      isRefused = true;
      return answer;
    });
    expect((await modest.get("/v1/me")).status).toBe(200);
    expect(isRefused).toBe(false);
    const refused = await again;
    expect(refused).toMatchObject(tooMany);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect(refused.body.detail).toContain("5 requests in a minute");
    // A request of another kind has not been refused yet.
    expect((await greedy.get("/v1/resources?limit=200")).status).toBe(401);
  });

  test("stores nothing of what is turned away", async () => {
    const greedy = api.as(await buildKey(api.db, { role: "admin" }));
    for (let count = 0; count < 9; count++) await greedy.post("/v1/teams", { name: `Team ${count}` });
    expect(await api.db.team.count()).toBe(5);
  });
});

test("one person has one quota, with however many keys", async () => {
  const api = await startApp({ RATE_LIMIT_PER_MINUTE: 5 });
  const { id } = await buildLearner(api.db);
  const keys = [await keyOf(api.db, id), await keyOf(api.db, id), await keyOf(api.db, id)];
  const statuses = [];
  for (const key of [...keys, ...keys]) statuses.push((await api.as(key).get("/v1/me")).status);
  expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  const other = await keyOf(api.db, (await buildLearner(api.db)).id);
  expect((await api.as(other).get("/v1/me")).status).toBe(200);
  await api.close();
});

describe("one address", () => {
  let api: TestApp;
  beforeAll(async () => {
    api = await startApp({ SIGN_IN_FAILURES_PER_MINUTE: 3, TRUST_PROXY: ["127.0.0.1"] });
  });
  afterAll(() => api.close());

  const from = (address: string, key: string | null) => api.as(key).get("/v1/me", { "X-Forwarded-For": address });
  /** What so many failed sign-ins are answered, from these addresses in turns. */
  const fail = async (times: number, addresses: string[], key: string | null = "wrong") => {
    const statuses: number[] = [];
    for (let n = 0; n < times; n++) statuses.push((await from(addresses[n % addresses.length] as string, key)).status);
    return statuses;
  };
  const LIMITED = [401, 401, 401, 429, 429];

  test("may fail to sign in as often as the setting says, then is told when to come again", async () => {
    expect(await fail(5, ["10.0.0.1"])).toEqual(LIMITED);
    const refused = await from("10.0.0.1", "wrong");
    expect(refused).toMatchObject(tooMany);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    expect((await from("10.0.0.2", "wrong")).status).toBe(401);
  });

  test.each([
    ["without any", null],
    ["that are unknown", "wrong"],
    ["that are mistyped", "cairn_0"],
    ["that look like tokens", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ."],
  ])("that fails with credentials %s locks out no valid key beside them", async (name, credentials) => {
    const address = `10.1.0.${name.length}`;
    expect(await fail(70, [address], credentials)).toEqual([...Array(3).fill(401), ...Array(67).fill(429)]);
    const keys = [await buildKey(api.db, { role: "service" }), await buildKey(api.db, { role: "admin" }), await keyOf(api.db, (await buildLearner(api.db)).id)];
    for (const key of keys) expect((await from(address, key)).status).toBe(200);
    expect((await from(address, credentials)).status).toBe(429);
  });

  test("that signs in does not count, however often", async () => {
    const key = await buildKey(api.db, { role: "service" });
    for (let count = 0; count < 9; count++) expect((await from("10.0.0.3", key)).status).toBe(200);
    expect(await fail(4, ["10.0.0.3"])).toEqual([401, 401, 401, 429]);
  });

  test.each([
    ["an IPv6 network of 64 bits", ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:DB8:1:2::a"]],
    ["IPv4 written as IPv6", ["10.0.0.5", "::ffff:10.0.0.5", "::ffff:a00:5"]],
    ["a proxy that adds the port", ["10.0.0.6:1000", "10.0.0.6:1001", "10.0.0.6"]],
    ["a proxy that adds the port to IPv6", ["[2001:db8:9::1]:1000", "[2001:db8:9::1]:1001", "2001:db8:9::2"]],
    ["an interface of the proxy's", ["fe80::1%eth0", "fe80::1%eth1", "fe80::1"]],
    ["what a client puts before the proxy's word", ["1.1.1.1, 10.0.0.7", "2.2.2.2,10.0.0.7", "garbage, 10.0.0.7"]],
    ["what is no address", ["unknown", "garbage", "''", "999.1.1.1", "1.2.3.4.5:80", "::::", "[", "%"]],
  ])("is one as %s", async (_, addresses) => {
    expect(await fail(5, addresses)).toEqual(LIMITED);
  });

  test("is another in another IPv6 network", async () => {
    expect(await fail(3, ["2001:db8:5:1::1"])).toEqual([401, 401, 401]);
    expect(await fail(1, ["2001:db8:5:2::1"])).toEqual([401]);
  });

  /** Sends headers as they stand, in their order. */
  const askRaw = (path: string, headers: string[]) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      httpRequest(`${api.url}${path}`, { headers: ["Host", "test", ...headers] }, async (answer) => {
        let text = "";
        for await (const part of answer.setEncoding("utf8")) text += part;
        resolve({ status: answer.statusCode as number, text });
      })
        .on("error", reject)
        .end();
    });

  test("is the last that the proxy tells, in however many headers", async () => {
    const statuses = [];
    for (const first of ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"]) {
      statuses.push((await askRaw("/v1/me", ["X-Forwarded-For", first, "X-Forwarded-For", "10.0.0.8"])).status);
    }
    expect(statuses).toEqual([401, 401, 401, 429]);
  });

  test("cannot be made up by more headers than are read", async () => {
    const many = (count: number) => Array.from({ length: count }, (_, n) => [`x${n}`, "1"]).flat();
    for (const count of [198, 199, 999, 1_001]) {
      for (const path of ["/v1/me", "/v1/nothing", "/nothing", "/livez", "/openapi.json"]) {
        const { status, text } = await askRaw(path, [...many(count), "X-Forwarded-For", "10.0.0.9"]);
        expect([count, path, status, JSON.parse(text).code]).toEqual([count, path, 431, "headers-too-large"]);
        expect(text).toContain("199 headers");
      }
    }
    expect((await askRaw("/livez", many(150))).status).toBe(200);
  });
});

test("an address is what a proxy says only if the proxy is trusted", async () => {
  const api = await startApp({ SIGN_IN_FAILURES_PER_MINUTE: 2 });
  for (const address of ["10.0.0.1", "10.0.0.2"]) expect((await api.as("wrong").get("/v1/me", { "X-Forwarded-For": address })).status).toBe(401);
  expect((await api.as("wrong").get("/v1/me", { "X-Forwarded-For": "10.0.0.3" })).status).toBe(429);
  await api.close();
});

test("what needs no sign-in is answered to one address so often, and to others then", async () => {
  const api = await startApp({ RATE_LIMIT_PER_MINUTE: 5, TRUST_PROXY: ["127.0.0.1"] });
  const ask = (path: string, address: string) => api.as(null).get(path, { "X-Forwarded-For": address });
  const paths = ["/metrics", "/openapi.json", "/docs/json", "/docs/"];
  for (let n = 0; n < 300; n += 50) await Promise.all(Array.from({ length: 50 }, () => ask("/docs/json", "10.0.0.1")));
  for (const path of paths) expect([path, (await ask(path, "10.0.0.1")).status]).toEqual([path, 429]);
  for (const path of paths) expect([path, (await ask(path, "10.0.0.2")).status]).toEqual([path, 200]);
  for (const path of ["/livez", "/readyz"]) expect([path, (await ask(path, "10.0.0.1")).status]).toEqual([path, 200]);
  expect((await api.admin.get("/v1/me", { "X-Forwarded-For": "10.0.0.1" })).status).toBe(200);
  await api.close();
});

test("a counter that cannot be reached turns nobody away", async () => {
  const api = await startApp({ RATE_LIMIT_PER_MINUTE: 1, SIGN_IN_FAILURES_PER_MINUTE: 1, REDIS_URL: "redis://127.0.0.1:1" });
  for (let count = 0; count < 3; count++) expect((await api.admin.get("/v1/me")).status).toBe(200);
  for (let count = 0; count < 3; count++) expect((await api.as("wrong").get("/v1/me")).status).toBe(401);
  await api.close();
});

// Where there is a Redis, as .ci/run's machine may not have.
(process.env.TEST_REDIS_URL ? test : test.skip)("processes that share a Redis count together", async () => {
  const settings = { RATE_LIMIT_PER_MINUTE: 5, SIGN_IN_FAILURES_PER_MINUTE: 3, REDIS_URL: process.env.TEST_REDIS_URL, TRUST_PROXY: ["127.0.0.1"] };
  const first = await startApp(settings);
  const key = await buildKey(first.db, { role: "service" });
  const second = await buildApp({ config: { ...first.config, LOG_LEVEL: "silent" }, db: first.db });
  const headers = { "x-forwarded-for": `2001:db8:${Math.floor(Math.random() * 65_536).toString(16)}:${process.pid.toString(16).slice(-4)}::1` };
  const ask = async (n: number, secret: string) =>
    n % 2
      ? (await first.as(secret).get("/v1/me", headers)).status
      : (await second.inject({ url: "/v1/me", headers: { ...headers, authorization: `Bearer ${secret}` }, remoteAddress: "127.0.0.1" })).statusCode;
  const failed = [];
  for (let n = 0; n < 5; n++) failed.push(await ask(n, "wrong"));
  const answered = [];
  for (let n = 0; n < 7; n++) answered.push(await ask(n, key));
  expect([failed, answered]).toEqual([
    [401, 401, 401, 429, 429],
    [200, 200, 200, 200, 200, 429, 429],
  ]);
  await second.close();
  await first.close();
});
