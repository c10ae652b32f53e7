import { z } from "zod";
import { actOf } from "../audit/audit.service";
import { noteRecorded } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { reasonHeader } from "../http/change-reason";
import { problems } from "../http/problem";
import { LearnerId } from "../http/schema";
import { LearnerMerge, Merger, MergerQuery } from "./mergers.schema";
import { mergeLearner, previewMerger } from "./mergers.service";

const tags = ["Learners"];
const params = z.object({ learnerId: LearnerId });
const url = "/learners/:learnerId/merger";

export function mergerRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "PUT",
    url,
    preHandler: may.mergeLearner,
    config: { work: "heavy", answers: "outcomes" },
    schema: {
      operationId: "mergeLearner",
      summary: "Merge a second record of a person into the one that stays, for good",
      description: "For one person who was entered twice. Moves what the second record holds, and makes its id lead to the one that stays.",
      tags,
      params,
      headers: z.looseObject(reasonHeader),
      body: LearnerMerge,
      response: { 200: Merger, ...problems("not-found", "forbidden", "merger-conflict", "reference-missing") },
    },
    handler: async (request) => {
      const ids = { ...request.params, ...request.body };
      const merger = await mergeLearner(db, request.scope, ids, actOf(request), clock());
      noteRecorded(request);
      return merger;
    },
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.mergeLearner,
    config: { work: "heavy", shows: ({ survivorId }: Merger) => [survivorId] },
    schema: {
      operationId: "previewMerger",
      summary: "See what merging a second record of a person would do, and what stands in the way, without changing anything",
      description: "What `POST` would do, before it can no longer be undone. Changes nothing.",
      tags,
      params,
      headers: z.looseObject(reasonHeader),
      querystring: MergerQuery,
      response: { 200: Merger, ...problems("not-found", "forbidden", "learner-erased", "reference-missing") },
    },
    handler: ({ scope, params, query }) => previewMerger(db, scope, { ...params, ...query }),
  });
}
