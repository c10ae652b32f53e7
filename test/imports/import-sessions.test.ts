import { v4 as uuidv4, v7 as uuidv7 } from "uuid";
import { buildApp } from "../../src/app";
import type { Learner } from "../../src/generated/prisma/client";
import type { App } from "../../src/http/app-type";
import { LONG_DAYS, NOW, startApp, type TestApp } from "../setup/app";
import { eventually } from "../setup/eventually";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildResource, buildStep, keyOf } from "../setup/factories";
import { importFile, NDJSON, startImport, write } from "./sending";

const HEADER = "learnerId,id,startedAt,minutes";

let api: TestApp;
let key: string;
let learner: Learner;
// Longer than a busy machine stands still.
const PATIENCE_MS = 10_000;
/** The same service with less patience and room. */
let small: App;
let smallUrl: string;
beforeAll(async () => {
  api = await startApp(LONG_DAYS);
  key = await buildKey(api.db, { role: "service" });
  small = await buildApp({
    config: { ...api.config, IMPORT_LIMIT_BYTES: 2_000, REQUEST_TIMEOUT_MS: PATIENCE_MS, LOG_LEVEL: "silent" },
    db: api.db,
    clock: () => NOW,
  });
  smallUrl = await small.listen({ host: "127.0.0.1", port: 0 });
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
});
afterAll(async () => {
  await small.close();
  await api.close();
});

const row = (id = uuidv7(), minutes: number | string = 90) => `${learner.id},${id},2026-06-16T08:00:00Z,${minutes}`;
const table = (...rows: string[]) => [HEADER, ...rows, ""].join("\n");
const stored = () => api.db.studySession.findMany({ where: { learnerId: learner.id } });
const send = (body: string | Buffer, headers?: Record<string, string>) => importFile(api, key, "study-sessions", body, headers);
const done = (created: number, existing: number, rejected: number) => ({ kind: "done", lines: created + existing + rejected, created, existing, rejected });

test("of lines that are long, fewer are held at once", async () => {
  const note = "word ".repeat(1_900).trim();
  const items = Array.from({ length: 250 }, () => ({ learnerId: learner.id, id: uuidv7(), startedAt: "2026-06-16T08:00:00Z", minutes: 30, note }));
  const { lines, last } = await send(items.map((item) => JSON.stringify(item)).join("\n"), { "Content-Type": "application/x-ndjson" });
  const told = lines.flatMap((line) => (line.kind === "progress" ? [line.created] : []));
  expect(told).toHaveLength(3);
  expect(told[0]).toBeLessThan(110);
  expect(last).toEqual(done(250, 0, 0));
});

test("a file of thousands is logged, and told of while it is read", async () => {
  const rows = Array.from({ length: 5_000 }, () => row());
  const { status, type, lines, last } = await send(table(...rows));
  expect([status, type]).toEqual([200, "application/x-ndjson"]);
  expect(lines.filter(({ kind }) => kind === "progress")).toEqual([2_000, 4_000, 5_000].map((created) => ({ ...done(created, 0, 0), kind: "progress" })));
  expect(last).toEqual(done(5_000, 0, 0));
  expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(5_000);

  expect((await send(table(...rows))).last).toEqual(done(0, 5_000, 0));
  expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(5_000);
});

