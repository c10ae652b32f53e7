import { v7 as uuidv7 } from "uuid";
import { isOwn, knownTeams, leadsOf, onDay, type Scope } from "../access/scope";
import type { Involved } from "../audit/changes";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { type Day, toDate, toDay } from "../days";
import { AppError, invalid } from "../errors";
import type { Membership, MembershipHistory, MembershipMove } from "./memberships.schema";

/** A learner's own history is theirs, whatever teams they see today; of others the caller is told the teams that they may know of. */
export async function getMembershipHistory(db: Db, scope: Scope, learnerId: string): Promise<MembershipHistory> {
  const { current, history } = await readHistory(db, learnerId, scope.today);
  if (isOwn(scope, learnerId)) return { current, history };
  const teams = history.map(({ teamId }) => teamId);
  const known = await knownTeams(db, scope, teams);
  const tell = (membership: Membership) => (known.has(membership.teamId) ? membership : { ...membership, teamId: null, teamName: null });
  return { current: current && tell(current), history: history.map(tell) };
}

/**
 * Moves a learner from a day on: the membership that holds on that day ends there (one that
 * only began there is replaced), and the new one begins. What was before stays as it was.
 *
 * @throws AppError when a later membership would overlap the new one, or outlast the leaving
 */
export function moveLearner(db: Db, learnerId: string, { teamId, fromDay, untilDay = null }: MembershipMove, today: Day): Promise<MembershipHistory> {
  if (untilDay && !teamId) throw invalid("#/untilDay", "Who leaves every team has no untilDay. Leave it out, or name a team.");
  if (untilDay && untilDay <= fromDay) throw invalid("#/untilDay", "untilDay must be after fromDay.");
  return inTransaction(db, async (tx) => {
    // One move of a learner at a time: the second builds on what the first did.
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${learnerId}::uuid FOR UPDATE`;
    const present = await tx.membership.findFirst({ where: { learnerId, ...onDay(toDay(fromDay)) } });
    const staysAsItIs = present !== null && changesNothing(tx, present, { teamId, untilDay });
    if (!staysAsItIs) {
      if (present) await endOn(tx, present, fromDay);
      if (teamId) await tx.membership.create({ data: { learnerId, id: uuidv7(), teamId, fromDay, untilDay } });
      else await refuseLaterStays(tx, learnerId, fromDay);
    }
    return readHistory(tx, learnerId, today);
  });
}

export async function deleteMembership(db: Db, learnerId: string, id: string): Promise<void> {
  await db.membership.delete({ where: { learnerId_id: { learnerId, id } } });
}

/** Whom it concerns which teams a learner is in, from today on: whoever sees them there. */
export async function involvedInMembership(db: Db, learnerId: string, today: Day): Promise<Involved> {
  await db.$queryRaw`SELECT 1 FROM learners WHERE id = ${learnerId}::uuid FOR UPDATE`;
  const stays = await db.membership.findMany({
    where: { learnerId, OR: [{ untilDay: null }, { untilDay: { gt: toDate(today) } }] },
    select: { teamId: true },
  });
  const teamIds = stays.map(({ teamId }) => teamId);
  return { learnerIds: [learnerId, ...(await leadsOf(db, teamIds))], itemIds: teamIds };
}

async function readHistory(db: Db, learnerId: string, today: Day): Promise<MembershipHistory> {
  const stays = await db.membership.findMany({ where: { learnerId }, include: { team: { select: { name: true } } }, orderBy: { fromDay: "asc" } });
  const history = stays.map(({ team, ...stay }) => ({ ...stay, teamName: team.name }));
  const current = history.find(({ fromDay, untilDay }) => toDay(fromDay) <= today && (untilDay === null || toDay(untilDay) > today));
  return { current: current ?? null, history };
}

async function endOn(tx: Db, { learnerId, id, fromDay }: { learnerId: string; id: string; fromDay: Date }, day: Date): Promise<void> {
  const where = { learnerId_id: { learnerId, id } };
  if (toDay(fromDay) === toDay(day)) await tx.membership.delete({ where });
  else await tx.membership.update({ where, data: { untilDay: day } });
}

async function refuseLaterStays(tx: Db, learnerId: string, fromDay: Date): Promise<void> {
  if (!(await tx.membership.count({ where: { learnerId, fromDay: { gte: fromDay } } }))) return;
  throw new AppError(
    "membership-overlap",
    "The learner is to be in a team after that day already. Read the history at this address, and delete the later stay first.",
  );
}
