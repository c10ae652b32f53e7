import { parse } from "csv-parse/sync";
import { v7 as uuidv7 } from "uuid";
import { toDate } from "../../src/days";
import type { Learner, Team } from "../../src/generated/prisma/client";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildTeam, keyOf } from "../setup/factories";
import { buildTerm } from "../setup/growth-factories";

let api: TestApp;
let lead: Learner;
let team: Team;
let below: Team;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  api.setNow(NOW);
  lead = await buildLearner(api.db);
  team = await buildTeam(api.db, { leadId: lead.id });
  below = await buildTeam(api.db, { parentId: team.id });
});
afterAll(() => api.close());

type Entry = { id: string; term: string; learners: number; knownBy: number; meanings: string[] };

const learned = { learnedOn: toDate("2026-06-01") };
const share = (learner: { id: string }, term: string, overrides: object = {}) => buildTerm(api.db, { learnerId: learner.id, term, shared: true, ...overrides });
const glossary = async (query = "", client: Client = api.admin, of = team) => (await client.get(`/v1/teams/${of.id}/glossary${query}`)).body;
const words = async (query = "") => (await glossary(query)).items.map(({ term }: Entry) => term);
const counts = async (query = "") => (await glossary(query)).items.map(({ term, learners, knownBy }: Entry) => [term, learners, knownBy]);

test("a glossary has the shared terms of a team, and how many people keep and know each", async () => {
  const [one, two, three] = [await buildMember(api.db, team.id), await buildMember(api.db, team.id), await buildMember(api.db, below.id)];
  await share(one, "etcd", { ...learned, meaning: "Where the cluster keeps what it knows", updatedAt: new Date("2026-06-01") });
  await share(two, "etcd", { meaning: "The first thing to back up", updatedAt: new Date("2026-06-03") });
  await share(three, "etcd", learned);
  await share(three, "raft");
  await buildTerm(api.db, { learnerId: one.id, term: "private to one", meaning: "nobody's business" });
  expect(await glossary()).toEqual({
    items: [
      {
        id: expect.any(String),
        term: "etcd",
        learners: 3,
        knownBy: 2,
        meanings: ["The first thing to back up", "Where the cluster keeps what it knows"],
      },
      { id: expect.any(String), term: "raft", learners: 1, knownBy: 0, meanings: [] },
    ],
    next: null,
  });
});

test("a glossary names nobody", async () => {
  const member = await buildMember(api.db, team.id);
  await api.db.learner.update({ where: { id: member.id }, data: { name: "Ada King", email: "ada@king.example" } });
  const { id, goalId } = await share(member, "etcd", { meaning: "A store" });
  const path = `/v1/teams/${team.id}/glossary`;
  for (const { text } of [await api.admin.get(path), await api.admin.get(path, { Accept: "text/csv" })]) {
    expect(text).toContain("etcd");
    for (const trace of ["Ada", "ada@", member.id, goalId, id]) expect(text).not.toContain(trace);
  }
});

test("what is private neither counts, nor is found, nor says how most write it", async () => {
  const [one, two, three] = [await buildMember(api.db, team.id), await buildMember(api.db, team.id), await buildMember(api.db, team.id)];
  await share(one, "etcd", { meaning: "A store" });
  for (const other of [two, three]) await buildTerm(api.db, { learnerId: other.id, term: "ETCD", meaning: "secret words", ...learned });
  expect((await glossary()).items).toMatchObject([{ term: "etcd", learners: 1, knownBy: 0, meanings: ["A store"] }]);
  expect(await words("?q=secret")).toEqual([]);
});

test("a term is one in any case, written as most write it", async () => {
  const members = [await buildMember(api.db, team.id), await buildMember(api.db, team.id), await buildMember(api.db, team.id)] as const;
  for (const [index, term] of ["etcd", "Etcd", "Etcd"].entries()) await share(members[index] as Learner, term, index ? {} : learned);
  for (const [index, term] of ["Überlauf", "überlauf", "überlauf"].entries()) await share(members[index] as Learner, term);
  expect(await counts()).toEqual([
    ["Etcd", 3, 1],
    ["überlauf", 3, 0],
  ]);
});

test("a person counts once, under however many goals they keep a term, and knows it when they learned it under one", async () => {
  const member = await buildMember(api.db, team.id);
  await share(member, "etcd", { meaning: "At first", updatedAt: new Date("2026-06-01") });
  await share(member, "ETCD", {
    ...learned,
    goalId: (await buildGoal(api.db, { learnerId: member.id })).id,
    meaning: "Later",
    updatedAt: new Date("2026-06-02"),
  });
  expect((await glossary()).items).toMatchObject([{ learners: 1, knownBy: 1, meanings: ["Later", "At first"] }]);
});

