import { Agent, request as open } from "node:http";
import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { PROBLEMS, type ProblemCode } from "../../src/errors";
import { startApp, type TestApp } from "../setup/app";
import { type CallerName, inline, type Operation, operations, type Request, requests, type Schema } from "./generated-requests";
import { type KeyName, type Place, plant, type World } from "./planted-world";

// Whatever is asked, by whomever: no answer of 500, none that the description does not know, and
// nobody is told another's secret. A failure prints its seed and path, and the fewest requests
// that lead to it: with FC_SEED and FC_PATH the very same are made again.
const SEED = Number(process.env.FC_SEED ?? 9457);
const PATH = process.env.FC_PATH ?? "";
// Before a release: FC_RUNS_REQUESTS=50000 npx jest test/http/generated-requests.property.test.ts
const REQUESTS = Number(process.env.FC_RUNS_REQUESTS ?? 2_000);
/** The most requests to one world, which is planted anew for the next; and how many it comes to. */
const A_WORLD = 150;
const MEAN_OF_A_WORLD = 62;
const AT_ONCE = 4;
/** About where Node refuses headers as too large. */
const HEADERS_AT_MOST = 15_000;

type Sent = { method: string; url: string; caller: CallerName; headers: Record<string, string>; body: Request["body"] };
type Answer = { status: number; type: string; headers: string; text: string };

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const tally = new Map<string, Map<number, number>>();
let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(async () => {
  agent.destroy();
  await api.close();
});

test(`${REQUESTS} generated requests are answered as described, and tell nobody a secret`, async () => {
  const batches = fc.array(requests(), { minLength: 1, maxLength: A_WORLD, size: "max" });
  const property = fc.asyncProperty(batches, async (batch) => {
    const world = await plant(api.db);
    for (let first = 0; first < batch.length; first += AT_ONCE) {
      const flaws = await Promise.all(batch.slice(first, first + AT_ONCE).map((request) => ask(world, request)));
      if (flaws.flat().length) throw new Error(flaws.flat().join("\n"));
    }
  });
  const numRuns = Math.ceil(REQUESTS / MEAN_OF_A_WORLD);
  await fc.assert(property, { seed: SEED, path: PATH, numRuns });
  if (!PATH) expectAllKinds();
});

/** Sends the request, and where there is a page after, one more with a cursor. @returns what is wrong with the answers */
async function ask(world: World, request: Request): Promise<string[]> {
  const { operation, follow } = request;
  const place = placeOf(world, request);
  const sent = write(world, request, place);
  release(world, sent);
  const answer = await send(world, sent);
  count(operation.operationId, answer.status);
  const flaws = flawsOf(world, request, sent, answer);
  learn(world, place, answer);
  const next = sent.method === "GET" && answer.status === 200 && answer.type === "application/json" && JSON.parse(answer.text).next;
  if (typeof next !== "string" || flaws.length) return flaws;
  const url = new URL(sent.url, api.url);
  const { cursor, at } = follow;
  url.searchParams.set("cursor", cursor === "cut" ? next.slice(0, at) : cursor === "changed" ? changed(next, at) : next);
  if (cursor === "with-other-filters") url.searchParams.delete([...url.searchParams.keys()][at % url.searchParams.size] as string);
  const further = { ...sent, url: url.pathname + url.search, caller: cursor === "by-another" ? ("keeper" as const) : sent.caller };
  const page = await send(world, further);
  count(operation.operationId, page.status);
  return flawsOf(world, request, further, page);
}

/** Where the path's last parameter leads; its other parameters mostly go with it. */
function placeOf(world: World, { operation, place }: Request): Place {
  const last = [...operation.path.matchAll(/\{(\w+)\}/g)].at(-1)?.[1];
  const places = (last && world.places[last]) || [];
  return places[place % places.length] ?? {};
}

function write(world: World, { operation, caller, astray, query, headers, body, method }: Request, place: Place): Sent {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name) => astray[name] ?? place[name] ?? "");
  const url = lookUp(world, place, query ? `${filled}?${query}` : filled);
  const owner = world.learners[place.learnerId ?? ""] ?? "admin";
  const asked = caller === "owner" ? owner : caller;
  // What is refused before its method is known is refused with a body, which a HEAD's client cannot read.
  const known = method === "HEAD" && url.length > HEADERS_AT_MOST ? "GET" : method;
  return { method: known, url, caller: asked, headers, body: body && { ...body, text: lookUp(world, place, body.text) } };
}

