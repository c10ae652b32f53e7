import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { ProblemCode } from "../errors";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { overResource } from "../resources/resources.service";
import { completeStep, skipStep, startStep, uncompleteStep, unskipStep, unstartStep } from "./step-states";
import { Step, StepCompletion, StepCreate, StepList, StepPage, StepSkip, StepStart, StepUpdate } from "./steps.schema";
import { createStep, deleteStep, getStep, listSteps, updateStep } from "./steps.service";

const tags = ["Goals"];
const ofGoal = z.object({ learnerId: LearnerId, goalId: Id });
const params = ofGoal.extend({ stepId: Id });
const url = "/learners/:learnerId/goals/:goalId/steps";
const keyOf = ({ learnerId, goalId, stepId }: z.infer<typeof params>) => ({ learnerId, goalId, id: stepId });
const derived = { derived: true };

export function stepRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url,
    preHandler: may.writeLearner,
    config: { ...derived, answers: "getStep", tellsNull: overResource },
    schema: {
      operationId: "createStep",
      summary: "Add a step to a goal",
      description: "Cuts a goal into parts. Stores one step; progress and health follow.",
      tags,
      params: ofGoal,
      headers: IdempotencyHeaders,
      body: StepCreate,
      response: {
        201: Step,
        ...problems("not-found", "forbidden", "already-exists", "goal-closed", "reference-missing", "prerequisite-circle", "too-many-steps", ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const { learnerId, goalId } = request.params;
        const step = await createStep(tx, learnerId, goalId, request.body, clock());
        return { status: 201, body: step, location: `/v1/learners/${learnerId}/goals/${goalId}/steps/${step.id}` };
      }),
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.readLearner,
    config: csvList(Step),
    schema: {
      operationId: "listSteps",
      summary: "List a goal's steps, in its order",
      description: "All parts of a goal with their state, and what blocks them. Changes nothing.",
      tags,
      params: ofGoal,
      querystring: StepList,
      response: { 200: StepPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ params, query }) => listSteps(db, params.learnerId, params.goalId, query, clock()),
  });

  app.route({
    method: "GET",
    url: `${url}/:stepId`,
    preHandler: may.readLearner,
    config: derived,
    schema: {
      operationId: "getStep",
      summary: "Read a step",
      description: "One step with its state, and what blocks it. Changes nothing.",
      tags,
      params,
      response: { 200: Step, ...problems("not-found", "forbidden") },
    },
    handler: ({ params }) => getStep(db, keyOf(params), clock()),
  });

  app.route({
    method: "PATCH",
    url: `${url}/:stepId`,
    preHandler: may.writeLearner,
    config: { ...derived, answers: "getStep" },
    schema: {
      operationId: "updateStep",
      summary: "Change or move a step (merge patch)",
      description: "Keeps a step: its words, days, weight, place and prerequisites.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: StepUpdate,
      response: {
        200: Step,
        ...problems("not-found", "forbidden", "goal-closed", "reference-missing", "prerequisite-circle", "version-mismatch"),
      },
    },
    handler: (request) => change(db, request, (tx) => updateStep(tx, keyOf(request.params), request.body, ifVersion(request), clock())),
  });

  app.route({
    method: "DELETE",
    url: `${url}/:stepId`,
    preHandler: may.writeLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteStep",
      summary: "Delete a step that nothing refers to",
      description: "Takes a step out of a goal. One that something refers to is refused: skip it.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "goal-closed", "in-use", "version-mismatch") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => deleteStep(tx, request.scope, keyOf(request.params), ifVersion(request)));
      return reply.status(204).send(null);
    },
  });

  const state = (operationId: string, summary: string, description: string, ...codes: ProblemCode[]) => ({
    operationId,
    summary,
    description,
    tags,
    params,
    headers: IfMatchHeaders,
    response: { 200: Step, ...problems("not-found", "forbidden", "goal-closed", "version-mismatch", ...codes) },
  });
  const ofState = { preHandler: may.writeLearner, config: { ...derived, answers: "getStep" } } as const;

  app.route({
    ...ofState,
    method: "PUT",
    url: `${url}/:stepId/start`,
    schema: { ...state("startStep", "Start a step; its first study session does so, too", "Says that work on a step began. Writes the day."), body: StepStart },
    handler: (request) => change(db, request, (tx) => startStep(tx, keyOf(request.params), request.body, ifVersion(request), clock())),
  });

  app.route({
    ...ofState,
    method: "DELETE",
    url: `${url}/:stepId/start`,
    schema: state("unstartStep", "Take a step's start back", "For a start by mistake. Takes the day away."),
    handler: (request) => change(db, request, (tx) => unstartStep(tx, keyOf(request.params), ifVersion(request), clock())),
  });

  app.route({
    ...ofState,
    method: "PUT",
    url: `${url}/:stepId/completion`,
    schema: {
      ...state("completeStep", "Complete a step", "Says that a step is done. Writes the day; steps that waited for it may begin.", "step-blocked"),
      body: StepCompletion,
    },
    handler: (request) => change(db, request, (tx) => completeStep(tx, keyOf(request.params), request.body, ifVersion(request), clock())),
  });

  app.route({
    ...ofState,
    method: "DELETE",
    url: `${url}/:stepId/completion`,
    schema: state("uncompleteStep", "Take a step's completion back", "For a completion by mistake. Takes the day away."),
    handler: (request) => change(db, request, (tx) => uncompleteStep(tx, keyOf(request.params), ifVersion(request), clock())),
  });

  app.route({
    ...ofState,
    method: "PUT",
    url: `${url}/:stepId/skip`,
    schema: {
      ...state(
        "skipStep",
        "Skip a step: it counts neither for nor against progress",
        "Leaves a step out of the goal's progress. Writes the state.",
        "step-completed",
      ),
      body: StepSkip,
    },
    handler: (request) => change(db, request, (tx) => skipStep(tx, keyOf(request.params), request.body, ifVersion(request), clock())),
  });

  app.route({
    ...ofState,
    method: "DELETE",
    url: `${url}/:stepId/skip`,
    schema: state("unskipStep", "Take a step in again", "Counts a skipped step again. Writes the state."),
    handler: (request) => change(db, request, (tx) => unskipStep(tx, keyOf(request.params), ifVersion(request), clock())),
  });
}
