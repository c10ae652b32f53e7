import { createHash } from "node:crypto";
import { parse } from "csv-parse/sync";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildLedLearner, buildMember, buildResource, buildStep, buildTeam, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";

let api: TestApp;
const lists: Record<string, List> = {};
beforeAll(async () => {
  api = await startApp();
  for (const [name, build] of Object.entries(builders)) lists[name] = await build();
});
afterAll(() => api.close());

/** A list of five, with filters that show nothing else, and the ids in its order. */
type List = { client: Client; path: string; filters: string; otherFilters?: string; ids: string[]; unknown: string };
type Item = { id: string } & Record<string, unknown>;

// Each has equal sort values, which only the id tells apart, and a text that a spreadsheet would take for a formula.
const NAMES = ["=1+1", "Listed A", "Listed A", "Listed A", "Listed B"];
const byId = (items: { id: string }[]) => items.map(({ id }) => id).sort();
const byNameAndId = (items: Item[], key: string) =>
  NAMES.flatMap((name, index) => (NAMES.indexOf(name) === index ? byId(items.filter((item) => item[key] === name)) : []));
const DATES = [1, 2, 2, 2, 3].map((day) => new Date(Date.UTC(2026, 0, day)));
/** The latest first, of items built at `DATES`. */
const byDate = (items: { id: string }[]) => [...byId(items.slice(0, 1)), ...byId(items.slice(1, 4)), ...byId(items.slice(4))].reverse();

const builders: Record<string, () => Promise<List>> = {
  async learners() {
    const items = await Promise.all(NAMES.map((name, index) => buildLearner(api.db, { name, email: `p${index}@listed.example`, target: [60, 30, 10] })));
    const ids = byNameAndId(items, "name");
    return { client: api.admin, path: "/v1/learners", filters: "q=listed.example", otherFilters: "q=listed", ids, unknown: "team" };
  },
  async teams() {
    const { id } = await buildTeam(api.db);
    const items = await Promise.all(NAMES.map((name) => buildTeam(api.db, { name, parentId: id })));
    return { client: api.admin, path: "/v1/teams", filters: `parent=${id}`, otherFilters: `under=${id}`, ids: byNameAndId(items, "name"), unknown: "name" };
  },
  async members() {
    const { id } = await buildTeam(api.db);
    const items = [];
    for (const name of NAMES) {
      const member = await buildMember(api.db, id);
      items.push(await api.db.learner.update({ where: { id: member.id }, data: { name } }));
    }
    const ids = byNameAndId(items, "name");
    return { client: api.admin, path: `/v1/teams/${id}/members`, filters: "on=2026-06-01", otherFilters: "on=2026-06-02", ids, unknown: "q" };
  },
  async resources() {
    const items = await Promise.all(NAMES.map((title) => buildResource(api.db, { title, skills: ["listed", "spread; sheet"], estimatedMinutes: 90 })));
    const ids = byNameAndId(items, "title");
    return { client: api.admin, path: "/v1/resources", filters: "skill=listed", otherFilters: "skill=listed&type=book", ids, unknown: "author" };
  },
  async paths() {
    const items: Item[] = [];
    for (const title of NAMES) items.push((await api.admin.post("/v1/paths", { title, purpose: "To be listed", skills: ["listed"] })).body);
    return {
      client: api.admin,
      path: "/v1/paths",
      filters: "skill=listed",
      otherFilters: "skill=listed&q=listed",
      ids: byNameAndId(items, "title"),
      unknown: "title",
    };
  },
  async steps() {
    const { id, learnerId } = await buildGoal(api.db);
    const items: { id: string }[] = [];
    for (const title of NAMES) items.push(await buildStep(api.db, { learnerId, goalId: id, title, requires: items.map((step) => step.id) }));
    return { client: api.admin, path: `/v1/learners/${learnerId}/goals/${id}/steps`, filters: "", ids: items.map((step) => step.id), unknown: "state" };
  },
  async evidence() {
    const { id, goalId, learnerId } = await buildStep(api.db);
    const of = { learnerId, goalId, stepId: id, shared: true };
    const items = await Promise.all(NAMES.map((title, index) => buildEvidence(api.db, { ...of, title, createdAt: DATES[index] as Date })));
    return {
      client: api.admin,
      path: `/v1/learners/${learnerId}/goals/${goalId}/evidence`,
      filters: `step=${id}`,
      otherFilters: "",
      ids: byDate(items),
      unknown: "goal",
    };
  },
  async reviews() {
    const { lead, learner } = await buildLedLearner(api.db);
    const { id } = await buildGoal(api.db, { learnerId: learner.id });
    const of = { learnerId: learner.id, goalId: id, answeredById: lead.id };
    const items = await Promise.all(NAMES.map((question, index) => buildReview(api.db, { ...of, question, askedAt: DATES[index] as Date })));
    return {
      client: api.admin,
      path: `/v1/learners/${learner.id}/goals/${id}/reviews`,
      filters: "waiting=false",
      otherFilters: "",
      ids: byDate(items),
      unknown: "verdict",
    };
  },
  async terms() {
    const [learner, resource] = [await buildLearner(api.db), await buildResource(api.db)];
    const of = { learnerId: learner.id, resourceId: resource.id, shared: true };
    const items = await Promise.all(NAMES.map((term) => buildTerm(api.db, { ...of, term, meaning: "Known,\r\nor not" })));
    return {
      client: api.admin,
      path: `/v1/learners/${learner.id}/terms`,
      filters: `resource=${resource.id}`,
      otherFilters: "",
      ids: byNameAndId(items, "term"),
      unknown: "shared",
    };
  },
  async "a glossary"() {
    const { id } = await buildTeam(api.db);
    const { id: learnerId } = await buildMember(api.db, id);
    const terms = ["=1+1", "Listed A", "listed b", "LISTED C", "listed d"];
    for (const term of terms) await buildTerm(api.db, { learnerId, term, shared: true, meaning: `What "${term}" is` });
    const ids = terms.map((term) =>
      createHash("md5")
        .update(term.toLowerCase())
        .digest("hex")
        .replace(/^(.{8})(.{4}).(.{3}).(.{3})/, "$1-$2-3$3-8$4-"),
    );
    return { client: api.admin, path: `/v1/teams/${id}/glossary`, filters: "depth=subtree", otherFilters: "depth=direct", ids, unknown: "learned" };
  },
  async goals() {
    const { id } = await buildLearner(api.db);
    const items = await Promise.all(
      NAMES.map((title, index) => buildGoal(api.db, { learnerId: id, title, why: 'Says "why",\r\nand more', createdAt: DATES[index] as Date })),
    );
    return { client: api.admin, path: `/v1/learners/${id}/goals`, filters: "status=active", otherFilters: "", ids: byDate(items), unknown: "skill" };
  },
  async "API keys"() {
    const { id } = await buildLearner(api.db);
    const keys = [];
    for (const name of NAMES) keys.push({ name, secret: await keyOf(api.db, id) });
    for (const { name, secret } of keys)
      await api.db.apiKey.updateMany({ where: { prefix: secret.slice(0, 14) }, data: { name, createdAt: new Date("2026-01-01") } });
    const ids = byId(await api.db.apiKey.findMany({ where: { learnerId: id } })).reverse();
    const client = api.as(keys[0]?.secret as string);
    return { client, path: "/v1/api-keys", filters: "", ids, unknown: "role" };
  },
};

