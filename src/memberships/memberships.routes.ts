import { z } from "zod";
import { change } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { Id, LearnerId } from "../http/schema";
import { MembershipHistory, MembershipMove } from "./memberships.schema";
import { deleteMembership, getMembershipHistory, involvedInMembership, moveLearner } from "./memberships.service";

const tags = ["Learners"];
const params = z.object({ learnerId: LearnerId });

export function membershipRoutes(app: App, { db, may }: Context): void {
  app.route({
    method: "GET",
    url: "/learners/:learnerId/membership",
    preHandler: may.readProfile,
    schema: {
      operationId: "getMembership",
      summary: "Read which team a learner is in, and was in before",
      description: "The teams of one person by day: what `as-of` reports count by. Changes nothing.",
      tags,
      params,
      response: { 200: MembershipHistory, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params }) => getMembershipHistory(db, scope, params.learnerId),
  });

  app.route({
    method: "PUT",
    url: "/learners/:learnerId/membership",
    preHandler: may.keepLearner,
    config: { answers: "getMembership" },
    schema: {
      operationId: "moveLearner",
      summary: "Move a learner into a team, or out of all, from a day on",
      description: "Keeps memberships as the directory knows them. Ends the one before on that day and begins the new one.",
      tags,
      params,
      body: MembershipMove,
      response: { 200: MembershipHistory, ...problems("not-found", "forbidden", "membership-overlap", "reference-missing") },
    },
    handler: (request) =>
      change(
        db,
        request,
        (tx) => moveLearner(tx, request.params.learnerId, request.body, request.scope.today),
        (tx) => involvedInMembership(tx, request.params.learnerId, request.scope.today),
      ),
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/membership/:membershipId",
    preHandler: may.keepLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteMembership",
      summary: "Delete a membership that never was",
      description: "Corrects a mistake: deletes one stay in a team as if it had never been, so reports of its days change.",
      tags,
      params: params.extend({ membershipId: Id }),
      response: { 204: z.null(), ...problems("not-found", "forbidden") },
    },
    handler: async (request, reply) => {
      const { learnerId, membershipId } = request.params;
      await change(
        db,
        request,
        (tx) => deleteMembership(tx, learnerId, membershipId),
        (tx) => involvedInMembership(tx, learnerId, request.scope.today),
      );
      return reply.status(204).send(null);
    },
  });
}
