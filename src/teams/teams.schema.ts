import { z } from "zod";
import { pageOf, pageQuery } from "../http/paging";
import { CalendarDay, DayText, Id, Instant, text } from "../http/schema";
import { Target, TargetChange } from "../mix";

export const Team = z
  .object({
    id: Id,
    name: text(200),
    parentId: Id.nullable().meta({ description: "The team above; null at the top of what the caller sees." }),
    parentName: z.string().nullable(),
    leadId: Id.nullable().meta({ description: "The learner who leads this team and sees it and all below." }),
    leadName: z.string().nullable().meta({ description: "null also where the caller does not see the lead." }),
    target: Target,
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Team",
    description: "A node of the organisation's tree.",
    examples: [
      {
        id: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
        name: "Platform",
        parentId: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb",
        parentName: "Engineering",
        leadId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        leadName: "Tomas Lind",
        target: null,
        version: 1,
        createdAt: "2026-03-02T08:00:00.000Z",
        updatedAt: "2026-03-02T08:00:00.000Z",
      },
    ],
  });
export type Team = z.infer<typeof Team>;

export const TeamCreate = Team.pick({ id: true, name: true, parentId: true, leadId: true, target: true })
  .partial({ id: true, parentId: true, leadId: true, target: true })
  .strict()
  .meta({ id: "TeamCreate", examples: [{ name: "Platform", parentId: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb" }] });
export type TeamCreate = z.infer<typeof TeamCreate>;

export const TeamUpdate = TeamCreate.omit({ id: true })
  .extend({ target: TargetChange })
  .partial()
  .meta({ id: "TeamUpdate", examples: [{ leadId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e" }] });
export type TeamUpdate = z.infer<typeof TeamUpdate>;

export const TeamPage = pageOf(Team);
export const TeamList = z.strictObject({
  q: text(100).optional().meta({ description: "Words that all stand in the name." }),
  parent: z
    .union([Id, z.literal("none")])
    .optional()
    .meta({ description: "Only the teams right below this one; `none`: the top of what the caller sees." }),
  under: Id.optional().meta({ description: "Only this team and all below it." }),
  lead: Id.optional(),
  ...pageQuery,
});
export type TeamList = z.infer<typeof TeamList>;

export const Depth = z.enum(["direct", "subtree"]).meta({ id: "Depth", description: "`direct`: the team itself; `subtree`: with all below it, unless told." });

export const Member = z
  .object({
    id: Id.meta({ description: "The learner's." }),
    name: z.string(),
    teamId: Id,
    teamName: z.string(),
    fromDay: CalendarDay,
    untilDay: CalendarDay.nullable().meta({ description: "The first day on which they are no longer in the team; null: open." }),
  })
  .meta({
    id: "Member",
    examples: [
      {
        id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        name: "Tomas Lind",
        teamId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
        teamName: "Analytics",
        fromDay: "2026-03-02",
        untilDay: null,
      },
    ],
  });
export type Member = z.infer<typeof Member>;

export const MemberPage = pageOf(Member);
export const MemberList = z.strictObject({
  on: DayText.optional().meta({ description: "The day; today unless told." }),
  depth: Depth.optional(),
  ...pageQuery,
});
export type MemberList = z.infer<typeof MemberList>;
