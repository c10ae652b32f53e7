import type { Db } from "../database/transaction";
import { type Day, toDate } from "../days";
import { invalid } from "../errors";
import type { Prisma } from "../generated/prisma/client";

/** What a service's key may do. */
export const KEY_SCOPES = ["sessions:write", "learning:read", "learning:write", "reports:read", "directory:write"] as const;
export type KeyScope = (typeof KEY_SCOPES)[number];

/**
 * Who is calling: an API key, or a person with a token of the identity provider's. `id` is the key's or the learner's.
 * `rootId` is the first key of a rotated key's rotations. With `actsFor`, somebody else made the learner's key: it reads
 * and writes what they may, but is not them.
 */
export type Caller = { id: string; name: string; signedInBy: "api-key" | "token"; rootId?: string | null; issuedAt?: Date } & (
  | { role: "admin" }
  | { role: "service"; scopes: KeyScope[]; teamId: string | null }
  | { role: "learner"; learnerId: string; actsFor?: boolean }
);

/** A caller on a day: all that decides whom they may see, and how much they may log. */
export type Scope = {
  caller: Caller;
  today: Day;
  /** Minutes that a person's day may hold; the database's own limit unless told. */
  dayMinutes?: number;
  /** Days after which a session that is logged comes with a warning. */
  lateDays?: number;
  /** Why an admin changes what was logged in closed months; without it nobody does. */
  reason?: string | undefined;
};

// The one resolver. Queries join what these return; nothing else decides who sees whom.

/** Themselves, and whoever is today at or below a team they lead, or their key is confined to; everyone for other services and admins. */
export function visibleLearners(scope: Scope): Prisma.LearnerWhereInput {
  const { caller, today } = scope;
  if (seesEverybody(caller)) return {};
  const within: Prisma.LearnerWhereInput = { memberships: { some: { ...onDay(today), team: ledTeams(scope) } } };
  return caller.role === "learner" ? { OR: [{ id: caller.learnerId }, within] } : within;
}

/** Whose data the caller may write: their own; for services and admins everyone's whom they see. */
export function writableLearners(scope: Scope): Prisma.LearnerWhereInput {
  const { caller } = scope;
  return caller.role === "learner" ? { id: caller.learnerId } : visibleLearners(scope);
}

/**
 * `writableLearners` of many callers at once: asks only for those whose scope hangs on who is in
 * which team. Whether there are such learners it does not tell.
 */
export async function whoWritesWhom(db: Db, scopes: Scope[], learnerIds: string[]): Promise<(scope: Scope, learnerId: string) => boolean> {
  const name = ({ caller, today }: Scope) => `${caller.id} ${today}`;
  const hanging = new Map(scopes.filter(({ caller }) => hangsOnTeams(caller)).map((scope) => [name(scope), scope]));
  const found = new Map<string, Set<string>>();
  for (const [of, scope] of hanging) {
    const learners = await db.learner.findMany({ where: { AND: [{ id: { in: learnerIds } }, writableLearners(scope)] }, select: { id: true } });
    found.set(of, new Set(learners.map(({ id }) => id)));
  }
  return (scope, learnerId) => writes(scope, learnerId) ?? found.get(name(scope))?.has(learnerId) ?? false;
}

/** Whether the caller may write a learner's data, as far as it can be told without asking; null: it hangs on the learner's team. */
export function writes({ caller }: Scope, learnerId: string): boolean | null {
  if (hangsOnTeams(caller)) return null;
  return caller.role !== "learner" || caller.learnerId === learnerId;
}

function hangsOnTeams(caller: Caller): boolean {
  return caller.role !== "learner" && !seesEverybody(caller);
}

export function seesEverybody(caller: Caller): boolean {
  return caller.role === "admin" || (caller.role === "service" && caller.teamId === null);
}

/** Whether the caller, who may log for a learner, may also read what the learner logged. */
export function readsWhatTheyLog({ caller }: Scope): boolean {
  return caller.role !== "service" || caller.scopes.includes("learning:read");
}

/** Whether the caller keeps the directory and the catalogue. */
export function keepsDirectory(caller: Caller): boolean {
  return caller.role === "admin" || (caller.role === "service" && caller.scopes.includes("directory:write"));
}

/** Whether what is private of a learner is the caller's own. */
export function isOwn({ caller }: Scope, learnerId: string): boolean {
  return personOf(caller) === learnerId;
}

/** The learner who is calling, an admin by their token too; null for keys that are nobody's, or that act for somebody. */
export function personOf(caller: Caller): string | null {
  if (caller.role === "learner") return caller.actsFor ? null : caller.learnerId;
  return caller.signedInBy === "token" ? caller.id : null;
}

