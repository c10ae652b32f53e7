import { readConfig, settings } from "../../src/config";
import { shown } from "../../src/flaws";
import { NOBODY } from "../access/operations";
import { startApp, type TestApp } from "../setup/app";
import { inline, type Operation, operations, type Schema } from "./generated-requests";

// Every flaw is said in this service's own words: no sentence of the validator's reaches a caller or an operator.

const VALIDATORS =
  /expected|received|nonoptional|invalid (input|option|string|number|date|key|value|element|uuid|iso|url|email|discriminator)|^too (big|small)|unrecognized|\bNaN\b|undefined|Infinity|match pattern|\[object|something else/i;

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Flaw = { pointer: string; detail: string };

/** What may stand in a field where something else is allowed: as JSON, because not every one can be written as a value. */
const WRONG: Record<string, string> = {
  null: "null",
  "a text": '"no-such-value"',
  "no text": '""',
  "a blank": '"   "',
  "a text that is too long": JSON.stringify("x".repeat(12_000)),
  "a text that is no text": '"a\\u0000\\ud800\\u202eb"',
  "no UUID": '"0193d5a0-6c00-7a31-9d4e"',
  "no day": '"2026-02-30"',
  "no instant": '"2026-11-20 08:15"',
  "a number": "41",
  "a number that is too small": "-1",
  "a number that is too large": "99999999999999",
  "a number beyond all": "1e999",
  "half a number": "0.5",
  "no number": '"NaN"',
  true: "true",
  "an empty list": "[]",
  "a long list": JSON.stringify(Array(3_000).fill("x")),
  "a list of one text twice": '["x","x"]',
  "an object": '{"x":1}',
};

const HERE = JSON.stringify("\u0001");

/** A body with one value in the place of every field: of the innermost, and of the outermost. */
function bodiesOf(schema: Schema): string[] {
  const inner = JSON.stringify(filled(schema));
  const outer = JSON.stringify(Object.fromEntries(Object.keys(schema.properties ?? {}).map((name) => [name, "\u0001"])));
  return [...new Set([inner, outer])];
}

function filled(schema: Schema): unknown {
  const { properties, items, anyOf, oneOf } = schema as { properties?: Record<string, Schema>; items?: Schema; anyOf?: Schema[]; oneOf?: Schema[] };
  if (properties) return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, filled(field)]));
  if (items) return [filled(items)];
  const nested = (anyOf ?? oneOf ?? []).find(({ properties, items }) => properties ?? items);
  return nested ? filled(nested) : "\u0001";
}

function target({ path }: Operation, id = NOBODY): string {
  return path.replace(/\{(\w+)\}/g, (_, name) => (id === NOBODY && name === "number" ? "1" : id));
}

async function send({ method, isFile }: Operation, url: string, body?: string, headers: Record<string, string> = {}): Promise<Flaw[]> {
  const call = api.admin[method.toLowerCase() as "get"] as (path: string, ...rest: unknown[]) => Promise<{ status: number; text: string }>;
  const type = { "Content-Type": isFile ? "application/x-ndjson" : "application/json" };
  const { status, text } = await (["GET", "DELETE"].includes(method) ? call(url, headers) : call(url, body, { ...type, ...headers }));
  if (status >= 500) throw new Error(`${method} ${url} ${body}: ${text}`);
  const answers = isFile && status === 200 ? text.trim().split("\n") : text ? [text] : [];
  return answers.filter((each) => each.startsWith("{")).flatMap((each) => flawsIn(JSON.parse(each)));
}

/** The flaws of a problem, or of the items or the line of which an answer tells. */
function flawsIn(answer: unknown): Flaw[] {
  const { errors, problem, items = [] } = (answer ?? {}) as { errors?: Flaw[]; problem?: unknown; items?: unknown[] };
  return [...(errors ?? []), ...(problem ? flawsIn(problem) : []), ...items.flatMap(flawsIn)];
}

/** What is said but for what is quoted. */
function wordsOf(detail: string): string {
  return detail.replace(/"(?:[^"\\]|\\.)*"/g, '""');
}

