import type { Prisma, PrismaClient } from "../generated/prisma/client";

/** What a service writes through: the database, or a transaction that somebody else opened. */
export type Db = PrismaClient | Prisma.TransactionClient;

const LIMITS = { maxWait: 5_000, timeout: 15_000 };

/** Runs `work` in the caller's transaction if there is one, in a new one otherwise. */
export async function inTransaction<T>(db: Db, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
  return "$connect" in db ? (db as PrismaClient).$transaction(work, LIMITS) : work(db);
}

/** Does the work in the same way, takes it back, and tells what it answered: what would happen. */
export async function rolledBack<T>(db: Db, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
  let done: { answer: T } | undefined;
  const undo = new Error("rolled back on purpose");
  await inTransaction(db, async (tx) => {
    done = { answer: await work(tx) };
    throw undo;
  }).catch((error) => {
    if (error !== undo) throw error;
  });
  return (done as unknown as { answer: T }).answer;
}
