import Fastify, { type FastifyRequest } from "fastify";
import type { App } from "../../src/http/app-type";
import { type Budget, limitWork } from "../../src/http/budget";
import { createPlaces, type Places } from "../../src/http/places";
import { answerProblems } from "../../src/http/problem";
import { eventually } from "../setup/eventually";

let app: App;
let places: Places;
let budget: Budget;
let underWay: string[];
let open: Map<string, () => void>;
beforeEach(() => {
  [underWay, open, places] = [[], new Map(), createPlaces()];
  app = Fastify() as unknown as App;
  answerProblems(app);
  budget = limitWork(app, ({ headers: { payer } }) => ({ id: String(payer), isPerson: !String(payer).startsWith("tool") }), places, true);
  // Answers when it is told to.
  const held = (name: string) => new Promise<string>((resolve) => open.set(name, () => resolve(name)));
  const handler = async ({ headers: { payer } }: Pick<FastifyRequest, "headers">) => {
    underWay.push(String(payer));
    return held(`${payer} ${underWay.filter((each) => each === payer).length}`);
  };
  app.get("/light", handler);
  app.post("/light", handler);
  app.get("/list", { config: { forms: { "text/csv": () => "" } } }, handler);
  app.get("/heavy", { config: { work: "heavy" } }, handler);
  app.get("/long", { config: { work: "long" } }, handler);
  app.get("/pieces", { config: { work: "long" } }, (request, reply) => budget.inTurn(reply, () => handler(request)));
});
afterEach(() => app.close());

type Asked = { url?: string; method?: "GET" | "POST"; headers?: Record<string, string>; payload?: string };
const ask = (payer: string, { url = "/light", headers = {}, ...rest }: Asked = {}) => app.inject({ url, headers: { ...headers, payer }, ...rest });
const begun = (count: number) => eventually(() => expect(underWay).toHaveLength(count));
const settled = async () => {
  for (let n = 0; n < 20; n++) await new Promise(setImmediate);
};

test("a person has four light requests under way; more wait, and others do not", async () => {
  const answers = Array.from({ length: 6 }, () => ask("ada"));
  await begun(4);
  const other = ask("bo");
  await begun(5);
  await settled();
  expect(underWay).toEqual(["ada", "ada", "ada", "ada", "bo"]);
  expect(places.count()).toEqual({ taken: 5, waiting: 2 });
  open.get("bo 1")?.();
  expect((await other).statusCode).toBe(200);
  for (const n of [1, 2, 3, 4]) open.get(`ada ${n}`)?.();
  await begun(7);
  for (const n of [5, 6]) open.get(`ada ${n}`)?.();
  expect((await Promise.all(answers)).map(({ statusCode }) => statusCode)).toEqual(Array(6).fill(200));
  // A slow machine may have kept them for longer than is free: a place is taken until its work is paid for.
  await eventually(() => expect(places.count()).toEqual({ taken: 0, waiting: 0 }));
});

test("a person has one heavy request under way, and light ones beside it", async () => {
  const heavy = [ask("ada", { url: "/heavy" }), ask("ada", { url: "/heavy" })];
  await begun(1);
  const light = ask("ada");
  await begun(2);
  await settled();
  expect(underWay).toHaveLength(2);
  open.get("ada 2")?.();
  expect((await light).statusCode).toBe(200);
  open.get("ada 1")?.();
  await begun(3);
  open.get("ada 3")?.();
  for (const answer of heavy) expect((await answer).statusCode).toBe(200);
});

test("twenty heavy requests of a person wait; one more is told so, and when to come again", async () => {
  const answers = Array.from({ length: 21 }, () => ask("ada", { url: "/heavy" }));
  await eventually(() => expect(places.count().waiting).toBe(20));
  const { statusCode, headers, json } = await ask("ada", { url: "/heavy" });
  expect([statusCode, headers["retry-after"], json().code]).toEqual([429, "2", "too-many-requests"]);
  expect(json().detail).toContain("1 at a time is worked on");
  const other = ask("bo", { url: "/heavy" });
  await begun(2);
  open.get("bo 1")?.();
  expect((await other).statusCode).toBe(200);
  for (let n = 1; n <= 21; n++) {
    await begun(n + 1);
    open.get(`ada ${n}`)?.();
  }
  expect((await Promise.all(answers)).every((answer) => answer.statusCode === 200)).toBe(true);
});

