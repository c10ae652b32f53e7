import { hash } from "node:crypto";

/** Digest of a parsed request: equal for what means the same, whatever the order of its keys. */
export function digest(value: unknown): Buffer<ArrayBuffer> {
  return hash("sha256", inOrder(value) ?? "null", "buffer") as Buffer<ArrayBuffer>;
}

/** Names the fields of a part of a body in which null says otherwise than leaving them out. */
export type TellsNull = (part: Record<string, unknown>) => string[];

/** What a body that creates something means: null is as good as left out, but in the fields that `tellsNull` names. */
export function withoutNulls<T>(body: T, tellsNull: TellsNull = () => []): T {
  if (typeof body !== "object" || body === null || "toJSON" in body) return body;
  if (Array.isArray(body)) return body.map((item) => withoutNulls(item, tellsNull)) as T;
  const told = tellsNull(body as Record<string, unknown>);
  const kept = Object.entries(body).filter(([name, value]) => !isNull(name, value) || told.includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, withoutNulls(value, tellsNull)])) as T;
}

/** A target of null is read as an empty list, as it is stored. */
function isNull(name: string, value: unknown): boolean {
  return value === null || (name === "target" && Array.isArray(value) && value.length === 0);
}

/** As JSON.stringify writes it, but with its keys in order; written out, because a replacer takes it five times as long. */
function inOrder(value: unknown): string | undefined {
  if (typeof value === "number") return Number.isFinite(value) ? String(value) : "null";
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if ("toJSON" in value && typeof value.toJSON === "function") return inOrder(value.toJSON());
  if (Array.isArray(value)) return `[${value.map((item) => inOrder(item) ?? "null").join()}]`;
  let text = "";
  for (const key of Object.keys(value).sort()) {
    const item = inOrder((value as Record<string, unknown>)[key]);
    if (item !== undefined) text += `${text && ","}${quoted(key)}:${item}`;
  }
  return `{${text}}`;
}

/** Names of fields are few, and need no escapes. */
function quoted(key: string): string {
  return /^\w+$/.test(key) ? `"${key}"` : JSON.stringify(key);
}
