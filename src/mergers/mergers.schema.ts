import { z } from "zod";
import { DayText, Id } from "../http/schema";

export const MergerQuery = z.strictObject({ survivorId: Id.meta({ description: "The record that stays." }) });
export const LearnerMerge = z
  .strictObject({ survivorId: Id.meta({ description: "The record that stays." }) })
  .meta({ id: "LearnerMerge", examples: [{ survivorId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e" }] });

const CONFLICTS = ["both-sign-in", "two-timers", "session-ids", "full-days", "closed-months", "reviewed-each-other"] as const;
const counts = z.record(z.string(), z.int());

export const Merger = z
  .object({
    learnerId: Id.meta({ description: "The record that is merged." }),
    survivorId: Id,
    moved: counts.meta({ description: "Rows that become the survivor's, by what they are." }),
    referring: counts.meta({ description: "Rows of others that name the merged record, and then the survivor: teams led, mentors, reviewers." }),
    takenOver: z
      .array(z.enum(["email", "externalId", "subject", "target"]))
      .meta({ description: "What the survivor did not have and the merged record had. Of what both have, the survivor's stays." }),
    dropped: z
      .object({
        membershipDays: z.int().meta({ description: "Days, up to today, on which the survivor was in a team, too: that one's stay." }),
        memberships: z
          .array(z.object({ teamId: Id, fromDay: DayText, untilDay: DayText.nullable() }))
          .meta({ description: "The stays, or parts of stays, that go with them." }),
        sessions: z
          .int()
          .meta({ description: "Sessions that the survivor has under the same id: the same once more, or one that was deleted under one of the two." }),
        invitations: z.int().meta({ description: "Invitations that wait: they end. Invite the survivor, if needed." }),
      })
      .meta({ description: "What goes, because it is there twice." }),
    renamed: z
      .int()
      .meta({ description: "Goals, steps, evidence, reviews, terms and stays whose id the survivor has used for another one: they get a new id." }),
    ownMentor: z
      .int()
      .meta({ description: "Sessions of one that were spent with the other as the mentor: they stay, with no mentor and no mentor's confirmation." }),
    conflicts: z
      .array(
        z.object({
          kind: z.enum(CONFLICTS),
          count: z.int(),
          detail: z.string().meta({ description: "What is wrong, and what to do about it." }),
          named: z.array(z.string()).meta({ description: "The sessions, days or reviews; the first twenty." }),
        }),
      )
      .meta({ description: "What stands in the way. With any, the merger is refused with `merger-conflict`." }),
  })
  .meta({
    id: "Merger",
    description: "What merging one record of a person into another does.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
        survivorId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        moved: { StudySession: 14, Goal: 1, Step: 3, Membership: 1 },
        referring: { Team: 1 },
        takenOver: ["subject"],
        dropped: {
          membershipDays: 31,
          memberships: [{ teamId: "0193d5a0-6c00-7a31-9d4e-bbbbbbbbbbbb", fromDay: "2026-03-02", untilDay: "2026-04-02" }],
          sessions: 0,
          invitations: 0,
        },
        renamed: 0,
        ownMentor: 0,
        conflicts: [],
      },
    ],
  });
export type Merger = z.infer<typeof Merger>;
