import { parse } from "csv-parse/sync";
import { Client as PgClient } from "pg";
import { addDays, dayIn, toDate } from "../../src/days";
import type { Goal, Learner, Team } from "../../src/generated/prisma/client";
import { type Client, NOW, startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildResource, buildSession, buildStep, buildTeam, joinTeam, keyOf } from "../setup/factories";
import { buildReview, buildTerm } from "../setup/growth-factories";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const TODAY = dayIn(NOW, "UTC");
const date = (days: number): Date => toDate(addDays(TODAY, days));
const at = (days: number): Date => new Date(`${addDays(TODAY, days)}T09:00:00Z`);

type Named = { name: string };
const names = (body: { items: Named[] }) => body.items.map(({ name }) => name);

async function buildLedTeam(): Promise<{ team: Team; lead: Learner; client: Client; join(name: string, overrides?: object): Promise<Learner> }> {
  const lead = await buildLearner(api.db, { name: "The lead" });
  const team = await buildTeam(api.db, { leadId: lead.id });
  return {
    team,
    lead,
    client: api.as(await keyOf(api.db, lead.id)),
    async join(name, overrides = {}) {
      const { id } = await buildMember(api.db, team.id);
      return api.db.learner.update({ where: { id }, data: { name, ...overrides } });
    },
  };
}

async function read(client: Client, path: string) {
  const response = await client.get(path);
  expect({ path, status: response.status, body: response.body }).toMatchObject({ status: 200 });
  return response.body;
}

test("people come in the order of what needs attention", async () => {
  const { team, client, join } = await buildLedTeam();
  const learnt = async (name: string, days: number, goal?: Partial<Parameters<typeof buildGoal>[1]>) => {
    const { id: learnerId } = await join(name);
    await buildSession(api.db, { learnerId, startedAt: at(-days) });
    if (goal) await buildGoal(api.db, { learnerId, startsOn: date(-90), ...goal });
  };
  await learnt("on track", 1, { dueOn: date(300) }).then(async () => {
    const goal = await api.db.goal.findFirstOrThrow({ where: { learner: { name: "on track" } } });
    await buildSession(api.db, { learnerId: goal.learnerId, goalId: goal.id, startedAt: at(-1) });
  });
  await learnt("without a goal", 1);
  await learnt("not begun", 1, { dueOn: date(300) });
  await learnt("at risk", 1, { dueOn: date(2) });
  await learnt("overdue for long", 40, { dueOn: date(-1) });
  await learnt("overdue", 3, { dueOn: date(-1) });
  await learnt("on hold", 1, { status: "onHold" });
  await learnt("abandoned only", 1, { status: "abandoned" });
  await join("never learned");
  expect(names(await read(client, `/v1/teams/${team.id}/growth`))).toEqual([
    "never learned",
    "overdue for long",
    "overdue",
    "at risk",
    "abandoned only",
    "on hold",
    "without a goal",
    "not begun",
    "on track",
  ]);
});

test("what a person learned, in the period and the one before", async () => {
  const { team, client, join } = await buildLedTeam();
  const { id: learnerId } = await join("Ada");
  const log = (day: number, minutes: number, parts: object = {}) => buildSession(api.db, { learnerId, startedAt: at(day), minutes, ...parts });
  const social = { onTheJobMinutes: 0, socialMinutes: 30 };
  await log(-9, 30, social); // the first day of the period
  await log(-1, 20, { onTheJobMinutes: 0 });
  await log(-10, 40); // the last day of the one before
  await log(-19, 50);
  await log(-20, 60); // before both
  await log(0, 70, { deletedAt: NOW });
  const { items, people } = await read(client, `/v1/teams/${team.id}/growth?from=${addDays(TODAY, -9)}&to=${addDays(TODAY, 1)}`);
  expect(items).toEqual([
    {
      id: learnerId,
      name: "Ada",
      teamId: team.id,
      teamName: team.name,
      lastSessionOn: addDays(TODAY, -1),
      daysSinceLearning: 1,
      minutes: 50,
      previousMinutes: 90,
      modes: ["social"],
      activeGoals: 0,
      progress: null,
      goals: [],
    },
  ]);
  expect(people).toEqual({ total: 1, withoutLearning: 0, inactive: 0 });
});

