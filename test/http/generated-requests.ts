import fc from "fast-check";
import { NOBODY } from "../access/operations";
import { readWholeDescription } from "../setup/description";
import { BODIES, CONTENT_TYPES, DAYS, FIELDS, INSTANTS, JSON_VALUES, LONG, MEDIA_TYPES, NUMBERS, PARAMETERS, TAGS, TEXTS } from "./hostile-values";

// Requests made from nothing but the committed description of the API: valid ones, valid ones
// with one flaw, and what no client would send.

export type Schema = { [keyword: string]: unknown; $ref?: string; properties?: Record<string, Schema>; examples?: unknown[]; format?: string };
type Content = Record<string, { schema: Schema }>;
type Parameter = { name: string; in: "path" | "query" | "header"; schema: Schema };
type Described = { operationId: string; parameters?: Parameter[]; requestBody?: { content: Content }; responses: Responses };
export type Responses = Record<string, { description: string; content?: Content }>;
export type Operation = {
  operationId: string;
  method: string;
  path: string;
  parameters: Parameter[];
  body: Schema | undefined;
  isFile: boolean;
  responses: Responses;
};

const document: { paths: Record<string, Record<string, Described>>; components: { schemas: Record<string, Schema> } } = readWholeDescription();

/** What is in the lines of the files that are taken in. */
const LINES: Record<string, string> = { importStudySessions: "StudySessionBatchItem", importResources: "ResourceCreate", importLearners: "LearnerCreate" };

export const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId, parameters = [], requestBody, responses }]): Operation => {
    const line = LINES[operationId];
    const body = line ? { $ref: `#/components/schemas/${line}` } : requestBody?.content["application/json"]?.schema;
    return { operationId, method: method.toUpperCase(), path, parameters, body, isFile: line !== undefined, responses };
  }),
);

/** The schema with every reference replaced by what it leads to. */
export function inline(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inline);
  if (typeof value !== "object" || value === null) return value;
  const { $ref, ...rest } = value as Schema;
  if ($ref) return inline(resolve({ $ref }));
  return Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, key === "examples" ? item : inline(item)]));
}

function resolve(schema: Schema): Schema {
  const name = schema.$ref?.split("/").at(-1);
  return name ? resolve(document.components.schemas[name] as Schema) : schema;
}

/** Who asks, and how often. The owner is whoever's the path is, so that much of what is asked happens. */
const CALLERS = { owner: 12, admin: 8, service: 5, peer: 4, lead: 3, keeper: 2, hidden: 2, confined: 2, narrow: 1, nobody: 1, stranger: 1 };
export type CallerName = keyof typeof CALLERS;

/**
 * A request before it meets a world. Ids are asked for by what they are of: `<goalId:3>` is the
 * third goal that goes with the path's own learner.
 */
export type Request = {
  operation: Operation;
  caller: CallerName;
  /** Which of the world's places the path's parameters lead to. */
  place: number;
  /** Parameters that lead elsewhere. */
  astray: Record<string, string>;
  query: string;
  headers: Record<string, string>;
  body: { text: string; encoding: BufferEncoding } | undefined;
  method: string;
  /** With which cursor to go on where there is a page after. */
  follow: { cursor: "as-given" | "changed" | "cut" | "by-another" | "with-other-filters"; at: number };
};

/** What the ids that go by a name are of. */
const OF_NAME: Record<string, string> = {
  ...{ learnerId: "learnerId", reviewerId: "learnerId", leadId: "learnerId", learner: "learnerId", lead: "learnerId" },
  ...{ teamId: "teamId", parentId: "teamId", parent: "teamId", under: "teamId", pathId: "pathId" },
  ...{ goalId: "goalId", followsId: "goalId", goal: "goalId", stepId: "stepId", step: "stepId", prerequisites: "stepId" },
  ...{ resourceId: "resourceId", resource: "resourceId", id: "fresh" },
};

// Made once: each of these takes longer to make than to draw from.
const ANY_TEXT = fc.string({ unit: "binary" });
const GRAPHEMES = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 });
const EMAIL = fc.emailAddress();
const WEB_ADDRESS = fc.webUrl();

/** Any request to any operation. */
export function requests(): fc.Arbitrary<Request> {
  return fc.oneof(...operations.map((operation) => ({ weight: operation.body ? 3 : 2, arbitrary: requestTo(operation) })));
}

