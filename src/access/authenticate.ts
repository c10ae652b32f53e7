import type { FastifyRequest } from "fastify";
import { findCaller } from "../api-keys/api-keys.service";
import { isMistyped } from "../api-keys/secret";
import type { Context } from "../context";
import { dayIn } from "../days";
import { AppError } from "../errors";
import type { PrismaClient } from "../generated/prisma/client";
import { readReason } from "../http/change-reason";
import type { RateLimits } from "../http/rate-limits";
import type { Caller } from "./scope";
import { isToken, tokenCheck } from "./tokens";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set where the body says who calls: the route counts a failed attempt itself. */
    withoutKey?: boolean;
  }
}

const HOW = "Send the header Authorization: Bearer <API key or access token>.";

/**
 * Turns the request's key or token into its scope.
 *
 * @throws AppError saying what is wrong with it, as far as its holder can know
 */
export function authenticate({ db, config, clock }: Pick<Context, "db" | "config" | "clock">, limits: RateLimits) {
  const checkToken = tokenCheck(db, config);
  const identify = async (request: FastifyRequest): Promise<void> => {
    const header = request.headers.authorization;
    if (!header) throw new AppError("unauthenticated", HOW);
    const secret = /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(header)?.[1];
    if (!secret) throw new AppError("unauthenticated", `The Authorization header has another form. ${HOW}`);
    const now = clock();
    const caller = checkToken && isToken(secret) ? await checkToken(secret, now, request.id) : await checkKey(db, secret, now);
    const reason = caller.role === "admin" ? readReason(request.headers["change-reason"]) : undefined;
    request.scope = { caller, reason, today: dayIn(now, config.TIME_ZONE), dayMinutes: config.DAY_MINUTES_LIMIT, lateDays: config.LATE_AFTER_DAYS };
  };
  return async (request: FastifyRequest): Promise<void> => {
    if (request.routeOptions.config.withoutKey) return;
    try {
      await identify(request);
    } catch (error) {
      // Only now: whoever else fails at the same address, a valid key or token is heard.
      if (error instanceof AppError && error.code === "unauthenticated") await limits.countFailure(request);
      throw error;
    }
    await limits.countRequest(request);
  };
}

async function checkKey(db: PrismaClient, secret: string, now: Date): Promise<Caller> {
  if (isMistyped(secret)) throw new AppError("unauthenticated", "The API key is mistyped or cut short: its checksum does not fit. Copy it again.");
  const caller = await findCaller(db, secret, now);
  if (!caller) throw new AppError("unauthenticated", "The API key is not known here, was revoked, or has expired. Ask for a new one.");
  return caller;
}
