import { type JWTPayload, type JWTVerifyGetKey, errors as jose, jwtVerify } from "jose";
import { v7 as uuidv7 } from "uuid";
import { record } from "../audit/audit.service";
import type { Config } from "../config";
import { type Db, inTransaction } from "../database/transaction";
import { toDay } from "../days";
import { AppError } from "../errors";
import type { Learner, Prisma, PrismaClient } from "../generated/prisma/client";
import { Learner as Profile, SignInUpdate } from "../learners/learners.schema";
import { issuerKeys } from "./jwks";
import type { Caller } from "./scope";
import { findErased, lockSubject } from "./subjects";

const LONGEST_TOKEN = 8_192;
const LONGEST_NAME = 200;
const DAY_MS = 86_400_000;

/** @param requestId names the request in the audit, should the person become known by it */
export type TokenCheck = (token: string, now: Date, requestId: string) => Promise<Caller>;

/** Whether a bearer's secret is written like a JWT rather than an API key. */
export function isToken(secret: string): boolean {
  // `eyJ` is how `{"` looks in base64url.
  return /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(secret);
}

/**
 * Signs people in by the identity provider's access tokens; null where none is configured. Somebody
 * is known by the token's subject. A subject that is not known yet is bound once: to the learner
 * whose `externalId` the configured claim names, else to the one with the verified e-mail address.
 */
export function tokenCheck(db: PrismaClient, config: Config): TokenCheck | null {
  const { OIDC_ISSUER: issuer, OIDC_AUDIENCE: audience } = config;
  if (!issuer || !audience) return null;
  const keys = issuerKeys(issuer, undefined, config.REQUEST_TIMEOUT_MS / 5);
  return async (token, now, requestId) => {
    const claims = await verify(token, keys, { issuer, audience, now, config });
    // By this service's clock it may have been issued as much earlier as the provider's clock may be ahead.
    const issuedAt = new Date((claims.iat - config.OIDC_CLOCK_SKEW_SECONDS) * 1_000);
    const learner = await findPerson(db, { claims, issuedAt, config, requestId });
    await noteSeen(db, learner, now);
    const identity = { id: learner.id, name: learner.name, signedInBy: "token", issuedAt } as const;
    return isAdmin(claims, config) ? { ...identity, role: "admin" } : { ...identity, role: "learner", learnerId: learner.id };
  };
}

type Claims = JWTPayload & { sub: string; iat: number };
type Expected = { issuer: string; audience: string; now: Date; config: Config };

async function verify(token: string, keys: JWTVerifyGetKey, { issuer, audience, now, config }: Expected): Promise<Claims> {
  if (token.length > LONGEST_TOKEN) throw refused("It is longer than any that the provider would make.");
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      issuer,
      audience,
      algorithms: config.OIDC_ALGORITHMS,
      clockTolerance: config.OIDC_CLOCK_SKEW_SECONDS,
      currentDate: now,
      maxTokenAge: config.OIDC_MAX_TOKEN_AGE_SECONDS,
      requiredClaims: ["sub", "exp", "iat"],
    });
    const { sub, iat } = payload;
    if (!isAccessToken(payload, protectedHeader.typ, config.OIDC_ACCESS_TOKEN_CLAIM)) {
      throw refused("It is not an access token, such as an ID token. Send the access token; if this is one, OIDC_ACCESS_TOKEN_CLAIM has to say how to tell.");
    }
    if (!sub || iat === undefined || SignInUpdate.shape.subject.safeParse(sub).data !== sub) throw refused("Its subject is not a name.");
    return { ...payload, sub, iat };
  } catch (error) {
    if (error instanceof AppError) throw error;
    if (error instanceof jose.JWTExpired)
      throw refused(error.claim === "iat" ? "It was issued too long ago. Sign in again." : "It has expired. Sign in again.");
    if (error instanceof jose.JOSEError) throw refused("It is not one of this organisation's for this service.");
    throw error;
  }
}

// Claims of ID tokens, of messages about a sign-in, and of tokens that are bound to a key of their sender's.
const OF_OTHER_TOKENS = ["nonce", "at_hash", "c_hash", "s_hash", "events", "cnf"];

