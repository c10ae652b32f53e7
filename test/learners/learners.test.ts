import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner, buildMember, buildTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp({ TIME_ZONE: "Europe/Berlin" });
});
afterAll(() => api.close());

const namesOf = async (path: string) => (await api.admin.get(path)).body.items.map((learner: { name: string }) => learner.name);

test("a learner is created, read, listed and changed", async () => {
  const created = await api.admin.post("/v1/learners", { name: "Tomas Lind", email: "Tomas.Lind@Example.com", timeZone: "Europe/Stockholm" });
  expect(created.status).toBe(201);
  expect(created.body).toEqual({
    id: expect.any(String),
    name: "Tomas Lind",
    email: "tomas.lind@example.com",
    externalId: null,
    timeZone: "Europe/Stockholm",
    target: null,
    version: 1,
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    updatedAt: expect.any(String),
  });
  const path = created.headers.location as string;
  expect(path).toBe(`/v1/learners/${created.body.id}`);
  expect((await api.admin.get(path)).body).toEqual(created.body);

  const changed = await api.admin.patch(path, { target: { onTheJob: 60, social: 25, formal: 15 } });
  expect(changed.body).toEqual({ ...created.body, target: { onTheJob: 60, social: 25, formal: 15 }, version: 2, updatedAt: expect.any(String) });
  expect((await api.admin.get("/v1/learners?q=tomas")).body).toEqual({ items: [changed.body], next: null });
});

test("a learner who brings no time zone gets the organisation's", async () => {
  expect((await api.admin.post("/v1/learners", { name: "Ada" })).body.timeZone).toBe("Europe/Berlin");
});

test("a client may name the learner, once", async () => {
  const id = uuidv7();
  expect((await api.admin.post("/v1/learners", { id: id.toUpperCase(), name: "Ada" })).body.id).toBe(id);
  const again = await api.admin.post("/v1/learners", { id, name: "Ada" });
  expect(again.status).toBe(409);
  expect(again.body).toEqual({
    type: "urn:cairn:problem:already-exists",
    code: "already-exists",
    title: "There is one already",
    status: 409,
    detail: "Something with this id exists. Read it, or choose another id.",
    requestId: expect.any(String),
  });
});

test.each([
  ["email", "ada@example.com", "ADA@example.com", "A learner with this e-mail address exists. Change that learner instead."],
  ["externalId", "hr-1", "hr-1", "A learner with this externalId exists. Change that learner instead."],
])("an %s belongs to one learner", async (field, taken, again, detail) => {
  await buildLearner(api.db, { [field]: taken });
  const other = await buildLearner(api.db);
  const refusal = { status: 409, body: { code: "already-exists", detail } };
  expect(await api.admin.post("/v1/learners", { name: "Another", [field]: again })).toMatchObject(refusal);
  expect(await api.admin.patch(`/v1/learners/${other.id}`, { [field]: again })).toMatchObject(refusal);
});

test("learners without e-mail address and externalId don't get in each other's way", async () => {
  const created = [await api.admin.post("/v1/learners", { name: "Ada", email: null, externalId: null }), await api.admin.post("/v1/learners", { name: "Bo" })];
  expect(created.map(({ status }) => status)).toEqual([201, 201]);
});

test("a merge patch changes what it names, and null clears", async () => {
  const { id } = await buildLearner(api.db, { name: "Ada", email: "a@example.org", externalId: "hr-2", target: [60, 25, 15] });
  const path = `/v1/learners/${id}`;
  expect((await api.admin.patch(path, { name: "Ada King" })).body).toMatchObject({ name: "Ada King", email: "a@example.org", externalId: "hr-2", version: 2 });
  const cleared = await api.admin.patch(path, { email: null, externalId: null, target: null });
  expect(cleared.body).toMatchObject({ name: "Ada King", email: null, externalId: null, target: null, timeZone: "UTC", version: 3 });
});

test("space around a name goes", async () => {
  expect((await api.admin.post("/v1/learners", { name: " \tAda King \n" })).body.name).toBe("Ada King");
});

const SHARES = "The three shares must add up to 100.";

