import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { type Client, LONG_DAYS, startApp, type TestApp } from "../setup/app";
import { buildKey, keyOf } from "../setup/factories";
import { addDays, type Day, dayOf, startOfDay } from "./calendar";
import { changeEverything, furnish } from "./hidden-people";
import { type Ask, at, type Drawn, draft, draw, place, query, record, upTo } from "./organisations";
import { store } from "./storing";

// What people do whom a caller does not see makes no difference to anything that the caller is
// answered: not in one report, and so not between any two. Everything of theirs is changed, and
// every answer has to be what it was to the byte. Where they are in the organisation stays: that
// a report leaves somebody out is told.
//
// A failure prints its seed and path: with them as FC_SEED and FC_PATH the very same organisation is drawn again.
const SEED = Number(process.env.FC_SEED ?? 702010);
const PATH = process.env.FC_PATH ?? "";
// Before a release: FC_RUNS_HIDDEN=1000 npx jest test/reports/hidden-people.property.test.ts
const RUNS = Number(process.env.FC_RUNS_HIDDEN ?? 10);
/** After which also the search for a smaller counterexample ends. */

let api: TestApp;
beforeAll(async () => {
  api = await startApp(LONG_DAYS);
});
afterAll(() => api.close());

const oftenTheFirst = fc.oneof(fc.constant(0), place);
const situation = record({
  organisation: draft,
  leads: upTo(record({ team: place, learner: place }), 1, 2),
  /** People who were for long in the first of these teams, and are since a few days in another, or in none. */
  movers: upTo(record({ learner: oftenTheFirst, to: place, daysAgo: place }), 1, 3),
  /** A service that is confined to a team asks, in place of the first lead. */
  confined: fc.nat(3).map((chance) => chance === 3),
  questions: upTo(query, 4, 4),
  seed: fc.nat(1_000_000),
});
type Situation = typeof situation extends fc.Arbitrary<infer S> ? S : never;

test(`in ${RUNS} random organisations nothing that hidden people do changes what a lead or a confined service is answered`, async () => {
  const counts = { asked: 0, hidden: 0, seenByAdmin: 0 };
  const property = fc.asyncProperty(situation, async (situation) => {
    const drawn = withMovers(draw({ ...situation.organisation, overHttp: false, queries: situation.questions }), situation);
    await store(api, drawn);
    await furnish(api, drawn, dayOf(drawn.now, "UTC"));
    api.setNow(drawn.now);
    await expectNoDifference(drawn, situation, counts);
  });
  await fc.assert(property, { seed: SEED, path: PATH, numRuns: RUNS });
  if (PATH) return;
  // There was something to tell: people who are hidden today learned while they were in the
  // caller's teams, and whoever sees everybody is answered otherwise than before.
  expect(counts.asked).toBeGreaterThan(RUNS * 20);
  expect(counts.hidden).toBeGreaterThan(RUNS * 0.4);
  expect(counts.seenByAdmin).toBeGreaterThan(RUNS * 0.4);
});

