import { type AppError, invalid } from "../errors";
import type { App } from "../http/app-type";
import { ME } from "../http/schema";
import { personOf, type Scope } from "./scope";

type Fields = Record<string, unknown>;

/** Where `me` may stand for an id: in every place of a request that names a learner to read, or to write for. */
const IN_THE_QUERY = ["learner", "person"];

/**
 * Lets people say `me` where an id of theirs would stand. It is read as that id before anything
 * else looks at the request, so that no route has to know of it.
 *
 * Register it after the hook that signs callers in.
 */
export function readMe(app: App): void {
  app.addHook("onRequest", async ({ params, query, scope }) => {
    nameMe(params as Fields, "learnerId", scope, "path");
    for (const name of IN_THE_QUERY) nameMe(query as Fields, name, scope, "query");
  });
  app.addHook("preValidation", async ({ body, scope }) => {
    nameMe(body as Fields | undefined, "learnerId", scope, "#");
    // Of a batch each item is judged by itself.
    const { items } = (body ?? {}) as { items?: unknown };
    if (Array.isArray(items) && scope && learnerOf(scope)) for (const item of items) nameMe(item as Fields, "learnerId", scope, "#");
  });
}

/**
 * Puts the caller's own id in the place of `me`.
 *
 * @throws AppError when the caller is no person
 */
export function nameMe(fields: Fields | null | undefined, name: string, scope: Scope | undefined, place: string): void {
  if (fields?.[name] !== ME || !scope) return;
  const id = learnerOf(scope);
  if (id) {
    fields[name] = id;
    return;
  }
  throw namesNobody(`${place}/${name}`);
}

/** The refusal of `me` by a caller who is no person. */
export function namesNobody(pointer: string): AppError {
  return invalid(pointer, "`me` is the person who calls, and this key is a program's, or nobody's. Name the learner by id.");
}

/** The person who calls, or for whom the key acts. */
function learnerOf({ caller }: Scope): string | null {
  return caller.role === "learner" ? caller.learnerId : personOf(caller);
}