function requestTo(operation: Operation): fc.Arbitrary<Request> {
  const named = operation.parameters.filter((parameter) => parameter.in === "path").map(({ name }) => name);
  const astray = fc.dictionary(fc.constantFrom(...named, "learnerId"), fc.constantFrom(...PARAMETERS), { minKeys: 1, maxKeys: 1 });
  // A PUT may create what it names.
  const last = named.at(-1) ?? "";
  const unused = fc.nat(19).map((index): Record<string, string> => ({ [last]: `<fresh:${index}>` }));
  const own = operation.method === "PUT" && operation.responses["201"] ? mostly(fc.constant({}), unused, 2) : fc.constant({});
  const rarely = fc.constantFrom("HEAD", "OPTIONS", "PATCH", "DELETE", "PUT", "POST", "TRACE");
  return fc.record({
    operation: fc.constant({ ...operation, toString: () => operation.operationId, [fc.toStringMethod]: () => operation.operationId }),
    caller: weighted(CALLERS),
    place: fc.nat(99),
    astray: named.length ? mostly(own, astray, 12) : fc.constant({}),
    query: queryOf(operation.parameters.filter((parameter) => parameter.in === "query")),
    headers: headersOf(operation),
    body: operation.body ? bodyOf(operation.body) : mostly(fc.constant(undefined), hostileBody, 30),
    method: mostly(fc.constant(operation.method), rarely, 60),
    follow: fc.record({ cursor: fc.constantFrom("as-given", "changed", "cut", "by-another", "with-other-filters"), at: fc.nat(99) }),
  });
}

function queryOf(parameters: Parameter[]): fc.Arbitrary<string> {
  const pair = ({ name, schema }: Parameter) => valid(schema, name).map((value) => `${name}=${encoded(String(value))}`);
  const known = parameters.filter(({ name }) => name !== "cursor");
  const sound = fc.tuple(...known.map((parameter) => sometimes(pair(parameter)))).map((pairs) => pairs.filter((each) => each !== undefined));
  const names = fc.constantFrom(...parameters.map(({ name }) => name), "limit", "cursor", "unknown", "__proto__", "q[]");
  const texts = fc.oneof(fc.constantFrom(...NUMBERS, ...DAYS, ...INSTANTS, ...TEXTS, "", "<goalId:2>", "x".repeat(4_001)), ANY_TEXT);
  const value = fc.oneof(texts.map(encoded), fc.constantFrom("%00", "%ff%fe", "%ZZ", "%ED%A0%80", "a+b", "a%26b=c"));
  const flawed = fc.tuple(sound, names, fc.array(value, { minLength: 1, maxLength: 2 }));
  return mostly(
    sound,
    flawed.map(([pairs, name, values]) => [...pairs, ...values.map((each) => `${name}=${each}`)]),
    known.length ? 4 : 30,
  ).map((pairs) => pairs.join("&"));
}

function headersOf({ method, body, isFile }: Operation): fc.Arbitrary<Record<string, string>> {
  const printable = fc.string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code === 0x7f ? 0x80 : code)), maxLength: 140 });
  const tags = fc.constantFrom(...TAGS);
  const types = fc.constantFrom(...MEDIA_TYPES);
  const kept = fc.constantFrom("retry-1", "retry-2", "retry-3");
  const read = { accept: sometimes(types), "if-none-match": sometimes(tags), "if-match": sometimes(tags, 30) };
  const sent = {
    "content-type": body
      ? mostly(fc.constant(isFile ? "application/x-ndjson" : "application/json"), fc.constantFrom(...CONTENT_TYPES), 25)
      : sometimes(fc.constantFrom("application/json", "text/plain", "garbage"), 20),
    "content-encoding": sometimes(fc.constantFrom("gzip", "identity", "br"), 60),
    accept: sometimes(types, 12),
  };
  const key = { "idempotency-key": sometimes(fc.oneof({ weight: 6, arbitrary: kept }, printable, fc.constantFrom("", "a b", "k".repeat(129))), 2) };
  const version = { "if-match": sometimes(tags, 3), "if-none-match": sometimes(tags, 30) };
  const headers: Record<string, fc.Arbitrary<string | undefined>> = method === "GET" ? read : { ...sent, ...(method === "POST" ? key : version) };
  return fc.record(headers).map(given);
}

