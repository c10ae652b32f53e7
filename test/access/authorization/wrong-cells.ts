import type { Response } from "supertest";
import type { Client, TestApp } from "../../setup/app";
import { everyOperation, fill, NOBODY, type Operation } from "../operations";
import { queryOf, requests } from "./requests";
import { CALLERS, type Caller, type Mark, markOf, type Row } from "./table";
import type { Issuer } from "./token-issuer";
import { buildWorld, type Ids, WORDS, type Word, type World } from "./world";

/** Where cells are played: what changes nothing on the same two worlds, all else on one of its own. */
export type Stage = { api: TestApp; issuer: Issuer; shared: World; sharedAfter: World; shown: Set<Word> };

export async function setStage(api: TestApp, issuer: Issuer): Promise<Stage> {
  const [shared, sharedAfter] = [await buildWorld(api, issuer), await buildWorld(api, issuer, { hasLeft: true })];
  return { api, issuer, shared, sharedAfter, shown: new Set() };
}

/** The cells of a row that are not as the table says, each with what is wrong about it. */
export async function wrongCells(stage: Stage, row: Row, callers: readonly Caller[] = CALLERS): Promise<string[]> {
  const judged = await Promise.all(callers.map(async (caller) => (await judge(stage, row, caller)).map((wrong) => `${row.name} for ${caller}: ${wrong}`)));
  return judged.flat();
}

const REFUSALS = {
  "-": { status: 403, code: "forbidden" },
  "0": { status: 404, code: "not-found" },
  "?": { status: 401, code: "unauthenticated" },
} as const;

async function judge(stage: Stage, row: Row, caller: Caller): Promise<string[]> {
  const operation = everyOperation.find(({ operationId }) => operationId === row.operationId) as Operation;
  const mark = row.marks[caller];
  const world = await worldFor(stage, operation, mark, caller);
  const client = await world.as(caller);
  if (mark === "+") await requests[row.name]?.before?.(stage.api, world.ids);
  const response = await ask(client, operation, row.name, world.ids);

  const { status, code } = outcome(response, row.name);
  const expected = mark === "+" ? { status: operation.success, code: undefined } : REFUSALS[mark];
  const wrong: string[] = [];
  if (status !== expected.status || code !== expected.code) wrong.push(`${status} ${code ?? ""} instead of ${expected.status} ${expected.code ?? ""}`);
  if (mark === "?" && response.headers["www-authenticate"] !== 'Bearer realm="cairn"') wrong.push("does not say how to sign in");
  if (!operation.statuses.includes(response.status)) wrong.push(`openapi.json does not say that it may answer ${response.status}`);
  for (const word of shownIn(response, world)) {
    if (mark === "+" && mayRead(word, row.name, caller)) stage.shown.add(word);
    else wrong.push(`shows ${word}`);
  }
  if (mark === "+") wrong.push(...wrongExtent(response, operation, caller));
  wrong.push(...(await wrongRecord(stage.api, response, operation, row.name, mark, caller)));
  if (mark === "0" && status === expected.status) wrong.push(...(await differsFromNothing(client, operation, row.name, world.ids, response)));
  return wrong;
}

async function worldFor({ api, issuer, shared, sharedAfter }: Stage, { method }: Operation, mark: Mark, caller: Caller): Promise<World> {
  const hasLeft = caller.endsWith(", after");
  if (mark === "+" && method !== "get") return buildWorld(api, issuer, { hasLeft });
  return hasLeft ? sharedAfter : shared;
}

function ask(client: Client, { method, path }: Operation, name: string, ids: Ids, sent = ids): Promise<Response> {
  const { body, headers, ids: others = {} } = requests[name] ?? {};
  const url = fill(path, (parameter) => sent[others[parameter] ?? parameter] as string) + queryOf(name, sent);
  return method === "get" || method === "delete" ? client[method](url, headers) : client[method](url, body?.(sent) as object, headers);
}

function outcome(response: Response, name: string): { status: number; code: string | undefined } {
  const { status, code } = requests[name]?.problemIn?.(response) ?? { status: response.status, code: response.body.code };
  return { status, code };
}

/** Who writes what they may not read. */
export const WRITE_ONLY: readonly Caller[] = ["sessions:write", "learning:write"];

/** A write that was done is answered in full, to whoever may not read that with a receipt. */
function wrongExtent({ body, status, headers }: Response, { method, path }: Operation, caller: Caller): string[] {
  if (method === "get" || status === 204 || !path.includes("{learnerId}")) return [];
  const isReceipt = JSON.stringify(Object.keys(body)) === '["learnerId","id","version","links"]';
  if (isReceipt !== WRITE_ONLY.includes(caller)) return [`is answered with ${isReceipt ? "a receipt" : "more than a receipt"}`];
  return isReceipt && (body.version !== null) !== Boolean(headers.etag) ? ["has a version without an ETag, or the other way round"] : [];
}

// Whom these show, and so whether that is recorded, depends on what there is: see audit.test.ts.
const BY_WHAT_IS_SHOWN = ["listLearners", "listApiKeys", "listAuditEvents"];

/** What a request must leave in the audit, and what it did. */
async function wrongRecord(api: TestApp, response: Response, operation: Operation, name: string, mark: Mark, caller: Caller): Promise<string[]> {
  const { operationId, path } = operation;
  if (BY_WHAT_IS_SHOWN.includes(operationId) || !path.startsWith("/v1/")) return [];
  const events = await api.db.auditEvent.findMany({ where: { requestId: response.headers["x-request-id"] as string } });
  // An export is recorded page by page.
  const each = events.map((event) => `${event.action} by ${event.operation}`);
  const recorded = (path.startsWith("/v1/exports/") ? [...new Set(each)] : each).join();
  const expected = mark === "+" ? recordOf(operation, caller) : isRecorded(response, operation, name, mark, caller) ? "refused" : null;
  if (recorded === (expected ? `${expected} by ${operationId}` : "")) return [];
  // Somebody before had made the change already: of what is left as it is, only what is shown is recorded.
  if (expected === "change" && !recorded.includes("change") && (await isRepeated(api, response, operationId))) return [];
  return [`is recorded as “${recorded}”`];
}

