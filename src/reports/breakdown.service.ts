import { knownTeams, onDay, type Scope, seesEverybody, visibleLearners } from "../access/scope";
import type { Config } from "../config";
import { type Databases, replicaLagSeconds } from "../database/replica";
import type { Db } from "../database/transaction";
import { type Day, dayIn, toDate } from "../days";
import { invalid } from "../errors";
import type { Page, PageQuery } from "../http/paging";
import { type SessionFilters, type TeamScope, teamsOf } from "../study-sessions/filters";
import type { TeamStudySessionList } from "../study-sessions/study-sessions.schema";
import { listSessionsIn } from "../study-sessions/study-sessions.service";
import type { Written } from "../study-sessions/written";
import { type BreakdownFrame, makeBreakdown, subjectOf } from "./breakdown";
import { type BreakdownQuestion, readBreakdown } from "./breakdown.query";
import type { Breakdown, GroupBy, LearnerBreakdownQuery, ReportTarget, TeamBreakdownQuery } from "./breakdown.schema";
import { bucketsOf, previousPeriod, reportPeriod, type Span } from "./period";
import { organisationTarget, targetsOfGoals, targetsOfLearners, targetsOfTeams } from "./targets";

/** A learner's own mix, whatever teams they were in; today is the learner's. */
export async function getLearnerBreakdown(
  { db, reportsDb }: Databases,
  config: Config,
  scope: Scope,
  learnerId: string,
  query: LearnerBreakdownQuery,
  now: Date,
  signal: AbortSignal,
): Promise<Breakdown> {
  const learner = await db.learner.findUniqueOrThrow({ where: { id: learnerId } });
  const today = dayIn(now, learner.timeZone);
  const { question, frame } = pose(query, today, config);
  const targets = await targetsOfLearners(db, scope, [learnerId], today);
  const lag = await replicaLagSeconds({ db, reportsDb });
  const rows = await readBreakdown(reportsDb, { ...question, scope: { learnerId } }, signal);
  const ofGroups = groupIds(rows).flatMap((key) => subjectOf("goal", key).id ?? []);
  const goals = query.groupBy === "goal" ? ofGroups : [query.goal ?? "none"].filter((id) => id !== "none");
  const ofGoals = await targetsOfGoals(db, learnerId, goals);
  return makeBreakdown(
    {
      ...frame,
      scope: { type: "learner", id: learnerId, name: learner.name, depth: null, membership: null },
      target: ofGoals.get(query.goal ?? "") ?? targets.get(learnerId) ?? organisationTarget(config.TARGET),
      targets: ofGoals,
      withheldLearners: 0,
      replicaLagSeconds: lag,
    },
    rows,
  );
}

/** The mix of a team, or of it and all below; today is the organisation's. */
export async function getTeamBreakdown(
  { db, reportsDb }: Databases,
  config: Config,
  scope: Scope,
  teamId: string,
  query: TeamBreakdownQuery,
  signal: AbortSignal,
): Promise<Breakdown> {
  const { depth = "subtree", membership = "as-of", learner, ...rest } = query;
  const { today } = scope;
  const team = await db.team.findUniqueOrThrow({ where: { id: teamId } });
  const { question, frame } = pose(rest, today, config);
  const inTeam = { teamId, depth, membership, today, learner };
  const without = await hiddenLearners(db, scope, inTeam, { from: question.previous?.from ?? question.period.from, to: question.period.to });
  const unknownTeams = query.groupBy === "team" ? await findUnknownTeams(db, scope, inTeam) : [];
  const lag = await replicaLagSeconds({ db, reportsDb });
  const rows = await readBreakdown(reportsDb, { ...question, scope: { ...inTeam, without, unknownTeams } }, signal);
  const target = (await targetsOfTeams(db, scope, [teamId])).get(teamId) ?? organisationTarget(config.TARGET);
  return makeBreakdown(
    {
      ...frame,
      filters: { ...frame.filters, learner },
      scope: { type: "team", id: teamId, name: team.name, depth, membership },
      target,
      targets: await targetsOfGroups(db, scope, query.groupBy, rows, config),
      withheldLearners: without.length,
      replicaLagSeconds: lag,
    },
    rows,
  );
}

/** The sessions behind a team's breakdown, as far as the caller may see their learners. */
export async function listTeamSessions(
  db: Db,
  scope: Scope,
  teamId: string,
  { depth = "subtree", membership = "as-of", learner, below, from, to, limit, cursor, ...filters }: TeamStudySessionList,
): Promise<Page<Written>> {
  const inTeam = { teamId, depth, membership, today: scope.today, learner, below };
  const without = await hiddenLearners(db, scope, inTeam, { from, to });
  const unknownTeams = below === "none" ? await findUnknownTeams(db, scope, inTeam) : [];
  const page: PageQuery = { limit, cursor };
  return listSessionsIn(db, scope, { ...inTeam, without, unknownTeams }, { from, to, ...filters }, page);
}

