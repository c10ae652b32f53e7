import type { Db } from "../database/transaction";
import { addDays, type Day, daysBetween, toDate, toDay } from "../days";
import type { PlannedGoal } from "./goals";
import { demoId } from "./ids";
import { learnerId, type Person } from "./people";
import { seeded } from "./random";

// Whatever the goal, one reads, asks, tries, and then does it alone.
const COURSE = [
  { title: "Read or watch the basics", mode: "formal", estimatedMinutes: 240, weight: 1 },
  { title: "Ask somebody who does it well", mode: "social", estimatedMinutes: 60, weight: 1 },
  { title: "Do it once on real work", mode: "onTheJob", estimatedMinutes: 480, weight: 2 },
  { title: "Do it alone, and show the team", mode: "onTheJob", estimatedMinutes: 300, weight: 2 },
] as const;

/** The steps of a person's goals, each after the one before; as many are done as the time that has passed allows, more or less. */
export async function storeSteps(db: Db, people: (Person & { goals: PlannedGoal[] })[], today: Day): Promise<void> {
  const steps = people.flatMap((person) => person.goals.flatMap((goal) => stepsOf(person, goal, today)));
  await db.step.createMany({ data: steps });
  await db.stepPrerequisite.createMany({
    data: steps
      .map((step, index) => ({ step, before: steps[index - 1] }))
      .filter(({ step, before }) => before?.goalId === step.goalId)
      .map(({ step, before }) => ({ learnerId: step.learnerId, goalId: step.goalId, stepId: step.id, requiresId: before?.id as string })),
  });
}

function stepsOf({ name, habit }: Person, goal: PlannedGoal, today: Day) {
  const { from } = goal.worked;
  const due = goal.dueOn ? toDay(goal.dueOn) : today;
  const days = daysBetween(from, due);
  const random = seeded(`steps of ${goal.id}`);
  const untouched = goal.status === "draft" || habit === "nothing";
  const expected = Math.floor((daysBetween(from, today) / days) * COURSE.length) + random.pick([-1, 0, 0, 0, 1]);
  const done = goal.status === "completed" ? COURSE.length : untouched ? 0 : Math.min(COURSE.length - 1, expected);
  return COURSE.map((content, index) => {
    const dueOn = addDays(from, Math.round((days * (index + 1)) / COURSE.length));
    const completedOn = dueOn < today ? dueOn : addDays(today, -1);
    return {
      ...content,
      learnerId: learnerId(name),
      goalId: goal.id,
      id: demoId("step", `${goal.id} ${index}`),
      position: index + 1,
      dueOn: toDate(dueOn),
      completedOn: index < done ? toDate(completedOn) : null,
    };
  });
}
