import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildTeam } from "../setup/factories";

// Words are found, told apart and put in order as people read them: the same on the embedded database and on a server.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Item = { id: string; name?: string; title?: string; term?: string };
const found = async (path: string) => (await api.admin.get(path)).body.items.map(({ name, title, term }: Item) => name ?? title ?? term);

const NAMES: [string, string[]][] = [
  ["Céline Dubois", ["celine", "CELINE", "Céline", "Ce\u0301line", "dubois cel"]],
  ["Søren Ångström", ["soren", "angstrom", "Søren"]],
  ["Łukasz Żak", ["lukasz", "ZAK"]],
  ["ΟΔΥΣΣΕΥΣ", ["οδυσσευς", "οδυσσευσ", "Οδυσσεύς"]],
  ["İpek Işık", ["ipek", "isik"]],
  ["50_% 日本", ["50_%", "日本"]],
];

describe.each([
  ["learners", (name: string) => api.admin.post("/v1/learners", { name })],
  ["teams", (name: string) => api.admin.post("/v1/teams", { name })],
  ["resources", (title: string) => api.admin.post("/v1/resources", { type: "book", title })],
  ["paths", (title: string) => api.admin.post("/v1/paths", { title, steps: [{ key: "a", title: "A" }] })],
])("among %s", (of, create) => {
  test.each(NAMES)("%s is found with accents or without, in any case", async (name, queries) => {
    expect((await create(name)).status).toBe(201);
    for (const q of queries) expect([q, await found(`/v1/${of}?q=${encodeURIComponent(q)}`)]).toEqual([q, expect.arrayContaining([name])]);
    for (const q of ["zzz", `${queries[0]}zzz`]) expect(await found(`/v1/${of}?q=${encodeURIComponent(q)}`)).not.toContain(name);
  });

  test("a query's signs mean themselves", async () => {
    expect(await found(`/v1/${of}?q=${encodeURIComponent("5_%")}`)).toEqual([]);
  });

  test("names are in a reader's order, on every page", async () => {
    const names = ["zebra", "Éclair", "eclair", "Zoë", "apple", "Ärger", "Öl", "ost", "Eclipse"].map((name) => `order ${name}`);
    for (const name of names) await create(name);
    const inOrder = ["apple", "Ärger", "eclair", "Éclair", "Eclipse", "Öl", "ost", "zebra", "Zoë"].map((name) => `order ${name}`);
    expect(await found(`/v1/${of}?q=order`)).toEqual(inOrder);
    const paged: string[] = [];
    for (let url: string | null = `/v1/${of}?q=order&limit=2`; url; ) {
      const { body }: { body: { items: Item[]; next: string | null } } = await api.admin.get(url);
      paged.push(...body.items.map(({ name, title }) => (name ?? title) as string));
      url = body.next && `/v1/${of}?q=order&limit=2&cursor=${body.next}`;
    }
    expect(paged).toEqual(inOrder);
  });
});

describe("terms", () => {
  test("are one word in whatever case, sigma at the end of a Greek one too, and are found without accents", async () => {
    const { id: learnerId } = await buildLearner(api.db);
    const goal = await buildGoal(api.db, { learnerId });
    const path = `/v1/learners/${learnerId}/goals/${goal.id}/terms`;
    const add = (term: string) => api.admin.post(path, { term, shared: true });
    for (const [first, same] of [
      ["ΣΟΦΟΣ", ["σοφος", "σοφοσ", "Σοφος"]],
      ["Élan", ["ÉLAN", "e\u0301lan"]],
    ] as const) {
      expect((await add(first)).status).toBe(201);
      for (const term of same) expect([term, (await add(term)).body.code]).toEqual([term, "already-exists"]);
    }
    expect((await add("elan")).status).toBe(201);
    expect(await found(`/v1/learners/${learnerId}/terms?q=elan`)).toEqual(["elan", "Élan"]);
  });
});

test("what is searched is part of no answer", async () => {
  const team = await buildTeam(api.db, { name: "Searched" });
  const answer = await api.admin.get(`/v1/teams/${team.id}`);
  expect(answer.body).not.toHaveProperty("searched");
  expect(Object.keys(await api.db.learner.findFirstOrThrow())).not.toContain("searched");
});
