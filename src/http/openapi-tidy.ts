import type { OpenAPIV3_1 } from "openapi-types";

type Json = { [key: string]: unknown };
type Document = Partial<OpenAPIV3_1.Document>;

const PREFIX = "#/components/schemas/";

/**
 * What the generator leaves behind, put right: every schema is rendered once as input and
 * once as output, used or not; and where a `format` says it all, a pattern of a hundred
 * characters says it again. Parameters come in any order.
 */
export function tidy(document: Document): Document {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Json>;
  const used = reachable(document.paths ?? {}, schemas);
  const names = new Map([...used].map((name) => [name, plainName(name, used)]));
  const kept = Object.fromEntries(Object.entries(schemas).filter(([name]) => used.has(name)));
  const renamed = Object.fromEntries(
    Object.entries(kept)
      .map(([name, schema]) => [names.get(name) as string, schema] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
  const paths = Object.fromEntries(Object.entries(document.paths ?? {}).map(([url, item]) => [url, withParameters(item as Record<string, Operation>)]));
  return rewrite({ ...document, paths, components: { ...document.components, schemas: renamed } }, names) as Document;
}

type Operation = { parameters?: (Json & { schema?: Json })[] };

/** Required ones first. The page fills examples in, and an optional filter for what does not exist finds nothing. */
function withParameters(methods: Record<string, Operation>): Record<string, Operation> {
  const inOrder = (operation: Operation): Operation => {
    if (!operation.parameters) return operation;
    const required = operation.parameters.filter((parameter) => parameter.required);
    const optional = operation.parameters.filter((parameter) => !parameter.required).map(withoutExamples);
    return { ...operation, parameters: [...required, ...optional] };
  };
  return Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, inOrder(operation)]));
}

function withoutExamples(value: unknown): Json {
  return JSON.parse(JSON.stringify(value, (key, item) => (key === "example" || key === "examples" ? undefined : item)));
}

/** `LearnerCreateInput` is `LearnerCreate` where nothing else goes by that name. */
function plainName(name: string, used: Set<string>): string {
  const plain = name.replace(/Input$/, "");
  return used.has(plain) ? name : plain;
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
