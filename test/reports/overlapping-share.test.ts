import { NOW, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildTeam, joinTeam } from "../setup/factories";

// More than a day in a day: overlapping sessions are accepted, and a report says how much of it overlaps.

let api: TestApp;
let learnerId: string;
let teamId: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db, { timeZone: "UTC" })).id;
  teamId = (await buildTeam(api.db)).id;
  await joinTeam(api.db, learnerId, teamId, { fromDay: "2026-01-01" });
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const log = async (startedAt: string, minutes: number, more: object = { mode: "social" }) => {
  const { status, body } = await api.admin.post(`/v1/learners/${learnerId}/study-sessions`, { startedAt: `2026-${startedAt}Z`, minutes, ...more });
  expect(status).toBe(201);
  return body.id as string;
};
/** Of whole months, for which sums take the place of the sessions, and of days that cut them. */
const shares = async (query = "") => {
  const asked = ["from=2026-05-01&to=2026-07-01", "from=2026-05-02&to=2026-06-18&bucket=day", "from=2026-05-01&to=2026-07-01&groupBy=verification"];
  const of = [`/v1/learners/${learnerId}`, `/v1/teams/${teamId}`].flatMap((path) => asked.map((each) => `${path}/breakdown?${each}${query}`));
  const answers = await Promise.all(of.map((path) => api.admin.get(path)));
  const [share, ...others] = new Set(answers.map(({ body }) => body.total.quality.overlappingShare));
  expect(others).toEqual([]);
  return share;
};

test("without sessions there is no share, and without overlaps it is 0", async () => {
  expect(await shares()).toBeNull();
  await log("06-10T08:00:00", 60);
  await log("06-10T09:00:00", 60);
  expect(await shares()).toBe(0);
});

test("of two that overlap by a minute all minutes count, and of the others none", async () => {
  await log("06-10T08:00:00", 60);
  await log("06-10T08:59:00", 30);
  await log("06-10T12:00:00", 90);
  expect(await shares()).toBe(50);
});

test("over midnight, and over the end of a month", async () => {
  await log("05-31T23:30:00", 60);
  await log("06-01T00:15:00", 30);
  expect(await shares()).toBe(100);
});

test("what the report leaves out overlaps all the same", async () => {
  await log("06-10T08:00:00", 60, { mode: "social", skills: ["go"] });
  await log("06-10T08:30:00", 60);
  await log("06-10T12:00:00", 60, { mode: "social", skills: ["go"] });
  expect(await shares("&skill=go")).toBe(50);
});

test("it follows what is changed and deleted", async () => {
  const [path, id] = [`/v1/learners/${learnerId}/study-sessions`, await log("06-10T08:00:00", 60)];
  const other = await log("06-10T08:30:00", 60);
  expect(await shares()).toBe(100);
  await api.admin.patch(`${path}/${other}`, { startedAt: "2026-06-10T09:00:00Z" });
  expect(await shares()).toBe(0);
  await api.admin.patch(`${path}/${id}`, { minutes: 61 });
  expect(await shares()).toBe(100);
  await api.admin.delete(`${path}/${id}`);
  expect(await shares()).toBe(0);
  // Neither is a change of the session.
  expect((await api.admin.get(`${path}/${other}`)).body.version).toBe(2);
});

test("another learner's sessions at the same time are no overlap", async () => {
  await log("06-10T08:00:00", 60);
  const first = learnerId;
  learnerId = (await buildLearner(api.db, { timeZone: "UTC" })).id;
  await joinTeam(api.db, learnerId, teamId, { fromDay: "2026-01-01" });
  await log("06-10T08:00:00", 60);
  const { body } = await api.admin.get(`/v1/teams/${teamId}/breakdown?from=2026-06-01&to=2026-07-01&groupBy=learner`);
  expect([body.total.quality.overlappingShare, body.groups.length]).toEqual([0, 2]);
  learnerId = first;
});

test("an erasure takes the times away, and leaves the share", async () => {
  await log("06-10T08:00:00", 60);
  await log("06-10T08:30:00", 60);
  await log("06-10T12:00:00", 120);
  const asked = `/v1/teams/${teamId}/breakdown?from=2026-06-01&to=2026-07-01`;
  expect((await api.admin.get(asked)).body.total.quality.overlappingShare).toBe(50);
  await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
  for (const query of ["", "&groupBy=skill"]) expect((await api.admin.get(`${asked}${query}`)).body.total.quality.overlappingShare).toBe(50);
});

test("as CSV it is a column", async () => {
  await log("06-10T08:00:00", 60);
  const { text } = await api.admin.get(`/v1/learners/${learnerId}/breakdown?from=2026-06-01&to=2026-07-01`, { Accept: "text/csv" });
  expect(text.split("\r\n")[0]).toContain("overlappingShare");
});
