import { z } from "zod";
import { personOf } from "../access/scope";
import type { Context } from "../context";
import { ApiKeyRole } from "../generated/prisma/enums";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { Id } from "../http/schema";
import { Learner } from "../learners/learners.schema";
import { Team } from "../teams/teams.schema";
import { presentTeams } from "../teams/teams.service";

const Me = z
  .object({
    role: z.enum(ApiKeyRole),
    apiKey: z.object({ id: Id, name: z.string() }).nullable().meta({ description: "null: signed in with a token of the identity provider's." }),
    learner: Learner.nullable().meta({ description: "The person whose key or token it is; null for a service's or an admin's key." }),
    leads: z.array(Team).meta({ description: "The teams that the person leads." }),
  })
  .meta({
    id: "Me",
    description: "Who the API takes the caller for.",
    examples: [{ role: "service", apiKey: { id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", name: "Team dashboard" }, learner: null, leads: [] }],
  });

export function meRoutes(app: App, { db, may }: Context): void {
  app.route({
    method: "GET",
    url: "/me",
    preHandler: may.signedIn,
    config: { shows: "nobody" },
    schema: { operationId: "getMe", summary: "Read who is calling", tags: ["Caller"], response: { 200: Me, ...problems() } },
    handler: async ({ scope }) => {
      const { caller } = scope;
      const { role, id, name, signedInBy } = caller;
      const identity = { role, apiKey: signedInBy === "api-key" ? { id, name } : null };
      const learnerId = personOf(caller);
      if (!learnerId) return { ...identity, learner: null, leads: [] };
      const { ledTeams, ...learner } = await db.learner.findUniqueOrThrow({
        where: { id: learnerId },
        include: { ledTeams: { orderBy: [{ name: "asc" }, { id: "asc" }] } },
      });
      return { ...identity, learner, leads: await presentTeams(db, scope, ledTeams) };
    },
  });
}
