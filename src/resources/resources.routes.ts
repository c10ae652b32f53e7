import { z } from "zod";
import { change, create } from "../audit/changes";
import type { Context } from "../context";
import type { Db } from "../database/transaction";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id } from "../http/schema";
import { Resource, ResourceCreate, ResourceList, ResourcePage, ResourceUpdate } from "./resources.schema";
import { archiveResource, createResource, getResource, involvedInResource, listResources, restoreResource, updateResource } from "./resources.service";

const tags = ["Resources"];
const params = z.object({ resourceId: Id });
const involvedIn =
  ({ resourceId }: z.infer<typeof params>) =>
  (tx: Db) =>
    involvedInResource(tx, resourceId);

export function resourceRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url: "/resources",
    preHandler: may.keepDirectory,
    config: { answers: "listResources" },
    schema: {
      operationId: "createResource",
      summary: "Add a resource to the catalogue",
      description: "Adds a book, course, mentor, project or the like that people learn from. Stores one resource.",
      tags,
      headers: IdempotencyHeaders,
      body: ResourceCreate,
      response: {
        201: Resource,
        ...problems("forbidden", "already-exists", "learner-erased", "reference-missing", ...KEY_REFUSALS),
      },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => {
          const resource = await createResource(tx, request.body);
          return { status: 201, body: resource, location: `/v1/resources/${resource.id}` };
        },
        { involves: ({ learnerId }) => [learnerId] },
      ),
  });

  app.route({
    method: "GET",
    url: "/resources",
    preHandler: may.signedIn,
    config: { ...csvList(Resource), shows: "nobody" },
    schema: {
      operationId: "listResources",
      summary: "Search the catalogue, by title",
      description: "Finds resources by words, type, mode or skill. Changes nothing.",
      tags,
      querystring: ResourceList,
      response: { 200: ResourcePage, ...problems() },
    },
    handler: ({ query }) => listResources(db, query),
  });

  app.route({
    method: "GET",
    url: "/resources/:resourceId",
    preHandler: may.signedIn,
    config: { shows: "nobody" },
    schema: {
      operationId: "getResource",
      summary: "Read a resource",
      description: "One resource with its mode and capacity. Changes nothing.",
      tags,
      params,
      response: { 200: Resource, ...problems("not-found") },
    },
    handler: ({ params }) => getResource(db, params.resourceId),
  });

  app.route({
    method: "PATCH",
    url: "/resources/:resourceId",
    preHandler: may.keepDirectory,
    config: { answers: "getResource" },
    schema: {
      operationId: "updateResource",
      summary: "Change a resource (merge patch); what was logged stays as it was logged",
      description: "Keeps the catalogue right. Sessions that were logged keep what they were logged with.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: ResourceUpdate,
      response: { 200: Resource, ...problems("not-found", "forbidden", "learner-erased", "reference-missing", "version-mismatch") },
    },
    handler: (request) =>
      change(db, request, (tx) => updateResource(tx, request.params.resourceId, request.body, ifVersion(request)), involvedIn(request.params)),
  });

  const archival = { tags, params, headers: IfMatchHeaders, response: { 200: Resource, ...problems("not-found", "forbidden", "version-mismatch") } };

  app.route({
    method: "PUT",
    url: "/resources/:resourceId/archival",
    preHandler: may.keepDirectory,
    config: { answers: "getResource" },
    schema: {
      operationId: "archiveResource",
      summary: "Archive a resource: out of lists, its history kept",
      description: "Takes a resource out of use without losing its history. Marks it.",
      ...archival,
    },
    handler: (request) => change(db, request, (tx) => archiveResource(tx, request.params.resourceId, clock(), ifVersion(request)), involvedIn(request.params)),
  });

  app.route({
    method: "DELETE",
    url: "/resources/:resourceId/archival",
    preHandler: may.keepDirectory,
    config: { answers: "getResource" },
    schema: {
      operationId: "restoreResource",
      summary: "Bring an archived resource back",
      description: "Takes the mark of an archived resource away.",
      ...archival,
    },
    handler: (request) => change(db, request, (tx) => restoreResource(tx, request.params.resourceId, ifVersion(request)), involvedIn(request.params)),
  });
}
