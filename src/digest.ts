import { hash } from "node:crypto";

/** Digest of a parsed request: equal for what means the same, whatever the order of its keys. */
export function digest(value: unknown): Buffer<ArrayBuffer> {
  return hash("sha256", JSON.stringify(value, sortKeys), "buffer") as Buffer<ArrayBuffer>;
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
