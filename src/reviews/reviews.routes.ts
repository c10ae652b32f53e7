import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion, RequiredIfMatchHeaders, requiredVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { Review, ReviewAnswer, ReviewCreate, ReviewList, ReviewPage } from "./reviews.schema";
import { answerReview, askForReview, getReview, involvedInReview, listReviews, withdrawReview } from "./reviews.service";

const tags = ["Goals"];
const ofGoal = z.object({ learnerId: LearnerId, goalId: Id });
const params = ofGoal.extend({ reviewId: Id });
const url = "/learners/:learnerId/goals/:goalId/reviews";
const keyOf = ({ learnerId, goalId, reviewId }: z.infer<typeof params>) => ({ learnerId, goalId, id: reviewId });
// Leads' names come and go with what the caller sees.
const derived = { derived: true };
const READ_FIRST = "Read the review first, and send its ETag as If-Match with the answer, so that what you answer is what you read.";

export function reviewRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url,
    preHandler: may.writeLearner,
    config: { ...derived, answers: "getReview" },
    schema: {
      operationId: "askForReview",
      summary: "Ask a lead above to review a goal or a step",
      description: "Asks for a lead's word on a goal or a step. Stores one review, which waits.",
      tags,
      params: ofGoal,
      headers: IdempotencyHeaders,
      body: ReviewCreate,
      response: {
        201: Review,
        ...problems("not-found", "forbidden", "already-exists", "review-waiting", "reference-missing", "reviewer-not-above", ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => {
          const { learnerId, goalId } = request.params;
          const review = await askForReview(tx, request.scope, learnerId, goalId, request.body, clock());
          return { status: 201, body: review, location: `/v1/learners/${learnerId}/goals/${goalId}/reviews/${review.id}` };
        },
        { involves: ({ reviewerId }) => [reviewerId] },
      ),
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.readLearner,
    config: csvList(Review),
    schema: {
      operationId: "listReviews",
      summary: "List a goal's reviews, the latest first",
      description: "What leads said of a goal, and what waits. Changes nothing.",
      tags,
      params: ofGoal,
      querystring: ReviewList,
      response: { 200: ReviewPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listReviews(db, scope, params.learnerId, params.goalId, query),
  });

  app.route({
    method: "GET",
    url: `${url}/:reviewId`,
    preHandler: may.readLearner,
    config: derived,
    schema: {
      operationId: "getReview",
      summary: "Read a review",
      description: "One review: its question and its answer. Changes nothing.",
      tags,
      params,
      response: { 200: Review, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params }) => getReview(db, scope, keyOf(params)),
  });

  app.route({
    method: "PUT",
    url: `${url}/:reviewId/answer`,
    preHandler: may.reviewLearner,
    config: { ...derived, answers: "getReview" },
    schema: {
      operationId: "answerReview",
      summary: "Answer a review, as the lead above who was asked; an answer stays",
      description: "Gives the lead's verdict. It stays, so `If-Match` is asked for: what is judged is what was read.",
      tags,
      params,
      headers: RequiredIfMatchHeaders,
      body: ReviewAnswer,
      response: { 200: Review, ...problems("not-found", "forbidden", "review-answered", "version-mismatch", "precondition-required") },
    },
    handler: (request) =>
      change(
        db,
        request,
        (tx) => answerReview(tx, request.scope, keyOf(request.params), request.body, requiredVersion(request, READ_FIRST), clock()),
        (tx) => involvedInReview(tx, keyOf(request.params)),
      ),
  });

  app.route({
    method: "DELETE",
    url: `${url}/:reviewId`,
    preHandler: may.writeLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "withdrawReview",
      summary: "Withdraw a review that waits",
      description: "Takes a question back while nobody has answered it.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "review-answered", "version-mismatch") },
    },
    handler: async (request, reply) => {
      const key = keyOf(request.params);
      await change(
        db,
        request,
        (tx) => withdrawReview(tx, key, ifVersion(request)),
        (tx) => involvedInReview(tx, key),
      );
      return reply.status(204).send(null);
    },
  });
}
