type Json = { [key: string]: unknown };
type Response = Json & { description: string; headers?: Record<string, Json> };
type Parameter = Json & { in: string; name: string };
type Operation = { tags?: string[]; parameters?: Parameter[]; responses: Record<string, Response> };
type Paths = Record<string, Record<string, Operation>>;

/**
 * Writes what several operations have in common once, as a component: every refusal and answer
 * without a body, by its codes or its status; every header; and each parameter that is the same
 * in more than one operation.
 */
export function shareComponents(paths: Paths): { paths: Paths; components: Json } {
  const shelves = { headers: createShelf("headers"), responses: createShelf<Response>("responses"), parameters: createShelf<Parameter>("parameters") };
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const uses = countParameters(operations);
  for (const operation of operations) {
    operation.responses = mapValues(operation.responses, (response, status) => {
      const headers = mapValues(response.headers ?? {}, (header, name) => shelves.headers.put([inPascalCase(name)], header));
      const whole = { ...response, description: inOrderOfCodes(response.description), ...(response.headers && { headers }) };
      return status >= "400" || !response.content ? shelves.responses.put([nameOf(status, whole)], whole) : whole;
    });
    if (operation.parameters) {
      operation.parameters = operation.parameters.map((parameter) => {
        const name = inPascalCase(parameter.name);
        const isShared = (uses.get(JSON.stringify(parameter)) as number) > 1;
        return isShared ? shelves.parameters.put([name, inPascalCase(`${operation.tags?.[0]} ${parameter.name}`)], parameter) : parameter;
      });
    }
  }
  return { paths, components: mapValues(shelves, ({ contents }) => inOrder(contents)) };
}

/** The codes of a refusal in one order, so that the same ones are the same refusal. */
function inOrderOfCodes(description: string): string {
  return description
    .split(/ ?(?=`[a-z-]+`: )/)
    .sort()
    .join(" ");
}

/** `NotFound`, `DayFullOrLearnerErased`; `NoContent` where a response names no codes. */
function nameOf(status: string, { description }: Response): string {
  const codes = [...description.matchAll(/`([a-z-]+)`/g)].map(([, code]) => code as string);
  return codes.length ? codes.map(inPascalCase).join("Or") : inPascalCase(description || status);
}

/** Holds each thing once, by the first of its names that nothing else has; by the last with a number, if none is free. */
function createShelf<T extends Json = Json>(kind: string) {
  const contents: Record<string, T> = {};
  return {
    contents,
    put(names: string[], thing: T): T {
      const isFree = (name: string) => !(name in contents) || JSON.stringify(contents[name]) === JSON.stringify(thing);
      let free = names.find(isFree);
      for (let n = 2; free === undefined; n++) free = [`${names.at(-1)}${n}`].find(isFree);
      contents[free] = thing;
      return { $ref: `#/components/${kind}/${free}` } as unknown as T;
    },
  };
}

function countParameters(operations: Operation[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const parameter of operations.flatMap(({ parameters = [] }) => parameters)) {
    const written = JSON.stringify(parameter);
    uses.set(written, (uses.get(written) ?? 0) + 1);
  }
  return uses;
}

function mapValues<T, U>(object: Record<string, T>, map: (value: T, key: string) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value, key)]));
}

function inOrder<T>(object: Record<string, T>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** `If-Match`, `learnerId` and `Not Modified` as `IfMatch`, `LearnerId` and `NotModified`. */
function inPascalCase(name: string): string {
  return name
    .split(/[^A-Za-z0-9]+/)
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}
