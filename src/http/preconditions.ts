import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../errors";

/** The header of every change of an entity. */
export const IfMatchHeaders = z.looseObject({
  "if-match": z.string().optional().meta({ description: "The ETag that was read: change only if nothing changed since." }),
});

/** Whether `If-Match` was sent to a route that heeds it. */
export function asksForVersion({ headers, routeOptions }: FastifyRequest): boolean {
  return headers["if-match"] !== undefined && routeOptions.schema?.headers === IfMatchHeaders;
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