test("the five latest meanings are shown", async () => {
  for (const day of [3, 1, 6, 2, 5, 4]) {
    await share(await buildMember(api.db, team.id), "etcd", { meaning: `of day ${day}`, updatedAt: new Date(Date.UTC(2026, 4, day)) });
  }
  await share(await buildMember(api.db, team.id), "etcd", { updatedAt: new Date(Date.UTC(2026, 4, 7)) });
  const [entry] = (await glossary()).items;
  expect(entry).toMatchObject({ learners: 7, meanings: ["of day 6", "of day 5", "of day 4", "of day 3", "of day 2"] });
});

test("an entry keeps its id, whoever shares it next and however they write it", async () => {
  await share(await buildMember(api.db, team.id), "etcd");
  const [{ id }] = (await glossary()).items;
  for (const term of ["ETCD", "ETCD"]) await share(await buildMember(api.db, below.id), term);
  expect((await glossary()).items).toMatchObject([{ id, term: "ETCD", learners: 3 }]);
});

describe("whose terms", () => {
  test("those of the team and all below, unless the team itself is asked for", async () => {
    const deepest = await buildTeam(api.db, { parentId: below.id });
    const beside = await buildTeam(api.db);
    for (const [of, term] of [
      [team, "own"],
      [below, "below"],
      [deepest, "deepest"],
      [beside, "beside"],
    ] as const) {
      const member = await buildMember(api.db, of.id);
      await share(member, term);
      await share(member, "everybody's", learned);
    }
    const everywhere = [
      ["below", 1, 0],
      ["deepest", 1, 0],
      ["everybody's", 3, 3],
      ["own", 1, 0],
    ];
    expect(await counts()).toEqual(everywhere);
    expect(await counts("?depth=subtree")).toEqual(everywhere);
    expect(await counts("?depth=direct")).toEqual([
      ["everybody's", 1, 1],
      ["own", 1, 0],
    ]);
  });

  test("those of today's members: not of who has left, nor of who is to come", async () => {
    await share(await buildMember(api.db, team.id, { untilDay: "2026-06-17" }), "left today");
    await share(await buildMember(api.db, team.id, { untilDay: "2026-06-18" }), "last day");
    await share(await buildMember(api.db, team.id, { fromDay: "2026-06-17" }), "first day");
    await share(await buildMember(api.db, team.id, { fromDay: "2026-06-18" }), "tomorrow");
    expect(await words()).toEqual(["first day", "last day"]);
    api.setNow(new Date("2026-06-18T12:00:00Z"));
    expect(await words()).toEqual(["first day", "tomorrow"]);
  });

  test("a term goes where its learner goes, and goes when it is no longer shared", async () => {
    const member = await buildMember(api.db, team.id);
    const { id, goalId } = await share(member, "etcd");
    const other = await buildTeam(api.db);
    expect(await words()).toEqual(["etcd"]);
    await api.admin.put(`/v1/learners/${member.id}/membership`, { teamId: other.id, fromDay: "2026-06-17" });
    expect(await words()).toEqual([]);
    expect((await glossary("", api.admin, other)).items).toHaveLength(1);
    await api.as(await keyOf(api.db, member.id)).patch(`/v1/learners/${member.id}/goals/${goalId}/terms/${id}`, { shared: false });
    expect((await glossary("", api.admin, other)).items).toEqual([]);
  });
});

describe("who may read it", () => {
  const status = async (client: Client, of = team) => (await client.get(`/v1/teams/${of.id}/glossary`)).status;
  const as = async ({ id }: { id: string }) => api.as(await keyOf(api.db, id));

  test("the team's members and leads, services and admins", async () => {
    const member = await buildMember(api.db, team.id);
    await share(await buildMember(api.db, below.id), "etcd");
    for (const client of [await as(member), await as(lead), api.as(await buildKey(api.db, { role: "service" })), api.admin]) {
      expect(await glossary("", client)).toMatchObject({ items: [{ term: "etcd", learners: 1 }] });
    }
    expect(await status(await as(lead), below)).toBe(200);
  });

  test("nobody else: the team does not exist for them", async () => {
    const member = await buildMember(api.db, below.id);
    const former = await buildMember(api.db, team.id, { untilDay: "2026-06-17" });
    for (const other of [await buildLearner(api.db), member, former]) {
      const client = await as(other);
      const [hidden, nothing] = [await client.get(`/v1/teams/${team.id}/glossary`), await client.get(`/v1/teams/${uuidv7()}/glossary`)];
      expect(hidden).toMatchObject({ status: 404, body: { code: "not-found" } });
      expect({ ...hidden.body, requestId: "" }).toEqual({ ...nothing.body, requestId: "" });
    }
    expect(await status(await as(member), below)).toBe(200);
  });
});

