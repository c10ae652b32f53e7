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
import { Learner, LearnerCreate, LearnerList, LearnerPage, LearnerUpdate } from "./learners.schema";
import { createLearner, getLearner, listLearners, updateLearner } from "./learners.service";

const tags = ["Learners"];
const params = z.object({ learnerId: Id });
const idOf = ({ id }: Learner) => id;

export function learnerRoutes(app: App, { db, config, may }: Context): void {
  app.route({
    method: "POST",
    url: "/learners",
    preHandler: may.keepDirectory,
    config: { answers: "listLearners" },
    schema: {
      operationId: "createLearner",
      summary: "Create a learner",
      tags,
      headers: IdempotencyHeaders,
      body: LearnerCreate,
      response: { 201: Learner, ...problems("forbidden", "already-exists", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => {
          const learner = await createLearner(tx, request.body, config.TIME_ZONE);
          return { status: 201, body: learner, location: `/v1/learners/${learner.id}` };
        },
        { involves: ({ id }) => [id] },
      ),
  });

  app.route({
    method: "GET",
    url: "/learners",
    preHandler: may.listProfiles,
    config: { ...csvList(Learner), shows: ({ items }: Page<Learner>) => items.map(idOf) },
    schema: {
      operationId: "listLearners",
      summary: "List the learners whom the caller may see, by name",
      tags,
      querystring: LearnerList,
      response: { 200: LearnerPage, ...problems("forbidden") },
    },
    handler: ({ scope, query }) => listLearners(db, scope, query),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId",
    preHandler: may.readProfile,
    schema: { operationId: "getLearner", summary: "Read a learner", tags, params, response: { 200: Learner, ...problems("not-found", "forbidden") } },
    handler: ({ params }) => getLearner(db, params.learnerId),
  });

  app.route({
    method: "PATCH",
    url: "/learners/:learnerId",
    preHandler: may.writeProfile,
    config: { answers: "getLearner" },
    schema: {
      operationId: "updateLearner",
      summary: "Change a learner (merge patch)",
      tags,
      params,
      headers: IfMatchHeaders,
      body: LearnerUpdate,
      response: { 200: Learner, ...problems("not-found", "forbidden", "already-exists", "version-mismatch") },
    },
    handler: (request) => change(db, request, (tx) => updateLearner(tx, request.scope, request.params.learnerId, request.body, ifVersion(request))),
  });
}
