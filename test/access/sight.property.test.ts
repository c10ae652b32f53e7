import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import { type Caller, ledTeams, visibleLearners, visibleTeams, writableLearners } from "../../src/access/scope";
import { constraintProblem } from "../../src/database/violations";
import { addDays, type Day, dayIn, toDate } from "../../src/days";
import { empty, NOW, startApp, type TestApp } from "../setup/app";
import { keyOf } from "../setup/factories";

// Who sees whom, against a naive walk up the tree, in random organisations while people and
// teams move. Before a release: FC_RUNS_SIGHT=500 makes 10,000 moves.
const RUNS = Number(process.env.FC_RUNS_SIGHT ?? 30);
const MOVES = 20;
const TODAY = dayIn(NOW, "UTC");

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Team = { id: string; parent: number | null; lead: number | null };
type Period = { id: string; learner: number; team: number; from: Day; until: Day | null };
type Organisation = { learners: string[]; teams: Team[]; periods: Period[] };

const pick = fc.nat();
const offset = fc.integer({ min: -3, max: 3 });
const tree = fc.record({
  learners: fc.integer({ min: 2, max: 7 }),
  teams: fc.array(fc.record({ parent: fc.option(pick), lead: fc.option(pick) }), { minLength: 1, maxLength: 8 }),
  periods: fc.array(fc.record({ learner: pick, team: pick, from: offset, length: fc.option(fc.integer({ min: 1, max: 3 })) }), { maxLength: 10 }),
});
const move = fc.oneof(
  fc.record({ kind: fc.constant("team" as const), team: pick, parent: fc.option(pick) }),
  fc.record({ kind: fc.constant("lead" as const), team: pick, lead: fc.option(pick) }),
  fc.record({ kind: fc.constant("leave" as const), period: pick }),
  fc.record({ kind: fc.constant("join" as const), learner: pick, team: pick, from: offset }),
);
const history = fc.record({ tree, moves: fc.array(fc.record({ move, caller: pick }), { minLength: MOVES, maxLength: MOVES }) });

test(`in ${RUNS} random organisations and ${RUNS * MOVES} moves everybody sees whom a naive walk up the tree says`, async () => {
  let [moved, refused, seen] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(history, async ({ tree, moves }) => {
      const organisation = await store(tree);
      const secrets = await Promise.all(organisation.learners.map((id) => keyOf(api.db, id)));
      for (const { move, caller } of moves) {
        if (await make(organisation, move)) moved++;
        else refused++;
        const learner = caller % organisation.learners.length;
        seen += await expectSight(organisation, {
          id: uuidv7(),
          name: "",
          signedInBy: "api-key",
          role: "learner",
          learnerId: organisation.learners[learner] as string,
        });
        const team = organisation.teams[caller % organisation.teams.length] as Team;
        await expectSight(organisation, { id: uuidv7(), name: "", signedInBy: "api-key", role: "service", scopes: ["learning:read"], teamId: team.id });
        await expectAnswers(organisation, learner, secrets[learner] as string, caller);
      }
    }),
    { numRuns: RUNS, seed: Number(process.env.FC_SEED ?? 7), path: process.env.FC_PATH ?? "" },
  );
  // All that could happen did.
  expect(Math.min(moved, refused, seen)).toBeGreaterThan(RUNS);
});

/** What the resolver's filters let through is what the walk says. @returns how many others the caller sees */
async function expectSight(organisation: Organisation, caller: Caller): Promise<number> {
  const scope = { caller, today: TODAY };
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id).sort();
  const { db } = api;
  const [learners, writable, led, teams] = await Promise.all([
    db.learner.findMany({ where: visibleLearners(scope), select: { id: true } }),
    db.learner.findMany({ where: writableLearners(scope), select: { id: true } }),
    db.team.findMany({ where: ledTeams(scope), select: { id: true } }),
    db.team.findMany({ where: visibleTeams(scope), select: { id: true } }),
  ]);
  const expected = sightOf(organisation, caller);
  expect({ learners: ids(learners), writable: ids(writable), led: ids(led), teams: ids(teams) }).toEqual(expected);
  return expected.learners.length - 1;
}

/** The very next request knows: one learner, asked for by a lead who may have been moved. */
async function expectAnswers(organisation: Organisation, caller: number, secret: string, random: number): Promise<void> {
  const asked = organisation.learners[(random % 7) % organisation.learners.length] as string;
  const learnerId = organisation.learners[caller] as string;
  const { learners } = sightOf(organisation, { id: "", name: "", signedInBy: "api-key", role: "learner", learnerId });
  expect((await api.as(secret).get(`/v1/learners/${asked}`)).status).toBe(learners.includes(asked) ? 200 : 404);
}

