import { v7 as uuidv7 } from "uuid";
import type { Caller } from "../access/scope";
import type { Db } from "../database/transaction";
import { AppError, invalid } from "../errors";
import type { Prisma } from "../generated/prisma/client";
import { beyond, type Page, readPage } from "../http/paging";
import type { ApiKey, ApiKeyCreate, ApiKeyList, ApiKeyWithSecret } from "./api-keys.schema";
import { hashSecret, newSecret, shownPart } from "./secret";

/** The caller whose key this is; null for a key that is unknown or revoked. */
export async function findCaller(db: Db, secret: string): Promise<Caller | null> {
  const key = await db.apiKey.findUnique({ where: { secretHash: hashSecret(secret), revokedAt: null } });
  if (!key) return null;
  const identity = { id: key.id, name: key.name, signedInBy: "api-key" } as const;
  if (key.role !== "learner") return { ...identity, role: key.role };
  // api_keys_owner_check: a learner's key has a learner.
  return { ...identity, role: "learner", learnerId: key.learnerId as string };
}

/** @throws AppError when a learner asks for more than a key of their own */
export async function createApiKey(db: Db, caller: Caller, input: ApiKeyCreate): Promise<ApiKeyWithSecret> {
  if (caller.role !== "admin" && !(caller.role === "learner" && input.role === "learner" && input.learnerId === caller.learnerId)) {
    throw new AppError("forbidden", "A learner makes keys of the role learner for themselves; other keys take an admin's key.");
  }
  if ((input.role === "learner") !== (input.learnerId != null)) {
    throw invalid("#/learnerId", "A key of the role learner names its learner; others name none.");
  }
  return storeKey(db, newSecret(), input);
}

/** Accepts the given secret as an admin's; without one, makes and returns the first admin's key. */
export async function ensureAdminKey(db: Db, secret: string | undefined): Promise<string | null> {
  if (secret) {
    const known = await db.apiKey.count({ where: { secretHash: hashSecret(secret) } });
    if (!known) await storeKey(db, secret, { name: "ADMIN_API_KEY", role: "admin" }).catch(unlessStoredMeanwhile);
    return null;
  }
  if (await db.apiKey.count({ where: { role: "admin" } })) return null;
  return (await storeKey(db, newSecret(), { name: "First admin", role: "admin" })).secret;
}

export async function listApiKeys(db: Db, caller: Caller, query: ApiKeyList): Promise<Page<ApiKey>> {
  return readPage("api-keys", query, { instant: (key) => key.createdAt }, (take, after) =>
    db.apiKey.findMany({
      where: { AND: [manageable(caller), beyond("createdAt", "desc", after)] },
      orderBy: [{ createdAt: "desc" }, { id: "desc" }],
      take,
    }),
  );
}

/** Takes effect with the next request. Revoking again changes nothing. */
export async function revokeApiKey(db: Db, caller: Caller, id: string, now: Date): Promise<void> {
  const key = await db.apiKey.findFirstOrThrow({ where: { AND: [{ id }, manageable(caller)] } });
  if (!key.revokedAt) await db.apiKey.update({ where: { id }, data: { revokedAt: now } });
}

/** Every key for an admin, a learner's own for a learner, itself for a service. */
function manageable(caller: Caller): Prisma.ApiKeyWhereInput {
  if (caller.role === "admin") return {};
  return caller.role === "learner" ? { learnerId: caller.learnerId } : { id: caller.id };
}

async function storeKey(db: Db, secret: string, input: ApiKeyCreate): Promise<ApiKeyWithSecret> {
  const data = { ...input, id: uuidv7(), prefix: shownPart(secret), secretHash: hashSecret(secret) };
  return { ...(await db.apiKey.create({ data })), secret };
}

// Two processes that start at once both bring the same configured key.
function unlessStoredMeanwhile(error: { code?: string }): void {
  if (error.code !== "P2002") throw error;
}
