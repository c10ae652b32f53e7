import { z } from "zod";
import { actOf, record } from "../audit/audit.service";
import { change } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { continued } from "../http/file-body";
import { NO_TIMEOUT_MS, sendPieces } from "../http/long-requests";
import { problems } from "../http/problem";
import { LearnerId } from "../http/schema";
import { exportPersonalData } from "./export";
import { Erasure, ErasureQuery, PersonalDataExport } from "./personal-data.schema";
import { erasePersonalData } from "./personal-data.service";

const tags = ["Learners"];
const params = z.object({ learnerId: LearnerId });

export function personalDataRoutes(app: App, { db, clock, may, budget }: Context): void {
  app.route({
    method: "GET",
    url: "/learners/:learnerId/export",
    preHandler: may.exportOwn,
    // A HEAD would read all of it for nothing.
    exposeHeadRoute: false,
    handlerTimeout: NO_TIMEOUT_MS,
    config: { work: "long" },
    schema: {
      operationId: "exportPersonalData",
      summary: "Read everything that is kept of oneself",
      description: "A person's copy of their data, as the law asks for it. Changes nothing; the read is recorded.",
      tags,
      params,
      response: { 200: PersonalDataExport, ...problems("not-found", "forbidden") },
    },
    handler: async (request, reply) => {
      const pieces = exportPersonalData(db, request.params.learnerId, clock(), (read) => budget.inTurn(reply, read));
      // Read before anything is sent, so that a refusal is a problem.
      const first = await pieces.next();
      return sendPieces(reply.type("application/json; charset=utf-8"), continued(first.value, pieces));
    },
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/personal-data",
    preHandler: may.eraseLearner,
    config: { work: "heavy", answers: "outcomes" },
    schema: {
      operationId: "erasePersonalData",
      summary: "Erase a person for good, and keep the minutes, of nobody; or say what would go",
      description:
        "Carries out a person's wish to be forgotten. Deletes for good what tells of them; with `dryRun=true` changes nothing and counts what would go.",
      tags,
      params,
      querystring: ErasureQuery,
      response: { 200: Erasure, ...problems("not-found", "forbidden") },
    },
    handler: async (request) => {
      const { learnerId } = request.params;
      const { today } = request.scope;
      if (!request.query.dryRun) return change(db, request, (tx) => erasePersonalData(tx, learnerId, { today, now: clock() }));
      await record(db, actOf(request), "read", [learnerId]);
      return erasePersonalData(db, learnerId, { dryRun: true, today, now: clock() });
    },
  });
}