type Query = SessionFilters & Pick<TeamBreakdownQuery, "from" | "to" | "bucket" | "weekStart" | "compare" | "groupBy">;
type Question = Omit<BreakdownQuestion, "scope">;
type Frame = Pick<BreakdownFrame, "filters" | "period" | "previous" | "bucket" | "weekStart" | "buckets" | "groupBy" | "today" | "floor">;

/** What a query asks, in days. */
function pose(
  { from, to, bucket, weekStart, compare, groupBy = undefined, ...filters }: Query,
  today: Day,
  config: Config,
): { question: Question; frame: Frame } {
  if (groupBy === "skill" && filters.skill) {
    throw invalid("query/skill", "A report by skill cannot be of one skill at once, because a session may have several. Leave out one of the two.");
  }
  const period = reportPeriod({ from, to }, today);
  const firstDay = weekStart ?? config.WEEK_START;
  const question = {
    filters,
    period,
    previous: compare ? previousPeriod(period) : null,
    buckets: bucketsOf(period, bucket, firstDay, today),
    groupBy: groupBy ?? null,
  };
  return {
    question,
    frame: { ...question, bucket, weekStart: firstDay, today, floor: { sessions: config.SUFFICIENT_SESSIONS, coverage: config.SUFFICIENT_COVERAGE } },
  };
}

/**
 * Who was in a team's scope in a period, but is today where the caller does not see them.
 * Nobody, for those who see everyone. They count nowhere: a figure that held them in one
 * report and not in another would tell what they did by the difference. Who reports on a team
 * leads it, and so sees whoever is in its scope today: nobody is looked for whom only today's puts there.
 */
async function hiddenLearners(
  db: Db,
  scope: Scope,
  { teamId, depth, membership, today }: Omit<TeamScope, "without" | "unknownTeams">,
  { from, to }: Partial<Span>,
): Promise<string[]> {
  if (seesEverybody(scope.caller) || membership === "current") return [];
  const learners = await db.learner.findMany({
    where: {
      memberships: {
        some: {
          team: { everBelow: { some: { ancestorId: teamId, ...(depth === "direct" && { depth: 0 }) } } },
          ...(to && { fromDay: { lt: toDate(to) } }),
          ...(from && { OR: [{ untilDay: null }, { untilDay: { gt: toDate(from) } }] }),
          NOT: { ...onDay(today), team: { ancestors: { some: { ancestorId: teamId } } } },
        },
      },
      NOT: visibleLearners(scope),
    },
    select: { id: true },
  });
  if (!learners.length) return [];
  // Their team may have been in the scope at another time than they were in it.
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT DISTINCT m.learner_id AS id FROM team_ancestry c JOIN memberships m ON m.team_id = c.team_id
    WHERE ${teamsOf({ teamId, depth })} AND m.learner_id = ANY (${learners.map(({ id }) => id)}::uuid[])
      AND greatest(m.from_day, c.from_day, ${from ?? null}::date) < coalesce(least(m.until_day, c.until_day, ${to ?? null}::date), 'infinity')`;
  return rows.map(({ id }) => id);
}

/** Teams that were right below a team, and are today where the caller may not know of them: their group has no name. */
async function findUnknownTeams(db: Db, scope: Scope, { teamId, membership }: Pick<TeamScope, "teamId" | "membership">): Promise<string[]> {
  if (seesEverybody(scope.caller) || membership === "current") return [];
  const moved = await db.team.findMany({
    where: { everBelow: { some: { ancestorId: teamId, depth: 1 } }, ancestors: { none: { ancestorId: teamId } } },
    select: { id: true },
  });
  const ids = moved.map(({ id }) => id);
  const known = await knownTeams(db, scope, ids);
  return ids.filter((id) => !known.has(id));
}

async function targetsOfGroups(
  db: Db,
  scope: Scope,
  groupBy: GroupBy | undefined,
  rows: { level: string; key: string }[],
  config: Config,
): Promise<Map<string, ReportTarget>> {
  if (groupBy !== "team" && groupBy !== "learner") return new Map();
  const ids = groupIds(rows);
  const nearest = await (groupBy === "team" ? targetsOfTeams(db, scope, ids) : targetsOfLearners(db, scope, ids, scope.today));
  const organisation = organisationTarget(config.TARGET);
  return new Map(ids.map((id) => [id, nearest.get(id) ?? organisation]));
}

function groupIds(rows: { level: string; key: string }[]): string[] {
  return [...new Set(rows.filter(({ level, key }) => level === "group" && key).map(({ key }) => key))];
}
