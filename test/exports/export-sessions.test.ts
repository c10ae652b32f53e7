import { request as open } from "node:http";
import { v7 as uuidv7 } from "uuid";
import { type After, readSessionPage, type SessionPage } from "../../src/exports/session-page.query";
import type { StudySession } from "../../src/study-sessions/study-sessions.schema";
import { lineOf } from "../../src/study-sessions/written";
import { type Client, startApp, type TestApp } from "../setup/app";
import { eventually } from "../setup/eventually";
import { buildKey, buildLearner, buildLedLearner, buildMember, buildResource, buildSession, buildStep, buildTeam, keyOf } from "../setup/factories";

const PATH = "/v1/exports/study-sessions";
const CSV = { Accept: "text/csv" };

let api: TestApp;
beforeAll(async () => {
  // The embedded database has one session, and finishes what it was asked before.
  api = await startApp();
});
afterAll(() => api.close());

type Last = { kind: "done"; rows: number };

async function read(client: Client, query = ""): Promise<{ sessions: StudySession[]; last: Last }> {
  const { status, type, text } = await client.get(PATH + query);
  expect([status, type]).toEqual([200, "application/x-ndjson"]);
  const lines = text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  return { last: lines.pop(), sessions: lines };
}

/** Somebody with sessions that make use of every field. */
async function buildHistory(): Promise<string> {
  const { id: learnerId } = await buildLearner(api.db);
  const step = await buildStep(api.db, { learnerId });
  const resource = await buildResource(api.db);
  const full = {
    goalId: step.goalId,
    stepId: step.id,
    resourceId: resource.id,
    resourceType: "book" as const,
    impact: 4,
    skills: ["sql", "=1+1"],
    noteShared: true,
  };
  const notes = ['=HYPERLINK("x")', "-1", "+2", "@a", "\ttab", "a, b", 'say "so"', "two\r\nlines", "\nfirst", "a\rb", "'=1", "é ✓ 😀", "plain", "#", " - "];
  for (const note of notes) await buildSession(api.db, { learnerId, ...full, note, startedAt: new Date("2026-06-01T09:00:00.123Z") });
  await buildSession(api.db, { learnerId, minutes: 60, onTheJobMinutes: 10, verification: "systemRecorded", timeZone: "Asia/Kathmandu" });
  await buildSession(api.db, { learnerId, note: "private" });
  await buildSession(api.db, { learnerId, deletedAt: new Date() });
  return learnerId;
}

test("what is exported is what the lists show, in both forms", async () => {
  const learnerId = await buildHistory();
  const own = api.as(await keyOf(api.db, learnerId));
  const listed = await own.get(`/v1/learners/${learnerId}/study-sessions?limit=200`);
  const byId = (items: StudySession[]) => [...items].sort((a, b) => (a.id < b.id ? -1 : 1));
  const { sessions, last } = await read(own);
  expect(sessions).toEqual(byId(listed.body.items));
  expect(last).toEqual({ kind: "done", rows: 17 });

  const table = await own.get(PATH, CSV);
  expect(table.headers["content-type"]).toBe("text/csv; charset=utf-8; header=present");
  const listedTable = (await own.get(`/v1/learners/${learnerId}/study-sessions?limit=200`, CSV)).text;
  // Rows may hold line ends of their own, so each is known by the ids that it begins with.
  const rows = (text: string) => text.split(new RegExp(`(?=^${learnerId})`, "m")).sort();
  const whole = /^(.*)# complete: 17 rows\r\n$/s.exec(table.text)?.[1] ?? "";
  expect(rows(whole)).toEqual(rows(listedTable));
});