test("six people's heavy requests are worked on at a time, and one person's hundred take one of these places", async () => {
  const hog = Array.from({ length: 20 }, () => ask("hog", { url: "/heavy" }));
  await begun(1);
  const others = ["a", "b", "c", "d", "e", "f"].map((payer) => ask(payer, { url: "/heavy" }));
  await begun(6);
  await settled();
  expect(underWay).toEqual(["hog", "a", "b", "c", "d", "e"]);
  open.get("hog 1")?.();
  await begun(7);
  // The next of the hog's comes after everybody who came before it.
  expect(underWay.at(-1)).toBe("f");
  for (const payer of ["a", "b", "c", "d", "e", "f"]) open.get(`${payer} 1`)?.();
  for (const other of others) expect((await other).statusCode).toBe(200);
  for (let n = 2; n <= 20; n++) {
    await eventually(() => expect(open.has(`hog ${n}`)).toBe(true));
    open.get(`hog ${n}`)?.();
  }
  await Promise.all(hog);
});

test("a person who has had much work done waits until it is paid for; a program and others do not", async () => {
  const paid = async (payer: string) => {
    const first = ask(payer, { url: "/heavy" });
    await eventually(() => expect(open.has(`${payer} 1`)).toBe(true));
    // A tenth of a second beyond what may be done at any speed.
    await new Promise((resolve) => setTimeout(resolve, 500));
    open.get(`${payer} 1`)?.();
    await first;
    const next = ask(payer, { url: "/heavy" });
    await settled();
    return { next, hasBegun: open.has(`${payer} 2`) };
  };
  const [ada, tool] = await Promise.all([paid("ada"), paid("tool")]);
  expect([ada.hasBegun, tool.hasBegun]).toEqual([false, true]);
  const other = ask("bo", { url: "/heavy" });
  await eventually(() => expect(open.has("bo 1")).toBe(true));
  await eventually(() => expect(open.has("ada 2")).toBe(true));
  for (const name of ["ada 2", "tool 2", "bo 1"]) open.get(name)?.();
  for (const answer of [ada.next, tool.next, other]) expect((await answer).statusCode).toBe(200);
});

test.each([
  ["a large page", { url: "/list?limit=51" }],
  ["a page of who knows how many", { url: "/list?limit=many" }],
  ["a search", { url: "/list?q=a" }],
  ["another form", { url: "/list", headers: { accept: "text/csv" } }],
  ["a large body", { url: "/light", method: "POST", headers: { "content-type": "text/plain" }, payload: "a".repeat(65_537) }],
  ["a body of unknown length", { url: "/light", method: "POST", headers: { "content-type": "text/plain", "transfer-encoding": "chunked" }, payload: "a" }],
] as [string, Asked][])("%s is heavy", async (_, asked) => {
  const answers = [ask("ada", asked), ask("ada", asked)];
  await begun(1);
  await settled();
  expect(underWay).toHaveLength(1);
  open.get("ada 1")?.();
  await begun(2);
  open.get("ada 2")?.();
  for (const answer of answers) expect((await answer).statusCode).toBe(200);
});

test.each([
  ["a page", { url: "/list?limit=50" }],
  ["a small body", { url: "/light", method: "POST", headers: { "content-type": "text/plain" }, payload: "a" }],
] as [string, Asked][])("%s is light", async (_, asked) => {
  const answers = [ask("ada", asked), ask("ada", asked)];
  await begun(2);
  for (const n of [1, 2]) open.get(`ada ${n}`)?.();
  await Promise.all(answers);
});

test("a long request takes a turn of heavy work for each of its pieces, and no place of heavy work between them", async () => {
  const [idle, pieces] = [ask("ada", { url: "/long" }), ask("bo", { url: "/pieces" })];
  await begun(2);
  const heavy = [ask("ada", { url: "/heavy" }), ask("bo", { url: "/heavy" })];
  await begun(3);
  await settled();
  expect(underWay.slice(2)).toEqual(["ada"]);
  open.get("bo 1")?.();
  expect((await pieces).statusCode).toBe(200);
  await begun(4);
  for (const name of ["ada 1", "ada 2", "bo 2"]) open.get(name)?.();
  for (const answer of [idle, ...heavy]) expect((await answer).statusCode).toBe(200);
  await eventually(() => expect(places.count()).toEqual({ taken: 0, waiting: 0 }));
});

test("a program, which acts for many, has more under way than a person", async () => {
  const answers = Array.from({ length: 4 }, () => ask("tool", { url: "/heavy" }));
  await begun(3);
  await settled();
  expect(underWay).toHaveLength(3);
  for (const n of [1, 2, 3]) open.get(`tool ${n}`)?.();
  await begun(4);
  open.get("tool 4")?.();
  await Promise.all(answers);
});
