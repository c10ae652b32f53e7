import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { addDays, dayIn, toDate } from "../../src/days";
import type { Prisma } from "../../src/generated/prisma/client";
import { eraseLeaver, findOutdated, type Leaver, removeAuditEvents } from "../../src/personal-data/retention";
import { NOW, startApp, type TestApp } from "../setup/app";
import { buildAuditEvent, buildGoal, buildLearner, buildMember, buildSession, buildTeam, joinTeam, keyOf } from "../setup/factories";

let api: TestApp;
beforeEach(async () => {
  api = await startApp({ RETAIN_LEAVERS_DAYS: 100, RETAIN_AUDIT_DAYS: 400 });
});
afterEach(() => api.close());

const TODAY = dayIn(NOW, "UTC");
const ago = (days: number) => addDays(TODAY, -days);
const long = { createdAt: toDate(ago(900)) };
const leavers = async () => (await findOutdated(api.db, api.config, NOW)).leavers;

/** Somebody whose only stay in a team ended so many days ago. */
async function buildLeaver(days: number): Promise<string> {
  const { id } = await buildLearner(api.db, long);
  const team = await buildTeam(api.db);
  await joinTeam(api.db, id, team.id, { fromDay: ago(days + 10), untilDay: ago(days) });
  return id;
}

test("who left is outdated a day after the days are over, and not before", async () => {
  const gone = await buildLeaver(101);
  await buildLeaver(100);
  expect(await leavers()).toEqual([{ id: gone, lastTraceOn: ago(101) }]);
});

test("who was never in a team is outdated by the day on which they became known", async () => {
  const gone = await buildLearner(api.db, long);
  await buildLearner(api.db, { createdAt: toDate(ago(99)) });
  expect(await leavers()).toEqual([{ id: gone.id, lastTraceOn: ago(900) }]);
});

test.each<[string, (id: string) => Promise<unknown>]>([
  ["is in a team", async (id) => joinTeam(api.db, id, (await buildTeam(api.db)).id, { fromDay: ago(150) })],
  ["will be in a team", async (id) => joinTeam(api.db, id, (await buildTeam(api.db)).id, { fromDay: addDays(TODAY, 30) })],
  ["leads one", (id) => buildTeam(api.db, { leadId: id })],
  ["learned since", (id) => buildSession(api.db, { learnerId: id, occurredOn: toDate(ago(99)) })],
  ["logged since what was before", (id) => buildSession(api.db, { learnerId: id, occurredOn: toDate(ago(300)), updatedAt: toDate(ago(50)) })],
  ["set a goal since", (id) => buildGoal(api.db, { learnerId: id, updatedAt: toDate(ago(2)) })],
  ["signed in by a token since", (id) => api.db.learner.update({ where: { id }, data: { lastSeenOn: toDate(ago(1)) } })],
  ["read or changed something since", (id) => buildEvent({ personId: id, role: "learner", action: "read" })],
  ["had something of theirs changed since", (id) => buildEvent({ learnerIds: [id], action: "change" })],
  [
    "called since",
    async (id) => {
      await keyOf(api.db, id);
      await api.db.apiKey.updateMany({ where: { learnerId: id }, data: { lastUsedOn: toDate(ago(3)) } });
    },
  ],
])("whoever %s is not outdated", async (_, keep) => {
  const id = await buildLeaver(200);
  expect((await leavers()).map((leaver) => leaver.id)).toEqual([id]);
  await keep(id);
  expect(await leavers()).toEqual([]);
});

test("being read about is no trace", async () => {
  const id = await buildLeaver(200);
  await buildEvent({ learnerIds: [id], action: "read" });
  expect((await leavers()).map((leaver) => leaver.id)).toEqual([id]);
});

