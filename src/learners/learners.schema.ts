import { z } from "zod";
import { pageOf, pageQuery } from "../http/paging";
import { Id, Instant, identifier, TimeZone, text } from "../http/schema";
import { Target, TargetChange } from "../mix";

export const Learner = z
  .object({
    id: Id,
    name: text(200),
    email: z.email().max(254).toLowerCase().nullable(),
    externalId: text(200)
      .nullable()
      .meta({ description: "The person's id in the system that the directory comes from. It is not who they are at the identity provider." }),
    timeZone: TimeZone.meta({ description: "Decides on which calendar day a session falls." }),
    target: Target,
    version: z.int(),
    createdAt: Instant,
    updatedAt: Instant,
  })
  .meta({
    id: "Learner",
    description: "A person who learns; may lead teams and may mentor.",
    examples: [
      {
        id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        name: "Tomas Lind",
        email: "tomas.lind@example.com",
        externalId: "hr-1042",
        timeZone: "Europe/Stockholm",
        target: null,
        version: 1,
        createdAt: "2026-03-02T08:00:00.000Z",
        updatedAt: "2026-03-02T08:00:00.000Z",
      },
    ],
  });
export type Learner = z.infer<typeof Learner>;

export const LearnerCreate = Learner.pick({ id: true, name: true, email: true, externalId: true, timeZone: true, target: true })
  .partial({ id: true, email: true, externalId: true, timeZone: true, target: true })
  .strict()
  .meta({ id: "LearnerCreate", examples: [{ name: "Ada Example", email: "ada.example@example.com", timeZone: "Europe/Berlin" }] });
export type LearnerCreate = z.infer<typeof LearnerCreate>;

export const LearnerUpdate = LearnerCreate.omit({ id: true })
  .extend({ target: TargetChange })
  .partial()
  .meta({ id: "LearnerUpdate", examples: [{ timeZone: "Europe/Lisbon", target: { onTheJob: 60, social: 25, formal: 15 } }] });
export type LearnerUpdate = z.infer<typeof LearnerUpdate>;

export const LearnerPage = pageOf(Learner);
export const LearnerList = z.strictObject({
  q: text(100).optional().meta({ description: "Words that all stand in the name or the e-mail address." }),
  email: z.email().toLowerCase().optional(),
  externalId: text(200).optional(),
  ...pageQuery,
});
export type LearnerList = z.infer<typeof LearnerList>;

export const SignIn = z
  .object({
    learnerId: Id,
    subject: identifier(200).nullable().meta({ description: "Who the person is at the identity provider; null: nobody signs in by token as them yet." }),
    signInOpen: z.boolean().meta({
      description:
        "Whether a first sign-in may be bound by the learner's e-mail address or externalId. A program that changes one of them closes it; an admin who sends one of them opens it.",
    }),
    tokensFrom: Instant.nullable().meta({ description: "Tokens that were issued before this sign nobody in." }),
  })
  .meta({
    id: "SignIn",
    description: "How a learner signs in by the identity provider.",
    examples: [{ learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", subject: "248289761001", signInOpen: true, tokensFrom: null }],
  });
export type SignIn = z.infer<typeof SignIn>;

export const SignInUpdate = z.strictObject({ subject: identifier(200) }).meta({ id: "SignInUpdate", examples: [{ subject: "248289761001" }] });
export type SignInUpdate = z.infer<typeof SignInUpdate>;
