import { z } from "zod";
import { Verdict } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { Flag, Id, Instant, kebabEnum, prose } from "../http/schema";

export const Review = z
  .object({
    learnerId: Id,
    goalId: Id,
    id: Id,
    stepId: Id.nullable().meta({ description: "The step that is to be reviewed; null: the goal as a whole." }),
    stepTitle: z.string().nullable(),
    reviewerId: Id.nullable().meta({ description: "Who is asked, the goal's reviewer unless told; null: any lead above." }),
    reviewerName: z.string().nullable().meta({ description: "null also where the caller does not see the lead." }),
    question: prose(5_000).nullable(),
    askedAt: Instant,
    verdict: kebabEnum(Verdict).nullable(),
    comment: prose(5_000).nullable(),
    answeredById: Id.nullable(),
    answeredByName: z.string().nullable().meta({ description: "null also where the caller does not see the lead." }),
    answeredAt: Instant.nullable().meta({ description: "null: it waits." }),
    version: z.int(),
  })
  .meta({
    id: "Review",
    description: "What a learner asks a lead above to say of a goal or a step.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        goalId: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
        id: "0193d5a0-6c00-7a31-9d4e-acacacacacac",
        stepId: null,
        stepTitle: null,
        reviewerId: null,
        reviewerName: null,
        question: "Would you let me deploy without you?",
        askedAt: "2026-06-12T08:00:00.000Z",
        verdict: "endorsed",
        comment: "Yes, since the rollback in May",
        answeredById: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6f",
        answeredByName: "Tomas Lind",
        answeredAt: "2026-06-13T08:00:00.000Z",
        version: 2,
      },
    ],
  });
export type Review = z.infer<typeof Review>;

export const ReviewCreate = Review.pick({ id: true, stepId: true, reviewerId: true, question: true })
  .partial()
  .strict()
  .meta({ id: "ReviewCreate", examples: [{ question: "Would you let me deploy without you?" }] });
export type ReviewCreate = z.infer<typeof ReviewCreate>;

export const ReviewAnswer = z
  .strictObject({ verdict: kebabEnum(Verdict), comment: prose(5_000).nullable().optional() })
  .meta({ id: "ReviewAnswer", examples: [{ verdict: "endorsed", comment: "Yes, since the rollback in May" }] });
export type ReviewAnswer = z.infer<typeof ReviewAnswer>;

export const ReviewPage = pageOf(Review);
export const ReviewList = z.strictObject({
  waiting: Flag.optional().meta({ description: "`true`: only those that wait for an answer; `false`: only the others." }),
  ...pageQuery,
});
export type ReviewList = z.infer<typeof ReviewList>;
