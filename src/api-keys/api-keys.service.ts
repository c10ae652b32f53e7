import { v7 as uuidv7 } from "uuid";
import { holdLearner } from "../access/hold-learner";
import { type Caller, KEY_SCOPES, type KeyScope, personOf } from "../access/scope";
import { operatorsAct, record } from "../audit/audit.service";
import { gathered } from "../database/gather";
import { type Db, inTransaction } from "../database/transaction";
import { toDate, toDay } from "../days";
import { AppError, invalid } from "../errors";
import type { Prisma, ApiKey as Row } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { ApiKey, ApiKeyCreate, ApiKeyList, ApiKeyRotate, ApiKeyWithSecret } from "./api-keys.schema";
import { type Revoked, revokeFamilies } from "./key-families";
import { hashSecret, newSecret, shownPart } from "./secret";

const MS_PER_MINUTE = 60_000;
const DAY_MINUTES = 1_440;
const MOST_SIGN_INS = 500;
/** Live keys: of each person, their own and likewise those that act for them; of services and admins together. */
export const MOST_KEYS = { ofPerson: 20, ofPrograms: 1_000 };

/** The caller whose key this is; null for a key that is unknown, revoked or expired. */
export async function findCaller(db: Db, secret: string, now: Date): Promise<Caller | null> {
  const key = await findKey(db, hashSecret(secret).toString("hex"));
  if (!key || (key.expiresAt && key.expiresAt <= now)) return null;
  const today = toDate(toDay(now));
  if (key.lastUsedOn?.getTime() !== today.getTime()) await db.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedOn: today } });
  const identity = { id: key.id, name: key.name, signedInBy: "api-key", rootId: key.rootId } as const;
  // api_keys_owner_check and api_keys_scopes_check: a learner's key has a learner, a service's has scopes.
  if (key.role === "learner") return { ...identity, role: "learner", learnerId: key.learnerId as string, actsFor: key.actsFor };
  return key.role === "admin" ? { ...identity, role: "admin" } : { ...identity, role: "service", scopes: present(key).scopes, teamId: key.teamId };
}

type Found = Pick<Row, "id" | "name" | "role" | "learnerId" | "scopes" | "teamId" | "expiresAt" | "lastUsedOn" | "actsFor" | "rootId"> & { hash: string };

/** Every request asks this: those of a moment ask together, and each after it came, so that a key revoked before is not found. */
const findKey = gathered(async (db: Db, hashes: string[]): Promise<(Found | undefined)[]> => {
  const keys = await db.$queryRaw<Found[]>`
    SELECT encode(secret_hash, 'hex') AS hash, id, name, role, learner_id AS "learnerId", scopes, team_id AS "teamId", expires_at AS "expiresAt", last_used_on AS "lastUsedOn",
           acts_for AS "actsFor", root_id AS "rootId"
    FROM api_keys WHERE secret_hash = ANY (${hashes.map((hash) => `\\x${hash}`)}::text[]::bytea[]) AND revoked_at IS NULL`;
  const byHash = new Map(keys.map((key) => [key.hash, key]));
  return hashes.map((hash) => byHash.get(hash));
}, MOST_SIGN_INS);

/**
 * Makes a key. What an admin makes for somebody else is marked as acting for them.
 *
 * @throws AppError when a learner asks for more than a key of their own, there are too many, or what is asked for does not go together
 */
export function createApiKey(db: Db, caller: Caller, input: ApiKeyCreate, now: Date): Promise<ApiKeyWithSecret> {
  const person = personOf(caller);
  if (caller.role !== "admin" && !(person && input.role === "learner" && input.learnerId === person)) {
    throw new AppError("forbidden", "A learner makes keys of the role learner for themselves; other keys take an admin's key.");
  }
  if ((input.role === "learner") !== (input.learnerId != null)) {
    throw invalid("#/learnerId", "A key of the role learner names its learner; others name none.");
  }
  if (input.expiresAt && input.expiresAt <= now) throw invalid("#/expiresAt", "A key cannot have expired already. Give an instant to come, or null for none.");
  const scopes = scopesOf(input);
  const actsFor = input.role === "learner" && input.learnerId !== person;
  return inTransaction(db, async (tx) => {
    await holdLearner(tx, input.learnerId);
    const minter = await lockMinter(tx, caller, now);
    const { expiresAt = minter.expiresAt } = input;
    if (earliest(expiresAt, minter.expiresAt) !== expiresAt) {
      throw invalid(
        "#/expiresAt",
        `The key that makes it expires at ${minter.expiresAt?.toISOString()}. Give that or an earlier instant, or leave expiresAt out.`,
      );
    }
    const key = await storeKey(tx, newSecret(), { ...input, expiresAt, scopes, actsFor, mintedById: minter.keyId });
    await refuseTooMany(tx, key, now);
    return key;
  });
}

