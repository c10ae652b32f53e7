import { instant } from "../database/instant";
import type { Db } from "../database/transaction";
import type { Day } from "../days";
import { Prisma } from "../generated/prisma/client";
import { byMode } from "../mix";
import { listed } from "./growth-report.query";
import type { Changes } from "./growth-report.schema";

type Row = Omit<Changes, "since" | "sessions"> & { sessions: { count: number; onTheJob: number; social: number; formal: number; total: number } };

type Asked = {
  since: Day;
  /** The instant at which that day begins for the learner. */
  from: Date;
  today: Day;
  /** Whether unshared terms are among it. */
  all: boolean;
};

/** What changed for a learner from a day on, in one statement. */
export async function readChanges(db: Db, learnerId: string, { since, from, today, all }: Asked): Promise<Changes> {
  const of = (table: string) => Prisma.sql`${Prisma.raw(table)}.learner_id = ${learnerId}::uuid`;
  const goal = Prisma.sql`g.id AS "goalId", g.title AS "goalTitle"`;
  const [row] = await db.$queryRaw<Row[]>`
    WITH started AS (
      SELECT g.id, g.title, coalesce(g.starts_on, g.created_at::date) AS "on" FROM goals g
      WHERE ${of("g")} AND g.status <> 'draft' AND coalesce(g.starts_on, g.created_at::date) BETWEEN ${since}::date AND ${today}::date
    ),
    ended AS (
      SELECT g.id, g.title, g.completed_on AS "on" FROM goals g WHERE ${of("g")} AND g.completed_on >= ${since}::date
    ),
    step_done AS (
      SELECT ${goal}, t.id, t.title, t.completed_on AS "completedOn"
      FROM steps t JOIN goals g ON g.learner_id = t.learner_id AND g.id = t.goal_id WHERE ${of("t")} AND t.completed_on >= ${since}::date
    ),
    term_learned AS (
      SELECT ${goal}, t.id, t.term, t.learned_on AS "learnedOn"
      FROM terms t JOIN goals g ON g.learner_id = t.learner_id AND g.id = t.goal_id
      WHERE ${of("t")} AND t.learned_on >= ${since}::date AND (t.shared OR ${all})
    ),
    review AS (
      SELECT ${goal}, r.id, r.step_id AS "stepId", step.title AS "stepTitle", ${instant(Prisma.sql`r.asked_at`)} AS "askedAt", r.verdict, ${instant(Prisma.sql`r.answered_at`)} AS "answeredAt"
      FROM reviews r JOIN goals g ON g.learner_id = r.learner_id AND g.id = r.goal_id LEFT JOIN steps step ON step.learner_id = r.learner_id AND step.id = r.step_id
      WHERE ${of("r")} AND (r.asked_at >= ${from} OR r.answered_at >= ${from})
    )
    SELECT (SELECT jsonb_build_object('count', count(*), 'onTheJob', coalesce(sum(s.on_the_job_minutes), 0), 'social', coalesce(sum(s.social_minutes), 0),
                                      'formal', coalesce(sum(s.formal_minutes), 0), 'total', coalesce(sum(s.minutes), 0))
            FROM study_sessions s WHERE ${of("s")} AND s.deleted_at IS NULL AND s.occurred_on >= ${since}::date) AS sessions,
           ${listed("started", Prisma.sql`"on" DESC, id`)} AS "goalsStarted",
           ${listed("ended", Prisma.sql`"on" DESC, id`)} AS "goalsCompleted",
           ${listed("step_done", Prisma.sql`"completedOn" DESC, id`)} AS "stepsCompleted",
           ${listed("term_learned", Prisma.sql`"learnedOn" DESC, id`)} AS "termsLearned",
           ${listed("review", Prisma.sql`coalesce("answeredAt", "askedAt") DESC, id`)} AS reviews`;
  const { sessions, ...lists } = row as Row;
  return { since, sessions: { count: sessions.count, minutes: byMode(sessions) }, ...lists };
}
