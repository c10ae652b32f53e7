import { z } from "zod";
import type { Day } from "../days";
import { invalid } from "../errors";
import { Prisma } from "../generated/prisma/client";
import { ResourceType, Verification } from "../generated/prisma/enums";
import { Id, kebabEnum, Skill } from "../http/schema";

const none = z.literal("none");

/** The filters that lists of sessions and breakdowns share; `none` asks for sessions without one. */
export const sessionFilters = {
  goal: z.union([Id, none]).optional(),
  step: z.union([Id, none]).optional(),
  skill: z.union([none, Skill]).optional(),
  resource: z.union([Id, none]).optional(),
  resourceType: z
    .union([z.enum(ResourceType), none])
    .optional()
    .meta({ description: "The resource's type when the session was logged." }),
  verification: kebabEnum(Verification).in.optional(),
};

const SessionFilters = z.object(sessionFilters);
export type SessionFilters = z.infer<typeof SessionFilters>;

export type TeamScope = {
  teamId: string;
  depth: "direct" | "subtree";
  membership: "as-of" | "current";
  today: Day;
  /** Learners to leave out. */
  without: string[];
  /** Only this learner. */
  learner?: string | undefined;
  /** Only what counts in this team right below; `none`: in one of `unknownTeams`. */
  below?: string | undefined;
  /** Teams that were right below, and that the caller may not know of today. */
  unknownTeams: string[];
};
export type SessionScope = { learnerId: string } | TeamScope;

/**
 * `FROM … WHERE …` over the sessions of a scope, as `s`, with the membership that puts each
 * into the team's scope as `m`, and the team's place in the tree as `c`: those of the session's own
 * day, or today's. A learner is in at most one team on any day, so no session comes twice.
 */
export function sessionsIn(scope: SessionScope): Prisma.Sql {
  if ("learnerId" in scope) return Prisma.sql`FROM study_sessions s WHERE s.learner_id = ${scope.learnerId}::uuid`;
  const holds =
    scope.membership === "as-of"
      ? Prisma.sql`${holdsOn(Prisma.sql`s.occurred_on`)} AND ${holdsOn(Prisma.sql`s.occurred_on`, "c")}`
      : holdsOn(Prisma.sql`${scope.today}::date`);
  return Prisma.sql`
    FROM ${treeOf(scope)} c
    JOIN memberships m ON m.team_id = c.team_id
    JOIN study_sessions s ON s.learner_id = m.learner_id AND ${holds}
    WHERE ${membersOf(scope)}`;
}

/** The table that says which team is above which: the tree of every day, or today's. */
export function treeOf({ membership }: Pick<TeamScope, "membership">): Prisma.Sql {
  return membership === "as-of" ? Prisma.sql`team_ancestry` : Prisma.sql`team_closure`;
}

/** Conditions on `c` and `m`, the tree and the memberships: those of the scope's teams and people. */
export function membersOf(scope: TeamScope): Prisma.Sql {
  const only = scope.learner ? Prisma.sql`AND m.learner_id = ${scope.learner}::uuid` : Prisma.empty;
  const without = scope.without.length ? Prisma.sql`AND m.learner_id <> ALL (${scope.without}::uuid[])` : Prisma.empty;
  return Prisma.sql`${teamsOf(scope)} ${only} ${without} ${countedIn(scope)}`;
}

function countedIn({ below, unknownTeams, ...scope }: TeamScope): Prisma.Sql {
  if (!below) return Prisma.empty;
  const ids = below === "none" ? unknownTeams : [below];
  return Prisma.sql`AND (SELECT up.ancestor_id ${teamBelow(scope)}) = ANY (${ids}::uuid[])`;
}

/** `FROM … WHERE …` over the team right below the scope's on the way to the team of `c`, as `up`; for the scope's own members, the scope's team. */
export function teamBelow(scope: Pick<TeamScope, "membership">): Prisma.Sql {
  const then = scope.membership === "as-of" ? Prisma.sql`AND ${holdsOn(Prisma.sql`c.from_day`, "up")}` : Prisma.empty;
  return Prisma.sql`FROM ${treeOf(scope)} up WHERE up.team_id = c.team_id AND up.depth = greatest(c.depth - 1, 0) ${then}`;
}

/** A condition on `m`, the memberships, or on another table of days `[from_day, until_day)`: those that hold on a day. */
export function holdsOn(day: Prisma.Sql, alias: "m" | "c" | "up" = "m"): Prisma.Sql {
  const [from, until] = [Prisma.raw(`${alias}.from_day`), Prisma.raw(`${alias}.until_day`)];
  return Prisma.sql`${from} <= ${day} AND (${until} IS NULL OR ${until} > ${day})`;
}

/** A condition on `c`, the tree: the team itself, or it and all below. */
export function teamsOf({ teamId, depth }: Pick<TeamScope, "teamId" | "depth">): Prisma.Sql {
  return depth === "direct" ? Prisma.sql`c.ancestor_id = ${teamId}::uuid AND c.depth = 0` : Prisma.sql`c.ancestor_id = ${teamId}::uuid`;
}

/** `AND …` on `s`: the filters' conditions. */
export function matching({ goal, step, skill, resource, resourceType, verification }: SessionFilters): Prisma.Sql {
  return Prisma.join(
    [
      Prisma.empty,
      equalOrNone(Prisma.sql`s.goal_id`, goal, "uuid"),
      equalOrNone(Prisma.sql`s.step_id`, step, "uuid"),
      equalOrNone(Prisma.sql`s.resource_id`, resource, "uuid"),
      equalOrNone(Prisma.sql`s.resource_type`, resourceType, "resource_type"),
      equalOrNone(Prisma.sql`s.verification`, verification, "verification"),
      skill === "none" ? Prisma.sql`AND s.skills = '{}'` : skill ? Prisma.sql`AND ${skill} = ANY (s.skills)` : Prisma.empty,
    ],
    " ",
  );
}

/**
 * `AND …` on `s`: days in `[from, to)`.
 *
 * @throws AppError when there are none
 */
export function within(from: Day | undefined, to: Day | undefined): Prisma.Sql {
  if (from && to && from >= to) throw invalid("query/from", `\`from\` (${from}) must be before \`to\` (${to}), which is the first day after the period.`);
  const since = from ? Prisma.sql`AND s.occurred_on >= ${from}::date` : Prisma.empty;
  const until = to ? Prisma.sql`AND s.occurred_on < ${to}::date` : Prisma.empty;
  return Prisma.sql`${since} ${until}`;
}

function equalOrNone(column: Prisma.Sql, value: string | undefined, type: string): Prisma.Sql {
  if (value === undefined) return Prisma.empty;
  return value === "none" ? Prisma.sql`AND ${column} IS NULL` : Prisma.sql`AND ${column} = ${value}::${Prisma.raw(type)}`;
}