test("whoever came back since they were found stays", async () => {
  const id = await buildLeaver(200);
  const [leaver] = await leavers();
  await joinTeam(api.db, id, (await buildTeam(api.db)).id, { fromDay: TODAY });
  expect(await eraseLeaver(api.db, api.config, leaver as Leaver, NOW)).toBe(false);
  expect((await api.db.learner.findUniqueOrThrow({ where: { id } })).erasedAt).toBeNull();
});

test("who was erased stays so, and is not found again", async () => {
  const id = await buildLeaver(200);
  await buildSession(api.db, { learnerId: id, note: "zanzibar", occurredOn: toDate(ago(205)), updatedAt: toDate(ago(205)) });
  const [leaver] = await leavers();
  expect(await eraseLeaver(api.db, api.config, leaver as Leaver, NOW)).toBe(true);
  expect(await api.db.learner.findUniqueOrThrow({ where: { id } })).toMatchObject({ name: "Somebody who was erased", erasedAt: NOW });
  expect(await api.db.studySession.findFirstOrThrow({ where: { learnerId: id } })).toMatchObject({ note: null, minutes: 60 });
  expect(await leavers()).toEqual([]);
  expect(await api.db.auditEvent.findFirstOrThrow({ where: { learnerIds: { has: id } } })).toMatchObject({
    operation: "retention",
    action: "change",
    role: null,
    keyId: null,
    personId: null,
  });
});

function buildEvent(event: Pick<Prisma.AuditEventCreateInput, "learnerIds" | "role" | "action"> & { personId?: string }) {
  return buildAuditEvent(api.db, { at: toDate(ago(1)), ...event });
}

test("audit events go when their days are over, and that they went is recorded", async () => {
  const add = (days: number) => buildAuditEvent(api.db, { at: new Date(NOW.getTime() - days * 86_400_000), operation: `days ${days}` });
  for (const days of [401, 400, 399]) await add(days);
  expect((await findOutdated(api.db, api.config, NOW)).auditEvents).toBe(1);
  expect(await removeAuditEvents(api.db, api.config, NOW)).toBe(1);
  expect((await api.db.auditEvent.findMany({ where: { operation: { startsWith: "days 4" } } })).map(({ operation }) => operation)).toEqual(["days 400"]);
  expect(await api.db.auditEvent.count({ where: { operation: "retention", learnerIds: { isEmpty: true } } })).toBeGreaterThan(0);
  expect(await removeAuditEvents(api.db, api.config, NOW)).toBe(0);
});

test("what no setting limits is kept", async () => {
  await buildLeaver(5_000);
  expect(await findOutdated(api.db, { ...api.config, RETAIN_LEAVERS_DAYS: undefined, RETAIN_AUDIT_DAYS: undefined }, NOW)).toEqual({
    leavers: [],
    auditEvents: 0,
  });
});

test("the command shows first, and lets go only when told", async () => {
  const gone = await buildLeaver(200);
  const stays = await buildMember(api.db, (await buildTeam(api.db)).id);
  const env = { ...process.env, DATABASE_URL: process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`], RETAIN_LEAVERS_DAYS: "100" };
  const retention = async (...options: string[]) =>
    (await promisify(execFile)(process.execPath, ["--import", "tsx", path.join(__dirname, "../../src/commands/retention.ts"), ...options], { env })).stdout;
  const shown = await retention();
  expect(shown).toContain(`${gone}  last trace on `);
  expect(shown).toContain("1 people to erase, 0 audit events to remove.");
  expect(shown).toContain("Nothing was changed.");
  expect((await api.db.learner.findUniqueOrThrow({ where: { id: gone } })).erasedAt).toBeNull();
  await expect(retention("--all")).rejects.toMatchObject({ code: 64, stderr: expect.stringContaining("Say what to do") });
  expect(await retention("--apply")).toContain(`${gone}  erased`);
  expect((await api.db.learner.findUniqueOrThrow({ where: { id: gone } })).erasedAt).not.toBeNull();
  expect((await api.db.learner.findUniqueOrThrow({ where: { id: stays.id } })).erasedAt).toBeNull();
});
