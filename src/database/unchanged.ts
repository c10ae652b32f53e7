import { digest } from "../digest";
import type { Db } from "./transaction";

// What a request turned out to leave as it was. Whoever records changes has none to record.
const unchanged = new WeakSet<object>();

/**
 * Whether a change sets every field to what the row holds. If so, it is noted for the transaction
 * that the request's change is none. `undefined` stands for a field that stays as it is.
 */
export function changesNothing(tx: Db, row: object, change: object): boolean {
  const isSame = Object.entries(change).every(([name, value]) => value === undefined || digest(value).equals(digest((row as Record<string, unknown>)[name])));
  if (isSame) unchanged.add(tx);
  return isSame;
}

/** Whether what was done in a transaction left everything as it was. */
export function leftUnchanged(tx: Db): boolean {
  return unchanged.has(tx);
}