/**
 * A new key in the place of a key that still holds: the old one expires after the overlap, or when
 * it would have anyway. A key is rotated once; after that, its successor is.
 */
export function rotateApiKey(db: Db, caller: Caller, id: string, { overlapMinutes = DAY_MINUTES }: ApiKeyRotate, now: Date): Promise<ApiKeyWithSecret> {
  return inTransaction(db, async (tx) => {
    await holdLearner(tx, (await tx.apiKey.findUnique({ where: { id } }))?.learnerId);
    await tx.$queryRaw`SELECT 1 FROM api_keys WHERE id = ${id}::uuid FOR UPDATE`;
    const current = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
    const key = await tx.apiKey.findFirstOrThrow({ where: { AND: [{ id }, manageable(caller), current] } });
    if (key.role === "learner" && !key.actsFor && personOf(caller) !== key.learnerId) {
      throw new AppError("forbidden", "Only the learner rotates a key of their own. Revoke it, and send the learner an invitation.");
    }
    if (key.rotatedAt) throw new AppError("key-rotated", "Another key was made in its place. Rotate that one, or revoke either to end both.");
    const minter = await lockMinter(tx, caller, now);
    const until = new Date(now.getTime() + overlapMinutes * MS_PER_MINUTE);
    await tx.apiKey.update({ where: { id }, data: { expiresAt: earliest(key.expiresAt, until), rotatedAt: now } });
    const { name, role, learnerId, teamId, actsFor } = key;
    const lineage =
      caller.id === id
        ? { mintedById: key.mintedById, expiresAt: key.expiresAt }
        : { mintedById: minter.keyId, expiresAt: earliest(key.expiresAt, minter.expiresAt) };
    const fresh = await storeKey(tx, newSecret(), {
      name,
      role,
      learnerId,
      teamId,
      actsFor,
      scopes: present(key).scopes,
      rootId: key.rootId ?? id,
      ...lineage,
    });
    await refuseTooMany(tx, fresh, now);
    return fresh;
  });
}

/** Makes a key as whoever runs the service does: by no other key, and for a learner as if it were by themselves. */
export function giveKey(db: Db, input: ApiKeyCreate, secret = newSecret()): Promise<ApiKeyWithSecret> {
  return storeKey(db, secret, { ...input, scopes: scopesOf(input) });
}

type Minter = { keyId: string | null; expiresAt: Date | null };

/**
 * Holds on to what the caller signed in with until the transaction's end: who takes it away waits,
 * and then finds what it made.
 *
 * @throws AppError when it was taken away meanwhile
 */
export async function lockMinter(tx: Db, caller: Caller, now: Date): Promise<Minter> {
  if (caller.signedInBy === "token") {
    const [learner] = await tx.$queryRaw<{ from: Date | null }[]>`SELECT credentials_from AS from FROM learners WHERE id = ${caller.id}::uuid FOR SHARE`;
    if (!learner || (learner.from && caller.issuedAt && caller.issuedAt < learner.from)) throw endedMeanwhile();
    return { keyId: null, expiresAt: null };
  }
  const [key] = await tx.$queryRaw<{ expiresAt: Date | null }[]>`
    SELECT expires_at AS "expiresAt" FROM api_keys
    WHERE id = ${caller.id}::uuid AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ${now}) FOR SHARE`;
  if (!key) throw endedMeanwhile();
  return { keyId: caller.id, expiresAt: key.expiresAt };
}

function endedMeanwhile(): AppError {
  return new AppError("unauthenticated", "The key or the sign-in was ended while this request was under way. Sign in anew.");
}

