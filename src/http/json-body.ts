import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { AppError, invalid } from "../errors";
import type { App } from "./app-type";

const ACCEPTED = "Send JSON as UTF-8 and not compressed, with the header Content-Type: application/json.";

/** Bodies are JSON, also named as a merge patch. An empty one, whatever its type says, is an object without fields. */
export function readJsonBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["application/json", "application/merge-patch+json"], { parseAs: "buffer" }, async ({ headers }: FastifyRequest, body: Buffer) => {
    if (!isPlainUtf8(headers)) throw new AppError("unsupported-media-type", ACCEPTED);
    return body.length ? parseJson(decode(body), BODY) : undefined;
  });
  app.addHook("preValidation", async (request) => {
    if (request.routeOptions.schema?.body) request.body ??= {};
  });
}

/** Whether a body is announced as it is read here: neither compressed nor in another character set than UTF-8. */
export function isPlainUtf8({ "content-encoding": encoding = "identity", "content-type": type = "" }: IncomingHttpHeaders): boolean {
  const charsets = [...type.matchAll(/;\s*charset\s*=([^;]*)/gi)].map(([, charset = ""]) => charset.trim());
  return /^\s*identity\s*$/i.test(encoding) && charsets.every((charset) => /^("?)utf-?8\1$/i.test(charset));
}

/** What a JSON value may hold. */
type Size = { what: string; depth: number; values: number };

// Far more than anything here holds: a batch of 1,000 sessions with all their fields has some 40,000 values.
const BODY: Size = { what: "body", depth: 32, values: 100_000 };
/** A line of a file is one item. */
export const LINE: Size = { what: "line", depth: 32, values: 1_000 };

/**
 * Reads JSON that can be understood in one way only.
 *
 * @throws AppError when it is no JSON, holds more than it may, names a field twice, or would change what its object inherits
 */
export function parseJson(text: string, size: Size): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("#", "The text is not JSON. Send one JSON object.");
  }
  if (countFields(value, size) !== countColons(text)) throw invalid("#", "A field is named twice in one object. Leave one out.");
  return value;
}

/** A byte order mark at the beginning is left out. */
function decode(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw invalid("#", "The text is not UTF-8: perhaps it is Latin-1. Write it as UTF-8 and send it again.");
  }
}

/**
 * How many fields all objects within a value have. The value is walked level by level, so that a
 * hostile one cannot exhaust the stack, and no further than the most that it may hold: to validate
 * it afterwards takes a hundred times as long for each field.
 *
 * @throws AppError when it is nested deeper or holds more than anything here does
 */
export function countFields(value: unknown, { what, depth, values }: Size): number {
  let [fields, count] = [0, 1];
  let level = [value];
  for (let deep = 0; level.length; deep++) {
    if (deep > depth) throw invalid("#", `The ${what} is nested more than ${depth} levels deep. Nothing here is.`);
    const below: unknown[] = [];
    for (const each of level) {
      if (typeof each !== "object" || each === null) continue;
      const inner = Object.values(each);
      count += inner.length;
      if (count > values) {
        throw invalid("#", `The ${what} holds more than ${values.toLocaleString("en")} values. Nothing here needs as many. Send less at once.`);
      }
      if (!Array.isArray(each)) fields += countOwnFields(each);
      for (const one of inner) below.push(one);
    }
    level = below;
  }
  return fields;
}

function countOwnFields(object: object): number {
  const made: unknown = object.constructor;
  if (Object.hasOwn(object, "__proto__") || (typeof made === "object" && made !== null && Object.hasOwn(made, "prototype")))
    throw invalid("#", "A field is named __proto__ or constructor.prototype. Nothing here is.");
  return Object.keys(object).length;
}

/** The colons of a JSON text outside of strings: one for each field that it names. */
function countColons(json: string): number {
  let count = 0;
  let isInString = false;
  for (let at = 0; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) isInString = !isInString;
    else if (isInString && code === BACKSLASH) at++;
    else if (!isInString && code === COLON) count++;
  }
  return count;
}

const [QUOTE, BACKSLASH, COLON] = [0x22, 0x5c, 0x3a];