function bodyOf(schema: Schema): fc.Arbitrary<Request["body"]> {
  const sound = valid(schema, "").map((value) => JSON.stringify(value));
  const flawed = fc.tuple(valid(schema, ""), flaw, fc.nat(999)).map(([value, flaw, at]) => withFlaw(value, flaw, at));
  const text = fc.oneof({ weight: 8, arbitrary: sound }, { weight: 3, arbitrary: flawed });
  return mostly(
    text.map((text) => ({ text, encoding: "utf8" as const })),
    hostileBody,
    12,
  );
}

const hostileBody = fc.record({
  text: fc.constantFrom(...BODIES),
  encoding: mostly(fc.constant("utf8" as const), fc.constantFrom("latin1" as const, "utf16le" as const), 3),
});

const IDS = [NOBODY, "<learnerId:1>", "<goalId:3>", "<stepId:7>", "<teamId:3>"];
const hostileValue = fc.oneof(
  fc.constantFrom(...NUMBERS, ...JSON_VALUES),
  fc.constantFrom(...DAYS, ...INSTANTS, ...TEXTS, LONG, ...IDS).map((text) => JSON.stringify(text)),
  ANY_TEXT.map((text) => JSON.stringify(text)),
  fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
);
const hostileField = fc.tuple(ANY_TEXT, hostileValue).map(([name, value]) => `${JSON.stringify(name)}:${value}`);
const flaw = fc.oneof(
  fc.constant({ kind: "drop" as const }),
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("replace" as const), text: hostileValue }) },
  fc.record({ kind: fc.constant("add" as const), text: fc.oneof(fc.constantFrom(...FIELDS), hostileField) }),
);

type Flaw = typeof flaw extends fc.Arbitrary<infer T> ? T : never;
type Slot = { holder: Record<string, unknown>; key: string };
const HERE = "\u0001here";

/** The value as JSON with something dropped, replaced or added at one of its places. */
function withFlaw(value: unknown, flaw: Flaw, at: number): string {
  const root = { value: structuredClone(value) };
  const slots = slotsOf(root);
  const { holder, key } = slots[at % slots.length] as Slot;
  if (flaw.kind === "drop") {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else if (holder !== root) delete holder[key];
    return JSON.stringify(root.value);
  }
  if (flaw.kind === "replace") {
    holder[key] = HERE;
    return JSON.stringify(root.value).replace(JSON.stringify(HERE), () => flaw.text);
  }
  const target = [holder[key], root.value].find((each) => typeof each === "object" && each !== null && !Array.isArray(each)) as Record<string, unknown>;
  target[HERE] = 0;
  return JSON.stringify(root.value).replace(`${JSON.stringify(HERE)}:0`, () => flaw.text);
}

function slotsOf(holder: Record<string, unknown>): Slot[] {
  return Object.entries(holder).flatMap(([key, each]) => [
    { holder, key },
    ...(typeof each === "object" && each !== null ? slotsOf(each as Record<string, unknown>) : []),
  ]);
}

/** What a schema takes, as far as it says so; near days and small numbers more often, so that they fit together. */
function valid(described: Schema, name: string): fc.Arbitrary<unknown> {
  const schema = resolve(described);
  const { type, properties, items, minimum = 0, maximum = 1_000, maxItems = 5, minItems = 0, required = [] } = schema as ObjectSchema;
  const options = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
  // Here an example says more than the schema does: three shares add up to a hundred.
  if (options && schema.examples) return mostly(fc.constantFrom(null, ...schema.examples), fc.oneof(...options.map((each) => valid(each, name))), 10);
  if (options) return fc.oneof(...options.map((each) => valid(each, name)));
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...(schema.enum as unknown[]));
  switch (type) {
    case "object": {
      const fields = Object.entries(properties ?? {}).map(([key, field]): [string, fc.Arbitrary<unknown>] => {
        return [key, required.includes(key) ? valid(field, key) : sometimes(valid(field, key))];
      });
      return fc.record(Object.fromEntries(fields)).map((value) => given(value));
    }
    case "array": {
      const item = valid(items as Schema, name);
      return fc.uniqueArray(item, { minLength: minItems, maxLength: Math.min(maxItems, 3), selector: (value) => JSON.stringify(value).toLowerCase() });
    }
    case "integer":
    case "number":
      return fc.oneof(
        { weight: 3, arbitrary: fc.integer({ min: minimum, max: Math.min(maximum, minimum + 60) }) },
        fc.integer({ min: minimum, max: maximum }),
        fc.constantFrom(minimum, maximum),
      );
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    default:
      return validText(schema as TextSchema, name);
  }
}

