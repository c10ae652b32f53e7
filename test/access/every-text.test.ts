import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLedLearner, buildStep } from "../setup/factories";

let api: TestApp;
let learnerId: string;
let goalId: string;
// A step for each question: only one waits for an answer at a time.
const steps: string[] = [];
beforeAll(async () => {
  api = await startApp();
  learnerId = (await buildLedLearner(api.db)).learner.id;
  goalId = (await buildGoal(api.db, { learnerId })).id;
  for (const _ of [...WRITTEN, ...UNWRITABLE]) steps.push((await buildStep(api.db, { learnerId, goalId })).id);
});
afterAll(() => api.close());

// Where each text is written, and a body around it. Skills are kept in lower case, as these texts are.
const texts: [of: string, pointer: string, path: () => string, body: (text: string) => object, read: (body: never) => string][] = [
  ["a learner's name", "#/name", () => "/v1/learners", (name) => ({ name }), ({ name }) => name],
  ["a learner's externalId", "#/externalId", () => "/v1/learners", (externalId) => ({ name: "Ada", externalId }), ({ externalId }) => externalId],
  ["a team's name", "#/name", () => "/v1/teams", (name) => ({ name }), ({ name }) => name],
  ["a resource's title", "#/title", () => "/v1/resources", (title) => ({ type: "book", title }), ({ title }) => title],
  ["a resource's creator", "#/creator", () => "/v1/resources", (creator) => ({ type: "book", title: "A", creator }), ({ creator }) => creator],
  [
    "a resource's description",
    "#/description",
    () => "/v1/resources",
    (description) => ({ type: "book", title: "A", description }),
    ({ description }) => description,
  ],
  ["a resource's skill", "#/skills/0", () => "/v1/resources", (skill) => ({ type: "book", title: "A", skills: [skill] }), ({ skills }) => skills[0]],
  ["a goal's title", "#/title", () => `/v1/learners/${learnerId}/goals`, (title) => ({ title }), ({ title }) => title],
  ["a goal's why", "#/why", () => `/v1/learners/${learnerId}/goals`, (why) => ({ title: "A", why }), ({ why }) => why],
  ["a path's title", "#/title", () => "/v1/paths", (title) => ({ title }), ({ title }) => title],
  ["a path's purpose", "#/purpose", () => "/v1/paths", (purpose) => ({ title: "A", purpose }), ({ purpose }) => purpose],
  [
    "the title of a path's step",
    "#/steps/0/title",
    () => "/v1/paths",
    (title) => ({ title: "A", steps: [{ key: "a", title }] }),
    ({ steps: [step] }: { steps: [{ title: string }] }) => step.title,
  ],
  ["a step's title", "#/title", () => inGoal("steps"), (title) => ({ title }), ({ title }) => title],
  ["a step's section", "#/section", () => inGoal("steps"), (section) => ({ title: "A", section }), ({ section }) => section],
  [
    "what else a step requires",
    "#/otherPrerequisites/0",
    () => inGoal("steps"),
    (text) => ({ title: "A", otherPrerequisites: [text] }),
    ({ otherPrerequisites }) => otherPrerequisites[0],
  ],
  ["the title of evidence", "#/title", () => inGoal("evidence"), (title) => ({ title, text: "x", shared: true }), ({ title }) => title],
  ["the text of evidence", "#/text", () => inGoal("evidence"), (text) => ({ title: "A", text, shared: true }), ({ text }) => text],
  ["a review's question", "#/question", () => inGoal("reviews"), (question) => ({ question, stepId: steps.pop() }), ({ question }) => question],
  ["a term", "#/term", () => inGoal("terms"), (term) => ({ term, shared: true }), ({ term }) => term],
  ["a term's meaning", "#/meaning", () => inGoal("terms"), (meaning) => ({ term: uuidv7(), meaning, shared: true }), ({ meaning }) => meaning],
  ["a goal's skill", "#/skills/0", () => `/v1/learners/${learnerId}/goals`, (skill) => ({ title: "A", skills: [skill] }), ({ skills }) => skills[0]],
];

function inGoal(what: string): string {
  return `/v1/learners/${learnerId}/goals/${goalId}/${what}`;
}

const WRITTEN = [
  "👩🏽‍💻 ships 🚀🇸🇪",
  "עברית ثم العربية",
  "می\u200cخواهم",
  "z\u0335\u0321a\u0338l\u0334go\u0337".normalize("NFC"),
  'a "quote", a \\backslash',
  "𝒻𝓊𝓁𝓁 beyond the basic plane 𠜎",
  "null",
  "{{7*7}} <b>&amp;</b> %s",
];

const WRITTEN_IN_LINES = ["a \u2028 line and\r\na\tnew one", "עברית ثم العربية \u202eback\u202c", "two  spaces"];
const OF_LINES = /why|description|purpose|text of evidence|question|meaning/;

const UNWRITABLE: [string, string, string][] = [
  ["the NUL character", "a\0b", "Must not contain the NUL character."],
  ["the first half of a surrogate pair", "a\ud83d b", "Must be well-formed Unicode: it holds half of a surrogate pair."],
  ["the second half of a surrogate pair", "a\udc69", "Must be well-formed Unicode: it holds half of a surrogate pair."],
];

