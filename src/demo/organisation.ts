export type TeamPlan = {
  name: string;
  parent: string | null;
  /** A person's name. */
  lead: string;
  /** A reference mix of the team's own: on the job, social, formal. */
  target?: [number, number, number];
};

/** Three levels; a team stands below the one it belongs to, so that parents are stored first. */
export const TEAMS = [
  { name: "Larkfield", parent: null, lead: "Ingrid Solheim" },

  { name: "Product", parent: "Larkfield", lead: "Maren Achterberg" },
  { name: "Analytics", parent: "Product", lead: "Adaeze Nwosu" },
  { name: "Design", parent: "Product", lead: "Leila Haddadi" },
  { name: "Product Management", parent: "Product", lead: "Samuel Kiprotich" },

  { name: "Engineering", parent: "Larkfield", lead: "Gustavo Peralta", target: [75, 15, 10] },
  { name: "Platform", parent: "Engineering", lead: "Nadia Benkirane" },
  { name: "Front End", parent: "Engineering", lead: "Beatriz Camargo" },
  { name: "Data Engineering", parent: "Engineering", lead: "Minh Anh Truong" },

  { name: "Operations", parent: "Larkfield", lead: "Agnieszka Borowska" },
  { name: "Customer Support", parent: "Operations", lead: "Rosa Quintanilla", target: [55, 30, 15] },
  { name: "Finance", parent: "Operations", lead: "Astrid Holmgaard" },
] as const satisfies TeamPlan[];

export type TeamName = (typeof TEAMS)[number]["name"];
