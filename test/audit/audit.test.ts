import type { Response } from "supertest";
import { v7 as uuidv7 } from "uuid";
import type { AuditEvent } from "../../src/audit/audit.schema";
import { refusalCounter } from "../../src/audit/refusals";
import { NOBODY } from "../access/operations";
import { type Client, startApp, type TestApp } from "../setup/app";
import {
  buildAuditEvent,
  buildGoal,
  buildKey,
  buildLearner,
  buildLedLearner,
  buildMember,
  buildResource,
  buildSession,
  buildTeam,
  keyOf,
} from "../setup/factories";
import { buildEvidence } from "../setup/growth-factories";

let api: TestApp;
let [leadId, learnerId, teamId] = ["", "", ""];
let lead: Client;
let own: Client;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  const { lead: above, learner } = await buildLedLearner(api.db);
  [leadId, learnerId] = [above.id, learner.id];
  teamId = (await api.db.team.findFirstOrThrow({ where: { leadId } })).id;
  [lead, own] = [api.as(await keyOf(api.db, leadId)), api.as(await keyOf(api.db, learnerId))];
});
afterAll(() => api.close());

const session = { startedAt: "2026-06-16T08:00:00Z", minutes: 30 };

/** What was recorded of a request. */
async function eventsOf({ headers }: Response): Promise<AuditEvent[]> {
  const { status, body } = await api.admin.get(`/v1/audit-events?request=${headers["x-request-id"]}`);
  expect(status).toBe(200);
  return body.items;
}

