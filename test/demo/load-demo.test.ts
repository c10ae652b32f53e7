import { readFile } from "node:fs/promises";
import { addDays, dayIn } from "../../src/days";
import { CATALOGUE_FILE } from "../../src/demo/course-catalogue";
import { DemoRefused, type LoadedDemo, loadDemo } from "../../src/demo/load-demo";
import { learnerId } from "../../src/demo/people";
import { greeting } from "../../src/greeting";
import { type Client, empty, NOW, startApp, type TestApp } from "../setup/app";

const TODAY = dayIn(NOW, "UTC");
const SEVEN_MONTHS_AGO = addDays(TODAY, -217);

let api: TestApp;
let demo: LoadedDemo;
let lead: Client;
let analyst: Client;
beforeAll(async () => {
  api = await startApp();
  demo = await loadDemo(api.db, NOW);
  lead = api.as(demo.lead.key);
  analyst = api.as(demo.analyst.key);
});
afterAll(() => api.close());

type Named = { id: string; name: string; title: string; parentId: string | null; status: string };
type Group = { label: string; sessions: { total: number }; learners: { eligible: number; active: number }; impact: { total: { mean: number } } };

async function listAll(client: Client, path: string): Promise<Named[]> {
  const items: Named[] = [];
  for (let next: string | null = `${path}${path.includes("?") ? "&" : "?"}limit=200`; next; ) {
    const { status, body } = await client.get(next);
    expect(status).toBe(200);
    items.push(...body.items);
    next = body.next && `${path}${path.includes("?") ? "&" : "?"}limit=200&cursor=${encodeURIComponent(body.next)}`;
  }
  return items;
}

async function rows() {
  const { db } = api;
  const sessions = await db.studySession.findMany({ orderBy: { id: "asc" } });
  const known = [db.learner, db.team, db.resource, db.goal].map((table) =>
    (table as typeof db.learner).findMany({ orderBy: { id: "asc" }, omit: { createdAt: true, updatedAt: true } }),
  );
  const memberships = await db.membership.findMany({ orderBy: [{ learnerId: "asc" }, { fromDay: "asc" }], omit: { id: true, createdAt: true } });
  return { sessions, known: await Promise.all(known), memberships };
}

async function projectGoal(): Promise<Named> {
  const goals = await listAll(analyst, `/v1/learners/${demo.analyst.id}/goals`);
  return goals.find(({ title }) => title === "Deploy my own service to production") as Named;
}

test("everything can be read back over HTTP", async () => {
  expect(await listAll(api.admin, "/v1/learners")).toHaveLength(demo.learners);
  const teams = await listAll(api.admin, "/v1/teams");
  const top = teams.filter(({ parentId }) => parentId === null);
  const below = teams.filter(({ parentId }) => parentId === top[0]?.id);
  const lowest = teams.filter(({ parentId }) => below.some(({ id }) => id === parentId));
  expect([top.length, below.length, lowest.length]).toEqual([1, 3, 8]);
  const courses = await listAll(api.admin, "/v1/resources?type=course");
  const catalogue = (await readFile(CATALOGUE_FILE, "utf8")).trim().split("\n").length - 1;
  expect(courses.filter((course) => "url" in course && course.url !== null)).toHaveLength(catalogue);
  expect(demo.courses).toBe(63);
  for (const { id } of await listAll(api.admin, "/v1/learners")) await listAll(api.admin, `/v1/learners/${id}/goals`);
});

test("about nine tenths of the analyst's project were learned on the job", async () => {
  const { id } = await projectGoal();
  const path = `/v1/learners/${demo.analyst.id}/breakdown?from=${SEVEN_MONTHS_AGO}&goal=${id}&groupBy=resource`;
  const { body } = await analyst.get(path);
  expect(body.total.share.onTheJob).toBeGreaterThanOrEqual(88);
  expect(body.total.share.onTheJob).toBeLessThanOrEqual(92);
  expect(body.total.share.social).toBeGreaterThan(3);
  expect(body.total.share.formal).toBeGreaterThan(3);
  expect(body.total.minutes.unclassified).toBe(0);
  const rated = (body.groups as Group[]).map(({ label, impact }) => [label, impact.total.mean] as const).sort((a, b) => b[1] - a[1]);
  expect(rated[0]?.[0]).toBe("Kubernetes from First Principles");
  expect(rated.at(-1)?.[0]).toBe("Site Reliability Engineering, an Introduction");
  expect(rated).toHaveLength(5);
});

test("the analyst went on to the front-end working group", async () => {
  const goals = await listAll(analyst, `/v1/learners/${demo.analyst.id}/goals`);
  expect(goals.filter(({ status }) => status === "active").map(({ title }) => title)).toEqual([
    "Build the dashboard's next page with the front-end working group",
  ]);
  expect(await projectGoal()).toMatchObject({ status: "completed", skills: ["docker", "kubernetes"] });
});

test("the lead reads the analyst's sessions, and of the notes those that are shared", async () => {
  const { id } = await projectGoal();
  const path = `/v1/learners/${demo.analyst.id}/study-sessions?goal=${id}`;
  const notes = async (client: Client) => (await listAll(client, path)).flatMap((session) => (session as unknown as { note: string | null }).note ?? []);
  const [own, shared] = [await notes(analyst), await notes(lead)];
  for (const word of ["manifest", "cluster", "control plane", "etcd", "kubelet"]) expect(own.join(" ")).toContain(word);
  expect(shared.length).toBeGreaterThan(5);
  expect(own.length).toBeGreaterThan(shared.length);
  expect((await analyst.get(`/v1/learners/${demo.lead.id}`)).status).toBe(404);
});

