import type { IncomingHttpHeaders } from "node:http";
import type { FastifyRequest } from "fastify";
import { AppError, invalid } from "../errors";
import type { App } from "./app-type";

const ACCEPTED = "Send JSON as UTF-8 and not compressed, with the header Content-Type: application/json.";

/** Bodies are JSON, also named as a merge patch. An empty one, whatever its type says, is an object without fields; `null` is not. */
export function readJsonBodies(app: App): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["application/json", "application/merge-patch+json"], { parseAs: "buffer" }, async ({ headers }: FastifyRequest, body: Buffer) => {
    if (!isPlainUtf8(headers)) throw new AppError("unsupported-media-type", ACCEPTED);
    return body.length ? parseJson(decode(body), BODY) : undefined;
  });
  app.addHook("preValidation", async (request) => {
    if (!request.routeOptions.schema?.body) return;
    if (request.body === null) throw invalid("#", "The body is null. Send one JSON object, or no body at all.");
    request.body ??= {};
  });
}

/** Whether a body is announced as it is read here: neither compressed nor in another character set than UTF-8. */
export function isPlainUtf8({ "content-encoding": encoding = "identity", "content-type": type = "" }: IncomingHttpHeaders): boolean {
  const charsets = [...type.matchAll(/;\s*charset\s*=([^;]*)/gi)].map(([, charset = ""]) => charset.trim());
  return /^\s*identity\s*$/i.test(encoding) && charsets.every((charset) => /^("?)utf-?8\1$/i.test(charset));
}

/** What a JSON value may hold. */
type Size = { what: string; depth: number; values: number; fields: number };

// Far more than anything here holds: a batch of 1,000 sessions with all their fields has some 40,000 values.
const BODY: Size = { what: "body", depth: 32, values: 100_000, fields: 10_000 };
/** A line of a file is one item. */
export const LINE: Size = { what: "line", depth: 32, values: 1_000, fields: 1_000 };

/**
 * Reads JSON that can be understood in one way only.
 *
 * @throws AppError when it is no JSON, holds more than it may, names a field twice, or would change what its object inherits
 */
export function parseJson(text: string, size: Size): unknown {
  const fields = measure(text, size);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("#", "The text is not JSON. Send one JSON object.");
  }
  if (countFields(value, size) !== fields) throw invalid("#", "A field is named twice in one object. Leave one out.");
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
    if (deep > depth) throw tooDeep(what, depth);
    const below: unknown[] = [];
    for (const each of level) {
      if (typeof each !== "object" || each === null) continue;
      const inner = Object.values(each);
      count += inner.length;
      if (count > values) throw tooManyValues(what, values);
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

/**
 * Measures a JSON text before it is parsed: an object of many fields takes long to build.
 *
 * @returns how many fields it names: its colons outside of strings
 * @throws AppError when it is nested deeper or holds more than it may
 */
function measure(json: string, { what, depth, values, fields }: Size): number {
  const ofObject = [0];
  let [deep, total] = [0, 0];
  for (let at = 0; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(json, at);
        break;
      case COLON:
        total++;
        ofObject[deep] = (ofObject[deep] as number) + 1;
        if ((ofObject[deep] as number) > fields) throw tooMuch(what, `an object of more than ${fields.toLocaleString("en")} fields`);
        if (total > values) throw tooManyValues(what, values);
        break;
      case BRACE:
      case BRACKET:
        ofObject[++deep] = 0;
        if (deep > depth) throw tooDeep(what, depth);
        break;
      case END_BRACE:
      case END_BRACKET:
        deep--;
    }
  }
  return total;
}

/** Where the quotation mark is that ends the string which begins at `from`; at the end of the text, if none does. */
function endOfString(json: string, from: number): number {
  for (let at = from + 1; at < json.length; at++) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at++;
  }
  return json.length;
}

const [QUOTE, BACKSLASH, COLON, BRACE, END_BRACE, BRACKET, END_BRACKET] = [0x22, 0x5c, 0x3a, 0x7b, 0x7d, 0x5b, 0x5d];

function tooDeep(what: string, depth: number): AppError {
  return invalid("#", `The ${what} is nested more than ${depth} levels deep. Nothing here is.`);
}

function tooManyValues(what: string, values: number): AppError {
  return tooMuch(what, `more than ${values.toLocaleString("en")} values`);
}

function tooMuch(what: string, held: string): AppError {
  return invalid("#", `The ${what} holds ${held}. Nothing here needs as many. Send less at once.`);
}
