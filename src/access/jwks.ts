import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { z } from "zod";
import { AppError } from "../errors";

const FRESH_MS = 10 * 60_000;
const COOLDOWN_MS = 10_000;
const PATIENCE_MS = 5_000;

const Discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });
const KeySet = z.object({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) });

/**
 * Looks up the issuer's keys. They are read anew every ten minutes, and when a token names one
 * that is not known. While the issuer cannot be reached, the last ones stand; a token by an
 * unknown key is then neither accepted nor called wrong.
 *
 * @param timeoutMs how long the issuer may take to answer
 * @throws AppError `unavailable` when the key cannot be known now
 */
export function issuerKeys(issuer: string, now = () => Date.now(), timeoutMs = PATIENCE_MS): JWTVerifyGetKey {
  let known: { find: ReturnType<typeof createLocalJWKSet>; readAt: number } | undefined;
  let triedAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<boolean> | undefined;

  const read = async (): Promise<boolean> => {
    triedAt = now();
    try {
      known = { find: createLocalJWKSet(await readKeys(issuer, timeoutMs)), readAt: now() };
      return true;
    } catch {
      return false;
    }
  };
  const hasCooled = () => now() - triedAt > COOLDOWN_MS;
  // Of many requests at once, one asks the issuer.
  const refresh = () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };

  const away = () =>
    new AppError(
      "unavailable",
      "The identity provider cannot be reached, and the token's key is not known here yet. Try again after the seconds in Retry-After.",
    );

  return async (header, token) => {
    if (!known || now() - known.readAt > FRESH_MS) await (reading ?? (hasCooled() && refresh()));
    if (!known) throw away();
    try {
      return await known.find(header, token);
    } catch (error) {
      // It may be a new one. Whoever makes key names up does not make us ask without end.
      if (now() - known.readAt <= COOLDOWN_MS) throw error;
      if (!(await (reading ?? (hasCooled() && refresh())))) throw away();
      return known.find(header, token);
    }
  };
}

async function readKeys(issuer: string, timeoutMs: number): Promise<JSONWebKeySet> {
  const { issuer: named, jwks_uri } = Discovery.parse(await readJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, timeoutMs));
  if (named !== issuer) throw new Error("the discovery document names another issuer");
  return KeySet.parse(await readJson(jwks_uri, timeoutMs)) as JSONWebKeySet;
}

async function readJson(url: string, timeoutMs: number): Promise<unknown> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: "error", headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.json();
}
