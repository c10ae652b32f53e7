import { addDays, type Day } from "../days";
import type { Entry } from "../study-sessions/log-sessions";
import { demoId } from "./ids";
import { ANALYST, learnerId, PEOPLE } from "./people";
import { type Random, seeded } from "./random";
import { PROJECT_WEEKS, projectStart, STORY, type StoryGoals } from "./story";
import { NOTES } from "./story-notes";
import { instantAt } from "./time-of-day";

const TIME_ZONE = PEOPLE.find(({ name }) => name === ANALYST)?.timeZone ?? "UTC";
const HOUR = 60;
const WEEKDAYS = [0, 1, 2, 3, 4];

/** The first session on the project; it is there whenever the sample organisation is loaded. */
export const FIRST_SESSION = demoId("session", `${ANALYST} week 0 0`);

/** What happens in a week, whichever week of the calendar that is; `week` counts from 0. */
type Moment = { weekday: number; minuteOfDay: number; input: Omit<Entry["input"], "startedAt"> };

/** The analyst's seven months on the project, then the first weeks of what comes next. */
export function planStorySessions(today: Day, goals: StoryGoals): Entry<Date>[] {
  const start = projectStart(today);
  return Array.from({ length: PROJECT_WEEKS + 1 }, (_, week) => {
    // Seeded by the week of the project, so that its mix does not depend on when it is loaded.
    const random = seeded(`${ANALYST} week ${week}`);
    const moments = [...(week < PROJECT_WEEKS ? projectWeek(week, goals.project.id, random) : []), ...workingGroup(week, goals.next.id)];
    const monday = addDays(start, 7 * week);
    const over = moments.filter(({ weekday }) => addDays(monday, weekday) < today);
    return over.map((moment, index) => toEntry(week, index, monday, moment));
  }).flat();
}

function projectWeek(week: number, goalId: string, random: Random): Moment[] {
  const moments = [...deploying(random), ...asking(week, random), ...reading(week, random), ...takingTheCourse(week, random)];
  const note = NOTES[week];
  return moments.map(({ input, ...moment }, index) => ({ ...moment, input: { ...input, goalId, ...(index === 0 && note) } }));
}

/** Mornings on the project, four a week; once in a while an engineer sits beside him. */
function deploying(random: Random): Moment[] {
  const free = random.pick(WEEKDAYS);
  return WEEKDAYS.filter((weekday) => weekday !== free).map((weekday) => {
    const minutes = random.between(105, 165, 15);
    const paired = random.chance(0.04) ? { split: { onTheJob: minutes - 20, social: 20 } } : {};
    return {
      weekday,
      minuteOfDay: random.between(9 * HOUR, 9 * HOUR + 45, 15),
      input: { minutes, ...paired, resourceId: STORY.project.id, impact: random.pick([3, 4, 4, 5, null]) },
    };
  });
}

/** A ton of questions, each of them short. */
function asking(week: number, random: Random): Moment[] {
  return [0, 1, ...(week < 12 ? [2] : [])].map((turn) => ({
    weekday: turn + random.between(0, 1),
    minuteOfDay: (13 + turn) * HOUR + random.between(0, 30, 5),
    input: { minutes: random.between(5, 20, 5), resourceId: STORY.engineers[(week + turn) % 2]?.id, impact: random.pick([4, 4, 5]) },
  }));
}

/** What works best for him. */
function reading(week: number, random: Random): Moment[] {
  if (week % 2 || week > 24) return [];
  return [{ weekday: 4, minuteOfDay: 16 * HOUR, input: { minutes: random.between(30, 60, 10), resourceId: STORY.textbook.id, impact: 5 } }];
}

/** Supplemental: an hour now and then in the middle of the project. */
function takingTheCourse(week: number, random: Random): Moment[] {
  if (week < 8 || week > 18 || week % 2) return [];
  return [{ weekday: 3, minuteOfDay: 16 * HOUR, input: { minutes: random.between(30, 45, 15), resourceId: STORY.course.id, impact: random.pick([2, 3, 3]) } }];
}

function workingGroup(week: number, goalId: string): Moment[] {
  if (week < PROJECT_WEEKS - 1) return [];
  const input = { minutes: 60, resourceId: STORY.workingGroup.id, goalId, impact: 4, note: "Everyone reads the page's types aloud first", noteShared: true };
  return [{ weekday: 1, minuteOfDay: 15 * HOUR, input }];
}

function toEntry(week: number, index: number, monday: Day, { weekday, minuteOfDay, input }: Moment): Entry<Date> {
  const startedAt = instantAt(addDays(monday, weekday), minuteOfDay, TIME_ZONE);
  return { learnerId: learnerId(ANALYST), id: demoId("session", `${ANALYST} week ${week} ${index}`), input: { startedAt, ...input } };
}
