import { type Client, startApp, type TestApp } from "./setup/app";
import { buildKey, keyOf } from "./setup/factories";

// A data analyst takes on a project outside his field. Everything happens over HTTP, on the
// days on which it happened.

let api: TestApp;
let directory: Client;
beforeAll(async () => {
  api = await startApp();
  directory = api.as(await buildKey(api.db, { role: "service" }));
});
afterAll(() => api.close());

const on = (day: string) => api.setNow(new Date(`${day}T12:00:00Z`));

async function create(client: Client, path: string, body: object) {
  const response = await client.post(path, body);
  expect({ path, status: response.status, body: response.body }).toMatchObject({ status: 201 });
  return response.body;
}

async function put(client: Client, path: string, body: object = {}, headers: Record<string, string> = {}) {
  const response = await client.put(path, body, headers);
  expect({ path, status: response.status, body: response.body }).toMatchObject({ status: 200 });
  return response.body;
}

async function read(client: Client, path: string) {
  const response = await client.get(path);
  expect({ path, status: response.status, body: response.body }).toMatchObject({ status: 200 });
  return response.body;
}

test("the analyst learns to deploy, and goes on to the front end", async () => {
  // The company: an analyst, his lead, and an engineer elsewhere who answers questions.
  on("2026-03-02");
  const [analyst, lead, engineer] = [
    await create(directory, "/v1/learners", { name: "Tomas Lind" }),
    await create(directory, "/v1/learners", { name: "Adaeze Nwosu" }),
    await create(directory, "/v1/learners", { name: "Kwame Boadi" }),
  ];
  const company = await create(directory, "/v1/teams", { name: "Larkfield" });
  const analytics = await create(directory, "/v1/teams", { name: "Analytics", parentId: company.id, leadId: lead.id });
  const platform = await create(directory, "/v1/teams", { name: "Platform", parentId: company.id });
  for (const [person, team] of [
    [analyst, analytics],
    [lead, analytics],
    [engineer, platform],
  ]) {
    await directory.put(`/v1/learners/${person.id}/membership`, { teamId: team.id, fromDay: "2026-01-01" });
  }
  const tomas = api.as(await keyOf(api.db, analyst.id));
  const adaeze = api.as(await keyOf(api.db, lead.id));
  const kwame = api.as(await keyOf(api.db, engineer.id));
  const home = `/v1/learners/${analyst.id}`;

  // What there is to learn from, and the path.
  const book = await create(directory, "/v1/resources", { type: "book", title: "Kubernetes from First Principles", estimatedMinutes: 300 });
  const course = await create(directory, "/v1/resources", { type: "course", title: "Site Reliability Engineering", estimatedMinutes: 120 });
  const mentor = await create(directory, "/v1/resources", {
    type: "mentor",
    title: "Kwame Boadi on containers",
    learnerId: engineer.id,
    capacityMinutesPerWeek: 5,
  });
  const project = await create(directory, "/v1/resources", { type: "project", title: "Deploy the demand forecast" });
  const path = await create(directory, "/v1/paths", {
    title: "From notebook to production",
    skills: ["docker", "kubernetes"],
    steps: [
      { key: "read", title: "Read the textbook", resourceId: book.id },
      { key: "ask", title: "Ask an engineer", resourceId: mentor.id, estimatedMinutes: 120 },
      { key: "reliability", title: "Take the reliability course", resourceId: course.id, required: false },
      { key: "deploy", title: "Deploy to the test cluster", resourceId: project.id, estimatedMinutes: 1_800, weight: 3, prerequisites: ["read", "ask"] },
    ],
  });
  expect(path.plannedMinutes).toEqual({ onTheJob: 1_800, social: 120, formal: 300, unclassified: 0, total: 2_220 });
  expect(path.criticalPath).toEqual({ minutes: 2_100, steps: ["read", "deploy"] });
  await put(directory, `/v1/paths/${path.id}/versions/1/publication`);

  // He sets his goal and adopts the path: its steps are spread over the goal's days by weight.
  const goal = await create(tomas, `${home}/goals`, {
    title: "Deploy my own service to production",
    why: "So that an analysis becomes a product without a hand-over",
    skills: ["kubernetes"],
    startsOn: "2026-03-02",
    dueOn: "2026-07-02",
  });
  expect(goal.growth).toMatchObject({ progress: null, health: { status: "not-started", rule: "nothing-begun" } });
  const goalPath = `${home}/goals/${goal.id}`;
  const adopted = await put(tomas, `${goalPath}/path`, { pathId: path.id });
  expect(adopted).toMatchObject({ fromVersion: null, toVersion: 1, progress: { before: null, after: 0 } });
  const steps = (await read(tomas, `${goalPath}/steps`)).items;
  const [reading, asking, reliability, deploying] = steps;
  expect(steps.map(({ title, dueOn, mode }: { title: string; dueOn: string; mode: string }) => [title, dueOn, mode])).toEqual([
    ["Read the textbook", "2026-03-22", "formal"],
    ["Ask an engineer", "2026-04-12", "social"],
    ["Take the reliability course", "2026-05-02", "formal"],
    ["Deploy to the test cluster", "2026-07-02", "on-the-job"],
  ]);
  expect(deploying.blockedBy).toEqual([reading.id, asking.id]);

  // Nearly all of it he learns on the job; the book works best for him.
  const log = (day: string, minutes: number, session: object) =>
    create(tomas, `${home}/study-sessions`, { startedAt: `${day}T08:00:00Z`, minutes, goalId: goal.id, ...session });
  on("2026-03-20");
  await log("2026-03-09", 60, { stepId: reading.id, impact: 5 });
  await log("2026-03-16", 60, { stepId: reading.id, impact: 5 });
  await put(tomas, `${goalPath}/steps/${reading.id}/completion`, { completedOn: "2026-03-20" });
  expect((await read(tomas, goalPath)).growth).toMatchObject({ progress: 0.2, minutesPerWeek: 44.2, remainingMinutes: 1_920 });

  // Too early: the questions come first.
  const early = await tomas.put(`${goalPath}/steps/${deploying.id}/completion`, {});
  expect(early).toMatchObject({ status: 409, body: { code: "step-blocked", detail: expect.stringContaining('"Ask an engineer"') } });

  on("2026-04-10");
  const talk = await log("2026-04-07", 90, { stepId: asking.id, impact: 4 });
  expect(talk).toMatchObject({ socialMinutes: 90, resourceId: mentor.id, verification: "self-reported" });
  const [{ version }] = (await read(kwame, `/v1/learners/${engineer.id}/mentored-sessions`)).items;
  const confirmed = await put(kwame, `${home}/study-sessions/${talk.id}/confirmation`, {}, { "If-Match": `"${version}"` });
  expect(confirmed).toMatchObject({ minutes: 90, verification: "mentor-confirmed" });
  await put(tomas, `${goalPath}/steps/${asking.id}/completion`);

  // The hardest part was the jargon.
  for (const [term, meaning, learnedOn] of [
    ["manifest", "Says what should be true; the cluster works until it is", "2026-03-18"],
    ["control plane", "The programs that compare what is with what should be", "2026-03-30"],
    ["etcd", "Where the cluster remembers", "2026-04-09"],
    ["kubelet", null, null],
  ]) {
    await create(tomas, `${goalPath}/terms`, { term, meaning, learnedOn, resourceId: book.id, shared: true });
  }
  await create(tomas, `${goalPath}/terms`, { term: "yak shaving", meaning: "What I did all Tuesday" });
  expect((await read(tomas, `${home}/terms?q=cluster`)).items.map(({ term }: { term: string }) => term)).toEqual(["etcd", "manifest"]);
  const glossary = (await read(adaeze, `/v1/teams/${analytics.id}/glossary`)).items;
  expect(glossary.map(({ term, learners, knownBy }: { term: string; learners: number; knownBy: number }) => [term, learners, knownBy])).toEqual([
    ["control plane", 1, 1],
    ["etcd", 1, 1],
    ["kubelet", 1, 0],
    ["manifest", 1, 1],
  ]);

  // The path grows. His goal says so, and takes nothing over by itself.
  const draft = await create(directory, `/v1/paths/${path.id}/versions`, {});
  const rollBack = { key: "roll-back", title: "Roll back on purpose", mode: "on-the-job", estimatedMinutes: 200, prerequisites: ["deploy"] };
  await directory.patch(`/v1/paths/${path.id}/versions/2`, { steps: [...draft.steps, rollBack] });
  await put(directory, `/v1/paths/${path.id}/versions/2/publication`);
  const told = await read(tomas, goalPath);
  expect(told).toMatchObject({ path: { id: path.id, version: 1, newerVersion: 2 }, growth: { progress: 0.4 } });
  const preview = await read(tomas, `${goalPath}/path`);
  expect(preview).toMatchObject({ fromVersion: 1, toVersion: 2, steps: [{ key: "roll-back", change: "added" }] });
  expect(preview.progress.after).toBeCloseTo(2 / 6);
  expect(await put(tomas, `${goalPath}/path`, { pathId: path.id })).toMatchObject({ fromVersion: 1, toVersion: 2, progress: preview.progress });
  const again = await tomas.put(`${goalPath}/path`, { pathId: path.id, version: 2 });
  expect(again).toMatchObject({ status: 409, body: { code: "path-adopted" } });

  // Weeks on the project, one hour of the course.
  on("2026-06-17");
  await log("2026-04-20", 30, { stepId: reliability.id, impact: 2 });
  for (const day of ["2026-04-27", "2026-05-04", "2026-05-11", "2026-05-18", "2026-05-25", "2026-06-08", "2026-06-15"]) {
    await log(day, 280, { stepId: deploying.id, impact: 4 });
  }
  await put(tomas, `${goalPath}/steps/${reliability.id}/skip`);
  await put(tomas, `${goalPath}/steps/${deploying.id}/completion`, { completedOn: "2026-06-15" });
  const [, , , , rollingBack] = (await read(tomas, `${goalPath}/steps`)).items;
  const evidence = await create(tomas, `${goalPath}/evidence`, { title: "The runbook", url: "https://example.com/runbook", shared: true });
  await create(tomas, `${goalPath}/evidence`, { title: "What I was afraid of", text: "That I would delete the database" });
  expect((await read(adaeze, `${goalPath}/evidence`)).items).toEqual([evidence]);

  // Before their one-to-one, the lead reads how he is doing; a review waits for her.
  await create(tomas, `${goalPath}/reviews`, { question: "Would you let me deploy without you?" });
  const report = await read(adaeze, `/v1/teams/${analytics.id}/growth?dueWithinDays=30&from=2026-03-02&to=2026-06-18`);
  expect(report).toMatchObject({
    people: { total: 2, withoutLearning: 1, inactive: 1 },
    goals: { open: 1, byHealth: { "on-track": 1, "at-risk": 0, overdue: 0, blocked: 0, completed: 0 } },
    skills: { total: 1, items: [{ skill: "kubernetes", learners: 1, goals: 1 }] },
    mix: {
      planned: { minutes: { onTheJob: 2_000, social: 120, formal: 300, total: 2_420 }, share: { onTheJob: 82.6, social: 5, formal: 12.4 } },
      actual: { minutes: { onTheJob: 1_960, social: 90, formal: 150, total: 2_200 }, share: { onTheJob: 89.1, social: 4.1, formal: 6.8 } },
      difference: { onTheJob: 6.5, social: -0.9, formal: -5.6 },
    },
    reviewsWaiting: { total: 1, items: [{ learnerName: "Tomas Lind", question: "Would you let me deploy without you?" }] },
  });
  expect(report.due.items.map(({ stepTitle, dueOn }: { stepTitle: string | null; dueOn: string }) => [stepTitle, dueOn])).toEqual([
    [null, "2026-07-02"],
    ["Roll back on purpose", "2026-07-02"],
  ]);
  // Whoever has not learned anything is listed first, not left out.
  expect(report.items.map(({ name }: { name: string }) => name)).toEqual(["Adaeze Nwosu", "Tomas Lind"]);
  expect(report.items[1]).toMatchObject({
    lastSessionOn: "2026-06-15",
    daysSinceLearning: 2,
    minutes: 2_200,
    previousMinutes: 0,
    modes: ["on-the-job", "social", "formal"],
    progress: 5 / 6,
    goals: [{ health: "on-track", rule: "projected-in-time", dueOn: "2026-07-02", projectedEnd: "2026-06-23" }],
  });
  const usage = report.resources.items.map((each: { title: string; minutes: number; finished: number; impact: { mean: number }; overloaded: boolean }) => [
    each.title,
    each.minutes,
    each.finished,
    each.impact.mean,
    each.overloaded,
  ]);
  expect(usage).toEqual([
    ["Deploy the demand forecast", 1_960, 1, 4, false],
    ["Kubernetes from First Principles", 120, 1, 5, false],
    ["Kwame Boadi on containers", 90, 1, 4, true],
    ["Site Reliability Engineering", 30, 0, 2, false],
  ]);

  // She endorses him; he finishes, and goes on.
  const waiting = report.reviewsWaiting.items[0].id;
  const { etag } = (await adaeze.get(`${goalPath}/reviews/${waiting}`)).headers as { etag: string };
  const answer = { verdict: "endorsed", comment: "Yes, since the rollback" };
  const answered = await put(adaeze, `${goalPath}/reviews/${waiting}/answer`, answer, { "If-Match": etag });
  expect(answered).toMatchObject({ verdict: "endorsed", answeredById: lead.id });
  on("2026-06-24");
  await log("2026-06-22", 200, { stepId: rollingBack.id, impact: 5 });
  await put(tomas, `${goalPath}/steps/${rollingBack.id}/completion`, { completedOn: "2026-06-22" });
  const finished = await tomas.patch(goalPath, { status: "completed" });
  expect(finished.body).toMatchObject({ status: "completed", completedOn: "2026-06-24", growth: { progress: 1, health: { status: "completed" } } });
  const closed = await tomas.delete(`${goalPath}/steps/${reading.id}/completion`);
  expect(closed).toMatchObject({ status: 409, body: { code: "goal-closed" } });
  const next = await create(tomas, `${home}/goals`, {
    title: "Join the front-end working group on TypeScript",
    skills: ["typescript"],
    followsId: goal.id,
    startsOn: "2026-06-24",
    target: { onTheJob: 60, social: 30, formal: 10 },
  });
  await create(tomas, `${home}/goals/${next.id}/steps`, { title: "Build one page", mode: "on-the-job", estimatedMinutes: 600 });

  // What changed since the one-to-one of the middle of June.
  const { changes } = await read(adaeze, `${home}/growth?since=2026-06-15`);
  expect(changes).toMatchObject({
    sessions: { count: 2, minutes: { onTheJob: 480, social: 0, formal: 0, unclassified: 0, total: 480 } },
    goalsStarted: { total: 1, items: [{ id: next.id, on: "2026-06-24" }] },
    goalsCompleted: { total: 1, items: [{ id: goal.id, on: "2026-06-24" }] },
    stepsCompleted: { total: 2, items: [{ title: "Roll back on purpose" }, { title: "Deploy to the test cluster" }] },
    termsLearned: { total: 0 },
    reviews: { total: 1, items: [{ verdict: "endorsed" }] },
  });

  // And the mix of it all: nine tenths on the job.
  const mix = await read(tomas, `${home}/breakdown?goal=${goal.id}&from=2026-03-02&groupBy=resource`);
  expect(mix.total).toMatchObject({
    minutes: { onTheJob: 2_160, social: 90, formal: 150, unclassified: 0, total: 2_400 },
    share: { onTheJob: 90, social: 3.8, formal: 6.2 },
    deviation: { onTheJob: 20, social: -16.2, formal: -3.8 },
    distance: 20,
    quality: { selfReportedShare: 96.3 },
  });
  const other = await read(tomas, `${home}/breakdown?goal=${next.id}`);
  expect(other).toMatchObject({ target: { onTheJob: 60, social: 30, formal: 10, setBy: "goal", setById: next.id }, total: { share: null } });
});
