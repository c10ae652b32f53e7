import { v7 as uuidv7 } from "uuid";
import { toDate } from "../../src/days";
import type { Goal, Learner } from "../../src/generated/prisma/client";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildLedLearner, buildResource, keyOf } from "../setup/factories";
import { buildTerm } from "../setup/growth-factories";

let api: TestApp;
let learner: Learner;
let goal: Goal;
let self: Client;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  api.setNow(NOW);
  learner = await buildLearner(api.db);
  goal = await buildGoal(api.db, { learnerId: learner.id });
  self = api.as(await keyOf(api.db, learner.id));
});
afterAll(() => api.close());

const terms = (below = "", of = goal.id) => `/v1/learners/${learner.id}/goals/${of}/terms${below}`;
const all = (query = "") => `/v1/learners/${learner.id}/terms${query}`;
const keep = (overrides: object = {}) => buildTerm(api.db, { learnerId: learner.id, goalId: goal.id, ...overrides });
const notFound = { status: 404, body: { code: "not-found" } };

test("a term is kept, read, found, learned and deleted by its learner", async () => {
  const resource = await buildResource(api.db);
  const created = await self.post(terms(), { term: " control plane ", meaning: " What decides\nwhat runs where ", resourceId: resource.id });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    learnerId: learner.id,
    goalId: goal.id,
    id: expect.any(String),
    term: "control plane",
    meaning: " What decides\nwhat runs where ",
    resourceId: resource.id,
    learnedOn: null,
    shared: false,
    version: 1,
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect(path).toBe(terms(`/${created.body.id}`));
  expect((await self.get(path)).body).toEqual(created.body);

  const learned = await self.patch(path, { learnedOn: "2026-06-17", meaning: null, resourceId: null });
  expect(learned.status).toBe(200);
  expect(learned.body).toEqual({ ...created.body, learnedOn: "2026-06-17", meaning: null, resourceId: null, version: 2, updatedAt: expect.any(String) });
  expect((await self.get(all())).body).toEqual({ items: [learned.body], next: null });

  expect((await self.patch(path, { learnedOn: null })).body.learnedOn).toBeNull();
  expect((await self.delete(path)).status).toBe(204);
  expect(await self.get(path)).toMatchObject(notFound);
  expect((await self.get(all())).body.items).toEqual([]);
});

