import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildKey, buildLearner, buildTeam, joinTeam } from "../setup/factories";
import { importFile } from "./sending";

let api: TestApp;
let key: string;
beforeAll(async () => {
  api = await startApp();
  key = await buildKey(api.db, { role: "service", scopes: ["directory:write"] });
});
beforeEach(async () => {
  await api.db.$executeRaw`TRUNCATE learners, teams CASCADE`;
  key = await buildKey(api.db, { role: "service", scopes: ["directory:write"] });
});
afterAll(() => api.close());

const send = (...lines: string[]) => importFile(api, key, "learners", lines.join("\n"));
const done = (created: number, existing: number, rejected: number) => ({ kind: "done", lines: created + existing + rejected, created, existing, rejected });
const HEADER = "externalId,name,email,team,fromDay";

/** Everybody by name, with the names of their teams from the top down, and since when. */
async function directory(): Promise<string[]> {
  const learners = await api.db.learner.findMany({
    include: { memberships: { include: { team: { include: { parent: true } } }, orderBy: { fromDay: "asc" } } },
    orderBy: { name: "asc" },
  });
  return learners.map(({ name, memberships }) =>
    [
      name,
      ...memberships.map(
        ({ team, fromDay, untilDay }) =>
          `${team.parent ? `${team.parent.name} > ` : ""}${team.name} ${fromDay.toISOString().slice(0, 10)}–${untilDay?.toISOString().slice(0, 10) ?? ""}`,
      ),
    ].join(": "),
  );
}

test("people come with their teams, which are made where there are none; sent again, nothing changes", async () => {
  const engineering = await buildTeam(api.db, { name: "Engineering" });
  const file = [
    HEADER,
    "hr-1,Ada,ADA@example.com,Engineering / Platform,2026-01-01",
    "hr-2,Grace,,Engineering / Platform,2026-02-01",
    "hr-3,Linus,,Engineering,2026-01-01",
    "hr-4,Margaret,,Research / Theory,2026-01-01",
    "hr-5,Nobody yet,,,",
  ];
  const first = await send(...file);
  expect(first.last).toEqual(done(5, 0, 0));
  const expected = [
    "Ada: Engineering > Platform 2026-01-01–",
    "Grace: Engineering > Platform 2026-02-01–",
    "Linus: Engineering 2026-01-01–",
    "Margaret: Research > Theory 2026-01-01–",
    "Nobody yet",
  ];
  expect(await directory()).toEqual(expected);
  expect(await api.db.team.count()).toBe(4);
  expect(await api.db.teamClosure.count({ where: { ancestorId: engineering.id } })).toBe(2);
  expect(await api.db.learner.findUnique({ where: { externalId: "hr-1" } })).toMatchObject({ email: "ada@example.com", timeZone: "UTC" });
  const events = await api.db.auditEvent.findMany({ where: { requestId: first.requestId } });
  expect(events.map(({ operation, itemIds }) => [operation, itemIds.length]).sort()).toEqual([
    ["importLearners", 3],
    ["importLearners", 5],
  ]);

  const again = await send(...file);
  expect(again.last).toEqual(done(0, 5, 0));
  expect(await directory()).toEqual(expected);
  expect(await api.db.auditEvent.count({ where: { requestId: again.requestId } })).toBe(0);
});

test("who is here already is put into the team from that day on, as by hand", async () => {
  const [ops, platform] = [await buildTeam(api.db, { name: "Ops" }), await buildTeam(api.db, { name: "Platform" })];
  const ada = await buildLearner(api.db, { name: "Ada", externalId: "hr-1" });
  const grace = await buildLearner(api.db, { name: "Grace", externalId: "hr-2" });
  await joinTeam(api.db, ada.id, ops.id, { fromDay: "2025-01-01" });
  await joinTeam(api.db, grace.id, ops.id, { fromDay: "2026-09-01" });
  const { last, rejected, requestId } = await send(
    "externalId,name,teamId,fromDay",
    `hr-1,Ada,${platform.id},2026-06-01`,
    `hr-2,Grace,${platform.id},2026-06-01`,
  );
  expect(last).toEqual(done(0, 1, 1));
  expect(rejected).toMatchObject([{ line: 3, problem: { code: "membership-overlap" } }]);
  expect(await directory()).toEqual(["Ada: Ops 2025-01-01–2026-06-01: Platform 2026-06-01–", "Grace: Ops 2026-09-01–"]);
  expect(await api.db.auditEvent.findMany({ where: { requestId } })).toMatchObject([{ action: "change", learnerIds: [ada.id] }]);

  // Where they were since stays as it is.
  await api.as(key).put(`/v1/learners/${ada.id}/membership`, { teamId: ops.id, fromDay: "2026-08-01" });
  expect((await send("externalId,name,teamId,fromDay", `hr-1,Ada,${platform.id},2026-06-01`)).last).toEqual(done(0, 1, 0));
  expect((await directory())[0]).toBe("Ada: Ops 2025-01-01–2026-06-01: Platform 2026-06-01–2026-08-01: Ops 2026-08-01–");
});

