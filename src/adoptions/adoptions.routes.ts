import { z } from "zod";
import { change } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { Id, LearnerId } from "../http/schema";
import { PathAdopt, PathChange, PathChangeQuery } from "./adoptions.schema";
import { adoptPath, previewChange } from "./adoptions.service";

const tags = ["Goals"];
const params = z.object({ learnerId: LearnerId, goalId: Id });
const url = "/learners/:learnerId/goals/:goalId/path";
const refusals = ["goal-closed", "path-adopted", "path-archived", "path-not-published", "prerequisite-circle", "too-many-steps"] as const;

export function adoptionRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "PUT",
    url,
    preHandler: may.writeLearner,
    config: { work: "heavy", answers: "previewPathChange" },
    schema: {
      operationId: "adoptPath",
      summary: "Adopt a path, or take a newer version over; what is done stays done",
      description: "Fills a goal with a path's steps, or brings it to a newer version. Writes steps; none that is done is lost.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: PathAdopt,
      response: { 200: PathChange, ...problems("not-found", "forbidden", "version-mismatch", ...refusals) },
    },
    handler: (request) =>
      change(db, request, (tx) => adoptPath(tx, request.scope, request.params.learnerId, request.params.goalId, request.body, clock(), ifVersion(request))),
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.readLearner,
    config: { work: "heavy" },
    schema: {
      operationId: "previewPathChange",
      summary: "See what taking a newer version over would change, without changing anything",
      description: "What `PUT` at this address would do. Changes nothing.",
      tags,
      params,
      querystring: PathChangeQuery,
      response: { 200: PathChange, ...problems("not-found", "forbidden", ...refusals) },
    },
    handler: ({ scope, params, query }) => previewChange(db, scope, params.learnerId, params.goalId, query.version, clock()),
  });
}
