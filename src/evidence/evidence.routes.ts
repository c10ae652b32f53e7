import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { Evidence, EvidenceCreate, EvidenceList, EvidencePage, EvidenceUpdate } from "./evidence.schema";
import { addEvidence, deleteEvidence, getEvidence, listEvidence, updateEvidence } from "./evidence.service";

const tags = ["Goals"];
const ofGoal = z.object({ learnerId: LearnerId, goalId: Id });
const params = ofGoal.extend({ evidenceId: Id });
const url = "/learners/:learnerId/goals/:goalId/evidence";
const keyOf = ({ learnerId, goalId, evidenceId }: z.infer<typeof params>) => ({ learnerId, goalId, id: evidenceId });

export function evidenceRoutes(app: App, { db, may }: Context): void {
  app.route({
    method: "POST",
    url,
    preHandler: may.writeLearner,
    config: { answers: "getEvidence" },
    schema: {
      operationId: "addEvidence",
      summary: "Add evidence, a link or words, to a goal or a step; private unless shared",
      description: "Shows what was learned. Stores one link or text.",
      tags,
      params: ofGoal,
      headers: IdempotencyHeaders,
      body: EvidenceCreate,
      response: { 201: Evidence, ...problems("not-found", "forbidden", "already-exists", "reference-missing", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const { learnerId, goalId } = request.params;
        const evidence = await addEvidence(tx, request.scope, learnerId, goalId, request.body);
        return { status: 201, body: evidence, location: `/v1/learners/${learnerId}/goals/${goalId}/evidence/${evidence.id}` };
      }),
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.readLearner,
    config: csvList(Evidence),
    schema: {
      operationId: "listEvidence",
      summary: "List a goal's evidence as far as the caller may see it, the newest first",
      description: "What shows that a goal was reached: all for the learner, otherwise what is shared. Changes nothing.",
      tags,
      params: ofGoal,
      querystring: EvidenceList,
      response: { 200: EvidencePage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listEvidence(db, scope, params.learnerId, params.goalId, query),
  });

  app.route({
    method: "GET",
    url: `${url}/:evidenceId`,
    preHandler: may.readLearner,
    schema: {
      operationId: "getEvidence",
      summary: "Read evidence",
      description: "One piece of evidence. Changes nothing.",
      tags,
      params,
      response: { 200: Evidence, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params }) => getEvidence(db, scope, keyOf(params)),
  });

  app.route({
    method: "PATCH",
    url: `${url}/:evidenceId`,
    preHandler: may.writeLearner,
    config: { answers: "getEvidence" },
    schema: {
      operationId: "updateEvidence",
      summary: "Change evidence, or share it (merge patch)",
      description: "Keeps evidence, shares it, or makes it private again.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: EvidenceUpdate,
      response: { 200: Evidence, ...problems("not-found", "forbidden", "reference-missing", "version-mismatch") },
    },
    handler: (request) => change(db, request, (tx) => updateEvidence(tx, request.scope, keyOf(request.params), request.body, ifVersion(request))),
  });

  app.route({
    method: "DELETE",
    url: `${url}/:evidenceId`,
    preHandler: may.writeLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteEvidence",
      summary: "Delete evidence",
      description: "Deletes one piece of evidence.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "version-mismatch") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => deleteEvidence(tx, request.scope, keyOf(request.params), ifVersion(request)));
      return reply.status(204).send(null);
    },
  });
}
