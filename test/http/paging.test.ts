import { createHash } from "node:crypto";
import { startApp, type TestApp } from "../setup/app";
import { buildStep } from "../setup/factories";

// The checksum of a cursor finds mistakes; it keeps nobody from making one up. What is made up
// is refused, or is a place in the list like any other.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const ID = "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e";

function madeUp(value: string, list: unknown): string {
  const checksum = createHash("sha256")
    .update(JSON.stringify([value, ID, ID, JSON.stringify(list)]))
    .digest("base64url")
    .slice(0, 12);
  return Buffer.from(JSON.stringify([value, ID, ID, checksum])).toString("base64url");
}

test.each([
  "-271821-04-20T00:00:00.000Z",
  "-004713-01-01T00:00:00.000Z",
  "0000-01-01T00:00:00.000Z",
  "2026-06-17T12:00:00.000Z",
  "9999-12-31T23:59:59.999Z",
  "+275760-09-13T00:00:00.000Z",
  "1",
  "yesterday",
])("a made-up cursor at the instant %s does no harm", async (value) => {
  expect([200, 400]).toContain((await api.admin.get(`/v1/api-keys?cursor=${madeUp(value, "api-keys")}`)).status);
});

test.each(["1", "-0", "0.5", "2147483648", "1e308", "Infinity", "-Infinity", "", "first"])("a made-up cursor at the number %j does no harm", async (value) => {
  const { learnerId, goalId } = await buildStep(api.db);
  const answer = await api.admin.get(`/v1/learners/${learnerId}/goals/${goalId}/steps?cursor=${madeUp(value, ["steps", learnerId, goalId])}`);
  expect([200, 400]).toContain(answer.status);
});

test("a made-up cursor is understood as long as it says a place", async () => {
  expect((await api.admin.get(`/v1/api-keys?cursor=${madeUp("2999-01-01T00:00:00.000Z", "api-keys")}`)).body.items.length).toBeGreaterThan(0);
});
