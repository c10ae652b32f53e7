import { knownTeams, onDay, type Scope } from "../access/scope";
import type { Db } from "../database/transaction";
import type { Day } from "../days";
import { MODES, perMode } from "../mix";
import type { ReportTarget } from "./breakdown.schema";

/** The organisation's reference mix, for whoever has no nearer one. */
export function organisationTarget(shares: number[]): ReportTarget {
  return toTarget(shares, "organisation");
}

/** The nearest target of each team that has one: its own, or that of the first team above, which is named to whoever may know of it. */
export async function targetsOfTeams(db: Db, scope: Scope, teamIds: string[]): Promise<Map<string, ReportTarget>> {
  if (!teamIds.length) return new Map();
  const nearest = await db.$queryRaw<{ teamId: string; setById: string; target: number[] }[]>`
    SELECT DISTINCT ON (c.team_id) c.team_id AS "teamId", t.id AS "setById", t.target
    FROM team_closure c JOIN teams t ON t.id = c.ancestor_id
    WHERE c.team_id = ANY (${teamIds}::uuid[]) AND t.target <> '{}'
    ORDER BY c.team_id, c.depth`;
  const setters = nearest.map(({ setById }) => setById);
  const known = await knownTeams(db, scope, setters);
  const setter = (id: string) => (known.has(id) ? { id, name: known.get(id) as string } : undefined);
  return new Map(nearest.map(({ teamId, setById, target }) => [teamId, toTarget(target, "team", setter(setById))]));
}

/** The nearest target of each learner who has one: their own, or that of today's team. */
export async function targetsOfLearners(db: Db, scope: Scope, learnerIds: string[], today: Day): Promise<Map<string, ReportTarget>> {
  if (!learnerIds.length) return new Map();
  const learners = await db.learner.findMany({
    where: { id: { in: learnerIds } },
    select: { id: true, name: true, target: true, memberships: { where: onDay(today), select: { teamId: true } } },
  });
  const teams = await targetsOfTeams(db, scope, [...new Set(learners.flatMap(({ memberships }) => memberships.map(({ teamId }) => teamId)))]);
  return new Map(
    learners.flatMap(({ id, name, target, memberships }) => {
      const nearest = target.length ? toTarget(target, "learner", { id, name }) : teams.get(memberships[0]?.teamId ?? "");
      return nearest ? [[id, nearest]] : [];
    }),
  );
}

/** The targets of those of a learner's goals that have one. */
export async function targetsOfGoals(db: Db, learnerId: string, goalIds: string[]): Promise<Map<string, ReportTarget>> {
  if (!goalIds.length) return new Map();
  const goals = await db.goal.findMany({ where: { learnerId, id: { in: goalIds }, NOT: { target: { isEmpty: true } } } });
  return new Map(goals.map(({ id, title, target }) => [id, toTarget(target, "goal", { id, name: title })]));
}

function toTarget(stored: number[], setBy: ReportTarget["setBy"], setter?: { id: string; name: string }): ReportTarget {
  return { ...perMode((mode) => stored[MODES.indexOf(mode)] as number), setBy, setById: setter?.id ?? null, setByName: setter?.name ?? null };
}
