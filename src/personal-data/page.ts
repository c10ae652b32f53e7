/** Rows in the order of their keys: so many after a row, or from the first on. */
export type Page = { take: number; after?: Row };
// biome-ignore lint/suspicious/noExplicitAny: a row of whichever model it is the page of
export type Row = any;

/** A filter on rows with an id: those past the page before. */
export function pastId({ after }: Page): { id?: { gt: string } } {
  return after ? { id: { gt: after.id } } : {};
}

/** The order and the number of rows with an id. */
export function byId({ take }: Page) {
  return { orderBy: { id: "asc" }, take } as const;
}
