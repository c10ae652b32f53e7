import { setTimeout } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import type { Learner, Resource, StudySession } from "../../src/generated/prisma/client";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildLedLearner, buildResource, buildSession, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
let lead: Learner;
let learner: Learner;
let mentor: Learner;
let resource: Resource;
let session: StudySession;
beforeAll(async () => {
  api = await startApp();
});
// An hour with a mentor from elsewhere, who does not see the learner.
beforeEach(async () => {
  api.setNow(NOW);
  ({ lead, learner } = await buildLedLearner(api.db));
  mentor = await buildLearner(api.db);
  resource = await buildResource(api.db, { type: "mentor", learnerId: mentor.id });
  session = await build();
});
afterAll(() => api.close());

const LOGGED = new Date("2026-06-02T08:00:00.000Z");
const build = (overrides: Partial<StudySession> = {}) =>
  buildSession(api.db, {
    learnerId: learner.id,
    resourceId: resource.id,
    resourceType: "mentor",
    note: "a slow week",
    impact: 2,
    updatedAt: LOGGED,
    ...overrides,
  });
const as = async ({ id }: { id: string }) => api.as(await keyOf(api.db, id));
const path = ({ id }: { id: string } = session) => `/v1/learners/${learner.id}/study-sessions/${id}`;
/** What the mentor's list says of the session. */
const asRead = async ({ id }: { id: string }) => {
  const { version } = (await api.db.studySession.findUnique({ where: { learnerId_id: { learnerId: learner.id, id } } })) ?? { version: 1 };
  return { "If-Match": `"${version}"` };
};
const confirm = async (by: { id: string } = mentor, of = session) => (await as(by)).put(`${path(of)}/confirmation`, undefined, await asRead(of));
const withdraw = async (by: { id: string } = mentor, of = session) => (await as(by)).delete(`${path(of)}/confirmation`, await asRead(of));
const read = async (of = session) => (await api.admin.get(path(of))).body;

const notFound = { status: 404, body: { code: "not-found" } };
const forbidden = { status: 403, body: { code: "forbidden", detail: "This takes the key of the mentor that the session was spent with." } };
const ETAG = { "If-Match": '"1"' };

test("the mentor confirms a session: its verification changes, and its minutes do not", async () => {
  const before = await read();
  expect(before).toMatchObject({ verification: "self-reported", version: 1, updatedAt: LOGGED.toISOString() });
  const confirmed = await confirm();
  expect(confirmed.status).toBe(200);
  expect(confirmed.headers.etag).toBe('"2"');
  expect(await read()).toEqual({ ...before, verification: "mentor-confirmed", version: 2, updatedAt: NOW.toISOString() });
});

test("the mentor is answered neither the note nor the rating, even of a shared note", async () => {
  const shared = await build({ noteShared: true });
  for (const each of [session, shared]) {
    const answers = { confirmed: await confirm(mentor, each), again: await confirm(mentor, each), withdrawn: await withdraw(mentor, each) };
    const known = {
      learnerId: learner.id,
      learnerName: learner.name,
      id: each.id,
      startedAt: "2026-06-01T09:00:00.000Z",
      minutes: 60,
      resourceId: resource.id,
    };
    expect(answers.confirmed.body).toEqual({ ...known, verification: "mentor-confirmed", version: 2 });
    expect(answers.again.body).toEqual(answers.confirmed.body);
    expect(answers.withdrawn.body).toEqual({ ...known, verification: "self-reported", version: 3 });
  }
});

test("a mentor confirms what they have read: under another version, nothing", async () => {
  const confirmUnder = async (etag: string) => (await as(mentor)).put(`${path()}/confirmation`, undefined, { "If-Match": etag });
  await api.admin.patch(path(), { minutes: 300 });
  expect(await confirmUnder('"1"')).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
  expect(await read()).toMatchObject({ verification: "self-reported", minutes: 300 });
  expect((await confirmUnder('"2"')).body).toMatchObject({ verification: "mentor-confirmed", minutes: 300 });
});

test.each([[{}], [{ "If-Match": "*" }]])("a mentor says which version they have read: with %j, nothing", async (headers: Record<string, string>) => {
  const client = await as(mentor);
  const refusal = {
    type: "urn:cairn:problem:precondition-required",
    code: "precondition-required",
    title: "If-Match is missing",
    status: 428,
    detail:
      'Read the session in your mentored-sessions first, and send its version as the header If-Match, such as "3", so that what you confirm is what you read.',
    requestId: expect.any(String),
  };
  const refused = [await client.put(`${path()}/confirmation`, undefined, headers), await client.delete(`${path()}/confirmation`, headers)];
  expect(refused.map(({ status, body }) => [status, body])).toEqual([
    [428, refusal],
    [428, refusal],
  ]);
  expect(await read()).toMatchObject({ verification: "self-reported", version: 1 });
  const [{ version }] = (await client.get(`/v1/learners/${mentor.id}/mentored-sessions`)).body.items;
  expect(await client.put(`${path()}/confirmation`, undefined, { "If-Match": `"${version}"` })).toMatchObject({ status: 200 });
});

