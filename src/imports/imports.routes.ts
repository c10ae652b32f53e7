import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { nameMe } from "../access/me";
import { actOf } from "../audit/audit.service";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { reasonHeader } from "../http/change-reason";
import { FILE_TYPES, fileAnswer, fileBody, fileOf, NDJSON, readFileBodies } from "../http/file-body";
import { allowLongUpload, NO_TIMEOUT_MS, sendPieces } from "../http/long-requests";
import { asProblem, problems } from "../http/problem";
import { type Door, importUpload } from "./import";
import { learnerDoor } from "./import-learners";
import { resourceDoor } from "./import-resources";
import { sessionDoor } from "./import-sessions";
import "./imports.schema";
import { openCsv, openNdjson } from "./read-upload";

const uploadOf = (line: string) => ({
  tags: ["Imports and exports"],
  consumes: FILE_TYPES,
  body: fileBody(line),
  response: {
    200: { description: "Lines, as the file is read.", content: { [NDJSON]: { schema: fileAnswer("ImportLine") } } },
    ...problems("forbidden", "body-too-large", "request-timeout"),
  },
});

/** Whole files in, told of line by line while they come. A plugin, because their bodies are read in their own way. */
export async function importRoutes(app: App, { db, config, clock, may, budget }: Context): Promise<void> {
  const limits = { bytes: config.IMPORT_LIMIT_BYTES, timeoutMs: config.REQUEST_TIMEOUT_MS };
  readFileBodies(app, limits.bytes);

  const importFrom = async <S extends z.ZodType>(request: FastifyRequest, reply: FastifyReply, door: Door<S>) => {
    const { file, isCsv } = fileOf(request);
    allowLongUpload(request, reply);
    const source = isCsv ? await openCsv(file, door.item, limits) : openNdjson(file, limits);
    const inTurn: Door<S> = { ...door, store: (items) => budget.inTurn(reply, () => door.store(items)) };
    const read = (text: string) => {
      const value = source.read(text);
      nameMe(value as Record<string, unknown> | null, "learnerId", request.scope, "#");
      return value;
    };
    const lines = importUpload(inTurn, { ...source, read, requestId: request.id, explain: (error) => asProblem(error, request) });
    return sendPieces(reply.type(NDJSON), lines);
  };

  app.route({
    method: "POST",
    url: "/imports/study-sessions",
    preHandler: may.logSessions,
    handlerTimeout: NO_TIMEOUT_MS,
    config: { work: "long", answers: "outcomes" },
    schema: {
      operationId: "importStudySessions",
      summary: "Log the study sessions of a file, across learners",
      description: "Brings years of sessions in. Stores every sound line; a file that is sent again changes nothing. See docs/imports.md.",
      headers: z.looseObject(reasonHeader),
      ...uploadOf("StudySessionLine"),
    },
    handler: (request, reply) => importFrom(request, reply, sessionDoor(db, request.scope, clock, actOf(request))),
  });

  app.route({
    method: "POST",
    url: "/imports/resources",
    preHandler: may.keepDirectory,
    handlerTimeout: NO_TIMEOUT_MS,
    config: { work: "long", answers: "outcomes" },
    schema: {
      operationId: "importResources",
      summary: "Add the resources of a file to the catalogue",
      description: "Brings a whole catalogue in. Stores every sound line; a file that is sent again changes nothing. See docs/imports.md.",
      ...uploadOf("ResourceLine"),
    },
    handler: (request, reply) => importFrom(request, reply, resourceDoor(db, actOf(request))),
  });

  app.route({
    method: "POST",
    url: "/imports/learners",
    preHandler: may.keepDirectory,
    handlerTimeout: NO_TIMEOUT_MS,
    config: { work: "long", answers: "outcomes" },
    schema: {
      operationId: "importLearners",
      summary: "Create the learners of a file, and put them into their teams",
      description:
        "Brings a whole directory in. Stores every sound line, and teams that are missing; a file that is sent again changes nothing. See docs/imports.md.",
      ...uploadOf("LearnerLine"),
    },
    handler: (request, reply) => importFrom(request, reply, learnerDoor(db, request.scope, config.TIME_ZONE, actOf(request))),
  });
}
