import { readsWhatTheyLog, type Scope } from "../access/scope";
import type { Db } from "../database/transaction";
import { refusalBy, violates } from "../database/violations";
import { type Day, startOf, toDate, toDay } from "../days";
import { AppError, MOST_FLAWS } from "../errors";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";

/** What a person's day holds at most, in minutes, unless DAY_MINUTES_LIMIT says otherwise. The database itself holds to this. */
export const DAY_MINUTES = 1440;

type Placed = Pick<Row, "learnerId" | "id" | "occurredOn" | "minutes">;
/** What a day holds: all its minutes, how many sessions, and the longest of them. */
type Filling = { minutes: number; sessions: number; longest: { id: string; minutes: number }[] };

/**
 * `set_config(…)`, as a list of a SELECT: lets days hold what the service's setting says, and closed
 * months be corrected by an admin with a reason, for as long as the transaction lasts; null where the
 * database's own rules hold. Set anew with each statement or transaction, it also works where a pooler
 * deals connections out.
 */
export function rulesOf({ dayMinutes = DAY_MINUTES, reason }: Scope): Prisma.Sql {
  const limit = dayMinutes === DAY_MINUTES ? Prisma.sql`NULL` : Prisma.sql`set_config('cairn.day_minutes', ${String(dayMinutes)}, true)`;
  return reason ? Prisma.sql`concat(${limit}, set_config('cairn.correcting', 'on', true))` : limit;
}

export const DAY_LIMIT = "study_sessions_day_limit";
export const CLOSED_MONTH = "study_sessions_closed_month";

/**
 * Runs a write that the database refuses when a day would become too full, or by another of these rules.
 *
 * @returns undefined when it did; nothing of the write is then left, and the transaction can go on
 */
export async function unlessRefused<T>(db: Db, rules: string[], write: () => Promise<T>): Promise<T | undefined> {
  const inTransaction = !("$connect" in db);
  if (inTransaction) await db.$executeRaw`SAVEPOINT before_write`;
  try {
    return await write();
  } catch (error) {
    if (!rules.some((rule) => violates(error, rule))) throw error;
    if (inTransaction) await db.$executeRaw`ROLLBACK TO SAVEPOINT before_write`;
    return undefined;
  }
}

/**
 * Decides one after the other which sessions still fit into their days.
 *
 * @param added none of them stored, in the order in which they were sent
 * @returns the refusals, by session
 */
export async function refuseWhatIsTooMuch<T extends Placed>(db: Db, added: { row: T; scope: Scope }[]): Promise<Map<T, AppError>> {
  const placed = added.map(({ row }) => row);
  const [days, closed] = [await readDays(db, placed), await closedMonths(db, placed)];
  const refused = new Map<T, AppError>();
  for (const { row, scope } of added) {
    if (!scope.reason && closed.has(monthOf(row))) {
      refused.set(row, refusalBy(CLOSED_MONTH));
      continue;
    }
    const day = days.get(nameOf(row)) as Filling;
    if (day.minutes + row.minutes > mostOf(scope)) {
      refused.set(row, dayFull(scope, row, day));
      continue;
    }
    day.minutes += row.minutes;
    day.sessions++;
    day.longest.push({ id: row.id, minutes: row.minutes });
  }
  return refused;
}

async function closedMonths(db: Db, placed: Placed[]): Promise<Set<Day>> {
  const months = [...new Set(placed.map(monthOf))].map(toDate);
  return new Set((await db.closedMonth.findMany({ where: { month: { in: months } } })).map(({ month }) => toDay(month)));
}

function monthOf({ occurredOn }: Placed): Day {
  return startOf("month", toDay(occurredOn));
}

/** The refusal of a change by which a session would no longer fit into its day. */
export async function refusalOfChange(db: Db, scope: Scope, changed: Placed): Promise<AppError> {
  const [day] = (await readDays(db, [changed], changed.id)).values();
  return dayFull(scope, changed, day as Filling);
}

function dayFull(scope: Scope, { occurredOn }: Placed, { minutes, sessions, longest }: Filling): AppError {
  const [day, most] = [toDay(occurredOn), mostOf(scope)];
  const maySee = readsWhatTheyLog(scope);
  const advice = maySee
    ? "Send at most that, or another day, or shorten or delete one of the sessions in `errors`."
    : "Send at most that, or another day, or ask the learner to shorten or delete one of that day.";
  const detail = `A day holds at most ${most} minutes. On ${day} there are ${minutes} beside this session, so ${Math.max(0, most - minutes)} are left. ${advice}`;
  if (!maySee) return new AppError("day-full", detail, [{ pointer: "#/minutes", detail }]);
  const listed = longest.toSorted((a, b) => b.minutes - a.minutes).slice(0, MOST_FLAWS);
  const flaws = listed.map(({ id, minutes }) => ({ pointer: "#/minutes", detail: `Session ${id} has ${minutes} of that day's minutes.` }));
  return new AppError("day-full", detail, flaws, undefined, sessions - listed.length);
}

function mostOf({ dayMinutes = DAY_MINUTES }: Scope): number {
  return dayMinutes;
}

/** The days of some sessions. @param without a session that does not count */
async function readDays(db: Db, of: Placed[], without: string | null = null): Promise<Map<string, Filling>> {
  const days = [...new Map(of.map((row) => [nameOf(row), row])).values()];
  const learners = `{${days.map(({ learnerId }) => learnerId).join()}}`;
  const dates = `{${days.map(({ occurredOn }) => toDay(occurredOn)).join()}}`;
  const found = await db.$queryRaw<(Filling & { learnerId: string; day: Day })[]>`
    SELECT asked.learner_id AS "learnerId", asked.day::text AS day, coalesce(sum(s.minutes), 0)::float8 AS minutes, count(s.id)::float8 AS sessions,
           coalesce((jsonb_agg(jsonb_build_object('id', s.id, 'minutes', s.minutes)) FILTER (WHERE s.place <= ${MOST_FLAWS})), '[]') AS longest
    FROM unnest(${learners}::uuid[], ${dates}::date[]) AS asked (learner_id, day)
    LEFT JOIN LATERAL (
      SELECT id, minutes, row_number() OVER (ORDER BY minutes DESC, id) AS place FROM study_sessions
      WHERE learner_id = asked.learner_id AND occurred_on = asked.day AND deleted_at IS NULL AND id IS DISTINCT FROM ${without}::uuid
    ) s ON true
    GROUP BY asked.learner_id, asked.day`;
  return new Map(found.map(({ learnerId, day, ...filling }) => [`${learnerId} ${day}`, filling]));
}

function nameOf({ learnerId, occurredOn }: Placed): string {
  return `${learnerId} ${toDay(occurredOn)}`;
}
