import { z } from "zod";
import { pageOf, pageQuery } from "../http/paging";
import { Id, Instant, prose, text, WebAddress } from "../http/schema";

export const Evidence = z
  .object({
    learnerId: Id,
    goalId: Id,
    id: Id,
    stepId: Id.nullable().meta({ description: "The step that it is of; null: of the goal as a whole." }),
    title: text(300),
    url: WebAddress.nullable(),
    text: prose(20_000).nullable(),
    shared: z
      .boolean()
      .meta({ description: "Whether those who may see the goal may see this. Otherwise it is the learner's alone, and others may only write what is shared." }),
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Evidence",
    description: "A link or words that show what was learned.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        goalId: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
        id: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb",
        stepId: null,
        title: "The service's runbook",
        url: "https://example.com/runbook",
        text: null,
        shared: true,
        version: 1,
        createdAt: "2026-06-12T08:00:00.000Z",
        updatedAt: "2026-06-12T08:00:00.000Z",
      },
    ],
  });
export type Evidence = z.infer<typeof Evidence>;

export const EvidenceCreate = Evidence.pick({ id: true, stepId: true, title: true, url: true, text: true, shared: true })
  .partial()
  .required({ title: true })
  .strict()
  .meta({ id: "EvidenceCreate", examples: [{ title: "The service's runbook", url: "https://example.com/runbook", shared: true }] });
export type EvidenceCreate = z.infer<typeof EvidenceCreate>;

export const EvidenceUpdate = EvidenceCreate.omit({ id: true })
  .partial()
  .meta({ id: "EvidenceUpdate", examples: [{ shared: true }] });
export type EvidenceUpdate = z.infer<typeof EvidenceUpdate>;

export const EvidencePage = pageOf(Evidence);
export const EvidenceList = z.strictObject({ step: Id.optional(), ...pageQuery });
export type EvidenceList = z.infer<typeof EvidenceList>;
