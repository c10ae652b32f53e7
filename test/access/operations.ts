import { readFileSync } from "node:fs";
import path from "node:path";

export type Operation = { operationId: string; method: "get" | "post" | "put" | "patch" | "delete"; path: string; tag: string; takesBody: boolean };

type Described = { operationId: string; tags: string[]; requestBody?: object };
const { paths }: { paths: Record<string, Record<Operation["method"], Described>> } = JSON.parse(
  readFileSync(path.join(__dirname, "../../openapi.json"), "utf8"),
);

/** Every operation under /v1, from the committed description, so that a new route is held to what all promise. */
export const operations = Object.entries(paths)
  .filter(([path]) => path.startsWith("/v1/"))
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, tags, requestBody }]) => {
      return { operationId, method, path, tag: tags[0], takesBody: requestBody !== undefined } as Operation;
    }),
  );

/** An operation's path with ids in the place of its parameters. */
export function fill(path: string, id: (parameter: string) => string): string {
  return path.replace(/\{(\w+)\}/g, (_, parameter) => id(parameter));
}

/** A well-formed id that nothing has. */
export const NOBODY = "0193d5a0-6c00-7a31-9d4e-000000000000";