describe("once under a goal", () => {
  const taken = {
    status: 409,
    body: {
      code: "already-exists",
      detail: "The goal has this term already. Change that one instead.",
      errors: [{ pointer: "#/term", detail: "The goal has this term already. Change that one instead." }],
    },
  };

  test.each([
    ["etcd", "etcd"],
    ["etcd", "ETCD"],
    ["Control Plane", " control plane "],
    ["Überlauf", "überlauf"],
    ["ПОД", "под"],
  ])("%s is %s", async (term, other) => {
    await self.post(terms(), { term });
    const { body: another } = await self.post(terms(), { term: "another" });
    expect(await self.post(terms(), { term: other })).toMatchObject(taken);
    expect(await self.patch(terms(`/${another.id}`), { term: other })).toMatchObject(taken);
    expect((await self.get(all())).body.items).toHaveLength(2);
  });

  test("and again under another goal, or of somebody else", async () => {
    await self.post(terms(), { term: "etcd" });
    expect((await self.post(terms("", (await buildGoal(api.db, { learnerId: learner.id })).id), { term: "etcd" })).status).toBe(201);
    const other = await buildGoal(api.db);
    expect((await api.admin.post(`/v1/learners/${other.learnerId}/goals/${other.id}/terms`, { term: "etcd", shared: true })).status).toBe(201);
  });

  test("among the shared ones and among the private ones, each by itself", async () => {
    const hidden = await self.post(terms(), { term: "etcd" });
    const shared = await self.post(terms(), { term: "Etcd", shared: true });
    expect([hidden.status, shared.status]).toEqual([201, 201]);
    expect(await self.patch(terms(`/${hidden.body.id}`), { shared: true })).toMatchObject(taken);
    expect(await self.patch(terms(`/${shared.body.id}`), { shared: false })).toMatchObject(taken);
    expect(await self.post(terms(), { term: "ETCD", shared: true })).toMatchObject(taken);
    expect((await self.delete(terms(`/${shared.body.id}`))).status).toBe(204);
    expect(await self.patch(terms(`/${hidden.body.id}`), { shared: true })).toMatchObject({ status: 200, body: { shared: true } });
  });

  test("a term's own spelling may change in case", async () => {
    const { body } = await self.post(terms(), { term: "ETCD" });
    expect(await self.patch(terms(`/${body.id}`), { term: "etcd" })).toMatchObject({ status: 200, body: { term: "etcd" } });
  });

  test("five at once are kept as one", async () => {
    const answers = await Promise.all(["a", "A", "a", "A", "a"].map((term) => self.post(terms(), { term })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
  });
});

test("a client may name the term, once; ids of two learners don't meet", async () => {
  const { id } = await buildTerm(api.db);
  expect(await self.post(terms(), { id, term: "etcd" })).toMatchObject({ status: 201, body: { id } });
  expect(await self.post(terms(), { id, term: "raft" })).toMatchObject({ status: 409, body: { code: "already-exists" } });
});

describe("the day on which a term was learned", () => {
  const toCome = {
    status: 400,
    body: { code: "invalid-request", errors: [{ pointer: "#/learnedOn", detail: expect.stringContaining("still to come for the learner") }] },
  };

  test.each(["2026-06-18", "2999-12-31"])("is not to come: %s", async (learnedOn) => {
    expect(await self.post(terms(), { term: "etcd", learnedOn })).toMatchObject(toCome);
    const { id } = await keep();
    expect(await self.patch(terms(`/${id}`), { learnedOn })).toMatchObject(toCome);
    expect((await self.get(terms(`/${id}`))).body).toMatchObject({ learnedOn: null, version: 1 });
  });

  test("is of the learner's calendar: in Auckland it is tomorrow already, in Honolulu still today", async () => {
    const learnIn = async (timeZone: string, now: string, learnedOn: string) => {
      await api.db.learner.update({ where: { id: learner.id }, data: { timeZone } });
      api.setNow(new Date(now));
      return (await self.post(terms(), { term: `${timeZone} ${learnedOn}`, learnedOn })).status;
    };
    expect(await learnIn("Pacific/Auckland", "2026-06-17T13:00:00Z", "2026-06-18")).toBe(201);
    expect(await learnIn("Pacific/Auckland", "2026-06-17T13:00:00Z", "2026-06-19")).toBe(400);
    expect(await learnIn("Pacific/Honolulu", "2026-06-17T02:00:00Z", "2026-06-17")).toBe(400);
    expect(await learnIn("Pacific/Honolulu", "2026-06-17T02:00:00Z", "2026-06-16")).toBe(201);
  });

  test("stays when something else changes", async () => {
    const { id } = await keep({ learnedOn: toDate("2026-05-01") });
    expect((await self.patch(terms(`/${id}`), { meaning: "Anew" })).body).toMatchObject({ learnedOn: "2026-05-01", meaning: "Anew" });
  });
});

describe("searching over all goals", () => {
  const found = async (query: string) => (await self.get(all(query))).body.items.map(({ term }: { term: string }) => term);

  test("by words of the term and its meaning, in any case, which all must stand there", async () => {
    const other = await buildGoal(api.db, { learnerId: learner.id });
    await keep({ term: "Control plane", meaning: "What decides what runs where" });
    await keep({ term: "etcd", meaning: "Where the control plane keeps what it knows", goalId: other.id });
    await keep({ term: "Pod" });
    await keep({ term: "100%_sure" });
    await buildTerm(api.db, { term: "control of somebody else" });
    expect(await found("")).toEqual(["100%_sure", "Control plane", "etcd", "Pod"]);
    expect(await found("?q=control")).toEqual(["Control plane", "etcd"]);
    expect(await found("?q=KNOWS+plane")).toEqual(["etcd"]);
    expect(await found("?q=plane+pod")).toEqual([]);
    expect(await found("?q=%25_")).toEqual(["100%_sure"]);
    expect(await found("?q=_")).toEqual(["100%_sure"]);
  });

  test("by goal, by resource, and by whether they are learned", async () => {
    const [other, resource] = [await buildGoal(api.db, { learnerId: learner.id }), await buildResource(api.db)];
    await keep({ term: "a", learnedOn: toDate("2026-06-01") });
    await keep({ term: "b", resourceId: resource.id });
    await keep({ term: "c", goalId: other.id, resourceId: resource.id, learnedOn: toDate("2026-06-02") });
    expect(await found(`?goal=${goal.id}`)).toEqual(["a", "b"]);
    expect(await found(`?goal=${other.id}`)).toEqual(["c"]);
    expect(await found(`?resource=${resource.id}`)).toEqual(["b", "c"]);
    expect(await found("?learned=true")).toEqual(["a", "c"]);
    expect(await found("?learned=false")).toEqual(["b"]);
    expect(await found(`?resource=${resource.id}&learned=true&goal=${other.id}&q=C`)).toEqual(["c"]);
    expect(await found(`?goal=${uuidv7()}`)).toEqual([]);
  });

  test.each(["goal=mine", "resource=none", "learned=1", "q=", "step=x"])("?%s is refused", async (query) => {
    const pointer = `query/${query.split("=")[0]}`;
    expect(await self.get(all(`?${query}`))).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer }] } });
  });

  test("page by page, whatever case and script the terms are of", async () => {
    const words = ["Zustand", "apple", "Äpfel", "Apple pie", "zebra", "éclair", "Éclair bis", "ß", "под", "日本", "a", "B", "𠜎", "_", "😀"];
    for (const term of words) await keep({ term });
    const whole = await found("");
    expect([...whole].sort()).toEqual([...words].sort());
    const paged: string[] = [];
    for (let cursor = ""; paged.length <= words.length; ) {
      const { body } = await self.get(all(`?limit=2${cursor}`));
      paged.push(...body.items.map(({ term }: { term: string }) => term));
      if (!body.next) break;
      cursor = `&cursor=${body.next}`;
    }
    expect(paged).toEqual(whole);
  });
});

