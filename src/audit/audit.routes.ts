import type { FastifyContextConfig, FastifyRequest } from "fastify";
import { personOf } from "../access/scope";
import type { Context } from "../context";
import type { Db } from "../database/transaction";
import type { App } from "../http/app-type";
import { problems } from "../http/problem";
import { csvList } from "../http/representations";
import { Id } from "../http/schema";
import { AuditEvent, AuditEventList, AuditEventPage } from "./audit.schema";
import { actOf, listAuditEvents, record } from "./audit.service";
import { recordRefusal } from "./refusals";

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
    await recordShown(db, request, answer as object, request.routeOptions.config);
    return answer;
  });
}

/**
 * Records what known callers ask for and may not have: 403, and 404 at what may be somebody else's.
 * A refusal shows nothing, so it is answered even if it cannot be recorded.
 */
export function recordRefusals(app: App, { db }: Pick<Context, "db">): void {
  app.addHook("onSend", async (request, reply) => {
    if (!request.scope || !isRefusal(request, reply.statusCode)) return;
    const { learnerId } = { ...(request.body as { learnerId?: unknown } | null), ...(request.params as { learnerId?: string }) };
    try {
      await recordRefusal(db, actOf(request), Id.safeParse(learnerId).success ? [learnerId as string] : []);
    } catch (error) {
      request.log.error({ err: error }, "a refusal could not be recorded");
    }
  });
}

function isRefusal({ params, scope }: FastifyRequest, status: number): boolean {
  const { learnerId, teamId, apiKeyId } = params as Record<string, string | undefined>;
  return status === 403 || (status === 404 && (learnerId ? learnerId !== personOf(scope.caller) : Boolean(teamId ?? apiKeyId)));
}

/**
 * Records that an answer shows what is somebody else's. What is the caller's own, or nobody's, is not recorded.
 *
 * @param read what the read says whose answer it is, or that shows the same
 */
export async function recordShown(db: Db, request: FastifyRequest, answer: object, read: FastifyContextConfig): Promise<void> {
  const { shows, ofOthers } = read;
  if (shows === "nobody" || shows === "as-it-goes") return;
  const { learnerId, teamId } = request.params as { learnerId?: string; teamId?: string };
  const own = personOf(request.scope.caller);
  const shown = new Set([learnerId, ...((await shows?.(answer as never, request)) ?? [])]);
  const others = [...shown].filter((id): id is string => Boolean(id) && id !== own);
  if (others.length || teamId || ofOthers) await record(db, actOf(request), "read", others);
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
      description: "For whoever answers for the data. Changes nothing.",
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
