import { addDays, type Day, toDate } from "../days";
import type { GoalCreate } from "../goals/goals.schema";
import { demoId } from "./ids";
import type { TeamName } from "./organisation";
import type { Person } from "./people";
import { seeded } from "./random";

/** A goal, and the days on which its owner works on it. */
export type PlannedGoal = GoalCreate & { id: string; worked: { from: Day; to: Day } };

type Aim = Required<Pick<GoalCreate, "title" | "why" | "skills">>;

/** An earlier goal that is over, and the present one. */
export function goalsOf(person: Person, today: Day): PlannedGoal[] {
  const random = seeded(`goals of ${person.name}`);
  const [past, present] = AIMS[person.team ?? "Larkfield"] ?? AIMS.Larkfield;
  const daysHere = person.joinedDaysAgo ?? 660;
  const pastEnded = random.between(230, 290, 10);
  const presentBegan = Math.min(daysHere - 10, random.between(120, 220, 10));
  // Due from a month ago, hence overdue for some, to half a year ahead.
  const due = random.between(-30, 180, 15);
  const goals = [plan(person, today, present, { daysAgo: presentBegan, dueInDays: due, status: random.weighted(PRESENT) })];
  if (daysHere > pastEnded + 100) {
    const daysAgo = Math.min(daysHere - 10, random.between(480, 620, 20));
    goals.unshift(plan(person, today, past, { daysAgo, dueInDays: -pastEnded, status: random.weighted(PAST) }));
  }
  return goals;
}

const PAST = { completed: 8, abandoned: 2 };
const PRESENT = { active: 8, onHold: 1, draft: 1 };

type Course = { daysAgo: number; dueInDays: number; status: NonNullable<GoalCreate["status"]> };

function plan({ name }: Person, today: Day, aim: Aim, { daysAgo, dueInDays, status }: Course): PlannedGoal {
  const from = addDays(today, -daysAgo);
  const due = addDays(today, dueInDays);
  const completedOn = status === "completed" ? toDate(due) : null;
  const worked = { from, to: status === "draft" ? from : status === "active" || due > today ? today : due };
  return { id: demoId("goal", `${name} ${aim.title}`), ...aim, status, startsOn: toDate(from), dueOn: toDate(due), completedOn, worked };
}

const AIMS: Partial<Record<TeamName, [Aim, Aim]>> & { Larkfield: [Aim, Aim] } = {
  Larkfield: [
    { title: "Give feedback that people ask for again", why: "Hard news came too late last year", skills: ["feedback"] },
    { title: "Lead through other leads", why: "The organisation outgrew one table", skills: ["leading"] },
  ],
  Analytics: [
    { title: "Explain an experiment's result with confidence", why: "Two launches were decided on noise", skills: ["experiments", "statistics"] },
    { title: "Own a forecast that others plan by", why: "Planning still runs on last year's numbers", skills: ["forecasting"] },
  ],
  Design: [
    { title: "Run a usability test alone", why: "We wait weeks for a researcher", skills: ["user research"] },
    { title: "Design so that everyone can use it", why: "A customer could not finish with a screen reader", skills: ["accessibility"] },
  ],
  "Product Management": [
    { title: "Interview customers every week", why: "We guessed too often", skills: ["discovery"] },
    { title: "Decide what we leave out", why: "The road map holds three years of work", skills: ["prioritising"] },
  ],
  Platform: [
    { title: "Take the pager without fear", why: "Two people carried every night", skills: ["incident response"] },
    { title: "Run our own build farm", why: "Builds wait longer than they run", skills: ["kubernetes", "automation"] },
  ],
  "Front End": [
    { title: "Measure before making it faster", why: "Three rewrites changed nothing for customers", skills: ["web performance"] },
    { title: "Read and write advanced types", why: "The checkout breaks where types are loose", skills: ["typescript"] },
  ],
  "Data Engineering": [
    { title: "Model data that analysts can read", why: "Every question took a translator", skills: ["data modelling"] },
    { title: "Run a stream in production", why: "Yesterday's numbers are too old", skills: ["streaming"] },
  ],
  "Customer Support": [
    { title: "Calm a call that began in anger", why: "It is what wears us out", skills: ["listening"] },
    { title: "Write help pages that answer", why: "Half of all calls ask the same ten things", skills: ["writing"] },
  ],
  Finance: [
    { title: "Build reports that update themselves", why: "A week of each month went into copying", skills: ["reporting"] },
    { title: "Automate the month's end", why: "Three days instead of eight", skills: ["automation"] },
  ],
};
