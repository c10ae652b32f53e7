import { z } from "zod";
import { Mode } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { Flag, Id, Instant, kebabEnum, listOf, paragraphs, Skill, Skills, text } from "../http/schema";
import { ByMode } from "../mix";

export const MOST_STEPS = 500;

/** What a step of a path and a step of a goal have in common: what is to be done. */
export const stepContent = {
  section: text(200).nullable(),
  title: text(300),
  resourceId: Id.nullable(),
  mode: kebabEnum(Mode).nullable().meta({ description: "The resource's unless told." }),
  estimatedMinutes: z.int().min(1).max(10_000_000).nullable().meta({ description: "The resource's unless told." }),
  required: z.boolean().meta({ description: "Optional steps count neither for nor against progress." }),
  weight: z.int().min(1).max(1_000).meta({ description: "How much the step counts beside the others." }),
  otherPrerequisites: listOf(text(300), 20).meta({ description: "What else should be known, in words." }),
};

export const Key = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, "Must be lower-case letters and digits, joined by hyphens, such as first-deploy.")
  .max(60)
  .meta({ description: "Names the step in every version of the path.", examples: ["first-deploy"] });

export const PathStep = z
  .object({ key: Key, ...stepContent, prerequisites: listOf(Key, 50).meta({ description: "Keys of the steps that have to be done before." }) })
  .meta({ id: "PathStep" });
export type PathStep = z.infer<typeof PathStep>;

export const PathStepCreate = PathStep.partial().required({ key: true, title: true }).strict().meta({ id: "PathStepCreate" });
export type PathStepCreate = z.infer<typeof PathStepCreate>;

const content = { title: text(300), purpose: paragraphs(5_000).nullable(), skills: Skills };

const shape = {
  plannedMinutes: ByMode.meta({ description: "Estimated minutes of the required steps by mode." }),
  criticalPath: z
    .object({ minutes: z.int(), steps: z.array(Key) })
    .meta({ id: "CriticalPath", description: "The longest chain of prerequisites in estimated minutes, optional steps included." }),
  steps: z.array(PathStep),
};

const Summary = z.object({
  id: Id,
  ...content,
  number: z.int().meta({ description: "The version that is shown: the last published, or the draft of a path that has none." }),
  publishedVersion: z.int().nullable().meta({ description: "The last published version; null: none yet." }),
  draftVersion: z.int().nullable().meta({ description: "The version being drafted; null for callers who do not keep the catalogue." }),
  archivedAt: Instant.nullable(),
  version: z.int().meta({ description: "Counts every change to the path and its versions." }),
  createdAt: Instant,
  updatedAt: Instant,
});

const exampleSteps: z.input<typeof PathStep>[] = [
  {
    key: "read",
    section: "Basics",
    title: "Read about containers",
    resourceId: "0193d5a0-6c00-7a31-9d4e-dddddddddddd",
    mode: "formal",
    estimatedMinutes: 600,
    required: true,
    weight: 1,
    otherPrerequisites: [],
    prerequisites: [],
  },
  {
    key: "first-deploy",
    section: "Practice",
    title: "Deploy a service yourself",
    resourceId: null,
    mode: "on-the-job",
    estimatedMinutes: 1_200,
    required: true,
    weight: 3,
    otherPrerequisites: ["Access to the cluster"],
    prerequisites: ["read"],
  },
];

const exampleContent = {
  title: "From notebook to production",
  purpose: "An analyst can run what an analyst builds",
  skills: ["docker", "kubernetes"],
};
const exampleShape = {
  plannedMinutes: { onTheJob: 1_200, social: 0, formal: 600, unclassified: 0, total: 1_800 },
  criticalPath: { minutes: 1_800, steps: ["read", "first-deploy"] },
  steps: exampleSteps,
};
const exampleSummary = {
  id: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
  ...exampleContent,
  number: 2,
  publishedVersion: 2,
  draftVersion: null,
  archivedAt: null,
  version: 5,
  createdAt: "2026-03-02T08:00:00.000Z",
  updatedAt: "2026-03-02T08:00:00.000Z",
};

export const PathSummary = Summary.meta({ id: "PathSummary", description: "A path without its steps.", examples: [exampleSummary] });
export type PathSummary = z.infer<typeof PathSummary>;

export const Path = Summary.extend({
  ...shape,
  versions: z.array(z.object({ number: z.int(), publishedAt: Instant.nullable() })).meta({ description: "The newest first; a draft has no publishedAt." }),
}).meta({
  id: "Path",
  description: "A reusable, ordered set of steps with prerequisites, published in versions.",
  examples: [
    {
      ...exampleSummary,
      ...exampleShape,
      versions: [
        { number: 2, publishedAt: "2026-03-02T08:00:00.000Z" },
        { number: 1, publishedAt: "2026-01-12T08:00:00.000Z" },
      ],
    },
  ],
});
export type Path = z.infer<typeof Path>;

export const PathVersion = z
  .object({
    pathId: Id,
    number: z.int(),
    ...content,
    publishedAt: Instant.nullable().meta({ description: "null: a draft. A published version never changes." }),
    version: z.int().meta({ description: "The path's: counts every change to it and its versions." }),
    createdAt: Instant,
    ...shape,
  })
  .meta({
    id: "PathVersion",
    description: "One edition of a path.",
    examples: [
      {
        pathId: exampleSummary.id,
        number: 2,
        ...exampleContent,
        publishedAt: "2026-03-02T08:00:00.000Z",
        version: 5,
        createdAt: "2026-03-02T08:00:00.000Z",
        ...exampleShape,
      },
    ],
  });
export type PathVersion = z.infer<typeof PathVersion>;

export const PathCreate = z
  .strictObject({
    id: Id.optional(),
    title: content.title,
    purpose: content.purpose.optional(),
    skills: Skills.optional(),
    steps: listOf(PathStepCreate, MOST_STEPS, `Must be at most ${MOST_STEPS} steps.`).optional(),
  })
  .meta({
    id: "PathCreate",
    examples: [{ title: "From notebook to production", steps: [{ key: "read", title: "Read about containers", mode: "formal", estimatedMinutes: 600 }] }],
  });
export type PathCreate = z.infer<typeof PathCreate>;

export const PathVersionUpdate = PathCreate.omit({ id: true })
  .partial()
  .meta({
    id: "PathVersionUpdate",
    description: "`steps` replaces all steps.",
    examples: [{ purpose: "An analyst can run what an analyst builds" }],
  });
export type PathVersionUpdate = z.infer<typeof PathVersionUpdate>;

export const PathPage = pageOf(PathSummary);
export const PathList = z.strictObject({
  q: text(100).optional().meta({ description: "Words that all stand in the title or the purpose." }),
  skill: Skill.optional(),
  archived: Flag.optional().meta({ description: "`true`: only archived ones; otherwise only the others." }),
  ...pageQuery,
});
export type PathList = z.infer<typeof PathList>;