/** @throws AppError when there are more live keys with this one than there may be */
async function refuseTooMany(tx: Db, { learnerId, actsFor }: ApiKey, now: Date): Promise<void> {
  // One at a time counts, and sees what the one before made.
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`keys ${learnerId} ${actsFor}`}, 0))`;
  const live = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
  const most = learnerId ? MOST_KEYS.ofPerson : MOST_KEYS.ofPrograms;
  if ((await tx.apiKey.count({ where: { learnerId, actsFor, ...live } })) <= most) return;
  const whose = learnerId ? (actsFor ? "that act for one person" : "of one person") : "of services and admins";
  throw new AppError(
    "too-many-keys",
    `There may be ${most} live keys ${whose}. List them, and revoke one that nobody uses: lastUsedOn tells. A rotation without an overlap ends the old key at once.`,
  );
}

function earliest(one: Date | null, other: Date | null): Date | null {
  return one && other ? (other < one ? other : one) : (one ?? other);
}

/** All for a service that names none. */
function scopesOf({ role, scopes, teamId }: ApiKeyCreate): KeyScope[] {
  if (role !== "service") {
    if (scopes?.length || teamId) throw invalid(scopes?.length ? "#/scopes" : "#/teamId", "Only a service's key has scopes or a team. Leave them out.");
    return [];
  }
  if (scopes && !scopes.length) throw invalid("#/scopes", "A key without a scope could do nothing. Name some, or leave scopes out for all.");
  const known = [...new Set(scopes ?? KEY_SCOPES.filter((scope) => !teamId || scope !== "directory:write"))];
  if (teamId && known.includes("directory:write")) {
    throw invalid(
      "#/scopes",
      "The directory is the whole organisation's, so a key that is confined to a team does not keep it. Leave directory:write or teamId out.",
    );
  }
  return known;
}

/**
 * Accepts the given secret as an admin's, and revokes the one that was given before, with its
 * family. Without one, makes and returns the first admin's key.
 */
export function ensureAdminKey(db: Db, secret: string | undefined, now = new Date()): Promise<string | null> {
  return inTransaction(db, async (tx) => {
    // Several processes that start at once bring the same key, and only one of them stores it.
    await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtext('cairn.admin_key'))`;
    const store = async (key: string, name: string, replaced: Revoked[]) => {
      const { id } = await giveKey(tx, { name, role: "admin" }, key);
      await tx.apiKey.update({ where: { id }, data: { configured: key === secret } });
      await record(tx, operatorsAct("ensureAdminKey"), "change", learnersOf(replaced), [id, ...replaced.map((one) => one.id)]);
      return key;
    };
    if (!secret) return (await tx.apiKey.count({ where: { role: "admin" } })) ? null : store(newSecret(), "First admin", []);
    const known = await tx.apiKey.findUnique({ where: { secretHash: hashSecret(secret) } });
    // A process that still starts with the value before takes nothing back.
    if (known?.revokedAt) process.emitWarning("ADMIN_API_KEY names a key that was revoked: it signs nobody in. Choose a new one.");
    if (known) return null;
    const before = await tx.apiKey.findMany({ where: { configured: true, revokedAt: null }, select: { id: true } });
    const replaced = await revokeFamilies(
      tx,
      before.map(({ id }) => id),
      now,
    );
    if (replaced.length) process.emitWarning(`ADMIN_API_KEY changed: the one before was revoked, and all that it made, ${replaced.length} keys in all.`);
    await store(secret, "ADMIN_API_KEY", replaced);
    return null;
  });
}

export async function listApiKeys(db: Db, caller: Caller, query: ApiKeyList): Promise<Page<ApiKey>> {
  return readPage("api-keys", query, { instant: (key) => key.createdAt }, async (take, after) => {
    const keys = await db.apiKey.findMany({
      where: { AND: [manageable(caller), beyond("createdAt", "desc", after)] },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take,
    });
    return keys.map(present);
  });
}

/**
 * Revokes a key with its family, from the next request on. Revoking again changes nothing.
 *
 * @returns the keys that were live until now, after the one that was named
 */
export function revokeApiKey(db: Db, caller: Caller, id: string, now: Date): Promise<Revoked[]> {
  return inTransaction(db, async (tx) => {
    const key = await tx.apiKey.findFirstOrThrow({ where: { AND: [{ id }, manageable(caller)] } });
    await holdLearner(tx, key.learnerId);
    const revoked = await revokeFamilies(tx, [id], now);
    return [key, ...revoked.filter((one) => one.id !== id)];
  });
}

/** Of some keys, whose they are. */
export function learnersOf(keys: Revoked[]): string[] {
  return [...new Set(keys.flatMap(({ learnerId }) => learnerId ?? []))];
}

/** Every key for an admin, a person's for themselves, itself for a service's and for one that acts for somebody. */
function manageable(caller: Caller): Prisma.ApiKeyWhereInput {
  if (caller.role === "admin") return {};
  const learnerId = personOf(caller);
  return learnerId ? { learnerId } : { id: caller.id };
}

type Lineage = Partial<Pick<Row, "actsFor" | "mintedById" | "rootId">>;

async function storeKey(db: Db, secret: string, input: ApiKeyCreate & { scopes: KeyScope[] } & Lineage): Promise<ApiKeyWithSecret> {
  const data = { ...input, id: uuidv7(), prefix: shownPart(secret), secretHash: hashSecret(secret) };
  return { ...present(await db.apiKey.create({ data })), secret };
}

/** api_keys_scopes_check knows no others. */
function present<T extends { scopes: string[] }>(key: T) {
  return { ...key, scopes: key.scopes as KeyScope[] };
}
