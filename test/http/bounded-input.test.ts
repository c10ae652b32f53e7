import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { AppError, cut } from "../../src/errors";
import { listOf } from "../../src/http/schema";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner } from "../setup/factories";

let api: TestApp;
let learnerId: string;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db)).id;
  path = `/v1/learners/${learnerId}/study-sessions`;
});
afterAll(() => api.close());

const session = { startedAt: "2026-06-10T08:00:00Z", minutes: 30 };
const BATCH = "/v1/study-sessions/batch";
const UNKNOWN = "Unknown here. Remove it, or check how it is spelt.";
const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, 0]));

describe("a problem lists twenty flaws and counts the rest", () => {
  test("of unknown fields", async () => {
    const { status, body, text } = await api.admin.post(path, { ...session, ...keys(5_000) });
    expect([status, body.errors.length]).toEqual([400, 21]);
    expect(body.errors[0]).toEqual({ pointer: "#/k0", detail: expect.stringContaining(`${UNKNOWN} Known are startedAt, `) });
    expect(body.errors[1]).toEqual({ pointer: "#/k1", detail: UNKNOWN });
    expect(body.errors[20]).toEqual({ pointer: "#", detail: "… and 4,980 more." });
    expect(text.length).toBeLessThan(3_000);
  });

  test("of values", async () => {
    const steps = Array.from({ length: 300 }, () => ({}));
    const { body } = await api.admin.post("/v1/paths", { title: "A path", steps });
    expect(body.errors).toHaveLength(21);
    // Neither of the two required fields is there.
    expect(body.errors[20].detail).toBe("… and 580 more.");
  });

  test("and one flaw more is no list that was cut", () => {
    const flaws = Array.from({ length: 20 }, (_, n) => ({ pointer: `#/${n}`, detail: "Wrong." }));
    expect(new AppError("invalid-request", "Wrong.", flaws).flaws).toEqual(flaws);
  });

  test("places and words are cut, and never within a character", async () => {
    const long = `${"a".repeat(196)}😀${"b".repeat(100_000)}`;
    const { body, text } = await api.admin.post(path, { ...session, [long]: 0 });
    const [{ pointer }] = body.errors;
    expect(pointer).toMatch(/^#\/a{196}…$/);
    expect(text.length).toBeLessThan(1_000);
    expect(cut("ab😀", 4)).toBe("ab😀");
    expect(cut("ab😀c", 4)).toBe("ab…");
    expect(new AppError("invalid-request", "x".repeat(100_000)).detail.length).toBeLessThan(3_000);
  });
});

describe("what holds more than anything here is refused before it is looked at", () => {
  test.each([
    ["objects with unknown fields", () => ({ items: Array.from({ length: 2_000 }, () => ({ ...keys(60) })) })],
    ["items of a list", () => ({ items: [{ skills: Array(850_000).fill("") }] })],
    ["items of items", () => ({ items: Array.from({ length: 1_000 }, () => ({ skills: Array(200).fill("") })) })],
  ])("%s of a batch", async (_, body) => {
    const refused = await api.admin.post(BATCH, body(), { "Idempotency-Key": uuidv7() });
    expect([refused.status, refused.body.detail]).toEqual([400, "The body holds more than 100,000 values. Nothing here needs as many. Send less at once."]);
    expect(refused.text.length).toBeLessThan(1_000);
  });

  test("an object of too many fields, before it is built", async () => {
    const refused = await api.admin.post(BATCH, { items: [{}], ...keys(50_000) });
    expect([refused.status, refused.body.detail]).toEqual([
      400,
      "The body holds an object of more than 10,000 fields. Nothing here needs as many. Send less at once.",
    ]);
  });

  test.each<[() => string, string, object]>([
    [() => path, "#/skills", { ...session, skills: Array(99_000).fill("") }],
    [() => BATCH, "#/items", { items: Array(99_000).fill(0) }],
    [() => "/v1/paths", "#/steps", { title: "A path", steps: Array(99_000).fill(0) }],
    [() => "/v1/paths", "#/steps/0/prerequisites", { title: "A path", steps: [{ key: "a", title: "A", prerequisites: Array(90_000).fill(0) }] }],
    [() => "/v1/paths", "#/steps/0/otherPrerequisites", { title: "A path", steps: [{ key: "a", title: "A", otherPrerequisites: Array(90_000).fill(0) }] }],
    [() => "/v1/api-keys", "#/scopes", { name: "A tool", role: "service", scopes: Array(90_000).fill(0) }],
  ])("of a list that is too long has one flaw (%s %s)", async (url, pointer, body) => {
    const refused = await api.admin.post(url(), body);
    expect([refused.status, refused.body.errors.map((flaw: { pointer: string }) => flaw.pointer)]).toEqual([400, [pointer]]);
  });

  test("of a list that is too long no item is parsed", () => {
    let parsed = 0;
    const item = z.string().refine(() => ++parsed > 0);
    const list = listOf(item, 3);
    for (const schema of [list, list.optional(), list.min(1), list.meta({ description: "A list" }), z.strictObject({ list })]) {
      const value = Array(1_000).fill("a");
      expect(schema.safeParse(schema instanceof z.ZodObject ? { list: value } : value).success).toBe(false);
    }
    expect(parsed).toBe(0);
    expect(list.parse(["a", "b", "c"])).toEqual(["a", "b", "c"]);
    expect(parsed).toBe(3);
  });
});

describe("a batch answers no more than its items need", () => {
  const bad = () => ({ ...keys(60), startedAt: "never" });
  const flawsIn = (items: { problem: { errors?: unknown[] } }[]) => items.reduce((sum, { problem }) => sum + (problem.errors?.length ?? 0), 0);

  test("of all its items together it lists a thousand flaws, then one each", async () => {
    const key = uuidv7();
    const { status, body, text } = await api.admin.post(BATCH, { items: Array.from({ length: 1_000 }, bad) }, { "Idempotency-Key": key });
    expect([status, body.rejected]).toEqual([200, 1_000]);
    expect(flawsIn(body.items)).toBeLessThan(3_000);
    expect(body.items[0].problem.errors).toHaveLength(21);
    // One, and how many more.
    expect(body.items[999].problem.errors).toEqual([body.items[0].problem.errors[0], { pointer: "#", detail: "… and 62 more." }]);
    expect(text.length).toBeLessThan(1_000_000);
    const [kept] = await api.db.$queryRaw<{ bytes: number }[]>`SELECT octet_length(body::text) AS bytes FROM idempotency_keys WHERE key = ${key}`;
    expect(kept?.bytes).toBeLessThan(1_000_000);
  });
});

describe("an import", () => {
  const send = async (kind: string, body: string, type = "text/csv") => {
    const key = await buildKey(api.db, { role: "service" });
    const answer = await api.as(key).post(`/v1/imports/${kind}`, body, { "Content-Type": type });
    const told = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    return { ...answer, status: answer.status, text: answer.text, told };
  };

  test("of a hundred thousand names of columns is refused in a sentence", async () => {
    const { status, told, text } = await send(
      "study-sessions",
      Array.from({ length: 37_000 }, (_, n) => `c${n}`)
        .join(",")
        .slice(0, 262_000),
    );
    expect(status).toBe(400);
    expect(told[0].detail).toMatch(/^The first line has 37000 names\. The first line names the columns, of learnerId, /);
    expect(text.length).toBeLessThan(1_000);
  });

  test("of names that are unknown lists twenty", async () => {
    const { status, told } = await send("study-sessions", `learnerId,${Array.from({ length: 60 }, (_, n) => `c${n}`).join()},learnerId\n`);
    expect([status, told[0].errors.length]).toEqual([400, 21]);
    expect(told[0].errors[0]).toEqual({ pointer: "#/c0", detail: UNKNOWN });
    // The other forty, one that comes twice, and three that are missing.
    expect(told[0].errors[20].detail).toBe("… and 44 more.");
  });

  test("of a name as long as a line is refused with the beginning of it", async () => {
    const { status, text, told } = await send("study-sessions", `${"x".repeat(200_000)}\n`);
    expect([status, told[0].errors[0].pointer]).toEqual([400, `#/${"x".repeat(197)}…`]);
    expect(text.length).toBeLessThan(2_000);
  });

  test.each([
    ["text/csv", () => `learnerId,id,startedAt,minutes,skills\n${learnerId},${uuidv7()},2026-06-10T08:00:00Z,30,${"a;".repeat(100_000)}\n`],
    ["application/x-ndjson", () => `${JSON.stringify({ ...session, learnerId, id: uuidv7(), skills: Array(50_000).fill("a") })}\n`],
  ])("of a list of very many items rejects that line in a sentence (%s)", async (type, body) => {
    const { told, text } = await send("study-sessions", body(), type);
    expect(told[0]).toMatchObject({ kind: "rejected", problem: { code: "invalid-request", detail: expect.stringContaining("holds more than 1,000 values") } });
    expect(told[0].problem.errors).toEqual([{ pointer: "#", detail: told[0].problem.detail }]);
    expect(text.length).toBeLessThan(1_000);
  });

  test("rejects a line in fewer bytes than it has", async () => {
    const line = JSON.stringify({ id: "x".repeat(20_000), ...Object.fromEntries(Array.from({ length: 900 }, (_, n) => [`${n}${"y".repeat(200)}`, n])) });
    const { told } = await send("study-sessions", line, "application/x-ndjson");
    expect(told[0].kind).toBe("rejected");
    expect(JSON.stringify(told[0]).length).toBeLessThan(line.length / 10);
  });

  test("of thousands of bad lines lists a thousand flaws a chunk, then one a line", async () => {
    const { told, text } = await send("study-sessions", `${JSON.stringify(keys(30))}\n`.repeat(2_000), "application/x-ndjson");
    expect(told.at(-1)).toMatchObject({ kind: "done", rejected: 2_000 });
    expect(told[0].problem.errors).toHaveLength(21);
    expect(told[1_999].problem.errors).toHaveLength(2);
    expect(text.length).toBeLessThan(2_000 * 500);
  });

  test("takes no path of teams that is deeper than any organisation", async () => {
    const line = (levels: number) =>
      JSON.stringify({ externalId: uuidv7(), name: "Ada", team: Array.from({ length: levels }, (_, n) => `T${n}`).join(" / "), fromDay: "2026-06-01" });
    const { told } = await send("learners", `${line(21)}\n${line(20)}\n`, "application/x-ndjson");
    expect(told[0]).toMatchObject({
      line: 1,
      problem: {
        errors: [{ pointer: "#/team", detail: expect.stringMatching(/^Must be at most 20 teams, one below the other\. It is ".*…", of 113 characters\.$/) }],
      },
    });
    expect(told.at(-1)).toMatchObject({ kind: "done", created: 1, rejected: 1 });
  });
});
