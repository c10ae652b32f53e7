import { AppError } from "../errors";
import type { App } from "./app-type";

/** Bodies are JSON, also named as a merge patch. An empty one, whatever its type says, is an object without fields. */
export function readJsonBodies(app: App): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["application/json", "application/merge-patch+json"], { parseAs: "string" }, (request, body: string, done) => {
    if (body === "") return done(null, undefined);
    return parse(request, body, (error, value) => done(error ?? (isDeeperThan(MAX_DEPTH, value) ? TOO_DEEP : null), value));
  });
  app.addHook("preValidation", async (request) => {
    if (request.routeOptions.schema?.body) request.body ??= {};
  });
}

const MAX_DEPTH = 32;
const TOO_DEEP = new AppError("invalid-request", `The body is nested more than ${MAX_DEPTH} levels deep. Nothing here is.`);

/** Level by level: a hostile body must not exhaust the stack. */
function isDeeperThan(limit: number, value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= limit && level.length; depth++) {
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return level.length > 0;
}
