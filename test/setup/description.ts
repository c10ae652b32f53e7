import { readFileSync } from "node:fs";
import path from "node:path";

type Reference = { $ref?: string };
type Operation = { parameters?: Reference[]; responses: Record<string, Reference> };

/** The committed description of the API, as it is: `npm run check` compares it with what the routes say. */
export function readDescription() {
  return JSON.parse(readFileSync(path.join(__dirname, "../../openapi.json"), "utf8"));
}

/** The same, with the parameters and responses that operations share written out in each. */
export function readWholeDescription() {
  const document = readDescription();
  const whole = <T extends Reference>(each: T): T =>
    each.$ref
      ? each.$ref
          .split("/")
          .slice(1)
          .reduce((found, key) => found[key], document)
      : each;
  for (const operation of Object.values(document.paths).flatMap((methods) => Object.values(methods as Record<string, Operation>))) {
    if (operation.parameters) operation.parameters = operation.parameters.map(whole);
    for (const [status, response] of Object.entries(operation.responses)) operation.responses[status] = whole(response);
  }
  return document;
}
