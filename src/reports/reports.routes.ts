import { z } from "zod";
import type { Shown } from "../audit/audit.routes";
import type { Context } from "../context";
import type { Db } from "../database/transaction";
import type { App } from "../http/app-type";
import type { Page } from "../http/paging";
import { problems } from "../http/problem";
import { csvForm, csvList, sendWritten, wantsCsv } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { TeamStudySession, TeamStudySessionList, TeamStudySessionPage } from "../study-sessions/study-sessions.schema";
import type { Written } from "../study-sessions/written";
import { Breakdown, breakdownCsv, LearnerBreakdownQuery, TeamBreakdownQuery } from "./breakdown.schema";
import { getLearnerBreakdown, getTeamBreakdown, listTeamSessions } from "./breakdown.service";
import { GrowthReport, growthCsv, LearnerGrowthQuery, TeamGrowthQuery } from "./growth-report.schema";
import { getLearnerGrowth, getTeamGrowth } from "./growth-report.service";

const tags = ["Reports"];
const ofTeam = z.object({ teamId: Id });

export function reportRoutes(app: App, { db, reportsDb, config, clock, may }: Context): void {
  app.route({
    method: "GET",
    url: "/learners/:learnerId/breakdown",
    preHandler: may.reportOnLearner,
    config: { ...csvForm(breakdownCsv), work: "heavy" },
    schema: {
      operationId: "getLearnerBreakdown",
      summary: "Read a learner's real mix of on-the-job, social and formal learning",
      description: 'The answer to "how do I really learn?", against a reference and over time; docs/breakdown.md explains each figure. Changes nothing.',
      tags,
      params: z.object({ learnerId: LearnerId }),
      querystring: LearnerBreakdownQuery,
      response: { 200: Breakdown, ...problems("not-found", "forbidden", "too-many-groups") },
    },
    handler: ({ scope, params, query, signal }) => getLearnerBreakdown({ db, reportsDb }, config, scope, params.learnerId, query, clock(), signal),
  });

  app.route({
    method: "GET",
    url: "/teams/:teamId/breakdown",
    preHandler: may.reportOnTeam,
    config: { ...csvForm(breakdownCsv), shows: (report: Breakdown) => peopleOfBreakdown(db, report), work: "heavy" },
    schema: {
      operationId: "getTeamBreakdown",
      summary: "Read a team's real mix of on-the-job, social and formal learning",
      description: 'The answer to "how does my team really learn?", of those whom the caller may see; docs/breakdown.md explains each figure. Changes nothing.',
      tags,
      params: ofTeam,
      querystring: TeamBreakdownQuery,
      response: { 200: Breakdown, ...problems("not-found", "forbidden", "too-many-groups") },
    },
    handler: ({ scope, params, query, signal }) => getTeamBreakdown({ db, reportsDb }, config, scope, params.teamId, query, signal),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/growth",
    preHandler: may.reportOnLearner,
    config: { ...csvForm(growthCsv), work: "heavy" },
    schema: {
      operationId: "getLearnerGrowth",
      summary: "Read how a learner's goals are doing, and what changed since a day",
      description: "For a one-to-one: progress, what is due or blocked, what changed; docs/growth.md explains each figure. Changes nothing.",
      tags,
      params: z.object({ learnerId: LearnerId }),
      querystring: LearnerGrowthQuery,
      response: { 200: GrowthReport, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query, signal }) => getLearnerGrowth({ db, reportsDb }, scope, params.learnerId, query, clock(), signal),
  });

  app.route({
    method: "GET",
    url: "/teams/:teamId/growth",
    preHandler: may.reportOnTeam,
    config: { ...csvForm(growthCsv), shows: peopleOfGrowth, work: "heavy" },
    schema: {
      operationId: "getTeamGrowth",
      summary: "Read how the goals of a team's people are doing; who needs attention comes first",
      description: "For a lead: who needs attention, what is due or blocked, what waits for a review; docs/growth.md explains each figure. Changes nothing.",
      tags,
      params: ofTeam,
      querystring: TeamGrowthQuery,
      response: { 200: GrowthReport, ...problems("not-found", "forbidden") },
    },
    handler: (request) => getTeamGrowth({ db, reportsDb }, request.scope, request.params.teamId, request.query, wantsCsv(request), request.signal),
  });

  app.route({
    method: "GET",
    url: "/teams/:teamId/study-sessions",
    preHandler: may.reportOnTeam,
    config: { ...csvList(TeamStudySession), shows: ({ items }: Page<Written>) => items.map(learnerOf), work: "heavy" },
    schema: {
      operationId: "listTeamStudySessions",
      summary: "List the study sessions behind a team's breakdown, the latest first",
      description: "Drills down from a figure to its rows, with the filters of the breakdown. Changes nothing.",
      tags,
      params: ofTeam,
      querystring: TeamStudySessionList,
      response: { 200: TeamStudySessionPage, ...problems("not-found", "forbidden") },
    },
    handler: async ({ scope, params, query }, reply) => sendWritten(reply, await listTeamSessions(db, scope, params.teamId, query)),
  });
}

// Whom a team's report shows by themselves.

function learnerOf({ learnerId }: { learnerId: string }): string {
  return learnerId;
}

async function peopleOfBreakdown(db: Db, { scope, filters, groupBy, groups, total }: Breakdown): Promise<Shown> {
  // Whoever is not in the report is not shown by being asked for.
  const learner = total.learners.eligible || total.learners.active ? filters.learner : null;
  const goals = [filters.goal].filter((id) => id && id !== "none") as string[];
  // By way of the team's people: goals are found by their learner.
  const inTeam = { memberships: { some: { team: { ancestors: { some: { ancestorId: scope.id } } } } } };
  const owners = goals.length ? await db.goal.findMany({ where: { id: { in: goals }, learner: inTeam }, select: { learnerId: true } }) : [];
  return [learner, ...owners.map(learnerOf), ...groups.map(({ id, learnerId }) => (groupBy === "learner" ? id : learnerId))];
}

function peopleOfGrowth({ items, due, reviewsWaiting }: GrowthReport): string[] {
  return [...items.map(({ id }) => id), ...[...due.items, ...reviewsWaiting.items].map(learnerOf)];
}
