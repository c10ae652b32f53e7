import { z } from "zod";
import { KEY_SCOPES } from "../access/scope";
import { ApiKeyRole } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { CalendarDay, Id, Instant, LearnerId, listOf, text } from "../http/schema";

const example = {
  id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
  name: "Team dashboard",
  role: "service",
  learnerId: null,
  scopes: [...KEY_SCOPES],
  teamId: null,
  prefix: "cairn_3f9a01c2",
  expiresAt: null,
  actsFor: false,
  lastUsedOn: "2026-11-23",
  rotatedAt: null,
  createdAt: "2026-11-23T09:30:00.000Z",
  revokedAt: null,
};

export const ApiKey = z
  .object({
    id: Id,
    name: text(100),
    role: z.enum(ApiKeyRole).meta({
      description: "`learner`: one person's own. `service`: a program that keeps the directory, logs and reads reports. `admin`: that, and the keys.",
    }),
    learnerId: Id.nullable().meta({ description: "Whose key it is, for the role `learner`; null otherwise." }),
    scopes: listOf(z.enum(KEY_SCOPES).meta({ id: "KeyScope" }), KEY_SCOPES.length).meta({
      description: "What a service's key may do; all of it unless told. Empty for other keys.",
    }),
    teamId: Id.nullable().meta({ description: "The team to which a service's key is confined, with all below it; such a key does not keep the directory." }),
    prefix: z.string().meta({ description: "The first characters of the key, to recognise it by." }),
    expiresAt: Instant.nullable().meta({ description: "A key that a key makes expires no later than that one." }),
    actsFor: z.boolean().meta({
      description:
        "Whether somebody else than the learner made it. Such a key reads and writes what the learner may, but nothing private, and every read is recorded.",
    }),
    lastUsedOn: CalendarDay.nullable().meta({ description: "In UTC; by the day." }),
    rotatedAt: Instant.nullable().meta({ description: "When a key was made in its place. It is not rotated again." }),
    createdAt: Instant,
    revokedAt: Instant.nullable(),
  })
  .meta({ id: "ApiKey", description: "A key without its secret.", examples: [example] });
export type ApiKey = z.infer<typeof ApiKey>;

export const ApiKeyCreate = ApiKey.pick({ name: true, role: true, learnerId: true, scopes: true, teamId: true, expiresAt: true })
  .extend({ learnerId: LearnerId.nullable().meta({ description: "Whose key it is, for the role `learner`." }) })
  .partial({ learnerId: true, scopes: true, teamId: true, expiresAt: true })
  .strict()
  .meta({ id: "ApiKeyCreate", examples: [{ name: "Team dashboard", role: "service" }] });
export type ApiKeyCreate = z.infer<typeof ApiKeyCreate>;

export const ApiKeyWithSecret = ApiKey.extend({
  secret: z.string().nullable().meta({ description: "The key itself, shown this once; null when the answer is repeated for an Idempotency-Key." }),
}).meta({
  id: "ApiKeyWithSecret",
  examples: [{ ...example, secret: "cairn_3f9a01c2…" }],
});
export type ApiKeyWithSecret = z.infer<typeof ApiKeyWithSecret>;

export const ApiKeyRotate = z
  .strictObject({
    overlapMinutes: z.int().min(0).max(43_200).optional().meta({ description: "How long the present key still serves beside the new one; a day unless told." }),
  })
  .meta({ id: "ApiKeyRotate", examples: [{ overlapMinutes: 60 }] });
export type ApiKeyRotate = z.infer<typeof ApiKeyRotate>;

export const ApiKeyPage = pageOf(ApiKey);
export const ApiKeyList = z.strictObject(pageQuery);
export type ApiKeyList = z.infer<typeof ApiKeyList>;