test("more than a page holds comes once each, in order, and proves that none is missing", async () => {
  const [first, second] = [await buildLearner(api.db), await buildLearner(api.db)];
  const team = await buildTeam(api.db);
  await api.db.membership.createMany({
    data: [first, second].map(({ id }) => ({ learnerId: id, id: uuidv7(), teamId: team.id, fromDay: new Date("2020-01-01") })),
  });
  await api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, body_digest)
    SELECT l.id, gen_random_uuid(), '2026-06-01', 'UTC', date '2026-06-01' - n / 1440, 1, 0, 0, 0, '\\x00' FROM unnest(${[first.id, second.id]}::uuid[]) AS l(id), generate_series(1, 6000) n`;
  const { sessions, last } = await read(api.admin, `?team=${team.id}`);
  const keys = sessions.map(({ learnerId, id }) => `${learnerId} ${id}`);
  expect(last).toEqual({ kind: "done", rows: 12_000 });
  expect(keys).toEqual([...keys].sort());
  expect(new Set(keys).size).toBe(12_000);
});

test("a page holds a few million bytes, however long the notes are", async () => {
  const { id: learnerId } = await buildLearner(api.db);
  await api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, note, body_digest)
    SELECT ${learnerId}::uuid, gen_random_uuid(), '2026-06-01', 'UTC', '2026-06-01', 1, 0, 0, 0, repeat('é', CASE WHEN n <= 500 THEN 9000 ELSE 1 END), '\\x00' FROM generate_series(1, 700) n`;
  const scope = { caller: { id: learnerId, name: "", signedInBy: "api-key", role: "learner", learnerId }, today: "2026-06-17" } as const;
  const ids = new Set<string>();
  let [pages, last]: [number, After | null] = [0, null];
  do {
    const page: SessionPage = await readSessionPage(api.db, {}, lineOf("ndjson", scope), [learnerId], last, new AbortController().signal);
    expect(Buffer.byteLength(page.text)).toBeLessThan(3_000_000);
    const lines = page.text.trimEnd().split("\n");
    expect(lines).toHaveLength(page.rows);
    for (const line of lines) ids.add(JSON.parse(line).id);
    pages++;
    last = page.last;
  } while (last);
  expect([ids.size, pages > 3]).toEqual([700, true]);
});

