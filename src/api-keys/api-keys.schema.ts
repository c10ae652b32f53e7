import { z } from "zod";
import { ApiKeyRole } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { Id, Instant, text } from "../http/schema";

const example = {
  id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
  name: "Team dashboard",
  role: "service",
  learnerId: null,
  prefix: "cairn_3f9a01c2",
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
    prefix: z.string().meta({ description: "The first characters of the key, to recognise it by." }),
    createdAt: Instant,
    revokedAt: Instant.nullable(),
  })
  .meta({ id: "ApiKey", description: "A key without its secret.", examples: [example] });
export type ApiKey = z.infer<typeof ApiKey>;

export const ApiKeyCreate = ApiKey.pick({ name: true, role: true, learnerId: true })
  .partial({ learnerId: true })
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

export const ApiKeyPage = pageOf(ApiKey);
export const ApiKeyList = z.strictObject(pageQuery);
export type ApiKeyList = z.infer<typeof ApiKeyList>;