test("every column says what the field of its name does, and the same session by PUT is existing", async () => {
  const resource = await buildResource(api.db, { type: "mentor" });
  const step = await buildStep(api.db, { learnerId: learner.id });
  const [plain, full] = [uuidv7(), uuidv7()];
  const header = "id,learnerId,startedAt,timeZone,minutes,split.onTheJob,split.social,impact,goalId,stepId,resourceId,skills,note,noteShared,verification,mode";
  const body = [
    header,
    `${plain},${learner.id},2026-06-16T08:00:00Z,,45,,,,,,,,,,,social`,
    `${full},${learner.id},2026-06-15T22:30:00+02:00,Asia/Tokyo,60,20,30,4,${step.goalId},${step.id},${resource.id}, Kubernetes ;sql;,"Said ""so"", then\nleft",true,system-recorded,`,
  ].join("\n");
  expect((await send(body)).lines.at(-1)).toEqual(done(2, 0, 0));
  const session = {
    startedAt: "2026-06-15T20:30:00.000Z",
    timeZone: "Asia/Tokyo",
    minutes: 60,
    impact: 4,
    goalId: step.goalId,
    stepId: step.id,
    resourceId: resource.id,
    skills: ["kubernetes", "sql"],
    note: 'Said "so", then\nleft',
    noteShared: true,
    verification: "system-recorded",
  };
  const path = `/v1/learners/${learner.id}/study-sessions`;
  const read = await api.admin.get(`${path}/${full}`);
  expect(read.body).toMatchObject({ ...session, occurredOn: "2026-06-16", onTheJobMinutes: 20, socialMinutes: 30, formalMinutes: 0, unclassifiedMinutes: 10 });
  expect((await api.admin.put(`${path}/${full}`, { ...session, split: { onTheJob: 20, social: 30 } })).status).toBe(200);
  expect((await api.admin.put(`${path}/${plain}`, { startedAt: "2026-06-16T08:00:00Z", minutes: 45, mode: "social" })).status).toBe(200);
  expect((await api.db.step.findUnique({ where: { learnerId_id: { learnerId: learner.id, id: step.id } } }))?.startedOn).not.toBeNull();
});

test("lines of JSON are the items of a batch", async () => {
  const item = { learnerId: learner.id, id: uuidv7(), startedAt: "2026-06-16T08:00:00Z", minutes: 90, split: { formal: 30 } };
  const body = `\ufeff${JSON.stringify(item)}\r\n\n${JSON.stringify({ ...item, id: uuidv7(), minutes: 0 })}\n[]\n{"learnerId":\nnull`;
  const { rejected, last } = await send(body, NDJSON);
  expect(last).toEqual(done(1, 0, 4));
  expect(rejected.map(({ line, problem }) => [line, problem.code, problem.errors?.[0]?.pointer])).toEqual([
    [3, "invalid-request", "#/minutes"],
    [4, "invalid-request", "#"],
    [5, "invalid-request", "#"],
    [6, "invalid-request", "#"],
  ]);
  expect((await api.admin.post("/v1/study-sessions/batch", { items: [item] })).body).toMatchObject({ created: 0, existing: 1 });
});

test("a rejected line says its number and why, and stops nothing", async () => {
  const [id, other] = [uuidv7(), uuidv7()];
  const goal = await buildGoal(api.db);
  const body = [
    `${HEADER},goalId,note`,
    `${row(id)},,`,
    `${row(uuidv7(), 0)},,`,
    `${uuidv4()},${uuidv7()},2026-06-16T08:00:00Z,90,,`,
    `${row(other)},${goal.id},`,
    `${row()},,"two\nlines",`,
    `${row()},,two "words"`,
    "",
    `${row(id, 91)},,`,
    `${row(id)},,`,
    `${learner.id},,2026-06-16T08:00:00Z,90,,`,
    `${row()},,"three\r\n\nlines"`,
    `${row()},,a\0b`,
  ].join("\n");
  const { rejected, last, requestId } = await send(body);
  expect(rejected.map(({ line, problem }) => [line, problem.code])).toEqual([
    [3, "invalid-request"],
    [4, "not-found"],
    [5, "reference-missing"],
    [6, "invalid-request"],
    [8, "invalid-request"],
    [10, "body-differs"],
    [12, "invalid-request"],
    [16, "invalid-request"],
  ]);
  expect(rejected[2]).toEqual({
    kind: "rejected",
    line: 5,
    id: other,
    problem: expect.objectContaining({ status: 422, errors: [expect.objectContaining({ pointer: "#/goalId" })], requestId }),
  });
  expect(last).toEqual(done(2, 1, 8));
  expect((await stored()).map(({ note }) => note).sort()).toEqual([null, "three\r\n\nlines"]);
});

