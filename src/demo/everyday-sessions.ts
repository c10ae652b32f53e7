import { addDays, type Day, toDate } from "../days";
import type { Mode } from "../generated/prisma/enums";
import { effectiveMode } from "../resources/resources.service";
import type { Entry } from "../study-sessions/log-sessions";
import type { PlannedGoal } from "./goals";
import { HABITS, type Habit } from "./habits";
import { demoId } from "./ids";
import { learnerId, type Person } from "./people";
import { type Random, seeded } from "./random";
import type { PlannedResource } from "./resources";
import { instantAt } from "./time-of-day";

export const HISTORY_DAYS = 730;

const WORKDAYS = 5;
const WEEKEND_SHARE = 0.05;
const MINUTES = { onTheJob: [45, 180, 15], social: [15, 60, 5], formal: [30, 90, 15], unclassified: [30, 120, 15] } as const;
// Early enough that yesterday's last session is over in UTC, too, wherever somebody lives.
const EARLIEST_START = 8 * 60;
const LATEST_START = 16 * 60 + 30;

/** What is at hand to learn from, and for. */
export type Means = { resources: PlannedResource[]; goals: PlannedGoal[] };

/** A day, and how much of a week's learning falls on it. */
export type HistoryDay = { day: Day; share: number };

/** The two years up to yesterday: little at weekends, less in summer, nothing between the years. */
export function historyUpTo(today: Day): HistoryDay[] {
  return Array.from({ length: HISTORY_DAYS }, (_, index) => {
    const day = addDays(today, index - HISTORY_DAYS);
    const weekday = toDate(day).getUTCDay();
    const yearly = day.slice(5);
    if (yearly >= "12-24" || yearly <= "01-01") return { day, share: 0 };
    const season = yearly >= "07-01" && yearly < "09-01" ? 0.6 : 1;
    return { day, share: (season / WORKDAYS) * (weekday === 0 || weekday === 6 ? WEEKEND_SHARE : 1) };
  });
}

/** A person's sessions in the history, at most one a day. */
export function planEverydaySessions(person: Person, means: Means, history: HistoryDay[]): Entry<Date>[] {
  const habit: Habit = HABITS[person.habit];
  const first = history.length - Math.min(HISTORY_DAYS, person.joinedDaysAgo ?? HISTORY_DAYS);
  const end = history.length - Math.max(person.leftDaysAgo ?? 0, (person.habitEndedDaysAgo ?? 1) - 1);
  return history.slice(first, end).flatMap(({ day, share }) => {
    // Seeded by the day, so that what happened on it does not depend on when it is loaded.
    const random = seeded(`${person.name} ${day}`);
    return random.chance(habit.sessionsPerWeek * share) ? [planSession(person, habit, means, day, random)] : [];
  });
}

function planSession(person: Person, habit: Habit, { resources, goals }: Means, day: Day, random: Random): Entry<Date> {
  const kind = random.weighted(habit.modes as Record<Mode | "unclassified", number>);
  const [least, most, step] = MINUTES[kind];
  const minutes = random.between(least, most, step);
  const goal = goals.find(({ worked }) => worked.from <= day && day < worked.to);
  const resource = chooseResource(person, kind, resources, random);
  return {
    learnerId: learnerId(person.name),
    id: demoId("session", `${person.name} ${day}`),
    input: {
      startedAt: instantAt(day, random.between(EARLIEST_START, LATEST_START, 15), person.timeZone),
      minutes,
      ...modesOf(kind, minutes, resource, random),
      impact: random.chance(0.6) ? Number(random.weighted(IMPACT[kind])) : null,
      goalId: goal && random.chance(0.6) ? goal.id : null,
      resourceId: resource?.id ?? null,
      // What a course platform reports by itself.
      ...(resource?.type === "course" && random.chance(0.4) && { verification: "systemRecorded" as const }),
      ...(random.chance(0.04) && { note: random.pick(NOTES), noteShared: random.chance(0.5) }),
    },
  };
}

/** Most sessions are on one of the few things of that mode that a person keeps to. */
function chooseResource(person: Person, kind: Mode | "unclassified", resources: PlannedResource[], random: Random): PlannedResource | undefined {
  const own = learnerId(person.name);
  const suitable = resources.filter((resource) => (modeOf(resource) ?? "unclassified") === kind && resource.learnerId !== own);
  if (!suitable.length || !random.chance(0.75)) return undefined;
  const few = seeded(`${person.name} keeps to`);
  return random.pick([few.pick(suitable), few.pick(suitable)]);
}

/** Says the modes the way people do: by the resource, outright, as a split, or not at all. */
function modesOf(kind: Mode | "unclassified", minutes: number, resource: PlannedResource | undefined, random: Random): Pick<Entry["input"], "mode" | "split"> {
  const third = Math.round(minutes / 3);
  if (kind === "unclassified") return random.chance(0.3) ? { split: { onTheJob: third } } : {};
  if (kind === "onTheJob" && random.chance(0.12)) return { split: { onTheJob: minutes - third, social: third } };
  return resource ? {} : { mode: kind };
}

function modeOf({ type, mode = null }: PlannedResource): Mode | null {
  return effectiveMode({ type, mode });
}

const IMPACT = {
  onTheJob: { 2: 1, 3: 4, 4: 8, 5: 4 },
  social: { 2: 1, 3: 3, 4: 6, 5: 5 },
  formal: { 1: 1, 2: 3, 3: 6, 4: 4, 5: 1 },
  unclassified: { 2: 2, 3: 4, 4: 2 },
} as const;

const NOTES = [
  "Tried it on a small case first",
  "Asked more than I answered, good",
  "Took notes for the team page",
  "Slower than I hoped, but it stuck",
  "To read again next month",
  "Showed it to the others at noon",
  "The example was better than the theory",
  "Half of it I knew already",
];