async function isRepeated(api: TestApp, { body }: Response, operation: string): Promise<boolean> {
  const { updatedAt } = body as { updatedAt?: string };
  const before = await api.db.auditEvent.findFirst({ where: { operation, action: "change" }, orderBy: { id: "desc" } });
  return before !== null && (updatedAt === undefined || new Date(updatedAt) <= before.at);
}

/** Every refusal of somebody known, but of what is nobody's or their own. */
function isRecorded({ status }: Response, { path }: Operation, name: string, mark: Mark, caller: Caller): boolean {
  if (mark === "?" || mark === "+") return false;
  // For whom within a batch or a file somebody would have logged.
  if (status === 200) return true;
  const isOwn = caller === "the learner" && !requests[name]?.ids?.learnerId;
  return mark === "-" || (path.includes("{learnerId}") ? !isOwn : /\{(teamId|apiKeyId)\}/.test(path));
}

/** Every change, and every read of somebody else's. */
function recordOf({ operationId, method, path }: Operation, caller: Caller): "change" | "read" | null {
  if (method !== "get") return "change";
  if (
    /^\/v1\/teams\/\{teamId\}\/(members|breakdown|growth|study-sessions|glossary)$/.test(path) ||
    operationId === "listMentoredSessions" ||
    path.startsWith("/v1/exports/")
  )
    return "read";
  if (operationId === "getMe") return caller === "a key that acts for the learner" ? "read" : null;
  return path.includes("{learnerId}") && caller !== "the learner" ? "read" : null;
}

/** What is hidden is answered like what is not there: the same request with ids that nothing has. */
async function differsFromNothing(client: Client, operation: Operation, name: string, ids: Ids, hidden: Response): Promise<string[]> {
  const own = Object.values(requests[name]?.ids ?? {});
  // Of what somebody may otherwise see, only the part that is hidden is not there.
  const named = own.length ? own : Object.keys(ids).filter((id) => operation.path.includes(`{${id}}`) || id === "learnerId");
  const nowhere = { ...ids, ...Object.fromEntries(named.map((id) => [id, id === "number" ? "999" : NOBODY])) };
  const nothing = await ask(client, operation, name, ids, nowhere);
  const seen = ({ status, text: body, headers }: Response) => {
    const text = `${JSON.stringify({ status, headers: Object.keys(headers) })} ${body}`.replaceAll(/"requestId":"[^"]+"/g, "");
    // A batch names again whom it was sent for.
    return named.reduce((all, id) => (id === "number" ? all : all.replaceAll(ids[id] as string, NOBODY)), text);
  };
  return seen(hidden) === seen(nothing) ? [] : [`${seen(hidden)} differs from ${seen(nothing)}, which nothing is answered`];
}

/** The words of a world that stand in an answer or its headers. */
export function shownIn(response: Response, { words }: World): Word[] {
  const all = response.text + JSON.stringify(response.headers);
  return WORDS.filter((word) => all.includes(words[word]));
}

const WITHIN = ["a peer", "the lead", "the lead above", "a service confined to a team above"] as const;
const AFTER = CALLERS.filter((caller) => caller.endsWith(", after"));
const EVERYWHERE = ["an admin's key", "an admin in person", "learning:read", "reports:read", "directory:write"] as const;
const MENTOR = { confirmStudySession: ["the mentor"], withdrawStudySessionConfirmation: ["the mentor"] } as const;

/** Who may read a word in whatever they may do: who may do one of `rows`, and `callers`; others only as `alsoIn` says. */
const READ_BY: Record<Word, { rows?: string[]; callers?: readonly Caller[]; alsoIn?: Record<string, readonly Caller[]> }> = {
  name: { rows: ["getLearner"], alsoIn: MENTOR },
  email: { rows: ["getLearner"] },
  keyName: { rows: ["revokeApiKey"] },
  goal: { rows: ["getGoal", "getLearnerGrowth"] },
  step: { rows: ["getStep", "getLearnerGrowth"] },
  evidence: { rows: ["getEvidence", "getLearnerGrowth"] },
  term: { rows: ["getTerm", "getLearnerGrowth"], alsoIn: { listGlossary: ["a peer"] } },
  question: { rows: ["getReview"] },
  comment: { rows: ["getReview", "getLearnerGrowth"] },
  note: { rows: ["getStudySession", "listTeamStudySessions"] },
  privateNote: { callers: ["the learner"] },
  privateEvidence: { callers: ["the learner"] },
  privateTerm: { callers: ["the learner"] },
  peerName: { callers: [...WITHIN, ...AFTER, ...EVERYWHERE] },
  outsiderName: { callers: ["a lead elsewhere", "a service confined elsewhere", ...EVERYWHERE], alsoIn: { listMentoredSessions: ["the learner"] } },
  outsiderGoal: {},
  outsiderNote: {},
};

function mayRead(word: Word, name: string, caller: Caller): boolean {
  const { rows = [], callers = [], alsoIn = {} } = READ_BY[word];
  return [...callers, ...(alsoIn[name] ?? [])].includes(caller) || rows.some((row) => markOf(row, caller) === "+");
}