/** Puts ids in the place of `<goalId:3>`: three of four of what goes with the place. */
function lookUp(world: World, place: Place, text: string): string {
  return text.replace(/<(\w+):(\d+)>/g, (_, name: string, index: string) => {
    if (name === "fresh") return freshId(world, Number(index) % 20);
    const all = world.places[name] ?? [];
    const near = all.filter((each) => ["learnerId", "goalId"].every((key) => key === name || !each[key] || !place[key] || each[key] === place[key]));
    const from = near.length && Number(index) % 4 ? near : all;
    return from[Number(index) % from.length]?.[name] ?? "";
  });
}

const fresh = new WeakMap<World, string[]>();

/** Named again, it is the same: two things may want one id. */
function freshId(world: World, index: number): string {
  const known = fresh.get(world) ?? [];
  fresh.set(world, known);
  known[index] ??= uuidv7();
  return known[index];
}

/** What was created can be asked for from now on. */
function learn(world: World, place: Place, { status, headers }: Answer): void {
  const location = status === 201 && /^location: (.*)$/im.exec(headers)?.[1];
  if (!location) return;
  for (const { path, method } of operations) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
    const ids = new RegExp(`^${path.replace(/\{\w+\}/g, "([^/]+)")}$`).exec(location);
    if (method === "GET" && ids)
      world.places[names.at(-1) ?? ""]?.push({ ...place, ...Object.fromEntries(names.map((name, index) => [name, ids[index + 1] as string])) });
  }
}

function authorization({ keys }: World, caller: CallerName, url: string): string | undefined {
  if (caller === "nobody") return undefined;
  if (caller !== "stranger") return `Bearer ${keys[caller as KeyName]}`;
  const made = [`Bearer ${keys.expired}`, `Bearer ${keys.revoked}`, `Bearer ${keys.admin.slice(0, -1)}`, "Bearer a.b.c", "Basic YTpi", "Bearer"];
  return [...made, `Bearer ${"x".repeat(9_000)}`, "é"][url.length % 8];
}

function send(world: World, { method, url, caller, headers, body }: Sent): Promise<Answer> {
  const { hostname, port } = new URL(api.url);
  const bytes = body && Buffer.from(body.text, body.encoding);
  const key = authorization(world, caller, url);
  const length = bytes ? { "content-length": bytes.length } : {};
  return new Promise((resolve, reject) => {
    const outgoing = open({ agent, hostname, port, method, path: url, headers: { ...headers, ...length, ...(key && { authorization: key }) } }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => {
        const type = (answer.headers["content-type"] ?? "").split(";")[0] as string;
        const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}`);
        resolve({ status: answer.statusCode ?? 0, type, headers: lines.join("\n"), text: Buffer.concat(chunks).toString() });
      });
    });
    outgoing.on("error", (error) => reject(new Error(`${method} ${url.slice(0, 500)}: ${error.message}`)));
    outgoing.end(bytes);
  });
}

const REVEALING = /node_modules|\.[jt]s:\d+|prisma|postgres|secret_?hash|body_?digest|SELECT |INSERT INTO|DELETE FROM|\bP20\d\d\b|\$\d+\b.*WHERE/i;

function flawsOf(world: World, request: Request, sent: Sent, answer: Answer): string[] {
  const flaws = [...flawsOfForm(request, sent, answer), ...leaks(world, sent, answer)];
  const shown = (text: string) => (text.length > 1_500 ? `${text.slice(0, 1_500)}… (${text.length})` : text);
  const asked = `${sent.method} ${shown(sent.url)} as ${sent.caller}, ${JSON.stringify(sent.headers)}, ${sent.body ? `${sent.body.encoding} ${shown(sent.body.text)}` : "no body"}`;
  return flaws.map(
    (flaw) => `${request.operation.operationId}: ${flaw}\n  ${asked}\n  ${answer.status} ${answer.headers.replaceAll("\n", ", ")}\n  ${shown(answer.text)}\n`,
  );
}

function flawsOfForm({ operation, astray, method }: Request, { url }: Sent, { status, type, text }: Answer): string[] {
  if (method === "HEAD") return status >= 500 ? ["5xx"] : [];
  // Another route's, or no route's at all.
  const isElsewhere = method !== operation.method || Object.values(astray).some((value) => value === "" || value.includes("/")) || url.length > HEADERS_AT_MOST;
  const described = operation.responses[status];
  if (status >= 400) {
    if (type !== "application/problem+json") return [`${type} is not a problem`];
    const problem: { code: ProblemCode; status: number; type: string } = JSON.parse(text);
    if (PROBLEMS[problem.code]?.status !== status || problem.status !== status) return [`${problem.code} does not go with ${status}`];
    if (status >= 500) return [`${status} is no answer in good health`];
    if (REVEALING.test(text)) return ["it tells how it is made inside"];
    if (isElsewhere || described?.description.includes(`\`${problem.code}\``)) return [];
    return [`${status} ${problem.code} is not described`];
  }
  if (isElsewhere) return [];
  if (!described) return [`${status} is not described`];
  if (REVEALING.test(text)) return ["it tells how it is made inside"];
  if (!described.content) return text ? [`${status} comes without a body`] : [];
  if (!described.content[type]) return [`${type} is not described`];
  return type === "application/json" ? misfits(operation, status, JSON.parse(text)) : [];
}