test("the report and each goal say the same", async () => {
  const { team, client, join } = await buildLedTeam();
  const goals: Goal[] = [];
  for (const [index, dueIn] of [-5, 0, 3, 40, 400].entries()) {
    const { id: learnerId } = await join(`Person ${index}`);
    for (const status of ["active", "onHold", "draft", "completed", "abandoned"] as const) {
      const goal = await buildGoal(api.db, { learnerId, status, startsOn: date(-60), dueOn: date(dueIn), skills: ["sql", status.toLowerCase()] });
      goals.push(goal);
      const first = await buildStep(api.db, { learnerId, goalId: goal.id, estimatedMinutes: 100, mode: "formal", dueOn: date(index - 2) });
      await buildStep(api.db, { learnerId, goalId: goal.id, estimatedMinutes: 300, mode: "onTheJob", requires: [first.id], dueOn: date(dueIn - 1) });
      await buildSession(api.db, { learnerId, goalId: goal.id, stepId: first.id, minutes: 10 * (index + 1), startedAt: at(-7 * index - 1) });
    }
  }
  const report = await read(client, `/v1/teams/${team.id}/growth`);
  const each = await Promise.all(goals.map(({ learnerId, id }) => read(client, `/v1/learners/${learnerId}/goals/${id}`)));
  const open = each.filter(({ status }) => ["active", "on-hold", "draft"].includes(status));
  const counted = Object.fromEntries(
    Object.keys(report.goals.byHealth).map((health) => [health, each.filter(({ growth }) => growth.health?.status === health).length]),
  );
  expect(report.goals).toEqual({ open: open.length, byHealth: counted });
  expect(report.items.flatMap(({ goals }: { goals: { id: string }[] }) => goals).sort(byId)).toEqual(
    open
      .map(({ id, title, status, dueOn, growth }) => {
        const { status: health, rule, blockedBy } = growth.health;
        return { id, title, status, health, rule, progress: growth.progress, dueOn, projectedEnd: growth.projectedEnd, blockedBy };
      })
      .sort(byId),
  );
  const active = open.filter(({ status }) => status === "active");
  const sum = (what: "plannedMinutes" | "loggedMinutes") => active.reduce((all, { growth }) => all + growth[what].total, 0);
  expect([report.mix.planned.minutes.total, report.mix.actual.minutes.total]).toEqual([sum("plannedMinutes"), sum("loggedMinutes")]);
  expect(report.skills.items).toEqual([
    { skill: "active", learners: 5, goals: 5 },
    { skill: "sql", learners: 5, goals: 5 },
  ]);
});

test("what is due from today on, and nothing else", async () => {
  const { team, client, join } = await buildLedTeam();
  const { id: learnerId } = await join("Ada");
  const build = async (title: string, dueIn: number, overrides = {}) => buildGoal(api.db, { learnerId, title, dueOn: date(dueIn), ...overrides });
  await build("yesterday", -1);
  await build("today", 0);
  await build("the last day", 5);
  await build("too late", 6);
  await build("on hold", 1, { status: "onHold" });
  const { id: goalId } = await buildGoal(api.db, { learnerId, title: "with steps" });
  const step = (title: string, dueIn: number, overrides = {}) => buildStep(api.db, { learnerId, goalId, title, dueOn: date(dueIn), ...overrides });
  await step("undone", 2);
  await step("done", 2, { completedOn: date(-1) });
  await step("skipped", 2, { skippedOn: date(-1) });
  const dueIn = async (days: number) =>
    (await read(client, `/v1/teams/${team.id}/growth?dueWithinDays=${days}`)).due.items.map(
      ({ goalTitle, stepTitle }: { goalTitle: string; stepTitle: string | null }) => stepTitle ?? goalTitle,
    );
  expect(await dueIn(5)).toEqual(["today", "undone", "the last day"]);
  expect(await dueIn(0)).toEqual(["today"]);
});