async function expectNoDifference(drawn: Drawn, { leads, confined, seed }: Situation, counts: { asked: number; hidden: number; seenByAdmin: number }) {
  const today = dayOf(drawn.now, "UTC");
  const { learners, memberships, resources } = drawn;
  // The first of two leads of one team is the one who stays.
  for (const { team, learner } of leads.toReversed())
    await api.db.team.update({ where: { id: at(drawn.teams, team).id }, data: { leadId: at(learners, learner).id } });
  const leadId = at(learners, at(leads, 0).learner).id;
  const teamId = at(drawn.teams, at(leads, 0).team).id;
  const tops = confined ? [teamId] : (await api.db.team.findMany({ where: { leadId } })).map(({ id }) => id);
  const teams = below(drawn, tops);
  const now = memberships.filter((stay) => holds(stay, today) && teams.includes(stay.teamId)).map(({ learnerId }) => learnerId);
  const visible = confined ? now : [...new Set([...now, leadId])];
  const hidden = learners.map(({ id }) => id).filter((id) => !visible.includes(id));

  const client = api.as(confined ? await buildKey(api.db, { role: "service", teamId }) : await keyOf(api.db, leadId));
  const paths = [...questions(drawn, { teams, visible, hidden, seed, today })];
  const ofAll = `/v1/teams/${teamId}/breakdown?from=${addDays(today, -1_500)}&to=${addDays(today, 3)}&groupBy=learner`;
  counts.hidden += (await countHidden(teamId, hidden)) > 0 ? 1 : 0;

  const [before, toAdmin] = [await askAll(client, paths), await answer(api.admin, ofAll)];
  await changeEverything(api, { of: hidden, beside: visible, reviewerId: confined ? null : leadId, resources: resources.map(({ id }) => id), today, seed });
  const [after, toAdminAfter] = [await askAll(client, paths), await answer(api.admin, ofAll)];

  expect(after).toEqual(before);
  counts.asked += before.length;
  counts.seenByAdmin += toAdmin.text === toAdminAfter.text ? 0 : 1;
}

type Sight = { teams: string[]; visible: string[]; hidden: string[]; seed: number; today: Day };

/** Everything that says something about people, of teams that the caller leads and people whom they see; and of hidden ones. */
function* questions({ asks }: Drawn, { teams, visible, hidden, seed, today }: Sight): Generator<[path: string, accept?: string]> {
  const team = at(teams, seed);
  const stranger = hidden.length ? at(hidden, seed) : undefined;
  for (const [index, ask] of asks.entries()) {
    const { query } = ask;
    const of = ask.subject.type === "team" ? `teams/${at(teams, seed + index)}` : visible.length ? `learners/${at(visible, seed + index)}` : `teams/${team}`;
    const accept = index % 2 ? "text/csv" : undefined;
    yield [`/v1/${of}/breakdown?${of.startsWith("teams") ? params(query) : params(query, "depth", "membership", "learner")}`, accept];
    yield [`/v1/teams/${team}/study-sessions?limit=3&${params(query, "bucket", "compare", "groupBy")}`, accept];
    // Undivided, a day longer, and without the teams below.
    const { from, to = addDays(today, 1) } = query;
    if (from) yield [`/v1/teams/${team}/breakdown?${params({ from, to })}`];
    if (from) yield [`/v1/teams/${team}/breakdown?${params({ from, to: addDays(to, 1), depth: "direct" })}`];
    if (stranger && index === 0) {
      yield [`/v1/teams/${team}/breakdown?${params({ ...query, learner: stranger })}`];
      yield [`/v1/teams/${team}/study-sessions?learner=${stranger}`];
    }
  }
  for (const groupBy of ["learner", "goal"]) {
    yield [`/v1/teams/${team}/breakdown?from=${addDays(today, -400)}&compare=previous&bucket=quarter&groupBy=${groupBy}`];
  }
  for (const path of [
    "members",
    `members?on=${addDays(today, -(seed % 60))}`,
    "growth",
    "growth?dueWithinDays=30&limit=2",
    "glossary",
    "glossary?q=etcd",
    "",
  ]) {
    yield [`/v1/teams/${team}/${path}`.replace(/\/$/, "")];
  }
  for (const path of ["members", "growth", "glossary"]) yield [`/v1/teams/${team}/${path}`, "text/csv"];
  for (const id of [...visible.slice(0, 1), ...(stranger ? [stranger] : [])]) {
    for (const path of ["", "/membership", "/goals", "/growth", "/study-sessions", "/breakdown?groupBy=goal"]) yield [`/v1/learners/${id}${path}`];
  }
  for (const path of ["me", "learners", "teams"]) yield [`/v1/${path}`];
}

function params(query: Ask["query"], ...without: string[]): string {
  return String(new URLSearchParams(Object.entries(query).filter(([name, value]) => value !== "" && !without.includes(name)) as [string, string][]));
}

