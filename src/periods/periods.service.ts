import type { Scope } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { type Day, endOf, toDate, toDay } from "../days";
import { AppError } from "../errors";
import type { ClosedMonth } from "../generated/prisma/client";
import { type Page, readPage } from "../http/paging";
import type { PeriodClosure, PeriodClosureList } from "./periods.schema";

// A month is its own name; a cursor wants an id beside it.
const NO_ID = "00000000-0000-0000-0000-000000000000";

/**
 * Closes a month; again changes nothing. Whoever is writing sessions just now is waited for, and whoever comes later
 * finds it closed: the database refuses what would change in it.
 *
 * @throws AppError while the month is not over
 */
export function closeMonth(db: Db, { today }: Scope, month: string, now: Date): Promise<{ closure: PeriodClosure; created: boolean }> {
  const firstDay = firstDayOf(month);
  const over = endOf("month", firstDay);
  if (over > today)
    throw new AppError("invalid-request", `The month is not over. Close it from ${over} on.`, [{ pointer: "path/month", detail: "The month is not over." }]);
  return inTransaction(db, async (tx) => {
    await tx.$executeRaw`LOCK TABLE closed_months IN EXCLUSIVE MODE`;
    const where = { month: toDate(firstDay) };
    const before = await tx.closedMonth.findUnique({ where });
    const closed = before ?? (await tx.closedMonth.create({ data: { ...where, closedAt: now } }));
    return { closure: present(closed), created: !before };
  });
}

export async function getClosure(db: Db, month: string): Promise<PeriodClosure> {
  return present(await db.closedMonth.findUniqueOrThrow({ where: { month: toDate(firstDayOf(month)) } }));
}

/** The latest month first. */
export function listClosures(db: Db, page: PeriodClosureList): Promise<Page<PeriodClosure>> {
  return readPage<PeriodClosure & { id: string }>(["periods"], page, { text: ({ month }) => month }, async (take, after) => {
    const earlier = after && { month: { lt: toDate(firstDayOf(after.value as string)) } };
    const closed = await db.closedMonth.findMany({ where: earlier, orderBy: { month: "desc" }, take });
    return closed.map((each) => ({ ...present(each), id: NO_ID }));
  });
}

export async function reopenMonth(db: Db, month: string): Promise<void> {
  await db.closedMonth.delete({ where: { month: toDate(firstDayOf(month)) } });
}

function firstDayOf(month: string): Day {
  return `${month}-01`;
}

function present({ month, closedAt }: ClosedMonth): PeriodClosure {
  return { month: toDay(month).slice(0, 7), closedAt };
}
