import type { Prisma, PrismaClient } from "../generated/prisma/client";
import { isDeadlock } from "./violations";

/** What a service writes through: the database, or a transaction that somebody else opened. */
export type Db = PrismaClient | Prisma.TransactionClient;

const MAX_ATTEMPTS = 4;

/**
 * Runs `work` in the caller's transaction if there is one, in a new one otherwise. Of two that
 * wait for each other the database stops one, undone: that one is run again, after the other.
 */
export async function inTransaction<T>(db: Db, work: (tx: Prisma.TransactionClient) => Promise<T>): Promise<T> {
  if (!("$connect" in db)) return work(db);
  for (let attempt = 1; ; attempt++) {
    try {
      return await (db as PrismaClient).$transaction(work);
    } catch (error) {
      if (!isDeadlock(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
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
