import type { FastifyRequest } from "fastify";
import { AppError, learnerErased, notFound } from "../errors";
import type { Prisma, PrismaClient } from "../generated/prisma/client";
import { refuseMerged } from "./merged";
import { isAbove, isOwn, type KeyScope, ledTeams, personOf, type Scope, visibleLearners, visibleTeams, writableLearners, writes } from "./scope";

declare module "fastify" {
  interface FastifyRequest {
    scope: Scope;
  }
}

const PROFILE: KeyScope[] = ["learning:read", "reports:read", "directory:write"];

/** `who`: whom it lets through, for the API's description. */
export type Guard = ((request: FastifyRequest) => Promise<void>) & { who?: string };
export type Guards = ReturnType<typeof createGuards>;

/**
 * What a route says first: who may. A guard of a learner or a team reads its id off the path
 * and refuses as if nothing were there whatever the caller may not see.
 */
export function createGuards(db: PrismaClient) {
  // Whoever calls is there, sees themselves, and writes what is theirs.
  const findAmong = (learners: (scope: Scope) => Prisma.LearnerWhereInput) => async (scope: Scope, id: string) => {
    if (isOwn(scope, id)) return { erasedAt: null };
    const learner = await db.learner.findFirst({ where: { AND: [{ id }, learners(scope)] }, select: { erasedAt: true, mergedIntoId: true } });
    if (!learner || learner.mergedIntoId) await refuseMerged(db, scope, id);
    return learner;
  };
  const [findVisible, findWritable] = [findAmong(visibleLearners), findAmong(writableLearners)];
  const pathId = (request: FastifyRequest, name: "learnerId" | "teamId") => (request.params as Record<typeof name, string>)[name];

  /** A service's key needs one of the scopes; nobody else has any. */
  const has = ({ scope: { caller } }: FastifyRequest, ...scopes: KeyScope[]) =>
    caller.role !== "service" || scopes.some((scope) => caller.scopes.includes(scope));
  const need = (request: FastifyRequest, ...scopes: KeyScope[]) => {
    if (!has(request, ...scopes)) throw forbidden(`a key with the scope ${scopes.join(" or ")}`);
  };
  const mustSee = async (request: FastifyRequest) => {
    const learner = await findVisible(request.scope, pathId(request, "learnerId"));
    if (!learner) throw nothing(request, "learnerId");
    return learner;
  };
  /** Whose key it takes is told only to who may see the learner. */
  const refuse = async (request: FastifyRequest, needed: string): Promise<never> => {
    await mustSee(request);
    throw forbidden(needed);
  };
  const adminOnly: Guard = async (request) => {
    if (request.scope.caller.role !== "admin") return refuse(request, "an admin's key");
    await mustSee(request);
  };
  const anAdmin: Guard = async ({ scope: { caller } }) => {
    if (caller.role !== "admin") throw forbidden("an admin's key");
  };
  const mustFindTeam = async (request: FastifyRequest, teams: (scope: Scope) => Prisma.TeamWhereInput) => {
    const id = pathId(request, "teamId");
    if (!(await db.team.count({ where: { AND: [{ id }, teams(request.scope)] } }))) throw nothing(request, "teamId");
  };
  const read =
    (...scopes: KeyScope[]): Guard =>
    async (request) => {
      await mustSee(request);
      need(request, ...scopes);
    };
  const write =
    (...scopes: KeyScope[]): Guard =>
    async (request) => {
      const learner = await findWritable(request.scope, pathId(request, "learnerId"));
      if (!learner) return refuse(request, "the learner's own key");
      need(request, ...scopes);
      refuseErased(learner);
    };
  const keep = (request: FastifyRequest) => {
    if (request.scope.caller.role === "learner") throw forbidden("a service's or an admin's key");
    need(request, "directory:write");
  };

  const guards = {
    /** Whoever has a valid key. */
    signedIn: async () => {},

    /** Anybody: what the request itself carries says who it is. */
    anybody: async () => {},

    /** Who keeps the directory and the catalogue. */
    keepDirectory: async (request) => keep(request),

    /** Sessions of anybody whom the caller may write for: each is judged by itself. */
    logSessions: async (request) => need(request, "sessions:write"),

    /** Those of everybody whom the caller may see. */
    exportSessions: async (request) => need(request, "learning:read"),

    /** Who somebody is, and in which team. */
    readProfile: read(...PROFILE),
    /** That of everybody whom the caller may see. */
    listProfiles: async (request) => need(request, ...PROFILE),
    writeProfile: write("directory:write"),

    readLearner: read("learning:read"),
    /** A session that the caller has just logged: whoever may log for a learner sees them. */
    readLogged: async (request) => need(request, "learning:read"),
    reportOnLearner: read("reports:read"),
    writeLearner: write("learning:write"),
    logForLearner: write("sessions:write"),
    /**
     * Logging through the one door: whether there is a learner whom the caller may write for is
     * asked there, of many requests at once, and refused in the same words. What else there is to
     * refuse is asked here, and all of it where a kept answer would come before the door. Routes
     * that do not end there need `logForLearner`.
     */
    logOneSession: async (request) => {
      const isAskedLater = writes(request.scope, pathId(request, "learnerId")) !== false && has(request, "sessions:write");
      if (!isAskedLater || request.headers["idempotency-key"] !== undefined) await write("sessions:write")(request);
    },

    /** What others logged with the learner as their mentor: the learner's own, as what they write is. */
    readMentored: write("learning:read"),

    /** Whoever is, as a learner here, the mentor or coach that a session was spent with; nobody on their own sessions. */
    confirmSession: async (request) => {
      const { learnerId, sessionId } = request.params as { learnerId: string; sessionId: string };
      const { caller } = request.scope;
      const mentorId = personOf(caller);
      const session =
        mentorId && (await db.studySession.findFirst({ where: { learnerId, id: sessionId, mentorId }, select: { learner: { select: { erasedAt: true } } } }));
      if (session) return refuseErased(session.learner);
      await refuse(request, "the key of the mentor that the session was spent with");
    },

    /** A lead above the learner, as a person: what a review says is somebody's word. */
    reviewLearner: async (request) => {
      const id = pathId(request, "learnerId");
      const { caller, today } = request.scope;
      const person = personOf(caller);
      if (person && (await isAbove(db, person, id, today))) return refuseErased(await mustSee(request));
      await refuse(request, "the key of a lead above the learner");
    },

    /** The learner alone: it holds their private words. */
    exportOwn: async (request) => {
      const id = pathId(request, "learnerId");
      if (isOwn(request.scope, id)) return;
      await refuse(request, "the learner's own key");
    },

    /** Admins alone. */
    readAudit: anAdmin,

    /** Admins alone. */
    closePeriods: anAdmin,

    /** Who somebody is at the identity provider: admins alone. */
    manageSignIn: adminOnly,

    /** Admins alone. */
    eraseLearner: adminOnly,

    /** That two records are of one person: admins alone. */
    mergeLearner: adminOnly,

    /** The learner's directory entry: kept by admins and services, read by who may see the learner. */
    keepLearner: async (request) => {
      const learner = await mustSee(request);
      keep(request);
      refuseErased(learner);
    },

    readTeam: async (request) => {
      await mustFindTeam(request, visibleTeams);
    },

    /** The words that the team's people share. */
    readGlossary: async (request) => {
      await mustFindTeam(request, visibleTeams);
      need(request, "learning:read");
    },

    /** The team's people and their reports. */
    reportOnTeam: async (request) => {
      await mustFindTeam(request, ledTeams);
      need(request, "reports:read");
    },

    keepTeam: async (request) => {
      await mustFindTeam(request, visibleTeams);
      keep(request);
    },
  } satisfies Record<string, Guard>;
  for (const name of Object.keys(WHO) as (keyof typeof guards)[]) Object.assign(guards[name], { who: WHO[name] });
  return guards as Record<keyof typeof guards, Guard>;
}

