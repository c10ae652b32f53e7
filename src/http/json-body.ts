import { AppError } from "../errors";
import type { App } from "./app-type";

/** Bodies are JSON, also named as a merge patch. An empty one, whatever its type says, is an object without fields. */
export function readJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["application/json", "application/merge-patch+json"], { parseAs: "string" }, (request, body: string, done) => {
    if (body === "") return done(null, undefined);
    return parse(request, body, (error, value) => done(error ?? refusalOfSize(value, BODY) ?? null, value));
  });
  app.addHook("preValidation", async (request) => {
    if (request.routeOptions.schema?.body) request.body ??= {};
  });
}

/** What a parsed JSON value may hold. */
type Size = { what: string; depth: number; values: number };

// Far more than anything here holds: a batch of 1,000 sessions with all their fields has some 40,000 values.
const BODY: Size = { what: "body", depth: 32, values: 100_000 };
/** A line of a file is one item. */
export const LINE: Size = { what: "line", depth: 32, values: 1_000 };

/**
 * The refusal of a JSON value that holds more than anything here does. It comes before the value is
 * validated, which takes a hundred times as long for each field. The value is walked
 * level by level, so that a hostile one cannot exhaust the stack, and no further than its most.
 */
export function refusalOfSize(value: unknown, { what, depth, values }: Size): AppError | undefined {
  let level = [value];
  let count = 1;
  for (let deep = 0; level.length; deep++) {
    if (deep > depth) return new AppError("invalid-request", `The ${what} is nested more than ${depth} levels deep. Nothing here is.`);
    const below: unknown[] = [];
    for (const each of level) {
      if (typeof each !== "object" || each === null) continue;
      const inner = Object.values(each);
      count += inner.length;
      if (count > values) {
        return new AppError(
          "invalid-request",
          `The ${what} holds more than ${values.toLocaleString("en")} values. Nothing here needs as many. Send less at once.`,
        );
      }
      for (const one of inner) below.push(one);
    }
    level = below;
  }
  return undefined;
}
