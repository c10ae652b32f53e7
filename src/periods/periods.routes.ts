import { z } from "zod";
import { change } from "../audit/changes";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Month, PeriodClosure, PeriodClosureList, PeriodClosurePage } from "./periods.schema";
import { closeMonth, getClosure, listClosures, reopenMonth } from "./periods.service";

const tags = ["Periods"];
const params = z.object({ month: Month });
const url = "/periods/:month/closure";

export function periodRoutes(app: App, { db, clock, may }: Context): void {
  app.route({
    method: "GET",
    url: "/periods",
    preHandler: may.signedIn,
    config: { ...csvList(PeriodClosure), shows: "nobody" },
    schema: {
      operationId: "listClosedPeriods",
      summary: "List the months that are closed, the latest first",
      description: "Which months are settled. Changes nothing.",
      tags,
      querystring: PeriodClosureList,
      response: { 200: PeriodClosurePage, ...problems() },
    },
    handler: ({ query }) => listClosures(db, query),
  });

  app.route({
    method: "GET",
    url,
    preHandler: may.signedIn,
    config: { shows: "nobody" },
    schema: {
      operationId: "getPeriodClosure",
      summary: "See whether a month is closed",
      description: "Whether and when a month was closed. Changes nothing.",
      tags,
      params,
      response: { 200: PeriodClosure, ...problems("not-found") },
    },
    handler: ({ params }) => getClosure(db, params.month),
  });

  app.route({
    method: "PUT",
    url,
    preHandler: may.closePeriods,
    config: { answers: "getPeriodClosure" },
    schema: {
      operationId: "closePeriod",
      summary: "Close a month: what was logged in it then changes only by an admin with a reason",
      description: "Settles a month: its figures change no more, except by an admin with a reason.",
      tags,
      params,
      response: { 200: PeriodClosure, 201: PeriodClosure, ...problems("forbidden") },
    },
    handler: async (request, reply) => {
      const { closure, created } = await change(db, request, (tx) => closeMonth(tx, request.scope, request.params.month, clock()));
      return reply.status(created ? 201 : 200).send(closure);
    },
  });

  app.route({
    method: "DELETE",
    url,
    preHandler: may.closePeriods,
    config: { answers: "nothing" },
    schema: {
      operationId: "reopenPeriod",
      summary: "Open a closed month again",
      description: "Lets a closed month be changed again.",
      tags,
      params,
      response: { 204: z.null(), ...problems("not-found", "forbidden") },
    },
    handler: async (request, reply) => {
      await change(db, request, (tx) => reopenMonth(tx, request.params.month));
      return reply.status(204).send(null);
    },
  });
}
