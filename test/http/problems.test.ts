import { connect } from "node:net";
import { PROBLEMS, type ProblemCode } from "../../src/errors";
import { everyOperation, fill, NOBODY } from "../access/operations";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";

const session = '"startedAt":"2026-06-16T08:00:00Z","minutes":90';

let api: TestApp;
let key: string;
let path: string;
beforeAll(async () => {
  api = await startApp();
  key = await buildKey(api.db, { role: "admin" });
  path = `/v1/learners/${(await buildLearner(api.db)).id}/study-sessions`;
});
afterAll(() => api.close());

type Answer = { status: number; headers: Record<string, string>; body: string };

/** Sends bytes as they are: what no HTTP client would send. */
function send(text: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(api.url).port), "127.0.0.1", () => socket.write(text));
    let received = "";
    socket.setEncoding("utf8").on("data", (data) => {
      received += data;
    });
    socket.on("error", reject).on("close", () => {
      const [head = "", body = ""] = received.split("\r\n\r\n");
      const [statusLine = "", ...lines] = head.split("\r\n");
      const headers = Object.fromEntries(lines.map((line) => [line.split(": ")[0]?.toLowerCase(), line.split(": ")[1]]));
      resolve({ status: Number(statusLine.split(" ")[1]), headers, body });
    });
  });
}

function sendTo(target: string, { method = "GET", headers = "", body = "", key: secret = key } = {}): Promise<Answer> {
  const length = body ? `Content-Length: ${Buffer.byteLength(body)}\r\n` : "";
  return send(`${method} ${target} HTTP/1.1\r\nHost: cairn\r\nConnection: close\r\nAuthorization: Bearer ${secret}\r\n${headers}${length}\r\n${body}`);
}

const post = (body: string, type = "application/json") => sendTo(path, { method: "POST", headers: `Content-Type: ${type}\r\n`, body });

function expectProblem({ status, headers, body }: Answer, code: ProblemCode): void {
  expect([status, headers["content-type"]]).toEqual([PROBLEMS[code].status, "application/problem+json"]);
  expect(JSON.parse(body)).toMatchObject({
    type: `urn:cairn:problem:${code}`,
    code,
    title: PROBLEMS[code].title,
    status: PROBLEMS[code].status,
    detail: expect.stringMatching(/./),
    requestId: expect.stringMatching(/./),
  });
}

test("a problem is whole: what, why, where, and the id it was logged under", async () => {
  const { status, body, headers, type } = await api.admin.post(path, { startedAt: "2026-06-16T08:00:00Z", minutes: 1441, "a/b~c": 1 });
  expect([status, type]).toEqual([400, "application/problem+json"]);
  expect(body).toEqual({
    type: "urn:cairn:problem:invalid-request",
    code: "invalid-request",
    title: "The request is not valid",
    status: 400,
    detail: "Correct what `errors` lists and send the request again.",
    errors: [
      { pointer: "#/minutes", detail: expect.stringContaining("1440") },
      { pointer: "#/a~1b~0c", detail: expect.stringMatching(/^Unknown here\. Remove it, or check how it is spelt\. Known are startedAt, /) },
    ],
    requestId: headers["x-request-id"],
  });
});

