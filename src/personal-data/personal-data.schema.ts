import { z } from "zod";
import { Flag, Id } from "../http/schema";

export const PersonalDataExport = z
  .object({
    learnerId: Id,
    exportedAt: z.iso.datetime(),
    records: z.record(z.string(), z.array(z.record(z.string(), z.unknown()))).meta({ description: "Rows by what they are, as they are stored." }),
  })
  .meta({
    id: "PersonalDataExport",
    description: "Everything that is kept of a person. Secrets and checksums are left out.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        exportedAt: "2026-11-23T09:30:00.000Z",
        records: { Learner: [{ id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", name: "Tomas Lind", timeZone: "Europe/Stockholm" }] },
      },
    ],
  });
export type PersonalDataExport = z.infer<typeof PersonalDataExport>;

export const ErasureQuery = z.strictObject({
  dryRun: Flag.optional().meta({ description: "`true`: only say what would go." }),
});

export const Erasure = z
  .object({
    learnerId: Id,
    dryRun: z.boolean(),
    erased: z.record(z.string(), z.int()).meta({ description: "Rows that go, by what they are." }),
    anonymised: z
      .record(z.string(), z.int())
      .meta({ description: "Rows that stay without anything that says whose they are, so that no report's totals change." }),
  })
  .meta({
    id: "Erasure",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        dryRun: true,
        erased: { Goal: 2, Step: 12, Evidence: 1, Review: 1, Term: 5, Timer: 0, ApiKey: 1, IdempotencyKey: 0 },
        anonymised: { Learner: 1, StudySession: 167, Resource: 0, Team: 0 },
      },
    ],
  });
export type Erasure = z.infer<typeof Erasure>;
