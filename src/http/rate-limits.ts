import rateLimit from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import Redis from "ioredis";
import type { Config } from "../config";
import { AppError } from "../errors";
import type { App } from "./app-type";

const MINUTE_MS = 60_000;
const REDIS_TIMEOUT_MS = 500;

export type RateLimits = {
  /** Counts a request of a caller. @throws AppError when there were too many */
  countRequest(request: FastifyRequest): Promise<void>;
  /** @throws AppError when too many sign-ins from this address failed */
  checkAddress(request: FastifyRequest): Promise<void>;
  /** Counts a sign-in that failed. */
  countFailure(request: FastifyRequest): Promise<void>;
};

/**
 * How much one caller may ask, and how often one address may fail to say who it is. While
 * Redis is away, nobody is turned away for it.
 *
 * @param callerOf names who is calling
 */
export async function limitRates(app: App, config: Config, callerOf: (request: FastifyRequest) => string): Promise<RateLimits> {
  const { RATE_LIMIT_PER_MINUTE: requests, SIGN_IN_FAILURES_PER_MINUTE: failures, REDIS_URL } = config;
  const redis = REDIS_URL
    ? new Redis(REDIS_URL, { connectTimeout: REDIS_TIMEOUT_MS, commandTimeout: REDIS_TIMEOUT_MS, maxRetriesPerRequest: 1, enableOfflineQueue: false })
    : undefined;
  // Unheard, a lost connection would end the process; it is made again by itself.
  redis?.on("error", () => undefined);
  if (redis) app.addHook("onClose", async () => redis.disconnect());
  await app.register(rateLimit, { global: false, nameSpace: "cairn:", skipOnError: true, timeWindow: MINUTE_MS, ...(redis && { redis }) });
  const byCaller = app.createRateLimit({ max: requests, keyGenerator: (request) => `caller:${callerOf(request)}` });
  const byAddress = app.createRateLimit({ max: failures, keyGenerator: (request) => `address:${request.ip}` });

  return {
    async countRequest(request) {
      if (requests > 0)
        refuseExceeded(
          await byCaller(request),
          `One caller may make ${requests} requests in a minute. Wait for the seconds in Retry-After; send many sessions in one batch.`,
        );
    },
    async checkAddress(request) {
      if (failures > 0)
        refuseExceeded(
          await byAddress(request, { increment: false }),
          "Too many sign-ins from this address failed. Wait for the seconds in Retry-After, and check the key.",
        );
    },
    async countFailure(request) {
      if (failures > 0) await byAddress(request);
    },
  };
}

type Count = Awaited<ReturnType<ReturnType<App["createRateLimit"]>>>;

function refuseExceeded(count: Count, detail: string): void {
  if (!count.isAllowed && count.isExceeded) throw new AppError("too-many-requests", detail, [], count.ttlInSeconds);
}
