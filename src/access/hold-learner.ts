import type { Db } from "../database/transaction";

/**
 * Holds a learner until the transaction's end. A change of what is theirs holds them before any row
 * of theirs, as an erasure does: then the two wait for each other in one order, and in no circle.
 * Logging does not wait for it.
 */
export async function holdLearner(tx: Db, learnerId: string | null | undefined): Promise<void> {
  if (learnerId) await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${learnerId}::uuid FOR NO KEY UPDATE`;
}