test("what was learned from: by whom, how well, finished, and how near to its capacity", async () => {
  const { team, client, join } = await buildLedTeam();
  const [ada, bo] = [await join("Ada"), await join("Bo")];
  const mentor = await buildResource(api.db, { type: "mentor", title: "A mentor", capacityMinutesPerWeek: 30 });
  const book = await buildResource(api.db, { title: "A book" });
  const unused = await buildResource(api.db, { title: "Unused" });
  for (const [learner, minutes, impact] of [
    [ada, 40, 5],
    [bo, 21, 4],
    [bo, 20, null],
  ] as const) {
    await buildSession(api.db, { learnerId: learner.id, resourceId: mentor.id, minutes, impact, startedAt: at(-1) });
  }
  await buildSession(api.db, { learnerId: ada.id, resourceId: unused.id, startedAt: at(-14) });
  await buildStep(api.db, { learnerId: ada.id, goalId: (await buildGoal(api.db, { learnerId: ada.id })).id, resourceId: book.id, completedOn: date(-2) });
  // Fourteen days, of which two weeks have passed.
  const { resources } = await read(client, `/v1/teams/${team.id}/growth?from=${addDays(TODAY, -13)}&to=${addDays(TODAY, 1)}`);
  const { id: mentorId } = mentor;
  expect(resources).toEqual({
    total: 2,
    items: [
      {
        id: mentorId,
        type: "mentor",
        title: "A mentor",
        learners: 2,
        minutes: 81,
        finished: 0,
        impact: { mean: 4.5, rated: 2 },
        minutesPerWeek: 40.5,
        capacityMinutesPerWeek: 30,
        load: 135,
        overloaded: true,
      },
      {
        id: book.id,
        type: "book",
        title: "A book",
        learners: 0,
        minutes: 0,
        finished: 1,
        impact: { mean: null, rated: 0 },
        minutesPerWeek: 0,
        capacityMinutesPerWeek: null,
        load: null,
        overloaded: false,
      },
    ],
  });
  // Of a period that goes on into the future, only what has passed counts.
  const open = await read(client, `/v1/teams/${team.id}/growth?from=${addDays(TODAY, -6)}&to=${addDays(TODAY, 100)}`);
  expect(open.resources.items[0]).toMatchObject({ minutesPerWeek: 81, load: 270 });
});

test("reviews wait on whoever can answer them", async () => {
  const { team, lead, client, join } = await buildLedTeam();
  const director = await buildLearner(api.db);
  const above = await buildTeam(api.db, { leadId: director.id });
  await api.db.team.update({ where: { id: team.id }, data: { parentId: above.id } });
  await joinTeam(api.db, lead.id, team.id);
  const { id: learnerId } = await join("Ada");
  const ask = async (question: string, overrides = {}) =>
    buildReview(api.db, { learnerId, goalId: (await buildGoal(api.db, { learnerId })).id, question, askedAt: at(-2), ...overrides });
  await ask("anybody");
  await ask("the lead", { reviewerId: lead.id, askedAt: at(-3) });
  await ask("the director", { reviewerId: director.id, askedAt: at(-1) });
  await ask("answered", { verdict: "endorsed", answeredAt: at(-1), answeredById: lead.id });
  await buildReview(api.db, { learnerId: lead.id, goalId: (await buildGoal(api.db, { learnerId: lead.id })).id, question: "the lead's own", askedAt: at(-9) });
  const waiting = async (caller: Client, path = `/v1/teams/${team.id}/growth`) =>
    (await read(caller, path)).reviewsWaiting.items.map(({ question }: { question: string }) => question);
  const directors = api.as(await keyOf(api.db, director.id));
  expect(await waiting(client)).toEqual(["the lead", "anybody"]);
  expect(await waiting(directors)).toEqual(["the lead's own", "anybody", "the director"]);
  expect(await waiting(directors, `/v1/learners/${learnerId}/growth`)).toEqual(["anybody", "the director"]);
  expect(await waiting(api.as(await keyOf(api.db, learnerId)), `/v1/learners/${learnerId}/growth`)).toEqual([]);
  expect(await waiting(api.admin)).toEqual([]);
});