/** Whether the provider made it for calling a service: by its type (RFC 9068), or by the claim that is configured for providers that set none. */
function isAccessToken(claims: JWTPayload, typ: string | undefined, marker: string | undefined): boolean {
  if (OF_OTHER_TOKENS.some((name) => claims[name] !== undefined)) return false;
  const type = typ?.toLowerCase().replace(/^application\//, "");
  if (type === "at+jwt") return true;
  if (!marker || (type !== undefined && type !== "jwt")) return false;
  const [, name = "", value] = /^([^=]+)(?:=(.*))?$/.exec(marker) ?? [];
  const held = claims[name];
  if (value === undefined) return held !== undefined && held !== null && held !== "";
  const values = Array.isArray(held) ? held : typeof held === "string" ? held.split(" ") : [held];
  return values.some((one) => String(one) === value);
}

function refused(why: string): AppError {
  return new AppError("unauthenticated", `The access token is not accepted. ${why}`);
}

type Arrival = { claims: Claims; issuedAt: Date; config: Config; requestId: string };

async function findPerson(db: PrismaClient, arrival: Arrival): Promise<Learner> {
  const { claims, issuedAt } = arrival;
  const known = await db.learner.findUnique({ where: { subject: claims.sub } });
  if (known) return currentFor(known, issuedAt);
  // A refusal is thrown after the transaction, so that what it recorded stays.
  const found = await inTransaction(db, async (tx) => {
    await lockSubject(tx, claims.sub);
    return becomeKnown(tx, arrival);
  });
  if (found instanceof AppError) throw found;
  return found;
}

/** @throws AppError for a token from before the person's subject or address was changed */
function currentFor(learner: Learner, issuedAt: Date): Learner {
  if (learner.credentialsFrom && issuedAt < learner.credentialsFrom) {
    throw refused("It was issued before the person's sign-in or address was changed. Sign in again; if you just did, wait a minute.");
  }
  return learner;
}

async function becomeKnown(tx: Prisma.TransactionClient, arrival: Arrival): Promise<Learner | AppError> {
  const { claims, issuedAt, config } = arrival;
  const known = await tx.learner.findUnique({ where: { subject: claims.sub } });
  if (known) return currentFor(known, issuedAt);
  const erased = await findErased(tx, claims.sub);
  if (erased) return refuseErased(tx, erased.id, arrival);
  const email = isVerified(claims, config) ? kept("email", claims.email) : null;
  const learner = await findUnbound(tx, claims, email, config);
  if (!learner)
    return config.OIDC_PROVISION
      ? provision(tx, email, arrival)
      : notKnown("nobody here goes by it. Ask whoever keeps the directory to add you, or an admin to set your subject.");
  if (!learner.signInOpen) return notKnown("the address or externalId of the learner that it names was changed by a program. Ask an admin to confirm it.");
  currentFor(learner, issuedAt);
  await tx.invitation.deleteMany({ where: { learnerId: learner.id, redeemedAt: null, renews: false } });
  const bound = await tx.learner.update({ where: { id: learner.id }, data: { subject: claims.sub, version: { increment: 1 } } });
  await recordArrival(tx, arrival, "bindLearner", learner.id);
  return bound;
}

/** The learner whom the claims name and whom nobody signs in as yet. What the directory's id says goes before the address. */
async function findUnbound(tx: Db, claims: Claims, email: string | null, { OIDC_EXTERNAL_ID_CLAIM: claim }: Config): Promise<Learner | null> {
  const named = claim ? claims[claim] : undefined;
  const externalId = typeof named === "string" || typeof named === "number" ? kept("externalId", String(named)) : null;
  const byId = externalId ? await tx.learner.findUnique({ where: { externalId } }) : null;
  const byEmail = email && !byId ? await tx.learner.findUnique({ where: { email } }) : null;
  // An address that was given to somebody else since: the directory knows two people.
  const isOther = externalId && byEmail?.externalId && byEmail.externalId !== externalId;
  const learner = byId ?? (isOther ? null : byEmail);
  if (!learner || learner.subject !== null) return null;
  // What a merged record goes by is the survivor's, too.
  const id = learner.mergedIntoId ?? learner.id;
  // Holds the row, so that a change of its address waits or is seen.
  await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${id}::uuid FOR UPDATE`;
  const goesBy = byId ? { externalId } : { email };
  const asNamed = learner.mergedIntoId ? { merged: { some: { ...goesBy, signInOpen: true } } } : goesBy;
  return tx.learner.findFirst({ where: { id, subject: null, erasedAt: null, mergedIntoId: null, ...asNamed } });
}

/** Whether the provider says that the address is the person's, or is trusted to hold no other. */
function isVerified({ email_verified: verified }: Claims, { OIDC_TRUST_EMAIL: isTrusted }: Config): boolean {
  return verified === true || (isTrusted && (verified === undefined || verified === "true"));
}

/** Recorded once a day. */
async function refuseErased(tx: Db, learnerId: string, arrival: Arrival): Promise<AppError> {
  const operation = "refuseErasedPerson";
  const dayAgo = new Date(Date.now() - DAY_MS);
  const isRecorded = await tx.auditEvent.count({ where: { learnerIds: { has: learnerId }, operation, at: { gt: dayAgo } } });
  if (!isRecorded) await recordArrival(tx, arrival, operation, learnerId);
  return new AppError("person-erased", "The person who signed in with this token was erased here. An admin can let them come again, as somebody new.");
}

function notKnown(why: string): AppError {
  return new AppError("unauthenticated", `The access token is valid, but ${why}`);
}

/** Once a day; it is no change of the learner's. */
async function noteSeen(db: PrismaClient, { id, lastSeenOn }: Learner, now: Date): Promise<void> {
  const today = toDay(now);
  if (lastSeenOn && toDay(lastSeenOn) === today) return;
  await db.$executeRaw`UPDATE learners SET last_seen_on = ${today}::date WHERE id = ${id}::uuid AND subject IS NOT NULL AND erased_at IS NULL`;
}

async function provision(tx: Prisma.TransactionClient, email: string | null, arrival: Arrival): Promise<Learner> {
  const { claims, config } = arrival;
  // Cut where it is too long, but not through a character of two halves.
  const name =
    typeof claims.name === "string"
      ? claims.name
          .trim()
          .slice(0, LONGEST_NAME)
          .replace(/[\ud800-\udbff]$/, "")
      : null;
  const taken = email && (await tx.learner.count({ where: { email } }));
  const id = uuidv7();
  const data = {
    id,
    name: kept("name", name) ?? kept("name", email) ?? claims.sub,
    email: taken ? null : email,
    subject: claims.sub,
    timeZone: kept("timeZone", claims.zoneinfo) ?? config.TIME_ZONE,
  };
  // Somebody may have been given the address meanwhile.
  const { count } = await tx.learner.createMany({ data, skipDuplicates: true });
  if (!count) await tx.learner.createMany({ data: { ...data, email: null } });
  await recordArrival(tx, arrival, "provisionLearner", id);
  return tx.learner.findUniqueOrThrow({ where: { id } });
}

/** That somebody became known by a token, or was refused, whatever the request then asks. */
function recordArrival(tx: Db, { requestId }: Arrival, operation: string, learnerId: string): Promise<void> {
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