const schemas = new Map<string, z.ZodType>();

function misfits({ operationId, responses }: Operation, status: number, body: unknown): string[] {
  const name = `${operationId} ${status}`;
  const schema =
    schemas.get(name) ?? z.fromJSONSchema(inline(responses[status]?.content?.["application/json"]?.schema as Schema) as z.core.JSONSchema.JSONSchema);
  schemas.set(name, schema);
  return (schema.safeParse(body).error?.issues ?? []).map(({ path, message }) => `it does not fit its schema at ${path.join("/")}: ${message}`);
}

/** What may be told from now on: its owner may be about to share it, or somebody to move into sight of it. */
function release(world: World, { method, url, caller }: Sent): void {
  if (method === "GET") return;
  const moves = /\/teams|\/membership/.test(url);
  world.secrets = world.secrets.filter(({ id, hidden }) => !(hidden && moves) && !(id && caller === "keeper" && url.includes(id)));
}

function leaks({ secrets }: World, { caller }: Sent, { headers, text }: Answer): string[] {
  const cursor = /"next":"([\w-]+)"/.exec(text)?.[1] ?? "";
  const told = `${headers}\n${text}\n${Buffer.from(cursor, "base64url")}`;
  return secrets.filter((secret) => !secret.toldTo.includes(caller) && told.includes(secret.text)).map((secret) => `${caller} is told ${secret.text}`);
}

function changed(text: string, at: number): string {
  const index = at % text.length;
  return `${text.slice(0, index)}${text[index] === "A" ? "B" : "A"}${text.slice(index + 1)}`;
}

function count(operationId: string, status: number): void {
  const statuses = tally.get(operationId) ?? new Map<number, number>();
  tally.set(operationId, statuses.set(status, (statuses.get(status) ?? 0) + 1));
}

/** What only refusals answer proves little. */
function expectAllKinds(): void {
  const statuses = [...tally.values()].flatMap((each) => [...each]);
  const sum = (counts: typeof statuses) => counts.reduce((sum, [, count]) => sum + count, 0);
  const shareOf = (hundred: number) => sum(statuses.filter(([status]) => Math.floor(status / 100) === hundred)) / sum(statuses);
  const never = operations.map(({ operationId }) => operationId).filter((id) => ![...(tally.get(id)?.keys() ?? [])].some((status) => status < 300));
  const percents = [2, 3, 4].map((hundred) => `${(100 * shareOf(hundred)).toFixed(1)} % ${hundred}xx`);
  process.stderr.write(`${sum(statuses)} answers: ${percents.join(", ")}; never 2xx: ${never.join(", ") || "none"}\n`);
  expect(shareOf(2)).toBeGreaterThan(0.25);
  if (REQUESTS >= 20_000) expect(never).toEqual([]);
}
