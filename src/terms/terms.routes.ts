import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { GlossaryEntry, GlossaryList, GlossaryPage, Term, TermCreate, TermList, TermPage, TermUpdate } from "./terms.schema";
import { addTerm, deleteTerm, getTerm, listGlossary, listTerms, updateTerm } from "./terms.service";

const tags = ["Goals"];
const ofLearner = z.object({ learnerId: LearnerId });
const ofGoal = ofLearner.extend({ goalId: Id });
const params = ofGoal.extend({ termId: Id });
const url = "/learners/:learnerId/goals/:goalId/terms";
const keyOf = ({ learnerId, goalId, termId }: z.infer<typeof params>) => ({ learnerId, goalId, id: termId });

export function termRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url,
    preHandler: may.writeLearner,
    config: { answers: "getTerm" },
    schema: {
      operationId: "addTerm",
      summary: "Keep a term of the field under a goal; private unless shared",
      description: "Keeps a word of the field's jargon and what it means. Stores one term.",
      tags,
      params: ofGoal,
      headers: IdempotencyHeaders,
      body: TermCreate,
      response: { 201: Term, ...problems("not-found", "forbidden", "already-exists", "reference-missing", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const { learnerId, goalId } = request.params;
        const term = await addTerm(tx, request.scope, learnerId, goalId, request.body, clock());
        return { status: 201, body: term, location: `/v1/learners/${learnerId}/goals/${goalId}/terms/${term.id}` };
      }),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/terms",
    preHandler: may.readLearner,
    config: csvList(Term),
    schema: {
      operationId: "listTerms",
      summary: "Search a learner's terms over all goals, by term",
      description: "Looks a word up. Changes nothing.",
      tags,
      params: ofLearner,
      querystring: TermList,
      response: { 200: TermPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listTerms(db, scope, params.learnerId, query),
  });

  app.route({
    method: "GET",
    url: `${url}/:termId`,
    preHandler: may.readLearner,
    schema: {
      operationId: "getTerm",
      summary: "Read a term",
      description: "One term. Changes nothing.",
      tags,
      params,
      response: { 200: Term, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params }) => getTerm(db, scope, keyOf(params)),
  });

  app.route({
    method: "PATCH",
    url: `${url}/:termId`,
    preHandler: may.writeLearner,
    config: { answers: "getTerm" },
    schema: {
      operationId: "updateTerm",
      summary: "Change a term, learn it, or share it (merge patch)",
      description: "Keeps a term, marks it as learned, or shares it.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: TermUpdate,
      response: { 200: Term, ...problems("not-found", "forbidden", "already-exists", "reference-missing", "version-mismatch") },
    },
    handler: (request) => change(db, request, (tx) => updateTerm(tx, request.scope, keyOf(request.params), request.body, ifVersion(request), clock())),
  });

  app.route({
    method: "DELETE",
    url: `${url}/:termId`,
    preHandler: may.writeLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteTerm",
      summary: "Delete a term",
      description: "Deletes one term.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "version-mismatch") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => deleteTerm(tx, request.scope, keyOf(request.params), ifVersion(request)));
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "GET",
    url: "/teams/:teamId/glossary",
    preHandler: may.readGlossary,
    config: { ...csvList(GlossaryEntry), shows: () => [] },
    schema: {
      operationId: "listGlossary",
      summary: "List the terms that today's members of a team share, and how many know each",
      description: "A team's shared words, and how many of its people know each. Changes nothing.",
      tags: ["Teams"],
      params: z.object({ teamId: Id }),
      querystring: GlossaryList,
      response: { 200: GlossaryPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listGlossary(db, params.teamId, query, scope.today),
  });
}