/** Where an address has several ids, it is said which of them leads to nothing. */
function nothing({ params }: FastifyRequest, name: string): AppError {
  return notFound(Object.keys(params as object).length > 1 ? `path/${name}` : undefined);
}

const THOSE_ABOVE = "leads of a team that the learner is in today, or of one above it; admins";

/** Whom each guard lets through, in words. */
const WHO = {
  signedIn: "whoever has a valid key or token, each as far as they may see",
  anybody: "anybody, without a key",
  keepDirectory: "admins, and services with `directory:write`",
  logSessions: "learners for themselves; admins, and services with `sessions:write`, for whomever they may write for",
  exportSessions: "whoever has a valid key or token, a service with `learning:read`; each gets the people whom they may see",
  readProfile: `the learner; ${THOSE_ABOVE}; services with \`learning:read\`, \`reports:read\` or \`directory:write\``,
  listProfiles: "whoever has a valid key or token, a service with `learning:read`, `reports:read` or `directory:write`; each gets whom they may see",
  writeProfile: "the learner; admins, and services with `directory:write`",
  readLearner: `the learner; ${THOSE_ABOVE}; services with \`learning:read\``,
  readLogged: "whoever may log for the learner; a service with `learning:read`",
  reportOnLearner: `the learner; ${THOSE_ABOVE}; services with \`reports:read\``,
  writeLearner: "the learner; admins, and services with `learning:write`",
  logForLearner: "the learner; admins, and services with `sessions:write`",
  logOneSession: "the learner; admins, and services with `sessions:write`",
  readMentored: "the learner who is the mentor; admins, and services with `learning:read`",
  confirmSession: "the mentor or coach that the session was spent with",
  reviewLearner: "a lead above the learner, as a person",
  exportOwn: "the learner alone",
  readAudit: "admins",
  closePeriods: "admins",
  manageSignIn: "admins",
  eraseLearner: "admins",
  mergeLearner: "admins",
  keepLearner: "admins, and services with `directory:write`",
  readTeam: "whoever may see the team",
  readGlossary: "whoever may see the team; a service with `learning:read`",
  reportOnTeam: "leads of the team or of one above it; admins, and services with `reports:read`",
  keepTeam: "admins, and services with `directory:write`",
};

/** The database refuses it, too: here it is said before anything is tried. */
function refuseErased({ erasedAt }: { erasedAt: Date | null }): void {
  if (erasedAt) throw learnerErased();
}

function forbidden(needed: string): AppError {
  return new AppError("forbidden", `This takes ${needed}.`);
}