const refusedCursor = {
  status: 400,
  body: {
    code: "invalid-request",
    errors: [{ pointer: "query/cursor", detail: "Not a cursor of this list with these filters. Use `next` of the page before, or start without a cursor." }],
  },
};

describe.each(Object.keys(builders))("the list of %s", (name) => {
  const list = () => lists[name] as List;
  const read = (query = "", headers?: Record<string, string>) =>
    list().client.get(`${list().path}?${[list().filters, query].filter(Boolean).join("&")}`, headers);
  const firstCursor = async () => (await read("limit=1")).body.next as string;
  test("shows everything on one page that is large enough, and no next", async () => {
    const { body, headers } = await read();
    expect(body.items.map(({ id }: Item) => id)).toEqual(list().ids);
    expect(body.next).toBeNull();
    expect(headers.link).toBeUndefined();
    expect((await read("limit=5")).body).toEqual(body);
  });

  test.each([1, 2, 4])("gives each once and in order, %s at a time, by the cursors", async (limit) => {
    const whole = (await read()).body.items;
    const items: Item[] = [];
    let cursor: string | null = null;
    do {
      const { body } = await read(cursor ? `limit=${limit}&cursor=${cursor}` : `limit=${limit}`);
      expect(body.items.length).toBeLessThanOrEqual(limit);
      items.push(...body.items);
      cursor = body.next;
    } while (cursor && items.length <= whole.length);
    expect(items).toEqual(whole);
  });

  test("gives each once and in order by the links", async () => {
    const ids: string[] = [];
    let url: string | undefined = `${list().path}?${list().filters}&limit=2`;
    while (url && ids.length <= list().ids.length) {
      const { body, headers } = await list().client.get(url);
      ids.push(...body.items.map(({ id }: Item) => id));
      url = /^<(.+)>; rel="next"$/.exec(headers.link ?? "")?.[1];
      expect(url === undefined).toBe(body.next === null);
    }
    expect(ids).toEqual(list().ids);
  });

  test("goes on with another limit", async () => {
    const { body } = await read(`limit=200&cursor=${await firstCursor()}`);
    expect(body.items.map(({ id }: Item) => id)).toEqual(list().ids.slice(1));
  });

  test.each([
    ["made by hand", async () => "abc"],
    ["empty", async () => ""],
    ["made of JSON by hand", async () => Buffer.from(JSON.stringify(["", "Listed", list().ids[0], ""])).toString("base64url")],
    ["cut short", async () => (await firstCursor()).slice(0, -4)],
    ["moved by hand", async () => movedToLast(await firstCursor(), list().ids)],
  ])("refuses a cursor %s", async (_, cursor) => {
    expect(await read(`cursor=${await cursor()}`)).toMatchObject(refusedCursor);
  });

  test("refuses a cursor of another list", async () => {
    for (const other of Object.values(lists).filter((each) => each !== list())) {
      const { body } = await other.client.get(`${other.path}?${other.filters}&limit=1`);
      expect(await read(`cursor=${body.next}`)).toMatchObject(refusedCursor);
    }
  });

  test.each(["0", "-1", "201", "1.5", "ten", ""])("refuses a limit of %j", async (limit) => {
    expect(await read(`limit=${limit}`)).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "query/limit" }] } });
  });

  test("takes a limit of 200", async () => {
    expect((await read("limit=200")).status).toBe(200);
  });

  test("refuses a parameter that it does not know", async () => {
    expect(await read(`${list().unknown}=1`)).toMatchObject({
      status: 400,
      body: {
        code: "invalid-request",
        errors: [
          {
            pointer: `query/${list().unknown}`,
            detail: expect.stringMatching(/^Unknown here\. Remove it, or check how it is spelt\. Known are (.*, )?limit, cursor[,.]/),
          },
        ],
      },
    });
  });

  describe("as CSV", () => {
    const csv = { Accept: "text/csv" };

    test("says what the JSON says", async () => {
      const { items } = (await read()).body;
      const table = await read("", csv);
      expect(table.headers["content-type"]).toBe("text/csv; charset=utf-8; header=present");
      const rows: Record<string, string>[] = parse(table.text, { columns: true });
      const columns = Object.keys(rows[0] ?? {});
      expect(new Set(columns.map((column) => column.split(".")[0]))).toEqual(new Set(Object.keys(items[0])));
      expect(rows).toEqual(items.map((item: Item) => Object.fromEntries(columns.map((column) => [column, cell(item, column)]))));
    });

    test("does not let a text become a formula", async () => {
      const { text } = await read("", csv);
      expect(text).toContain(",'=1+1,");
      expect(text).not.toContain(",=1+1,");
    });

    test("has the same pages, links to the next, and says in its last line that there is one", async () => {
      const json = await read("limit=2");
      const table = await read("limit=2", csv);
      expect(table.headers.link).toBe(json.headers.link);
      const next = `${json.headers.link}`.slice(1, -'>; rel="next"'.length);
      expect(parse(table.text, { columns: true, comment: "#", comment_no_infix: true })).toHaveLength(2);
      expect(table.text.split("\r\n").slice(-2)).toEqual([`# incomplete: 2 rows on this page; more at ${next}`, ""]);
      expect((await read("limit=200", csv)).text).not.toContain("# incomplete");
    });

    test("refuses as a problem all the same", async () => {
      expect(await read("limit=0", csv)).toMatchObject({ status: 400, type: "application/problem+json" });
    });

    test.each(["application/json", "*/*", "application/json, text/csv"])("is not answered to %s", async (accept) => {
      expect((await read("", { Accept: accept })).type).toBe("application/json");
    });
  });
});

// Keys and steps have no filters.
test.each(Object.keys(builders).filter((name) => !["API keys", "steps"].includes(name)))("the list of %s refuses a cursor of other filters", async (name) => {
  const { client, path, filters, otherFilters } = lists[name] as List;
  const { body } = await client.get(`${path}?${filters}&limit=1`);
  expect(await client.get(`${path}?${otherFilters}&cursor=${body.next}`)).toMatchObject(refusedCursor);
});

/** The cursor with another place in it, its checksum kept. */
function movedToLast(cursor: string, ids: string[]): string {
  const [value, , learnerId, checksum] = JSON.parse(Buffer.from(cursor, "base64url").toString());
  return Buffer.from(JSON.stringify([value, ids.at(-1), learnerId, checksum])).toString("base64url");
}

/** What a cell of CSV says of an item's field, such as `target.formal`. */
function cell(item: Item, column: string): string {
  const value = column.split(".").reduce<unknown>((object, key) => (object as Record<string, unknown> | null)?.[key], item);
  if (Array.isArray(value)) return value.join("; ");
  if (typeof value === "string" && /^[=+\-@]/.test(value)) return `'${value}`;
  return String(value ?? "");
}