function expectOwnWords(flaws: Flaw[]): void {
  for (const { pointer, detail } of flaws) {
    expect({ pointer, words: wordsOf(detail) }).not.toMatchObject({ words: expect.stringMatching(VALIDATORS) });
    expect(detail).toMatch(/^[A-Z0-9`…].*[.)]$/su);
    // Short and harmless, whatever was sent.
    expect(detail.length).toBeLessThan(600);
    expect(detail).not.toMatch(/x{60}|\p{Cc}|\p{Cs}|\p{Cf}/u);
  }
}

const withBody = operations.filter(({ body }) => body);
const json = (operation: Operation) => inline(operation.body) as Schema;

test.each(withBody)("$operationId says of every kind of wrong value what is allowed, and what it is", async (operation) => {
  const named = new Map<string, string[]>();
  for (const template of bodiesOf(json(operation))) {
    for (const [kind, value] of Object.entries(WRONG)) {
      const flaws = await send(operation, target(operation), template.replaceAll(HERE, value));
      expectOwnWords(flaws);
      for (const { pointer, detail } of flaws) named.set(pointer, [...(named.get(pointer) ?? []), `${kind}: ${detail}`]);
    }
  }
  // Of each field something was refused, and its value said: where it is not the combination that is wrong.
  const fields = Object.keys(json(operation).properties ?? {});
  const refused = [...named].filter(([, details]) => details.some((detail) => /It is |Must be/.test(detail))).map(([pointer]) => pointer.split("/")[1]);
  expect(fields.filter((field) => !refused.includes(field))).toEqual([]);
});

test.each(withBody)("$operationId names what is missing, and what it does not know", async (operation) => {
  const { required = [] } = json(operation) as { required?: string[] };
  const missing = await send(operation, target(operation), "{}");
  expectOwnWords(missing);
  const named = missing.filter(({ detail }) => detail.startsWith("Missing. Must be ")).map(({ pointer }) => pointer.slice(2));
  expect(named).toEqual(expect.arrayContaining(operation.isFile ? [] : required));
  const unknown = await send(operation, target(operation), '{"nmae":1}');
  expectOwnWords(unknown);
  const fields = Object.keys(json(operation).properties ?? {});
  const { detail } = unknown.find(({ pointer }) => pointer === "#/nmae") as Flaw;
  expect(detail).toMatch(/^Unknown here\. Remove it, or check how it is spelt\./);
  for (const field of fields) expect(detail).toMatch(new RegExp(`[ ,]${field}[,.]`));
});

const QUERIES = [
  "no-such-value",
  "",
  "%20",
  "NaN",
  "-1",
  "0.5",
  "99999999999",
  "1e999",
  "2026-02-30",
  "yesterday",
  "x".repeat(5_000),
  "%E2%80%AE",
  "true",
  "[]",
];

test.each(operations.filter(({ parameters }) => parameters.some((parameter) => parameter.in === "query")))(
  "$operationId says of every parameter what is allowed, and what it is",
  async (operation) => {
    const names = operation.parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name);
    const refused = new Set<string>();
    // A long address would be refused for its length alone.
    for (const value of QUERIES) {
      for (const some of value.length > 100 ? names.map((name) => [name]) : [names]) {
        const flaws = await send(operation, `${target(operation)}?${some.map((name) => `${name}=${value}`).join("&")}`);
        expectOwnWords(flaws);
        for (const { pointer } of flaws) refused.add(pointer.split("/")[1] as string);
      }
    }
    expect(names.filter((name) => !refused.has(name))).toEqual([]);
    const twice = await send(operation, `${target(operation)}?${names.map((name) => `${name}=1&${name}=2`).join("&")}&unknown=1`);
    expectOwnWords(twice);
    expect(twice.map(({ detail }) => detail)).toEqual(expect.arrayContaining([expect.stringContaining("It is given 2 times. Give it once.")]));
  },
);

const placed = operations.filter(({ path }) => path.includes("{"));

test.each(placed)("$operationId says what the ids of its address may be", async (operation) => {
  for (const id of ["42", "%20", "x".repeat(90), "%E2%80%AE", "0", "1e999"]) {
    const flaws = await send(operation, target(operation, id));
    expectOwnWords(flaws);
    const parameters = operation.parameters.filter((parameter) => parameter.in === "path");
    for (const { name } of parameters) if (name.endsWith("Id")) expect(flaws.map(({ pointer }) => pointer)).toContain(`path/${name}`);
  }
});

test.each(operations.filter(({ parameters }) => parameters.some((parameter) => parameter.in === "header")))(
  "$operationId says what its headers may be",
  async (operation) => {
    for (const value of ["", " ", "a b", "k".repeat(500), "W/x", '"'])
      expectOwnWords(await send(operation, target(operation), "{}", { "Idempotency-Key": value, "If-Match": value, "If-None-Match": value }));
  },
);

describe("what was sent is said back", () => {
  const refuse = async (field: string, value: unknown) => {
    const { body } = await api.admin.post("/v1/learners", { name: "Ada", [field]: value });
    return body.errors.find(({ pointer }: Flaw) => pointer === `#/${field}`)?.detail;
  };

  test("as it was, and with what is allowed", async () => {
    expect(await refuse("timeZone", "Mars/Olympus")).toBe('Must be an IANA time zone such as Europe/Berlin. It is "Mars/Olympus".');
    expect(await refuse("timeZone", 3)).toBe("Must be text of at most 64 characters. It is 3.");
    expect(await refuse("name", ["Ada"])).toBe("Must be text of 1 to 200 characters. It is a list of 1 item.");
    expect(await refuse("name", { first: "Ada" })).toBe("Must be text of 1 to 200 characters. It is an object.");
    expect(await refuse("email", true)).toBe("Must be an e-mail address such as ada@example.com. It is true.");
  });

  test("in few characters, in one line, and with nothing in it that is hidden or obeyed", async () => {
    expect(await refuse("name", "x".repeat(300_000))).toBe(`Must be at most 200 characters. It is "${"x".repeat(39)}…", of 300,000 characters.`);
    expect(await refuse("timeZone", "a\u001b[31m\u202e\u200b\u00a0\n\"'<b>")).toBe(
      'Must be an IANA time zone such as Europe/Berlin. It is "a\\u001b[31m\\u{202e}\\u{200b}\\u{a0}\\n\\"\'<b>".',
    );
    expect(shown("\ud800😀")).toBe('"\\ud800😀"');
  });

  test("but no secret", async () => {
    const { body } = await api.as(null).post("/v1/invitations/redemption", { secret: "a secret with spaces", name: "Laptop" });
    expect(body.errors).toEqual([{ pointer: "#/secret", detail: "Must be the secret of an invitation." }]);
  });
});

describe("the settings", () => {
  // What may stand in them whatever it is, or is looked at by nobody but the database.
  const ANY_TEXT = ["HOST", "DATA_DIR", "OIDC_AUDIENCE", "OIDC_EXTERNAL_ID_CLAIM", "OIDC_ADMIN_CLAIM", "OIDC_ADMIN_VALUE"];
  const names = settings().map(({ name }) => name);

  test.each(names.filter((name) => !ANY_TEXT.includes(name)))("%s says what it may be, and what it is", (name) => {
    for (const value of ["no such=value\u001b[31m", "NaN", "-1", "0.5", "99999999999999999999", "x".repeat(5_000)]) {
      const message = refusalOf({ [name]: value });
      if (!message) continue;
      expect(wordsOf(message)).not.toMatch(VALIDATORS);
      expect(message.replaceAll("\n", "")).not.toMatch(/x{60}|\p{Cc}/u);
      expect(message).toMatch(new RegExp(`^  ${name}: \\S`, "m"));
      // An address of a database has a password in it.
      if (/KEY|DATABASE_URL|REDIS_URL/.test(name)) expect(message).not.toContain("It is");
      else expect(message).toMatch(/ It is (given|"|a )/);
    }
    expect(refusalOf({ [name]: "no such=value" })).toContain(`  ${name}: `);
  });

  test("a wrong one, to the letter", () => {
    expect(refusalOf({ PORT: "http", LOG_LEVEL: "loud" })).toBe(
      [
        "The configuration is wrong; correct these environment variables:",
        '  PORT: must be a whole number from 0 to 65535. It is "http".',
        '  LOG_LEVEL: must be one of `fatal`, `error`, `warn`, `info`, `debug` or `silent`. It is "loud".',
      ].join("\n"),
    );
  });

  function refusalOf(environment: Record<string, string>): string {
    try {
      readConfig(environment);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  }
});
