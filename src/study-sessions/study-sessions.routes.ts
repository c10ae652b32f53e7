import { z } from "zod";
import { ownerOf } from "../access/scope";
import { actOf } from "../audit/audit.service";
import { change, noteRecorded } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { reasonHeader } from "../http/change-reason";
import { answerOnce, IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import type { Page } from "../http/paging";
import { IfMatchHeaders, ifVersion, RequiredIfMatchHeaders, requiredVersion } from "../http/preconditions";
import { problemBodies, problems } from "../http/problem";
import { csvList, sendWritten } from "../http/representations";
import { Id, LearnerId } from "../http/schema";
import { confirmSession, listMentored, withdrawConfirmation } from "./confirmations";
import { overStep } from "./log-sessions";
import {
  Batch,
  BatchOutcome,
  Confirmation,
  ConfirmationList,
  ConfirmationPage,
  LoggedSession,
  type Outcome,
  StudySession,
  StudySessionCreate,
  StudySessionList,
  StudySessionPage,
  StudySessionUpdate,
} from "./study-sessions.schema";
import { deleteSession, getSession, type ItemOutcome, listSessions, logBatch, logSession, updateSession } from "./study-sessions.service";

const tags = ["Study sessions"];
const ofLearner = z.object({ learnerId: LearnerId });
const params = ofLearner.extend({ sessionId: Id });
// A note that is not shared is shown to its learner alone: of one version there are two answers.
const derived = { derived: true };
const BATCH_BODY_FACTOR = 8;
const READ_FIRST =
  'Read the session in your mentored-sessions first, and send its version as the header If-Match, such as "3", so that what you confirm is what you read.';

export function studySessionRoutes(app: App, { db, config, clock, may }: Context): void {
  app.route({
    method: "POST",
    url: "/learners/:learnerId/study-sessions",
    preHandler: may.logOneSession,
    config: { ...derived, answers: { as: "getStudySession", to: may.readLogged }, tellsNull: overStep },
    schema: {
      operationId: "logStudySession",
      summary: "Log a study session",
      description: "Logs minutes of learning. Stores one session and adds it to the sums that reports read; it starts its step.",
      tags,
      params: ofLearner,
      headers: IdempotencyHeaders.extend(reasonHeader),
      body: StudySessionCreate,
      response: { 201: LoggedSession, ...problems("not-found", "forbidden", "day-full", "period-closed", "reference-missing", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      answerOnce({ request, reply, db, ownerId: ownerOf(request.scope.caller), callerId: request.scope.caller.id }, async (tx) => {
        const entry = { learnerId: request.params.learnerId, input: request.body };
        const { session } = await logSession(tx, request.scope, entry, clock(), actOf(request));
        noteRecorded(request);
        return { status: 201, body: session, location: `/v1/learners/${session.learnerId}/study-sessions/${session.id}` };
      }),
  });

  app.route({
    method: "PUT",
    url: "/learners/:learnerId/study-sessions/:sessionId",
    preHandler: may.logOneSession,
    config: { ...derived, answers: { as: "getStudySession", to: may.readLogged } },
    schema: {
      operationId: "putStudySession",
      summary: "Log a study session under an id of your own; safe to send again",
      description: "As logging, under an id that the client made: after a lost answer, send it again.",
      tags,
      params,
      headers: z.looseObject(reasonHeader),
      body: StudySessionCreate,
      response: {
        200: LoggedSession,
        201: LoggedSession,
        ...problems("not-found", "forbidden", "body-differs", "day-full", "period-closed", "session-deleted", "reference-missing"),
      },
    },
    handler: async (request, reply) => {
      const { params, body } = request;
      const entry = { learnerId: params.learnerId, id: params.sessionId, input: body };
      const { created, session } = await logSession(db, request.scope, entry, clock(), actOf(request));
      if (created) noteRecorded(request);
      return reply.status(created ? 201 : 200).send(session);
    },
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/study-sessions",
    preHandler: may.readLearner,
    config: csvList(StudySession),
    schema: {
      operationId: "listStudySessions",
      summary: "List a learner's study sessions, the latest first, or what changed since an instant",
      description: "A person's log; with `updatedSince` what another system has to take over, deletions included. Changes nothing.",
      tags,
      params: ofLearner,
      querystring: StudySessionList,
      response: { 200: StudySessionPage, ...problems("not-found", "forbidden") },
    },
    handler: async ({ scope, params, query }, reply) => sendWritten(reply, await listSessions(db, scope, params.learnerId, query)),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/study-sessions/:sessionId",
    preHandler: may.readLearner,
    config: derived,
    schema: {
      operationId: "getStudySession",
      summary: "Read a study session",
      description: "One session. The note is shown to its learner, or if it is shared. Changes nothing.",
      tags,
      params,
      response: { 200: StudySession, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params }) => getSession(db, scope, params.learnerId, params.sessionId),
  });

  app.route({
    method: "PATCH",
    url: "/learners/:learnerId/study-sessions/:sessionId",
    preHandler: may.logForLearner,
    config: { ...derived, answers: "getStudySession" },
    schema: {
      operationId: "updateStudySession",
      summary: "Change a study session (merge patch)",
      description: "Corrects a session; the sums that reports read follow.",
      tags,
      params,
      headers: IfMatchHeaders.extend(reasonHeader),
      body: StudySessionUpdate,
      response: { 200: LoggedSession, ...problems("not-found", "forbidden", "day-full", "period-closed", "reference-missing", "version-mismatch") },
    },
    handler: (request) =>
      change(db, request, (tx) =>
        updateSession(tx, request.scope, request.params.learnerId, request.params.sessionId, request.body, ifVersion(request), clock()),
      ),
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/study-sessions/:sessionId",
    preHandler: may.logForLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteStudySession",
      summary: "Delete a study session, leaving a tombstone for `updatedSince`",
      description: "Takes a session away, also from the sums that reports read.",
      tags,
      params,
      headers: IfMatchHeaders.extend(reasonHeader),
      response: { 204: z.null(), ...problems("not-found", "forbidden", "period-closed", "version-mismatch") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => deleteSession(tx, request.scope, request.params.learnerId, request.params.sessionId, ifVersion(request), clock()));
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/mentored-sessions",
    preHandler: may.readMentored,
    config: { ...csvList(Confirmation), shows: ({ items }: Page<Confirmation>) => items.map(({ learnerId }) => learnerId) },
    schema: {
      operationId: "listMentoredSessions",
      summary: "List the study sessions that others logged with a learner as their mentor, the latest first",
      description: "What a mentor may confirm. It shows neither notes nor ratings. Changes nothing.",
      tags,
      params: ofLearner,
      querystring: ConfirmationList,
      response: { 200: ConfirmationPage, ...problems("not-found", "forbidden") },
    },
    handler: ({ scope, params, query }) => listMentored(db, scope, params.learnerId, query),
  });

  // A mentor's list shows the same, and who may confirm is the mentor.
  const confirmed = { answers: { as: "listMentoredSessions", to: may.confirmSession } } as const;
  const confirmation = {
    tags,
    params,
    headers: RequiredIfMatchHeaders,
    response: { 200: Confirmation, ...problems("not-found", "forbidden", "already-verified", "period-closed", "version-mismatch", "precondition-required") },
  };

  app.route({
    method: "PUT",
    url: "/learners/:learnerId/study-sessions/:sessionId/confirmation",
    preHandler: may.confirmSession,
    config: confirmed,
    schema: {
      operationId: "confirmStudySession",
      summary: "Confirm a study session, as the mentor that it was spent with",
      description: "Vouches for a session that was spent with the caller. Writes that it is mentor-confirmed.",
      ...confirmation,
    },
    handler: (request) =>
      change(db, request, (tx) =>
        confirmSession(tx, request.scope, request.params.learnerId, request.params.sessionId, requiredVersion(request, READ_FIRST), clock()),
      ),
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/study-sessions/:sessionId/confirmation",
    preHandler: may.confirmSession,
    config: confirmed,
    schema: {
      operationId: "withdrawStudySessionConfirmation",
      summary: "Take the mentor's confirmation back",
      description: "Takes the caller's own word for a session back.",
      ...confirmation,
    },
    handler: (request) =>
      change(db, request, (tx) =>
        withdrawConfirmation(tx, request.scope, request.params.learnerId, request.params.sessionId, requiredVersion(request, READ_FIRST), clock()),
      ),
  });

  app.route({
    method: "POST",
    url: "/study-sessions/batch",
    preHandler: may.logSessions,
    config: { work: "heavy", answers: "outcomes", tellsNull: overStep },
    bodyLimit: config.BODY_LIMIT_BYTES * BATCH_BODY_FACTOR,
    schema: {
      operationId: "logStudySessions",
      summary: "Log up to 1,000 study sessions, across learners, with an outcome for each",
      description: "For programs that log for many: one request instead of many. Stores every sound item; a wrong one is rejected by itself.",
      tags,
      headers: IdempotencyHeaders.extend(reasonHeader),
      body: Batch,
      response: { 200: BatchOutcome, ...problems("forbidden", "body-too-large", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      answerOnce({ request, reply, db, ownerId: ownerOf(request.scope.caller), callerId: request.scope.caller.id }, async (tx) => ({
        status: 200,
        body: toBatchOutcome(await logBatch(tx, request.scope, request.body.items, clock(), actOf(request)), request.id),
      })),
  });
}

function toBatchOutcome(outcomes: ItemOutcome[], requestId: string): BatchOutcome {
  const problemOf = problemBodies(requestId);
  const items = outcomes.map((item, index): Outcome => {
    const { learnerId, id } = item;
    if ("error" in item) return { index, outcome: "rejected", learnerId, id, problem: problemOf(item.error), warnings: [] };
    return { index, outcome: item.created ? "created" : "existing", learnerId, id, problem: null, warnings: item.warnings };
  });
  const count = (outcome: Outcome["outcome"]) => items.filter((item) => item.outcome === outcome).length;
  return { created: count("created"), existing: count("existing"), rejected: count("rejected"), items };
}
