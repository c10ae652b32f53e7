import type { Response } from "supertest";
import { type Client, startApp, type TestApp } from "../setup/app";
import { queryOf, requests } from "./authorization/requests";
import { CALLERS, type Caller, rows } from "./authorization/table";
import { type Issuer, startIssuer } from "./authorization/token-issuer";
import { buildWorld, type Ids } from "./authorization/world";
import { everyOperation, fill, type Operation } from "./operations";

// What an answer to a write shows, a read by the same caller shows, too: for every operation, and
// everybody who may do it. Beside that it holds what was sent, and the receipt's own fields.

let api: TestApp;
let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

const RECEIPT = ["learnerId", "id", "version", "self"];
// Shown this once, to whoever made it.
const SECRET = ["secret"];
// What became of each, and how many: of what was sent, or of what is gone.
const OUTCOMES = ["kind", "index", "line", "outcome", "created", "existing", "rejected", "lines", "change", "dryRun"];
// The same under another name.
const NAMED_OTHERWISE: Record<string, string> = { fromVersion: "version", toVersion: "version", before: "progress", after: "progress" };

const writes = rows.flatMap((row) => {
  const operation = everyOperation.find(({ operationId }) => operationId === row.operationId) as Operation;
  return operation.method === "get" ? [] : [{ ...row, operation }];
});
const reads = everyOperation.filter(({ method, path }) => method === "get" && path.startsWith("/v1/") && !path.startsWith("/v1/exports/"));

test.each(writes)("$name shows no more than a read", async ({ name, operation, marks }) => {
  const callers = CALLERS.filter((caller) => marks[caller] === "+");
  for (const caller of callers) expect({ caller, more: await shownBeyondReads(name, operation, caller) }).toEqual({ caller, more: [] });
});

/** What an answer holds that its caller neither sent nor may read. */
async function shownBeyondReads(name: string, operation: Operation, caller: Caller): Promise<string[]> {
  const world = await buildWorld(api, issuer, { hasLeft: caller.endsWith(", after") });
  await writeEverywhere(world.ids);
  const asking = await world.as(caller);
  const { before, body, headers, ids: others = {} } = requests[name] ?? {};
  await before?.(api, world.ids);
  const ids = Object.fromEntries(Object.entries(world.ids).map(([id, value]) => [id, world.ids[others[id] as string] ?? value])) as Ids;
  const sent = body?.(world.ids);
  const url = fill(operation.path, (parameter) => ids[parameter] as string);
  const { method } = operation as { method: "post" | "put" | "patch" | "delete" };
  // Afterwards the record that was merged is read nowhere.
  const preview = name === "mergeLearner" ? (await asking.get(url + queryOf("previewMerger", world.ids))).body : null;
  const answer = method === "delete" ? await asking.delete(url, headers) : await asking[method](url, sent as object, headers);
  // Whoever redeems an invitation is from then on the person, with the key that they were given.
  const client = name === "redeemInvitation" ? api.as(answer.body.secret) : asking;
  expect(answer.status).toBe(operation.success);
  if (answer.status === 204) return [];
  if (name === "erasePersonalData") return Object.keys(answer.body).filter((field) => !["learnerId", "dryRun", "erased", "anonymised"].includes(field));

  const known = new Set([...scalars(preview), ...scalars(typeof sent === "string" ? JSON.parse(sent) : sent), ...url.split("/")]);
  const missing = () => [...new Set(scalars(withoutWords(bodyOf(answer)), [...RECEIPT, ...SECRET, ...OUTCOMES]))].filter((scalar) => !known.has(scalar));
  for (const address of await readableAt(client, operation, ids, answer)) {
    if (!missing().length) break;
    const read = await client.get(address);
    if (read.status === 200) for (const scalar of scalars(read.body)) known.add(scalar);
  }
  return missing();
}

/** Addresses that may show the same: where the answer leads, then the operations of its kind, about the same or about the caller. */
async function readableAt(client: Client, { tag, path }: Operation, ids: Ids, { headers, body }: Response): Promise<string[]> {
  const led = [headers.location, body.links?.self].filter(Boolean);
  const person = (await client.get("/v1/me")).body.learner?.id;
  const ofItsKind = reads
    .filter((read) => read.tag === tag || read.path === path)
    .flatMap((read) => [ids, ...(person ? [{ ...ids, learnerId: person } as Ids] : [])].map((of) => fill(read.path, (parameter) => of[parameter] as string)));
  return [...led, ...ofItsKind];
}

/** Of the warnings what they name: the rest is the service's own words. */
function withoutWords(body: unknown): unknown {
  return JSON.parse(JSON.stringify(body), (name, value) =>
    name === "warnings" ? value.map(({ sessionIds }: { sessionIds?: string[] }) => sessionIds) : value,
  );
}

function bodyOf({ type, text, body }: Response): unknown {
  return type === "application/x-ndjson"
    ? text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
    : body;
}

/** Texts by themselves, numbers and the like with their name: those come everywhere. */
function scalars(value: unknown, without: string[] = [], name = ""): string[] {
  if (value === null || value === undefined) return [];
  if (typeof value === "object") {
    const entries = Array.isArray(value) ? value.map((item): [string, unknown] => [name, item]) : Object.entries(value);
    return entries.flatMap(([key, item]) => (without.includes(key) ? [] : scalars(item, without, key)));
  }
  return [typeof value === "string" ? plain(value) : `${NAMED_OTHERWISE[name] ?? name}=${value}`];
}

/** An instant as it is answered, whatever zone it was sent in. */
function plain(text: string): string {
  return /^\d{4}-\d\d-\d\dT/.test(text) ? new Date(text).toISOString() : text;
}

/** Something in every field that an answer could show. */
async function writeEverywhere(ids: Ids): Promise<void> {
  const { learnerId, goalId, emptyGoalId, stepId, sessionId, resourceId } = ids as unknown as Record<
    "learnerId" | "goalId" | "emptyGoalId" | "stepId" | "sessionId" | "resourceId",
    string
  >;
  const of = { learnerId };
  const some = (field: string) => `${field} of ${learnerId}`;
  const day = new Date("2026-06-10");
  await api.db.goal.updateMany({
    where: of,
    data: { why: some("why"), skills: [some("skill")], target: [10, 20, 70], startsOn: day, dueOn: new Date("2026-09-01") },
  });
  await api.db.goal.update({ where: { learnerId_id: { learnerId, id: emptyGoalId } }, data: { followsId: goalId } });
  await api.db.step.updateMany({
    where: of,
    data: { section: some("section"), resourceId, mode: "social", estimatedMinutes: 77, dueOn: day, startedOn: day, otherPrerequisites: [some("other")] },
  });
  await api.db.studySession.updateMany({
    where: of,
    data: { impact: 3, skills: [some("practice")], socialMinutes: 7, onTheJobMinutes: 11, timeZone: "Asia/Tokyo" },
  });
  // On the one that is not deleted.
  const other = (await api.db.step.findFirstOrThrow({ where: { learnerId, goalId, id: { not: stepId } } })).id;
  await api.db.studySession.update({ where: { learnerId_id: { learnerId, id: sessionId } }, data: { goalId, stepId: other } });
  await api.db.evidence.updateMany({ where: of, data: { url: `https://example.com/${learnerId}`, stepId: other } });
  await api.db.term.updateMany({ where: of, data: { meaning: some("meaning"), learnedOn: day, resourceId } });
  await api.db.timer.updateMany({ where: of, data: { mode: "formal", goalId, stepId: other, resourceId } });
  await api.db.learner.update({ where: { id: learnerId }, data: { externalId: some("externalId"), target: [20, 30, 50] } });
}