describe.each(texts)("%s", (of, pointer, path, body, read) => {
  const isOfLines = OF_LINES.test(of);
  const kept = async (text: string) => {
    const created = await api.admin.post(path(), body(text));
    expect([text, created.status]).toEqual([text, 201]);
    return read((await api.admin.get(created.headers.location as string)).body as never);
  };

  test("is kept as it was written", async () => {
    for (const text of isOfLines ? [...WRITTEN, ...WRITTEN_IN_LINES] : WRITTEN) expect(await kept(text)).toBe(text);
  });

  test("is kept with composed characters", async () => {
    expect(await kept("cafe\u0301 an \u212bngstro\u0308m wide".toLowerCase())).toBe("caf\u00e9 an \u00e5ngstr\u00f6m wide");
  });

  if (!isOfLines) {
    test("is kept with single spaces, and without what is invisible", async () => {
      expect(await kept("\u00a0site\u00a0 \u3000relia\u00adbility\u200b\u2060")).toBe("site reliability");
    });

    test.each(["a\nb", "a\tb", "a\u0007b", "a\u0085b", "a\u2028b", "a\u202eb", "a\u2066b", "a\u200fb"])("must be one line (%j)", async (text) => {
      expect(await api.admin.post(path(), body(text))).toMatchObject({
        status: 400,
        body: { errors: [{ pointer, detail: expect.stringContaining("Must be one line") }] },
      });
    });
  }

  if (!/evidence|question|meaning/.test(of) || of.includes("title")) {
    test.each(["\u00a0 ", "\u200b", "\u2060", "\u00ad", "\u3164", "\u2800", "\u115f\u1160", "\ufe0f", "\u200d"])("must show something (%j)", async (text) => {
      expect(await api.admin.post(path(), body(text))).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
    });
  }

  test.each(UNWRITABLE)("must not hold %s", async (_, text, detail) => {
    expect(await api.admin.post(path(), body(text))).toMatchObject({ status: 400, body: { errors: [{ pointer, detail: expect.stringContaining(detail) }] } });
  });
});

test.each(UNWRITABLE)("an address on the web must not hold %s", async (_, text) => {
  const refused = await api.admin.post("/v1/resources", { type: "book", title: "A", url: `https://example.com/${text}` });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/url" }] } });
});

test("one word of Greek is one skill in whatever case", async () => {
  const created = await api.admin.post("/v1/resources", { type: "book", title: "A", skills: ["ΟΔΟΣ ΣΟΦΟΣ"] });
  expect(created.body.skills).toEqual(["οδος σοφος"]);
  const again = await api.admin.post("/v1/resources", { type: "book", title: "A", skills: ["οδος", "οδοσ"] });
  expect(again).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/skills", detail: "Name each skill once." }] } });
  for (const skill of ["ΟΔΟΣ ΣΟΦΟΣ", "οδοσ σοφοσ"]) {
    expect((await api.admin.get(`/v1/resources?skill=${encodeURIComponent(skill)}`)).body.items).toMatchObject([{ id: created.body.id }]);
  }
});

test("a search finds what looks the same, however it was typed", async () => {
  const created = await api.admin.post("/v1/learners", { name: "Rene\u0301e  Mu\u0308ller" });
  for (const q of ["Ren\u00e9e", "rene\u0301e", "m\u00fcller\u00a0ren\u00e9e"]) {
    const { items } = (await api.admin.get(`/v1/learners?q=${encodeURIComponent(q)}`)).body;
    expect(items.map(({ id }: { id: string }) => id)).toEqual([created.body.id]);
  }
});

test("the same request is the same, whether its characters are composed or not", async () => {
  const path = `/v1/learners/${learnerId}/study-sessions/${uuidv7()}`;
  const session = (skill: string) => ({ startedAt: "2026-01-02T09:00:00Z", minutes: 30, skills: [skill] });
  const statuses = [];
  for (const skill of ["caf\u00e9", "cafe\u0301"]) statuses.push((await api.admin.put(path, session(skill))).status);
  expect(statuses).toEqual([201, 200]);
});

test("a search must not hold the NUL character", async () => {
  for (const list of ["learners", "teams", "resources", "paths", `learners/${learnerId}/terms`]) {
    const refused = await api.admin.get(`/v1/${list}?q=a%00`);
    const detail = expect.stringMatching(/^Must not contain the NUL character\./);
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/q", detail }] } });
  }
});

test("a text is found by a part of it, beyond the basic plane too", async () => {
  const created = await api.admin.post("/v1/resources", { type: "book", title: "Plane 𠜎 and 👩🏽‍💻 and عربي" });
  for (const word of ["𠜎", "👩🏽‍💻", "عربي"]) {
    const { items } = (await api.admin.get(`/v1/resources?q=plane+${encodeURIComponent(word)}`)).body;
    expect(items.map(({ id }: { id: string }) => id)).toContain(created.body.id);
  }
});