describe("a change", () => {
  test("is recorded with who, what, which, when and from where", async () => {
    const before = new Date();
    const answer = await own.post(`/v1/learners/${learnerId}/goals`, { title: "Deploy it myself" });
    const key = await api.db.apiKey.findFirstOrThrow({ where: { learnerId } });
    expect(await eventsOf(answer)).toEqual([
      {
        at: expect.any(String),
        id: expect.any(String),
        requestId: answer.headers["x-request-id"],
        action: "change",
        role: "learner",
        keyId: key.id,
        personId: learnerId,
        operation: "createGoal",
        target: `/v1/learners/${learnerId}/goals`,
        fields: [],
        learnerIds: [learnerId],
        itemIds: [answer.body.id],
        unnamed: 0,
        times: 1,
        reason: null,
      },
    ]);
    const [event] = await eventsOf(answer);
    expect(Math.abs(Date.parse(event?.at as unknown as string) - before.getTime())).toBeLessThan(60_000);
  });

  test("names the fields of a merge patch, and none of their values", async () => {
    const answer = await api.admin.patch(`/v1/learners/${learnerId}?`, { name: "Ada Zanzibar", timeZone: "Asia/Tokyo" });
    const [event] = await eventsOf(answer);
    expect(event).toMatchObject({
      operation: "updateLearner",
      fields: ["name", "timeZone"],
      target: `/v1/learners/${learnerId}`,
      role: "admin",
      personId: null,
    });
    expect(JSON.stringify(event)).not.toContain("Zanzibar");
  });

  test.each([
    ["a team", () => api.admin.post("/v1/teams", { name: "Platform" }), "createTeam", []],
    ["a team's name", () => api.admin.patch(`/v1/teams/${teamId}`, { name: "Another" }), "updateTeam", []],
    ["a new team's lead", () => api.admin.post("/v1/teams", { name: "Platform", leadId: learnerId }), "createTeam", ["the learner"]],
    ["a mentor", () => api.admin.post("/v1/resources", { type: "mentor", title: "Ada", learnerId }), "createResource", ["the learner"]],
    [
      "a resource",
      async () => api.admin.delete(`/v1/resources/${(await buildResource(api.db, { archivedAt: new Date() })).id}/archival`),
      "restoreResource",
      [],
    ],
    ["a key", () => api.admin.post("/v1/api-keys", { name: "Laptop", role: "learner", learnerId }), "createApiKey", ["the learner"]],
    ["a key's end", async () => api.admin.delete(`/v1/api-keys/${(await ownKey()).id}`), "revokeApiKey", ["the learner"]],
    ["a key's successor", async () => own.post(`/v1/api-keys/${(await ownKey()).id}/rotation`, {}), "rotateApiKey", ["the learner"]],
    ["a timer", () => own.post(`/v1/learners/${learnerId}/timer`, {}), "startTimer", ["the learner"]],
  ] as const)("of %s is recorded", async (_, make, operation, about) => {
    const answer = await make();
    expect(answer.status).toBeLessThan(300);
    expect(await eventsOf(answer)).toMatchObject([{ action: "change", operation, learnerIds: about.length ? [learnerId] : [] }]);
  });

  test("of a learner who is new is about them", async () => {
    const answer = await api.admin.post("/v1/learners", { name: "Ada" });
    expect(await eventsOf(answer)).toMatchObject([{ operation: "createLearner", learnerIds: [answer.body.id], itemIds: [answer.body.id] }]);
  });

  test("of the key that a start brings is recorded, of nobody's", async () => {
    const key = await api.db.apiKey.findFirstOrThrow({ where: { name: "ADMIN_API_KEY" } });
    const event = await api.db.auditEvent.findFirstOrThrow({ where: { itemIds: { has: key.id } } });
    expect(event).toMatchObject({ operation: "ensureAdminKey", action: "change", role: null, keyId: null, personId: null });
  });

  test("of many sessions is one event, of all their learners", async () => {
    const other = await buildMember(api.db, teamId);
    const [first, second] = [uuidv7(), uuidv7()];
    const items = [
      { ...session, learnerId, id: first },
      { ...session, learnerId: other.id, id: second },
      { ...session, learnerId: NOBODY },
    ];
    const answer = await api.admin.post("/v1/study-sessions/batch", { items });
    expect(answer.body).toMatchObject({ created: 2, rejected: 1 });
    const [event, ...more] = await eventsOf(answer);
    expect(more).toEqual([]);
    expect(event).toMatchObject({ action: "change", operation: "logStudySessions", target: "/v1/study-sessions/batch" });
    expect(event?.learnerIds.sort()).toEqual([learnerId, other.id].sort());
    expect(event?.itemIds.sort()).toEqual([first, second].sort());
  });

  test("that was made before is not recorded again", async () => {
    const path = `/v1/learners/${learnerId}/study-sessions/${uuidv7()}`;
    expect(await eventsOf(await own.put(path, session))).toMatchObject([{ operation: "putStudySession", target: path, learnerIds: [learnerId] }]);
    expect(await eventsOf(await own.put(path, session))).toEqual([]);
    const post = () => own.post(`/v1/learners/${learnerId}/study-sessions`, session, { "Idempotency-Key": `key-${learnerId}` });
    expect(await eventsOf(await post())).toHaveLength(1);
    expect(await eventsOf(await post())).toEqual([]);
    const goals = () => own.post(`/v1/learners/${learnerId}/goals`, { title: "A" }, { "Idempotency-Key": `goal-${learnerId}` });
    expect(await eventsOf(await goals())).toHaveLength(1);
    expect(await eventsOf(await goals())).toEqual([]);
  });

  test("that was refused is not recorded as a change", async () => {
    const goal = await buildGoal(api.db, { learnerId });
    const path = `/v1/learners/${learnerId}/goals/${goal.id}`;
    const refused = await Promise.all([
      own.patch(path, { title: "B" }, { "If-Match": '"9"' }),
      lead.patch(path, { title: "B" }),
      own.patch(path, { title: "" }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([412, 403, 400]);
    const events = await Promise.all(refused.map(eventsOf));
    expect(events.map((each) => each.map(({ action }) => action))).toEqual([[], ["refused"], []]);
  });
});

describe("whom a change concerns is named, before it and after", () => {
  type Ids = Record<"lead" | "learner" | "other" | "newLead" | "team" | "parent" | "below", string>;
  let ids: Ids;
  // The team with its lead and its learner; above where it is to go, a lead; and somebody else.
  beforeEach(async () => {
    const [other, newLead] = [await buildLearner(api.db), await buildLearner(api.db)];
    const parent = await buildTeam(api.db, { leadId: newLead.id });
    const below = await buildTeam(api.db, { parentId: teamId });
    ids = { lead: leadId, learner: learnerId, other: other.id, newLead: newLead.id, team: teamId, parent: parent.id, below: below.id };
  });
  const names = (events: AuditEvent[], field: "learnerIds" | "itemIds") => {
    const known = Object.fromEntries(Object.entries(ids).map(([name, id]) => [id, name]));
    return events.flatMap((event) => event[field].map((id) => known[id] ?? id)).sort();
  };
  const goal = async (goal: object) => (await api.admin.post(`/v1/learners/${learnerId}/goals`, { title: "A", ...goal })).body.id;

  test.each([
    ["a team's new parent", () => api.admin.patch(`/v1/teams/${teamId}`, { parentId: ids.parent }), ["lead", "learner", "newLead"], ["below", "team"]],
    ["a team's new lead", () => api.admin.patch(`/v1/teams/${teamId}`, { leadId: ids.other }), ["lead", "learner", "other"], ["below", "team"]],
    ["a team without its lead", () => api.admin.patch(`/v1/teams/${teamId}`, { leadId: null }), ["lead", "learner"], ["below", "team"]],
    [
      "a move",
      () => api.admin.put(`/v1/learners/${learnerId}/membership`, { teamId: ids.parent, fromDay: "2026-06-17" }),
      ["lead", "learner", "newLead"],
      ["parent", "team"],
    ],
    ["a leaving", () => api.admin.put(`/v1/learners/${learnerId}/membership`, { teamId: null, fromDay: "2026-07-01" }), ["lead", "learner"], ["team"]],
    [
      "a membership that never was",
      async () => {
        const { id } = await api.db.membership.findFirstOrThrow({ where: { learnerId } });
        return api.admin.delete(`/v1/learners/${learnerId}/membership/${id}`);
      },
      ["lead", "learner"],
      ["team"],
    ],
    [
      "a team's end",
      async () => {
        const { id } = await buildTeam(api.db, { leadId: ids.other });
        return api.admin.delete(`/v1/teams/${id}`);
      },
      ["other"],
      null,
    ],
    [
      "a mentor who is another now",
      async () => {
        const { id } = await buildResource(api.db, { type: "mentor", learnerId });
        return api.admin.patch(`/v1/resources/${id}`, { learnerId: ids.other });
      },
      ["learner", "other"],
      [],
    ],
    [
      "a mentor's archival",
      async () => api.admin.put(`/v1/resources/${(await buildResource(api.db, { type: "mentor", learnerId })).id}/archival`),
      ["learner"],
      [],
    ],
    [
      "a goal's reviewer",
      async () => {
        const id = await goal({ reviewerId: leadId });
        return api.admin.patch(`/v1/learners/${learnerId}/goals/${id}`, { reviewerId: null });
      },
      ["lead", "learner"],
      [],
    ],
    [
      "the end of a goal with a reviewer",
      async () => api.admin.delete(`/v1/learners/${learnerId}/goals/${await goal({ reviewerId: leadId })}`),
      ["lead", "learner"],
      [],
    ],
    [
      "a review withdrawn",
      async () => {
        const path = `/v1/learners/${learnerId}/goals/${await goal({})}/reviews`;
        const { id } = (await api.admin.post(path, { reviewerId: leadId })).body;
        return api.admin.delete(`${path}/${id}`);
      },
      ["lead", "learner"],
      [],
    ],
  ] as const)("%s", async (_, make, people, items) => {
    const answer = await make();
    expect(answer.status).toBeLessThan(300);
    const events = await eventsOf(answer);
    expect(events).toHaveLength(1);
    expect(names(events, "learnerIds")).toEqual(people);
    if (items) expect(names(events, "itemIds")).toEqual(items);
  });

  test("of a crowd, some by themselves and the others by their number, the leads first", async () => {
    const people = Array.from({ length: 1_200 }, () => ({ id: uuidv7(), name: "One of many", timeZone: "UTC" }));
    await api.db.learner.createMany({ data: people });
    const fromDay = new Date("2026-01-01");
    await api.db.membership.createMany({ data: people.map(({ id }) => ({ learnerId: id, id: uuidv7(), teamId: ids.below, fromDay })) });
    const [event] = await eventsOf(await api.admin.patch(`/v1/teams/${teamId}`, { parentId: ids.parent }));
    expect(event?.learnerIds.slice(0, 2).sort()).toEqual([ids.lead, ids.newLead].sort());
    // The leads and the learner of the team, too.
    expect([event?.learnerIds.length, event?.unnamed]).toEqual([1_000, 203]);
    expect(event?.itemIds.sort()).toEqual([ids.team, ids.below].sort());
  });
});

describe("a refusal", () => {
  test.each([
    ["of what somebody may not do", () => lead.patch(`/v1/learners/${learnerId}`, { timeZone: "UTC" }), "updateLearner", true],
    ["of somebody whom the caller does not see", () => own.get(`/v1/learners/${leadId}/goals`), "listGoals", "lead"],
    ["of somebody who is not there", () => own.get(`/v1/learners/${NOBODY}/goals`), "listGoals", false],
    [
      "of a private thing",
      async () => lead.get(`/v1/learners/${learnerId}/goals/${(await hidden()).goalId}/evidence/${(await hidden()).id}`),
      "getEvidence",
      true,
    ],
    ["of a team", () => own.get(`/v1/teams/${NOBODY}/growth`), "getTeamGrowth", false],
    ["of somebody's key", async () => lead.delete(`/v1/api-keys/${(await ownKey()).id}`), "revokeApiKey", false],
    ["of the audit", () => lead.get("/v1/audit-events"), "listAuditEvents", false],
  ] as const)("of a known caller is recorded: %s", async (_, ask, operation, about) => {
    const answer = await ask();
    expect([403, 404]).toContain(answer.status);
    const learnerIds = about === "lead" ? [leadId] : about ? [learnerId] : [];
    expect(await eventsOf(answer)).toMatchObject([{ action: "refused", operation, role: "learner", personId: expect.any(String), learnerIds, times: 1 }]);
    const { items } = (await api.admin.get(`/v1/audit-events?action=refused&request=${answer.headers["x-request-id"]}`)).body;
    expect(items).toHaveLength(1);
  });

  test("within a batch or a file is recorded, with those who are there", async () => {
    const stranger = await buildLearner(api.db);
    const items = [stranger.id, NOBODY, learnerId].map((id) => ({ ...session, learnerId: id }));
    const batch = await own.post("/v1/study-sessions/batch", { items });
    expect(batch.body).toMatchObject({ created: 1, rejected: 2 });
    expect((await eventsOf(batch)).map(({ action, learnerIds }) => [action, learnerIds]).sort()).toEqual([
      ["change", [learnerId]],
      ["refused", [stranger.id]],
    ]);
    const lines = items.map((item) => JSON.stringify({ ...item, id: uuidv7() })).join("\n");
    const file = await own.post("/v1/imports/study-sessions", lines, { "Content-Type": "application/x-ndjson" });
    expect((await eventsOf(file)).map(({ action, learnerIds }) => [action, learnerIds]).sort()).toEqual([
      ["change", [learnerId]],
      ["refused", [stranger.id]],
    ]);
  });

  test("of nobody known, of one's own, and of what is nobody's leaves nothing", async () => {
    const count = () => api.db.auditEvent.count({ where: { action: "refused" } });
    const before = await count();
    expect((await api.as(null).get(`/v1/learners/${learnerId}`)).status).toBe(401);
    expect((await own.get(`/v1/learners/${learnerId}/goals/${NOBODY}`)).status).toBe(404);
    expect((await own.get(`/v1/resources/${NOBODY}`)).status).toBe(404);
    expect(await count()).toBe(before);
  });

  test("keeps its own words when it cannot be recorded", async () => {
    await api.db.$executeRawUnsafe(
      `CREATE FUNCTION refuse_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$`,
    );
    await api.db.$executeRawUnsafe(`CREATE TRIGGER refuse_events BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_events()`);
    const answer = await own.get(`/v1/learners/${leadId}`);
    await api.db.$executeRawUnsafe(`DROP FUNCTION refuse_events CASCADE`);
    expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } });
  });

  test("does not make events without end: beyond 300 in an hour one stands for several", async () => {
    const client = api.as(await keyOf(api.db, (await buildLearner(api.db)).id));
    const person = (await client.get("/v1/me")).body.learner.id;
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 60 }, () => client.get(`/v1/learners/${learnerId}`)));
    const events = await api.db.auditEvent.findMany({ where: { action: "refused", personId: person } });
    // 300 beyond: at the 1st, 2nd, 4th … 256th.
    expect(events).toHaveLength(300 + 9);
    expect(events.reduce((sum, { times }) => sum + times, 0)).toBe(300 + 256);
  });

  test("counts from nothing again when the hour is over", () => {
    let now = 0;
    const timesOf = refusalCounter(() => now);
    const times = (refusals: number) => Array.from({ length: refusals }, () => timesOf("somebody"));
    expect(times(303).slice(299)).toEqual([1, 1, 1, 0]);
    expect(timesOf("somebody else")).toBe(1);
    now += 3_600_000;
    expect(times(301).slice(299)).toEqual([1, 1]);
  });
});

