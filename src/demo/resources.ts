import type { ResourceCreate } from "../resources/resources.schema";
import type { Course } from "./course-catalogue";
import { demoId } from "./ids";
import type { TeamName } from "./organisation";
import { learnerId, type Person } from "./people";

export type PlannedResource = ResourceCreate & { id: string };

/** What a team learns from: its shelf, and the catalogue's courses on some skills. */
type Shelf = { items: ResourceCreate[]; courseSkills: string[] };

/** The resources of a person's team; those who lead several teams share one shelf. */
export function shelfOf({ team }: Person, courses: Course[]): PlannedResource[] {
  const { items, courseSkills } = SHELVES[team ?? "Larkfield"] ?? SHELVES.Larkfield;
  return [...items.map(withId), ...courses.filter(({ skills }) => skills.some((skill) => courseSkills.includes(skill)))];
}

export function allShelved(): PlannedResource[] {
  return Object.values(SHELVES).flatMap(({ items }) => items.map(withId));
}

export function withId(resource: ResourceCreate): PlannedResource {
  return { id: demoId("resource", resource.title), ...resource };
}

const SHELVES: Partial<Record<TeamName, Shelf>> & { Larkfield: Shelf } = {
  Larkfield: {
    courseSkills: ["ethics"],
    items: [
      { type: "coach", title: "Ruth Abelson, coach to those who lead", skills: ["leading"], learnerId: learnerId("Ruth Abelson") },
      { type: "assignment", title: "Plan next year's budget with another department", skills: ["budgeting", "leading"] },
      { type: "book", title: "The First Year of Leading", skills: ["leading"], estimatedMinutes: 480 },
      { type: "community", title: "Leads' breakfast", skills: ["leading", "feedback"] },
    ],
  },
  Analytics: {
    courseSkills: ["math"],
    items: [
      { type: "project", title: "Forecast weekly demand", skills: ["forecasting", "sql"] },
      { type: "project", title: "One definition for every metric", skills: ["data modelling"] },
      { type: "mentor", title: "Adaeze Nwosu on experiments", skills: ["experiments", "statistics"], learnerId: learnerId("Adaeze Nwosu") },
      { type: "community", title: "Analytics reading circle", skills: ["statistics"] },
      { type: "book", title: "Reading Data with Care", skills: ["statistics"], estimatedMinutes: 720 },
    ],
  },
  Design: {
    courseSkills: ["applications"],
    items: [
      { type: "project", title: "A new start page, tested with customers", skills: ["prototyping", "user research"] },
      { type: "shadowing", title: "A day beside Customer Support", skills: ["user research"] },
      { type: "community", title: "Friday critique", skills: ["feedback", "prototyping"] },
      { type: "book", title: "Interfaces for Everyone", skills: ["accessibility"], estimatedMinutes: 540 },
      { type: "workshop", title: "Accessibility in practice", skills: ["accessibility"], estimatedMinutes: 360 },
    ],
  },
  "Product Management": {
    courseSkills: ["ethics"],
    items: [
      { type: "project", title: "Find out whom the free plan serves", skills: ["discovery", "user research"] },
      { type: "mentor", title: "Samuel Kiprotich on saying no", skills: ["prioritising"], learnerId: learnerId("Samuel Kiprotich") },
      { type: "conference", title: "Product people's autumn meeting", skills: ["discovery"], estimatedMinutes: 960 },
      { type: "book", title: "Small Bets, Often", skills: ["discovery", "prioritising"], estimatedMinutes: 420 },
    ],
  },
  Platform: {
    courseSkills: ["systems", "security"],
    items: [
      { type: "project", title: "Move the build farm to Kubernetes", skills: ["kubernetes", "automation"] },
      { type: "rotation", title: "A month on call", skills: ["incident response"] },
      // A workshop by its type, but what counts is the talk among those who were there.
      { type: "workshop", title: "Incident review without blame", mode: "social", skills: ["incident response", "feedback"] },
      { type: "book", title: "Systems That Stay Up", skills: ["site reliability"], estimatedMinutes: 900 },
      { type: "certification", title: "Cluster administrator's certificate", skills: ["kubernetes"], estimatedMinutes: 2400 },
    ],
  },
  "Front End": {
    courseSkills: ["programming"],
    items: [
      { type: "project", title: "Type the checkout", skills: ["typescript", "refactoring"] },
      { type: "assignment", title: "Halve the time to the first paint", skills: ["web performance"] },
      { type: "mentor", title: "Beatriz Camargo on components", skills: ["components"], learnerId: learnerId("Beatriz Camargo") },
      { type: "video", title: "Browsers from the inside", skills: ["web performance"], estimatedMinutes: 300 },
      { type: "article", title: "Types that tell the truth", skills: ["typescript"], estimatedMinutes: 25 },
    ],
  },
  "Data Engineering": {
    courseSkills: ["applications", "theory"],
    items: [
      { type: "project", title: "Events instead of nightly loads", skills: ["streaming", "data modelling"] },
      { type: "secondment", title: "Three months with Analytics", skills: ["data modelling", "sql"] },
      { type: "mentor", title: "Minh Anh Truong on pipelines", skills: ["streaming"], learnerId: learnerId("Minh Anh Truong") },
      { type: "podcast", title: "Tables and streams", skills: ["streaming"], estimatedMinutes: 600 },
    ],
  },
  "Customer Support": {
    courseSkills: ["ethics"],
    items: [
      { type: "assignment", title: "Write the answer that nobody has to ask for again", skills: ["writing"] },
      { type: "shadowing", title: "Listen in on calls", skills: ["listening"] },
      { type: "mentor", title: "Rosa Quintanilla on hard conversations", skills: ["listening", "feedback"], learnerId: learnerId("Rosa Quintanilla") },
      { type: "workshop", title: "Plain language", skills: ["writing"], estimatedMinutes: 240 },
      { type: "other", title: "The support handbook", skills: ["product knowledge"] },
    ],
  },
  Finance: {
    courseSkills: ["ethics"],
    items: [
      { type: "project", title: "Close the month in three days", skills: ["automation", "reporting"] },
      { type: "community", title: "Controllers' round table", skills: ["reporting"] },
      { type: "course", title: "Revenue recognition, the current rules", skills: ["accounting"], estimatedMinutes: 720 },
      { type: "book", title: "Spreadsheets That Survive", skills: ["reporting"], estimatedMinutes: 360 },
    ],
  },
};
