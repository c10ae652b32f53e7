import type { HabitName } from "./habits";
import { demoId } from "./ids";
import type { TeamName } from "./organisation";

export type Person = {
  name: string;
  timeZone: string;
  /** Today's team, or the last one of somebody who left; null: never in one. */
  team: TeamName | null;
  habit: HabitName;
  /** Days before today; without it, since before the first session. */
  joinedDaysAgo?: number;
  movedFrom?: { team: TeamName; daysAgo: number };
  leftDaysAgo?: number;
  /** The last day on which the habit logs anything. */
  habitEndedDaysAgo?: number;
  /** On the job, social, formal. */
  target?: [number, number, number];
};

export const ANALYST = "Tomas Lind";
export const LEAD = "Maren Achterberg";
/** They answer the analyst's questions. */
export const ENGINEERS = ["Nadia Benkirane", "Kwame Boadi"] as const;

/** Always before the Monday on which the analyst's project begins. */
export const PROJECT_DAYS = 217;

/** Everyone here is invented. */
export const PEOPLE: Person[] = [
  { name: "Ingrid Solheim", timeZone: "Europe/Oslo", team: "Larkfield", habit: "seldom" },
  // A coach from outside, in no team.
  { name: "Ruth Abelson", timeZone: "Europe/Dublin", team: null, habit: "seldom" },

  { name: LEAD, timeZone: "Europe/Amsterdam", team: "Product", habit: "steady" },
  { name: "Adaeze Nwosu", timeZone: "Africa/Lagos", team: "Analytics", habit: "steady" },
  { name: ANALYST, timeZone: "Europe/Stockholm", team: "Analytics", habit: "steady", habitEndedDaysAgo: PROJECT_DAYS },
  { name: "Rohit Deshmukh", timeZone: "Asia/Kolkata", team: "Analytics", habit: "only reads" },
  { name: "Clara Feldmann", timeZone: "Europe/Berlin", team: "Analytics", habit: "steady", target: [60, 25, 15] },
  { name: "Mateus Figueira", timeZone: "America/Sao_Paulo", team: "Analytics", habit: "unsorted" },
  { name: "Yui Hanasaki", timeZone: "Asia/Tokyo", team: "Analytics", habit: "nothing", joinedDaysAgo: 70 },
  { name: "Leila Haddadi", timeZone: "Europe/Paris", team: "Design", habit: "talks" },
  { name: "Jonas Vikström", timeZone: "Europe/Stockholm", team: "Design", habit: "steady" },
  { name: "Priya Ramanathan", timeZone: "Asia/Kolkata", team: "Design", habit: "heavy", joinedDaysAgo: 500 },
  { name: "Owen Tredwell", timeZone: "Europe/London", team: "Design", habit: "seldom" },
  { name: "Sofia Barrientos", timeZone: "Europe/Madrid", team: "Design", habit: "only on the job" },
  { name: "Samuel Kiprotich", timeZone: "Africa/Nairobi", team: "Product Management", habit: "steady" },
  { name: "Hanna Wójtowicz", timeZone: "Europe/Warsaw", team: "Product Management", habit: "talks" },
  { name: "Elias Raptis", timeZone: "Europe/Athens", team: "Product Management", habit: "steady", movedFrom: { team: "Customer Support", daysAgo: 330 } },
  { name: "Mei-Ling Cao", timeZone: "Asia/Singapore", team: "Product Management", habit: "seldom" },

  { name: "Gustavo Peralta", timeZone: "Europe/Lisbon", team: "Engineering", habit: "steady" },
  { name: ENGINEERS[0], timeZone: "Europe/Paris", team: "Platform", habit: "steady" },
  { name: ENGINEERS[1], timeZone: "Africa/Accra", team: "Platform", habit: "talks" },
  { name: "Petra Havlíková", timeZone: "Europe/Prague", team: "Platform", habit: "steady" },
  { name: "Arjun Velayudhan", timeZone: "Asia/Kolkata", team: "Platform", habit: "heavy" },
  { name: "Lucas Thibodeau", timeZone: "America/Toronto", team: "Platform", habit: "only on the job" },
  { name: "Emre Karaduman", timeZone: "Europe/Istanbul", team: "Platform", habit: "steady", habitEndedDaysAgo: 300 },
  { name: "Freya Lockhart", timeZone: "Europe/London", team: "Platform", habit: "steady", joinedDaysAgo: 120, target: [50, 30, 20] },
  { name: "Beatriz Camargo", timeZone: "America/Sao_Paulo", team: "Front End", habit: "talks" },
  { name: "Noah Eriksen", timeZone: "Europe/Copenhagen", team: "Front End", habit: "steady" },
  { name: "Anjali Thakkar", timeZone: "Asia/Kolkata", team: "Front End", habit: "steady" },
  { name: "Viktor Dragomir", timeZone: "Europe/Bucharest", team: "Front End", habit: "seldom", movedFrom: { team: "Platform", daysAgo: 45 } },
  { name: "Chloé Marchetti", timeZone: "Europe/Paris", team: "Front End", habit: "only reads" },
  { name: "Kojo Ansah", timeZone: "Africa/Accra", team: "Front End", habit: "nothing" },
  { name: "Minh Anh Truong", timeZone: "Asia/Ho_Chi_Minh", team: "Data Engineering", habit: "steady" },
  { name: "Oskar Lindqvist", timeZone: "Europe/Stockholm", team: "Data Engineering", habit: "heavy", movedFrom: { team: "Analytics", daysAgo: 420 } },
  { name: "Fatima Zerhouni", timeZone: "Africa/Casablanca", team: "Data Engineering", habit: "steady" },
  { name: "Tariq Mansoori", timeZone: "Asia/Dubai", team: "Data Engineering", habit: "unsorted" },

  { name: "Agnieszka Borowska", timeZone: "Europe/Warsaw", team: "Operations", habit: "seldom" },
  { name: "Rosa Quintanilla", timeZone: "America/Mexico_City", team: "Customer Support", habit: "steady" },
  { name: "Bilal Cheema", timeZone: "Asia/Karachi", team: "Customer Support", habit: "talks" },
  { name: "Greta Nyholm", timeZone: "Europe/Helsinki", team: "Customer Support", habit: "nothing" },
  { name: "Isaac Mwangale", timeZone: "Africa/Nairobi", team: "Customer Support", habit: "steady", joinedDaysAgo: 270 },
  { name: "Lucía Ferreyra", timeZone: "America/Bogota", team: "Customer Support", habit: "only on the job", movedFrom: { team: "Finance", daysAgo: 150 } },
  { name: "Hugo Delacourt", timeZone: "Europe/Brussels", team: "Customer Support", habit: "steady", leftDaysAgo: 60 },
  { name: "Astrid Holmgaard", timeZone: "Europe/Copenhagen", team: "Finance", habit: "only reads" },
  { name: "Andris Kalniņš", timeZone: "Europe/Riga", team: "Finance", habit: "seldom" },
  { name: "Zanele Mokwena", timeZone: "Africa/Johannesburg", team: "Finance", habit: "steady", movedFrom: { team: "Customer Support", daysAgo: 510 } },
];

export function learnerId(name: string): string {
  return demoId("learner", name);
}
