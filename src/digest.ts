import { hash } from "node:crypto";

/** Digest of a parsed request: equal for what means the same, whatever the order of its keys. */
export function digest(value: unknown): Buffer<ArrayBuffer> {
  return hash("sha256", inOrder(value) ?? "null", "buffer") as Buffer<ArrayBuffer>;
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