/** A piece of evidence that is the learner's alone. */
function hidden() {
  return api.db.evidence.findFirst({ where: { learnerId } }).then((known) => known ?? buildEvidence(api.db, { learnerId }));
}

describe("a read", () => {
  test.each([
    ["a profile", () => `/v1/learners/${learnerId}`, "getLearner"],
    ["goals", () => `/v1/learners/${learnerId}/goals`, "listGoals"],
    ["a breakdown", () => `/v1/learners/${learnerId}/breakdown?from=2026-01-01`, "getLearnerBreakdown"],
    ["a list of people", () => `/v1/learners?q=Learner&limit=200`, "listLearners"],
    ["members", () => `/v1/teams/${teamId}/members`, "listTeamMembers"],
    ["sessions", () => `/v1/teams/${teamId}/study-sessions`, "listTeamStudySessions"],
    ["a team's growth", () => `/v1/teams/${teamId}/growth`, "getTeamGrowth"],
    ["a team's mix by person", () => `/v1/teams/${teamId}/breakdown?groupBy=learner`, "getTeamBreakdown"],
    ["a team's mix of one person", () => `/v1/teams/${teamId}/breakdown?learner=${learnerId}`, "getTeamBreakdown"],
  ])("of somebody else's is recorded: %s", async (_, url, operation) => {
    await buildSession(api.db, { learnerId });
    const answer = await lead.get(url());
    expect(answer.status).toBe(200);
    const target = url().split("?")[0];
    expect(await eventsOf(answer)).toMatchObject([{ action: "read", operation, target, personId: leadId, learnerIds: [learnerId] }]);
    // The same as a table is the same read.
    expect(await eventsOf(await lead.get(url(), { Accept: "text/csv" }))).toMatchObject([{ operation, learnerIds: [learnerId] }]);
  });

  test("of a team as a whole is recorded, though it shows nobody by themselves", async () => {
    expect(await eventsOf(await lead.get(`/v1/teams/${teamId}/breakdown`))).toMatchObject([{ operation: "getTeamBreakdown", learnerIds: [] }]);
  });

  test("of what others logged with oneself as their mentor is recorded", async () => {
    const mentor = await buildResource(api.db, { type: "mentor", learnerId: leadId });
    await buildSession(api.db, { learnerId, resourceId: mentor.id });
    const answer = await lead.get(`/v1/learners/${leadId}/mentored-sessions`);
    expect(answer.body.items).toHaveLength(1);
    expect(await eventsOf(answer)).toMatchObject([{ operation: "listMentoredSessions", learnerIds: [learnerId] }]);
  });

  test("of what is one's own, of nobody's, or of nothing is not", async () => {
    const paths = [`/v1/learners/${learnerId}/goals`, `/v1/learners/${learnerId}/export`, "/v1/me", "/v1/learners", "/v1/resources", "/v1/teams", "/v1/paths"];
    for (const path of [...paths, `/v1/teams/${teamId}`]) {
      const answer = await own.get(path);
      expect({ path, status: answer.status }).toEqual({ path, status: 200 });
      expect({ path, events: await eventsOf(answer) }).toEqual({ path, events: [] });
    }
    const refused = await own.get(`/v1/learners/${leadId}`);
    expect(refused.status).toBe(404);
    expect((await eventsOf(refused)).filter(({ action }) => action !== "refused")).toEqual([]);
  });

  test("keeps no words of a search", async () => {
    const answer = await lead.get("/v1/learners?q=Learner");
    expect((await eventsOf(answer))[0]?.target).toBe("/v1/learners");
  });

  test("by HEAD is recorded like one by GET: its headers tell of the answer", async () => {
    for (const path of [`/v1/learners/${learnerId}`, "/v1/learners?limit=1", `/v1/teams/${teamId}/growth?limit=1`]) {
      const [got, head] = [await api.admin.get(path), await api.admin.head(path)];
      expect([got.status, head.status]).toEqual([200, 200]);
      const [of] = await eventsOf(got);
      expect(await eventsOf(head)).toMatchObject([{ action: "read", operation: of?.operation, learnerIds: of?.learnerIds }]);
    }
    expect((await own.head(`/v1/learners/${leadId}`)).status).toBe(404);
  });

  test("of a team's words is recorded, of nobody by themselves", async () => {
    expect(await eventsOf(await own.get(`/v1/teams/${teamId}/glossary`))).toMatchObject([{ operation: "listGlossary", learnerIds: [] }]);
  });

  test.each(["groupBy=goal", "goal=<goal>"])("of a team's mix by %s names whose goals they are", async (query) => {
    const goal = await buildGoal(api.db, { learnerId });
    await buildSession(api.db, { learnerId, goalId: goal.id });
    const answer = await lead.get(`/v1/teams/${teamId}/breakdown?${query.replace("<goal>", goal.id)}`);
    expect(await eventsOf(answer)).toMatchObject([{ learnerIds: [learnerId] }]);
  });

  test("names nobody who was only asked for", async () => {
    const stranger = await buildMember(api.db, (await buildTeam(api.db)).id);
    for (const id of [stranger.id, NOBODY]) {
      expect(await eventsOf(await lead.get(`/v1/teams/${teamId}/breakdown?learner=${id}`))).toMatchObject([{ learnerIds: [] }]);
    }
  });

  test("of the events themselves, and of what an erasure would take, is recorded too", async () => {
    await lead.get(`/v1/learners/${learnerId}`);
    const read = await api.admin.get(`/v1/audit-events?learner=${learnerId}`);
    expect(await eventsOf(read)).toMatchObject([{ operation: "listAuditEvents", role: "admin", personId: null, learnerIds: [learnerId] }]);
    // Events are about many: whom a page of them names is not named again by each reading of it.
    expect(await eventsOf(await api.admin.get("/v1/audit-events"))).toMatchObject([{ operation: "listAuditEvents", learnerIds: [] }]);
    const dry = await api.admin.delete(`/v1/learners/${learnerId}/personal-data?dryRun=true`);
    expect(await eventsOf(dry)).toMatchObject([{ action: "read", operation: "erasePersonalData", learnerIds: [learnerId] }]);
    const done = await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
    expect(await eventsOf(done)).toMatchObject([{ action: "change", operation: "erasePersonalData", learnerIds: [learnerId] }]);
  });
});

