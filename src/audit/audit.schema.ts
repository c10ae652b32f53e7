import { z } from "zod";
import { ApiKeyRole, AuditAction } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { DayText, Id, Instant, LearnerId } from "../http/schema";

export const AuditEvent = z
  .object({
    at: Instant,
    id: Id,
    requestId: Id.meta({ description: "As `X-Request-Id` and the log have it." }),
    action: z.enum(AuditAction),
    role: z
      .enum(ApiKeyRole)
      .nullable()
      .meta({ description: "The caller's; null: whoever runs the service, by a command or at its start, or somebody who is not signed in." }),
    keyId: Id.nullable().meta({ description: "The API key that called; null: a token of the identity provider's." }),
    personId: Id.nullable().meta({ description: "The learner who called; null: a key that is nobody's." }),
    operation: z.string().meta({ description: "The operation's id in this description." }),
    target: z.string().meta({ description: "The address, without what stood after `?`." }),
    fields: z.array(z.string()).meta({ description: "The fields that a merge patch named. Values are not kept." }),
    learnerIds: z.array(Id).meta({
      description:
        "Whose data was read, changed or asked for; and whom a change concerns otherwise, before it or after: leads, reviewers, mentors. At most 1,000.",
    }),
    itemIds: z.array(Id).meta({ description: "What was made; or the teams that a move or a new lead concerns, at most 1,000." }),
    unnamed: z.int().meta({ description: "How many people a change concerns beyond those in `learnerIds`: look at who was in the teams then." }),
    times: z.int().meta({ description: "How many refusals the event stands for: beyond 300 of one caller in an hour they are counted." }),
    reason: z.string().nullable().meta({ description: "Of a change with the header `Change-Reason`: why." }),
  })
  .meta({
    id: "AuditEvent",
    description: "One request that changed something, that read what is somebody else's, or that was refused.",
    examples: [
      {
        at: "2026-11-23T09:30:00.000Z",
        id: "0193d5a0-6c00-7a31-9d4e-dddddddddddd",
        requestId: "0193d5a0-6c00-7a31-9d4e-cccccccccccc",
        action: "read",
        role: "learner",
        keyId: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
        personId: "0193d5a0-6c00-7a31-9d4e-ffffffffffff",
        operation: "listGoals",
        target: "/v1/learners/0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e/goals",
        fields: [],
        learnerIds: ["0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e"],
        itemIds: [],
        unnamed: 0,
        times: 1,
        reason: null,
      },
    ],
  });
export type AuditEvent = z.infer<typeof AuditEvent>;

export const AuditEventPage = pageOf(AuditEvent);
export const AuditEventList = z.strictObject({
  learner: LearnerId.optional().meta({ description: "Only what was read or changed of this learner." }),
  person: LearnerId.optional().meta({ description: "Only what this learner did." }),
  key: Id.optional().meta({ description: "Only what was done with this API key." }),
  action: z.enum(AuditAction).optional().meta({ description: "`refused`: what a known caller asked for and may not have." }),
  operation: z
    .string()
    .regex(/^\w{1,60}$/, "Must be an operation's id.")
    .optional(),
  request: Id.optional(),
  from: DayText.optional().meta({ description: "The first day, in UTC." }),
  to: DayText.optional().meta({ description: "The first day after." }),
  ...pageQuery,
});
export type AuditEventList = z.infer<typeof AuditEventList>;
