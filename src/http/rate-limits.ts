import rateLimit, { normalizeIP } from "@fastify/rate-limit";
import type { FastifyRequest } from "fastify";
import Redis from "ioredis";
import type { Config } from "../config";
import { AppError } from "../errors";
import type { App } from "./app-type";
import { addressOf } from "./client-address";

const MINUTE_MS = 60_000;
const REDIS_TIMEOUT_MS = 500;
// Far more than whoever scrapes the metrics or opens the documentation asks for.
const VISITS_PER_MINUTE = 300;
// Addresses and people that are remembered at once. The longest unseen go first.
const MOST_COUNTED = 50_000;

export type RateLimits = {
  /** Counts a request of a person or a program. @throws AppError when there were too many */
  countRequest(request: FastifyRequest): Promise<void>;
  /** Counts a sign-in that failed. @throws AppError when too many from this address failed */
  countFailure(request: FastifyRequest): Promise<void>;
  /** Counts a request that needs no sign-in. @throws AppError when there were too many from this address */
  countVisit(request: FastifyRequest): Promise<void>;
};

/**
 * How much one person may ask, and how often one address may fail to say who it is. Whoever signs
 * in is never refused for what others at the same address did. While Redis is away, nobody is
 * refused.
 *
 * @param callerOf names the person or program that is calling
 */
export async function limitRates(app: App, config: Config, callerOf: (request: FastifyRequest) => string): Promise<RateLimits> {
  const { RATE_LIMIT_PER_MINUTE: requests, SIGN_IN_FAILURES_PER_MINUTE: failures, REDIS_URL } = config;
  const redis = REDIS_URL
    ? new Redis(REDIS_URL, { connectTimeout: REDIS_TIMEOUT_MS, commandTimeout: REDIS_TIMEOUT_MS, maxRetriesPerRequest: 1, enableOfflineQueue: false })
    : undefined;
  // Unheard, a lost connection would end the process; it is made again by itself.
  redis?.on("error", () => undefined);
  if (redis) app.addHook("onClose", async () => redis.disconnect());
  await app.register(rateLimit, { global: false, nameSpace: "cairn:", skipOnError: true, cache: MOST_COUNTED, timeWindow: MINUTE_MS, ...(redis && { redis }) });
  const limit = (max: number, keyGenerator: (request: FastifyRequest) => string, detail: string) => {
    const count = app.createRateLimit({ max, keyGenerator });
    return async (request: FastifyRequest): Promise<void> => {
      if (max > 0) refuseExceeded(await count(request), detail);
    };
  };
  const address = (request: FastifyRequest) => normalizeIP(addressOf(request));

  return {
    countRequest: limit(
      requests,
      (request) => `caller:${callerOf(request)}`,
      `One person or program may make ${requests} requests in a minute, with whichever keys. Wait for the seconds in Retry-After; send many sessions in one batch.`,
    ),
    countFailure: limit(
      failures,
      (request) => `address:${address(request)}`,
      "Too many sign-ins from this address failed. Wait for the seconds in Retry-After, and check the key.",
    ),
    countVisit: limit(
      requests && VISITS_PER_MINUTE,
      (request) => `visit:${address(request)}`,
      `One address may ask for this ${VISITS_PER_MINUTE} times in a minute. Wait for the seconds in Retry-After.`,
    ),
  };
}

type Count = Awaited<ReturnType<ReturnType<App["createRateLimit"]>>>;

function refuseExceeded(count: Count, detail: string): void {
  if (!count.isAllowed && count.isExceeded) throw new AppError("too-many-requests", detail, [], count.ttlInSeconds);
}
