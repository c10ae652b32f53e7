import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildLedLearner, keyOf } from "../setup/factories";

const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 90 };

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

describe("whose words", () => {
  /** What each reader finds as the note of a learner's session, alone and in the list. */
  async function readBy(body: object): Promise<Record<string, string | null>> {
    const { lead, learner } = await buildLedLearner(api.db);
    const path = `/v1/learners/${learner.id}/study-sessions`;
    const own = await keyOf(api.db, learner.id);
    const { id } = (await api.as(own).post(path, { ...session, ...body })).body;
    const keys = {
      learner: own,
      lead: await keyOf(api.db, lead.id),
      service: await buildKey(api.db, { role: "service" }),
      admin: await buildKey(api.db, { role: "admin" }),
    };
    const found: Record<string, string | null> = {};
    for (const [reader, key] of Object.entries(keys)) {
      const { note } = (await api.as(key).get(`${path}/${id}`)).body;
      const listed = (await api.as(key).get(path)).body.items[0].note;
      const changed = (await api.as(key).get(`${path}?updatedSince=2020-01-01T00:00:00Z`)).body.items[0].note;
      const table = (await api.as(key).get(path, { Accept: "text/csv" })).text;
      expect([listed, changed, table.includes("a slow week")]).toEqual([note, note, note !== null]);
      found[reader] = note;
    }
    return found;
  }

  test("a note is the learner's alone", async () => {
    const note = "a slow week";
    expect(await readBy({ note })).toEqual({ learner: note, lead: null, service: null, admin: null });
    expect(await readBy({ note, noteShared: false })).toEqual({ learner: note, lead: null, service: null, admin: null });
  });

  test("a shared note is for whoever sees the session", async () => {
    const note = "a slow week";
    expect(await readBy({ note, noteShared: true })).toEqual({ learner: note, lead: note, service: note, admin: note });
  });

  test("the minutes count for everybody, whatever is noted", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const path = `/v1/learners/${learner.id}/study-sessions`;
    await api.admin.post(path, { ...session, note: "private", mode: "social" });
    expect((await api.as(await keyOf(api.db, lead.id)).get(path)).body.items).toMatchObject([{ minutes: 90, socialMinutes: 90 }]);
  });

  test("taken back from sharing, a note is private again", async () => {
    const learner = await buildLearner(api.db);
    const path = `/v1/learners/${learner.id}/study-sessions`;
    const { id } = (await api.admin.post(path, { ...session, note: "shared", noteShared: true })).body;
    expect((await api.admin.patch(`${path}/${id}`, { noteShared: false })).body.note).toBeNull();
  });

  test("a private note is its learner's to share, and nobody else's, who could read it then", async () => {
    const { lead, learner } = await buildLedLearner(api.db);
    const path = `/v1/learners/${learner.id}/study-sessions`;
    const own = api.as(await keyOf(api.db, learner.id));
    const url = `${path}/${(await own.post(path, { ...session, note: "a slow week" })).body.id}`;
    for (const role of ["service", "admin"] as const) {
      const other = api.as(await buildKey(api.db, { role }));
      const refused = await other.patch(url, { noteShared: true });
      expect(refused).toMatchObject({ status: 403, body: { code: "forbidden" } });
      expect(refused.text).not.toContain("a slow week");
      expect((await other.patch(url, { impact: 5 })).body).toMatchObject({ note: null, impact: 5 });
      for (const change of [{ noteShared: false }, { note: null }, { note: null, noteShared: true }, { note: "mine", noteShared: true }]) {
        expect(await other.patch(url, change)).toMatchObject({ status: 403, body: { code: "forbidden" } });
      }
    }
    expect((await own.patch(url, { noteShared: true })).body.note).toBe("a slow week");
    expect((await api.as(await keyOf(api.db, lead.id)).get(url)).body.note).toBe("a slow week");
    expect((await api.admin.patch(url, { noteShared: true })).status).toBe(200);
  });

  test("whether there is a private note is not told to who would share it", async () => {
    const { id } = await buildLearner(api.db);
    const path = `/v1/learners/${id}/study-sessions`;
    const without = (await api.admin.post(path, session)).body.id;
    expect(await api.admin.patch(`${path}/${without}`, { noteShared: true })).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("who writes a shared note for a learner may write it anew, and take it back", async () => {
    const { id } = await buildLearner(api.db);
    const path = `/v1/learners/${id}/study-sessions`;
    const written = (await api.admin.post(path, { ...session, note: "shared", noteShared: true })).body.id;
    expect((await api.admin.patch(`${path}/${written}`, { note: "better" })).body.note).toBe("better");
    expect((await api.admin.patch(`${path}/${written}`, { note: null })).body.note).toBeNull();
  });

  test("nobody else arranges for the sharing of what a learner is yet to write", async () => {
    const { id } = await buildLearner(api.db);
    const refused = await api.admin.post(`/v1/learners/${id}/study-sessions`, { ...session, noteShared: true });
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/noteShared" }] } });
    const items = [{ ...session, learnerId: id, noteShared: true }];
    expect((await api.admin.post("/v1/study-sessions/batch", { items })).body.items[0].problem.code).toBe("invalid-request");
  });

  test("a private note is not found out by sending the session again with guesses", async () => {
    const { id } = await buildLearner(api.db);
    const own = api.as(await keyOf(api.db, id));
    const url = `/v1/learners/${id}/study-sessions/${uuidv7()}`;
    const written = { ...session, note: "I will resign" };
    expect((await own.put(url, written)).status).toBe(201);
    const service = api.as(await buildKey(api.db, { role: "service" }));
    const guesses = ["I am happy", "I will resign"].flatMap((note) => [
      { ...session, note },
      { ...session, note, noteShared: true },
    ]);
    for (const guess of guesses) {
      expect(await service.put(url, guess)).toMatchObject({ status: 409, body: { code: "body-differs" } });
      const item = { ...guess, learnerId: id, id: url.split("/").at(-1) };
      expect((await service.post("/v1/study-sessions/batch", { items: [item] })).body.items[0].problem.code).toBe("body-differs");
    }
    expect((await own.put(url, written)).status).toBe(200);
  });

  test("whoever logged a private note for a learner may send it again, and nobody else", async () => {
    const { id } = await buildLearner(api.db);
    const url = `/v1/learners/${id}/study-sessions/${uuidv7()}`;
    const [one, other] = [api.as(await buildKey(api.db, { role: "service" })), api.as(await buildKey(api.db, { role: "service" }))];
    const written = { ...session, note: "from an import" };
    expect([(await one.put(url, written)).status, (await one.put(url, written)).status, (await other.put(url, written)).status]).toEqual([201, 200, 409]);
  });

  test.each([
    ["no note", {}],
    ["a note", { note: "I am happy" }],
    ["a shared note", { note: "I am happy", noteShared: true }],
    ["the very note", { note: "I will resign" }],
    ["the very note, shared", { note: "I will resign", noteShared: true }],
  ])("who sends the session again with %s learns nothing of a private one, alone or in a batch", async (_, said) => {
    const { id } = await buildLearner(api.db);
    const own = api.as(await keyOf(api.db, id));
    const service = api.as(await buildKey(api.db, { role: "service", scopes: ["sessions:write"] }));
    const answers = async (url: string) => {
      const put = await service.put(url, { ...session, ...said });
      const items = [{ ...session, ...said, learnerId: id, id: url.split("/").at(-1) }];
      const [item] = (await service.post("/v1/study-sessions/batch", { items })).body.items;
      return [put.status, put.body.code, item.outcome, item.problem?.code];
    };
    const url = () => `/v1/learners/${id}/study-sessions/${uuidv7()}`;
    const [bare, noted, takenBack, changed] = [url(), url(), url(), url()];
    await own.put(bare, session);
    await own.put(noted, { ...session, note: "I will resign" });
    // Once shared, and no longer.
    await own.put(takenBack, { ...session, note: "I will resign", noteShared: true });
    await own.patch(takenBack, { noteShared: false });
    await own.put(changed, { ...session, note: "I will resign" });
    await own.patch(changed, { note: "I will stay", impact: 3 });
    const told = await answers(bare);
    expect(told[0]).toBe("note" in said ? 409 : 200);
    for (const other of [noted, takenBack, changed]) expect(await answers(other)).toEqual(told);
  });

  test("whoever wrote a note for a learner is told of another one under the same id, and the same one is known again", async () => {
    const { id } = await buildLearner(api.db);
    const service = api.as(await buildKey(api.db, { role: "service" }));
    for (const noteShared of [false, true]) {
      const url = `/v1/learners/${id}/study-sessions/${uuidv7()}`;
      const written = { ...session, note: "from an import", noteShared };
      const sent = [written, written, { ...written, note: "from another" }, session];
      const statuses = [];
      for (const body of sent) statuses.push((await service.put(url, body)).status);
      expect(statuses).toEqual([201, 200, 409, 409]);
    }
  });

  test("a shared note is known again whoever sends it, as long as it is shared", async () => {
    const { id } = await buildLearner(api.db);
    const [one, other] = [api.as(await buildKey(api.db, { role: "service" })), api.as(await buildKey(api.db, { role: "service" }))];
    const url = `/v1/learners/${id}/study-sessions/${uuidv7()}`;
    const written = { ...session, note: "for everybody", noteShared: true };
    expect([(await one.put(url, written)).status, (await other.put(url, written)).status]).toEqual([201, 200]);
    await api.as(await keyOf(api.db, id)).patch(url, { noteShared: false });
    expect([(await one.put(url, written)).status, (await other.put(url, written)).status]).toEqual([200, 409]);
  });

  test("an admin who writes a note for a learner does not read it again", async () => {
    const learner = await buildLearner(api.db);
    const path = `/v1/learners/${learner.id}/study-sessions`;
    const { body } = await api.admin.post(path, { ...session, note: "from an import" });
    expect(body.note).toBeNull();
    const own = api.as(await keyOf(api.db, learner.id));
    expect((await own.get(`${path}/${body.id}`)).body.note).toBe("from an import");
  });
});

describe("words are kept exactly", () => {
  test.each([
    ["an emoji of several code points", "👩🏽‍🚀 shipped 🚀"],
    ["right to left, with marks of direction", "\u202bשלום \u200fعليكم\u202c"],
    ["combining marks, composed and not", "é e\u0301 Z͑ͫ̓a̐l͇g̤o"],
    ["space around", "  \t indented \n\n"],
    ["nothing but space", " "],
    ["line ends of every kind", "a\nb\r\nc\rd\u2028e"],
    ["control characters", "\u0001 bell \u0007 \u007f"],
    ["a byte order mark and no-break space", "\ufeffx\u00a0y"],
    ["a noncharacter", "\uffff \u{10ffff}"],
    ["what SQL, HTML and templates read", `'; DROP TABLE learners; -- <script>alert(1)</script> \${x} {{y}} %s \\n`],
    ["a formula", "=1+1"],
    ["ten thousand characters", "ä".repeat(10_000)],
  ])("%s", async (_, note) => {
    const learner = await buildLearner(api.db);
    const own = api.as(await keyOf(api.db, learner.id));
    const path = `/v1/learners/${learner.id}/study-sessions`;
    const kept = note.normalize("NFC");
    const logged = await own.post(path, { ...session, note });
    expect([logged.status, logged.body.note]).toEqual([201, kept]);
    expect((await own.get(logged.headers.location as string)).body.note).toBe(kept);
    expect((await own.patch(logged.headers.location as string, { note: `${kept.slice(0, 9_999)}!` })).body.note).toBe(`${kept.slice(0, 9_999)}!`);
  });
});

test.each([
  ["NUL", "a\0b"],
  ["half of a surrogate pair", "a\ud83d"],
  ["the other half", "\ude80b"],
  ["halves the wrong way round", "\ude80\ud83d"],
  ["a character more than fits", "a".repeat(10_001)],
])("a note with %s is refused", async (_, note) => {
  const learner = await buildLearner(api.db);
  const path = `/v1/learners/${learner.id}/study-sessions`;
  const refused = [
    await api.admin.post(path, { ...session, note }),
    await api.admin.put(`${path}/0193d5a0-6c00-7a31-9d4e-000000000001`, { ...session, note }),
    await api.admin.patch(`${path}/0193d5a0-6c00-7a31-9d4e-000000000001`, { note }),
  ];
  expect(refused.map(({ status, body }) => [status, body.errors?.[0].pointer])).toEqual(Array(3).fill([400, "#/note"]));
});

test("a skill with half of a surrogate pair is refused", async () => {
  const learner = await buildLearner(api.db);
  const { status, body } = await api.admin.post(`/v1/learners/${learner.id}/study-sessions`, { ...session, skills: ["go", "\ud83d"] });
  expect([status, body.errors[0].pointer]).toEqual([400, "#/skills/1"]);
});

test("a deleted session's note goes from the answer that is kept for retries, and nothing is logged again", async () => {
  const learner = await buildLearner(api.db);
  const clients = [api.as(await keyOf(api.db, learner.id)), api.as(await buildKey(api.db, { role: "service" }))];
  const path = `/v1/learners/${learner.id}/study-sessions`;
  const [own] = clients as [(typeof clients)[0]];
  for (const [index, client] of clients.entries()) {
    const log = () => client.post(path, { ...session, note: "to be forgotten" }, { "Idempotency-Key": `forget-${index}` });
    const logged = await log();
    expect((await log()).body).toMatchObject({ id: logged.body.id });
    expect((await own.delete(logged.headers.location as string)).status).toBe(204);
    const again = await log();
    expect([again.status, again.headers["idempotency-replayed"]]).toEqual([201, "true"]);
    expect(again.body).toEqual({ ...logged.body, note: null });
    expect(JSON.stringify(await api.db.idempotencyKey.findMany())).not.toContain("to be forgotten");
  }
  expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(2);
});
