import type { Learner, StudySession } from "../../src/generated/prisma/client";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildResource, buildSession, buildStep, keyOf } from "../setup/factories";

let api: TestApp;
let learner: Learner;
let path: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learner = await buildLearner(api.db);
  path = `/v1/learners/${learner.id}/study-sessions`;
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

type Item = { id: string; deletedAt: string | null; note: string | null; updatedAt: string };

const build = (overrides: Parameters<typeof buildSession>[1] = {}) => buildSession(api.db, { learnerId: learner.id, ...overrides });
const ids = (sessions: { id: string }[]) => sessions.map(({ id }) => id);
const list = async (query = ""): Promise<Item[]> => (await api.admin.get(`${path}?${query}`)).body.items;

/** Every page's items, following `next` from a page to the one after. */
async function follow(query: string): Promise<Item[][]> {
  const pages: Item[][] = [];
  for (let cursor = ""; ; ) {
    const { body } = await api.admin.get(`${path}?${query}${cursor}`);
    pages.push(body.items);
    if (body.next === null) return pages;
    cursor = `&cursor=${encodeURIComponent(body.next)}`;
  }
}

test("the latest comes first, and of the same instant the greater id", async () => {
  const sessions: StudySession[] = [];
  for (const day of ["02", "01", "03", "03"]) sessions.push(await build({ startedAt: `2026-06-${day}T09:00:00Z` }));
  const [second, first, third, fourth] = ids(sessions);
  expect(ids(await list())).toEqual([fourth, third, second, first]);
});

test("a list holds this learner's sessions alone, and none that was deleted", async () => {
  const own = await build();
  await buildSession(api.db);
  await build({ deletedAt: NOW });
  expect(ids(await list())).toEqual([own.id]);
  const elsewhere = (await buildLearner(api.db)).id;
  expect((await api.admin.get(`/v1/learners/${elsewhere}/study-sessions`)).body).toEqual({ items: [], next: null });
});

test("an item is what reading it alone answers, with every field, and whatever the words", async () => {
  const goal = await buildGoal(api.db, { learnerId: learner.id });
  const step = await buildStep(api.db, { learnerId: learner.id, goalId: goal.id });
  const resource = await buildResource(api.db, { type: "book" });
  const full = { goalId: goal.id, stepId: step.id, resourceId: resource.id, resourceType: "book", skills: ['a "b"', "\\", "é 😀"], impact: 5 } as const;
  const words = ['say "so"', "two\r\nlines\ttab", "\\n \u2028 \u007f \u0001", "é ✓ 😀", "{}[],"];
  for (const note of words)
    await build({ ...full, skills: [...full.skills], note, noteShared: note.length % 2 > 0, startedAt: new Date("2026-06-01T09:00:00.120Z") });
  await build({ verification: "mentorConfirmed" });
  for (const caller of [api.as(await keyOf(api.db, learner.id)), api.admin]) {
    const { items } = (await caller.get(path)).body as { items: Item[] };
    const alone = await Promise.all(items.map(async ({ id }) => (await caller.get(`${path}/${id}`)).body));
    expect(items).toEqual(alone);
    expect(items.map((item) => Object.keys(item))).toEqual(alone.map((item) => Object.keys(item)));
    expect(items).toHaveLength(words.length + 1);
  }
});

describe("filters", () => {
  let goalId: string;
  let resourceId: string;
  let full: string;
  let bare: string;
  beforeEach(async () => {
    goalId = (await buildGoal(api.db, { learnerId: learner.id })).id;
    resourceId = (await buildResource(api.db)).id;
    full = (await build({ goalId, resourceId, resourceType: "book", skills: ["sql", "git"], verification: "systemRecorded" })).id;
    bare = (await build()).id;
  });

  test.each([
    ["goal", () => goalId],
    ["resource", () => resourceId],
    ["resourceType", () => "book"],
    ["skill", () => "GIT"],
    ["verification", () => "system-recorded"],
  ])("%s", async (name, value) => {
    expect(ids(await list(`${name}=${value()}`))).toEqual([full]);
  });

  test.each(["goal", "resource", "resourceType", "skill"])("%s=none", async (name) => {
    expect(ids(await list(`${name}=none`))).toEqual([bare]);
  });

  test.each([
    ["verification=mentor-confirmed"],
    ["resourceType=course"],
    ["skill=go"],
    ["goal=0193d5a0-6c00-7a31-9d4e-000000000001"],
    ["resourceType=book&goal=none"],
  ])("nothing is %s", async (query) => {
    expect(await list(query)).toEqual([]);
  });

  test("together they narrow", async () => {
    await build({ goalId });
    expect(ids(await list(`goal=${goalId}&resourceType=book&skill=sql&verification=system-recorded`))).toEqual([full]);
  });
});

