import { addDays, type Day, dayIn, toDate } from "../../src/days";
import type { Prisma } from "../../src/generated/prisma/client";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildSession, buildStep, keyOf } from "../setup/factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const TODAY = dayIn(NOW, "UTC");
/** A day so many days from today. */
const day = (days: number): Day => addDays(TODAY, days);
const date = (days: number): Date => toDate(day(days));

type StepPlan = Omit<Partial<Prisma.StepUncheckedCreateInput>, "id"> & { after?: number[]; sessions?: { minutes: number; day: number }[] };
type Plan = { goal?: Partial<Prisma.GoalUncheckedCreateInput>; steps?: StepPlan[]; sessions?: { minutes: number; day: number }[] };

async function growthOf({ goal = {}, steps = [], sessions = [] }: Plan) {
  const { db } = api;
  const { id: goalId, learnerId } = await buildGoal(db, { startsOn: date(-100), createdAt: date(-100), ...goal });
  const log = (minutes: number, on: number, stepId?: string) =>
    buildSession(db, { learnerId, goalId, stepId: stepId ?? null, minutes, onTheJobMinutes: minutes, startedAt: new Date(`${day(on)}T09:00:00Z`) });
  const ids: string[] = [];
  for (const { after = [], sessions: logged = [], ...step } of steps) {
    const { id } = await buildStep(db, { learnerId, goalId, requires: after.map((index) => ids[index] as string), ...step });
    ids.push(id);
    for (const session of logged) await log(session.minutes, session.day, id);
  }
  for (const session of sessions) await log(session.minutes, session.day);
  const { status, body } = await api.admin.get(`/v1/learners/${learnerId}/goals/${goalId}`);
  expect(status).toBe(200);
  return { growth: body.growth, ids };
}

const done = { completedOn: date(-20) };
const skipped = { skippedOn: date(-20) };
const recently = [{ minutes: 80, day: -3 }];

const rules: [name: string, plan: Plan, health: string | null, rule: string][] = [
  ["a completed goal", { goal: { status: "completed", dueOn: date(-1) } }, "completed", "completed"],
  ["an abandoned goal has no health", { goal: { status: "abandoned", dueOn: date(-1) } }, null, "abandoned"],
  ["a goal on hold, even past its due day", { goal: { status: "onHold", dueOn: date(-1) } }, "on-hold", "on-hold"],
  ["a draft, even past its due day", { goal: { status: "draft", dueOn: date(-1) } }, "not-started", "draft"],

  ["all steps done, even past the due day", { goal: { dueOn: date(-1) }, steps: [done, done] }, "on-track", "steps-done"],
  ["all but the optional steps done", { steps: [done, { required: false }] }, "on-track", "steps-done"],
  ["the rest skipped", { steps: [done, skipped] }, "on-track", "steps-done"],

  ["past the due day", { goal: { dueOn: date(-1) }, sessions: recently }, "overdue", "due-day-passed"],
  ["past the due day, and never begun", { goal: { dueOn: date(-1) } }, "overdue", "due-day-passed"],
  ["past the due day with everything skipped", { goal: { dueOn: date(-1) }, steps: [skipped, skipped] }, "overdue", "due-day-passed"],
  ["today is the due day", { goal: { dueOn: date(0) }, sessions: recently }, "on-track", "not-behind"],
  ["today is the due day, and nothing was begun", { goal: { dueOn: date(0) } }, "at-risk", "due-soon-not-begun"],

  ["every step that is left waits for an optional one", { steps: [done, { required: false }, { after: [1] }] }, "blocked", "every-step-blocked"],
  ["a step that is due today waits", { steps: [done, {}, { after: [1], dueOn: date(0) }], sessions: recently }, "blocked", "due-step-blocked"],
  ["a step that is due tomorrow waits", { steps: [done, {}, { after: [1], dueOn: date(1) }], sessions: recently }, "on-track", "no-due-day"],
  ["a step waits for a skipped one no longer", { steps: [done, skipped, { after: [1], dueOn: date(0) }], sessions: recently }, "on-track", "no-due-day"],
  ["an optional step that is due waits", { steps: [done, {}, { after: [1], dueOn: date(0), required: false }], sessions: recently }, "on-track", "no-due-day"],

  ["a step's due day has passed", { steps: [done, { dueOn: date(-1) }], sessions: recently }, "at-risk", "step-overdue"],
  ["a step is due today", { steps: [done, { dueOn: date(0) }], sessions: recently }, "on-track", "no-due-day"],
  ["an optional step's due day has passed", { steps: [done, {}, { dueOn: date(-1), required: false }], sessions: recently }, "on-track", "no-due-day"],

  // 80 minutes in eight weeks are 10 a week; 100 minutes take ten weeks.
  ["projected to end a day late", { goal: { dueOn: date(69) }, steps: [{ estimatedMinutes: 100 }], sessions: recently }, "at-risk", "projected-late"],
  ["projected to end on the due day", { goal: { dueOn: date(70) }, steps: [{ estimatedMinutes: 100 }], sessions: recently }, "on-track", "projected-in-time"],
  ["projected without a due day", { steps: [{ estimatedMinutes: 100 }], sessions: recently }, "on-track", "no-due-day"],

  ["nothing logged for eight weeks", { sessions: [{ minutes: 60, day: -56 }] }, "at-risk", "stalled"],
  ["something logged on the first day of the eight weeks", { sessions: [{ minutes: 60, day: -55 }] }, "on-track", "no-due-day"],
  ["a step completed lately is not standing still", { steps: [done, {}], sessions: [{ minutes: 60, day: -80 }] }, "on-track", "no-due-day"],
  ["a step completed long ago is", { steps: [{ completedOn: date(-56) }, {}] }, "at-risk", "stalled"],

  // From 100 days ago to 100 ahead, half of the time has passed.
  ["0.2 behind", { goal: { dueOn: date(100) }, steps: [{ ...done, weight: 3 }, { weight: 7 }], sessions: recently }, "on-track", "not-behind"],
  ["more than 0.2 behind", { goal: { dueOn: date(100) }, steps: [{ ...done, weight: 29 }, { weight: 71 }], sessions: recently }, "at-risk", "behind-schedule"],
  [
    "far behind by time, but projected in time",
    { goal: { dueOn: date(100) }, steps: [{ estimatedMinutes: 50 }], sessions: recently },
    "on-track",
    "projected-in-time",
  ],
  [
    "due on the day on which it starts",
    { goal: { startsOn: date(0), dueOn: date(0) }, steps: [{}], sessions: [{ minutes: 5, day: 0 }] },
    "on-track",
    "not-behind",
  ],

  ["due in seven days, and not begun", { goal: { startsOn: date(0), dueOn: date(7) } }, "at-risk", "due-soon-not-begun"],
  ["due in eight days, and not begun", { goal: { startsOn: date(0), dueOn: date(8) } }, "not-started", "nothing-begun"],
  ["not begun", {}, "not-started", "nothing-begun"],
  ["to start later", { goal: { startsOn: date(30), dueOn: date(60) } }, "not-started", "nothing-begun"],
  ["a step was started", { steps: [{ startedOn: date(-2) }] }, "on-track", "no-due-day"],
  ["all steps optional", { goal: { dueOn: date(10) }, steps: [{ required: false }], sessions: recently }, "on-track", "not-behind"],
  ["everything skipped", { goal: { dueOn: date(10) }, steps: [skipped], sessions: recently }, "on-track", "not-behind"],
  ["nothing estimated", { goal: { dueOn: date(100) }, steps: [done, {}], sessions: recently }, "on-track", "not-behind"],
];

