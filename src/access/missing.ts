import type { FastifyRequest } from "fastify";
import type { PrismaClient } from "../generated/prisma/client";
import { keepsDirectory } from "./scope";

type Ids = { learnerId?: string; goalId?: string; pathId?: string };

/**
 * Finds which of the ids of an address leads to nothing: the first of which that is so. Whom or what
 * the address begins with is there, and this caller may see it: else its guard has refused it, and named it.
 */
export function findMissing(db: PrismaClient): (request: FastifyRequest) => Promise<string | undefined> {
  return async ({ params, scope }) => {
    const { learnerId, goalId, pathId } = params as Ids;
    const names = Object.keys(params as object).filter((name) => name !== "learnerId" && name !== "teamId");
    if (!scope || Object.keys(params as object).length < 2) return undefined;
    const hasGoal = goalId && learnerId && names.length > 1 ? await db.goal.count({ where: { learnerId, id: goalId } }) : 1;
    // A path that was never published is there for those who keep the catalogue.
    const hasPath =
      pathId && names.length > 1
        ? await db.path.count({ where: { id: pathId, ...(keepsDirectory(scope.caller) ? {} : { versions: { some: { publishedAt: { not: null } } } }) } })
        : 1;
    return hasGoal && hasPath ? names.at(-1) : names[0];
  };
}
