import { z } from "zod";
import { Mode } from "../generated/prisma/enums";
import { Id, Instant, kebabEnum } from "../http/schema";
import { StudySessionCreate } from "../study-sessions/study-sessions.schema";

export const Timer = z
  .object({
    learnerId: Id,
    startedAt: Instant,
    mode: kebabEnum(Mode).nullable(),
    goalId: Id.nullable(),
    stepId: Id.nullable().meta({ description: "A step of that goal." }),
    resourceId: Id.nullable(),
  })
  .meta({
    id: "Timer",
    description: "A running timer; one per learner.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        startedAt: "2026-11-20T08:15:00.000Z",
        mode: "on-the-job",
        goalId: null,
        stepId: null,
        resourceId: null,
      },
    ],
  });
export type Timer = z.infer<typeof Timer>;

export const TimerStart = Timer.pick({ mode: true, goalId: true, stepId: true, resourceId: true })
  .partial()
  .strict()
  .meta({ id: "TimerStart", examples: [{ mode: "on-the-job" }] });
export type TimerStart = z.infer<typeof TimerStart>;

export const TimerStop = StudySessionCreate.omit({ startedAt: true, verification: true })
  .partial()
  .meta({
    id: "TimerStop",
    description: "Whatever the session should say beside what the timer knows; minutes only to correct them.",
    examples: [{ impact: 4, note: "First deploy" }],
  });
export type TimerStop = z.infer<typeof TimerStop>;
