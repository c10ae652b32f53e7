import { digest } from "../digest";
import type { Db } from "./transaction";

const unchanged = new WeakSet<Db>();

/**
 * Compares a change with the row it is for. A change that sets every field to what is stored
 * changes nothing: the row keeps its version, and the transaction is noted as one without a change.
 *
 * @param change undefined stands for a field that stays as it is
 */
export function changesNothing(tx: Db, row: object, change: object): boolean {
  const isSame = Object.entries(change).every(([name, value]) => value === undefined || digest(value).equals(digest((row as Record<string, unknown>)[name])));
  if (isSame) unchanged.add(tx);
  return isSame;
}

/** Whether a change was asked for in this transaction that changed nothing. */
export function isUnchanged(tx: Db): boolean {
  return unchanged.has(tx);
}