test("of one person one is written at a time, and others do not wait for it", async () => {
  const [{ id }, other] = [await buildLearner(api.db), await buildLearner(api.db)];
  await api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, note, body_digest)
    SELECT ${id}::uuid, gen_random_uuid(), '2020-01-01'::date + n, 'UTC', '2020-01-01'::date + n, 1, 0, 0, 0, repeat(md5(n::text), 300), '\\x00' FROM generate_series(1, 2000) n`;
  const keys = [await keyOf(api.db, id), await keyOf(api.db, id)];
  const hangUp = new AbortController();
  // It is not read.
  const first = await fetch(api.url + PATH, { headers: { Authorization: `Bearer ${keys[0]}` }, signal: hangUp.signal });
  expect(first.status).toBe(200);
  let isAnswered = false;
  const second = fetch(`${api.url}/v1/learners/${id}/export`, { headers: { Authorization: `Bearer ${keys[1]}` } }).finally(() => {
    isAnswered = true;
  });
  // Others are answered meanwhile, and so is what is light.
  expect((await read(api.as(await keyOf(api.db, other.id)))).last.rows).toBe(0);
  expect((await api.as(keys[1] as string).get("/v1/me")).status).toBe(200);
  expect(isAnswered).toBe(false);
  hangUp.abort();
  const answer = await second;
  expect([answer.status, ((await answer.json()) as { records: { StudySession: object[] } }).records.StudySession.length]).toEqual([200, 2_000]);
});

test("hundreds of learners come once each", async () => {
  const team = await buildTeam(api.db);
  const learners = Array.from({ length: 1_100 }, () => ({ id: uuidv7(), name: "One of many", timeZone: "UTC" }));
  await api.db.learner.createMany({ data: learners });
  await api.db.membership.createMany({ data: learners.map(({ id }) => ({ learnerId: id, id: uuidv7(), teamId: team.id, fromDay: new Date("2020-01-01") })) });
  for (const { id } of [learners[0], learners[499], learners[500], learners[1_099]] as { id: string }[]) await buildSession(api.db, { learnerId: id });
  const { sessions } = await read(api.admin, `?team=${team.id}`);
  expect(sessions.map(({ learnerId }) => learnerId)).toEqual([0, 499, 500, 1_099].map((index) => learners[index]?.id));
});

test("days and teams narrow it", async () => {
  const [top, other] = [await buildTeam(api.db), await buildTeam(api.db)];
  const below = await buildTeam(api.db, { parentId: top.id });
  const [member, elsewhere] = [await buildMember(api.db, below.id), await buildMember(api.db, other.id)];
  const days = ["2026-05-31", "2026-06-01", "2026-06-30", "2026-07-01"];
  for (const day of days)
    for (const { id } of [member, elsewhere]) await buildSession(api.db, { learnerId: id, startedAt: new Date(`${day}T10:00:00Z`), occurredOn: new Date(day) });
  const { sessions } = await read(api.admin, `?team=${top.id}&from=2026-06-01&to=2026-07-01`);
  expect(sessions.map(({ learnerId, occurredOn }) => [learnerId, occurredOn])).toEqual([
    [member.id, "2026-06-01"],
    [member.id, "2026-06-30"],
  ]);
  expect((await read(api.admin, `?team=${uuidv7()}`)).last).toEqual({ kind: "done", rows: 0 });
  expect((await api.admin.get(`${PATH}?team=${uuidv7()}`, CSV)).text).toMatch(/^learnerId,.*,deletedAt\r\n# complete: 0 rows\r\n$/);
});

test.each(["from=2026-07-01&to=2026-07-01", "from=soon", "team=platform", "limit=3"])("?%s is refused before anything is sent", async (query) => {
  expect(await api.admin.get(`${PATH}?${query}`)).toMatchObject({ status: 400, type: "application/problem+json", body: { code: "invalid-request" } });
});

describe("for whom", () => {
  test("a lead exports themself and whom they lead, without what is private", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    for (const { id } of [lead, learner]) await buildSession(api.db, { learnerId: id, note: `of ${id}` });
    await buildSession(api.db);
    const { sessions } = await read(api.as(await keyOf(api.db, lead.id)));
    expect(Object.fromEntries(sessions.map(({ learnerId, note }) => [learnerId, note]))).toEqual({ [lead.id]: `of ${lead.id}`, [learner.id]: null });
  });

  test("what is read of others is recorded before it is sent, each of them once", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    for (const { id } of [lead, learner, learner]) await buildSession(api.db, { learnerId: id });
    const { headers } = await api.as(await keyOf(api.db, lead.id)).get(PATH);
    const events = await api.db.auditEvent.findMany({ where: { requestId: headers["x-request-id"] as string } });
    expect(events).toMatchObject([{ action: "read", operation: "exportStudySessions", personId: lead.id, learnerIds: [learner.id] }]);
  });

  test("it cannot be asked for by its headers alone", async () => {
    expect((await api.admin.head(PATH)).status).toBe(405);
  });
});

test("a client that goes away leaves nothing under way", async () => {
  const { id: learnerId } = await buildLearner(api.db);
  await api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, note, note_shared, body_digest)
    SELECT ${learnerId}::uuid, gen_random_uuid(), '2026-06-01', 'UTC', date '2026-06-01' - n / 1440, 1, 0, 0, 0, repeat('x', 2000), true, '\\x00' FROM generate_series(1, 12000) n`;
  const key = await buildKey(api.db, { role: "learner", learnerId });
  const before = api.log.length;
  const asked = open(`${api.url}${PATH}`, { headers: { Authorization: `Bearer ${key}` } });
  await new Promise<void>((resolve, reject) => {
    asked.on("error", reject).on("response", (response) => {
      // Read a little, then wait, then go.
      response.once("readable", () => setTimeout(resolve, 500));
    });
    asked.end();
  });
  asked.on("error", () => undefined).destroy();
  const active = () => api.db.$queryRaw<unknown[]>`
    SELECT 1 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND state <> 'idle' AND pid <> pg_backend_pid()`;
  // What was begun is finished: a page or two.
  await eventually(async () => expect(await active()).toEqual([]));
  expect(api.log.slice(before).some((line) => line.includes("unexpected error"))).toBe(false);
  const { last } = await read(api.as(key));
  expect(last.rows).toBe(12_000);
});

test("nobody's sessions are missing, doubled or out of order, however unevenly they logged", async () => {
  await api.db.$executeRaw`INSERT INTO learners (id, name, time_zone) SELECT gen_random_uuid(), 'Learner ' || n, 'UTC' FROM generate_series(1, 1100) n`;
  // Of most a few or none, of some more than fit on a page.
  await api.db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, body_digest)
    SELECT l.id, gen_random_uuid(), '2026-03-01', 'UTC', date '2026-03-01' - (session / 1440)::int, 1, 0, 0, 0, '\\x00'
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM learners) l CROSS JOIN LATERAL generate_series(1, CASE WHEN n IN (1, 9, 700) THEN 6000 ELSE n % 4 END) session`;
  const stored = await api.db.$queryRaw<
    { key: string }[]
  >`SELECT learner_id || ' ' || id AS key FROM study_sessions WHERE deleted_at IS NULL ORDER BY learner_id, id`;
  const { sessions, last } = await read(api.admin);
  expect(sessions.map(({ learnerId, id }) => `${learnerId} ${id}`)).toEqual(stored.map(({ key }) => key));
  expect(last.rows).toBe(stored.length);
});