type Answer = { path: string; status: number; etag: string | undefined; text: string; next: string | null };

/** A few at a time; and of lists also the page after. */
async function askAll(client: Client, paths: [path: string, accept?: string][]): Promise<Answer[]> {
  const answers: Answer[] = [];

  for (let index = 0; index < paths.length; index += 4) {
    answers.push(...(await Promise.all(paths.slice(index, index + 4).map(([path, accept]) => answer(client, path, accept)))));
  }
  const further = answers.flatMap(({ path, next }) => (next ? [`${path}${path.includes("?") ? "&" : "?"}cursor=${next}`] : []));
  return [...answers, ...(await Promise.all(further.map((path) => answer(client, path))))];
}

async function answer(client: Client, path: string, accept = "application/json"): Promise<Answer> {
  const { status, headers, text, body } = await client.get(path, { Accept: accept });
  if (status >= 500) throw new Error(`GET ${path}: ${status} ${text}`);
  return { path, status, etag: headers.etag, text: text.replace(/"requestId":"[^"]*"/, ""), next: body?.next ?? null };
}

async function countHidden(teamId: string, hidden: string[]): Promise<number> {
  const [row] = await api.db.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count
    FROM team_closure c JOIN memberships m ON m.team_id = c.team_id
    JOIN study_sessions s ON s.learner_id = m.learner_id AND m.from_day <= s.occurred_on AND (m.until_day IS NULL OR m.until_day > s.occurred_on)
    WHERE c.ancestor_id = ${teamId}::uuid AND s.deleted_at IS NULL AND s.learner_id = ANY (${hidden}::uuid[])`;
  return row.count;
}

function below({ teams }: Drawn, tops: string[]): string[] {
  const isBelow = (id: string | null): boolean => id !== null && (tops.includes(id) || isBelow(teams.find((team) => team.id === id)?.parentId ?? null));
  return teams.map(({ id }) => id).filter(isBelow);
}

function withMovers(drawn: Drawn, { leads, movers, organisation: { spread } }: Situation): Drawn {
  const today = dayOf(drawn.now, "UTC");
  const { team, learner } = at(leads, 0);
  const teamId = at(drawn.teams, team).id;
  const others = drawn.learners.filter(({ id }) => id !== at(drawn.learners, learner).id);
  const elsewhere = drawn.teams.filter(({ id }) => id !== teamId);
  const moves = new Map(others.length ? movers.map((mover) => [at(others, mover.learner).id, mover]) : []);
  const moved = [...moves].flatMap(([learnerId, { to, daysAgo }]) => {
    const untilDay = addDays(today, -(daysAgo % Math.ceil(spread / 2)));
    const first = { learnerId, teamId, fromDay: addDays(today, -1_500), untilDay };
    return to % 4 === 0 || !elsewhere.length ? [first] : [first, { learnerId, teamId: at(elsewhere, to).id, fromDay: untilDay, untilDay: null }];
  });
  const lastSessions = [...moves].map(([learnerId, { daysAgo }]) => lastSession(learnerId, addDays(today, -(daysAgo % Math.ceil(spread / 2)) - 1)));
  return {
    ...drawn,
    memberships: [...drawn.memberships.filter(({ learnerId }) => !moves.has(learnerId)), ...moved],
    sessions: [...drawn.sessions, ...lastSessions],
  };
}

function lastSession(learnerId: string, day: Day): Drawn["sessions"][number] {
  const ofNothing = { goalId: null, resourceId: null, resourceType: null, verification: "self-reported" } as const;
  return {
    learnerId,
    id: randomUUID(),
    startedAt: new Date(startOfDay(day, "UTC")),
    timeZone: "UTC",
    minutes: 60,
    split: [60, 0, 0],
    impact: 4,
    deleted: false,
    ...ofNothing,
    skills: [],
  };
}

function holds({ fromDay, untilDay }: { fromDay: Day; untilDay: Day | null }, day: Day): boolean {
  return fromDay <= day && (untilDay === null || day < untilDay);
}