describe("addresses", () => {
  test.each(["/v1", "/v1/", "/v1/nothing", "/v2/me", "/v1/me/", "//v1/me", "/V1/me", "/v1/learners/../me", "/v1/learners/1/2/3/4/5", "/.env"])(
    "there is nothing at %s",
    async (target) => {
      expectProblem(await sendTo(target), "not-found");
    },
  );

  test.each(["/v1/learners/%", "/v1/learners/%zz", "/v1/learners/%ff", "/v1/%c0%af"])("%s is no address", async (target) => {
    expectProblem(await sendTo(target), "invalid-request");
  });

  test.each(["/v1/learners?limit=1", "http://evil.example/v1/learners?limit=1"])(
    "the next page of %s is at this service, whatever host was named",
    async (target) => {
      await buildLearner(api.db);
      const { status, headers } = await sendTo(target, { headers: "X-Forwarded-Host: evil.example\r\n" });
      expect([status, headers.link]).toEqual([200, expect.stringMatching(/^<\/v1\/learners\?limit=1&cursor=[^>]+>; rel="next"$/)]);
    },
  );

  test("an expectation that nobody knows is nobody's to meet", async () => {
    expect((await sendTo("/v1/me", { headers: "Expect: wonders\r\n" })).status).toBe(200);
    expectProblem(await sendTo("/v1/nothing", { headers: "Expect: wonders\r\n" }), "not-found");
  });

  test.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])("%s changes no method", async (name) => {
    expect((await sendTo("/v1/me", { headers: `${name}: DELETE\r\n` })).status).toBe(200);
  });

  test.each(["/v1/learners?q=%00", "/v1/learners/%00", "/v1/teams?q=a%00b", "/v1/resources?q=%00", "/v1/resources?skill=%00", "/v1/learners?externalId=%00"])(
    "a NUL in %s is refused",
    async (target) => {
      expectProblem(await sendTo(target), "invalid-request");
    },
  );

  test.each(["?__proto__=1", "?constructor=1", "?q[]=a", "?q[$ne]=a", "?limit[]=1", "?Q=a"])("the parameter %s is unknown", async (query) => {
    expectProblem(await sendTo(`/v1/learners${query}`), "invalid-request");
  });

  test.each(["?q=%ff", "?q=%", "?q=%zz", "?q=a%c0%af", "?q=%ed%a0%80", "?%ff=1", "?q=a&limit=1%e2%82"])("the query %s is no UTF-8", async (query) => {
    expectProblem(await sendTo(`/v1/learners${query}`), "invalid-request");
  });

  test.each(["?q=%f0%9f%9a%80", "?q=%25_%5c", "?q='%20OR%201=1--"])("%s finds nobody", async (query) => {
    const { status, body } = await sendTo(`/v1/learners${query}`);
    expect([status, JSON.parse(body).items]).toEqual([200, []]);
  });

  test("a long address is refused", async () => {
    expectProblem(await sendTo(`/v1/learners?q=${"a".repeat(10_000)}`), "invalid-request");
    expectProblem(await sendTo(`/v1/learners?q=${"a".repeat(100_000)}`), "headers-too-large");
    const { status } = await sendTo(`/v1/learners/${"a".repeat(1_000)}`);
    expect([400, 404]).toContain(status);
  });
});

describe("methods", () => {
  test("HEAD is GET without its body", async () => {
    const [head, get] = [await sendTo("/v1/me", { method: "HEAD" }), await sendTo("/v1/me")];
    expect([head.status, head.body, head.headers["content-length"]]).toEqual([200, "", String(get.body.length)]);
  });

  const everyPath = [...new Set(everyOperation.map(({ path }) => path))];
  // What is sent as it is read has no HEAD.
  const STREAMS = ["/v1/exports/study-sessions", "/v1/learners/{learnerId}/export"];
  const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];

  test.each(everyPath)("%s takes its own methods alone, and names them to anybody, whatever is stored", async (template) => {
    const taken = everyOperation.filter(({ path }) => path === template).map(({ method }) => method.toUpperCase());
    const allowed = [...taken, ...(taken.includes("GET") && !STREAMS.includes(template) ? ["HEAD"] : [])].sort();
    const target = fill(template, () => NOBODY);
    for (const method of METHODS.filter((each) => !allowed.includes(each))) {
      const answers = await Promise.all([sendTo(target, { method }), sendTo(`${target}?q=a`, { method, key: "unknown" })]);
      for (const { status, headers, body } of answers) {
        expect([method, status, headers.allow]).toEqual([method, 405, allowed.join(", ")]);
        if (method === "HEAD") continue;
        const detail = `This address does not take ${method}. Send one of these: ${allowed.join(", ")}.`;
        expect(JSON.parse(body)).toMatchObject({ code: "method-not-allowed", status: 405, detail });
      }
    }
  });

  test.each(["OPTIONS", "TRACE", "PROPFIND", "DELETE", "PUT"])("%s is not served", async (method) => {
    expectProblem(await sendTo("/v1/me", { method }), "method-not-allowed");
    expectProblem(await sendTo("/v1/m%65", { method }), "method-not-allowed");
    expectProblem(await sendTo("http://evil.example/v1/me?a=b", { method }), "method-not-allowed");
    for (const target of ["/v1/nothing", "/v1/me/", "/V1/me", "/v1/learners/1/2", "*"]) {
      const answer = await sendTo(target, { method });
      expectProblem(answer, "not-found");
      expect(answer.headers).not.toHaveProperty("allow");
    }
  });

  test("a body of whatever type is not asked after where the method is not taken", async () => {
    expectProblem(await sendTo("/v1/me", { method: "POST", headers: "Content-Type: text/plain\r\n", body: "a" }), "method-not-allowed");
    expectProblem(await sendTo("/v1/me", { method: "POST", headers: "Content-Type: application/json\r\n", body: "{}" }), "method-not-allowed");
  });

  test("a method that HTTP does not know is refused", async () => {
    expectProblem(await sendTo("/v1/me", { method: "FETCH" }), "invalid-request");
  });
});

