import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../errors";

/** The header of every change of an entity. */
export const IfMatchHeaders = z.looseObject({
  "if-match": z.string().optional().meta({ description: "The ETag that was read: change only if nothing changed since." }),
});

/** The same where somebody vouches for what another may change meanwhile. */
export const RequiredIfMatchHeaders = z.looseObject({
  "if-match": z
    .string()
    .optional()
    .meta({ description: "Required: the ETag that was read, or the version in a list as an ETag. Without it, or with *, the answer is 428." }),
});

/** Whether `If-Match` was sent to a route that heeds it. */
export function asksForVersion({ headers, routeOptions }: FastifyRequest): boolean {
  const heeded = routeOptions.schema?.headers;
  return headers["if-match"] !== undefined && heeded instanceof z.ZodObject && "if-match" in heeded.shape;
}

/** The header of every GET of an entity; representations.ts heeds it. */
export const IfNoneMatchHeaders = z.looseObject({
  "if-none-match": z.string().optional().meta({ description: "The ETag that is known: while it holds, the answer is 304 without a body." }),
});

/** A filter on `version` for an update: what `If-Match` asks for, or nothing. */
export type IfVersion = { version?: number };

/**
 * Reads `If-Match`. No row of another version matches the filter, and an update that finds
 * no row under an `If-Match` is answered with 412.
 *
 * @throws AppError when it is not one strong ETag of this API: no version can match it
 */
export function ifVersion(request: FastifyRequest): IfVersion {
  const header = request.headers["if-match"];
  if (header === undefined || header === "*") return {};
  // What follows the hyphen tells answers apart, not what is stored.
  const version = /^"(\d{1,9})(?:-[\w-]+)?"$/.exec(header)?.[1];
  if (version) return { version: Number(version) };
  throw new AppError("version-mismatch", 'If-Match takes one ETag as it was answered, such as "3", or * for any.');
}

/**
 * Reads an `If-Match` that has to name a version.
 *
 * @param how how to learn it, for the refusal
 * @throws AppError when it is missing, or is `*`, which any version matches
 */
export function requiredVersion(request: FastifyRequest, how: string): IfVersion {
  const header = request.headers["if-match"];
  if (header === undefined || header === "*") throw new AppError("precondition-required", how);
  return ifVersion(request);
}
