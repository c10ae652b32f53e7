/** How a goal is doing; see docs/growth.md. */
export const HEALTHS = ["overdue", "blocked", "at-risk", "not-started", "on-track", "on-hold", "completed"] as const;
export type Health = (typeof HEALTHS)[number];

/** Steps that are named where a goal or a step is blocked: as many as anybody looks into. */
export const MOST_BLOCKERS = 20;

/** A step or a goal that is due from today to this many days ahead is due soon. */
export const DUE_SOON_DAYS = 7;
/** Pace is over the last eight weeks. */
export const PACE_WEEKS = 8;
/** By how much of the whole progress may be behind the time that has passed. */
export const SLACK = 0.2;

type Rule = { health: Health | null; explanation: string };

/** What each rule says of a goal; `growth.query.ts` finds the first that holds, in this order. */
export const RULES = {
  completed: { health: "completed", explanation: "The goal's status is completed." },
  abandoned: { health: null, explanation: "The goal is abandoned, so nothing is expected of it." },
  "on-hold": { health: "on-hold", explanation: "The goal's status is on-hold." },
  draft: { health: "not-started", explanation: "The goal is a draft." },
  "steps-done": { health: "on-track", explanation: "Every required step is done. The goal can be completed." },
  "due-day-passed": { health: "overdue", explanation: "The goal's due day has passed." },
  "every-step-blocked": { health: "blocked", explanation: "Every required step that is left waits for other steps." },
  "due-step-blocked": { health: "blocked", explanation: "A required step is due and waits for other steps." },
  "step-overdue": { health: "at-risk", explanation: "The due day of a required step has passed." },
  "projected-late": { health: "at-risk", explanation: "At the pace of the last eight weeks the goal ends after its due day." },
  stalled: { health: "at-risk", explanation: "Nothing was logged or completed in the last eight weeks." },
  "behind-schedule": { health: "at-risk", explanation: "Progress is more than 20 points behind the time that has passed." },
  "due-soon-not-begun": { health: "at-risk", explanation: "The goal is due within seven days and was not begun." },
  "nothing-begun": { health: "not-started", explanation: "Nothing was logged or completed, and no step was started." },
  "no-due-day": { health: "on-track", explanation: "The goal was begun and has no due day." },
  "projected-in-time": { health: "on-track", explanation: "At the pace of the last eight weeks the goal ends by its due day." },
  "not-behind": { health: "on-track", explanation: "The goal was begun, its due day has not passed, and nothing says that it is late." },
} as const satisfies Record<string, Rule>;

export type RuleName = keyof typeof RULES;
export const RULE_NAMES = Object.keys(RULES) as RuleName[];
