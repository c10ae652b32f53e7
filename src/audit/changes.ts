import { holdLearner } from "../access/hold-learner";
import { ownerOf } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { leftUnchanged } from "../database/unchanged";
import type { Prisma } from "../generated/prisma/client";
import { type Answer, answerOnce, type Posted } from "../http/idempotency";
import { type Act, type Asked, actOf, record } from "./audit.service";

type Work<T> = (tx: Prisma.TransactionClient) => Promise<T>;
type Id = string | null | undefined;
/** Whom a change concerns beside the learner whom the path names, those in a crowd as far as there is room; and which items. */
export type Involved = { learnerIds?: Id[]; crowd?: string[]; itemIds?: string[] };

// More people than anybody looks through one by one.
const MOST_NAMED = 1_000;

/**
 * Makes a request's change and records it, both or neither. What turns out to change nothing is not recorded.
 *
 * @param involved is asked before the change and after it: the event names everybody whom it was or is
 *   about. It holds the rows that it reads, so that nobody comes between
 */
export function change<T>(db: Db, request: Asked, work: Work<T>, involved?: (tx: Db) => Promise<Involved>): Promise<T> {
  return inTransaction(db, async (tx) => {
    await holdLearner(tx, learnerOf(request));
    const before = await involved?.(tx);
    const result = await work(tx);
    // An answer to what changes nothing is a read, and recorded as one.
    if (leftUnchanged(tx)) return result;
    const after = await involved?.(tx);
    await recordChange(tx, actOf(request), [named(request), before, after]);
    noteRecorded(request);
    return result;
  });
}

/**
 * The same for a POST that creates, answered once under its `Idempotency-Key`.
 *
 * @param involves whom it concerns beside the learner whom the path names
 * @param keep what of the answer may be stored; a secret must not
 */
export function create<T extends object>(
  { db, request, reply }: Omit<Posted, "ownerId" | "callerId">,
  work: Work<Answer<T>>,
  { involves, keep }: { involves?: (made: T) => Id[]; keep?: (body: T) => object } = {},
): Promise<T> {
  const recorded = (tx: Db) =>
    inTransaction(tx, async (tx) => {
      await holdLearner(tx, learnerOf(request));
      const answer = await work(tx);
      const { id } = answer.body as { id?: string };
      await recordChange(tx, actOf(request), [named(request), { learnerIds: involves?.(answer.body) ?? [], itemIds: id ? [id] : [] }]);
      noteRecorded(request);
      return answer;
    });
  const { caller } = request.scope;
  return answerOnce({ db, request, reply, ownerId: ownerOf(caller), callerId: caller.id }, recorded, keep);
}

/** Records a change with everybody whom it concerns, in their order as far as there is room. */
export async function recordChange(tx: Db, act: Act, involved: (Involved | undefined)[]): Promise<void> {
  const all = <K extends keyof Involved>(field: K) => involved.flatMap((each): Id[] => each?.[field] ?? []);
  const learnerIds = distinct([...all("learnerIds"), ...all("crowd")]);
  const itemIds = distinct(all("itemIds"));
  const unnamed = Math.max(0, learnerIds.length - MOST_NAMED);
  await record(tx, act, "change", learnerIds.slice(0, MOST_NAMED), itemIds.slice(0, MOST_NAMED), { unnamed });
}

function named(request: Asked): Involved {
  return { learnerIds: [learnerOf(request)] };
}

/** The learner whom the path names. */
function learnerOf({ params }: Asked): string | undefined {
  return (params as { learnerId?: string }).learnerId;
}

function distinct(ids: Id[]): string[] {
  return [...new Set(ids.filter((id) => id != null))] as string[];
}

const recorded = new WeakSet<object>();

/** Remembers that a request's own change was recorded: what its answer shows need not be recorded once more. */
export function noteRecorded(request: object): void {
  recorded.add(request);
}

export function isRecorded(request: object): boolean {
  return recorded.has(request);
}
