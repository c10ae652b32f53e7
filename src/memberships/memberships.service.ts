import { v7 as uuidv7 } from "uuid";
import { onDay } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { type Day, toDay } from "../days";
import { invalid } from "../errors";
import type { MembershipHistory, MembershipMove } from "./memberships.schema";

export async function getMembershipHistory(db: Db, learnerId: string, today: Day): Promise<MembershipHistory> {
  const history = await db.membership.findMany({ where: { learnerId }, orderBy: { fromDay: "asc" } });
  const current = history.find(({ fromDay, untilDay }) => toDay(fromDay) <= today && (untilDay === null || toDay(untilDay) > today));
  return { current: current ?? null, history };
}

/**
 * Moves a learner from a day on: the membership that holds on that day ends there (one that
 * only began there is replaced), and the new one begins. What was before stays as it was.
 *
 * @throws AppError when a later membership would overlap the new one
 */
export function moveLearner(db: Db, learnerId: string, { teamId, fromDay, untilDay }: MembershipMove, today: Day): Promise<MembershipHistory> {
  if (untilDay && untilDay <= fromDay) throw invalid("#/untilDay", "untilDay must be after fromDay.");
  return inTransaction(db, async (tx) => {
    const present = await tx.membership.findFirst({ where: { learnerId, ...onDay(toDay(fromDay)) } });
    if (present) {
      const where = { learnerId_id: { learnerId, id: present.id } };
      if (toDay(present.fromDay) === toDay(fromDay)) await tx.membership.delete({ where });
      else await tx.membership.update({ where, data: { untilDay: fromDay } });
    }
    if (teamId) await tx.membership.create({ data: { learnerId, id: uuidv7(), teamId, fromDay, untilDay } });
    return getMembershipHistory(tx, learnerId, today);
  });
}

export async function deleteMembership(db: Db, learnerId: string, id: string): Promise<void> {
  await db.membership.delete({ where: { learnerId_id: { learnerId, id } } });
}
