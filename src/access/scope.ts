import { type Day, toDate } from "../days";
import type { Prisma } from "../generated/prisma/client";

/** Who is calling: an API key, or a person with a token of the identity provider's. `id` is the key's or the learner's. */
export type Caller = { id: string; name: string; signedInBy: "api-key" | "token" } & ({ role: "admin" | "service" } | { role: "learner"; learnerId: string });

/** A caller on a day: all that decides whom they may see. */
export type Scope = { caller: Caller; today: Day };

// The one resolver. Queries join what these return; nothing else decides who sees whom.

/** Themselves, and whoever is today at or below a team they lead; everyone for admins and services. */
export function visibleLearners({ caller, today }: Scope): Prisma.LearnerWhereInput {
  if (caller.role !== "learner") return {};
  const led = { ...onDay(today), team: atOrBelowLedBy(caller.learnerId) };
  return { OR: [{ id: caller.learnerId }, { memberships: { some: led } }] };
}

/** Whose data the caller may write: their own; everyone's for admins and services. */
export function writableLearners({ caller }: Scope): Prisma.LearnerWhereInput {
  return caller.role === "learner" ? { id: caller.learnerId } : {};
}

/** Whether what is private of a learner is the caller's own. */
export function isOwn({ caller }: Scope, learnerId: string): boolean {
  return caller.role === "learner" && caller.learnerId === learnerId;
}

/** A filter on what a learner may share: all for the learner, for everybody else only what is shared. */
export function sharedWith(scope: Scope, learnerId: string): { shared?: true } {
  return isOwn(scope, learnerId) ? {} : { shared: true };
}

/** Teams whose people the caller may see: those they lead and all below. */
export function ledTeams({ caller }: Scope): Prisma.TeamWhereInput {
  return caller.role === "learner" ? atOrBelowLedBy(caller.learnerId) : {};
}

/** Teams that the caller may know of: those they lead, all below, and the one they are in. */
export function visibleTeams(scope: Scope): Prisma.TeamWhereInput {
  const { caller, today } = scope;
  if (caller.role !== "learner") return {};
  return { OR: [ledTeams(scope), { memberships: { some: { ...onDay(today), learnerId: caller.learnerId } } }] };
}

/** Who may review a learner: whoever leads a team at or above the learner's of today, but the learner. */
export function leadsAbove(learnerId: string, today: Day): Prisma.LearnerWhereInput {
  const memberships = { some: { learnerId, ...onDay(today) } };
  return { id: { not: learnerId }, ledTeams: { some: { descendants: { some: { team: { memberships } } } } } };
}

/** A filter on memberships: those that hold on a day. */
export function onDay(day: Day): Prisma.MembershipWhereInput {
  const date = toDate(day);
  return { fromDay: { lte: date }, OR: [{ untilDay: null }, { untilDay: { gt: date } }] };
}

function atOrBelowLedBy(learnerId: string): Prisma.TeamWhereInput {
  return { ancestors: { some: { ancestor: { leadId: learnerId } } } };
}
