import { z } from "zod";
import { actOf } from "../audit/audit.service";
import { create, recordChange } from "../audit/changes";
import type { Context } from "../context";
import { inTransaction } from "../database/transaction";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import type { Page } from "../http/paging";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id } from "../http/schema";
import { ApiKey, ApiKeyCreate, ApiKeyList, ApiKeyPage, ApiKeyRotate, ApiKeyWithSecret } from "./api-keys.schema";
import { createApiKey, learnersOf, listApiKeys, revokeApiKey, rotateApiKey } from "./api-keys.service";

const tags = ["API keys"];
const params = z.object({ apiKeyId: Id });
const learnerOf = ({ learnerId }: Pick<ApiKey, "learnerId">) => learnerId;
const WITHOUT_SECRET = { involves: (key: ApiKeyWithSecret) => [key.learnerId], keep: (key: ApiKeyWithSecret) => ({ ...key, secret: null }) };

export function apiKeyRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "POST",
    url: "/api-keys",
    preHandler: may.signedIn,
    config: { answers: "listApiKeys" },
    schema: {
      operationId: "createApiKey",
      summary: "Make a key; its secret is shown this once",
      description: "Lets a program or another device call. Stores a hash; the secret can't be shown again.",
      tags,
      headers: IdempotencyHeaders,
      body: ApiKeyCreate,
      response: { 201: ApiKeyWithSecret, ...problems("forbidden", "learner-erased", "reference-missing", "too-many-keys", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => ({ status: 201, body: await createApiKey(tx, request.scope.caller, request.body, clock()) }),
        WITHOUT_SECRET,
      ),
  });

  app.route({
    method: "GET",
    url: "/api-keys",
    preHandler: may.signedIn,
    config: { ...csvList(ApiKey), shows: ({ items }: Page<ApiKey>) => items.map(learnerOf) },
    schema: {
      operationId: "listApiKeys",
      summary: "List keys, newest first: all for an admin, a learner's own, a service's itself; a key that acts for somebody, itself",
      description: "Which keys there are, and when each was last used. Shows no secret and changes nothing.",
      tags,
      querystring: ApiKeyList,
      response: { 200: ApiKeyPage, ...problems() },
    },
    handler: ({ scope, query }) => listApiKeys(db, scope.caller, query),
  });

  app.route({
    method: "POST",
    url: "/api-keys/:apiKeyId/rotation",
    preHandler: may.signedIn,
    config: { answers: "listApiKeys" },
    schema: {
      operationId: "rotateApiKey",
      summary: "Make a key in the place of another, which serves on for an overlap",
      description: "Replaces a key without a gap. Stores the successor, and the day on which the old one ends.",
      tags,
      params,
      headers: IdempotencyHeaders,
      body: ApiKeyRotate,
      response: { 201: ApiKeyWithSecret, ...problems("forbidden", "not-found", "key-rotated", "too-many-keys", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => ({ status: 201, body: await rotateApiKey(tx, request.scope.caller, request.params.apiKeyId, request.body, clock()) }),
        WITHOUT_SECRET,
      ),
  });

  app.route({
    method: "DELETE",
    url: "/api-keys/:apiKeyId",
    preHandler: may.signedIn,
    config: { answers: "nothing" },
    schema: {
      operationId: "revokeApiKey",
      summary: "Revoke a key with all that it was rotated from and into, and all that these made, from the next request on",
      description: "For a key that is lost or no longer needed. Ends it and its family.",
      tags,
      params,
      response: { 204: z.null(), ...problems("not-found") },
    },
    handler: async (request, reply) => {
      await inTransaction(db, async (tx) => {
        const revoked = await revokeApiKey(tx, request.scope.caller, request.params.apiKeyId, clock());
        await recordChange(tx, actOf(request), [{ learnerIds: learnersOf(revoked), itemIds: revoked.map(({ id }) => id) }]);
      });
      return reply.status(204).send(null);
    },
  });
}