test.each([
  ["#/name", { name: "" }, 'Must not be empty. It is "".'],
  ["#/name", { name: " \n " }, 'Must not be empty. It is " \\n ".'],
  ["#/name", { name: "x".repeat(201) }, `Must be at most 200 characters. It is "${"x".repeat(39)}…", of 201 characters.`],
  ["#/name", { name: null }, expect.any(String)],
  ["#/email", { email: "ada" }, expect.any(String)],
  ["#/email", { email: `${"a".repeat(250)}@example.com` }, expect.any(String)],
  ["#/timeZone", { timeZone: "Mars/Olympus" }, 'Must be an IANA time zone such as Europe/Berlin. It is "Mars/Olympus".'],
  ["#/timeZone", { timeZone: "+02:00" }, 'Must be an IANA time zone such as Europe/Berlin. It is "+02:00".'],
  ["#/timeZone", { timeZone: null }, expect.any(String)],
  ["#/target", { target: { onTheJob: 70, social: 20, formal: 11 } }, SHARES],
  ["#/target/formal", { target: { onTheJob: 80, social: 20 } }, expect.any(String)],
  ["#/target/onTheJob", { target: { onTheJob: 69.5, social: 20, formal: 10.5 } }, expect.any(String)],
  ["#/target/social", { target: { onTheJob: 110, social: -20, formal: 10 } }, expect.any(String)],
  ["#/target/other", { target: { onTheJob: 70, social: 20, formal: 10, other: 0 } }, expect.any(String)],
])("%s is refused in %j", async (pointer, body, detail) => {
  const created = await api.admin.post("/v1/learners", { name: "Ada", ...body });
  expect(created.status).toBe(400);
  expect(created.body.errors).toContainEqual({ pointer, detail });
  const { id } = await buildLearner(api.db);
  expect((await api.admin.patch(`/v1/learners/${id}`, body)).body.errors).toContainEqual({ pointer, detail });
});

describe("a change of a target", () => {
  test.each([
    ["changes the shares that it names", [70, 20, 10], { social: 15, formal: 15 }, [70, 15, 15]],
    ["may name all", [70, 20, 10], { onTheJob: 60, social: 25, formal: 15 }, [60, 25, 15]],
    ["may name none", [70, 20, 10], {}, [70, 20, 10]],
  ])("%s", async (_, target, change, [onTheJob, social, formal]) => {
    const { id } = await buildLearner(api.db, { target });
    const { id: teamId } = await buildTeam(api.db, { target });
    for (const path of [`/v1/learners/${id}`, `/v1/teams/${teamId}`]) {
      expect((await api.admin.patch(path, { target: change })).body.target).toEqual({ onTheJob, social, formal });
    }
  });

  test("is refused when the shares no longer add up, or one was never set", async () => {
    const { id } = await buildLearner(api.db, { target: [70, 20, 10] });
    const { id: teamId } = await buildTeam(api.db);
    const apart = await api.admin.patch(`/v1/learners/${id}`, { target: { social: 30 } });
    expect(apart).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/target", detail: SHARES }] } });
    const unset = await api.admin.patch(`/v1/teams/${teamId}`, { target: { onTheJob: 80, social: 20 } });
    expect(unset).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/target/formal", detail: expect.stringContaining("all three shares") }] } });
  });
});

test("every flaw is told at once, in whole", async () => {
  const refused = await api.admin.post("/v1/learners", { id: "7", timeZone: "Mars", colour: "red" });
  expect(refused.body).toEqual({
    type: "urn:cairn:problem:invalid-request",
    code: "invalid-request",
    title: "The request is not valid",
    status: 400,
    detail: "Correct what `errors` lists and send the request again.",
    errors: [
      { pointer: "#/id", detail: 'Must be a UUID. It is "7".' },
      { pointer: "#/name", detail: expect.any(String) },
      { pointer: "#/timeZone", detail: 'Must be an IANA time zone such as Europe/Berlin. It is "Mars".' },
      { pointer: "#/colour", detail: expect.stringContaining("Unknown here.") },
    ],
    requestId: expect.any(String),
  });
});

test("an id is not changed", async () => {
  const { id } = await buildLearner(api.db);
  const refused = await api.admin.patch(`/v1/learners/${id}`, { id: uuidv7() });
  expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/id" }] } });
});