test("names that look the same lead to one team", async () => {
  const { last } = await send(
    "externalId,name,team,fromDay",
    "hr-1,Ada,Caf\u00e9 / Bar\u00a0Team,2026-01-01",
    "hr-2,Grace,Cafe\u0301\u200b /  Bar  Team,2026-01-01",
  );
  expect(last).toMatchObject({ created: 2, rejected: 0 });
  expect((await api.db.team.findMany({ select: { name: true } })).map(({ name }) => name).sort()).toEqual(["Bar Team", "Caf\u00e9"]);
});

test("a line that cannot be is rejected by its number, and stops nothing", async () => {
  const above = await buildTeam(api.db, { name: "Twins" });
  await buildTeam(api.db, { name: "Twins" });
  await buildLearner(api.db, { name: "Ada", externalId: "hr-1", email: "ada@example.com" });
  const id = uuidv7();
  const { rejected, last } = await send(
    "id,externalId,name,email,team,teamId,fromDay,target.onTheJob,target.social,target.formal",
    ",hr-1,Ada,ada@example.com,,,,,,",
    ",hr-1,Ada King,ada@example.com,,,,,,",
    ",hr-9,Impostor,ada@example.com,,,,,,",
    `${uuidv7()},hr-1,Impostor,,,,,,,`,
    ",,Without a name for it,,,,,,,",
    ",hr-3,Somewhere,,Twins,,2026-01-01,,,",
    ",hr-4,Below somewhere,,Twins / Below,,2026-01-01,,,",
    `,hr-5,There,,,${above.id},2026-01-01,60,30,10`,
    `,hr-6,Nowhere,,,${uuidv7()},2026-01-01,,,`,
    ",hr-7,Since when,,Twins,,,,,",
    ",hr-8,Both,,Twins,x,2026-01-01,,,",
    `${id},,By id,,,,,,,`,
    `${id},,By id,,,,,,,`,
    ",hr-10,Half a target,,,,,70,,",
    ",hr-11,A hole in it,,One /  / Two,,2026-01-01,,,",
  );
  expect(rejected.map(({ line, problem }) => [line, problem.code, problem.errors?.[0]?.pointer])).toEqual([
    [3, "body-differs", "#/name"],
    [4, "already-exists", "#/email"],
    [5, "already-exists", "#/externalId"],
    [6, "invalid-request", "#/externalId"],
    [7, "reference-missing", "#/team"],
    [8, "reference-missing", "#/team"],
    [10, "reference-missing", "#/teamId"],
    [11, "invalid-request", "#/fromDay"],
    [12, "invalid-request", "#/teamId"],
    [15, "invalid-request", "#/target/social"],
    [16, "invalid-request", "#/team"],
  ]);
  expect(last).toEqual(done(2, 2, 11));
  expect(await api.db.learner.findUnique({ where: { externalId: "hr-5" } })).toMatchObject({ target: [60, 30, 10] });
  expect(await api.db.team.count()).toBe(2);
});

test("the same file at once makes everybody and every team once", async () => {
  const file = [HEADER, ...Array.from({ length: 600 }, (_, n) => `hr-${n},Person ${n},,Division ${n % 3} / Team ${n % 20},2026-01-01`)];
  const answers = await Promise.all([file, [HEADER, ...file.slice(1).reverse()]].map((lines) => send(...lines)));
  expect(answers.map(({ last }) => last.kind)).toEqual(["done", "done"]);
  expect(answers.flatMap(({ rejected }) => rejected)).toEqual([]);
  expect(answers.reduce((sum, { last }) => sum + (last as { created: number }).created, 0)).toBe(600);
  expect([await api.db.learner.count(), await api.db.membership.count(), await api.db.team.count()]).toEqual([600, 600, 63]);
});
