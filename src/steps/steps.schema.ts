import { z } from "zod";
import { pageOf, pageQuery } from "../http/paging";
import { CalendarDay, Id, Instant, listOf, paragraphs } from "../http/schema";
import { MOST_STEPS, stepContent } from "../paths/paths.schema";

export const STATES = ["not-started", "in-progress", "completed", "skipped"] as const;

const day = CalendarDay.nullable();
const before = { description: "Steps of the goal that have to be done before." };

export const Step = z
  .object({
    learnerId: Id,
    goalId: Id,
    id: Id,
    position: z.int().min(1).max(MOST_STEPS).meta({ description: "The place in the goal's order, from 1." }),
    ...stepContent,
    resourceTitle: z.string().nullable(),
    dueOn: day,
    prerequisites: z.array(Id).meta(before),
    state: z.enum(STATES),
    startedOn: day,
    completedOn: day,
    skippedOn: day,
    overrideReason: paragraphs(1_000).nullable().meta({ description: "Why it was completed although steps before it were not done." }),
    blockedBy: z.array(Id).meta({ description: "The prerequisites that are not done: neither completed nor skipped. With any, the step is blocked." }),
    overdue: z.boolean(),
    dueSoon: z.boolean().meta({ description: "Due from today to seven days ahead." }),
    loggedMinutes: z.int(),
    pathStepKey: z.string().nullable().meta({ description: "The step of the adopted path that this one came from." }),
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Step",
    description: "A part of a goal.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        goalId: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
        id: "0193d5a0-6c00-7a31-9d4e-cccccccccccc",
        position: 2,
        section: "Practice",
        title: "Deploy a service yourself",
        resourceId: null,
        resourceTitle: null,
        mode: "on-the-job",
        estimatedMinutes: 1200,
        required: true,
        weight: 3,
        otherPrerequisites: ["Access to the cluster"],
        dueOn: "2026-06-30",
        prerequisites: ["0193d5a0-6c00-7a31-9d4e-cccccccccccb"],
        state: "in-progress",
        startedOn: "2026-04-01",
        completedOn: null,
        skippedOn: null,
        overrideReason: null,
        blockedBy: [],
        overdue: false,
        dueSoon: false,
        loggedMinutes: 300,
        pathStepKey: "first-deploy",
        version: 2,
        createdAt: "2026-03-02T08:00:00.000Z",
        updatedAt: "2026-04-01T08:00:00.000Z",
      },
    ],
  });
export type Step = z.infer<typeof Step>;

export const StepCreate = Step.pick({
  id: true,
  position: true,
  section: true,
  title: true,
  resourceId: true,
  mode: true,
  estimatedMinutes: true,
  required: true,
  weight: true,
  otherPrerequisites: true,
  dueOn: true,
})
  // So many at once: the learner's own and those of the path's next version together may be more.
  .extend({ prerequisites: listOf(Id, 50).meta(before) })
  .partial()
  .required({ title: true })
  .strict()
  .meta({ id: "StepCreate", examples: [{ title: "Deploy a service yourself", mode: "on-the-job", estimatedMinutes: 1200, weight: 3 }] });
export type StepCreate = z.infer<typeof StepCreate>;

export const StepUpdate = StepCreate.omit({ id: true })
  .partial()
  .meta({ id: "StepUpdate", examples: [{ dueOn: "2026-07-31" }] });
export type StepUpdate = z.infer<typeof StepUpdate>;

const onDay = (what: string) => CalendarDay.optional().meta({ description: `The day on which it was ${what}; today unless told.` });

export const StepStart = z.strictObject({ startedOn: onDay("started") }).meta({ id: "StepStart", examples: [{ startedOn: "2026-04-01" }] });
export type StepStart = z.infer<typeof StepStart>;

export const StepCompletion = z
  .strictObject({
    completedOn: onDay("completed"),
    override: z.boolean().optional().meta({ description: "`true` completes a blocked step, and takes a reason." }),
    reason: paragraphs(1_000).optional().meta({ description: "Why the step is done although steps before it are not. It is kept." }),
  })
  .meta({ id: "StepCompletion", examples: [{ completedOn: "2026-06-12" }] });
export type StepCompletion = z.infer<typeof StepCompletion>;

export const StepSkip = z.strictObject({ skippedOn: onDay("skipped") }).meta({ id: "StepSkip", examples: [{}] });
export type StepSkip = z.infer<typeof StepSkip>;

export const StepPage = pageOf(Step);
export const StepList = z.strictObject(pageQuery);
export type StepList = z.infer<typeof StepList>;
