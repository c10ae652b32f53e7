import { z } from "zod";
import { pageOf, pageQuery } from "../http/paging";
import { CalendarDay, Flag, Id, Instant, prose, text } from "../http/schema";
import { Depth } from "../teams/teams.schema";

export const Term = z
  .object({
    learnerId: Id,
    goalId: Id,
    id: Id,
    term: text(120),
    meaning: prose(5_000).nullable().meta({ description: "In the learner's own words." }),
    resourceId: Id.nullable().meta({ description: "Where it was met." }),
    learnedOn: CalendarDay.nullable().meta({ description: "null: met, and not yet known." }),
    shared: z.boolean().meta({
      description:
        "Whether it stands in the team's glossary and those who may see the goal may see it. Otherwise it is the learner's alone, and others may only write what is shared.",
    }),
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Term",
    description: "A word of the field that a learner keeps under a goal.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        goalId: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
        id: "0193d5a0-6c00-7a31-9d4e-abababababab",
        term: "control plane",
        meaning: "The part that decides what should run where, and keeps it so",
        resourceId: "0193d5a0-6c00-7a31-9d4e-dddddddddddd",
        learnedOn: "2026-04-14",
        shared: true,
        version: 1,
        createdAt: "2026-04-14T08:00:00.000Z",
        updatedAt: "2026-04-14T08:00:00.000Z",
      },
    ],
  });
export type Term = z.infer<typeof Term>;

export const TermCreate = Term.pick({ id: true, term: true, meaning: true, resourceId: true, learnedOn: true, shared: true })
  .partial()
  .required({ term: true })
  .strict()
  .meta({
    id: "TermCreate",
    examples: [{ term: "control plane", meaning: "The part that decides what should run where, and keeps it so", shared: true }],
  });
export type TermCreate = z.infer<typeof TermCreate>;

export const TermUpdate = TermCreate.omit({ id: true })
  .partial()
  .meta({ id: "TermUpdate", examples: [{ learnedOn: "2026-04-14" }] });
export type TermUpdate = z.infer<typeof TermUpdate>;

export const TermPage = pageOf(Term);
export const TermList = z.strictObject({
  q: text(100).optional().meta({ description: "Words that all stand in the term or its meaning." }),
  goal: Id.optional(),
  resource: Id.optional(),
  learned: Flag.optional().meta({ description: "`true`: only those with a day on which they were learned; `false`: only the others." }),
  ...pageQuery,
});
export type TermList = z.infer<typeof TermList>;

export const GlossaryEntry = z
  .object({
    id: z.guid().meta({ description: "Of the term, in whatever case it is written." }),
    term: z.string().meta({ description: "As most write it." }),
    learners: z.int().meta({ description: "How many people share the term." }),
    knownBy: z.int().meta({ description: "Of those, how many have learned it." }),
    meanings: z.array(z.string()).meta({ description: "The latest shared meanings, in people's own words; five at most." }),
  })
  .meta({
    id: "GlossaryEntry",
    examples: [
      {
        id: "6a5d8b54-9e5c-3d0e-8a0b-5f2a0c1b7d3e",
        term: "etcd",
        learners: 3,
        knownBy: 2,
        meanings: ["Where the cluster keeps what it knows, and the first thing to back up"],
      },
    ],
  });
export type GlossaryEntry = z.infer<typeof GlossaryEntry>;

export const GlossaryPage = pageOf(GlossaryEntry);
export const GlossaryList = z.strictObject({
  q: text(100).optional().meta({ description: "Words that all stand in the term or a shared meaning of it." }),
  depth: Depth.optional(),
  ...pageQuery,
});
export type GlossaryList = z.infer<typeof GlossaryList>;
