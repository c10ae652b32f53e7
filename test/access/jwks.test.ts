import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import { issuerKeys } from "../../src/access/jwks";

// The issuer as it may be met: slow, wrong, or away. How its tokens are checked is in tokens.test.ts.

const HOUR_MS = 3_600_000;

let server: Server;
let issuer: string;
let key: JWK;
let asked: string[];
let answer: (path: string) => { status?: number; body: unknown };
beforeAll(async () => {
  key = { ...(await exportJWK((await generateKeyPair("RS256", { extractable: true })).publicKey)), kid: "first", alg: "RS256" };
  server = createServer((request, response) => {
    asked.push(request.url as string);
    const { status = 200, body } = answer(request.url as string);
    response.writeHead(status, { "Content-Type": "application/json", ...(status === 302 && { Location: String(body) }) });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  asked = [];
  answer = whole;
});
afterAll(() => server.close());

const discovery = () => ({ issuer, jwks_uri: `${issuer}/jwks` });
const whole = (path: string) => ({ body: path === "/jwks" ? { keys: [key] } : discovery() });
const find = (keys: ReturnType<typeof issuerKeys>, kid = "first") => keys({ alg: "RS256", kid }, { payload: "", signature: "" });
const away = { code: "unavailable" };

test("many at once ask the issuer once", async () => {
  const keys = issuerKeys(issuer, undefined, HOUR_MS);
  await Promise.all(Array.from({ length: 20 }, () => find(keys)));
  await find(keys);
  expect(asked).toEqual(["/.well-known/openid-configuration", "/jwks"]);
});

test("keys that are made up make nobody ask without end", async () => {
  let now = 0;
  const keys = issuerKeys(issuer, () => now, HOUR_MS);
  await find(keys);
  for (let count = 0; count < 50; count++) await expect(find(keys, `made up ${count}`)).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  expect(asked).toHaveLength(2);
  now = 11_000;
  for (let count = 0; count < 50; count++) await expect(find(keys, `made up ${count}`)).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
  expect(asked).toHaveLength(4);
});

test("after ten minutes they are read anew, so that a key that was withdrawn ends", async () => {
  let now = 0;
  const keys = issuerKeys(issuer, () => now, HOUR_MS);
  await find(keys);
  answer = (path) => ({ body: path === "/jwks" ? { keys: [{ ...key, kid: "second" }] } : discovery() });
  now = 600_000;
  await expect(find(keys)).resolves.toBeDefined();
  now = 600_001;
  await expect(find(keys)).rejects.toMatchObject({ code: "ERR_JWKS_NO_MATCHING_KEY" });
});

test.each([
  ["answers with an error", () => ({ status: 500, body: {} })],
  ["answers with something else than JSON", () => ({ body: "<html>" })],
  ["has no keys", (path: string) => ({ body: path === "/jwks" ? { keys: [] } : discovery() })],
  ["names another issuer", () => ({ body: { ...discovery(), issuer: "https://elsewhere.example" } })],
  ["leads elsewhere", () => ({ status: 302, body: `${issuer}/jwks` })],
])("an issuer that %s is as good as away, and the last keys stand", async (_, broken) => {
  let now = 0;
  const keys = issuerKeys(issuer, () => now, HOUR_MS);
  answer = broken;
  await expect(find(keys)).rejects.toMatchObject(away);
  now = 20_000;
  answer = whole;
  await expect(find(keys)).resolves.toBeDefined();
  now = 700_000;
  answer = broken;
  await expect(find(keys)).resolves.toBeDefined();
  await expect(find(keys, "new")).rejects.toMatchObject(away);
});
