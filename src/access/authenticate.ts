import type { FastifyRequest } from "fastify";
import { findCaller } from "../api-keys/api-keys.service";
import { isMistyped } from "../api-keys/secret";
import type { Context } from "../context";
import { dayIn } from "../days";
import { AppError } from "../errors";

const HOW = "Send the header Authorization: Bearer <API key>.";

/**
 * Turns the request's key into its scope.
 *
 * @throws AppError saying what is wrong with the key, as far as its holder can know
 */
export function authenticate({ db, config, clock }: Pick<Context, "db" | "config" | "clock">) {
  return async (request: FastifyRequest): Promise<void> => {
    const header = request.headers.authorization;
    if (!header) throw new AppError("unauthenticated", HOW);
    const secret = /^Bearer +([\x21-\x7e]{1,200})$/i.exec(header)?.[1];
    if (!secret) throw new AppError("unauthenticated", `The Authorization header has another form. ${HOW}`);
    if (isMistyped(secret)) throw new AppError("unauthenticated", "The API key is mistyped or cut short: its checksum does not fit. Copy it again.");
    const caller = await findCaller(db, secret);
    if (!caller) throw new AppError("unauthenticated", "The API key is not known here, or was revoked. Ask for a new one.");
    request.scope = { caller, today: dayIn(clock(), config.TIME_ZONE) };
  };
}
