import type { Context } from "../context";
import type { Db } from "../database/transaction";
import { learnerMerged } from "../errors";
import type { App } from "../http/app-type";
import { Id } from "../http/schema";
import { type Scope, visibleLearners } from "./scope";

/**
 * Refuses the id of a merged record: whoever may see the survivor is told whose it is now. To
 * everybody else it is an id that nobody has.
 *
 * @param pointer where the request names it, if not in the path
 * @throws AppError when it was merged into somebody whom the caller may see
 */
export async function refuseMerged(db: Db, scope: Scope, id: string | null | undefined, pointer?: string): Promise<void> {
  if (!id) return;
  const merged = await db.learner.findFirst({ where: { id, mergedInto: visibleLearners(scope) }, select: { mergedIntoId: true } });
  if (merged?.mergedIntoId) throw learnerMerged(merged.mergedIntoId, pointer);
}

const IN_QUERIES = ["learner", "lead"];
const IN_BODIES = ["learnerId", "leadId", "reviewerId"];

/** Does so wherever a query or a body names a learner. The audit is asked about a record as it was. */
export function refuseMergedReferences(app: App, { db }: Pick<Context, "db">): void {
  app.addHook("preHandler", async ({ scope, query, body, routeOptions }) => {
    if (!scope || routeOptions.url?.endsWith("/audit-events")) return;
    for (const name of IN_QUERIES) await refuseMerged(db, scope, idIn(query, name), `query/${name}`);
    for (const name of IN_BODIES) await refuseMerged(db, scope, idIn(body, name), `#/${name}`);
  });
}

function idIn(part: unknown, name: string): string | undefined {
  const value = part && typeof part === "object" && Object.hasOwn(part, name) ? (part as Record<string, unknown>)[name] : undefined;
  return Id.safeParse(value).data;
}
