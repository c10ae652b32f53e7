import { z } from "zod";
import { Mode, ResourceType } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { Flag, Id, Instant, kebabEnum, LearnerId, paragraphs, Skill, Skills, text, WebAddress } from "../http/schema";

export const Resource = z
  .object({
    id: Id,
    type: z.enum(ResourceType),
    title: text(300),
    creator: text(200).nullable().meta({ description: "Author, publisher, school or provider." }),
    url: WebAddress.nullable(),
    description: paragraphs(5_000).nullable(),
    mode: kebabEnum(Mode).nullable().meta({ description: "Overrides the mode that the type gives." }),
    effectiveMode: kebabEnum(Mode).nullable().meta({ description: "`mode`, or the type's; null for `other` without one." }),
    skills: Skills,
    estimatedMinutes: z.int().min(1).max(10_000_000).nullable(),
    learnerId: Id.nullable().meta({ description: "The learner here who is this mentor or coach." }),
    capacityMinutesPerWeek: z
      .int()
      .min(1)
      .max(1_000_000)
      .nullable()
      .meta({ description: "How much it, or they, can give to everybody together, such as a mentor's hours. The growth report holds the load against it." }),
    archivedAt: Instant.nullable(),
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Resource",
    description: "What one learns from. Its type gives its mode by default.",
    examples: [
      {
        id: "0193d5a0-6c00-7a31-9d4e-dddddddddddd",
        type: "book",
        title: "Kubernetes from first principles",
        creator: "A publisher",
        url: null,
        description: null,
        mode: null,
        effectiveMode: "formal",
        skills: ["kubernetes"],
        estimatedMinutes: 1200,
        learnerId: null,
        capacityMinutesPerWeek: null,
        archivedAt: null,
        version: 1,
        createdAt: "2026-03-02T08:00:00.000Z",
        updatedAt: "2026-03-02T08:00:00.000Z",
      },
    ],
  });
export type Resource = z.infer<typeof Resource>;

export const ResourceCreate = Resource.omit({ effectiveMode: true, archivedAt: true, version: true, createdAt: true, updatedAt: true })
  .extend({ learnerId: LearnerId.nullable().meta({ description: "The learner here who is this mentor or coach." }) })
  .partial()
  .required({ type: true, title: true })
  .strict()
  .meta({ id: "ResourceCreate", examples: [{ type: "book", title: "Kubernetes from first principles", skills: ["kubernetes"] }] });
export type ResourceCreate = z.infer<typeof ResourceCreate>;

export const ResourceUpdate = ResourceCreate.omit({ id: true })
  .partial()
  .meta({ id: "ResourceUpdate", examples: [{ estimatedMinutes: 900 }] });
export type ResourceUpdate = z.infer<typeof ResourceUpdate>;

export const ResourcePage = pageOf(Resource);
export const ResourceList = z.strictObject({
  q: text(100).optional().meta({ description: "Words that all stand in the title, the creator or the description." }),
  type: z.enum(ResourceType).optional(),
  mode: kebabEnum(Mode).optional().meta({ description: "The effective mode." }),
  skill: Skill.optional(),
  learner: LearnerId.optional().meta({ description: "The learner here who is this mentor or coach." }),
  archived: Flag.optional().meta({ description: "`true`: only archived ones; otherwise only the others." }),
  ...pageQuery,
});
export type ResourceList = z.infer<typeof ResourceList>;
