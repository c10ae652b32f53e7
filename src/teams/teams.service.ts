import { v7 as uuidv7 } from "uuid";
import { knownTeams, onDay, type Scope, visibleLearners, visibleTeams } from "../access/scope";
import { containsAllWords } from "../database/search";
import type { Db } from "../database/transaction";
import type { Prisma, Team as Row } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import type { Member, MemberList, Team, TeamCreate, TeamList, TeamUpdate } from "./teams.schema";

/** Whoever keeps the directory sees all of it. */
export function createTeam(db: Db, input: TeamCreate): Promise<Team> {
  return db.team.create({ data: { id: uuidv7(), ...input } });
}

export async function getTeam(db: Db, scope: Scope, id: string): Promise<Team> {
  const [team] = await presentTeams(db, scope, [await db.team.findUniqueOrThrow({ where: { id } })]);
  return team as Team;
}

export function listTeams(db: Db, scope: Scope, { q, parent, under, lead, ...page }: TeamList): Promise<Page<Team>> {
  const visible = visibleTeams(scope);
  const filters: Prisma.TeamWhereInput[] = [
    visible,
    ...(parent ? [parent === "none" ? { ancestors: { none: { depth: 1, ancestor: visible } } } : { parentId: parent, parent: visible }] : []),
    ...(under ? [{ ancestors: { some: { ancestorId: under, ancestor: visible } } }] : []),
    ...(lead ? [{ leadId: lead }] : []),
    ...containsAllWords(q, ["name"]),
  ];
  return readPage(["teams", q, parent, under, lead], page, { text: (team) => team.name }, async (take, after) => {
    const teams = await db.team.findMany({ where: { AND: [...filters, beyond("name", "asc", after)] }, orderBy: [{ name: "asc" }, { id: "asc" }], take });
    return presentTeams(db, scope, teams);
  });
}

/** Teams as the caller may see them: the tree begins where their sight does. */
export async function presentTeams(db: Db, scope: Scope, teams: Row[]): Promise<Team[]> {
  const parents = teams.map(({ parentId }) => parentId);
  const known = await knownTeams(db, scope, parents);
  return teams.map((team) => (known.has(team.parentId) ? team : { ...team, parentId: null }));
}

/** A new parent moves the whole subtree; the database refuses a circle. Whoever keeps the directory sees all of it. */
export function updateTeam(db: Db, id: string, input: TeamUpdate, ifVersion: IfVersion): Promise<Team> {
  return db.team.update({ where: { id, ...ifVersion }, data: { ...input, version: { increment: 1 } } });
}

/** Only a team that nothing refers to, memberships of the past included, can go. */
export async function deleteTeam(db: Db, id: string, ifVersion: IfVersion): Promise<void> {
  await db.team.delete({ where: { id, ...ifVersion } });
}

export async function listMembers(db: Db, scope: Scope, teamId: string, { on = scope.today, depth = "subtree", ...page }: MemberList): Promise<Page<Member>> {
  const team: Prisma.MembershipWhereInput = depth === "direct" ? { teamId } : { team: { ancestors: { some: { ancestorId: teamId } } } };
  return readPage(["members", teamId, on, depth], page, { text: (member) => member.name }, async (take, after) => {
    const memberships = await db.membership.findMany({
      where: { AND: [team, onDay(on), { learner: { AND: [visibleLearners(scope), { erasedAt: null }, beyond("name", "asc", after)] } }] },
      include: { learner: { select: { name: true } } },
      orderBy: [{ learner: { name: "asc" } }, { learnerId: "asc" }],
      take,
    });
    return memberships.map(({ learnerId, learner, ...membership }) => ({ ...membership, id: learnerId, name: learner.name }));
  });
}
