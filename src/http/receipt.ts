import type { FastifyReply } from "fastify";
import { z } from "zod";
import { Id } from "./schema";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set on a write whose answer is cut to a receipt for callers who may not read what it shows. */
    receipt?: boolean;
  }
}

/** What a caller who may write something, but not read it, is told of a write. */
export const WriteReceipt = z
  .object({
    learnerId: Id.nullable().meta({ description: "Whose it is; null: nobody's." }),
    id: Id.nullable().meta({ description: "null: it has no id of its own, such as a timer." }),
    version: z.int().nullable().meta({ description: "null: it has none." }),
    links: z.object({ self: z.string().meta({ description: "Where it can be read, by callers who may." }) }),
  })
  .meta({
    id: "WriteReceipt",
    description: "The answer to a write for a caller who may not read what was written: that it was done, and where it is.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        id: "0193d5a0-6c00-7a31-9d4e-ffffffffffff",
        version: 1,
        links: { self: "/v1/learners/0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e/study-sessions/0193d5a0-6c00-7a31-9d4e-ffffffffffff" },
      },
    ],
  });
export type WriteReceipt = z.infer<typeof WriteReceipt>;

/**
 * Cuts an answer to a receipt.
 *
 * @param url the pattern of the address where the answer can be read
 */
export function receiptOf(reply: FastifyReply, answer: object, url: string, params: Record<string, string>): WriteReceipt {
  const { learnerId = params.learnerId ?? null, id = null, version = null } = answer as Partial<Omit<WriteReceipt, "links">>;
  // The schema of the response is that of the whole answer.
  reply.serializer((receipt) => JSON.stringify(receipt));
  return { learnerId, id, version, links: { self: url.replace(/:(\w+)/g, (_, name) => params[name] ?? String(id)) } };
}

const unions = new WeakMap<z.ZodType, z.ZodType>();

/** The schema of an answer that may be cut, for the API's description. */
export function orReceipt(answer: z.ZodType): z.ZodType {
  const known = unions.get(answer);
  if (known) return known;
  const { id, examples } = z.globalRegistry.get(answer) ?? {};
  const union = z
    .union([answer, WriteReceipt])
    .meta({ id: `${id}OrReceipt`, description: "A receipt for callers who may write this, but not read it.", examples });
  unions.set(answer, union);
  return union;
}