describe("a file that is not as it should be", () => {
  test.each([
    ["without a header", () => `${row()}\n`, "Unknown here"],
    ["with a column that there is none of", () => `${HEADER},colour\n`, "Unknown here"],
    ["with a column twice", () => `${HEADER},minutes\n`, "Named twice"],
    ["without a column that must be there", () => "learnerId,startedAt,minutes\n", "Missing"],
    ["separated otherwise", () => `${HEADER.replaceAll(",", ";")}\n`, "Unknown here"],
  ])("%s is refused before anything is stored", async (_, body, detail) => {
    const { status, problem } = await send(body() + row());
    expect([status, problem.code, problem.errors?.[0]?.detail]).toEqual([400, "invalid-request", expect.stringContaining(detail)]);
    expect(await stored()).toEqual([]);
  });

  test("empty is refused as a table, and is nothing as lines", async () => {
    expect((await send("")).problem).toMatchObject({ status: 400, detail: expect.stringContaining("The file is empty") });
    expect((await send("\ufeff\r\n")).problem).toMatchObject({ status: 400 });
    expect((await send("", NDJSON)).last).toEqual(done(0, 0, 0));
  });

  test("without rows is nothing", async () => {
    expect((await send(HEADER)).last).toEqual(done(0, 0, 0));
  });

  test("with a byte-order mark and Windows line ends is read like any other", async () => {
    const rows = [row(), row(), row()];
    expect((await send(`\ufeff${HEADER}\r\n${rows.join("\r\n")}`)).last).toEqual(done(3, 0, 0));
    expect((await send(table(...rows))).last).toEqual(done(0, 3, 0));
  });

  test("with quotes around everything is read like any other", async () => {
    const quoted = (line: string) => line.replace(/[^,]+/g, '"$&"');
    const rows = [row(), row()];
    expect((await send([HEADER, ...rows].map(quoted).join("\r\n"))).last).toEqual(done(2, 0, 0));
    expect((await send(table(...rows))).last).toEqual(done(0, 2, 0));
  });

  test("in Latin-1 has its lines rejected that are not UTF-8, by their numbers", async () => {
    const body = Buffer.from(`${HEADER},note\n${row()},plain\n${row()},"caf\u00e9\n"\n${row()},caf\u00e9\n${row()},plain\n`, "latin1");
    const { rejected, last } = await send(body);
    expect(rejected.map(({ line, problem }) => [line, problem.detail])).toEqual([
      [3, expect.stringContaining("not UTF-8")],
      [5, expect.stringContaining("not UTF-8")],
    ]);
    expect(last).toEqual(done(2, 0, 2));
    expect((await send(body, { "Content-Type": "text/csv; charset=iso-8859-1" })).status).toBe(415);
  });

  test("in UTF-16 is refused", async () => {
    expect((await send(Buffer.from(`\ufeff${table(row())}`, "utf16le"))).problem).toMatchObject({ status: 400, detail: expect.stringContaining("not UTF-8") });
  });

  test("with a replacement character of its own is UTF-8", async () => {
    expect((await send(`${HEADER},note\n${row()},caf\ufffd\n`)).last).toEqual(done(1, 0, 0));
  });

  test.each([
    ["within its last cell", `${uuidv7()},2026-06-`],
    ["within quotes", `${uuidv7()},2026-06-16T08:00:00Z,"90`],
    ["after a cell", uuidv7()],
  ])("that ends %s has its last line rejected", async (_, end) => {
    const { rejected, last } = await send(`${table(row(), row())}${learner.id},${end}`);
    expect(rejected.map(({ line }) => line)).toEqual([4]);
    expect(last).toEqual(done(2, 0, 1));
  });

  test.each([
    ["compressed", { "Content-Type": "text/csv", "Content-Encoding": "gzip" }],
    ["of another type", { "Content-Type": "application/json" }],
    ["of no type that is known", { "Content-Type": "text/plain" }],
  ])("%s is refused", async (_, headers) => {
    const { status, problem } = await send(table(row()), headers);
    expect([status, problem.code, problem.detail]).toEqual([415, "unsupported-media-type", expect.stringContaining("text/csv")]);
  });

  test("larger than may be is refused, before or while it is sent", async () => {
    const limited = { ...api, url: smallUrl };
    const rows = Array.from({ length: 30 }, () => row());
    expect((await importFile(limited, key, "study-sessions", table(...rows))).problem).toMatchObject({ status: 413, code: "body-too-large" });
    const { upload, end } = startImport(limited, key, "study-sessions");
    for (const line of [HEADER, ...rows]) {
      await write(upload, `${line}\n`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const { last } = await end();
    expect(last).toMatchObject({ kind: "failed", problem: { code: "body-too-large" } });
    expect(await stored()).toHaveLength((last as { created: number }).created);
  });

  test("that is missing is refused", async () => {
    expect(await api.as(key).post("/v1/imports/study-sessions")).toMatchObject({ status: 415, body: { code: "unsupported-media-type" } });
  });
});

test("a line of JSON that can be read in two ways is rejected, and stops nothing", async () => {
  const item = (more: string) => `{"learnerId":"${learner.id}","id":"${uuidv7()}","startedAt":"2026-06-16T08:00:00Z","minutes":90${more}}\n`;
  const { rejected, last } = await send([item(""), item(',"minutes":5'), item(',"__proto__":{"minutes":5}'), item("")].join(""), NDJSON);
  expect(rejected.map(({ line, problem }) => [line, problem.detail])).toEqual([
    [2, expect.stringContaining("named twice")],
    [3, expect.stringContaining("__proto__")],
  ]);
  expect(last).toEqual(done(2, 0, 2));
});

describe("a line without an end", () => {
  const MANY = 100;
  const megabyte = Buffer.alloc(1_048_576, "x");

  /** A hundred megabytes in one line, between lines that are as they should be. */
  async function sendLong(before: string, after: string, headers?: Record<string, string>) {
    const { upload, end } = startImport(api, key, "study-sessions", headers);
    upload.on("error", () => undefined);
    const before100MB = process.memoryUsage().rss;
    await write(upload, before);
    for (let n = 0; n < MANY && !upload.destroyed; n++) await Promise.race([write(upload, megabyte), new Promise((resolve) => upload.once("close", resolve))]);
    const grown = process.memoryUsage().rss - before100MB;
    upload.write(after);
    return { ...(await end()), grown };
  }

  test("ends a table there; what was before is stored", async () => {
    const { last, grown } = await sendLong(`${table(row(), row())}${learner.id},"`, `"\n${row()}\n`);
    expect(last).toMatchObject({
      ...done(2, 0, 0),
      kind: "failed",
      line: 4,
      problem: { code: "invalid-request", detail: expect.stringContaining("never closed") },
    });
    expect(await stored()).toHaveLength(2);
    expect(grown).toBeLessThan(80 * 1_048_576);
  });

  test("is rejected among lines of JSON, and stops nothing", async () => {
    const item = () => JSON.stringify({ learnerId: learner.id, id: uuidv7(), startedAt: "2026-06-16T08:00:00Z", minutes: 90 });
    const { rejected, last, grown } = await sendLong(`${item()}\n`, `\n${item()}\n`, NDJSON);
    expect(rejected.map(({ line, problem }) => [line, problem.detail])).toEqual([[2, expect.stringContaining("longer than")]]);
    expect(last).toEqual(done(2, 0, 1));
    expect(grown).toBeLessThan(80 * 1_048_576);
  });

  test("is refused as a header", async () => {
    expect((await send("x".repeat(400_000))).problem).toMatchObject({ status: 400, detail: expect.stringContaining("longer than") });
  });
});

describe("a client", () => {
  const active = () => api.db.$queryRaw`SELECT query FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()`;

  test("that goes away leaves whole lines behind, and nothing under way", async () => {
    const { upload, answer } = startImport(api, key, "study-sessions");
    upload.on("error", () => undefined);
    const rows = Array.from({ length: 4_500 }, () => row());
    await write(upload, table(...rows));
    (await answer).on("error", () => undefined);
    await write(upload, `${row()}\n${learner.id},`);
    upload.destroy();
    await eventually(async () => expect(await active()).toEqual([]));
    expect((await stored()).length).toBeGreaterThanOrEqual(2_000);
    expect((await send(table(...rows))).last).toMatchObject({ kind: "done", rejected: 0 });
    expect((await stored()).length).toBeLessThanOrEqual(4_501);
  });

  test("that sends slowly, but sends, may take longer than a request may", async () => {
    const { upload, end } = startImport({ ...api, url: smallUrl }, key, "study-sessions");
    await write(upload, `${HEADER}\n`);
    let lines = 0;
    for (const until = Date.now() + 1.2 * PATIENCE_MS; Date.now() < until; lines++) {
      await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS / 10));
      await write(upload, `${row()}\n`);
    }
    expect((await end()).last).toEqual(done(lines, 0, 0));
  });

  test("that sends no line for as long as a request may take is told so", async () => {
    const { upload, answer } = startImport({ ...api, url: smallUrl }, key, "study-sessions");
    upload.on("error", () => undefined);
    await write(upload, table(row()));
    const drip = setInterval(() => upload.write("x"), 200);
    let text = "";
    for await (const part of (await answer).setEncoding("utf8")) text += part;
    clearInterval(drip);
    upload.destroy();
    expect(JSON.parse(text.trim().split("\n").at(-1) as string)).toMatchObject({
      ...done(1, 0, 0),
      kind: "failed",
      line: 3,
      problem: { code: "request-timeout" },
    });
  });

  test("that sends a line in time, but hardly anything, is told so", async () => {
    const { upload, answer } = startImport({ ...api, url: smallUrl }, key, "study-sessions", NDJSON);
    upload.on("error", () => undefined);
    const drip = setInterval(() => upload.write("{}\n"), 200);
    let text = "";
    for await (const part of (await answer).setEncoding("utf8")) text += part;
    clearInterval(drip);
    upload.destroy();
    const last = JSON.parse(text.trim().split("\n").at(-1) as string);
    expect(last).toMatchObject({ kind: "failed", problem: { code: "request-timeout" } });
    expect(last.problem.detail).toContain("fewer than 100 bytes a second");
  });

  test("that reads no answer is waited for, and holds back what it sends", async () => {
    const { upload, answer } = startImport(api, key, "study-sessions");
    await write(upload, `${HEADER}\n`);
    const [parts, wrong] = [20, `${"x".repeat(100)}\n`.repeat(5_000)];
    let sent = 0;
    const sending = (async () => {
      for (; sent < parts; sent++) await write(upload, wrong);
    })();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(sent).toBeLessThan(parts);
    let end = "";
    const reading = (async () => {
      for await (const part of (await answer).setEncoding("utf8")) end = (end + part).slice(-1_000);
    })();
    await sending;
    upload.end();
    await reading;
    expect(JSON.parse(end.trim().split("\n").at(-1) as string)).toEqual(done(0, 0, parts * 5_000));
  });
});

