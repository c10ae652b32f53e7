import { v7 as uuidv7 } from "uuid";
import { onDay, type Scope, visibleLearners, visibleTeams } from "../access/scope";
import { containsAllWords } from "../database/search";
import type { Db } from "../database/transaction";
import type { Prisma } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import type { Member, MemberList, Team, TeamCreate, TeamList, TeamUpdate } from "./teams.schema";

export function createTeam(db: Db, input: TeamCreate): Promise<Team> {
  return db.team.create({ data: { id: uuidv7(), ...input } });
}

export function getTeam(db: Db, id: string): Promise<Team> {
  return db.team.findUniqueOrThrow({ where: { id } });
}

export function listTeams(db: Db, scope: Scope, { q, parent, under, lead, ...page }: TeamList): Promise<Page<Team>> {
  const filter: Prisma.TeamWhereInput = {
    ...(parent && { parentId: parent === "none" ? null : parent }),
    ...(under && { ancestors: { some: { ancestorId: under, ancestor: visibleTeams(scope) } } }),
    ...(lead && { leadId: lead }),
  };
  return readPage(["teams", q, filter], page, { text: (team) => team.name }, (take, after) =>
    db.team.findMany({
      where: { AND: [visibleTeams(scope), filter, ...containsAllWords(q, ["name"]), beyond("name", "asc", after)] },
      orderBy: [{ name: "asc" }, { id: "asc" }],
      take,
    }),
  );
}

/** A new parent moves the whole subtree; the database refuses a circle. */
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
      where: { AND: [team, onDay(on), { learner: { AND: [visibleLearners(scope), beyond("name", "asc", after)] } }] },
      include: { learner: { select: { name: true } } },
      orderBy: [{ learner: { name: "asc" } }, { learnerId: "asc" }],
      take,
    });
    return memberships.map(({ learnerId, learner, ...membership }) => ({ ...membership, id: learnerId, name: learner.name }));
  });
}
