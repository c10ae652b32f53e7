import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const HOW = "Send the header Authorization: Bearer <API key or access token>.";
const OTHER_FORM = `The Authorization header has another form. ${HOW}`;
const MISTYPED = "The API key is mistyped or cut short: its checksum does not fit. Copy it again.";
const UNKNOWN = "The API key is not known here, was revoked, or has expired. Ask for a new one.";

const me = (authorization?: string) => api.as(null).get("/v1/me", authorization === undefined ? {} : { Authorization: authorization });

test("without a key nobody is known", async () => {
  const refused = await me();
  expect(refused).toMatchObject({ status: 401, type: "application/problem+json" });
  expect(refused.headers["www-authenticate"]).toBe('Bearer realm="cairn"');
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:unauthenticated",
    code: "unauthenticated",
    title: "Who is calling is not known",
    status: 401,
    detail: HOW,
    requestId: expect.any(String),
  });
});

test.each([
  ["another scheme", (key: string) => `Basic ${key}`, OTHER_FORM],
  ["no scheme", (key: string) => key, OTHER_FORM],
  ["no key", () => "Bearer", OTHER_FORM],
  ["two keys", (key: string) => `Bearer ${key} ${key}`, OTHER_FORM],
  ["two keys after a comma", (key: string) => `Bearer ${key}, Bearer ${key}`, OTHER_FORM],
  ["a key too long to be one", () => `Bearer ${"k".repeat(8_193)}`, OTHER_FORM],
  ["a digit mistyped", (key: string) => `Bearer ${withOtherDigit(key)}`, MISTYPED],
  ["the end cut off", (key: string) => `Bearer ${key.slice(0, -1)}`, MISTYPED],
  ["a character too many", (key: string) => `Bearer ${key}0`, MISTYPED],
  ["nothing but the prefix", () => "Bearer cairn_", MISTYPED],
  ["a key of something else", () => "Bearer ghp_0123456789abcdef", UNKNOWN],
])("%s is refused", async (_, authorization, detail) => {
  const key = await buildKey(api.db, { role: "service" });
  expect(await me(authorization(key))).toMatchObject({ status: 401, body: { code: "unauthenticated", detail } });
});

test("a key that was never stored is refused though well-formed", async () => {
  const key = await buildKey(api.db, { role: "service" });
  await api.db.apiKey.deleteMany({ where: { prefix: key.slice(0, 14) } });
  expect(await me(`Bearer ${key}`)).toMatchObject({ status: 401, body: { detail: UNKNOWN } });
});

test("a revoked key is refused from the next request on", async () => {
  const { id } = await buildLearner(api.db);
  const learner = api.as(await keyOf(api.db, id));
  const { body } = await learner.get("/v1/me");
  await learner.delete(`/v1/api-keys/${body.apiKey.id}`);
  expect(await learner.get("/v1/me")).toMatchObject({ status: 401, body: { detail: UNKNOWN } });
});

test.each(["Bearer", "bearer", "BEARER"])("the scheme may be written %s", async (scheme) => {
  expect((await me(`${scheme} ${await buildKey(api.db, { role: "service" })}`)).status).toBe(200);
});

test("callers at the same time are each taken for themselves, whatever is written meanwhile", async () => {
  const people = await Promise.all(Array.from({ length: 10 }, () => buildLearner(api.db)));
  const clients = await Promise.all(people.map(async ({ id }) => ({ id, client: api.as(await keyOf(api.db, id)) })));
  for (let round = 0; round < 10; round++) {
    const writes = [1, 2, 3].map((count) => api.admin.post("/v1/learners", { name: "Ada" }, { "Idempotency-Key": `${round}-${count}` }));
    const answers = await Promise.all(clients.map(async ({ client }) => (await client.get("/v1/me")).body.learner?.id));
    expect(answers).toEqual(people.map(({ id }) => id));
    expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([201, 201, 201]);
  }
});

/** The key with its tenth character replaced by another hexadecimal digit. */
function withOtherDigit(key: string): string {
  return key.slice(0, 9) + (key[9] === "0" ? "1" : "0") + key.slice(10);
}
