import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id } from "../http/schema";
import { overResource } from "../resources/resources.service";
import { toMermaid } from "./mermaid";
import { Path, PathCreate, PathList, PathPage, PathSummary, PathVersion, PathVersionUpdate } from "./paths.schema";
import { createPath, deleteVersion, draftVersion, getPath, getVersion, listPaths, publishVersion, setPathArchived, updateVersion } from "./paths.service";

const tags = ["Paths"];
const params = z.object({ pathId: Id });
const ofVersion = params.extend({ number: z.coerce.number().int().min(1).max(2_147_483_647) });
// Who keeps the catalogue sees a path's drafts, too: of one version there are two answers.
const derived = { derived: true };
const drawn = { ...derived, forms: { "text/vnd.mermaid": toMermaid }, shows: "nobody", work: "heavy" } as const;

export function pathRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url: "/paths",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "getPath", tellsNull: overResource },
    schema: {
      operationId: "createPath",
      summary: "Create a path, as the draft of its first version",
      description: "Begins a plan that many may follow. Stores the path and the draft of its first version.",
      tags,
      headers: IdempotencyHeaders,
      body: PathCreate,
      response: { 201: Path, ...problems("forbidden", "already-exists", "reference-missing", "prerequisite-circle", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const path = await createPath(tx, request.scope, request.body);
        return { status: 201, body: path, location: `/v1/paths/${path.id}` };
      }),
  });

  app.route({
    method: "GET",
    url: "/paths",
    preHandler: may.signedIn,
    config: { ...csvList(PathSummary), shows: "nobody" },
    schema: {
      operationId: "listPaths",
      summary: "List paths, by title",
      description: "Finds paths by words or skill. Changes nothing.",
      tags,
      querystring: PathList,
      response: { 200: PathPage, ...problems() },
    },
    handler: ({ scope, query }) => listPaths(db, scope, query),
  });

  app.route({
    method: "GET",
    url: "/paths/:pathId",
    preHandler: may.signedIn,
    config: drawn,
    schema: {
      operationId: "getPath",
      summary: "Read a path: its steps, planned minutes by mode, and critical path; or draw it",
      description: "One path, whole; with `Accept: text/vnd.mermaid` a drawing. Changes nothing.",
      tags,
      params,
      response: { 200: Path, ...problems("not-found") },
    },
    handler: ({ scope, params }) => getPath(db, scope, params.pathId),
  });

  const archival = { tags, params, headers: IfMatchHeaders, response: { 200: Path, ...problems("not-found", "forbidden", "version-mismatch") } };

  app.route({
    method: "PUT",
    url: "/paths/:pathId/archival",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "getPath" },
    schema: {
      operationId: "archivePath",
      summary: "Archive a path: out of lists, no longer adopted",
      description: "Takes a path out of use; goals that adopted it go on. Marks it.",
      ...archival,
    },
    handler: (request) => change(db, request, (tx) => setPathArchived(tx, request.scope, request.params.pathId, clock(), ifVersion(request))),
  });

  app.route({
    method: "DELETE",
    url: "/paths/:pathId/archival",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "getPath" },
    schema: { operationId: "restorePath", summary: "Bring an archived path back", description: "Takes the mark of an archived path away.", ...archival },
    handler: (request) => change(db, request, (tx) => setPathArchived(tx, request.scope, request.params.pathId, null, ifVersion(request))),
  });

  app.route({
    method: "POST",
    url: "/paths/:pathId/versions",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "getPathVersion" },
    schema: {
      operationId: "draftPathVersion",
      summary: "Draft a path's next version from the last",
      description: "Begins the next version. Stores a copy of the last as a draft.",
      tags,
      params,
      headers: IdempotencyHeaders,
      response: { 201: PathVersion, ...problems("not-found", "forbidden", "already-exists", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create({ db, request, reply }, async (tx) => {
        const version = await draftVersion(tx, request.scope, request.params.pathId);
        return { status: 201, body: version, location: `/v1/paths/${version.pathId}/versions/${version.number}` };
      }),
  });

  app.route({
    method: "GET",
    url: "/paths/:pathId/versions/:number",
    preHandler: may.signedIn,
    config: drawn,
    schema: {
      operationId: "getPathVersion",
      summary: "Read one version of a path, or draw it",
      description: "A version as goals have adopted it, or a draft; with `Accept: text/vnd.mermaid` a drawing. Changes nothing.",
      tags,
      params: ofVersion,
      response: { 200: PathVersion, ...problems("not-found") },
    },
    handler: ({ scope, params }) => getVersion(db, scope, params.pathId, params.number),
  });

  app.route({
    method: "PATCH",
    url: "/paths/:pathId/versions/:number",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "getPathVersion" },
    schema: {
      operationId: "updatePathVersion",
      summary: "Change a draft (merge patch)",
      description: "Works on a draft. A published version is refused.",
      tags,
      params: ofVersion,
      headers: IfMatchHeaders,
      body: PathVersionUpdate,
      response: {
        200: PathVersion,
        ...problems("not-found", "forbidden", "path-published", "reference-missing", "prerequisite-circle", "version-mismatch"),
      },
    },
    handler: (request) =>
      change(db, request, (tx) => updateVersion(tx, request.scope, request.params.pathId, request.params.number, request.body, ifVersion(request))),
  });

  app.route({
    method: "DELETE",
    url: "/paths/:pathId/versions/:number",
    preHandler: may.keepDirectory,
    config: { answers: "nothing" },
    schema: {
      operationId: "deletePathVersion",
      summary: "Delete a draft, and with its only version the path",
      description: "Drops a draft. A published version is refused.",
      tags,
      params: ofVersion,
      headers: IfMatchHeaders,
      response: { 204: z.null(), ...problems("not-found", "forbidden", "path-published", "version-mismatch") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => deleteVersion(tx, request.params.pathId, request.params.number, ifVersion(request)));
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "PUT",
    url: "/paths/:pathId/versions/:number/publication",
    preHandler: may.keepDirectory,
    config: { ...derived, answers: "getPathVersion" },
    schema: {
      operationId: "publishPathVersion",
      summary: "Publish a draft: from then on the version never changes",
      description: "Makes a draft the version that goals adopt. It can't be taken back.",
      tags,
      params: ofVersion,
      headers: IfMatchHeaders,
      response: { 200: PathVersion, ...problems("not-found", "forbidden", "version-mismatch") },
    },
    handler: (request) =>
      change(db, request, (tx) => publishVersion(tx, request.scope, request.params.pathId, request.params.number, ifVersion(request), clock())),
  });
}