test.each(["get", "patch"] as const)("nobody is there: %s", async (method) => {
  const refused = await api.admin[method](`/v1/learners/${uuidv7()}`, ...(method === "patch" ? [{ name: "Ada" } as never] : []));
  expect(refused).toMatchObject({ status: 404, body: { code: "not-found" } });
});

describe("learners", () => {
  test("change their time zone and target themselves", async () => {
    const { id } = await buildLearner(api.db);
    const self = api.as(await keyOf(api.db, id));
    const changed = await self.patch(`/v1/learners/${id}`, { timeZone: "Asia/Tokyo", target: { onTheJob: 0, social: 0, formal: 100 } });
    expect(changed).toMatchObject({ status: 200, body: { timeZone: "Asia/Tokyo", target: { onTheJob: 0, social: 0, formal: 100 } } });
  });

  test.each([{ name: "Dr. Ada" }, { email: "ada@example.net" }, { externalId: "hr-9" }, { email: null }])(
    "do not make the directory say %j",
    async (change) => {
      const learner = await buildLearner(api.db);
      const self = api.as(await keyOf(api.db, learner.id));
      const refused = await self.patch(`/v1/learners/${learner.id}`, { timeZone: "Asia/Tokyo", ...change });
      expect(refused).toMatchObject({
        status: 403,
        body: { code: "forbidden", detail: "Learners change their timeZone and target; the rest is kept by whoever keeps the directory." },
      });
      expect((await self.get(`/v1/learners/${learner.id}`)).body).toMatchObject({ name: learner.name, timeZone: "UTC", version: 1 });
    },
  );

  test("are not changed by their lead", async () => {
    const lead = await buildLearner(api.db);
    const member = await buildMember(api.db, (await buildTeam(api.db, { leadId: lead.id })).id);
    const refused = await api.as(await keyOf(api.db, lead.id)).patch(`/v1/learners/${member.id}`, { timeZone: "Asia/Tokyo" });
    expect(refused).toMatchObject({ status: 403, body: { code: "forbidden", detail: "This takes the learner's own key." } });
  });
});

describe("the list", () => {
  beforeAll(async () => {
    await buildLearner(api.db, { name: "Zoë 100% O'Neil", email: "zoe@search.example", externalId: "search-1" });
    await buildLearner(api.db, { name: "Zoë 1000 O_Neil", email: "zoe.oneil@search.example", externalId: "search-2" });
    await buildLearner(api.db, { name: 'Zack "The Hat" \\ 🐘', email: "zack@search.example", externalId: "search-3" });
  });

  test.each([
    ["zoë", ["Zoë 1000 O_Neil", "Zoë 100% O'Neil"]],
    ["ZACK", ['Zack "The Hat" \\ 🐘']],
    ["search.example", ['Zack "The Hat" \\ 🐘', "Zoë 1000 O_Neil", "Zoë 100% O'Neil"]],
    ["oneil@search zoë", ["Zoë 1000 O_Neil"]],
    ["zoë zack", []],
    ["100%", ["Zoë 100% O'Neil"]],
    ["o_neil", ["Zoë 1000 O_Neil"]],
    ["%", ["Zoë 100% O'Neil"]],
    ["O'Neil", ["Zoë 100% O'Neil"]],
    ['"the', ['Zack "The Hat" \\ 🐘']],
    ["\\", ['Zack "The Hat" \\ 🐘']],
    ["🐘", ['Zack "The Hat" \\ 🐘']],
    ["'; DROP TABLE learners; --", []],
  ])("finds by the words %j", async (q, names) => {
    expect((await namesOf(`/v1/learners?q=${encodeURIComponent(q)}`)).sort()).toEqual([...names].sort());
  });

  test.each([
    ["email=ZOE@search.example", ["Zoë 100% O'Neil"]],
    ["email=oe@search.example", []],
    ["externalId=search-2", ["Zoë 1000 O_Neil"]],
    ["externalId=SEARCH-2", []],
    ["q=zack&externalId=search-2", []],
  ])("finds by %s", async (query, names) => {
    expect(await namesOf(`/v1/learners?${query}`)).toEqual(names);
  });

  test.each(["q=", "q=%20", `q=${"x".repeat(101)}`, "email=zoe", "q=a&q=b"])("refuses %s", async (query) => {
    const refused = await api.admin.get(`/v1/learners?${query}`);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: `query/${query.split("=")[0]}` }] } });
  });
});
