import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { overResource } from "../resources/resources.service";
import { createGoalWithSteps } from "../steps/create-goal";
import { Goal, GoalCreate, GoalList, GoalPage, GoalUpdate } from "./goals.schema";
import { deleteGoal, getGoal, involvedInGoal, listGoals, updateGoal } from "./goals.service";

const tags = ["Goals"];
const ofLearner = z.object({ learnerId: LearnerId });
const params = ofLearner.extend({ goalId: Id });
const REFUSALS = ["goal-circle", "reference-missing", "reviewer-not-above"] as const;

export function goalRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url: "/learners/:learnerId/goals",
    preHandler: may.writeLearner,
    config: { answers: "getGoal", derived: true, tellsNull: overResource },
    schema: {
      operationId: "createGoal",
      summary: "Set a goal, with steps of its own",
      description: "What somebody wants to be able to do, why, and by when, with the steps to it if they are known. Stores all of it or nothing.",
      tags,
      params: ofLearner,
      headers: IdempotencyHeaders,
      body: GoalCreate,
      response: {
        201: Goal,
        ...problems("not-found", "forbidden", "already-exists", "goal-closed", "prerequisite-circle", "too-many-prerequisites", ...REFUSALS, ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => {
          const goal = await createGoalWithSteps(tx, request.scope, request.params.learnerId, request.body, clock());
          return { status: 201, body: goal, location: `/v1/learners/${goal.learnerId}/goals/${goal.id}` };
        },
        { involves: ({ reviewerId }) => [reviewerId] },
      ),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/goals",
    preHandler: may.readLearner,
    config: csvList(Goal),
    schema: {
      operationId: "listGoals",
      summary: "List a learner's goals, newest first",
      description: "A person's goals with progress, pace and health, which are worked out for each. Changes nothing.",
      tags,
      params: ofLearner,
      querystring: GoalList,
      response: { 200: GoalPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listGoals(db, scope, params.learnerId, query, clock()),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/goals/:goalId",
    preHandler: may.readLearner,
    config: { derived: true },
    schema: {
      operationId: "getGoal",
      summary: "Read a goal",
      description: "One goal with its progress, pace and health. Changes nothing.",
      tags,
      params,
      response: { 200: Goal, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params }) => getGoal(db, scope, params.learnerId, params.goalId, clock()),
  });

  app.route({
    method: "PATCH",
    url: "/learners/:learnerId/goals/:goalId",
    preHandler: may.writeLearner,
    config: { answers: "getGoal", derived: true },
    schema: {
      operationId: "updateGoal",
      summary: "Change a goal (merge patch)",
      description: "Keeps a goal: its words, days, status, target or reviewer.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: GoalUpdate,
      response: { 200: Goal, ...problems("not-found", "forbidden", "version-mismatch", ...REFUSALS) },
    },
    handler: (request) =>
      change(
        db,
        request,
        (tx) => updateGoal(tx, request.scope, request.params.learnerId, request.params.goalId, request.body, ifVersion(request), clock()),
        (tx) => involvedInGoal(tx, request.params.learnerId, request.params.goalId),
      ),
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/goals/:goalId",
    preHandler: may.writeLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteGoal",
      summary: "Delete a goal, and what it holds, unless something was logged on it, it was reviewed, or another goal follows it",
      description: "Deletes a goal with its steps, evidence and terms. What has a history is refused.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "in-use", "version-mismatch") },
    },
    handler: async (request, reply) => {
      const { learnerId, goalId } = request.params;
      await change(
        db,
        request,
        (tx) => deleteGoal(tx, learnerId, goalId, ifVersion(request)),
        (tx) => involvedInGoal(tx, learnerId, goalId),
      );
      return reply.status(204).send(null);
    },
  });
}
