import { digest } from "../digest";

/** Whether a change sets every field to what the row holds. `undefined` stands for a field that stays as it is. */
export function changesNothing(row: object, change: object): boolean {
  return Object.entries(change).every(([name, value]) => value === undefined || digest(value).equals(digest((row as Record<string, unknown>)[name])));
}
