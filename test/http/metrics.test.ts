import { connect } from "node:net";
import Fastify from "fastify";
import { limitRequestsAtOnce } from "../../src/http/account";
import type { App } from "../../src/http/app-type";
import { answerProblems } from "../../src/http/problem";
import { beginRequest, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildSession } from "../setup/factories";

let api: TestApp;
beforeEach(async () => {
  api = await startApp({ REQUESTS_AT_ONCE: 2 });
});
afterEach(() => api.close());

async function metrics(): Promise<Map<string, number>> {
  const { status, type, text } = await api.as(null).get("/metrics");
  expect([status, type]).toEqual([200, "text/plain"]);
  const lines = text.split("\n").filter((line: string) => line && !line.startsWith("#"));
  return new Map(lines.map((line: string) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]));
}

test("requests are counted by route and status, whatever stands in the address", async () => {
  const { id } = await buildLearner(api.db);
  await api.admin.get(`/v1/learners/${id}`);
  await api.admin.get("/v1/learners/zanzibar");
  await api.as(null).get("/v1/me");
  await api.as(null).get("/zanzibar");
  const found = await metrics();
  const count = (method: string, route: string, status: number) =>
    found.get(`http_request_duration_seconds_count{method="${method}",route="${route}",status="${status}"}`);
  expect(count("GET", "/v1/learners/:learnerId", 200)).toBe(1);
  expect(count("GET", "/v1/learners/:learnerId", 400)).toBe(1);
  expect(count("GET", "/v1/me", 401)).toBe(1);
  expect(count("GET", "none", 404)).toBe(1);
  expect([...found.keys()].join()).not.toContain("zanzibar");
  expect(found.get("http_requests_under_way")).toBe(1);
  expect(found.get("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThan(0);
});

test("metrics may have a port of their own, where there is nothing else, and everywhere else there are none", async () => {
  const moved = await startApp({ METRICS_PORT: 0 });
  const address = moved.log.map((line) => /Metrics at (http:\S+)\/metrics/.exec(line)?.[1]).find(Boolean) as string;
  expect((await moved.admin.get("/v1/me")).status).toBe(200);
  expect((await moved.as(null).get("/metrics")).body).toMatchObject({ code: "not-found" });
  const answer = await fetch(`${address}/metrics`);
  expect([answer.status, answer.headers.get("x-content-type-options"), await answer.text()]).toEqual([
    200,
    "nosniff",
    expect.stringContaining('route="/v1/me",status="200"'),
  ]);
  for (const path of ["/v1/me", "/livez", "/openapi.json", "/docs"]) {
    const nothing = await fetch(`${address}${path}`);
    expect([nothing.status, await nothing.json()]).toEqual([404, expect.objectContaining({ code: "not-found" })]);
  }
  await moved.close();
  await expect(fetch(`${address}/metrics`)).rejects.toThrow();
});

test("a port for metrics that is taken stops the start", async () => {
  const { port } = new URL(api.url);
  await expect(startApp({ METRICS_PORT: Number(port) })).rejects.toMatchObject({ code: "EADDRINUSE" });
});

test("what comes while enough is worked on is turned away at the door", async () => {
  const app = Fastify() as unknown as App;
  answerProblems(app);
  limitRequestsAtOnce(app, 2);
  let open = () => {};
  const gate = new Promise<string>((resolve) => {
    open = () => resolve("through");
  });
  app.get("/", () => gate);
  const within = [app.inject("/").then(({ statusCode }) => statusCode), app.inject("/").then(({ statusCode }) => statusCode)];
  await new Promise(setImmediate);
  const { statusCode, headers, json } = await app.inject("/");
  expect([statusCode, headers["retry-after"], json().code]).toEqual([503, "2", "unavailable"]);
  open();
  expect(await Promise.all(within)).toEqual([200, 200]);
  expect((await app.inject("/")).statusCode).toBe(200);
});

test("who is slow to send takes nobody's place", async () => {
  const slow = await Promise.all([1, 2, 3].map(() => beginRequest(api.url, "/v1/learners")));
  while ((await metrics()).get("http_requests_under_way") !== 4);
  expect((await api.admin.get("/v1/me")).status).toBe(200);
  for (const { hangUp } of slow) hangUp();
});

test("who sends without reading is answered sixteen times at once", async () => {
  const socket = connect({ host: "127.0.0.1", port: Number(new URL(api.url).port) });
  let text = "";
  socket.on("data", (chunk) => {
    text += chunk;
  });
  socket.write("GET /openapi.json HTTP/1.1\r\nHost: test\r\n\r\n".repeat(20));
  const statuses = () => [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => status);
  while (statuses().length < 20) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(statuses()).toEqual([...Array(16).fill("200"), ...Array(4).fill("503")]);
  socket.destroy();
});

test("sums of months are compared with their sessions a little at each reading, and in the end all", async () => {
  const learners = [];
  for (let n = 0; n < 7; n++) learners.push(await buildLearner(api.db));
  for (const { id } of learners) await buildSession(api.db, { learnerId: id });
  const compared = async (result: string) => (await metrics()).get(`learner_months_compared_total{result="${result}"}`) as number;
  while ((await compared("equal")) < 14);
  expect(await compared("differing")).toBe(0);
  await api.db.$executeRaw`UPDATE learner_months SET minutes = minutes + 1 WHERE learner_id = ${learners[6]?.id}::uuid`;
  while ((await compared("differing")) < 1);
});