describe("what cannot be recorded", () => {
  // As a full disk would have it, for these tests' requests alone.
  beforeEach(async () => {
    await api.db.$executeRawUnsafe(
      `CREATE FUNCTION refuse_events() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$`,
    );
    await api.db.$executeRawUnsafe(`CREATE TRIGGER refuse_events BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_events()`);
  });
  afterEach(() => api.db.$executeRawUnsafe(`DROP FUNCTION refuse_events CASCADE`));

  test("does not happen, and is not shown", async () => {
    const goal = await buildGoal(api.db, { learnerId, title: "As it was" });
    const refused = [
      await lead.get(`/v1/learners/${learnerId}/goals`),
      await own.patch(`/v1/learners/${learnerId}/goals/${goal.id}`, { title: "Changed" }),
      await own.post(`/v1/learners/${learnerId}/goals`, { title: "New" }),
      await own.post(`/v1/learners/${learnerId}/study-sessions`, session),
      await own.delete(`/v1/learners/${learnerId}/goals/${goal.id}`),
    ];
    for (const { status, body, headers } of refused) {
      expect({ status, code: body.code, retry: headers["retry-after"] }).toEqual({ status: 503, code: "unavailable", retry: "2" });
      expect(JSON.stringify(body)).not.toContain("As it was");
    }
    expect(await api.db.goal.findMany({ where: { learnerId }, select: { title: true, version: true } })).toEqual([{ title: "As it was", version: 1 }]);
    expect(await api.db.studySession.count({ where: { learnerId } })).toBe(0);
    expect((await own.get(`/v1/learners/${learnerId}/goals`)).status).toBe(200);
  });
});

