import Negotiator from "negotiator";
import { actOf } from "../audit/audit.service";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { CSV, continued, fileAnswer, NDJSON } from "../http/file-body";
import { NO_TIMEOUT_MS, sendPieces } from "../http/long-requests";
import { problems } from "../http/problem";
import { varyBy } from "../http/representations";
import { exportSessions, type Reading } from "./export-sessions";
import { SessionExport } from "./exports.schema";

const lines = fileAnswer("StudySessionExportLine");

/** Whole tables out, written while they are read. */
export function exportRoutes(app: App, { db, may, budget }: Context): void {
  app.route({
    method: "GET",
    url: "/exports/study-sessions",
    preHandler: may.exportSessions,
    // A HEAD would read all of it for nothing.
    exposeHeadRoute: false,
    handlerTimeout: NO_TIMEOUT_MS,
    config: { shows: "as-it-goes", work: "long" },
    schema: {
      operationId: "exportStudySessions",
      summary: "Read the study sessions of everybody whom the caller may see",
      description: "Takes the log out whole, for a warehouse or a spreadsheet. Changes nothing; whose sessions were read is recorded. See docs/imports.md.",
      tags: ["Imports and exports"],
      querystring: SessionExport,
      response: {
        200: {
          description: 'A line a session. The last, `{"kind":"done","rows":…}` or in CSV `# complete: … rows`, proves that none is missing.',
          content: { [NDJSON]: { schema: lines }, [CSV]: { schema: lines } },
        },
        ...problems("forbidden"),
      },
    },
    handler: async (request, reply) => {
      varyBy(reply, "Accept");
      const type = new Negotiator(request.raw).mediaType([NDJSON, CSV]) ?? NDJSON;
      const reading: Reading = { db, signal: request.signal, inTurn: (read) => budget.inTurn(reply, read) };
      const pages = exportSessions(reading, request.scope, request.query, type === CSV ? "csv" : "ndjson", actOf(request));
      // Read before anything is sent, so that a refusal is a problem.
      const first = await pages.next();
      reply.type(type === CSV ? `${CSV}; charset=utf-8; header=present` : NDJSON);
      return sendPieces(reply, continued(first.value, pages));
    },
  });
}