test.each(rules)("%s", async (_, plan, health, rule) => {
  const { growth } = await growthOf(plan);
  expect(growth.health && { status: growth.health.status, rule: growth.health.rule }).toEqual(health && { status: health, rule });
});

test("a blocked goal says by what", async () => {
  const { growth, ids } = await growthOf({
    steps: [{ title: "Ask for access" }, { title: "Wait", ...done }, { after: [0, 1], dueOn: date(-1) }, { title: "Later" }, { after: [3], dueOn: date(9) }],
    sessions: recently,
  });
  expect(growth.health).toMatchObject({ rule: "due-step-blocked", blockedBy: [{ id: ids[0], title: "Ask for access" }] });
});

test.each([
  ["without steps", [], null],
  ["with optional steps alone", [{ ...done, required: false }, { required: false }], null],
  ["with everything skipped", [skipped, skipped], null],
  ["with nothing done", [{}, {}], 0],
  ["by weight", [{ ...done, weight: 3 }, { weight: 1 }], 0.75],
  ["without what is skipped", [done, skipped, {}], 0.5],
  ["without optional steps, done or not", [done, { ...done, required: false }, { required: false }, {}], 0.5],
  ["with everything done", [done, done], 1],
] as [string, StepPlan[], number | null][])("progress %s", async (_, steps, progress) => {
  expect((await growthOf({ steps })).growth.progress).toBe(progress);
});