describe("what changed since a day", () => {
  const since = addDays(TODAY, -7);

  test("of sessions, goals, steps, terms and reviews", async () => {
    const { client, join, lead } = await buildLedTeam();
    // Where it is already tomorrow: the day begins while UTC still has the one before.
    const { id: learnerId } = await join("Ada", { timeZone: "Pacific/Auckland" });
    await buildSession(api.db, { learnerId, occurredOn: date(-7), minutes: 30 });
    await buildSession(api.db, { learnerId, occurredOn: date(-8), minutes: 500 });
    await buildSession(api.db, { learnerId, occurredOn: date(-1), minutes: 500, deletedAt: NOW });
    await buildGoal(api.db, { learnerId, title: "started", startsOn: date(-7) });
    await buildGoal(api.db, { learnerId, title: "to start", startsOn: date(20) });
    await buildGoal(api.db, { learnerId, title: "a draft", startsOn: date(-1), status: "draft" });
    await buildGoal(api.db, { learnerId, title: "completed", startsOn: date(-90), status: "completed", completedOn: date(-7) });
    const { id: goalId } = await buildGoal(api.db, { learnerId, title: "old", startsOn: date(-90) });
    await buildStep(api.db, { learnerId, goalId, title: "done", completedOn: date(-7) });
    await buildStep(api.db, { learnerId, goalId, title: "done before", completedOn: date(-8) });
    await buildTerm(api.db, { learnerId, goalId, term: "shared", learnedOn: date(-7), shared: true });
    await buildTerm(api.db, { learnerId, goalId, term: "private", learnedOn: date(-6) });
    await buildTerm(api.db, { learnerId, goalId, term: "before", learnedOn: date(-8), shared: true });
    const begins = new Date(`${since}T00:00:00+12:00`).getTime();
    const asked = (askedAt: number, overrides = {}) => buildReview(api.db, { learnerId, goalId, askedAt: new Date(askedAt), ...overrides });
    const answered = { verdict: "endorsed", answeredById: lead.id } as const;
    await asked(begins - 5_000, { ...answered, answeredAt: new Date(begins - 1) });
    await asked(begins - 5_000, { ...answered, answeredAt: new Date(begins) });
    const { changes } = await read(client, `/v1/learners/${learnerId}/growth?since=${since}`);
    const list = (which: string, field: string) => changes[which].items.map((item: Record<string, unknown>) => item[field]);
    expect(changes.sessions).toEqual({ count: 1, minutes: { onTheJob: 30, social: 0, formal: 0, unclassified: 0, total: 30 } });
    expect(list("goalsStarted", "title")).toEqual(["started"]);
    expect(list("goalsCompleted", "title")).toEqual(["completed"]);
    expect(list("stepsCompleted", "title")).toEqual(["done"]);
    expect(list("termsLearned", "term")).toEqual(["shared"]);
    expect(list("reviews", "answeredAt")).toEqual([new Date(begins).toISOString()]);
    const own = await read(api.as(await keyOf(api.db, learnerId)), `/v1/learners/${learnerId}/growth?since=${since}`);
    expect(own.changes.termsLearned.items.map(({ term }: { term: string }) => term)).toEqual(["private", "shared"]);
    expect((await read(client, `/v1/learners/${learnerId}/growth`)).changes).toBeNull();
  });

  test("not from a day that is still to come", async () => {
    const { id } = await buildLearner(api.db);
    const refused = await api.admin.get(`/v1/learners/${id}/growth?since=${addDays(TODAY, 1)}`);
    expect(refused).toMatchObject({ status: 400, body: { code: "invalid-request", errors: [{ pointer: "query/since" }] } });
  });
});

test("it is about today's members: direct or of the subtree, and nobody twice", async () => {
  const { team, client, join } = await buildLedTeam();
  const below = await buildTeam(api.db, { parentId: team.id });
  await join("here");
  const moved = await join("moved away");
  await api.db.membership.updateMany({ where: { learnerId: moved.id }, data: { untilDay: date(0) } });
  const there = await buildMember(api.db, below.id);
  await api.db.learner.update({ where: { id: there.id }, data: { name: "there" } });
  expect(names(await read(client, `/v1/teams/${team.id}/growth`))).toEqual(["here", "there"]);
  expect(names(await read(client, `/v1/teams/${team.id}/growth?depth=direct`))).toEqual(["here"]);
  expect(names(await read(client, `/v1/teams/${below.id}/growth`))).toEqual(["there"]);
});

test("pages give each person once, in the order of the whole, under one total", async () => {
  const { team, client, join } = await buildLedTeam();
  for (let index = 0; index < 9; index++) {
    const { id: learnerId } = await join("Same name");
    if (index % 3) await buildSession(api.db, { learnerId, startedAt: at(-index) });
  }
  const whole = await read(client, `/v1/teams/${team.id}/growth`);
  const items: unknown[] = [];
  let url: string | undefined = `/v1/teams/${team.id}/growth?limit=2`;
  while (url) {
    const response = await client.get(url);
    expect(response.body.people).toEqual(whole.people);
    items.push(...response.body.items);
    url = /^<(.+)>; rel="next"$/.exec(response.headers.link ?? "")?.[1];
  }
  expect(items).toEqual(whole.items);
  const cursor = (await read(client, `/v1/teams/${team.id}/growth?limit=2`)).next;
  const other = await client.get(`/v1/teams/${team.id}/growth?depth=direct&cursor=${cursor}`);
  expect(other).toMatchObject({ status: 400, body: { errors: [{ pointer: "query/cursor" }] } });
});

