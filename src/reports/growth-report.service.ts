import { isOwn, type Scope } from "../access/scope";
import { type Databases, replicaLagSeconds } from "../database/replica";
import { beginningOf, type Day, dayIn } from "../days";
import { invalid } from "../errors";
import type { PrismaClient } from "../generated/prisma/client";
import { type PageQuery, readPage } from "../http/paging";
import { readChanges } from "./growth-changes.query";
import { type GrowthFrame, makeGrowthReport } from "./growth-report";
import { type GrowthReportRow, type Population, readGrowthReport } from "./growth-report.query";
import type { GrowthReport, LearnerGrowthQuery, TeamGrowthQuery } from "./growth-report.schema";
import { previousPeriod, reportPeriod } from "./period";

const DUE_WITHIN_DAYS = 14;
/** People of a table, unless it is asked for in pages. */
const MOST_LINES = 2_000;

/** How a learner's goals are doing; today is the learner's. */
export async function getLearnerGrowth(
  { db, reportsDb }: Databases,
  scope: Scope,
  learnerId: string,
  { since, ...query }: LearnerGrowthQuery,
  now: Date,
  signal: AbortSignal,
): Promise<GrowthReport> {
  const { name, timeZone } = await db.learner.findUniqueOrThrow({ where: { id: learnerId } });
  const today = dayIn(now, timeZone);
  if (since && since > today) throw invalid("query/since", `\`since\` (${since}) is still to come for the learner. Give the day of the last one-to-one.`);
  const replicaLag = await replicaLagSeconds({ db, reportsDb });
  const changes = since ? await readChanges(reportsDb, learnerId, { since, from: beginningOf(since, timeZone), today, all: isOwn(scope, learnerId) }) : null;
  const frame = { scope: { type: "learner", id: learnerId, name, depth: null }, today, changes, replicaLagSeconds: replicaLag } as const;
  return report(reportsDb, scope, { learnerId }, query, frame, signal);
}

/**
 * How the goals of a team's people of today are doing; today is the organisation's. As a table it has a
 * line for each person, because a file is not paged through; otherwise there is a page of people at a time.
 */
export async function getTeamGrowth(
  { db, reportsDb }: Databases,
  scope: Scope,
  teamId: string,
  { depth = "subtree", ...query }: TeamGrowthQuery,
  asTable: boolean,
  signal: AbortSignal,
): Promise<GrowthReport> {
  const { name } = await db.team.findUniqueOrThrow({ where: { id: teamId } });
  const replicaLag = await replicaLagSeconds({ db, reportsDb });
  const frame = { scope: { type: "team", id: teamId, name, depth }, today: scope.today, changes: null, replicaLagSeconds: replicaLag } as const;
  const page = asTable ? { ...query, limit: query.limit ?? MOST_LINES } : query;
  return report(reportsDb, scope, { teamId, depth }, page, frame, signal);
}

type Placed = GrowthReportRow["people"][number];
type Query = Omit<TeamGrowthQuery, "depth"> & PageQuery;

async function report(
  db: PrismaClient,
  { caller }: Scope,
  population: Population,
  { from, to, dueWithinDays = DUE_WITHIN_DAYS, ...page }: Query,
  frame: Pick<GrowthFrame, "scope" | "changes" | "replicaLagSeconds"> & { today: Day },
  signal: AbortSignal,
): Promise<GrowthReport> {
  const { today } = frame;
  const period = reportPeriod({ from, to }, today);
  const previous = previousPeriod(period);
  let row: GrowthReportRow | undefined;
  const { items: people, next } = await readPage(
    ["growth", frame.scope, period, today],
    page,
    { text: (person: Placed) => person.place },
    async (take, after) => {
      const place = after && { place: String(after.value), id: after.id };
      row = await readGrowthReport(db, { population, period, previous, dueWithinDays, caller, today, take, after: place }, signal);
      return row.people;
    },
  );
  return makeGrowthReport({ ...frame, period, previous, people, next }, row as GrowthReportRow);
}
