import { v7 as uuidv7 } from "uuid";
import { type Caller, KEY_SCOPES, type KeyScope } from "../access/scope";
import { operatorsAct, record } from "../audit/audit.service";
import type { Involved } from "../audit/changes";
import { gathered } from "../database/gather";
import { type Db, inTransaction } from "../database/transaction";
import { toDate, toDay } from "../days";
import { AppError, invalid } from "../errors";
import type { Prisma, ApiKey as Row } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { ApiKey, ApiKeyCreate, ApiKeyList, ApiKeyRotate, ApiKeyWithSecret } from "./api-keys.schema";
import { hashSecret, newSecret, shownPart } from "./secret";

const MS_PER_MINUTE = 60_000;
const DAY_MINUTES = 1_440;
const MOST_SIGN_INS = 500;

/** The caller whose key this is; null for a key that is unknown, revoked or expired. */
export async function findCaller(db: Db, secret: string, now: Date): Promise<Caller | null> {
  const key = await findKey(db, hashSecret(secret).toString("hex"));
  if (!key || (key.expiresAt && key.expiresAt <= now)) return null;
  const today = toDate(toDay(now));
  if (key.lastUsedOn?.getTime() !== today.getTime()) await db.apiKey.updateMany({ where: { id: key.id }, data: { lastUsedOn: today } });
  const identity = { id: key.id, name: key.name, signedInBy: "api-key" } as const;
  // api_keys_owner_check and api_keys_scopes_check: a learner's key has a learner, a service's has scopes.
  if (key.role === "learner") return { ...identity, role: "learner", learnerId: key.learnerId as string };
  return key.role === "admin" ? { ...identity, role: "admin" } : { ...identity, role: "service", scopes: present(key).scopes, teamId: key.teamId };
}

type Found = Pick<Row, "id" | "name" | "role" | "learnerId" | "scopes" | "teamId" | "expiresAt" | "lastUsedOn"> & { hash: string };

/** Every request asks this: those of a moment ask together, and each after it came, so that a key revoked before is not found. */
const findKey = gathered(async (db: Db, hashes: string[]): Promise<(Found | undefined)[]> => {
  const keys = await db.$queryRaw<Found[]>`
    SELECT encode(secret_hash, 'hex') AS hash, id, name, role, learner_id AS "learnerId", scopes, team_id AS "teamId", expires_at AS "expiresAt", last_used_on AS "lastUsedOn"
    FROM api_keys WHERE secret_hash = ANY (${hashes.map((hash) => `\\x${hash}`)}::text[]::bytea[]) AND revoked_at IS NULL`;
  const byHash = new Map(keys.map((key) => [key.hash, key]));
  return hashes.map((hash) => byHash.get(hash));
}, MOST_SIGN_INS);

/** @throws AppError when a learner asks for more than a key of their own, or what is asked for does not go together */
export async function createApiKey(db: Db, caller: Caller, input: ApiKeyCreate, now: Date): Promise<ApiKeyWithSecret> {
  if (caller.role !== "admin" && !(caller.role === "learner" && input.role === "learner" && input.learnerId === caller.learnerId)) {
    throw new AppError("forbidden", "A learner makes keys of the role learner for themselves; other keys take an admin's key.");
  }
  if ((input.role === "learner") !== (input.learnerId != null)) {
    throw invalid("#/learnerId", "A key of the role learner names its learner; others name none.");
  }
  if (input.expiresAt && input.expiresAt <= now) throw invalid("#/expiresAt", "A key cannot have expired already. Give an instant to come, or null for none.");
  return storeKey(db, newSecret(), { ...input, scopes: scopesOf(input) });
}

/** A new key in the place of a key that still holds: the old one expires after the overlap, or when it would have anyway. */
export function rotateApiKey(db: Db, caller: Caller, id: string, { overlapMinutes = DAY_MINUTES }: ApiKeyRotate, now: Date): Promise<ApiKeyWithSecret> {
  return inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM api_keys WHERE id = ${id}::uuid FOR UPDATE`;
    const current = { revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] };
    const key = await tx.apiKey.findFirstOrThrow({ where: { AND: [{ id }, manageable(caller), current] } });
    const until = new Date(now.getTime() + overlapMinutes * MS_PER_MINUTE);
    const { name, role, learnerId, teamId, expiresAt } = key;
    await tx.apiKey.update({ where: { id }, data: { expiresAt: expiresAt && expiresAt < until ? expiresAt : until } });
    return storeKey(tx, newSecret(), { name, role, learnerId, teamId, expiresAt, scopes: present(key).scopes });
  });
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

/** Accepts the given secret as an admin's; without one, makes and returns the first admin's key. */
export async function ensureAdminKey(db: Db, secret: string | undefined): Promise<string | null> {
  if (secret) {
    const known = await db.apiKey.count({ where: { secretHash: hashSecret(secret) } });
    if (!known) await storeAdminKey(db, secret, "ADMIN_API_KEY").catch(unlessStoredMeanwhile);
    return null;
  }
  if (await db.apiKey.count({ where: { role: "admin" } })) return null;
  return storeAdminKey(db, newSecret(), "First admin");
}

function storeAdminKey(db: Db, secret: string, name: string): Promise<string | null> {
  return inTransaction(db, async (tx) => {
    const key = await storeKey(tx, secret, { name, role: "admin", scopes: [] });
    await record(tx, operatorsAct("ensureAdminKey"), "change", [], [key.id]);
    return key.secret;
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

/** Takes effect with the next request. Revoking again changes nothing. */
export async function revokeApiKey(db: Db, caller: Caller, id: string, now: Date): Promise<ApiKey> {
  const key = await db.apiKey.findFirstOrThrow({ where: { AND: [{ id }, manageable(caller)] } });
  return present(key.revokedAt ? key : await db.apiKey.update({ where: { id }, data: { revokedAt: now } }));
}

/** Whom a key concerns: whose it is. */
export async function involvedInKey(db: Db, id: string): Promise<Involved> {
  return { learnerIds: [(await db.apiKey.findUnique({ where: { id } }))?.learnerId] };
}

/** Every key for an admin, a learner's own for a learner, itself for a service. */
function manageable(caller: Caller): Prisma.ApiKeyWhereInput {
  if (caller.role === "admin") return {};
  return caller.role === "learner" ? { learnerId: caller.learnerId } : { id: caller.id };
}

async function storeKey(db: Db, secret: string, input: ApiKeyCreate & { scopes: KeyScope[] }): Promise<ApiKeyWithSecret> {
  const data = { ...input, id: uuidv7(), prefix: shownPart(secret), secretHash: hashSecret(secret) };
  return { ...present(await db.apiKey.create({ data })), secret };
}

/** api_keys_scopes_check knows no others. */
function present<T extends { scopes: string[] }>(key: T) {
  return { ...key, scopes: key.scopes as KeyScope[] };
}

// Two processes that start at once both bring the same configured key.
function unlessStoredMeanwhile(error: { code?: string }): void {
  if (error.code !== "P2002") throw error;
}
