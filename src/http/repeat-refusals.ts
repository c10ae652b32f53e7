import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { FastifyRequest } from "fastify";
import { AppError } from "../errors";
import type { App } from "./app-type";

// On average: not all at the same moment.
const DELAY_MS = 1_000;
// More than these are refused without a delay. The memory of refusals is emptied at the second number.
const MAX_DELAYED = 2_000;
const MAX_REMEMBERED = 10_000;

type Refusal = { detail: string; until: number };

/**
 * Makes it cheap to refuse people who ignore `Retry-After`. A refusal for too many requests is
 * remembered until then. If the same key or token asks for the same kind of work earlier, the
 * refusal is repeated about a second later, without looking up who is calling and without reading the body.
 *
 * Register it before the hook that signs callers in.
 *
 * A program's refusals are not remembered: it acts for many people, and one of them must not silence it.
 *
 * @param kindOf names the kind of work that a request asks for
 * @param isPerson whether a person signed in; asked only when somebody did
 */
export function repeatRefusals(app: App, kindOf: (request: FastifyRequest) => string, isPerson: (request: FastifyRequest) => boolean): void {
  const refusals = new Map<string, Refusal>();
  let delayed = 0;

  app.addHook("onRequest", async (request) => {
    // Hardly ever is anything remembered: then the key is not digested for it.
    const name = refusals.size ? nameOf(request, kindOf) : undefined;
    const refusal = name && refusals.get(name);
    if (!refusal) return;
    const { detail, until } = refusal;
    const leftMs = until - performance.now();
    if (leftMs <= 0) {
      refusals.delete(name);
      return;
    }
    if (delayed < MAX_DELAYED) {
      delayed++;
      await wait(DELAY_MS * (0.5 + Math.random()));
      delayed--;
    }
    throw new AppError("too-many-requests", detail, [], Math.max(1, Math.ceil((until - performance.now()) / 1_000)));
  });

  app.addHook("onError", async (request, _reply, error) => {
    if (!(error instanceof AppError) || error.code !== "too-many-requests" || !error.retryAfterSeconds) return;
    if (!request.scope || !isPerson(request)) return;
    const name = nameOf(request, kindOf);
    if (!name) return;
    if (refusals.size >= MAX_REMEMBERED) refusals.clear();
    refusals.set(name, { detail: error.detail, until: performance.now() + error.retryAfterSeconds * 1_000 });
  });
}

/** Of a key nothing is kept but a digest. */
function nameOf(request: FastifyRequest, kindOf: (request: FastifyRequest) => string): string | undefined {
  const { authorization } = request.headers;
  return authorization && `${kindOf(request)} ${createHash("sha256").update(authorization).digest("base64")}`;
}