describe("searching", () => {
  test("finds words in the term or one person's shared meaning of it, in any case, and still counts everybody", async () => {
    const [one, two] = [await buildMember(api.db, team.id), await buildMember(api.db, team.id)];
    await share(one, "Control plane", { meaning: "What decides what runs where" });
    await share(two, "control plane", learned);
    await share(one, "Überlauf", { meaning: "Zu viel, 100%_sicher" });
    await share(two, "Pod");
    expect(await words("?q=DECIDES")).toEqual(["Control plane"]);
    expect(await counts("?q=plane+decides")).toEqual([["Control plane", 2, 1]]);
    expect(await words("?q=plane+pod")).toEqual([]);
    expect(await words("?q=%C3%BCberlauf")).toEqual(["Überlauf"]);
    expect(await words("?q=%25_")).toEqual(["Überlauf"]);
    expect(await words("?q=%25")).toEqual(["Überlauf"]);
    expect((await glossary("?q=plane")).items[0].meanings).toEqual(["What decides what runs where"]);
  });

  test.each(["q=", "depth=all", "learned=true", "limit=0"])("?%s is refused", async (query) => {
    const refused = await api.admin.get(`/v1/teams/${team.id}/glossary?${query}`);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: `query/${query.split("=")[0]}` }] } });
  });
});

describe("page by page", () => {
  const TERMS = ["Zustand", "apple", "Äpfel", "Apple pie", "zebra", "éclair", "Éclair bis", "ß", "под", "日本", "a", "B", "𠜎", "_", "😀", "İstanbul"];

  async function shareMany() {
    const [one, two] = [await buildMember(api.db, team.id), await buildMember(api.db, below.id)];
    const goalId = (await buildGoal(api.db, { learnerId: one.id })).id;
    for (const term of TERMS) await share(one, term, { goalId });
    const numbered = Array.from({ length: 60 }, (_, index) => `term ${String(index).padStart(2, "0")}`);
    for (const term of numbered) await share(one, term, { goalId });
    for (const term of ["APPLE", "Zebra", "ПОД", "TERM 07"]) await share(two, term);
    return TERMS.length + numbered.length;
  }

  test.each([1, 7])("each comes once and in order, %s at a time, whatever case and script it is of", async (limit) => {
    const size = await shareMany();
    const { items: whole, next } = await glossary("?limit=200");
    expect(next).toBeNull();
    expect(whole).toHaveLength(size);
    expect(whole.filter(({ learners }: Entry) => learners === 2)).toHaveLength(4);
    expect(new Set(whole.map(({ id }: Entry) => id)).size).toBe(size);
    const paged: Entry[] = [];
    let cursor: string | null = "";
    while (cursor !== null && paged.length <= size) {
      const body = (await glossary(`?limit=${limit}${cursor && `&cursor=${cursor}`}`)) as { items: Entry[]; next: string | null };
      paged.push(...body.items);
      cursor = body.next;
    }
    expect(paged).toEqual(whole);
  });

  test("fifty come unless told, as a table too", async () => {
    await shareMany();
    const { items, next } = await glossary();
    expect(items).toHaveLength(50);
    const table = await api.admin.get(`/v1/teams/${team.id}/glossary`, { Accept: "text/csv" });
    expect(parse(table.text, { columns: true, comment: "#", comment_no_infix: true })).toEqual(
      items.map(({ id, term, learners, knownBy, meanings }: Entry) => ({
        id,
        term: /^[=+\-@]/.test(term) ? `'${term}` : term,
        learners: String(learners),
        knownBy: String(knownBy),
        meanings: meanings.join("; "),
      })),
    );
    expect(table.headers.link).toContain(`cursor=${next}`);
  });

  test("a cursor of another team or another depth is refused", async () => {
    await shareMany();
    const { next } = await glossary("?limit=1");
    for (const path of [`/v1/teams/${below.id}/glossary?cursor=${next}`, `/v1/teams/${team.id}/glossary?depth=direct&cursor=${next}`]) {
      expect(await api.admin.get(path)).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/cursor" }] } });
    }
  });
});

test("a glossary of nobody, or of people who share nothing, is empty", async () => {
  expect(await glossary()).toEqual({ items: [], next: null });
  await buildTerm(api.db, { learnerId: (await buildMember(api.db, team.id)).id });
  expect(await glossary()).toEqual({ items: [], next: null });
});