test("to confirm again changes nothing, nor to withdraw what was not confirmed", async () => {
  expect((await withdraw()).body).toMatchObject({ verification: "self-reported", version: 1 });
  expect((await read()).updatedAt).toBe(LOGGED.toISOString());
  await confirm();
  const confirmed = await read();
  api.setNow(new Date("2026-06-18T12:00:00.000Z"));
  expect(await confirm()).toMatchObject({ status: 200, body: { verification: "mentor-confirmed", version: 2 } });
  expect(await read()).toEqual(confirmed);
});

test("the mentor takes the confirmation back", async () => {
  const before = await read();
  await confirm();
  api.setNow(new Date("2026-06-18T12:00:00.000Z"));
  expect(await withdraw()).toMatchObject({ status: 200, body: { verification: "self-reported" } });
  expect(await read()).toEqual({ ...before, version: 3, updatedAt: "2026-06-18T12:00:00.000Z" });
});

test("of five confirmations at once, one counts, and the others are told that it changed", async () => {
  const client = await as(mentor);
  const { requests } = await api.db.$transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM study_sessions WHERE learner_id = ${learner.id}::uuid AND id = ${session.id}::uuid FOR UPDATE`;
    const requests = [1, 2, 3, 4, 5].map(() => client.put(`${path()}/confirmation`, undefined, ETAG));
    // Long enough for all to come as far as this lock lets them.
    await setTimeout(300);
    return { requests };
  });
  const answers = await Promise.all(requests);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412]);
  expect(await read()).toMatchObject({ verification: "mentor-confirmed", version: 2 });
});

test("who follows what changed is told of a confirmation", async () => {
  await confirm();
  const { items } = (await api.admin.get(`/v1/learners/${learner.id}/study-sessions?updatedSince=2026-06-17T00:00:00Z`)).body;
  expect(items).toMatchObject([{ id: session.id, verification: "mentor-confirmed" }]);
});

describe("nobody else confirms or withdraws", () => {
  /** What each is answered who asks for either; the session must stay as it was. */
  async function refuses(client: Client, refusal: object, of = session) {
    const before = await read(of);
    expect(await client.put(`${path(of)}/confirmation`)).toMatchObject(refusal);
    expect(await client.delete(`${path(of)}/confirmation`)).toMatchObject(refusal);
    expect(await read(of)).toEqual(before);
  }

  test.each(["selfReported", "mentorConfirmed"] as const)("of a session that is %s", async (verification) => {
    const of = await build({ verification });
    const other = await buildLearner(api.db);
    await buildResource(api.db, { type: "mentor", learnerId: other.id });
    await refuses(await as(learner), forbidden, of);
    await refuses(await as(lead), forbidden, of);
    await refuses(api.admin, forbidden, of);
    await refuses(api.as(await buildKey(api.db, { role: "service" })), forbidden, of);
    // Another mentor, and somebody who is none: neither sees the learner.
    await refuses(await as(other), notFound, of);
    await refuses(await as(await buildLearner(api.db)), notFound, of);
  });

  test("not a learner of their own time, even as the mentor that it says", async () => {
    const own = await buildResource(api.db, { type: "mentor", learnerId: learner.id });
    await refuses(await as(learner), forbidden, await build({ resourceId: own.id }));
  });

  test("not a session that was spent with another, or with nobody", async () => {
    const book = await buildResource(api.db);
    const elsewhere = [await build({ resourceId: null, resourceType: null }), await build({ resourceId: book.id, resourceType: "book" })];
    for (const apart of elsewhere) {
      await refuses(await as(mentor), notFound, apart);
      await refuses(await as(lead), forbidden, apart);
    }
  });

  test("not who is the mentor now, when the session was spent with the one before", async () => {
    const successor = await buildLearner(api.db);
    await api.db.resource.update({ where: { id: resource.id }, data: { learnerId: successor.id } });
    await refuses(await as(successor), notFound);
    expect((await confirm()).status).toBe(200);
  });

  test("not the learner, who learned from a resource of their own", async () => {
    const own = await buildResource(api.db, { type: "mentor", learnerId: learner.id });
    await refuses(await as(learner), forbidden, await build({ resourceId: own.id }));
  });

  test("not under another learner, who has no such session", async () => {
    const other = await buildLearner(api.db);
    const client = await as(mentor);
    expect(await client.put(`/v1/learners/${other.id}/study-sessions/${session.id}/confirmation`)).toMatchObject(notFound);
    expect(await read()).toMatchObject({ verification: "self-reported", version: 1 });
  });
});

test("a lead who is the mentor, too, confirms as the mentor", async () => {
  const own = await buildResource(api.db, { type: "coach", learnerId: lead.id });
  expect(await confirm(lead, await build({ resourceId: own.id, resourceType: "coach" }))).toMatchObject({ status: 200 });
});

test("a mentor who confirmed a session still can't read it, nor any other of the learner", async () => {
  await confirm();
  const client = await as(mentor);
  for (const hidden of [path(), `/v1/learners/${learner.id}/study-sessions`, `/v1/learners/${learner.id}`])
    expect(await client.get(hidden)).toMatchObject(notFound);
});

test("what a system recorded needs no confirmation, and has none to withdraw", async () => {
  const recorded = await build({ verification: "systemRecorded" });
  const refusal = {
    type: "urn:cairn:problem:already-verified",
    code: "already-verified",
    title: "The session is verified already",
    status: 409,
    detail: "A system recorded this session, which says as much. Nothing needs to be done.",
    requestId: expect.any(String),
  };
  const [confirmed, withdrawn] = [await confirm(mentor, recorded), await withdraw(mentor, recorded)];
  expect([confirmed.status, confirmed.body, withdrawn.status, withdrawn.body]).toEqual([409, refusal, 409, refusal]);
  expect(await read(recorded)).toMatchObject({ verification: "system-recorded", version: 1 });
});

test("a deleted session is not there to confirm, nor is one that never was", async () => {
  const never = { ...session, id: uuidv7() };
  await api.admin.delete(path());
  for (const call of [confirm, withdraw]) {
    expect(await call(mentor, session)).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
    expect(await call(mentor, never)).toMatchObject(notFound);
  }
  const tombstone = await api.db.studySession.findUniqueOrThrow({ where: { learnerId_id: { learnerId: learner.id, id: session.id } } });
  expect(tombstone).toMatchObject({ verification: "selfReported", version: 2 });
});

test("a deleted session is not there for a lead either who was the mentor", async () => {
  const own = await buildResource(api.db, { type: "coach", learnerId: lead.id });
  const deleted = await build({ resourceId: own.id, resourceType: "coach" });
  await api.admin.delete(path(deleted));
  expect(await confirm(lead, deleted)).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
});

describe("when the session is changed afterwards", () => {
  const change = async (client: Client, body: object) => {
    await confirm();
    return (await client.patch(path(), body, { "If-Match": '"2"' })).body;
  };

  test.each([
    ["minutes", { minutes: 90 }],
    ["split", { split: { onTheJob: 10 } }],
    ["mode", { mode: "formal" }],
    ["day", { startedAt: "2026-06-03T09:00:00Z" }],
    ["resource", { resourceId: null }],
  ])("a learner's other %s makes it the learner's word again", async (_, body) => {
    expect(await change(await as(learner), body)).toMatchObject({ verification: "self-reported", version: 3 });
  });

  test("another mentor confirms it anew once it is said to be with them, and the first can't", async () => {
    const other = await buildLearner(api.db);
    const theirs = await buildResource(api.db, { type: "mentor", learnerId: other.id });
    expect(await change(await as(learner), { resourceId: theirs.id })).toMatchObject({ verification: "self-reported", resourceId: theirs.id });
    expect(await confirm(mentor)).toMatchObject(notFound);
    expect(await confirm(other)).toMatchObject({ status: 200, body: { verification: "mentor-confirmed", version: 4 } });
  });

  test.each([
    ["the note", { note: "better", noteShared: true }, 3],
    ["the minutes, to what they were", { minutes: 60, startedAt: "2026-06-01T09:00:00Z" }, 2],
    ["the rating", { impact: 5 }, 3],
    ["the skills", { skills: ["go"] }, 3],
  ])("what the mentor did not vouch for may change: %s", async (_, body, version) => {
    expect(await change(await as(learner), body)).toMatchObject({ verification: "mentor-confirmed", version });
  });

  test("another's correction is not the mentor's word either", async () => {
    const service = api.as(await buildKey(api.db, { role: "service" }));
    expect(await change(service, { minutes: 55 })).toMatchObject({ verification: "self-reported", minutes: 55 });
  });

  test("a confirmation counts as a change to who read the session before", async () => {
    await confirm();
    expect(await api.admin.patch(path(), { minutes: 90 }, ETAG)).toMatchObject({ status: 412, body: { code: "version-mismatch" } });
  });
});

describe("the sessions that were spent with a mentor", () => {
  const listed = async (client: Client, query = "", id = mentor.id) => client.get(`/v1/learners/${id}/mentored-sessions${query}`);
  const ids = async (query: string) => (await listed(await as(mentor), query)).body.items.map(({ id }: { id: string }) => id);

  test("are listed for the mentor, the latest first, with who learned and without rating and note", async () => {
    const later = await build({ startedAt: new Date("2026-06-05T09:00:00Z"), noteShared: true });
    const other = await buildSession(api.db, { resourceId: resource.id, startedAt: new Date("2026-05-05T09:00:00Z") });
    await build({ deletedAt: NOW, note: null });
    await build({ resourceId: null });
    await confirm(mentor, later);
    const { body } = await listed(await as(mentor));
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual([later.id, session.id, other.id]);
    expect(body.items[1]).toEqual({
      learnerId: learner.id,
      learnerName: learner.name,
      id: session.id,
      startedAt: "2026-06-01T09:00:00.000Z",
      minutes: 60,
      resourceId: resource.id,
      verification: "self-reported",
      version: 1,
    });
    expect([await ids("?confirmed=false"), await ids("?confirmed=true")]).toEqual([[session.id, other.id], [later.id]]);
  });

  test("come a page at a time, those of two learners under one id and instant, too", async () => {
    await buildSession(api.db, { id: session.id, resourceId: resource.id });
    await build();
    const whole = (await listed(await as(mentor))).body.items;
    const items = [];
    for (let query = "?limit=1"; query; ) {
      const { body } = await listed(await as(mentor), query);
      items.push(...body.items);
      query = body.next && `?limit=1&cursor=${body.next}`;
    }
    expect(whole).toHaveLength(3);
    expect(items).toEqual(whole);
  });

  test("are for the mentor, not for a lead or a stranger", async () => {
    expect(await listed(await as(learner))).toMatchObject(notFound);
    const above = await buildLearner(api.db);
    const theirs = await buildTeam(api.db, { leadId: above.id });
    await joinTeam(api.db, mentor.id, theirs.id);
    expect(await listed(await as(above))).toMatchObject({ status: 403, body: { code: "forbidden" } });
  });

  test("are known by who was the mentor when they were logged", async () => {
    const logged = await (await as(learner)).post(`/v1/learners/${learner.id}/study-sessions`, {
      startedAt: "2026-06-16T08:00:00Z",
      minutes: 30,
      resourceId: resource.id,
    });
    expect(await ids("?limit=1")).toEqual([logged.body.id]);
    await (await as(learner)).patch(path(logged.body), { resourceId: null });
    expect(await ids("?limit=1")).toEqual([session.id]);
  });
});

test("a session can't be logged as confirmed", async () => {
  const body = { startedAt: "2026-06-16T08:00:00Z", minutes: 60, resourceId: resource.id, verification: "mentor-confirmed" };
  for (const client of [await as(learner), await as(mentor), api.admin]) {
    const refused = await client.post(`/v1/learners/${learner.id}/study-sessions`, body);
    expect([400, 404]).toContain(refused.status);
  }
  expect(await api.admin.patch(path(), { verification: "mentor-confirmed" })).toMatchObject({ status: 400, body: { errors: [{ pointer: "#/verification" }] } });
  expect(await api.db.studySession.count({ where: { learnerId: learner.id } })).toBe(1);
});

test("reports count what was confirmed, and stop when it is withdrawn", async () => {
  await build({ minutes: 25, onTheJobMinutes: 25 });
  const minutes = async (verification: string) => {
    const { body } = await api.admin.get(`/v1/learners/${learner.id}/breakdown?from=2026-06-01&to=2026-07-01&verification=${verification}`);
    return body.total.minutes.total;
  };
  const listed = async () => (await api.admin.get(`/v1/learners/${learner.id}/study-sessions?verification=mentor-confirmed`)).body.items;
  expect([await minutes("mentor-confirmed"), await minutes("self-reported")]).toEqual([0, 85]);
  await confirm();
  expect([await minutes("mentor-confirmed"), await minutes("self-reported")]).toEqual([60, 25]);
  expect(await listed()).toMatchObject([{ id: session.id }]);
  await withdraw();
  expect([await minutes("mentor-confirmed"), await minutes("self-reported")]).toEqual([0, 85]);
  expect(await listed()).toEqual([]);
});
