import { ownerOf } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import type { Prisma } from "../generated/prisma/client";
import { type Answer, answerOnce, type Posted } from "../http/idempotency";
import { type Asked, actOf, record } from "./audit.service";

type Work<T> = (tx: Prisma.TransactionClient) => Promise<T>;
/** Whom a change is about, where the path names no learner. */
type LearnerOf<T> = (result: T) => string | null | undefined;

/** Makes a request's change and records it, both or neither. */
export function change<T>(db: Db, request: Asked, work: Work<T>, learnerOf?: LearnerOf<T>): Promise<T> {
  return inTransaction(db, async (tx) => {
    const result = await work(tx);
    await record(tx, actOf(request), "change", learners(request, learnerOf?.(result)));
    return result;
  });
}

/**
 * The same for a POST that creates, answered once under its `Idempotency-Key`.
 *
 * @param keep what of the answer may be stored; a secret must not
 */
export function create<T extends object>(
  { db, request, reply }: Omit<Posted, "ownerId" | "callerId">,
  work: Work<Answer<T>>,
  { learnerOf, keep }: { learnerOf?: LearnerOf<T>; keep?: (body: T) => object } = {},
): Promise<T> {
  const recorded = (tx: Db) =>
    inTransaction(tx, async (tx) => {
      const answer = await work(tx);
      const { id } = answer.body as { id?: string };
      await record(tx, actOf(request), "change", learners(request, learnerOf?.(answer.body)), id ? [id] : []);
      return answer;
    });
  const { caller } = request.scope;
  return answerOnce({ db, request, reply, ownerId: ownerOf(caller), callerId: caller.id }, recorded, keep);
}

function learners({ params }: Asked, made: string | null | undefined): string[] {
  const id = (params as { learnerId?: string }).learnerId ?? made;
  return id ? [id] : [];
}
