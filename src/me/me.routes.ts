import { z } from "zod";
import { personOf } from "../access/scope";
import type { Context } from "../context";
import { ApiKeyRole } from "../generated/prisma/enums";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { Id, Instant } from "../http/schema";
import { listAlerts } from "../invitations/invitations.service";
import { Learner } from "../learners/learners.schema";
import { Team } from "../teams/teams.schema";
import { presentTeams } from "../teams/teams.service";

const Alert = z
  .object({
    kind: z.literal("invitation-redeemed-twice").meta({
      description:
        "Two people had the learner's invitation. Ask the learner whether the key is theirs; if not, have an admin delete the invitation, which revokes the key.",
    }),
    learnerId: Id,
    name: z.string(),
    invitationId: Id,
    at: Instant,
  })
  .meta({
    id: "Alert",
    examples: [
      {
        kind: "invitation-redeemed-twice",
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        name: "Tomas Lind",
        invitationId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
        at: "2026-11-23T09:30:00.000Z",
      },
    ],
  });

const Me = z
  .object({
    role: z.enum(ApiKeyRole),
    apiKey: z
      .object({ id: Id, name: z.string(), actsFor: z.boolean().meta({ description: "Whether somebody else made it, to act for the learner." }) })
      .nullable()
      .meta({ description: "null: signed in with a token of the identity provider's." }),
    learner: Learner.nullable().meta({ description: "The person whose key or token it is, or for whom the key acts; null for a service's or an admin's key." }),
    leads: z.array(Team).meta({ description: "The teams that the person leads." }),
    alerts: z.array(Alert).meta({
      description: "What to look into, of the last thirty days: of themselves for a learner, of whoever is below for a lead, of everybody for an admin.",
    }),
  })
  .meta({
    id: "Me",
    description: "Who the API takes the caller for.",
    examples: [
      { role: "service", apiKey: { id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", name: "Team dashboard", actsFor: false }, learner: null, leads: [], alerts: [] },
    ],
  });
type Me = z.infer<typeof Me>;

export function meRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "GET",
    url: "/me",
    preHandler: may.signedIn,
    config: { shows: ({ learner, alerts }: Me) => [learner?.id, ...alerts.map(({ learnerId }) => learnerId)] },
    schema: {
      operationId: "getMe",
      summary: "Read who is calling",
      description: "Where a client begins: the caller's role, scopes, learner and teams, and what they should know of. Changes nothing.",
      tags: ["Caller"],
      response: { 200: Me, ...problems() },
    },
    handler: async ({ scope }) => {
      const { caller } = scope;
      const { role, id, name } = caller;
      const learnerId = caller.role === "learner" ? caller.learnerId : personOf(caller);
      const apiKey = caller.signedInBy === "api-key" ? { id, name, actsFor: learnerId !== personOf(caller) } : null;
      const alerts = (await listAlerts(db, scope, clock())).map((alert) => ({ kind: "invitation-redeemed-twice" as const, ...alert }));
      if (!learnerId) return { role, apiKey, learner: null, leads: [], alerts };
      const { ledTeams, ...learner } = await db.learner.findUniqueOrThrow({
        where: { id: learnerId },
        include: { ledTeams: { orderBy: [{ name: "asc" }, { id: "asc" }] } },
      });
      return { role, apiKey, learner, leads: await presentTeams(db, scope, ledTeams), alerts };
    },
  });
}
