import { z } from "zod";
import { Mode } from "../generated/prisma/enums";
import { CalendarDay, Id, Instant, kebabEnum, TimeZone } from "../http/schema";
import { StudySessionCreate, startedAt } from "../study-sessions/study-sessions.schema";

export const Timer = z
  .object({
    learnerId: Id,
    startedAt: Instant,
    timeZone: TimeZone.meta({ description: "The learner's zone when it was started: the session's, wherever it is stopped." }),
    startedOn: CalendarDay.meta({ description: "The day on the learner's calendar when it was started: the session's." }),
    mode: kebabEnum(Mode).nullable(),
    goalId: Id.nullable(),
    stepId: Id.nullable().meta({ description: "A step of that goal." }),
    resourceId: Id.nullable(),
    version: z.int(),
  })
  .meta({
    id: "Timer",
    description: "A running timer; one per learner.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        startedAt: "2026-11-20T08:15:00.000Z",
        timeZone: "Europe/Stockholm",
        startedOn: "2026-11-20",
        mode: "on-the-job",
        goalId: null,
        stepId: null,
        resourceId: null,
        version: 1,
      },
    ],
  });
export type Timer = z.infer<typeof Timer>;

export const TimerStart = Timer.pick({ timeZone: true, mode: true, goalId: true, stepId: true, resourceId: true })
  .extend({ startedAt })
  .partial()
  .strict()
  .meta({
    id: "TimerStart",
    description: "`startedAt` only for a timer that should have been started before; not in the future.",
    examples: [{ mode: "on-the-job" }],
  });
export type TimerStart = z.infer<typeof TimerStart>;

export const TimerUpdate = TimerStart.meta({
  id: "TimerUpdate",
  description: "What a running timer should say instead.",
  examples: [{ startedAt: "2026-11-20T08:00:00Z" }],
});
export type TimerUpdate = z.infer<typeof TimerUpdate>;

export const TimerStop = StudySessionCreate.omit({ startedAt: true, verification: true })
  .partial()
  .meta({
    id: "TimerStop",
    description:
      "Whatever the session should say beside what the timer knows; minutes only to correct them, or where it was forgotten for longer than a session may last.",
    examples: [{ impact: 4, note: "First deploy" }],
  });
export type TimerStop = z.infer<typeof TimerStop>;
