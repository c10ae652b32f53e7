import { z } from "zod";
import { ApiKeyWithSecret } from "../api-keys/api-keys.schema";
import { actOf, nobodysAct, record } from "../audit/audit.service";
import { create } from "../audit/changes";
import type { Context } from "../context";
import { inTransaction } from "../database/transaction";
import { AppError } from "../errors";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import { problems } from "../http/problem";
import type { RateLimits } from "../http/rate-limits";
import { Id, LearnerId } from "../http/schema";
import { InvitationCreate, InvitationList, InvitationWithSecret, Redemption } from "./invitations.schema";
import { createInvitation, deleteInvitation, listInvitations, redeemInvitation } from "./invitations.service";

const tags = ["API keys"];
const params = z.object({ learnerId: LearnerId });
const one = params.extend({ invitationId: Id });
const WITHOUT_SECRET = { keep: (invitation: InvitationWithSecret) => ({ ...invitation, secret: null }) };

export function invitationRoutes(app: App, { db, clock, may }: Context, limits: RateLimits): void {
  app.route({
    method: "POST",
    url: "/learners/:learnerId/invitations",
    preHandler: may.keepLearner,
    config: { answers: "listInvitations" },
    schema: {
      operationId: "createInvitation",
      summary: "Invite a learner to their first key; the secret is shown this once, and the invitation before ends",
      description: "How somebody without a key gets their first. Stores the invitation; its secret is handed on by whoever asked for it.",
      tags,
      params,
      headers: IdempotencyHeaders,
      body: InvitationCreate,
      response: { 201: InvitationWithSecret, ...problems("not-found", "forbidden", "in-use", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => ({ status: 201, body: await createInvitation(tx, request.scope.caller, request.params.learnerId, request.body, clock()) }),
        WITHOUT_SECRET,
      ),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/invitations",
    preHandler: may.keepLearner,
    schema: {
      operationId: "listInvitations",
      summary: "List a learner's invitations: the one that waits, and the last that was redeemed",
      description: "Whether an invitation still waits, and who redeemed the last. Changes nothing.",
      tags,
      params,
      response: { 200: InvitationList, ...problems("not-found", "forbidden") },
    },
    handler: async ({ params }) => ({ items: await listInvitations(db, params.learnerId) }),
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/invitations/:invitationId",
    preHandler: may.keepLearner,
    config: { answers: "nothing" },
    schema: {
      operationId: "deleteInvitation",
      summary: "Withdraw an invitation; of one that was redeemed, revoke the key with its family",
      description: "For an invitation that went to the wrong person.",
      tags,
      params: one,
      response: { 204: z.null(), ...problems("not-found", "forbidden") },
    },
    handler: async (request, reply) => {
      const { learnerId, invitationId } = request.params;
      await inTransaction(db, async (tx) => {
        const keys = await deleteInvitation(tx, learnerId, invitationId, clock());
        await record(tx, actOf(request), "change", [learnerId], keys);
      });
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "POST",
    url: "/invitations/redemption",
    preHandler: may.anybody,
    // Whoever redeems it is shown the key that it was redeemed for.
    config: { withoutKey: true, answers: "outcomes" },
    schema: {
      operationId: "redeemInvitation",
      summary: "Redeem an invitation for the person's key, which is shown this once",
      description: "Takes no key: the invitation's secret says who calls. It works once; a second attempt is told to the person's lead and to the audit.",
      tags,
      security: [],
      body: Redemption,
      response: { 201: ApiKeyWithSecret, ...problems("invitation-redeemed") },
    },
    handler: async (request, reply) => {
      const redeemed = await redeemInvitation(db, request.body, nobodysAct(request), clock());
      if (redeemed instanceof AppError) {
        await limits.countFailure(request);
        throw redeemed;
      }
      return reply.status(201).send(redeemed);
    },
  });
}
