import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import type { Day } from "../../src/days";
import { LOADER } from "../../src/demo/store";
import { moveTeam } from "../../src/teams/team-parents.service";
import { startApp, type TestApp } from "../setup/app";
import { buildTeam } from "../setup/factories";

// As the database reads its clock, and long before anything is told.
const TODAY = new Date().toISOString().slice(0, 10);
const LONG_AGO = "1999-12-31";

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(() => api.db.$executeRaw`TRUNCATE teams CASCADE`);
afterAll(() => api.close());

/** Every team with every team at or above it, walked up from each anew. */
async function recomputed(): Promise<string[]> {
  const parents = new Map((await api.db.team.findMany()).map(({ id, parentId }) => [id, parentId]));
  return [...parents.keys()].flatMap((team) => {
    const pairs: string[] = [];
    for (let above: string | null | undefined = team, depth = 0; above; above = parents.get(above), depth++) pairs.push(`${above} ${team} ${depth}`);
    return pairs;
  });
}

async function stored(): Promise<string[]> {
  return (await api.db.teamClosure.findMany()).map(({ ancestorId, teamId, depth }) => `${ancestorId} ${teamId} ${depth}`);
}

const DAYS = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01", "2026-05-01"] as const;

/** On some days, every team with every team at or above it then, walked up from each anew. */
async function recomputedByDay(): Promise<string[]> {
  const [teams, stays] = [await api.db.team.findMany(), await api.db.teamParent.findMany()];
  const parentOn = (id: string, day: Date) =>
    stays.find(({ teamId, fromDay, untilDay }) => teamId === id && fromDay <= day && (untilDay === null || day < untilDay))?.parentId;
  return [...DAYS, LONG_AGO, TODAY].flatMap((day) =>
    teams.flatMap(({ id }) => {
      const pairs: string[] = [];
      for (let above: string | undefined = id, depth = 0; above; above = parentOn(above, new Date(day)), depth++) pairs.push(`${day} ${above} ${id} ${depth}`);
      return pairs;
    }),
  );
}

async function storedByDay(): Promise<string[]> {
  const rows = await api.db.teamAncestry.findMany();
  return [...DAYS, LONG_AGO, TODAY].flatMap((day) =>
    rows
      .filter(({ fromDay, untilDay }) => fromDay <= new Date(day) && (untilDay === null || new Date(day) < untilDay))
      .map(({ ancestorId, teamId, depth }) => `${day} ${ancestorId} ${teamId} ${depth}`),
  );
}

/** The tree of today, and that of every day. */
async function expectClosure(): Promise<void> {
  expect((await stored()).sort()).toEqual((await recomputed()).sort());
  expect((await storedByDay()).sort()).toEqual((await recomputedByDay()).sort());
  expect((await storedByDay()).filter((pair) => pair.startsWith(TODAY)).sort()).toEqual((await stored()).map((pair) => `${TODAY} ${pair}`).sort());
}

const team = fc.nat(9);
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("move" as const), team, to: fc.option(team) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("place" as const), team, to: fc.option(team), from: fc.nat(4), until: fc.option(fc.nat(4)) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("add" as const), team: fc.option(team) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const), team }) },
);

async function place(id: string, parentId: string | null, { from, until }: { from: number; until: number | null }): Promise<void> {
  const untilDay = until !== null && until > from ? new Date(DAYS[until] as Day) : null;
  await moveTeam(api.db, { caller: LOADER, today: TODAY }, id, { parentId, fromDay: new Date(DAYS[from] as Day), untilDay });
}

test("whatever is added, moved, placed in the past and deleted, the closure is the tree's, and the ancestry that of every day", async () => {
  const outcomes = { done: 0, circles: 0, inUse: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      await api.db.$executeRaw`TRUNCATE teams CASCADE`;
      const ids: string[] = [];
      for (let n = 0; n < 4; n++) ids.push((await buildTeam(api.db, { parentId: ids[n - 1] ?? null })).id);
      const pick = (n: number | null) => (n === null ? null : (ids[n % ids.length] as string));
      for (const next of steps) {
        const id = pick(next.team);
        try {
          if (next.do === "add") ids.push((await buildTeam(api.db, { parentId: id })).id);
          else if (next.do === "move") await api.db.team.update({ where: { id: id as string }, data: { parentId: pick(next.to) } });
          else if (next.do === "place") await place(id as string, pick(next.to), next);
          else if (ids.length > 1) {
            await api.db.team.delete({ where: { id: id as string } });
            ids.splice(ids.indexOf(id as string), 1);
          }
          outcomes.done++;
        } catch (error) {
          const circle = /teams_no_cycle/.test(String(error));
          if (!circle && !/(teams|team_parents)_parent_id_fkey/.test(String(error))) throw error;
          outcomes[circle ? "circles" : "inUse"]++;
        }
      }
      await expectClosure();
    }),
    { numRuns: 200 },
  );
  // Else the trees were too tame to prove anything.
  expect(Math.min(outcomes.done, outcomes.circles, outcomes.inUse)).toBeGreaterThan(20);
});

test("a team is not its own parent, nor its parent's parent's parent", async () => {
  const a = await buildTeam(api.db);
  const b = await buildTeam(api.db, { parentId: a.id });
  const c = await buildTeam(api.db, { parentId: b.id });
  const id = uuidv7();
  await expect(buildTeam(api.db, { id, parentId: id })).rejects.toThrow("teams_no_cycle");
  for (const parentId of [a.id, b.id, c.id]) {
    await expect(api.db.team.update({ where: { id: a.id }, data: { parentId } })).rejects.toThrow("teams_no_cycle");
  }
  await expectClosure();
});

test("rows that one statement brings or moves are as good as one by one", async () => {
  const [a, b, c] = [uuidv7(), uuidv7(), uuidv7()];
  await api.db.$executeRawUnsafe(`INSERT INTO teams (id, name, parent_id) VALUES ('${a}', 'a', NULL), ('${b}', 'b', '${a}'), ('${c}', 'c', '${b}')`);
  await expectClosure();
  await api.db.$executeRawUnsafe(`UPDATE teams SET parent_id = NULL WHERE parent_id IS NOT NULL`);
  await expectClosure();
  await expect(
    api.db.$executeRawUnsafe(`UPDATE teams SET parent_id = CASE id WHEN '${b}' THEN '${c}'::uuid WHEN '${c}' THEN '${b}'::uuid ELSE parent_id END`),
  ).rejects.toThrow("teams_no_cycle");
  await expectClosure();
});

test("moves at once leave no circle", async () => {
  const teams = await Promise.all(Array.from({ length: 6 }, () => buildTeam(api.db)));
  const moves = teams.map(({ id }, n) => api.db.team.update({ where: { id }, data: { parentId: teams[(n + 1) % teams.length]?.id ?? null } }));
  const refused = (await Promise.allSettled(moves)).filter(({ status }) => status === "rejected");
  expect(refused).toHaveLength(1);
  await expectClosure();
});

test("a change of anything else leaves the tree alone", async () => {
  const { id } = await buildTeam(api.db, { parentId: (await buildTeam(api.db)).id });
  await api.db.team.update({ where: { id }, data: { name: "renamed" } });
  await expectClosure();
});
