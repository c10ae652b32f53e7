import type { Response } from "supertest";
import { v7 as uuidv7 } from "uuid";
import type { AuditEvent } from "../../src/audit/audit.schema";
import { NOBODY } from "../access/operations";
import { type Client, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLedLearner, buildMember, buildResource, buildSession, buildTeam, keyOf } from "../setup/factories";

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
    ["a team's lead", () => api.admin.patch(`/v1/teams/${teamId}`, { leadId: learnerId }), "updateTeam", ["the learner"]],
    ["a new team's lead", () => api.admin.post("/v1/teams", { name: "Platform", leadId: learnerId }), "createTeam", ["the learner"]],
    ["a mentor", () => api.admin.post("/v1/resources", { type: "mentor", title: "Ada", learnerId }), "createResource", ["the learner"]],
    ["a resource", async () => api.admin.delete(`/v1/resources/${(await buildResource(api.db)).id}/archival`), "restoreResource", []],
    ["a move", () => api.admin.put(`/v1/learners/${learnerId}/membership`, { teamId: null, fromDay: "2026-06-17" }), "moveLearner", ["the learner"]],
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

  test("that was refused is not recorded", async () => {
    const goal = await buildGoal(api.db, { learnerId });
    const path = `/v1/learners/${learnerId}/goals/${goal.id}`;
    const refused = await Promise.all([
      own.patch(path, { title: "B" }, { "If-Match": '"9"' }),
      lead.patch(path, { title: "B" }),
      own.patch(path, { title: "" }),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([412, 403, 400]);
    for (const answer of refused) expect(await eventsOf(answer)).toEqual([]);
  });
});

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
    expect(await eventsOf(refused)).toEqual([]);
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
    const add = (days: number) =>
      run(
        `INSERT INTO audit_events (at, id, request_id, action, operation, target) VALUES (now() - interval '${days} days', '${uuidv7()}', '${uuidv7()}', 'read', 'days${days}', '')`,
      );
    await add(366);
    await add(364);
    await expect(run("DELETE FROM audit_events WHERE operation = 'days366'")).resolves.toBe(1);
    await expect(run("DELETE FROM audit_events WHERE operation = 'days364'")).rejects.toThrow("audit_events_append_only");
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
    expect(header).toBe("at,id,requestId,action,role,keyId,personId,operation,target,fields,learnerIds,itemIds");
    expect(line).toContain(`,read,learner,${key?.id},${leadId},listTerms,/v1/learners/${learnerId}/terms,,${learnerId},`);
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
