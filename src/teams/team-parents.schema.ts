import { z } from "zod";
import { CalendarDay, Id } from "../http/schema";

const example = { parentId: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb", parentName: "Engineering", fromDay: null, untilDay: null };

export const TeamParent = z
  .object({
    parentId: Id.nullable().meta({ description: "The team above; null: one that the caller may not know of." }),
    parentName: z.string().nullable().meta({ description: "null where `parentId` is." }),
    fromDay: CalendarDay.nullable().meta({ description: "null: since the beginning." }),
    untilDay: CalendarDay.nullable().meta({ description: "The first day on which the team is no longer below it; null: open." }),
  })
  .meta({ id: "TeamParent", description: "A team's time below a parent, [fromDay, untilDay).", examples: [example] });
export type TeamParent = z.infer<typeof TeamParent>;

export const TeamParentHistory = z
  .object({ current: TeamParent.nullable().meta({ description: "Today's; null: the team stands at the top." }), history: z.array(TeamParent) })
  .meta({
    id: "TeamParentHistory",
    description: "Every parent, oldest first, and today's. On days of none the team stood at the top.",
    examples: [{ current: example, history: [example] }],
  });
export type TeamParentHistory = z.infer<typeof TeamParentHistory>;

export const TeamMove = z
  .strictObject({
    parentId: Id.nullable().meta({ description: "null: to the top." }),
    fromDay: CalendarDay.meta({ description: "Today or a day before." }),
    untilDay: CalendarDay.nullable()
      .optional()
      .meta({ description: "To set right a time that is over: the first day that stays as it is. Left out: for good." }),
  })
  .meta({ id: "TeamMove", examples: [{ parentId: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb", fromDay: "2026-03-02" }] });
export type TeamMove = z.infer<typeof TeamMove>;