describe("at once", () => {
  test("the same file three times is stored once, in whatever order its lines stand", async () => {
    const other = await buildLearner(api.db);
    const rows = Array.from({ length: 3_000 }, (_, n) => (n % 2 ? row() : `${other.id},${uuidv7()},2026-06-16T08:00:00Z,30`));
    const answers = await Promise.all([rows, [...rows].reverse(), rows].map((some) => send(table(...some))));
    const sum = (what: "created" | "existing" | "rejected") => answers.reduce((all, { last }) => all + (last as Record<typeof what, number>)[what], 0);
    expect(answers.map(({ last }) => last.kind)).toEqual(["done", "done", "done"]);
    expect([sum("created"), sum("existing"), sum("rejected")]).toEqual([3_000, 6_000, 0]);
  });
});

describe("for whom", () => {
  test("a learner logs their own; others are as if not there", async () => {
    const { lead, learner: led } = await buildLedLearner(api.db);
    const rows = [lead.id, led.id, learner.id, uuidv4()].map((id) => `${id},${uuidv7()},2026-06-16T08:00:00Z,90`);
    const { rejected, last } = await importFile(api, await keyOf(api.db, lead.id), "study-sessions", table(...rows));
    expect(last).toEqual(done(1, 0, 3));
    const [first, ...others] = rejected.map(({ problem }) => problem);
    expect(others).toEqual([first, first]);
    expect(first?.code).toBe("not-found");
  });

  test("what is stored is recorded, an event a chunk", async () => {
    const { requestId } = await send(table(...Array.from({ length: 2_001 }, () => row())));
    const events = await api.db.auditEvent.findMany({ where: { requestId } });
    expect(events.map(({ action, operation, learnerIds, itemIds }) => [action, operation, learnerIds, itemIds.length])).toEqual([
      ["change", "importStudySessions", [learner.id], expect.any(Number)],
      ["change", "importStudySessions", [learner.id], expect.any(Number)],
    ]);
    expect(events.reduce((sum, { itemIds }) => sum + itemIds.length, 0)).toBe(2_001);
  });
});