test("a period that ends before it begins, and days that are too many, are refused", async () => {
  const { team, client } = await buildLedTeam();
  expect(await client.get(`/v1/teams/${team.id}/growth?from=2026-06-02&to=2026-06-02`)).toMatchObject({ status: 400, body: { code: "invalid-request" } });
  for (const query of ["dueWithinDays=-1", "dueWithinDays=367", "dueWithinDays=soon", "since=2026-06-01", "bucket=month"]) {
    expect(await client.get(`/v1/teams/${team.id}/growth?${query}`)).toMatchObject({ status: 400, body: { code: "invalid-request" } });
  }
});

test("a team of nobody has a report, too", async () => {
  const { team, client } = await buildLedTeam();
  const report = await read(client, `/v1/teams/${team.id}/growth`);
  expect(report).toMatchObject({
    people: { total: 0, withoutLearning: 0, inactive: 0 },
    goals: { open: 0, byHealth: { overdue: 0, completed: 0 } },
    mix: { planned: { share: null }, actual: { share: null }, difference: null },
    items: [],
    next: null,
  });
});

test("as CSV it is the same people and figures, a line each", async () => {
  const { team, client, join } = await buildLedTeam();
  const { id: learnerId } = await join("=cmd()");
  await buildGoal(api.db, { learnerId, title: "One; two", dueOn: date(-1) });
  await buildGoal(api.db, { learnerId, title: "Three", status: "onHold" });
  await buildSession(api.db, { learnerId, startedAt: at(-1) });
  const { items } = await read(client, `/v1/teams/${team.id}/growth`);
  const { text, headers } = await client.get(`/v1/teams/${team.id}/growth`, { Accept: "text/csv" });
  expect(headers["content-type"]).toContain("text/csv");
  const [line] = parse(text, { columns: true }) as Record<string, string>[];
  const [person] = items;
  expect(line).toEqual({
    id: person.id,
    name: "'=cmd()",
    teamId: team.id,
    teamName: team.name,
    lastSessionOn: person.lastSessionOn,
    daysSinceLearning: "1",
    minutes: "60",
    previousMinutes: "0",
    modes: "on-the-job",
    activeGoals: "1",
    progress: "",
    overdue: "1",
    blocked: "0",
    "at-risk": "0",
    "not-started": "0",
    "on-track": "0",
    "on-hold": "1",
    goals: "One; two; Three",
  });
});

test("a learner's own report has the learner alone, also outside of every team", async () => {
  const { id, name } = await buildLearner(api.db);
  await buildGoal(api.db, { learnerId: id });
  await buildGoal(api.db);
  const report = await read(api.as(await keyOf(api.db, id)), `/v1/learners/${id}/growth`);
  expect(report).toMatchObject({ scope: { type: "learner", id, name, depth: null }, people: { total: 1 }, goals: { open: 1 }, items: [{ id, teamId: null }] });
});

test("the number of queries does not grow with people, goals or sessions", async () => {
  const service = api.as(await buildKey(api.db, { role: "service" }));
  // A key's first use of the day is noted.
  await service.get("/v1/me");
  const queriesOf = async (people: number) => {
    const { team, join } = await buildLedTeam();
    for (let index = 0; index < people; index++) {
      const { id: learnerId } = await join(`Person ${index}`);
      const { id: goalId } = await buildGoal(api.db, { learnerId });
      await buildStep(api.db, { learnerId, goalId, dueOn: date(1) });
      await buildSession(api.db, { learnerId, goalId });
    }
    const spy = jest.spyOn(PgClient.prototype, "query");
    const { items } = await read(service, `/v1/teams/${team.id}/growth?limit=200`);
    const { length } = spy.mock.calls;
    spy.mockRestore();
    expect(items).toHaveLength(people);
    return length;
  };
  const [few, many] = [await queriesOf(1), await queriesOf(40)];
  expect(few).toBeGreaterThan(0);
  expect(many).toBe(few);
});

function byId(a: { id: string }, b: { id: string }): number {
  return a.id < b.id ? -1 : 1;
}