type ObjectSchema = {
  type?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  minItems?: number;
  maxItems?: number;
  required?: string[];
};
type TextSchema = { format?: string; pattern?: string; minLength?: number; maxLength?: number; description?: string };

function validText({ format, pattern, minLength = 0, maxLength = 200, description }: TextSchema, name: string): fc.Arbitrary<string> {
  if (format === "uuid") {
    const of = OF_NAME[name] ?? "fresh";
    return mostly(
      fc.nat(60).map((index) => `<${of}:${index}>`),
      fc.constantFrom(NOBODY, "<learnerId:5>", "<fresh:1>"),
      12,
    );
  }
  if (format === "date") {
    const near = fc.date({ min: new Date("2026-01-01"), max: new Date("2026-06-17"), noInvalidDate: true });
    const any = fc.date({ min: new Date("1970-01-01"), max: new Date("2999-12-31"), noInvalidDate: true });
    return fc.oneof({ weight: 6, arbitrary: near }, { weight: 1, arbitrary: any }).map((date) => date.toISOString().slice(0, 10));
  }
  if (format === "date-time") {
    const near = fc.date({ min: new Date("2026-05-01"), max: new Date("2026-06-18"), noInvalidDate: true });
    const any = fc.date({ min: new Date("1970-01-01"), max: new Date("9999-12-31"), noInvalidDate: true });
    const written = fc.oneof({ weight: 6, arbitrary: near }, { weight: 1, arbitrary: any }).map((date) => date.toISOString());
    return fc.oneof({ weight: 4, arbitrary: written }, fc.constantFrom("2026-06-16T23:30:00+14:00", "2026-06-16T00:30:00-12:00", "2027-01-01T00:00:00Z"));
  }
  if (format === "email") return fc.oneof(fc.constantFrom("Ada@Example.com", "a@example.com", `${"a".repeat(60)}@example.com`), EMAIL);
  if (format === "uri") return fc.oneof(fc.constantFrom("https://example.com/a?b=c#d", "http://[::1]:80/", "https://例え.jp/é"), WEB_ADDRESS);
  if (pattern?.startsWith("^[a-z0-9]")) return fc.constantFrom("read", "do", "first-deploy", "a1-b2", "k".repeat(60));
  if (/zone/i.test(name) || name === "timeZone")
    return fc.constantFrom("Europe/Berlin", "UTC", "Asia/Kathmandu", "america/new_york", "Pacific/Kiritimati", "Etc/GMT+12");
  if (description?.startsWith("`true`") || description?.startsWith("`false`")) return fc.constantFrom("true", "false");
  const fits = (text: string) => text.trim().length >= minLength && text.length <= maxLength;
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("a", "deploy", "control plane", "Ada King", "etcd", "kubernetes") },
    fc.constantFrom(...TEXTS.filter(fits)),
    GRAPHEMES.filter(fits),
    fc.constant("x".repeat(maxLength)),
  );
}

function encoded(text: string): string {
  // An id that is yet to be looked up stays as it is; a lone surrogate has no encoding.
  return /^<\w+:\d+>$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

function mostly<A, B>(arbitrary: fc.Arbitrary<A>, other: fc.Arbitrary<B>, oneIn: number): fc.Arbitrary<A | B> {
  return fc.oneof<fc.WeightedArbitrary<A | B>[]>({ weight: oneIn - 1, arbitrary }, { weight: 1, arbitrary: other });
}

function sometimes<T>(arbitrary: fc.Arbitrary<T>, oneIn = 3): fc.Arbitrary<T | undefined> {
  return mostly(fc.constant(undefined), arbitrary, oneIn);
}

function weighted<T extends string>(weights: Record<T, number>): fc.Arbitrary<T> {
  return fc.oneof(...Object.entries<number>(weights).map(([value, weight]) => ({ weight, arbitrary: fc.constant(value as T) })));
}

/** Without what is not given. */
function given<T>(record: Record<string, T | undefined>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Record<string, T>;
}
