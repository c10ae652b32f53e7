import type { Day } from "../days";
import type { Entry } from "../study-sessions/log-sessions";
import type { Course } from "./course-catalogue";
import { historyUpTo, planEverydaySessions } from "./everyday-sessions";
import { goalsOf, type PlannedGoal } from "./goals";
import { TEAMS, type TeamPlan } from "./organisation";
import { ANALYST, PEOPLE, type Person } from "./people";
import { allShelved, type PlannedResource, shelfOf } from "./resources";
import { STORY, type StoryGoals, storyGoals } from "./story";
import { planStorySessions } from "./story-sessions";

/** Everything that is to be stored, in the order of the sessions' starts. */
export type DemoPlan = {
  teams: readonly TeamPlan[];
  people: (Person & { goals: PlannedGoal[] })[];
  resources: PlannedResource[];
  story: StoryGoals;
  sessions: Entry<Date>[];
};

/** Pure: the same day gives the same plan. */
export function planDemo(courses: Course[], today: Day): DemoPlan {
  const story = storyGoals(today);
  const people = PEOPLE.map((person) => ({ ...person, goals: goalsFor(person, story, today) }));
  const history = historyUpTo(today);
  const everyday = people.flatMap((person) => planEverydaySessions(person, { resources: shelfOf(person, courses), goals: person.goals }, history));
  const { engineers, ...others } = STORY;
  return {
    teams: TEAMS,
    people,
    story,
    resources: [...courses, ...allShelved(), ...Object.values(others), ...engineers],
    sessions: [...everyday, ...planStorySessions(today, story)].sort(byStart),
  };
}

function goalsFor(person: Person, { project, next }: StoryGoals, today: Day): PlannedGoal[] {
  const [past, ...present] = goalsOf(person, today);
  const own = person.name === ANALYST ? [project, next] : present;
  return past ? [past, ...own] : own;
}

function byStart(a: Entry<Date>, b: Entry<Date>): number {
  return a.input.startedAt.getTime() - b.input.startedAt.getTime() || ((a.id ?? "") < (b.id ?? "") ? -1 : 1);
}
