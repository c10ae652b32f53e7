import { type JWTPayload, type JWTVerifyGetKey, errors as jose, jwtVerify } from "jose";
import { v7 as uuidv7 } from "uuid";
import { record } from "../audit/audit.service";
import type { Config } from "../config";
import { type Db, inTransaction } from "../database/transaction";
import { toDay } from "../days";
import { AppError } from "../errors";
import type { Learner, PrismaClient } from "../generated/prisma/client";
import { Learner as Profile } from "../learners/learners.schema";
import { issuerKeys } from "./jwks";
import type { Caller } from "./scope";

const LONGEST_TOKEN = 8_192;
const LONGEST_NAME = 200;

/** @param requestId names the request in the audit, should the person become known by it */
export type TokenCheck = (token: string, now: Date, requestId: string) => Promise<Caller>;

/** Whether a bearer's secret is written like a JWT rather than an API key. */
export function isToken(secret: string): boolean {
  // `eyJ` is how `{"` looks in base64url.
  return /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(secret);
}

/**
 * Signs people in by the identity provider's access tokens; null where none is configured.
 * The token's subject is a learner's `externalId`. Who is not known by it is known once by a
 * verified e-mail address, and from then on by the subject.
 */
export function tokenCheck(db: PrismaClient, config: Config): TokenCheck | null {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience } = config;
  if (!issuer || !audience) return null;
  const keys = issuerKeys(issuer);
  return async (token, now, requestId) => {
    const claims = await verify(token, keys, { issuer, audience, now, config });
    const learner = await findPerson(db, claims, config, requestId);
    await noteSeen(db, learner, now);
    const identity = { id: learner.id, name: learner.name, signedInBy: "token" } as const;
    return isAdmin(claims, config) ? { ...identity, role: "admin" } : { ...identity, role: "learner", learnerId: learner.id };
  };
}

type Expected = { issuer: string; audience: string; now: Date; config: Config };

async function verify(token: string, keys: JWTVerifyGetKey, { issuer, audience, now, config }: Expected): Promise<JWTPayload & { sub: string }> {
  if (token.length > LONGEST_TOKEN) throw refused("It is longer than any that the provider would make.");
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: config.OIDC_ALGORITHMS,
      clockTolerance: config.OIDC_CLOCK_SKEW_SECONDS,
      currentDate: now,
      requiredClaims: ["sub", "exp"],
    });
    const { sub } = payload;
    if (!sub || kept("externalId", sub) !== sub) throw refused("Its subject is not a name.");
    return { ...payload, sub };
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (error instanceof jose.JWTExpired) throw refused("It has expired. Sign in again.");
    if (error instanceof jose.JOSEError) throw refused("It is not one of this organisation's for this service.");
    throw error;
  }
}

function refused(why: string): AppError {
  return new AppError("unauthenticated", `The access token is not accepted. ${why}`);
}

async function findPerson(db: PrismaClient, claims: JWTPayload & { sub: string }, config: Config, requestId: string): Promise<Learner> {
  const known = await db.learner.findUnique({ where: { externalId: claims.sub } });
  if (known) return known;
  const email = claims.email_verified === true ? kept("email", claims.email) : null;
  const bound = email && (await bind(db, email, claims.sub, requestId));
  if (bound) return bound;
  if (config.OIDC_PROVISION) return provision(db, claims, email, config, requestId);
  throw new AppError("unauthenticated", "The access token is valid, but nobody here goes by it. Ask whoever keeps the directory to set your externalId.");
}

/** Once a day; it is no change of the learner's. */
async function noteSeen(db: PrismaClient, { id, lastSeenOn }: Learner, now: Date): Promise<void> {
  const today = toDay(now);
  if (lastSeenOn && toDay(lastSeenOn) === today) return;
  await db.$executeRaw`UPDATE learners SET last_seen_on = ${today}::date WHERE id = ${id}::uuid`;
}

/** Binds a subject to the learner with its e-mail address, if that learner is not bound to another. */
async function bind(db: PrismaClient, email: string, externalId: string, requestId: string): Promise<Learner | null> {
  const matching = await db.learner.findFirst({ where: { email, externalId: null } });
  if (!matching) return null;
  return inTransaction(db, async (tx) => {
    const { count } = await tx.learner.updateMany({ where: { id: matching.id, externalId: null }, data: { externalId, version: { increment: 1 } } });
    if (!count) return null;
    await recordArrival(tx, requestId, "bindLearner", matching.id);
    return { ...matching, externalId };
  });
}

async function provision(db: PrismaClient, claims: JWTPayload & { sub: string }, email: string | null, config: Config, requestId: string): Promise<Learner> {
  // Cut where it is too long, but not through a character of two halves.
  const name =
    typeof claims.name === "string"
      ? claims.name
          .trim()
          .slice(0, LONGEST_NAME)
          .replace(/[\ud800-\udbff]$/, "")
      : null;
  const taken = email && (await db.learner.count({ where: { email } }));
  const id = uuidv7();
  await inTransaction(db, async (tx) => {
    const { count } = await tx.learner.createMany({
      data: {
        id,
        name: kept("name", name) ?? kept("name", email) ?? claims.sub,
        email: taken ? null : email,
        externalId: claims.sub,
        timeZone: kept("timeZone", claims.zoneinfo) ?? config.TIME_ZONE,
      },
      // Two first requests at once both bring the same person.
      skipDuplicates: true,
    });
    if (count) await recordArrival(tx, requestId, "provisionLearner", id);
  });
  return db.learner.findUniqueOrThrow({ where: { externalId: claims.sub } });
}

/** That somebody became known by a token, whatever the request then asks. */
function recordArrival(tx: Db, requestId: string, operation: string, learnerId: string): Promise<void> {
  const target = `/v1/learners/${learnerId}`;
  return record(tx, { requestId, role: "learner", keyId: null, personId: learnerId, operation, target, fields: [] }, "change", [learnerId]);
}

/** What the provider says of a person, as it may be kept; null for what could not be sent here either: no list could answer with it. */
function kept(field: "name" | "email" | "externalId" | "timeZone", claim: unknown): string | null {
  return Profile.shape[field].safeParse(claim).data ?? null;
}

function isAdmin(claims: JWTPayload, { OIDC_ADMIN_CLAIM: claim, OIDC_ADMIN_VALUE: value }: Config): boolean {
  if (!claim) return false;
  const held = claims[claim];
  return held === value || (Array.isArray(held) && held.includes(value));
}
