import { v7 as uuidv7 } from "uuid";
import { knownLearners, knownTeams, leadsOf, onDay, type Scope, visibleLearners, visibleTeams } from "../access/scope";
import type { Involved } from "../audit/changes";
import { containsAllWords } from "../database/search";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import type { Day } from "../days";
import type { Prisma, Team as Row } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { changeTarget } from "../mix";
import { holdTeam, placeTeam } from "./team-parents.service";
import type { Member, MemberList, Team, TeamCreate, TeamList, TeamUpdate } from "./teams.schema";

/** Whoever keeps the directory sees all of it. */
export async function createTeam(db: Db, scope: Scope, input: TeamCreate): Promise<Team> {
  return presentTeam(db, scope, await db.team.create({ data: { id: uuidv7(), ...input } }));
}

export async function getTeam(db: Db, scope: Scope, id: string): Promise<Team> {
  return presentTeam(db, scope, await db.team.findUniqueOrThrow({ where: { id } }));
}

export function listTeams(db: Db, scope: Scope, { q, parent, under, lead, ...page }: TeamList): Promise<Page<Team>> {
  const visible = visibleTeams(scope);
  const filters: Prisma.TeamWhereInput[] = [
    visible,
    ...(parent ? [parent === "none" ? { ancestors: { none: { depth: 1, ancestor: visible } } } : { parentId: parent, parent: visible }] : []),
    ...(under ? [{ ancestors: { some: { ancestorId: under, ancestor: visible } } }] : []),
    ...(lead ? [{ leadId: lead }] : []),
    ...containsAllWords(q),
  ];
  return readPage(["teams", q, parent, under, lead], page, { text: (team) => team.name }, async (take, after) => {
    const teams = await db.team.findMany({ where: { AND: [...filters, beyond("name", "asc", after)] }, orderBy: [{ name: "asc" }, { id: "asc" }], take });
    return presentTeams(db, scope, teams);
  });
}

/** Teams as the caller may see them: the tree begins where their sight does. */
export async function presentTeams(db: Db, scope: Scope, teams: Row[]): Promise<Team[]> {
  const parents = await knownTeams(
    db,
    scope,
    teams.map(({ parentId }) => parentId),
  );
  const leads = await knownLearners(
    db,
    scope,
    teams.map(({ leadId }) => leadId),
  );
  return teams.map((team) => ({
    ...team,
    parentId: parents.has(team.parentId) ? team.parentId : null,
    parentName: parents.get(team.parentId) ?? null,
    leadName: leads.get(team.leadId) ?? null,
  }));
}

/** A new parent moves the whole subtree, from today on; the database refuses a circle. Whoever keeps the directory sees all of it. */
export function updateTeam(db: Db, scope: Scope, id: string, { target, ...input }: TeamUpdate, ifVersion: IfVersion): Promise<Team> {
  const where = { id, ...ifVersion };
  return inTransaction(db, async (tx) => {
    await holdTeam(tx, id);
    const before = await tx.team.findUniqueOrThrow({ where });
    const change = target === undefined ? input : { ...input, target: changeTarget(before.target, target) };
    if (changesNothing(tx, before, change)) return presentTeam(tx, scope, before);
    if (input.parentId !== undefined) await placeTeam(tx, id, { parentId: input.parentId, fromDay: scope.today, untilDay: null });
    return presentTeam(tx, scope, await tx.team.update({ where, data: { ...change, version: { increment: 1 } } }));
  });
}

/** Only a team that nothing refers to, memberships of the past included, can go. */
export async function deleteTeam(db: Db, id: string, ifVersion: IfVersion): Promise<void> {
  await db.team.delete({ where: { id, ...ifVersion } });
}

/** Whom it concerns where a team stands and who leads it: the leads of the team and of those above, and whoever is at or below it today. */
export async function involvedInTeam(db: Db, id: string, today: Day): Promise<Involved> {
  await holdTeam(db, id);
  const below = await db.teamClosure.findMany({ where: { ancestorId: id }, select: { teamId: true }, orderBy: { depth: "asc" } });
  const members = await db.membership.findMany({ where: { ...onDay(today), team: { ancestors: { some: { ancestorId: id } } } }, select: { learnerId: true } });
  return { learnerIds: await leadsOf(db, [id]), crowd: members.map(({ learnerId }) => learnerId), itemIds: below.map(({ teamId }) => teamId) };
}

export async function listMembers(db: Db, scope: Scope, teamId: string, { on = scope.today, depth = "subtree", ...page }: MemberList): Promise<Page<Member>> {
  const team: Prisma.MembershipWhereInput = depth === "direct" ? { teamId } : { team: { everBelow: { some: { ancestorId: teamId, ...onDay(on) } } } };
  return readPage(["members", teamId, on, depth], page, { text: (member) => member.name }, async (take, after) => {
    const memberships = await db.membership.findMany({
      where: { AND: [team, onDay(on), { learner: { AND: [visibleLearners(scope), { erasedAt: null }, beyond("name", "asc", after)] } }] },
      include: { learner: { select: { name: true } }, team: { select: { name: true } } },
      orderBy: [{ learner: { name: "asc" } }, { learnerId: "asc" }],
      take,
    });
    return memberships.map(({ learnerId, learner, team, ...membership }) => ({ ...membership, id: learnerId, name: learner.name, teamName: team.name }));
  });
}

async function presentTeam(db: Db, scope: Scope, row: Row): Promise<Team> {
  const [team] = await presentTeams(db, scope, [row]);
  return team as Team;
}
