import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { type Db, inTransaction } from "../database/transaction";
import { digest, type TellsNull, withoutNulls } from "../digest";
import { AppError, learnerErased, type ProblemCode } from "../errors";
import type { Prisma } from "../generated/prisma/client";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Set on a POST that creates, where leaving a field out is not the same as null. */
    tellsNull?: TellsNull;
  }
}

const KEPT_HOURS = 24;
const SWEPT = 100;

/** The header of every POST that creates. */
export const IdempotencyHeaders = z.looseObject({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/, "Must be 1 to 128 printable characters without spaces.")
    .optional()
    .meta({
      description: `A key of your choice for this one creation, such as a UUID. The same request sent again within ${KEPT_HOURS} hours gets the first answer again.`,
    }),
});

/** The refusals that the key brings with it. */
export const KEY_REFUSALS = ["idempotency-key-reused", "idempotency-key-in-flight"] as const satisfies ProblemCode[];

export type Answer<T> = { status: number; body: T; location?: string };
/**
 * A POST under way, and whose key it carries: of a person, whichever API key they call with.
 * `callerId` is the API key's, under which the version before kept answers.
 */
export type Posted = { request: FastifyRequest; reply: FastifyReply; db: Db; ownerId: string; callerId: string };

/**
 * Answers a POST that creates. With an `Idempotency-Key`, the answer is stored in the
 * transaction of the write itself, so that there is never one without the other.
 *
 * @param keep what of the answer may be stored; a secret must not
 * @throws AppError when the key came with another request before, or with this one right now
 */
export async function answerOnce<T extends object>(
  { request, reply, db, ownerId, callerId }: Posted,
  work: (db: Db) => Promise<Answer<T>>,
  keep: (body: T) => object = (body) => body,
): Promise<T> {
  const key = request.headers["idempotency-key"];
  if (typeof key !== "string") return send(reply, await work(db));

  const owner = { callerId: ownerId, key };
  const digestOf = (body: unknown) => digest([request.method, request.url, body]);
  const bodyDigest = digestOf(withoutNulls(request.body, request.routeOptions.config.tellsNull));
  return inTransaction(db, async (tx) => {
    await claim(tx, owner, callerId);
    const known = await tx.idempotencyKey.findFirst({ where: { callerId: { in: [ownerId, callerId] }, key: { in: [key, keyAfterErasure(key)] } } });
    if (known) {
      // The version before digested a body as it was sent.
      if (![bodyDigest, digestOf(request.body)].some((each) => each.equals(known.bodyDigest))) {
        throw new AppError("idempotency-key-reused", "Choose a new Idempotency-Key for a new request; this one belongs to another.");
      }
      if (known.body === null) throw learnerErased();
      // The stored answer is already what the serializer made of it.
      reply
        .serializer((body) => JSON.stringify(body))
        .header("Content-Type", "application/json; charset=utf-8")
        .header("Idempotency-Replayed", "true");
      return send(reply, { status: known.status, body: known.body as T, ...(known.headers as { location?: string }) });
    }
    const answer = await work(tx);
    const headers = answer.location ? { location: answer.location } : {};
    const body = JSON.parse(reply.serializeInput({ ...keep(answer.body) }, String(answer.status)) as string);
    await tx.idempotencyKey.create({ data: { ...owner, bodyDigest, status: answer.status, headers, body } });
    return send(reply, answer);
  });
}

/** The key of an answer that an erasure took away: it may have held words, too. */
function keyAfterErasure(key: string): string {
  return `erased-${hash("sha256", key)}`;
}

/** Makes this request the only one under way with its key, and forgets expired ones. */
async function claim(tx: Prisma.TransactionClient, { callerId: ownerId, key }: { callerId: string; key: string }, callerId: string): Promise<void> {
  const [claimed] = await tx.$queryRaw<{ free: boolean }[]>`
    SELECT pg_try_advisory_xact_lock(hashtextextended(${`${ownerId} ${key}`}, 0)) AS free`;
  if (!claimed?.free) {
    throw new AppError("idempotency-key-in-flight", "Wait for the first request with this Idempotency-Key, then send this one again to get its answer.");
  }
  const expired = new Date(Date.now() - KEPT_HOURS * 3_600_000);
  // This one, and a few of anybody's, so that none stays for long.
  await tx.$executeRaw`
    DELETE FROM idempotency_keys WHERE created_at < ${expired} AND ((caller_id IN (${ownerId}::uuid, ${callerId}::uuid) AND key = ${key}) OR (caller_id, key) IN (
      SELECT caller_id, key FROM idempotency_keys WHERE created_at < ${expired} ORDER BY created_at LIMIT ${SWEPT} FOR UPDATE SKIP LOCKED))`;
}

/** Takes a text out of the answers that are kept for what was created under an id. */
export async function forgetInAnswers(tx: Db, learnerId: string, id: string, field: "note"): Promise<void> {
  await tx.$executeRaw`
    UPDATE idempotency_keys SET body = (body::jsonb || jsonb_build_object(${field}::text, NULL))::json
    WHERE body ->> 'id' = ${id} AND body ->> ${field}::text IS NOT NULL
      AND body ->> 'learnerId' IN (SELECT ${learnerId} UNION ALL SELECT id::text FROM learners WHERE merged_into_id = ${learnerId}::uuid)`;
}

function send<T>(reply: FastifyReply, { status, body, location }: Answer<T>): T {
  reply.status(status);
  if (location) reply.header("Location", location);
  return body;
}