test("what is planned, logged and left", async () => {
  const { growth } = await growthOf({
    steps: [
      { ...done, mode: "formal", estimatedMinutes: 300 },
      { mode: "onTheJob", estimatedMinutes: 600, sessions: [{ minutes: 200, day: -60 }] },
      { mode: "social", estimatedMinutes: 60, sessions: [{ minutes: 90, day: -10 }] },
      { estimatedMinutes: 40 },
      { mode: "formal", estimatedMinutes: 1_000, required: false },
      { mode: "formal", estimatedMinutes: 1_000, ...skipped },
      {},
    ],
    sessions: [{ minutes: 70, day: -1 }],
  });
  expect(growth).toMatchObject({
    steps: { total: 7, required: 5, completed: 1, skipped: 1, blocked: 0, overdue: 0, dueSoon: 0 },
    plannedMinutes: { onTheJob: 600, social: 60, formal: 300, unclassified: 40, total: 1_000 },
    loggedMinutes: { onTheJob: 360, social: 0, formal: 0, unclassified: 0, total: 360 },
    // 600 − 200, nothing of 60 − 90, and 40.
    remainingMinutes: 440,
    unestimatedSteps: 1,
    minutesPerWeek: 20,
    projectedEnd: null,
  });
});

test.each([
  ["over eight weeks", { startsOn: date(-300) }, [{ minutes: 80, day: -50 }], 10],
  ["since the goal's start, if that is later", { startsOn: date(-13) }, [{ minutes: 80, day: -3 }], 40],
  ["since the first session, if that is earlier than the start", { startsOn: date(-6) }, [{ minutes: 80, day: -27 }], 20],
  ["over a week at least", { startsOn: date(0) }, [{ minutes: 80, day: 0 }], 80],
  ["of a goal that starts later", { startsOn: date(10) }, [{ minutes: 80, day: 0 }], 80],
  ["of nothing lately", { startsOn: date(-300) }, [{ minutes: 80, day: -57 }], 0],
  ["of nothing at all", { startsOn: date(-300) }, [], null],
] as [string, Plan["goal"], Plan["sessions"], number | null][])("pace %s", async (_, goal, sessions, pace) => {
  expect((await growthOf({ goal, sessions })).growth.minutesPerWeek).toBe(pace);
});

test.each([
  ["a step without an estimate is left", [{ estimatedMinutes: 100 }, {}]],
  ["no step is left", [{ estimatedMinutes: 100, ...done }]],
  ["more was logged than was estimated", [{ estimatedMinutes: 100, sessions: [{ minutes: 120, day: -2 }] }]],
] as [string, StepPlan[]][])("no end is projected when %s", async (_, steps) => {
  expect((await growthOf({ steps, sessions: recently })).growth.projectedEnd).toBeNull();
});

test("an end is projected from what is left of the estimates", async () => {
  const steps = [
    { estimatedMinutes: 130, sessions: recently },
    { ...done, estimatedMinutes: 500 },
    { estimatedMinutes: 500, required: false },
  ];
  const { growth } = await growthOf({ steps });
  expect(growth).toMatchObject({ remainingMinutes: 50, minutesPerWeek: 10, projectedEnd: day(35) });
});

test("an end that is centuries away is still a day", async () => {
  const { growth } = await growthOf({ steps: [{ estimatedMinutes: 10_000_000 }], sessions: [{ minutes: 1, day: -1 }] });
  expect(growth.projectedEnd).toBe(day(36_500));
});

test("deleted sessions count for nothing", async () => {
  const { id, learnerId } = await buildGoal(api.db, { startsOn: date(-10) });
  await buildSession(api.db, { learnerId, goalId: id, startedAt: new Date(`${day(-1)}T09:00:00Z`), deletedAt: NOW });
  const { body } = await api.admin.get(`/v1/learners/${learnerId}/goals/${id}`);
  expect(body.growth).toMatchObject({ loggedMinutes: { total: 0 }, minutesPerWeek: null, health: { rule: "nothing-begun" } });
});

// At noon in UTC it is the next day on Kiritimati.
test("today is the learner's", async () => {
  const { id: learnerId } = await buildLearner(api.db, { timeZone: "Pacific/Kiritimati" });
  const { id } = await buildGoal(api.db, { learnerId, dueOn: date(0) });
  const { body } = await api.admin.get(`/v1/learners/${learnerId}/goals/${id}`);
  expect(body.growth.health.rule).toBe("due-day-passed");
});

test("the answer's ETag changes with the day, and If-Match goes by what is stored", async () => {
  const { id, learnerId } = await buildGoal(api.db, { dueOn: date(0) });
  const own: Client = api.as(await keyOf(api.db, learnerId));
  const path = `/v1/learners/${learnerId}/goals/${id}`;
  const { etag } = (await own.get(path)).headers as { etag: string };
  expect(etag).toMatch(/^"1-[\w-]{8}"$/);
  expect((await own.get(path, { "If-None-Match": etag })).status).toBe(304);
  api.setNow(toDate(day(1)));
  const later = await own.get(path, { "If-None-Match": etag });
  api.setNow(NOW);
  expect([later.status, later.headers.etag === etag]).toEqual([200, false]);
  expect((await own.patch(path, { why: "Because" }, { "If-Match": etag })).status).toBe(200);
  expect((await own.patch(path, { why: "Or not" }, { "If-Match": etag })).status).toBe(412);
});