test("the lead's team report has the teams below as groups", async () => {
  const { status, body } = await lead.get(`/v1/teams/${demo.team.id}/breakdown?groupBy=team&compare=previous`);
  expect(status).toBe(200);
  const labels = (body.groups as Group[]).map(({ label }) => label);
  expect(labels.sort()).toEqual(["Analytics", "Design", "Product", "Product Management"]);
  expect(body.total.sessions.total).toBeGreaterThan(100);
  expect(body.total.quality.sufficient).toBe(true);
});

test("those who logged nothing are in the denominator", async () => {
  const [organisation] = (await listAll(api.admin, "/v1/teams")).filter(({ parentId }) => parentId === null);
  const { body } = await api.admin.get(`/v1/teams/${organisation?.id}/breakdown?groupBy=learner`);
  // All but the coach, who is in no team; one left within the period.
  expect(body.total.learners.eligible).toBe(demo.learners - 1);
  const silent = (body.groups as Group[]).filter(({ sessions }) => sessions.total === 0);
  expect(silent.map(({ label }) => label)).toEqual(expect.arrayContaining(["Greta Nyholm", "Kojo Ansah", "Yui Hanasaki"]));
  expect(body.total.learners.active).toBe(body.total.learners.eligible - silent.length);
});

test("who moved team counts where they were", async () => {
  const { body } = await api.admin.get(`/v1/learners/${learnerId("Elias Raptis")}/membership`);
  expect(body.history).toHaveLength(2);
  expect(body.history[0].untilDay).toBe(body.history[1].fromDay);
  const left = await api.admin.get(`/v1/learners/${learnerId("Hugo Delacourt")}/membership`);
  expect(left.body).toMatchObject({ current: null, history: [{ untilDay: addDays(TODAY, -60) }] });
});

test("the printed commands work as they are printed", async () => {
  const printed = greeting({ address: api.url, adminKey: null, demo });
  const urls = [...printed.matchAll(/curl -sS '?(\S+?)'? \\/g)].map(([, url]) => url?.replace(api.url, "") as string);
  expect(urls).toHaveLength(4);
  expect((await analyst.get(urls[1] as string)).status).toBe(200);
  expect((await lead.get(urls[2] as string)).status).toBe(200);
  expect((await lead.get(urls[3] as string)).status).toBe(200);
});

test("the lead's growth report shows goals of every kind, and what waits on the lead", async () => {
  const { body } = await lead.get(`/v1/teams/${demo.team.id}/growth?dueWithinDays=60`);
  const { "at-risk": atRisk, "on-track": onTrack, completed } = body.goals.byHealth;
  expect(Math.min(atRisk, onTrack, completed)).toBeGreaterThan(0);
  expect(body.people).toMatchObject({ total: 16, withoutLearning: 1 });
  expect(body.items[0].lastSessionOn).toBeNull();
  expect(body.reviewsWaiting).toMatchObject({ total: 1, items: [{ learnerName: "Tomas Lind" }] });
  expect(body.due.total).toBeGreaterThan(0);
});

test("the analyst's project is complete: its path, its words, and his lead's endorsement", async () => {
  const { id } = await projectGoal();
  const goals = `/v1/learners/${demo.analyst.id}/goals`;
  const { body: goal } = await analyst.get(`${goals}/${id}`);
  expect(goal).toMatchObject({ status: "completed", path: { version: 1, newerVersion: null }, growth: { progress: 1 } });
  expect((await analyst.get(`${goals}/${id}/reviews`)).body.items).toMatchObject([{ verdict: "endorsed" }]);
  const words = (await analyst.get(`/v1/learners/${demo.analyst.id}/terms?goal=${id}`)).body.items;
  expect(words.map(({ term }: { term: string }) => term).sort()).toEqual(["cluster", "control plane", "etcd", "kubelet", "manifest"]);
  const next = (await listAll(analyst, goals)).find(({ status }) => status === "active");
  expect(next).toMatchObject({ followsId: id });
});

test("the curriculum is a path whose sections are its stages", async () => {
  const { status, body } = await analyst.get(`/v1/paths/${demo.coursePath.id}`);
  expect(status).toBe(200);
  expect(body.steps).toHaveLength(63);
  expect([...new Set(body.steps.map(({ section }: { section: string }) => section))]).toEqual(["Intro CS", "Core CS", "Advanced CS", "Final project"]);
  const drawn = await analyst.get(`/v1/paths/${demo.coursePath.id}`, { Accept: "text/vnd.mermaid" });
  expect(drawn.headers["content-type"]).toBe("text/vnd.mermaid; charset=utf-8");
  expect(drawn.text.match(/ (-->|==>) /g)).toHaveLength(body.steps.flatMap(({ prerequisites }: { prerequisites: string[] }) => prerequisites).length);
});

test("loading again is refused and changes nothing", async () => {
  const before = await rows();
  await expect(loadDemo(api.db, NOW)).rejects.toThrow(DemoRefused);
  expect(await rows()).toEqual(before);
});

test("the same day loads the same rows into another database", async () => {
  const before = await rows();
  await empty(api.db);
  await loadDemo(api.db, new Date("2026-06-17T23:59:00Z"));
  expect(await rows()).toEqual(before);
});

test("a load that fails leaves nothing behind", async () => {
  await empty(api.db);
  // Two years before this, sessions cannot have begun.
  await expect(loadDemo(api.db, new Date("1971-06-01T00:00:00Z"))).rejects.toThrow("before 1970");
  const counts = await Promise.all([api.db.learner.count(), api.db.team.count(), api.db.resource.count(), api.db.apiKey.count()]);
  expect(counts).toEqual([0, 0, 0, 0]);
});
