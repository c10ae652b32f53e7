import { readWholeDescription } from "../setup/description";

export type Operation = {
  operationId: string;
  method: "get" | "post" | "put" | "patch" | "delete";
  path: string;
  tag: string;
  takesBody: boolean;
  /** Every status that it says it answers with. */
  statuses: number[];
  /** The media types that it is answered in. */
  forms: string[];
  /** Of what it makes or does anew: 201 rather than 200 where there are both. */
  success: number;
};

type Described = { operationId: string; tags: string[]; requestBody?: object; responses: Record<string, { content?: object }> };
const { paths }: { paths: Record<string, Record<Operation["method"], Described>> } = readWholeDescription();

/** Every operation, from the committed description, so that a new route is held to what all promise. */
export const everyOperation = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId, tags, requestBody, responses }]) => {
    const statuses = Object.keys(responses).map(Number);
    const success = Math.max(...statuses.filter((status) => status < 300));
    const forms = Object.keys(responses[success]?.content ?? {});
    return { operationId, method, path, tag: tags[0], takesBody: requestBody !== undefined, statuses, success, forms } as Operation;
  }),
);

/** Those under /v1: all but what tells how the service itself is. */
export const operations = everyOperation.filter(({ path }) => path.startsWith("/v1/"));

/** An operation's path with ids in the place of its parameters. */
export function fill(path: string, id: (parameter: string) => string): string {
  return path.replace(/\{(\w+)\}/g, (_, parameter) => id(parameter));
}

/** A well-formed id that nothing has. */
export const NOBODY = "0193d5a0-6c00-7a31-9d4e-000000000000";
