import { z } from "zod";
import { actOf, record } from "../audit/audit.service";
import { change } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { Id } from "../http/schema";
import { Erasure, ErasureQuery, PersonalDataExport } from "./personal-data.schema";
import { erasePersonalData, exportPersonalData } from "./personal-data.service";

const tags = ["Learners"];
const params = z.object({ learnerId: Id });

export function personalDataRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "GET",
    url: "/learners/:learnerId/export",
    preHandler: may.exportOwn,
    schema: {
      operationId: "exportPersonalData",
      summary: "Read everything that is kept of oneself",
      tags,
      params,
      response: { 200: PersonalDataExport, ...problems("not-found", "forbidden") },
    },
    handler: ({ params }) => exportPersonalData(db, params.learnerId, clock()),
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/personal-data",
    preHandler: may.eraseLearner,
    config: { answers: "outcomes" },
    schema: {
      operationId: "erasePersonalData",
      summary: "Erase a person for good, and keep the minutes, of nobody; or say what would go",
      tags,
      params,
      querystring: ErasureQuery,
      response: { 200: Erasure, ...problems("not-found", "forbidden") },
    },
    handler: async (request) => {
      const { learnerId } = request.params;
      if (!request.query.dryRun) return change(db, request, (tx) => erasePersonalData(tx, learnerId, false, clock()));
      await record(db, actOf(request), "read", [learnerId]);
      return erasePersonalData(db, learnerId, true, clock());
    },
  });
}
