import Fastify, { type FastifyHttpOptions, type FastifyRequest, type RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { holdAnswers } from "./access/answers";
import { authenticate } from "./access/authenticate";
import { createGuards } from "./access/guards";
import { readMe } from "./access/me";
import { refuseMergedReferences } from "./access/merged";
import { findMissing } from "./access/missing";
import { payerOf, personOf } from "./access/scope";
import { adoptionRoutes } from "./adoptions/adoptions.routes";
import { apiKeyRoutes } from "./api-keys/api-keys.routes";
import { auditRoutes, recordReads, recordRefusals } from "./audit/audit.routes";
import type { Config } from "./config";
import type { Context } from "./context";
import { SAMPLE_IDS } from "./demo/sample-ids";
import { evidenceRoutes } from "./evidence/evidence.routes";
import { exportRoutes } from "./exports/exports.routes";
import type { PrismaClient } from "./generated/prisma/client";
import { goalRoutes } from "./goals/goals.routes";
import { accountForRequests, limitPipelines, limitRequestsAtOnce } from "./http/account";
import type { App } from "./http/app-type";
import { limitBodies } from "./http/body-limit";
import { limitWork, type Payer, workOf } from "./http/budget";
import { networkOf, refuseCutHeaders } from "./http/client-address";
import { hardenAnswers } from "./http/hardening";
import { healthRoutes } from "./http/health.routes";
import { readJsonBodies } from "./http/json-body";
import { type Life, partWhenStopping, refuseWhileStarting } from "./http/life";
import { type LogStream, logging } from "./http/logging";
import { compareOnRead, createMetrics, type Metrics, metricsRoute } from "./http/metrics";
import { describeApi } from "./http/openapi";
import { createPlaces } from "./http/places";
import { answerProblems, earlyProblems, validatorCompiler } from "./http/problem";
import { limitRates, type RateLimits } from "./http/rate-limits";
import { repeatRefusals } from "./http/repeat-refusals";
import { negotiateRepresentations } from "./http/representations";
import { serializerCompiler } from "./http/serializer";
import { startRoutes } from "./http/start.routes";
import { importRoutes } from "./imports/imports.routes";
import { invitationRoutes } from "./invitations/invitations.routes";
import { learnerRoutes } from "./learners/learners.routes";
import { meRoutes } from "./me/me.routes";
import { membershipRoutes } from "./memberships/memberships.routes";
import { mergerRoutes } from "./mergers/mergers.routes";
import { pathRoutes } from "./paths/paths.routes";
import { periodRoutes } from "./periods/periods.routes";
import { personalDataRoutes } from "./personal-data/personal-data.routes";
import { reportRoutes } from "./reports/reports.routes";
import { resourceRoutes } from "./resources/resources.routes";
import { reviewRoutes } from "./reviews/reviews.routes";
import { stepRoutes } from "./steps/steps.routes";
import { roundOfMonths } from "./study-sessions/learner-months";
import { studySessionRoutes } from "./study-sessions/study-sessions.routes";
import { teamParentRoutes } from "./teams/team-parents.routes";
import { teamRoutes } from "./teams/teams.routes";
import { termRoutes } from "./terms/terms.routes";
import { timerRoutes } from "./timers/timers.routes";
import { version } from "./version";

const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_CONNECTIONS_MS = 2_000;

export type AppOptions = {
  config: Config;
  db: PrismaClient;
  reportsDb?: PrismaClient | undefined;
  /** Whose connections the metrics tell of, by name. */
  pools?: Record<string, Pool>;
  life?: Life;
  clock?: () => Date;
  log?: LogStream;
};

/** The whole service but its socket: plugins, then every feature on one line. */
export async function buildApp({
  config,
  db,
  reportsDb = db,
  pools = {},
  life = { phase: "serving" },
  clock = () => new Date(),
  log,
}: AppOptions): Promise<App> {
  const app: App = Fastify(serverOptions(config, log)).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  readJsonBodies(app);
  answerProblems(app, findMissing(db));
  const places = createPlaces();
  const metrics = createMetrics(pools, places);
  accountForRequests(app, metrics);
  refuseCutHeaders(app);
  limitPipelines(app);
  partWhenStopping(app, life);
  negotiateRepresentations(app);
  await hardenAnswers(app, config);
  const limits = await limitRates(app, config, ({ scope }) => payerOf(scope.caller));
  await describeApi(app, version, limits.countVisit, SAMPLE_IDS);

  startRoutes(app, version, limits.countVisit);
  healthRoutes(app, db, life);
  compareOnRead(metrics, "learner_months_compared_total", "Sums of months that were compared with their sessions.", roundOfMonths(db));
  if (config.METRICS_PORT === undefined) metricsRoute(app, metrics, limits.countVisit);
  else await serveMetricsApart(app, metrics, limits, config, log);
  await app.register(
    async (v1: App) => {
      holdRoutesToTheirWord(v1);
      refuseWhileStarting(v1, life);
      limitRequestsAtOnce(v1, config.REQUESTS_AT_ONCE);
      repeatRefusals(v1, workOf, (request) => payerOfRequest(request).isPerson);
      v1.addHook("onRequest", authenticate({ db, config, clock }, limits));
      readMe(v1);
      const budget = limitWork(v1, payerOfRequest, places, config.RATE_LIMIT_PER_MINUTE > 0);
      // A program's batch may be larger.
      limitBodies(v1, (request) => (payerOfRequest(request).isPerson ? config.BODY_LIMIT_BYTES : Number.POSITIVE_INFINITY));
      const context: Context = { db, reportsDb, config, clock, may: createGuards(db), budget };
      recordReads(v1, context);
      recordRefusals(v1, context);
      refuseMergedReferences(v1, context);
      holdAnswers(v1, context);
      meRoutes(v1, context);
      learnerRoutes(v1, context);
      personalDataRoutes(v1, context);
      mergerRoutes(v1, context);
      membershipRoutes(v1, context);
      teamRoutes(v1, context);
      teamParentRoutes(v1, context);
      resourceRoutes(v1, context);
      pathRoutes(v1, context);
      goalRoutes(v1, context);
      stepRoutes(v1, context);
      adoptionRoutes(v1, context);
      evidenceRoutes(v1, context);
      reviewRoutes(v1, context);
      termRoutes(v1, context);
      studySessionRoutes(v1, context);
      timerRoutes(v1, context);
      periodRoutes(v1, context);
      reportRoutes(v1, context);
      await v1.register((bulk: App) => importRoutes(bulk, context));
      exportRoutes(v1, context);
      apiKeyRoutes(v1, context);
      invitationRoutes(v1, context, limits);
      auditRoutes(v1, context);
    },
    { prefix: "/v1" },
  );
  return app;
}

/** Whose budget of work a request uses; of one that needs no key, its address's. */
function payerOfRequest(request: FastifyRequest): Payer {
  const caller = request.scope?.caller;
  if (!caller) return { id: networkOf(request), isPerson: true };
  return { id: payerOf(caller), isPerson: caller.role === "learner" || personOf(caller) !== null };
}

/** A server for the metrics alone. It begins before the app listens, so that a taken port stops the start, and ends last. */
async function serveMetricsApart(app: App, metrics: Metrics, limits: RateLimits, config: Config, log?: LogStream): Promise<void> {
  const apart: App = Fastify(serverOptions(config, log)).withTypeProvider<ZodTypeProvider>();
  answerProblems(apart);
  refuseCutHeaders(apart);
  await hardenAnswers(apart, { ...config, CORS_ORIGINS: undefined });
  metricsRoute(apart, metrics, limits.countVisit);
  const listenTextResolver = (address: string) => `Metrics at ${address}/metrics`;
  app.addHook("onReady", async () => {
    await apart.listen({ host: config.HOST, port: config.METRICS_PORT as number, listenTextResolver });
  });
  app.addHook("onClose", () => apart.close());
}

function serverOptions(config: Config, log?: LogStream): FastifyHttpOptions<RawServerDefault> {
  return {
    ...earlyProblems,
    ...logging(config.LOG_LEVEL, log),
    genReqId: () => uuidv7(),
    trustProxy: config.TRUST_PROXY ?? false,
    // Connections that stay are told to part instead: what was sent on one is answered.
    return503OnClosing: false,
    bodyLimit: config.BODY_LIMIT_BYTES,
    requestTimeout: config.REQUEST_TIMEOUT_MS,
    handlerTimeout: config.REQUEST_TIMEOUT_MS,
    // A socket on which nothing moves, such as of who does not read: a little longer than any single request.
    connectionTimeout: config.REQUEST_TIMEOUT_MS + CHECK_CONNECTIONS_MS,
    http: { headersTimeout: Math.min(HEADERS_TIMEOUT_MS, config.REQUEST_TIMEOUT_MS), connectionsCheckingInterval: CHECK_CONNECTIONS_MS },
  };
}

/**
 * A route that does not say who may call it is a mistake that would show only in an attack.
 * One that names no query parameters takes none.
 */
function holdRoutesToTheirWord(app: App): void {
  app.addHook("onRoute", ({ method, url, preHandler, schema }) => {
    if (!preHandler) throw new Error(`${method} ${url} does not say who may call it`);
    if (schema) schema.querystring ??= z.strictObject({});
  });
}
