import { addDays, type Day, startOf, toDate } from "../days";
import type { PlannedGoal } from "./goals";
import { demoId } from "./ids";
import { ANALYST, ENGINEERS, learnerId } from "./people";
import { type PlannedResource, withId } from "./resources";

// A data analyst takes on a project outside his field, learns most of it by doing it, and
// finds that a good textbook, two patient engineers and a course help in different ways.

export const PROJECT_WEEKS = 30;

export type StoryGoals = { project: PlannedGoal; next: PlannedGoal };

/** The Monday on which the project began: it ran for seven months, until the last full week. */
export function projectStart(today: Day): Day {
  return addDays(startOf("week", today), -7 * PROJECT_WEEKS);
}

export function storyGoals(today: Day): StoryGoals {
  const from = projectStart(today);
  const to = addDays(from, 7 * PROJECT_WEEKS);
  const nextFrom = addDays(to, -12);
  return {
    project: {
      id: demoId("goal", `${ANALYST} project`),
      title: "Deploy my own service to production",
      why: "So that an analysis becomes a product without a hand-over",
      skills: ["docker", "kubernetes"],
      // Until the last step is done.
      status: "active",
      startsOn: toDate(from),
      dueOn: toDate(to),
      worked: { from, to },
    },
    next: {
      id: demoId("goal", `${ANALYST} next`),
      followsId: demoId("goal", `${ANALYST} project`),
      title: "Build the dashboard's next page with the front-end working group",
      why: "The service runs; now people should be able to use it without asking me",
      skills: ["typescript"],
      status: "active",
      startsOn: toDate(nextFrom),
      dueOn: toDate(addDays(nextFrom, 150)),
      worked: { from: nextFrom, to: today },
    },
  };
}

export const STORY: Record<"project" | "textbook" | "course" | "workingGroup", PlannedResource> & { engineers: [PlannedResource, PlannedResource] } = {
  project: withId({
    type: "project",
    title: "Deploy the demand forecast to production with Docker and Kubernetes",
    description: "A stretch project: from a notebook to a service that runs, recovers and can be rolled back.",
    skills: ["docker", "kubernetes"],
  }),
  textbook: withId({
    type: "book",
    title: "Kubernetes from First Principles",
    description: "A textbook that explains one idea at a time: containers, manifests, the control plane, then everything on top.",
    skills: ["kubernetes"],
    estimatedMinutes: 600,
  }),
  course: withId({
    type: "course",
    title: "Site Reliability Engineering, an Introduction",
    description: "Sponsored by the company.",
    skills: ["site reliability"],
    estimatedMinutes: 240,
  }),
  workingGroup: withId({
    type: "community",
    title: "Front-end working group on TypeScript",
    description: "Meets every week; whoever wants to learn takes a page to build.",
    skills: ["typescript"],
    learnerId: learnerId("Beatriz Camargo"),
  }),
  engineers: [
    withId({ type: "mentor", title: `${ENGINEERS[0]} on clusters`, skills: ["kubernetes"], capacityMinutesPerWeek: 60, learnerId: learnerId(ENGINEERS[0]) }),
    withId({ type: "mentor", title: `${ENGINEERS[1]} on containers`, skills: ["docker"], capacityMinutesPerWeek: 60, learnerId: learnerId(ENGINEERS[1]) }),
  ],
};