/** Whose quota and budget of work a request counts against: the person's, whatever keys they or others made for them, or the program's. */
export function payerOf(caller: Caller): string {
  return caller.role === "learner" ? caller.learnerId : ownerOf(caller);
}

/** Whose a caller's `Idempotency-Key`s are: the person's, whichever key they use; else the key's, whatever it was rotated into. */
export function ownerOf(caller: Caller): string {
  return personOf(caller) ?? caller.rootId ?? caller.id;
}

/** A filter on what a learner may share: all for the learner, for everybody else only what is shared. */
export function sharedWith(scope: Scope, learnerId: string): { shared?: true } {
  return isOwn(scope, learnerId) ? {} : { shared: true };
}

/**
 * Holds others than the learner to what is shared: they would never see again what they make
 * private, and a refusal of it could tell them of private things.
 *
 * @throws AppError when somebody else than the learner would make it private
 */
export function checkShared(scope: Scope, learnerId: string, shared: boolean): void {
  if (shared || isOwn(scope, learnerId)) return;
  throw invalid("#/shared", "Only the learner keeps things private here. Send true, so that whoever sees the goal, you too, can see it.");
}

/** Teams whose people the caller may see: those they lead, or their key is confined to, and all below. */
export function ledTeams({ caller }: Scope): Prisma.TeamWhereInput {
  if (caller.role === "learner") return atOrBelow({ ancestor: { leadId: caller.learnerId } });
  return caller.role === "service" && caller.teamId ? atOrBelow({ ancestorId: caller.teamId }) : {};
}

/** Teams that the caller may know of: those, and the one they are in. */
export function visibleTeams(scope: Scope): Prisma.TeamWhereInput {
  const { caller, today } = scope;
  if (caller.role !== "learner") return ledTeams(scope);
  return { OR: [ledTeams(scope), { memberships: { some: { ...onDay(today), learnerId: caller.learnerId } } }] };
}

/** Of some teams, the names of those that the caller may know of. Answers leave out the ids of others. */
export async function knownTeams(db: Db, scope: Scope, ids: (string | null)[]): Promise<Map<string | null, string>> {
  const asked = [...new Set(ids.filter((id) => id !== null))];
  if (!asked.length) return new Map();
  const teams = await db.team.findMany({ where: { AND: [{ id: { in: asked } }, visibleTeams(scope)] }, select: { id: true, name: true } });
  return new Map(teams.map(({ id, name }) => [id, name]));
}

/** Of some learners, the names of those whom the caller sees. */
export async function knownLearners(db: Db, scope: Scope, ids: (string | null)[]): Promise<Map<string | null, string>> {
  const asked = [...new Set(ids.filter((id) => id !== null))];
  if (!asked.length) return new Map();
  const learners = await db.learner.findMany({ where: { AND: [{ id: { in: asked } }, visibleLearners(scope)] }, select: { id: true, name: true } });
  return new Map(learners.map(({ id, name }) => [id, name]));
}

/** Who may review a learner: whoever leads a team at or above the learner's of today, but the learner. */
export function leadsAbove(learnerId: string, today: Day): Prisma.LearnerWhereInput {
  const memberships = { some: { learnerId, ...onDay(today) } };
  return { id: { not: learnerId }, ledTeams: { some: { descendants: { some: { team: { memberships } } } } } };
}

/** Whether somebody may review a learner. */
export async function isAbove(db: Db, id: string, learnerId: string, today: Day): Promise<boolean> {
  return (await db.learner.count({ where: { AND: [{ id }, leadsAbove(learnerId, today)] } })) > 0;
}

/** Who leads one of these teams or a team above: whoever sees their people. */
export async function leadsOf(db: Db, teamIds: string[]): Promise<string[]> {
  const leads = await db.learner.findMany({ where: { ledTeams: { some: { descendants: { some: { teamId: { in: teamIds } } } } } }, select: { id: true } });
  return leads.map(({ id }) => id);
}

/** A filter on memberships, or on other rows of days `[fromDay, untilDay)`: those that hold on a day. */
export function onDay(day: Day) {
  const date = toDate(day);
  return { fromDay: { lte: date }, OR: [{ untilDay: null }, { untilDay: { gt: date } }] } satisfies Prisma.MembershipWhereInput & Prisma.TeamAncestryWhereInput;
}

function atOrBelow(top: Prisma.TeamClosureWhereInput): Prisma.TeamWhereInput {
  return { ancestors: { some: top } };
}
