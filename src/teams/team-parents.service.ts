import { knownTeams, type Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { type Day, toDate, toDay } from "../days";
import { invalid } from "../errors";
import type { TeamMove, TeamParent, TeamParentHistory } from "./team-parents.schema";

type Stay = { parentId: string; fromDay: Day; untilDay: Day | null };
type Move = { parentId: string | null; fromDay: Day; untilDay: Day | null };

// As the database writes it for a team's first parent.
const SINCE_EVER: Day = "0001-01-01";

export async function getTeamParents(db: Db, scope: Scope, teamId: string): Promise<TeamParentHistory> {
  const history = await readStays(db, teamId);
  const parents = history.map(({ parentId }) => parentId);
  const known = await knownTeams(db, scope, parents);
  const told = history.map(
    ({ parentId, fromDay, untilDay }): TeamParent => ({
      parentId: known.has(parentId) ? parentId : null,
      parentName: known.get(parentId) ?? null,
      fromDay: fromDay === SINCE_EVER ? null : toDate(fromDay),
      untilDay: untilDay === null ? null : toDate(untilDay),
    }),
  );
  return { current: told.find(({ untilDay }) => untilDay === null) ?? null, history: told };
}

/**
 * Puts a team, with all below it, under a parent from a day on, or for a time that is over. What
 * its history said of those days is replaced; the database refuses a circle on any of them.
 *
 * @throws AppError when the days are still to come
 */
export async function moveTeam(db: Db, scope: Scope, teamId: string, { parentId, fromDay, untilDay = null }: TeamMove): Promise<TeamParentHistory> {
  const move: Move = { parentId, fromDay: toDay(fromDay), untilDay: untilDay && toDay(untilDay) };
  const { today } = scope;
  if (move.fromDay > today) throw invalid("#/fromDay", `A team is moved on the day itself or later: today (${today}) is the last day to send.`);
  if (move.untilDay && move.untilDay <= move.fromDay) throw invalid("#/untilDay", "untilDay must be after fromDay.");
  if (move.untilDay && move.untilDay > today) throw invalid("#/untilDay", "untilDay is for a time that is over. Leave it out for a move that lasts.");
  return inTransaction(db, async (tx) => {
    await holdTeam(tx, teamId);
    const open = await placeTeam(tx, teamId, move);
    if (open !== undefined) await tx.team.update({ where: { id: teamId }, data: { parentId: open, version: { increment: 1 } } });
    return getTeamParents(tx, scope, teamId);
  });
}

/** Lets nobody else change a team until the transaction ends. */
export async function holdTeam(tx: Db, id: string): Promise<void> {
  await tx.$queryRaw`SELECT 1 FROM teams WHERE id = ${id}::uuid FOR NO KEY UPDATE`;
}

/**
 * Writes a move into the history alone: the caller writes today's parent into the team, in the same transaction.
 *
 * @returns today's parent; undefined when the move changes nothing
 */
export async function placeTeam(tx: Db, teamId: string, move: Move): Promise<string | null | undefined> {
  const before = await readStays(tx, teamId);
  const after = overlaid(before, move);
  if (JSON.stringify(after) === JSON.stringify(before)) return undefined;
  await tx.teamParent.deleteMany({ where: { teamId } });
  await tx.teamParent.createMany({
    data: after.map(({ parentId, fromDay, untilDay }) => ({
      teamId,
      parentId,
      fromDay: toDate(fromDay),
      untilDay: untilDay === null ? null : toDate(untilDay),
    })),
  });
  return after.find(({ untilDay }) => untilDay === null)?.parentId ?? null;
}

/** A history, oldest first, in which the days of a move are the move's. */
export function overlaid(history: Stay[], { parentId, fromDay, untilDay }: Move): Stay[] {
  const kept = history.flatMap((stay): Stay[] => {
    const before = { ...stay, untilDay: stay.untilDay !== null && stay.untilDay < fromDay ? stay.untilDay : fromDay };
    const after = untilDay && { ...stay, fromDay: stay.fromDay > untilDay ? stay.fromDay : untilDay };
    return [...(stay.fromDay < fromDay ? [before] : []), ...(after && (stay.untilDay === null || stay.untilDay > after.fromDay) ? [after] : [])];
  });
  const stays = [...kept, ...(parentId ? [{ parentId, fromDay, untilDay }] : [])].sort((a, b) => (a.fromDay < b.fromDay ? -1 : 1));
  const joined: Stay[] = [];
  for (const stay of stays) {
    const last = joined.at(-1);
    if (last?.parentId === stay.parentId && last.untilDay === stay.fromDay) last.untilDay = stay.untilDay;
    else joined.push({ ...stay });
  }
  return joined;
}

async function readStays(db: Db, teamId: string): Promise<Stay[]> {
  const rows = await db.teamParent.findMany({ where: { teamId }, orderBy: { fromDay: "asc" } });
  return rows.map(({ parentId, fromDay, untilDay }) => ({ parentId, fromDay: toDay(fromDay), untilDay: untilDay && toDay(untilDay) }));
}