describe("bodies", () => {
  test.each([
    ["a text that is not JSON", "minutes=90"],
    ["half of an object", `{${session}`],
    ["two objects", `{${session}}{${session}}`],
    ["single quotes", "{'minutes':90}"],
    ["__proto__", `{${session},"__proto__":{"minutes":5}}`],
    ["__proto__ further down", `{${session},"split":{"__proto__":{"social":5}}}`],
    ["constructor.prototype", `{${session},"constructor":{"prototype":{"minutes":5}}}`],
    ["null", "null"],
    ["a string", '"minutes"'],
    ["a number", "90"],
    ["a list", `[{${session}}]`],
    ["a hundred thousand brackets", "[".repeat(100_000) + "]".repeat(100_000)],
    ["a hundred thousand objects within a field", `{${session},"note":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`],
    ["an empty text", ""],
  ])("%s is refused", async (_, body) => {
    expectProblem(await post(body), "invalid-request");
    expect(await api.db.studySession.count()).toBe(0);
  });

  test.each(["text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", ";;;", "*/*"])(
    "%s is an unknown type",
    async (type) => {
      expectProblem(await post(`{${session}}`, type), "unsupported-media-type");
    },
  );

  test("a body without a type is not guessed at", async () => {
    expectProblem(await sendTo(path, { method: "POST", body: `{${session}}` }), "unsupported-media-type");
  });

  test.each(["application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "APPLICATION/JSON"])("%s is JSON", async (type) => {
    expect((await post(`{${session}}`, type)).status).toBe(201);
  });

  test("a merge patch may be called one", async () => {
    const { body } = await post(`{${session}}`);
    const headers = "Content-Type: application/merge-patch+json\r\n";
    expect((await sendTo(`${path}/${JSON.parse(body).id}`, { method: "PATCH", headers, body: '{"minutes":5}' })).status).toBe(200);
  });

  test.each([
    ["a field that comes twice", `{${session},"minutes":5}`],
    ["a field that comes twice with the same value", `{${session},"minutes":90}`],
    ["a field that comes twice, once with an escape", `{${session},"m\\u0069nutes":5}`],
    ["a field that comes twice further down", `{"startedAt":"2026-06-16T08:00:00Z","minutes":90,"split":{"social":1,"social":2}}`],
  ])("%s is refused", async (_, body) => {
    const before = await api.db.studySession.count();
    const answer = await post(body);
    expectProblem(answer, "invalid-request");
    expect(JSON.parse(answer.body).errors).toEqual([{ pointer: "#", detail: "A field is named twice in one object. Leave one out." }]);
    expect(await api.db.studySession.count()).toBe(before);
  });

  test.each(['a: "b": {"c": 1}', "\\", '\\"', '":"', '\\\\"a":1', "{:}"])("no field is counted in the text %j", async (note) => {
    expect((await post(`{${session},"note":${JSON.stringify(note)}}`)).status).toBe(201);
  });

  const noted = (bytes: number[]) => Buffer.concat([Buffer.from(`{${session},"note":"`), Buffer.from(bytes), Buffer.from('"}')]);
  const postBytes = (body: Buffer, headers = "Content-Type: application/json\r\n") =>
    send(
      Buffer.concat([
        Buffer.from(
          `POST ${path} HTTP/1.1\r\nHost: cairn\r\nConnection: close\r\nAuthorization: Bearer ${key}\r\n${headers}Content-Length: ${body.length}\r\n\r\n`,
        ),
        body,
      ]),
    );

  test.each([
    ["Latin-1", [0x63, 0x61, 0x66, 0xe9]],
    ["a lone continuation", [0x80]],
    ["a character that is cut", [0xe2, 0x82]],
    ["an overlong slash", [0xc0, 0xaf]],
    ["half of a surrogate pair", [0xed, 0xa0, 0x80]],
    ["beyond Unicode", [0xf4, 0x90, 0x80, 0x80]],
    ["a byte that UTF-8 has not", [0xff]],
  ])("%s is no UTF-8, and refused", async (_, bytes) => {
    const before = await api.db.studySession.count();
    const answer = await postBytes(noted(bytes));
    expectProblem(answer, "invalid-request");
    expect(JSON.parse(answer.body).errors).toEqual([{ pointer: "#", detail: expect.stringContaining("not UTF-8") }]);
    expect(await api.db.studySession.count()).toBe(before);
  });

  test("UTF-8 is kept as it was sent, U+FFFD too, and a byte order mark before it is left out", async () => {
    const note = "caf\u00e9 \ufffd \ufeff 日本語 🪨";
    const answer = await postBytes(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), noted([...Buffer.from(note)])]));
    expect([answer.status, (await api.db.studySession.findFirstOrThrow({ where: { id: JSON.parse(answer.body).id } })).note]).toEqual([201, note]);
  });

  test.each([
    ["Content-Encoding: gzip", 415],
    ["Content-Encoding: br", 415],
    ["Content-Encoding: GZIP, identity", 415],
    ["Content-Encoding: utf-8", 415],
    ["Content-Encoding: identity", 201],
    ["Content-Encoding: Identity", 201],
    ["Content-Encoding: identity\r\nContent-Encoding: gzip", 415],
  ])("%s: %i", async (header, status) => {
    const answer = await postBytes(noted([0x61]), `Content-Type: application/json\r\n${header}\r\n`);
    expect(answer.status).toBe(status);
    if (status === 415) expectProblem(answer, "unsupported-media-type");
  });

  test.each(["iso-8859-1", '"utf-16"', "utf-8-x", "utf-8; charset=latin1"])("the character set %s is refused", async (charset) => {
    expectProblem(await post(`{${session}}`, `application/json; charset=${charset}`), "unsupported-media-type");
  });

  test("a body is refused by its announced length already", async () => {
    expectProblem(await sendTo(path, { method: "POST", headers: "Content-Type: application/json\r\nContent-Length: 99999999999\r\n" }), "body-too-large");
  });

  test("a body in pieces is counted as it comes", async () => {
    const chunk = `10000\r\n${"a".repeat(0x10000)}\r\n`.repeat(20);
    const headers = "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n";
    const { status, body } = await sendTo(path, { method: "POST", headers: `${headers}\r\n${chunk}0\r\n` });
    expect([status, JSON.parse(body).code]).toEqual([413, "body-too-large"]);
  });
});

