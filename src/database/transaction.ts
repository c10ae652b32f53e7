import type { Prisma, PrismaClient } from "../generated/prisma/client";

/** What a service writes through: the database, or a transaction that somebody else opened. */
export type Db = PrismaClient | Prisma.TransactionClient;

const LIMITS = { maxWait: 5_000, timeout: 15_000 };

/** Runs `work` in the caller's transaction if there is one, in a new one otherwise. */
export async function inTransaction<T>(db: Db, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
  return "$connect" in db ? (db as PrismaClient).$transaction(work, LIMITS) : work(db);
}
