import fc from "fast-check";
import { StudySessionCreate } from "../../src/study-sessions/study-sessions.schema";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";

let api: TestApp;
let key: string;
let learnerId: string;
beforeAll(async () => {
  api = await startApp();
  key = await buildKey(api.db, { role: "admin" });
  learnerId = (await buildLearner(api.db)).id;
});
afterAll(() => api.close());

// As text, because some of what may stand in JSON no JavaScript value says.
const hostile = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value)) },
  fc.string({ unit: "binary" }).map((value) => JSON.stringify(value)),
  fc.double().map(String),
  fc.bigInt().map(String),
  fc.date({ noInvalidDate: true }).map((date) => JSON.stringify(date)),
  fc.uuid().map((value) => JSON.stringify(value)),
  fc.constantFrom(
    "1e400",
    "-1e400",
    "-0",
    "9e1",
    "90.0",
    "9007199254740993",
    '"\\u0000"',
    '"\\ud800"',
    '"a\\udfffb"',
    '{"__proto__":{"minutes":5}}',
    '{"constructor":{"prototype":{}}}',
    '{"toString":1}',
    '{"length":3,"0":"a"}',
    '{"onTheJob":-0,"social":1e0}',
    '"0000-01-01T00:00:00+23:59"',
    '"2026-06-16T23:59:60Z"',
    '"+275760-09-13T00:00:00Z"',
    '"00000000-0000-0000-0000-000000000000"',
    '"ffffffff-ffff-ffff-ffff-ffffffffffff"',
    "[".repeat(5_000) + "]".repeat(5_000),
    "\ufeff1",
    "01",
    "NaN",
    "undefined",
    "",
  ),
);
// What may well be logged: one wrong character in it is found only by those that are.
const plausible = fc.oneof(
  fc.tuple(
    fc.constant("note"),
    fc.string({ unit: "binary", minLength: 1 }).map((value) => JSON.stringify(value)),
  ),
  fc.tuple(
    fc.constant("minutes"),
    fc.integer({ min: 1, max: 1440 }).map((value) => value.toExponential()),
  ),
  fc.tuple(
    fc.constant("startedAt"),
    fc.date({ min: new Date(0), max: new Date("2026-06-18T12:00:00Z"), noInvalidDate: true }).map((date) => JSON.stringify(date)),
  ),
  fc.tuple(
    fc.constant("skills"),
    fc.array(fc.string({ unit: "grapheme", minLength: 1 }), { maxLength: 3 }).map((value) => JSON.stringify(value)),
  ),
  fc.tuple(
    fc.constant("split"),
    fc.dictionary(fc.constantFrom("onTheJob", "social", "formal"), fc.nat(45)).map((value) => JSON.stringify(value)),
  ),
  fc.tuple(fc.constantFrom("goalId", "resourceId", "impact"), fc.constant("null")),
);
const name = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...Object.keys(StudySessionCreate.shape)) }, fc.string());
const valid: [string, string][] = [
  ["startedAt", '"2026-06-16T08:00:00Z"'],
  ["minutes", "90"],
];

/** A sound session with a few fields replaced or added; or anything at all. */
const bodies = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.array(fc.oneof(plausible, fc.tuple(name, hostile)), { minLength: 1, maxLength: 3 }).map((fields) => write([...valid, ...fields])),
  },
  hostile,
);

test("whatever is sent as a session is logged or refused, and a refusal stores nothing", async () => {
  const seen = { logged: 0, refused: 0 };
  await fc.assert(
    fc.asyncProperty(bodies, async (body) => {
      const before = await api.db.studySession.count();
      const { status } = await fetch(`${api.url}/v1/learners/${learnerId}/study-sessions`, {
        method: "POST",
        headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
        body,
      });
      expect(status === 201 || (status >= 400 && status < 500)).toBe(true);
      expect(await api.db.studySession.count()).toBe(status === 201 ? before + 1 : before);
      seen[status === 201 ? "logged" : "refused"]++;
    }),
    { numRuns: 400 },
  );
  // Else the bodies are all of one kind, and half of this holds for nothing.
  expect(Math.min(seen.logged, seen.refused)).toBeGreaterThan(10);
});

test("all that was logged can be read", async () => {
  const items: unknown[] = [];
  for (let cursor = ""; ; ) {
    const { status, body } = await api.admin.get(`/v1/learners/${learnerId}/study-sessions?limit=200${cursor}`);
    expect(status).toBe(200);
    items.push(...body.items);
    if (!body.next) break;
    cursor = `&cursor=${body.next}`;
  }
  expect(items).toHaveLength(await api.db.studySession.count());
});

function write(fields: [string, string][]): string {
  return `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}
