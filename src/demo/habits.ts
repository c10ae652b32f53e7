import type { Mode } from "../generated/prisma/enums";

/** How somebody learns, and how they log it. */
export type Habit = {
  sessionsPerWeek: number;
  /** How often a session is of a mode, in relation to the others; `unclassified`: of none, wholly or in part. */
  modes: Partial<Record<Mode | "unclassified", number>>;
};

export type HabitName = keyof typeof HABITS;

export const HABITS = {
  steady: { sessionsPerWeek: 1.6, modes: { onTheJob: 50, social: 33, formal: 15, unclassified: 2 } },
  heavy: { sessionsPerWeek: 4, modes: { onTheJob: 68, social: 20, formal: 10, unclassified: 2 } },
  seldom: { sessionsPerWeek: 0.4, modes: { onTheJob: 45, social: 30, formal: 25 } },
  talks: { sessionsPerWeek: 1.7, modes: { onTheJob: 15, social: 80, formal: 5 } },
  unsorted: { sessionsPerWeek: 1.6, modes: { onTheJob: 25, social: 15, formal: 5, unclassified: 55 } },
  "only on the job": { sessionsPerWeek: 1.7, modes: { onTheJob: 1 } },
  "only reads": { sessionsPerWeek: 1.4, modes: { formal: 1 } },
  nothing: { sessionsPerWeek: 0, modes: {} },
} as const satisfies Record<string, Habit>;
