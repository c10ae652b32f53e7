import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { reasonHeader } from "../http/change-reason";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { LearnerId } from "../http/schema";
import { LoggedSession } from "../study-sessions/study-sessions.schema";
import { Timer, TimerStart, TimerStop, TimerUpdate } from "./timers.schema";
import { discardTimer, getTimer, startTimer, stopTimer, updateTimer } from "./timers.service";

const tags = ["Study sessions"];
const params = z.object({ learnerId: LearnerId });
const url = "/learners/:learnerId/timer";

export function timerRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url,
    preHandler: may.logForLearner,
    config: { answers: "getTimer" },
    schema: {
      operationId: "startTimer",
      summary: "Start a learner's timer, now or at an instant that has passed",
      description: "Counts the time, so that nobody has to. Stores the one timer that a person may have.",
      tags,
      params,
      headers: IdempotencyHeaders,
      body: TimerStart,
      response: {
        201: Timer,
        ...problems("not-found", "forbidden", "timer-running", "reference-missing", ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const timer = await startTimer(tx, request.params.learnerId, request.body, clock());
        return { status: 201, body: timer, location: `/v1/learners/${timer.learnerId}/timer` };
      }),
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.readLearner,
    schema: {
      operationId: "getTimer",
      summary: "See a learner's running timer",
      description: "The timer that runs, if any. Changes nothing.",
      tags,
      params,
      response: { 200: Timer, ...problems("not-found", "forbidden") },
    },
    handler: ({ params }) => getTimer(db, params.learnerId),
  });

  app.route({
    method: "PATCH",
    url,
    preHandler: may.logForLearner,
    config: { answers: "getTimer" },
    schema: {
      operationId: "updateTimer",
      summary: "Correct a learner's running timer (merge patch)",
      description: "Corrects when a timer began, or what it is for.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: TimerUpdate,
      response: { 200: Timer, ...problems("not-found", "forbidden", "timer-stopped", "reference-missing", "version-mismatch") },
    },
    handler: (request) => change(db, request, (tx) => updateTimer(tx, request.params.learnerId, request.body, ifVersion(request), clock())),
  });

  app.route({
    method: "DELETE",
    url,
    preHandler: may.logForLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "discardTimer",
      summary: "Discard a learner's timer without logging anything",
      description: "Drops a timer that was started by mistake.",
      tags,
      params,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "timer-stopped", "version-mismatch") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => discardTimer(tx, request.params.learnerId, ifVersion(request), clock()));
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "POST",
    url: `${url}/study-session`,
    preHandler: may.logForLearner,
    // What the timer was started for may be left out of its session.
    config: { derived: true, answers: "getStudySession", tellsNull: () => ["goalId", "stepId", "resourceId"] },
    schema: {
      operationId: "stopTimer",
      summary: "Stop a learner's timer into a study session",
      description: "Ends the timer and logs its minutes. Stores one session.",
      tags,
      params,
      headers: IdempotencyHeaders.extend(reasonHeader),
      body: TimerStop,
      response: {
        201: LoggedSession,
        ...problems("not-found", "forbidden", "day-full", "period-closed", "timer-too-long", "timer-stopped", "reference-missing", ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const session = await stopTimer(tx, request.scope, request.params.learnerId, request.body, clock());
        return { status: 201, body: session, location: `/v1/learners/${session.learnerId}/study-sessions/${session.id}` };
      }),
  });
}
