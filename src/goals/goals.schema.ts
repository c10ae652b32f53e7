import { z } from "zod";
import { GoalStatus } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { CalendarDay, Id, Instant, kebabEnum, listOf, paragraphs, Skills, text } from "../http/schema";
import { ByMode, Target } from "../mix";
import { Key, MOST_STEPS, PathStepCreate } from "../paths/paths.schema";
import { HEALTHS, MOST_BLOCKERS, RULE_NAMES } from "./health";

export const Growth = z
  .object({
    progress: z
      .number()
      .min(0)
      .max(1)
      .nullable()
      .meta({ description: "Weight of the completed ÷ weight of all required steps that are not skipped; null without any." }),
    health: z
      .object({
        status: z.enum(HEALTHS).meta({ id: "GoalHealth" }),
        rule: z.enum(RULE_NAMES).meta({ id: "HealthRule", description: "The first rule of docs/growth.md that holds." }),
        explanation: z.string(),
        blockedBy: z
          .array(z.object({ id: Id, title: z.string() }).meta({ id: "BlockingStep" }))
          .meta({ description: `The undone steps that a blocked goal waits for; the first ${MOST_BLOCKERS} by title.` }),
      })
      .nullable()
      .meta({ description: "null: the goal is abandoned." }),
    steps: z.object({
      total: z.int(),
      required: z.int().meta({ description: "Required and not skipped: those that progress is made of." }),
      completed: z.int(),
      skipped: z.int(),
      blocked: z.int(),
      overdue: z.int(),
      dueSoon: z.int(),
    }),
    plannedMinutes: ByMode.meta({ description: "Estimated minutes of the required steps that are not skipped, by mode." }),
    loggedMinutes: ByMode.meta({ description: "All that was ever logged on the goal, by mode." }),
    remainingMinutes: z.int().meta({ description: "What the required steps that are left are estimated at, less what was logged on each." }),
    unestimatedSteps: z.int().meta({ description: "Required steps that are left and have no estimate. With any, no end is projected." }),
    minutesPerWeek: z
      .number()
      .nullable()
      .meta({ description: "Pace over the last eight weeks, or since the goal began if that is less; null: nothing was logged yet." }),
    projectedEnd: CalendarDay.nullable().meta({ description: "When the remaining minutes are done at this pace; null where there is no basis." }),
  })
  .meta({ id: "Growth", description: "How a goal is doing: progress, pace, health." });
export type Growth = z.infer<typeof Growth>;

const exampleGrowth: z.input<typeof Growth> = {
  progress: 0.5,
  health: {
    status: "on-track",
    rule: "projected-in-time",
    explanation: "At the pace of the last eight weeks the goal ends by its due day.",
    blockedBy: [],
  },
  steps: { total: 2, required: 2, completed: 1, skipped: 0, blocked: 0, overdue: 0, dueSoon: 0 },
  plannedMinutes: { onTheJob: 1_200, social: 0, formal: 600, unclassified: 0, total: 1_800 },
  loggedMinutes: { onTheJob: 800, social: 60, formal: 40, unclassified: 0, total: 900 },
  remainingMinutes: 900,
  unestimatedSteps: 0,
  minutesPerWeek: 120,
  projectedEnd: "2026-08-14",
};

export const Goal = z
  .object({
    learnerId: Id,
    id: Id,
    title: text(300),
    why: paragraphs(5_000).nullable(),
    skills: Skills,
    status: kebabEnum(GoalStatus),
    startsOn: CalendarDay.nullable(),
    dueOn: CalendarDay.nullable(),
    completedOn: CalendarDay.nullable().meta({ description: "Set while the status is completed: today unless told." }),
    reviewerId: Id.nullable().meta({ description: "The lead above who answers its reviews; null: any lead above." }),
    reviewerName: z.string().nullable().meta({ description: "null also where the caller does not see the lead." }),
    followsId: Id.nullable().meta({ description: "The learner's goal that this one goes on from." }),
    followsTitle: z.string().nullable(),
    target: Target,
    path: z
      .object({
        id: Id,
        title: z.string().meta({ description: "Of the adopted version." }),
        version: z.int(),
        newerVersion: z.int().nullable().meta({ description: "The path's last version, if it is newer than the adopted one." }),
      })
      .nullable()
      .meta({ description: "The path that the goal has adopted." }),
    growth: Growth,
    version: z.int().meta({ description: "Counts every change to the goal and its steps." }),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Goal",
    description: "What one learner wants to be able to do, why, and by when; and how it is doing.",
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
        completedOn: null,
        reviewerId: null,
        reviewerName: null,
        followsId: null,
        followsTitle: null,
        target: null,
        path: { id: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa", title: "From notebook to production", version: 2, newerVersion: null },
        growth: exampleGrowth,
        version: 1,
        createdAt: "2026-03-02T08:00:00.000Z",
        updatedAt: "2026-03-02T08:00:00.000Z",
      },
    ],
  });
export type Goal = z.infer<typeof Goal>;

const GoalStepCreate = PathStepCreate.omit({ key: true })
  .extend({
    key: Key.meta({ description: "Names the step in the prerequisites of this request. It is not kept: the step's id is." }),
    id: Id.optional(),
    dueOn: CalendarDay.nullable().optional(),
  })
  .meta({ id: "GoalStepCreate" });
export type GoalStepCreate = z.infer<typeof GoalStepCreate>;

export const GoalCreate = Goal.omit({
  learnerId: true,
  reviewerName: true,
  followsTitle: true,
  path: true,
  growth: true,
  version: true,
  createdAt: true,
  updatedAt: true,
})
  .extend({
    steps: listOf(GoalStepCreate, MOST_STEPS).meta({
      description: "Steps of its own, in their order, as a path's draft has them: all of them are made with the goal, or nothing is.",
    }),
  })
  .partial()
  .required({ title: true })
  .strict()
  .meta({
    id: "GoalCreate",
    examples: [
      {
        title: "Deploy my own service to production",
        skills: ["kubernetes"],
        dueOn: "2026-09-30",
        steps: [
          { key: "read", title: "Read about containers", mode: "formal", estimatedMinutes: 600 },
          { key: "deploy", title: "Deploy a service yourself", mode: "on-the-job", weight: 3, prerequisites: ["read"] },
        ],
      },
    ],
  });
export type GoalCreate = z.infer<typeof GoalCreate>;

export const GoalUpdate = GoalCreate.omit({ id: true, steps: true })
  .partial()
  .meta({ id: "GoalUpdate", examples: [{ status: "on-hold" }] });
export type GoalUpdate = z.infer<typeof GoalUpdate>;

export const GoalPage = pageOf(Goal);
export const GoalList = z.strictObject({ status: kebabEnum(GoalStatus).optional(), ...pageQuery });
export type GoalList = z.infer<typeof GoalList>;
