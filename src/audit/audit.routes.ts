import { personOf } from "../access/scope";
import type { Context } from "../context";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { AuditEvent, AuditEventList, AuditEventPage } from "./audit.schema";
import { actOf, listAuditEvents, record } from "./audit.service";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The learners whose data an answer shows beside those of the learner whom the path names; "nobody": it is nobody's; "as-it-goes": the route records it itself, piece by piece. */
    shows?: "nobody" | "as-it-goes" | ((answer: never, request: { query: unknown }) => Shown | Promise<Shown>);
    /** Set where an answer is of others, though it may show none of them by themselves: a team's is. */
    ofOthers?: boolean;
  }
}

export type Shown = (string | null | undefined)[];

/**
 * Records every read of what is somebody else's before it is answered: what cannot be recorded
 * is not shown. A GET that does not say whose data it shows is a mistake.
 */
export function recordReads(app: App, { db }: Pick<Context, "db">): void {
  app.addHook("onRoute", ({ method, url, config }) => {
    if (method === "GET" && !url.includes(":learnerId") && !config?.shows) throw new Error(`GET ${url} does not say whose data it shows`);
  });
  app.addHook("preSerialization", async (request, reply, answer) => {
    // A HEAD's headers tell of the answer, too.
    if (!["GET", "HEAD"].includes(request.method) || reply.statusCode !== 200) return answer;
    const { shows, ofOthers } = request.routeOptions.config;
    if (shows === "nobody" || shows === "as-it-goes") return answer;
    const { learnerId, teamId } = request.params as { learnerId?: string; teamId?: string };
    const own = personOf(request.scope.caller);
    const shown = new Set([learnerId, ...((await shows?.(answer as never, request)) ?? [])]);
    const others = [...shown].filter((id): id is string => Boolean(id) && id !== own);
    if (others.length || teamId || ofOthers) await record(db, actOf(request), "read", others);
    return answer;
  });
}

export function auditRoutes(app: App, { db, may }: Context): void {
  app.route({
    method: "GET",
    url: "/audit-events",
    preHandler: may.readAudit,
    // Whom the events name would be in this one, and in the next that shows it, and so on.
    config: { ...csvList(AuditEvent), shows: (_, { query }) => askedAbout(query as AuditEventList), ofOthers: true, work: "heavy" },
    schema: {
      operationId: "listAuditEvents",
      summary: "List who changed what, and who read whose data, the latest first",
      tags: ["Audit"],
      querystring: AuditEventList,
      response: { 200: AuditEventPage, ...problems("forbidden") },
    },
    handler: ({ query }) => listAuditEvents(db, query),
  });
}

function askedAbout({ learner, person }: AuditEventList): Shown {
  return [learner, person];
}
