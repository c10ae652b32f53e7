import { z } from "zod";
import { CalendarDay, Id, Instant } from "../http/schema";

const example = {
  id: "0193d5a0-6c00-7a31-9d4e-cccccccccccc",
  teamId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
  teamName: "Analytics",
  fromDay: "2026-03-02",
  untilDay: null,
  createdAt: "2026-03-02T08:00:00.000Z",
};

export const Membership = z
  .object({
    id: Id,
    teamId: Id.nullable().meta({ description: "null: a team that the caller may not see. Learners see all of their own." }),
    teamName: z.string().nullable(),
    fromDay: CalendarDay,
    untilDay: CalendarDay.nullable().meta({ description: "The first day on which the learner is no longer in the team; null: open." }),
    createdAt: Instant,
  })
  .meta({ id: "Membership", description: "A learner's time in a team, [fromDay, untilDay).", examples: [example] });
export type Membership = z.infer<typeof Membership>;

export const MembershipHistory = z
  .object({ current: Membership.nullable().meta({ description: "Today's; null: in no team today." }), history: z.array(Membership) })
  .meta({ id: "MembershipHistory", description: "Every membership, oldest first, and today's.", examples: [{ current: example, history: [example] }] });
export type MembershipHistory = z.infer<typeof MembershipHistory>;

export const MembershipMove = z
  .strictObject({
    teamId: Id.nullable().meta({ description: "null: out of every team." }),
    fromDay: CalendarDay,
    untilDay: CalendarDay.nullable().optional().meta({ description: "For a stay that ends; afterwards the learner is in no team." }),
  })
  .meta({ id: "MembershipMove", examples: [{ teamId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa", fromDay: "2026-03-02" }] });
export type MembershipMove = z.infer<typeof MembershipMove>;
