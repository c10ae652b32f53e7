import { z } from "zod";
import { ApiKey } from "../api-keys/api-keys.schema";
import { Id, Instant } from "../http/schema";

const LONGEST_DAYS = 30;

const example = {
  id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
  learnerId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
  createdAt: "2026-11-23T09:30:00.000Z",
  expiresAt: "2026-11-30T09:30:00.000Z",
  redeemedAt: null,
  apiKeyId: null,
  secondAttemptAt: null,
};

export const Invitation = z
  .object({
    id: Id,
    learnerId: Id,
    createdAt: Instant,
    expiresAt: Instant,
    redeemedAt: Instant.nullable(),
    apiKeyId: Id.nullable().meta({ description: "The key that it was redeemed for." }),
    secondAttemptAt: Instant.nullable().meta({
      description: "When somebody first tried to redeem it again: one of the two may not have been the person. Delete the invitation to revoke its key.",
    }),
  })
  .meta({ id: "Invitation", description: "A way for one person to their first key, once.", examples: [example] });
export type Invitation = z.infer<typeof Invitation>;

export const InvitationCreate = z
  .strictObject({
    validDays: z.int().min(1).max(LONGEST_DAYS).optional().meta({ description: "After how many days it expires; 7 unless told." }),
  })
  .meta({ id: "InvitationCreate", examples: [{ validDays: 3 }] });
export type InvitationCreate = z.infer<typeof InvitationCreate>;

export const InvitationWithSecret = Invitation.extend({
  secret: z.string().nullable().meta({ description: "What redeems it, shown this once; null when the answer is repeated for an Idempotency-Key." }),
}).meta({ id: "InvitationWithSecret", examples: [{ ...example, secret: "cairn_3f9a01c2…" }] });
export type InvitationWithSecret = z.infer<typeof InvitationWithSecret>;

export const InvitationList = z.object({ items: z.array(Invitation) }).meta({ id: "InvitationList" });

export const Redemption = z
  .strictObject({
    secret: z.string().regex(/^[\x21-\x7e]{1,200}$/, "Must be the secret of an invitation."),
    name: ApiKey.shape.name.optional().meta({ description: "What to call the key." }),
  })
  .meta({ id: "Redemption", examples: [{ secret: "cairn_3f9a01c2d4e5f607", name: "Laptop" }] });
export type Redemption = z.infer<typeof Redemption>;
