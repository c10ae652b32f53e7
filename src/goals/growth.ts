import { byMode } from "../mix";
import type { Growth } from "./goals.schema";
import type { GrowthRow, Waits } from "./growth.query";
import { RULES } from "./health";

/** A goal's figures as they travel. */
export function makeGrowth(row: GrowthRow): Growth {
  const { health, explanation } = RULES[row.rule];
  return {
    progress: row.progress,
    health: health && { status: health, rule: row.rule, explanation, blockedBy: blockers(row.waitsFor) },
    steps: {
      total: row.steps,
      required: row.requiredSteps,
      completed: row.completedSteps,
      skipped: row.skippedSteps,
      blocked: row.blockedSteps,
      overdue: row.overdueSteps,
      dueSoon: row.dueSoonSteps,
    },
    plannedMinutes: byMode({ onTheJob: row.plannedOnTheJob, social: row.plannedSocial, formal: row.plannedFormal, total: row.planned }),
    loggedMinutes: byMode({ onTheJob: row.loggedOnTheJob, social: row.loggedSocial, formal: row.loggedFormal, total: row.logged }),
    remainingMinutes: row.remaining,
    unestimatedSteps: row.unestimatedSteps,
    minutesPerWeek: row.pace === null ? null : Math.round(row.pace * 10) / 10,
    projectedEnd: row.projectedEnd,
  };
}

/** The steps that others wait for, by title. */
export function blockers(waits: Waits): { id: string; title: string }[] {
  return Object.entries(waits ?? {})
    .map(([id, title]) => ({ id, title }))
    .sort((a, b) => (a.title < b.title || (a.title === b.title && a.id < b.id) ? -1 : 1));
}
