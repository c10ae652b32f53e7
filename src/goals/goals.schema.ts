import { z } from "zod";
import { GoalStatus } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { CalendarDay, Id, Instant, kebabEnum, Skills, text } from "../http/schema";

export const Goal = z
  .object({
    learnerId: Id,
    id: Id,
    title: text(300),
    why: text(5_000).nullable(),
    skills: Skills,
    status: kebabEnum(GoalStatus),
    startsOn: CalendarDay.nullable(),
    dueOn: CalendarDay.nullable(),
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Goal",
    description: "What one learner wants to be able to do, why, and by when.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        id: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
        title: "Deploy my own service to production",
        why: "So that an analysis becomes a product without a hand-over",
        skills: ["docker", "kubernetes"],
        status: "active",
        startsOn: "2026-03-02",
        dueOn: "2026-09-30",
        version: 1,
        createdAt: "2026-03-02T08:00:00.000Z",
        updatedAt: "2026-03-02T08:00:00.000Z",
      },
    ],
  });
export type Goal = z.infer<typeof Goal>;

export const GoalCreate = Goal.omit({ learnerId: true, version: true, createdAt: true, updatedAt: true })
  .partial()
  .required({ title: true })
  .strict()
  .meta({ id: "GoalCreate", examples: [{ title: "Deploy my own service to production", skills: ["kubernetes"], dueOn: "2026-09-30" }] });
export type GoalCreate = z.infer<typeof GoalCreate>;

export const GoalUpdate = GoalCreate.omit({ id: true })
  .partial()
  .meta({ id: "GoalUpdate", examples: [{ status: "on-hold" }] });
export type GoalUpdate = z.infer<typeof GoalUpdate>;

export const GoalPage = pageOf(Goal);
export const GoalList = z.strictObject({ status: kebabEnum(GoalStatus).optional(), ...pageQuery });
export type GoalList = z.infer<typeof GoalList>;
