import type { FastifyRequest } from "fastify";
import { AppError, notFound } from "../errors";
import type { App } from "./app-type";

type Address = { pattern: RegExp; methods: Set<string> };

/**
 * Tells a method that an address does not take from an address that there is none of. It goes by
 * how the address is written, as the public description of the API does: it asks neither who calls
 * nor what is stored.
 *
 * Ask for it before the routes are registered.
 *
 * @returns the refusal of a request that no route answers, and the methods that its address takes
 */
export function methodsOfRoutes(app: App): (request: FastifyRequest) => { refusal: AppError; allowed: string[] } {
  const addresses = new Map<string, Address>();
  app.addHook("onRoute", ({ url, method }) => {
    // The one that answers preflights is at every address.
    if (url === "*") return;
    const address: Address = addresses.get(url) ?? { pattern: patternOf(url), methods: new Set() };
    addresses.set(url, address);
    for (const each of [method].flat()) address.methods.add(each);
  });
  return ({ url, method }) => {
    const path = pathOf(url);
    const allowed = [...addresses.values()].flatMap(({ pattern, methods }) => (pattern.test(path) ? [...methods] : []));
    if (!allowed.length || allowed.includes(method)) return { refusal: notFound(), allowed: [] };
    const all = [...new Set(allowed)].sort();
    return { refusal: new AppError("method-not-allowed", `This address does not take ${method}. Send one of these: ${all.join(", ")}.`), allowed: all };
  };
}

/** The paths that lead to a route. */
function patternOf(url: string): RegExp {
  const parts = url.split("/").map((part) => (part.startsWith(":") ? "[^/]+" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replace("*", ".*")));
  return new RegExp(`^${parts.join("/")}$`);
}

/** The path as the router reads it: without a host or a query, and decoded. */
function pathOf(url: string): string {
  const [path = ""] = url.replace(/^https?:\/\/[^/]*/, "").split(/[?#]/);
  return decodeURI(path);
}
