import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import type { Page } from "../http/paging";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id } from "../http/schema";
import { Member, MemberList, MemberPage, Team, TeamCreate, TeamList, TeamPage, TeamUpdate } from "./teams.schema";
import { createTeam, deleteTeam, getTeam, involvedInTeam, listMembers, listTeams, updateTeam } from "./teams.service";

const tags = ["Teams"];
const params = z.object({ teamId: Id });
// The parent comes and goes with what the caller sees.
const derived = { derived: true };

export function teamRoutes(app: App, { db, may }: Context): void {
  app.route({
    method: "POST",
    url: "/teams",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "listTeams" },
    schema: {
      operationId: "createTeam",
      summary: "Create a team",
      description: "For the directory: a node of the organisation's tree. Stores one team.",
      tags,
      headers: IdempotencyHeaders,
      body: TeamCreate,
      response: {
        201: Team,
        ...problems("forbidden", "already-exists", "team-cycle", "learner-erased", "reference-missing", ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => {
          const team = await createTeam(tx, request.scope, request.body);
          return { status: 201, body: team, location: `/v1/teams/${team.id}` };
        },
        { involves: ({ leadId }) => [leadId] },
      ),
  });

  app.route({
    method: "GET",
    url: "/teams",
    preHandler: may.signedIn,
    config: { ...csvList(Team), shows: "nobody" },
    schema: {
      operationId: "listTeams",
      summary: "List the teams that the caller may see, by name",
      description: "Finds teams by name, by lead, or by their place in the tree. Changes nothing.",
      tags,
      querystring: TeamList,
      response: { 200: TeamPage, ...problems() },
    },
    handler: ({ scope, query }) => listTeams(db, scope, query),
  });

  app.route({
    method: "GET",
    url: "/teams/:teamId",
    preHandler: may.readTeam,
    config: { ...derived, shows: "nobody" },
    schema: {
      operationId: "getTeam",
      summary: "Read a team",
      description: "One team with its lead, parent and target. Changes nothing.",
      tags,
      params,
      response: { 200: Team, ...problems("not-found") },
    },
    handler: ({ scope, params }) => getTeam(db, scope, params.teamId),
  });

  app.route({
    method: "PATCH",
    url: "/teams/:teamId",
    preHandler: may.keepTeam,
    config: { ...derived, answers: "getTeam" },
    schema: {
      operationId: "updateTeam",
      summary: "Change a team, or move it with all below it from today on (merge patch)",
      description: "Keeps a team: name, lead, target, parent. A new parent takes all below along.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: TeamUpdate,
      response: { 200: Team, ...problems("not-found", "forbidden", "team-cycle", "learner-erased", "reference-missing", "version-mismatch") },
    },
    handler: (request) =>
      change(
        db,
        request,
        (tx) => updateTeam(tx, request.scope, request.params.teamId, request.body, ifVersion(request)),
        async (tx) => (decidesSight(request.body) ? involvedInTeam(tx, request.params.teamId, request.scope.today) : {}),
      ),
  });

  app.route({
    method: "DELETE",
    url: "/teams/:teamId",
    preHandler: may.keepTeam,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteTeam",
      summary: "Delete a team that never had members or teams below it",
      description: "Takes back a team that was made by mistake.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "in-use", "version-mismatch") },
    },
    handler: async (request, reply) => {
      const { teamId } = request.params;
      await change(
        db,
        request,
        (tx) => deleteTeam(tx, teamId, ifVersion(request)),
        (tx) => involvedInTeam(tx, teamId, request.scope.today),
      );
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "GET",
    url: "/teams/:teamId/members",
    preHandler: may.reportOnTeam,
    config: { ...csvList(Member), shows: ({ items }: Page<Member>) => items.map(({ id }) => id) },
    schema: {
      operationId: "listTeamMembers",
      summary: "List who is in a team on a day, by name",
      description: "Who is in a team, or was on some day. Changes nothing.",
      tags,
      params,
      querystring: MemberList,
      response: { 200: MemberPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listMembers(db, scope, params.teamId, query),
  });
}

/** Whether a change lets others see the team's people, or no longer. */
function decidesSight({ parentId, leadId }: TeamUpdate): boolean {
  return parentId !== undefined || leadId !== undefined;
}
