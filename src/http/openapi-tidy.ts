import type { OpenAPIV3_1 } from "openapi-types";
import { shareComponents } from "./openapi-components";
import { type SampleIds, withSamples } from "./openapi-examples";

type Json = { [key: string]: unknown };
type Document = Partial<OpenAPIV3_1.Document>;

const PREFIX = "#/components/schemas/";
/** Marks an operation that may come without a body. */
export const LACKS_BODY = "x-lacks-body";

/**
 * What the generator leaves behind, put right: every schema is rendered once as input and
 * once as output, used or not; a shape that has a name is written out again wherever it does not
 * come from the same place; and where a `format` says it all, a pattern of a hundred characters
 * says it again. Parameters come in any order.
 */
export function tidy(document: Document, sampleIds: SampleIds): Document {
  const schemas = inNames((document.components?.schemas ?? {}) as Record<string, Json>, (document.components?.schemas ?? {}) as Record<string, Json>, true);
  const given = inNames(document.paths ?? {}, schemas) as Record<string, Record<string, Operation>>;
  const used = reachable(given, schemas);
  const twins = sameBothWays(used, schemas);
  const names = new Map([...used].map((name) => [name, plainName(name, used, twins)]));
  const renamed = Object.fromEntries([...names].map(([name, plain]) => [plain, schemas[name] as Json] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
  const paths = Object.fromEntries(Object.entries(given).map(([url, item]) => [url, withParameters(item)]));
  const tidied = rewrite({ ...document, paths, components: { ...document.components, schemas: renamed } }, names) as Document;
  for (const operation of operationsOf(tidied)) withSamples(operation, (tidied.components?.schemas ?? {}) as Record<string, Json>, sampleIds);
  const shared = shareComponents(tidied.paths as never);
  return { ...tidied, paths: shared.paths as never, components: { ...tidied.components, ...shared.components } };
}

type Operation = { parameters?: (Json & { schema?: Json })[]; requestBody?: Json; responses: Record<string, object>; [LACKS_BODY]?: boolean };

/** Required ones first. The page fills examples in, and an optional filter for what does not exist finds nothing. */
function withParameters(methods: Record<string, Operation>): Record<string, Operation> {
  const inOrder = ({ [LACKS_BODY]: lacksBody, ...operation }: Operation): Operation => {
    if (lacksBody) delete operation.requestBody?.required;
    for (const body of [operation.requestBody, ...Object.values(operation.responses)] as { content?: Content }[])
      if (body?.content) sayWhatFilesAre(body.content);
    if (!operation.parameters) return operation;
    const required = operation.parameters.filter((parameter) => parameter.required);
    const optional = operation.parameters.filter((parameter) => !parameter.required).map(withoutExamples);
    return { ...operation, parameters: [...required, ...optional] };
  };
  return Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, inOrder(operation)]));
}

function operationsOf({ paths }: Document) {
  return Object.values(paths ?? {}).flatMap((methods) => Object.values(methods as Record<string, Parameters<typeof withSamples>[0]>));
}

type Content = Record<string, { schema: Json }>;

/** A text in a media type of its own: of one of lines of JSON, also what each line is. */
function sayWhatFilesAre(content: Content): void {
  for (const [contentMediaType, media] of Object.entries(content)) {
    const { contentSchema, ...schema } = media.schema;
    if (schema.type !== "string") continue;
    content[contentMediaType] = { ...media, schema: { ...schema, contentMediaType, ...(contentMediaType.endsWith("json") && { contentSchema }) } };
  }
}

function withoutExamples(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, (key, item) => (key === "example" || key === "examples" ? undefined : item)));
}

/** `LearnerCreateInput` is `LearnerCreate` where nothing else goes by that name. */
function plainName(name: string, used: Set<string>, twins: Set<string>): string {
  const plain = name.replace(/Input$/, "");
  return used.has(plain) && !twins.has(plain) ? name : plain;
}

/** The names of those that are the same as input and as output, as are all that they refer to. */
function sameBothWays(used: Set<string>, schemas: Record<string, Json>): Set<string> {
  const twins = new Set([...used].filter((name) => used.has(`${name}Input`)));
  const written = (name: string) =>
    JSON.stringify(schemas[name], (key, value) => {
      const plain =
        key === "$ref"
          ? String(value)
              .slice(PREFIX.length)
              .replace(/Input$/, "")
          : "";
      return twins.has(plain) ? PREFIX + plain : value;
    });
  let before: number;
  do {
    before = twins.size;
    for (const name of twins) if (written(name) !== written(`${name}Input`)) twins.delete(name);
  } while (twins.size < before);
  return twins;
}

/** What is written out although a schema of the same shape has a name is replaced by that name. */
function inNames<T>(root: T, schemas: Record<string, Json>, isNamed = false): T {
  const names = new Map(Object.entries(schemas).flatMap(([name, schema]): [string, string][] => (isShape(schema) ? [[shapeOf(schema), name]] : [])));
  const replace = (value: unknown, isOwn: boolean): unknown => {
    if (Array.isArray(value)) return value.map((item) => replace(item, false));
    if (typeof value !== "object" || value === null) return value;
    const name = isShape(value as Json) && !isOwn ? names.get(shapeOf(value as Json)) : undefined;
    const { description } = value as Json;
    if (name) return { ...(description !== undefined && description !== schemas[name]?.description && { description }), $ref: PREFIX + name };
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, KEPT.includes(key) ? item : replace(item, false)]));
  };
  if (!isNamed) return replace(root, false) as T;
  return Object.fromEntries(Object.entries(root as object).map(([name, schema]) => [name, replace(schema, true)])) as T;
}

const KEPT = ["example", "examples", "default", "enum", "const"];

function isShape({ type, properties, enum: words }: Json): boolean {
  return (type === "object" && properties !== undefined) || (type === "string" && Array.isArray(words) && words.length > 1);
}

/** All of a schema but what is said about it. A property may be called `description`, too. */
function shapeOf(schema: Json): string {
  const isSaid = (key: string, value: unknown) => key === "examples" || key === "example" || (key === "description" && typeof value === "string");
  return JSON.stringify(schema, (key, value) => (isSaid(key, value) ? undefined : value));
}

function reachable(root: unknown, schemas: Record<string, Json>, found = new Set<string>()): Set<string> {
  if (Array.isArray(root)) for (const item of root) reachable(item, schemas, found);
  else if (typeof root === "object" && root !== null) {
    for (const [key, value] of Object.entries(root)) {
      const name = key === "$ref" && typeof value === "string" ? value.slice(PREFIX.length) : undefined;
      if (name && !found.has(name)) reachable(schemas[name], schemas, found.add(name));
      else reachable(value, schemas, found);
    }
  }
  return found;
}

function rewrite(value: unknown, names: Map<string, string>): unknown {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, names));
  if (typeof value !== "object" || value === null) return value;
  const { pattern, ...rest } = value as Json;
  const kept = pattern !== undefined && !("format" in rest && typeof pattern === "string") ? { ...rest, pattern } : rest;
  return Object.fromEntries(
    Object.entries(kept)
      .filter(([, limit]) => limit !== Number.MAX_SAFE_INTEGER && limit !== Number.MIN_SAFE_INTEGER)
      .map(([key, item]) => [key, key === "$ref" ? PREFIX + names.get(String(item).slice(PREFIX.length)) : rewrite(item, names)]),
  );
}
