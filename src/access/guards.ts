import type { FastifyRequest } from "fastify";
import { AppError, notFound } from "../errors";
import type { PrismaClient } from "../generated/prisma/client";
import { isOwn, type KeyScope, leadsAbove, ledTeams, personOf, type Scope, visibleLearners, visibleTeams, writableLearners } from "./scope";

declare module "fastify" {
  interface FastifyRequest {
    scope: Scope;
  }
}

type Guard = (request: FastifyRequest) => Promise<void>;
export type Guards = ReturnType<typeof createGuards>;

/**
 * What a route says first: who may. A guard of a learner or a team reads its id off the path
 * and refuses as if nothing were there whatever the caller may not see.
 */
export function createGuards(db: PrismaClient) {
  const seesLearner = (scope: Scope, id: string) => db.learner.count({ where: { AND: [{ id }, visibleLearners(scope)] } });
  const writesLearner = (scope: Scope, id: string) => db.learner.count({ where: { AND: [{ id }, writableLearners(scope)] } });
  const pathId = (request: FastifyRequest, name: "learnerId" | "teamId") => (request.params as Record<typeof name, string>)[name];

  /** A service's key needs one of the scopes; nobody else has any. */
  const need = ({ scope: { caller } }: FastifyRequest, ...scopes: KeyScope[]) => {
    if (caller.role === "service" && !scopes.some((scope) => caller.scopes.includes(scope))) {
      throw forbidden(`a key with the scope ${scopes.join(" or ")}`);
    }
  };
  const read =
    (...scopes: KeyScope[]): Guard =>
    async (request) => {
      if (!(await seesLearner(request.scope, pathId(request, "learnerId")))) throw notFound();
      need(request, ...scopes);
    };
  const write =
    (...scopes: KeyScope[]): Guard =>
    async (request) => {
      const id = pathId(request, "learnerId");
      if (await writesLearner(request.scope, id)) return need(request, ...scopes);
      throw (await seesLearner(request.scope, id)) ? forbidden("the learner's own key") : notFound();
    };
  const keep = (request: FastifyRequest) => {
    if (request.scope.caller.role === "learner") throw forbidden("a service's or an admin's key");
    need(request, "directory:write");
  };

  return {
    /** Whoever has a valid key. */
    signedIn: async () => {},

    /** Who keeps the directory and the catalogue. */
    keepDirectory: async (request) => keep(request),

    /** Sessions of anybody whom the caller may write for: each is judged by itself. */
    logSessions: async (request) => need(request, "sessions:write"),

    /** Who somebody is, and in which team. */
    readProfile: read("learning:read", "reports:read", "directory:write"),
    writeProfile: write("directory:write"),

    readLearner: read("learning:read"),
    reportOnLearner: read("reports:read"),
    writeLearner: write("learning:write"),
    logForLearner: write("sessions:write"),

    /** Whoever is, as a learner here, the mentor or coach that a session was spent with; nobody on their own sessions. */
    confirmSession: async (request) => {
      const { learnerId, sessionId } = request.params as { learnerId: string; sessionId: string };
      const { caller } = request.scope;
      const mentorId = personOf(caller);
      if (mentorId && (await db.studySession.count({ where: { learnerId, id: sessionId, mentorId } }))) return;
      throw (await seesLearner(request.scope, learnerId)) ? forbidden("the key of the mentor that the session was spent with") : notFound();
    },

    /** A lead above the learner, as a person: what a review says is somebody's word. */
    reviewLearner: async (request) => {
      const id = pathId(request, "learnerId");
      const { caller, today } = request.scope;
      const person = personOf(caller);
      if (person && (await db.learner.count({ where: { AND: [{ id: person }, leadsAbove(id, today)] } }))) return;
      throw (await seesLearner(request.scope, id)) ? forbidden("the key of a lead above the learner") : notFound();
    },

    /** The learner alone: it holds their private words. */
    exportOwn: async (request) => {
      const id = pathId(request, "learnerId");
      if (isOwn(request.scope, id)) return;
      throw (await seesLearner(request.scope, id)) ? forbidden("the learner's own key") : notFound();
    },

    /** Admins alone. */
    eraseLearner: async (request) => {
      if (!(await seesLearner(request.scope, pathId(request, "learnerId")))) throw notFound();
      if (request.scope.caller.role !== "admin") throw forbidden("an admin's key");
    },

    /** The learner's directory entry: kept by admins and services, read by who may see the learner. */
    keepLearner: async (request) => {
      if (!(await seesLearner(request.scope, pathId(request, "learnerId")))) throw notFound();
      keep(request);
    },

    readTeam: async (request) => {
      const id = pathId(request, "teamId");
      if (!(await db.team.count({ where: { AND: [{ id }, visibleTeams(request.scope)] } }))) throw notFound();
    },

    /** The team's people and their reports. */
    reportOnTeam: async (request) => {
      const id = pathId(request, "teamId");
      if (!(await db.team.count({ where: { AND: [{ id }, ledTeams(request.scope)] } }))) throw notFound();
      need(request, "reports:read");
    },

    keepTeam: async (request) => {
      const id = pathId(request, "teamId");
      if (!(await db.team.count({ where: { AND: [{ id }, visibleTeams(request.scope)] } }))) throw notFound();
      keep(request);
    },
  } satisfies Record<string, Guard>;
}

function forbidden(needed: string): AppError {
  return new AppError("forbidden", `This takes ${needed}.`);
}