/** The same, naively: for every team, up to the top; for every person, the team of today. */
function sightOf({ learners, teams, periods }: Organisation, caller: Caller) {
  const isAtOrBelow = (team: number, top: (team: Team) => boolean): boolean => {
    const { parent } = teams[team] as Team;
    return top(teams[team] as Team) || (parent !== null && isAtOrBelow(parent, top));
  };
  const teamOf = (learner: number) =>
    periods.find((period) => period.learner === learner && period.from <= TODAY && (period.until === null || TODAY < period.until))?.team;
  const self = caller.role === "learner" ? learners.indexOf(caller.learnerId) : -1;
  const top = (team: Team) => (caller.role === "learner" ? team.lead === self : caller.role === "service" && team.id === caller.teamId);
  const led = teams.flatMap(({ id }, index) => (isAtOrBelow(index, top) ? [id] : []));
  const own = self < 0 ? undefined : teamOf(self);
  const seen = learners.filter((_, index) => {
    const team = teamOf(index);
    return index === self || (team !== undefined && led.includes((teams[team] as Team).id));
  });
  return {
    learners: seen.sort(),
    writable: caller.role === "learner" ? [caller.learnerId] : [...seen].sort(),
    led: led.sort(),
    teams: [...new Set([...led, ...(own === undefined ? [] : [(teams[own] as Team).id])])].sort(),
  };
}

async function store({ learners: count, teams: planned, periods }: typeof tree extends fc.Arbitrary<infer T> ? T : never): Promise<Organisation> {
  const { db } = api;
  await empty(db);
  const learners = Array.from({ length: count }, () => uuidv7());
  await db.learner.createMany({ data: learners.map((id) => ({ id, name: id, timeZone: "UTC" })) });
  const teams: Team[] = [];
  for (const { parent, lead } of planned) {
    const above = parent === null || teams.length === 0 ? null : parent % teams.length;
    const team = { id: uuidv7(), parent: above, lead: lead === null ? null : lead % count };
    await db.team.create({
      data: {
        id: team.id,
        name: "A team",
        parentId: above === null ? null : (teams[above] as Team).id,
        leadId: team.lead === null ? null : (learners[team.lead] as string),
      },
    });
    teams.push(team);
  }
  const organisation: Organisation = { learners, teams, periods: [] };
  for (const { learner, team, from, length } of periods) await join(organisation, learner % count, team % teams.length, from, length);
  return organisation;
}

/** @returns whether the database let it happen */
async function make(organisation: Organisation, change: typeof move extends fc.Arbitrary<infer T> ? T : never): Promise<boolean> {
  const { db } = api;
  const { learners, teams, periods } = organisation;
  switch (change.kind) {
    case "team": {
      const team = teams[change.team % teams.length] as Team;
      const parent = change.parent === null ? null : change.parent % teams.length;
      const parentId = parent === null ? null : (teams[parent] as Team).id;
      if (!(await isLetHappen(db.team.update({ where: { id: team.id }, data: { parentId } })))) return false;
      team.parent = parent;
      return true;
    }
    case "lead": {
      const team = teams[change.team % teams.length] as Team;
      team.lead = change.lead === null ? null : change.lead % learners.length;
      await db.team.update({ where: { id: team.id }, data: { leadId: team.lead === null ? null : (learners[team.lead] as string) } });
      return true;
    }
    case "leave": {
      const [period] = periods.splice(change.period % Math.max(1, periods.length), 1);
      if (!period) return false;
      await db.membership.delete({ where: { learnerId_id: { learnerId: learners[period.learner] as string, id: period.id } } });
      return true;
    }
    case "join":
      return join(organisation, change.learner % learners.length, change.team % teams.length, change.from, null);
  }
}

async function join({ learners, teams, periods }: Organisation, learner: number, team: number, offset: number, length: number | null): Promise<boolean> {
  const from = addDays(TODAY, offset);
  const until = length === null ? null : addDays(from, length);
  const period = { id: uuidv7(), learner, team, from, until };
  const data = {
    id: period.id,
    learnerId: learners[learner] as string,
    teamId: (teams[team] as Team).id,
    fromDay: toDate(from),
    untilDay: until && toDate(until),
  };
  if (!(await isLetHappen(api.db.membership.create({ data })))) return false;
  periods.push(period);
  return true;
}

async function isLetHappen(change: PromiseLike<unknown>): Promise<boolean> {
  try {
    await change;
    return true;
  } catch (error) {
    const code = constraintProblem(error)?.code;
    if (code === "team-cycle" || code === "membership-overlap") return false;
    throw error;
  }
}
