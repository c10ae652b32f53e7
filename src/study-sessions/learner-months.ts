import type { Db } from "../database/transaction";
import { type Day, startOf, toDate, toDay } from "../days";
import { Prisma } from "../generated/prisma/client";
import type { Compared } from "../http/metrics";

/** A person's month, by its first day. */
export type LearnerMonth = { learnerId: string; month: Day };
/** The months to look at: from that of one day to that of another; all unless told. */
export type Months = { from?: Day | undefined; through?: Day | undefined };

const PEOPLE_AT_ONCE = 500;
const PEOPLE_A_CALL = 5;

/**
 * Compares the sums of months with the sessions that they are made of, some people at a time,
 * while others read and write: each time in one statement, which sees both as of one moment.
 */
export async function* differingMonths(db: Db, months: Months): AsyncGenerator<{ people: number; differing: LearnerMonth[] }> {
  for (let after: string | undefined, more = true; more; ) {
    const some = await peopleAfter(db, after, PEOPLE_AT_ONCE);
    if (some.length) yield { people: some.length, differing: await compare(db, some, months) };
    after = some.at(-1);
    more = some.length === PEOPLE_AT_ONCE;
  }
}

/** Compares a few people's months at each call, and in the end everybody's, over and over. */
export function roundOfMonths(db: Db): () => Promise<Compared> {
  let after: string | undefined;
  return async () => {
    const some = await peopleAfter(db, after, PEOPLE_A_CALL);
    after = some.length === PEOPLE_A_CALL ? some.at(-1) : undefined;
    const [stored, differing] = await Promise.all([db.learnerMonth.count({ where: { learnerId: { in: some }, sessions: { gt: 0 } } }), compare(db, some, {})]);
    return { equal: Math.max(0, stored - differing.length), differing: differing.length };
  };
}

/** Sums up anew. @returns how many really differed: somebody may have been writing when they were found */
export async function mendMonths(db: Db, months: LearnerMonth[]): Promise<number> {
  const [mended] = await db.$queryRaw<{ count: number }[]>`
    SELECT learner_months_sum_up(${months.map(({ learnerId }) => learnerId)}::uuid[], ${months.map(({ month }) => month)}::date[]) AS count`;
  return mended?.count ?? 0;
}

async function peopleAfter(db: Db, after: string | undefined, most: number): Promise<string[]> {
  const people = await db.learner.findMany({ where: after ? { id: { gt: after } } : {}, orderBy: { id: "asc" }, take: most, select: { id: true } });
  return people.map(({ id }) => id);
}

async function compare(db: Db, learnerIds: string[], { from, through }: Months): Promise<LearnerMonth[]> {
  const [first, last] = [from && toDate(startOf("month", from)), through && toDate(startOf("month", through))];
  const within = (month: Prisma.Sql) => Prisma.sql`
    ${first ? Prisma.sql`AND ${month} >= ${first}::date` : Prisma.empty} ${last ? Prisma.sql`AND ${month} <= ${last}::date` : Prisma.empty}`;
  const found = await db.$queryRaw<{ learnerId: string; month: Date }[]>`
    WITH stored AS (
      SELECT * FROM learner_months WHERE learner_id = ANY (${learnerIds}::uuid[]) AND sessions > 0 ${within(Prisma.sql`month`)}
    ),
    logged AS (
      SELECT DISTINCT learner_id, month_of(occurred_on) AS month FROM study_sessions
      WHERE learner_id = ANY (${learnerIds}::uuid[]) AND deleted_at IS NULL ${within(Prisma.sql`month_of(occurred_on)`)}
    ),
    fresh AS (SELECT fresh.* FROM logged CROSS JOIN LATERAL learner_month_of(logged.learner_id, logged.month) fresh)
    SELECT learner_id AS "learnerId", month FROM stored FULL JOIN fresh USING (learner_id, month)
    WHERE stored IS DISTINCT FROM fresh ORDER BY learner_id, month`;
  return found.map(({ learnerId, month }) => ({ learnerId, month: toDay(month) }));
}
