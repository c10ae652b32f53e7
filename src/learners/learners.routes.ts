import { z } from "zod";
import { actOf } from "../audit/audit.service";
import { change, create, noteRecorded } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { IdempotencyHeaders, KEY_REFUSALS } from "../http/idempotency";
import type { Page } from "../http/paging";
import { IfMatchHeaders, ifVersion } from "../http/preconditions";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { LearnerId } from "../http/schema";
import { Learner, LearnerCreate, LearnerList, LearnerPage, LearnerUpdate, SignIn, SignInUpdate } from "./learners.schema";
import { createLearner, getLearner, listLearners, updateLearner } from "./learners.service";
import { getSignIn, liftErasedSubject, setSubject } from "./sign-ins.service";

const tags = ["Learners"];
const params = z.object({ learnerId: LearnerId });
const idOf = ({ id }: Learner) => id;

export function learnerRoutes(app: App, { db, config, clock, may }: Context): void {
  app.route({
    method: "POST",
    url: "/learners",
    preHandler: may.keepDirectory,
    config: { answers: "listLearners" },
    schema: {
      operationId: "createLearner",
      summary: "Create a learner",
      description: "For the directory: a person who may log from then on. Stores one learner.",
      tags,
      headers: IdempotencyHeaders,
      body: LearnerCreate,
      response: { 201: Learner, ...problems("forbidden", "already-exists", ...KEY_REFUSALS) },
    },
    handler: (request, reply) =>
      create(
        { db, request, reply },
        async (tx) => {
          const learner = await createLearner(tx, request.body, config.TIME_ZONE);
          return { status: 201, body: learner, location: `/v1/learners/${learner.id}` };
        },
        { involves: ({ id }) => [id] },
      ),
  });

  app.route({
    method: "GET",
    url: "/learners",
    preHandler: may.listProfiles,
    config: { ...csvList(Learner), shows: ({ items }: Page<Learner>) => items.map(idOf) },
    schema: {
      operationId: "listLearners",
      summary: "List the learners whom the caller may see, by name",
      description: "Finds people by name, e-mail address or the directory's id. Changes nothing.",
      tags,
      querystring: LearnerList,
      response: { 200: LearnerPage, ...problems("forbidden") },
    },
    handler: ({ scope, query }) => listLearners(db, scope, query),
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId",
    preHandler: may.readProfile,
    schema: {
      operationId: "getLearner",
      summary: "Read a learner",
      description: "The directory entry of one person. Changes nothing.",
      tags,
      params,
      response: { 200: Learner, ...problems("not-found", "forbidden") },
    },
    handler: ({ params }) => getLearner(db, params.learnerId),
  });

  app.route({
    method: "PATCH",
    url: "/learners/:learnerId",
    preHandler: may.writeProfile,
    config: { answers: "getLearner" },
    schema: {
      operationId: "updateLearner",
      summary: "Change a learner (merge patch)",
      description: "Keeps a person's entry: name, address, time zone, target. What is left out stays.",
      tags,
      params,
      headers: IfMatchHeaders,
      body: LearnerUpdate,
      response: { 200: Learner, ...problems("not-found", "forbidden", "already-exists", "version-mismatch") },
    },
    handler: (request) => {
      const { scope, params, body } = request;
      const asked = { input: body, ifVersion: ifVersion(request), act: actOf(request), now: clock() };
      return change(db, request, (tx) => updateLearner(tx, scope, params.learnerId, asked));
    },
  });

  app.route({
    method: "GET",
    url: "/learners/:learnerId/subject",
    preHandler: may.manageSignIn,
    schema: {
      operationId: "getSubject",
      summary: "Read who a learner is at the identity provider",
      description: "Which subject of the identity provider's tokens is this learner. Changes nothing.",
      tags,
      params,
      response: { 200: SignIn, ...problems("not-found", "forbidden") },
    },
    handler: ({ params }) => getSignIn(db, params.learnerId),
  });

  app.route({
    method: "PUT",
    url: "/learners/:learnerId/subject",
    preHandler: may.manageSignIn,
    config: { answers: "getSubject" },
    schema: {
      operationId: "setSubject",
      summary: "Say who a learner is at the identity provider, which ends their keys and tokens until now",
      description: "Binds a subject by hand. Writes it, and ends the learner's keys and tokens.",
      tags,
      params,
      body: SignInUpdate,
      response: { 200: SignIn, ...problems("not-found", "forbidden", "already-exists") },
    },
    handler: async (request) => {
      const signIn = await setSubject(db, request.params.learnerId, request.body.subject, actOf(request), clock());
      noteRecorded(request);
      return signIn;
    },
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/subject",
    preHandler: may.manageSignIn,
    config: { answers: "nothing" },
    schema: {
      operationId: "removeSubject",
      summary: "Take a learner's subject away, which ends their keys and tokens until now; a later sign-in may be bound to them anew",
      description: "Undoes a binding. Removes the subject, and ends the learner's keys and tokens.",
      tags,
      params,
      response: { 204: z.null(), ...problems("not-found", "forbidden") },
    },
    handler: async (request, reply) => {
      await setSubject(db, request.params.learnerId, null, actOf(request), clock());
      return reply.status(204).send(null);
    },
  });

  app.route({
    method: "DELETE",
    url: "/learners/:learnerId/erased-subject",
    preHandler: may.manageSignIn,
    config: { answers: "nothing" },
    schema: {
      operationId: "liftErasedSubject",
      summary: "Let an erased person sign in again, as somebody new",
      description: "An erased person's subject is kept as a mark, so that nobody signs in by it. Removes the mark.",
      tags,
      params,
      response: { 204: z.null(), ...problems("not-found", "forbidden") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => liftErasedSubject(tx, request.params.learnerId));
      return reply.status(204).send(null);
    },
  });
}