test("from is the first day, to the first day after, on the learner's calendar", async () => {
  const on = (day: string) => build({ startedAt: "2026-06-10T23:30:00Z", occurredOn: new Date(`${day}T00:00:00Z`) });
  const [, tenth, eleventh] = [await on("2026-06-09"), await on("2026-06-10"), await on("2026-06-11"), await on("2026-06-12")];
  expect(ids(await list("from=2026-06-10&to=2026-06-12")).sort()).toEqual(ids([tenth, eleventh]).sort());
  expect(await list("from=2026-06-12")).toHaveLength(1);
  expect(await list("to=2026-06-10")).toHaveLength(1);
});

describe("pages", () => {
  test("paging through sessions of the same instant neither skips nor repeats", async () => {
    for (let n = 0; n < 7; n++) await build();
    const pages = await follow("limit=3");
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat()).toEqual(await list());
  });

  test("an exactly full page is the last", async () => {
    for (let n = 0; n < 4; n++) await build();
    expect((await follow("limit=2")).map((page) => page.length)).toEqual([2, 2]);
  });

  test("what is logged meanwhile does not shift the pages", async () => {
    const sessions = [await build({ startedAt: "2026-06-01T09:00:00Z" }), await build({ startedAt: "2026-06-02T09:00:00Z" })];
    const { body } = await api.admin.get(`${path}?limit=1`);
    await build({ startedAt: "2026-06-03T09:00:00Z" });
    expect(ids(await list(`cursor=${body.next}`))).toEqual([sessions[0]?.id]);
  });

  test("the Link header leads to the page after, with the same filters", async () => {
    for (let n = 0; n < 3; n++) await build({ skills: ["c++ & c#"] });
    const first = await api.admin.get(`${path}?skill=${encodeURIComponent("c++ & c#")}&limit=2`);
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.link ?? "")?.[1] as string;
    const second = await api.admin.get(next);
    expect([second.body.items.length, second.body.next, second.headers.link]).toEqual([1, null, undefined]);
  });

  test("there are fifty items on a page unless told", async () => {
    const rows = Array.from({ length: 51 }, () => build({ minutes: 20 }));
    await Promise.all(rows);
    expect(await list()).toHaveLength(50);
    expect(await list("limit=200")).toHaveLength(51);
  });

  test("a cursor of another list, or under other filters, is refused", async () => {
    for (let n = 0; n < 2; n++) await build();
    const { next } = (await api.admin.get(`${path}?limit=1`)).body;
    const other = (await buildLearner(api.db)).id;
    for (const url of [`${path}?limit=1&skill=sql&cursor=${next}`, `/v1/learners/${other}/study-sessions?cursor=${next}`]) {
      const { status, body } = await api.admin.get(url);
      expect([status, body.errors[0].pointer]).toEqual([400, "query/cursor"]);
    }
  });
});