describe("whose it is", () => {
  async function build(shared: boolean) {
    const { lead, learner } = await buildLedLearner(api.db);
    const { goalId, id } = await buildTerm(api.db, { learnerId: learner.id, meaning: "in my words", shared });
    const list = `/v1/learners/${learner.id}/terms`;
    const path = `/v1/learners/${learner.id}/goals/${goalId}/terms/${id}`;
    const others: [string, Client][] = [
      ["lead", api.as(await keyOf(api.db, lead.id))],
      ["service", api.as(await buildKey(api.db, { role: "service" }))],
      ["admin", api.admin],
    ];
    return { list, path, id, others, own: api.as(await keyOf(api.db, learner.id)) };
  }

  test("a private term does not exist for the lead, a service or an admin", async () => {
    const { list, path, others, own } = await build(false);
    for (const [who, client] of others) {
      expect([who, (await client.get(path)).status]).toEqual([who, 404]);
      for (const query of ["", "?q=words", "?learned=false"]) expect([who, (await client.get(list + query)).body]).toEqual([who, { items: [], next: null }]);
      expect((await client.get(list, { Accept: "text/csv" })).text).not.toContain("in my words");
      if (who === "lead") continue;
      expect(await client.patch(path, { shared: true })).toMatchObject(notFound);
      expect(await client.delete(path)).toMatchObject(notFound);
    }
    expect((await own.get(path)).body).toMatchObject({ meaning: "in my words", shared: false, version: 1 });
  });

  test("a shared term is for whoever sees the goal, and the lead does not change it", async () => {
    const { list, path, id, others } = await build(true);
    for (const [who, client] of others) {
      expect([who, (await client.get(path)).body.meaning]).toEqual([who, "in my words"]);
      expect([who, (await client.get(`${list}?q=words`)).body.items.map((each: { id: string }) => each.id)]).toEqual([who, [id]]);
    }
    const [[, lead]] = others as [[string, Client]];
    expect(await lead.patch(path, { term: "Theirs now" })).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await lead.delete(path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("others add shared terms alone, and are answered as if there were no private one", async () => {
    const { list, path, others, own } = await build(false);
    const { body: kept } = await own.get(path);
    const goalTerms = path.slice(0, -37);
    const detail = expect.stringContaining("Only the learner keeps things private");
    for (const [who, client] of others.filter(([who]) => who !== "lead")) {
      for (const input of [{ term: kept.term }, { term: kept.term, shared: false }, { term: "Another" }, { term: "Another", shared: false }]) {
        expect(await client.post(goalTerms, input)).toMatchObject({
          status: 400,
          body: { code: "invalid-request", errors: [{ pointer: "#/shared", detail }] },
        });
      }
      const added = await client.post(goalTerms, { term: kept.term.toUpperCase(), shared: true });
      expect([who, added.status]).toEqual([who, 201]);
      const path = added.headers.location as string;
      // What was another word becomes the private one's, too.
      for (const change of [{ term: "Another" }, { term: kept.term }]) expect([who, (await client.patch(path, change)).status]).toEqual([who, 200]);
      // To hide it would end at the private one; nobody but the learner may, whatever there is.
      for (const each of [path, `${goalTerms}/${kept.id}`, `${goalTerms}/${uuidv7()}`]) {
        expect(await client.patch(each, { shared: false })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/shared", detail }] } });
      }
      expect((await client.get(list)).body.items).toHaveLength(1);
      expect((await client.delete(path)).status).toBe(204);
    }
    expect((await own.get(path)).body).toEqual(kept);
  });

  test("sharing shows it, and taking it back hides it again", async () => {
    const { path, others, own } = await build(false);
    const [, lead] = others[0] as [string, Client];
    await own.patch(path, { shared: true });
    expect((await lead.get(path)).status).toBe(200);
    await own.patch(path, { shared: false });
    expect(await lead.get(path)).toMatchObject(notFound);
  });

  test("who can't see the learner finds nothing, shared or not", async () => {
    const { list, path } = await build(true);
    const stranger = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    for (const hidden of [list, path]) expect(await stranger.get(hidden)).toMatchObject(notFound);
  });
});

test.each([
  ["#/term", { term: " " }],
  ["#/term", { term: null }],
  ["#/term", { term: "x".repeat(121) }],
  ["#/meaning", { meaning: "" }],
  ["#/meaning", { meaning: "x".repeat(5_001) }],
  ["#/learnedOn", { learnedOn: "yesterday" }],
  ["#/learnedOn", { learnedOn: "2026-02-29" }],
  ["#/shared", { shared: null }],
  ["#/resourceId", { resourceId: "a book" }],
  ["#/goalId", { goalId: uuidv7() }],
])("%s is refused in %j", async (pointer, body) => {
  const { id } = await keep();
  for (const refused of [await self.post(terms(), { term: "A term", ...body }), await self.patch(terms(`/${id}`), body)]) {
    expect(refused.status).toBe(400);
    expect(refused.body.errors).toEqual([{ pointer, detail: expect.any(String) }]);
  }
});

test("a term was met in a resource of the catalogue", async () => {
  const detail = "The resource does not exist. Look it up under /v1/resources.";
  const refusal = { status: 422, body: { code: "reference-missing", detail, errors: [{ pointer: "#/resourceId", detail }] } };
  const { id } = await keep();
  expect(await self.post(terms(), { term: "A term", resourceId: uuidv7() })).toMatchObject(refusal);
  expect(await self.patch(terms(`/${id}`), { resourceId: uuidv7() })).toMatchObject(refusal);
});

test.each(["get", "patch", "delete"] as const)("a term is nothing under another goal: %s", async (method) => {
  const { id } = await buildTerm(api.db, { learnerId: learner.id, shared: true });
  const path = terms(`/${id}`);
  expect(method === "patch" ? await self.patch(path, { term: "Here now" }) : await self[method](path)).toMatchObject(notFound);
  expect(await api.db.term.count({ where: { learnerId: learner.id, id, version: 1 } })).toBe(1);
});

test("a goal that is not there, or is somebody else's, keeps no terms; one that goes takes its own with it", async () => {
  for (const goalId of [uuidv7(), (await buildGoal(api.db)).id]) expect(await self.post(terms("", goalId), { term: "A" })).toMatchObject(notFound);
  await keep();
  expect((await self.delete(`/v1/learners/${learner.id}/goals/${goal.id}`)).status).toBe(204);
  expect((await self.get(all())).body.items).toEqual([]);
});