describe("events", () => {
  const run = (sql: string) => api.db.$executeRawUnsafe(sql);
  const now = async () => ((await api.db.$queryRaw`SELECT date_trunc('milliseconds', clock_timestamp()) AS now`) as [{ now: Date }])[0].now;

  test("stay as they were written, whoever writes to the table", async () => {
    await lead.get(`/v1/learners/${learnerId}`);
    const [event] = await api.db.auditEvent.findMany({ where: { personId: leadId } });
    for (const sql of [`UPDATE audit_events SET operation = 'nothing' WHERE id = '${event?.id}'`, `DELETE FROM audit_events WHERE id = '${event?.id}'`]) {
      await expect(run(sql)).rejects.toThrow("audit_events_append_only");
    }
    await expect(run("TRUNCATE audit_events")).rejects.toThrow("audit_events_append_only");
    expect(await api.db.auditEvent.findMany({ where: { personId: leadId } })).toEqual([event]);
  });

  test("may go after a year", async () => {
    const add = (days: number) => buildAuditEvent(api.db, { at: new Date(Date.now() - days * 86_400_000), operation: `days${days}` });
    await add(366);
    await add(364);
    await expect(run("DELETE FROM audit_events WHERE operation = 'days366'")).resolves.toBe(1);
    await expect(run("DELETE FROM audit_events WHERE operation = 'days364'")).rejects.toThrow("audit_events_append_only");
  });

  test("happened when the database says, whatever is written", async () => {
    const id = uuidv7();
    const before = await now();
    await run(`INSERT INTO audit_events (at, id, request_id, action, operation, target) VALUES ('2020-01-01', '${id}', '${uuidv7()}', 'read', 'long ago', '')`);
    const { at } = await api.db.auditEvent.findFirstOrThrow({ where: { id } });
    expect(at.getTime()).toBeGreaterThanOrEqual(before.getTime());
    expect(at.getTime()).toBeLessThanOrEqual((await now()).getTime());
  });

  test("of one transaction stand in their order", async () => {
    const operation = `in_order_${uuidv7().replaceAll("-", "")}`;
    await api.db.$transaction(async (tx) => {
      for (const target of ["first", "second"]) {
        await tx.$executeRaw`INSERT INTO audit_events (id, request_id, action, operation, target) VALUES (${uuidv7()}::uuid, ${uuidv7()}::uuid, 'read', ${operation}, ${target})`;
        await tx.$queryRaw`SELECT pg_sleep(0.002)::text`;
      }
    });
    const [first, second] = await api.db.auditEvent.findMany({ where: { operation }, orderBy: { target: "asc" } });
    expect(first?.at.getTime()).toBeLessThan(second?.at.getTime() as number);
  });

  test("cannot be changed by a role that may only add and read", async () => {
    // Roles are the whole server's.
    const role = `adding_only_${leadId.replaceAll("-", "")}`;
    await run(`CREATE ROLE ${role}`);
    await run(`GRANT SELECT, INSERT ON audit_events TO ${role}`);
    const as = (sql: string) => api.db.$transaction([api.db.$executeRawUnsafe(`SET LOCAL ROLE ${role}`), api.db.$executeRawUnsafe(sql)]);
    await expect(as("DELETE FROM audit_events")).rejects.toThrow("permission denied");
    await expect(as("UPDATE audit_events SET operation = ''")).rejects.toThrow("permission denied");
    await expect(as("ALTER TABLE audit_events DISABLE TRIGGER ALL")).rejects.toThrow("must be owner");
    await expect(as("SELECT * FROM audit_events LIMIT 1")).resolves.toBeDefined();
    await run(`DROP OWNED BY ${role}`);
    await run(`DROP ROLE ${role}`);
  });

  test("have a caller, or nobody called", async () => {
    const add = (role: string, key: string) =>
      run(
        `INSERT INTO audit_events (id, request_id, action, role, key_id, operation, target) VALUES ('${uuidv7()}', '${uuidv7()}', 'read', ${role}, ${key}, 'x', '')`,
      );
    await expect(add("NULL", `'${uuidv7()}'`)).rejects.toThrow("audit_events_caller_check");
    await expect(add("'admin'", "NULL")).rejects.toThrow("audit_events_caller_check");
  });

  test("are read by admins alone", async () => {
    for (const client of [own, lead, api.as(await buildKey(api.db, { role: "service" }))]) {
      expect(await client.get("/v1/audit-events")).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
  });

  test("are listed the latest first, page by page, by each filter, and as CSV", async () => {
    for (const path of ["goals", "terms", "breakdown"]) await lead.get(`/v1/learners/${learnerId}/${path}`);
    await own.post(`/v1/learners/${learnerId}/goals`, { title: "A" });
    const list = async (query: string) => (await api.admin.get(`/v1/audit-events?${query}`)).body;
    const operations = async (query: string) => (await list(query)).items.map(({ operation }: AuditEvent) => operation);

    const all = ["createGoal", "getLearnerBreakdown", "listTerms", "listGoals"];
    expect(await operations(`learner=${learnerId}`)).toEqual(all);
    const first = await list(`learner=${learnerId}&action=read&limit=2&person=${leadId}`);
    expect(first.items.map(({ operation }: AuditEvent) => operation)).toEqual(all.slice(1, 3));
    const second = await list(`learner=${learnerId}&action=read&limit=2&person=${leadId}&cursor=${first.next}`);
    expect(second).toMatchObject({ items: [{ operation: "listGoals" }], next: null });

    const [key] = await api.db.apiKey.findMany({ where: { learnerId: leadId } });
    expect(await operations(`key=${key?.id}`)).toEqual(all.slice(1));
    expect(await operations(`person=${leadId}&operation=listTerms`)).toEqual(["listTerms"]);
    const day = (offset: number) => new Date(Date.parse(first.items[1].at) + offset * 86_400_000).toISOString().slice(0, 10);
    expect(await operations(`person=${leadId}&from=${day(0)}&to=${day(1)}&operation=listTerms`)).toEqual(["listTerms"]);
    expect(await operations(`person=${leadId}&from=${day(1)}`)).toEqual([]);
    expect(await operations(`person=${leadId}&to=${day(0)}`)).toEqual([]);

    const { text } = await api.admin.get(`/v1/audit-events?person=${leadId}&operation=listTerms`, { Accept: "text/csv" });
    const [header, line] = text.split("\r\n");
    expect(header).toBe("at,id,requestId,action,role,keyId,personId,operation,target,fields,learnerIds,itemIds,unnamed,times,reason");
    expect(line).toContain(`,read,learner,${key?.id},${leadId},listTerms,/v1/learners/${learnerId}/terms,,${learnerId},,0,1,`);
  });

  test.each(["learner=42", "operation=a%20b", "action=write", "from=yesterday", "page=2"])("refuse the filter %s", async (query) => {
    expect(await api.admin.get(`/v1/audit-events?${query}`)).toMatchObject({ status: 400, body: { code: "invalid-request" } });
  });

  test("about a person are theirs to read, without whom else they name", async () => {
    await lead.get(`/v1/learners/${learnerId}`);
    await api.admin.get("/v1/learners?limit=200");
    const { body } = await own.get(`/v1/learners/${learnerId}/export`);
    expect(body.records.AuditEvent).toMatchObject([
      { operation: "getLearner", personId: leadId },
      { operation: "listLearners", role: "admin" },
    ]);
    expect(Object.keys(body.records.AuditEvent[0])).not.toContain("learnerIds");
    // Of others whom they read, not even the address.
    const leads = (await lead.get(`/v1/learners/${leadId}/export`)).body;
    expect(leads.records.AuditEvent).toMatchObject([{ operation: "getLearner", target: null }, { operation: "listLearners" }]);
    expect(JSON.stringify(leads)).not.toContain(learnerId);
  });
});

function ownKey() {
  return api.db.apiKey.findFirstOrThrow({ where: { learnerId } });
}
