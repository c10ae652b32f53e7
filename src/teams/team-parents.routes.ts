import { z } from "zod";
import { change } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { Id } from "../http/schema";
import { TeamMove, TeamParentHistory } from "./team-parents.schema";
import { getTeamParents, moveTeam } from "./team-parents.service";
import { involvedInTeam } from "./teams.service";

const tags = ["Teams"];
const params = z.object({ teamId: Id });

export function teamParentRoutes(app: App, { db, may }: Context): void {
  app.route({
    method: "GET",
    url: "/teams/:teamId/parent",
    preHandler: may.readTeam,
    config: { shows: "nobody" },
    schema: {
      operationId: "getTeamParent",
      summary: "Read which team a team is below, and was below before",
      description: "Where a team is in the tree, and where it was before. Changes nothing.",
      tags,
      params,
      response: { 200: TeamParentHistory, ...problems("not-found") },
    },
    handler: ({ scope, params }) => getTeamParents(db, scope, params.teamId),
  });

  app.route({
    method: "PUT",
    url: "/teams/:teamId/parent",
    preHandler: may.keepTeam,
    config: { answers: "getTeamParent" },
    schema: {
      operationId: "moveTeam",
      summary: "Move a team with all below it from a day on, or set right where it was",
      description: "Says from which day on a team is below another, so that `as-of` reports know it. Writes the team's parents by day.",
      tags,
      params,
      body: TeamMove,
      response: { 200: TeamParentHistory, ...problems("not-found", "forbidden", "team-cycle", "reference-missing") },
    },
    handler: (request) =>
      change(
        db,
        request,
        (tx) => moveTeam(tx, request.scope, request.params.teamId, request.body),
        (tx) => involvedInTeam(tx, request.params.teamId, request.scope.today),
      ),
  });
}