describe("headers", () => {
  test("too large, they are refused", async () => {
    expectProblem(await sendTo("/v1/me", { headers: `X-Large: ${"a".repeat(20_000)}\r\n` }), "headers-too-large");
  });

  test.each([
    ["no HTTP", "hello\r\n\r\n"],
    ["a NUL in a header", "GET /livez HTTP/1.1\r\nHost: cairn\r\nX: a\0b\r\n\r\n"],
    ["two lengths", "POST /v1/learners HTTP/1.1\r\nHost: cairn\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"],
    ["a length and pieces", "POST /v1/learners HTTP/1.1\r\nHost: cairn\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ["a header that folds", "GET /livez HTTP/1.1\r\nHost: cairn\r\nX: a\r\n b\r\nContent-Length: x\r\n\r\n"],
  ])("%s is refused", async (_, text) => {
    expectProblem(await send(text), "invalid-request");
  });

  test.each([
    ["no HTTP", "hello\r\n\r\n", 400],
    ["an address that is none", "GET /v1/learners/%zz HTTP/1.1\r\nHost: cairn\r\nConnection: close\r\n\r\n", 400],
    ["headers that are too large", `GET /livez HTTP/1.1\r\nHost: cairn\r\nX-Large: ${"a".repeat(20_000)}\r\n\r\n`, 431],
  ])("%s is refused by an answer that no browser takes for a page and no cache keeps", async (_, text, status) => {
    const answer = await send(text);
    expect(answer).toMatchObject({
      status,
      headers: {
        "content-type": "application/problem+json",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none';frame-ancestors 'none'",
        "cache-control": "private, no-store",
        "x-request-id": JSON.parse(answer.body).requestId,
      },
    });
  });

  test.each(["Basic YTpi", "Bearer", "Bearer ", "Bearer a b", "bearer: x", `Bearer ${"a".repeat(300)}`])("Authorization: %s is nobody's", async (header) => {
    const { status, headers, body } = await api.as(null).get("/v1/me", { Authorization: header });
    expect([status, body.code, headers["www-authenticate"]]).toEqual([401, "unauthenticated", 'Bearer realm="cairn"']);
  });
});

test("no answer may be kept by a cache, and each has its id", async () => {
  for (const target of ["/v1/me", "/v1/nothing", "/livez", "/v1/learners/%00"]) {
    const { headers } = await sendTo(target);
    expect(headers).toMatchObject({ "cache-control": expect.stringContaining("no-store"), "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/) });
  }
});

test("an answer does not say what it is made with", async () => {
  const { headers } = await sendTo("/v1/nothing");
  expect(headers).not.toHaveProperty("server");
  expect(headers).not.toHaveProperty("x-powered-by");
});