describe("updatedSince", () => {
  const since = (instant: string | Date) => list(`updatedSince=${new Date(instant).toISOString()}`);

  test("what was logged, changed or deleted from then on comes in the order of the changes", async () => {
    const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 90 };
    const at = async <T extends { body: Item }>(time: string, work: Promise<T> | (() => Promise<T>)): Promise<Item> => {
      api.setNow(new Date(`2026-06-17T${time}:00.000Z`));
      return (await (typeof work === "function" ? work() : work)).body;
    };
    const gone = await at("12:00", () => api.admin.post(path, { ...session, note: "gone" }));
    const kept = await at("12:01", () => api.admin.post(path, session));
    const changed = await at("12:02", () => api.admin.post(path, session));
    await at("12:03", () => api.admin.delete(`${path}/${gone.id}`));
    await at("12:04", () => api.admin.patch(`${path}/${changed.id}`, { minutes: 30 }));

    expect(ids(await since("2026-06-17T12:00:00Z"))).toEqual([kept.id, gone.id, changed.id]);
    expect(ids(await since("2026-06-17T12:01:00.001Z"))).toEqual([gone.id, changed.id]);
    expect(ids(await since("2026-06-17T12:04:00Z"))).toEqual([changed.id]);
    expect(await since("2026-06-17T12:04:00.001Z")).toEqual([]);
  });

  test("a tombstone says when, and not what was noted", async () => {
    const { id } = await build({ note: "private", noteShared: true });
    await api.admin.delete(`${path}/${id}`);
    const [tombstone] = await since(NOW);
    expect(tombstone).toMatchObject({ id, deletedAt: NOW.toISOString(), updatedAt: NOW.toISOString(), note: null, version: 2 });
  });

  test("paging through changes of the same instant neither skips nor repeats", async () => {
    for (let n = 0; n < 5; n++) await build({ updatedAt: NOW, deletedAt: n % 2 ? NOW : null });
    await build({ updatedAt: new Date(NOW.getTime() + 1) });
    const pages = await follow(`updatedSince=${NOW.toISOString()}&limit=2`);
    expect(pages.map((page) => page.length)).toEqual([2, 2, 2]);
    expect(pages.flat()).toEqual(await since(NOW));
  });

  test("filters and days apply to changes, too", async () => {
    const { id } = await build({ skills: ["sql"], updatedAt: NOW, startedAt: "2026-06-02T08:00:00Z" });
    await build({ updatedAt: NOW, startedAt: "2026-06-02T08:00:00Z" });
    await build({ skills: ["sql"], updatedAt: NOW, startedAt: "2026-06-03T08:00:00Z" });
    expect(ids(await list(`updatedSince=${NOW.toISOString()}&skill=sql&from=2026-06-02&to=2026-06-03`))).toEqual([id]);
  });

  test.each(["0000-01-01T00:00:00Z", "0000-01-01T00:00:00%2B23:59", "0001-01-01T00:00:00Z"])(
    "long ago, such as %s, is everything or refused",
    async (instant) => {
      await build();
      const { status, body } = await api.admin.get(`${path}?updatedSince=${instant}`);
      expect(status === 200 ? body.items.length : status).toBe(status === 200 ? 1 : 400);
    },
  );
});

test.each([
  "limit=0",
  "limit=201",
  "limit=ten",
  "limit=1.5",
  "limit=1&limit=2",
  "cursor=garbage",
  "cursor=",
  "from=yesterday",
  "from=2026-02-30",
  "to=2026-06-17T00:00:00Z",
  "from=0001-01-01",
  "goal=deploy",
  "resource=",
  "resourceType=Book",
  "verification=selfReported",
  "verification=none",
  "updatedSince=2026-06-17",
  "sort=minutes",
  "Limit=5",
])("?%s is refused", async (query) => {
  const { status, body } = await api.admin.get(`${path}?${query}`);
  expect([status, body.code]).toEqual([400, "invalid-request"]);
  expect(body.errors[0].pointer).toBe(`query/${query.split("=")[0]}`);
});

describe("who may read", () => {
  test("the learner, a lead above, an admin", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const { id } = await buildSession(api.db, { learnerId: learner.id });
    const url = `/v1/learners/${learner.id}/study-sessions`;
    for (const reader of [api.as(await keyOf(api.db, learner.id)), api.as(await keyOf(api.db, lead.id)), api.admin]) {
      expect(ids((await reader.get(url)).body.items)).toEqual([id]);
      expect((await reader.get(`${url}/${id}`)).body.id).toBe(id);
    }
  });

  test("nobody else, who is told that nothing is there", async () => {
    const { id } = await build();
    const stranger = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    for (const url of [path, `${path}/${id}`]) {
      const { status, body } = await stranger.get(url);
      expect([status, body.code]).toEqual([404, "not-found"]);
      expect((await api.as(null).get(url)).status).toBe(401);
    }
  });

  test("no session of one learner under another's address", async () => {
    const { id } = await buildSession(api.db);
    expect((await api.admin.get(`${path}/${id}`)).status).toBe(404);
    expect((await api.admin.get(`${path}/monday`)).body.errors[0].pointer).toBe("path/sessionId");
  });
});

test("as CSV a list has the same rows, and hands no formula to a spreadsheet", async () => {
  await build({ note: '=HYPERLINK("https://example.com")', noteShared: true, skills: ["sql", "git"] });
  const { text, type } = await api.admin.get(path, { Accept: "text/csv" });
  const [header = "", row = ""] = text.split("\r\n");
  expect(type).toBe("text/csv");
  expect(header.split(",")).toEqual(Object.keys((await list())[0] as Item));
  expect(row).toContain(`"'=HYPERLINK(""https://example.com"")"`);
  expect(row).toContain("sql; git");
});
