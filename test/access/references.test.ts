import type { Response } from "supertest";
import { startApp, type TestApp } from "../setup/app";
import { buildSession, keyOf } from "../setup/factories";
import { buildEvidence, buildReview, buildTerm } from "../setup/growth-factories";
import { requests } from "./authorization/requests";
import { CALLERS, type Caller, rows } from "./authorization/table";
import { type Issuer, startIssuer } from "./authorization/token-issuer";
import { buildWorld, type World } from "./authorization/world";
import { shownIn } from "./authorization/wrong-cells";
import { everyOperation, fill, NOBODY, type Operation } from "./operations";

let api: TestApp;
let issuer: Issuer;
let shared: World;
beforeAll(async () => {
  issuer = await startIssuer();
  api = await startApp(issuer.settings);
  shared = await buildWorldWithOutsider();
});
afterAll(async () => {
  await api.close();
  issuer.close();
});

type Body = Record<string, unknown>;
type Reference = [caller: Caller, request: string, body: Body | null, answer: string];

const SESSION = { startedAt: "2026-06-16T08:00:00Z", minutes: 25 };
const own = "/v1/learners/{learnerId}";
const goal = `${own}/goals/{goalId}`;
const missing = "422 reference-missing";
const notAbove = "422 reviewer-not-above";
const of = (item: Body) => ({ items: [{ ...SESSION, ...item }] });

// Who may ask for something, and names what is another's and hidden from them: {!…}. The same
// answer is given where nothing has that id.
const REFERENCES: Reference[] = [
  ["the learner", `POST ${own}/study-sessions`, { ...SESSION, goalId: "{!outsiderGoalId}" }, missing],
  ["the learner", `POST ${own}/study-sessions`, { ...SESSION, stepId: "{!outsiderStepId}" }, missing],
  ["the learner", `PUT ${own}/study-sessions/{newSessionId}`, { ...SESSION, goalId: "{!outsiderGoalId}" }, missing],
  ["the learner", `PUT ${own}/study-sessions/{newSessionId}`, { ...SESSION, stepId: "{!outsiderStepId}" }, missing],
  ["the learner", `PUT ${own}/study-sessions/{!outsiderSessionId}`, SESSION, "201"],
  ["the learner", `PATCH ${own}/study-sessions/{sessionId}`, { goalId: "{!outsiderGoalId}" }, missing],
  ["the learner", `PATCH ${own}/study-sessions/{sessionId}`, { stepId: "{!outsiderStepId}" }, missing],
  ["the learner", "POST /v1/study-sessions/batch", of({ learnerId: "{learnerId}", goalId: "{!outsiderGoalId}" }), "200"],
  ["the learner", "POST /v1/study-sessions/batch", of({ learnerId: "{learnerId}", stepId: "{!outsiderStepId}" }), "200"],
  ["the learner", "POST /v1/study-sessions/batch", of({ learnerId: "{!outsiderId}" }), "200"],
  ["the learner", "POST /v1/study-sessions/batch", of({ learnerId: "{!outsiderId}", id: "{!outsiderSessionId}" }), "200"],
  ["a service confined to a team above", "POST /v1/study-sessions/batch", of({ learnerId: "{!outsiderId}" }), "200"],
  ["a peer", "POST /v1/learners/{peerId}/timer", { goalId: "{!goalId}" }, missing],
  ["a peer", "POST /v1/learners/{peerId}/timer", { stepId: "{!stepId}" }, missing],
  ["the learner", `POST ${own}/timer/study-session`, { goalId: "{!outsiderGoalId}" }, missing],
  ["the learner", `POST ${own}/timer/study-session`, { stepId: "{!outsiderStepId}" }, missing],
  ["an admin's key", `POST ${own}/study-sessions`, { ...SESSION, goalId: "{!outsiderGoalId}" }, missing],

  ["the learner", `POST ${own}/goals`, { title: "On from theirs", followsId: "{!outsiderGoalId}" }, missing],
  ["the learner", `POST ${own}/goals`, { title: "By them", reviewerId: "{!leadElsewhereId}" }, notAbove],
  ["the learner", `POST ${own}/goals`, { title: "Under their id", id: "{!outsiderGoalId}" }, "201"],
  ["the learner", `PATCH ${goal}`, { followsId: "{!outsiderGoalId}" }, missing],
  ["the learner", `PATCH ${goal}`, { reviewerId: "{!leadElsewhereId}" }, notAbove],
  ["an admin's key", `PATCH ${goal}`, { followsId: "{!outsiderGoalId}" }, missing],
  ["the learner", `POST ${goal}/steps`, { title: "After theirs", prerequisites: ["{!outsiderStepId}"] }, missing],
  ["the learner", `PATCH ${goal}/steps/{stepId}`, { prerequisites: ["{!outsiderStepId}"] }, missing],
  ["the learner", `POST ${goal}/evidence`, { title: "Of theirs", text: "By me", stepId: "{!outsiderStepId}" }, missing],
  ["the learner", `PATCH ${goal}/evidence/{evidenceId}`, { stepId: "{!outsiderStepId}" }, missing],
  ["the learner", `POST ${own}/goals/{emptyGoalId}/reviews`, { stepId: "{!outsiderStepId}" }, missing],
  ["the learner", `POST ${own}/goals/{emptyGoalId}/reviews`, { reviewerId: "{!leadElsewhereId}" }, notAbove],

  ["the learner", "POST /v1/resources", { type: "mentor", title: "They", learnerId: "{!outsiderId}" }, "403 forbidden"],
  ["a service confined to a team above", "POST /v1/resources", { type: "mentor", title: "They", learnerId: "{!outsiderId}" }, "403 forbidden"],
  ["the learner", "POST /v1/api-keys", { name: "Theirs", role: "learner", learnerId: "{!outsiderId}" }, "403 forbidden"],
  ["the learner", "POST /v1/api-keys", { name: "Theirs", role: "service", teamId: "{!elsewhereId}" }, "403 forbidden"],

  ["the learner", `GET ${own}/study-sessions?goal={!outsiderGoalId}`, null, "200"],
  ["the learner", `GET ${own}/study-sessions?step={!outsiderStepId}`, null, "200"],
  ["the learner", `GET ${own}/study-sessions?cursor={!outsiderCursor}`, null, "400 invalid-request"],
  ["the learner", `GET ${own}/breakdown?goal={!outsiderGoalId}`, null, "200"],
  ["the learner", `GET ${own}/breakdown?step={!outsiderStepId}`, null, "200"],
  ["the learner", `GET ${own}/terms?goal={!outsiderGoalId}`, null, "200"],
  ["the learner", `GET ${goal}/evidence?step={!outsiderStepId}`, null, "200"],
  ["the learner", "GET /v1/resources?learner={!outsiderId}", null, "200"],
  ["the learner", "GET /v1/learners?q={!outsiderName}", null, "200"],
  ["the lead", "GET /v1/learners?q={!outsiderName}", null, "200"],
  ["the lead", "GET /v1/teams/{teamId}/study-sessions?learner={!outsiderId}", null, "200"],
  ["the lead", "GET /v1/teams/{teamId}/study-sessions?goal={!outsiderGoalId}", null, "200"],
  ["the lead", "GET /v1/teams/{teamId}/breakdown?learner={!outsiderId}", null, "200"],
  ["the lead", "GET /v1/teams/{teamId}/breakdown?goal={!outsiderGoalId}", null, "200"],
  ["the lead", "GET /v1/teams?under={!elsewhereId}", null, "200"],
  ["the lead", "GET /v1/teams?under={!divisionId}", null, "200"],
  ["the lead", "GET /v1/teams?parent={!elsewhereId}", null, "200"],
  ["the lead", "GET /v1/teams?parent={!divisionId}", null, "200"],
  ["the lead", "GET /v1/teams?lead={!leadElsewhereId}", null, "200"],
  ["the lead", "GET /v1/teams?lead={!leadAboveId}", null, "200"],
  ["the learner", "GET /v1/teams?parent={!divisionId}", null, "200"],
  ["a service confined to a team above", "GET /v1/teams?under={!elsewhereId}", null, "200"],
  ["a service confined to a team above", "GET /v1/teams?lead={!leadElsewhereId}", null, "200"],
];

test.each(REFERENCES)("%s, %s %j: %s, like for what is not there", async (caller, request, body, answer) => {
  // What it makes would be in the way of the others.
  const world = answer === "201" ? await buildWorldWithOutsider() : shared;
  const client = await world.as(caller);
  const ask = (hidden: (id: string) => string): Promise<Response> => {
    const known = { ...world.ids, ...world.words } as Record<string, string>;
    const filled = (text: string) => text.replace(/\{(!?)(\w+)\}/g, (_, isHidden, id) => (isHidden ? hidden(known[id] as string) : (known[id] as string)));
    const [method, url] = filled(request).split(" ") as ["GET", string];
    const sent = body ? JSON.parse(filled(JSON.stringify(body))) : undefined;
    return client[method.toLowerCase() as "post"](url, method === "GET" ? undefined : sent);
  };
  const theirs = await ask((id) => id);
  expect([theirs.status, theirs.body.code].join(" ").trim()).toBe(answer);
  expect(seen(theirs)).toEqual(seen(await ask(() => NOBODY)));
  expect(shownIn(theirs, world).filter((word) => word.startsWith("outsider"))).toEqual([]);
});

const deep = rows.filter(({ name, operationId }) => {
  // Under an id that another has already, one's own session is logged: see above.
  return name === operationId && operationId !== "putStudySession" && parametersOf(operationOf(operationId)).length > 1;
});
const askers = ["the learner", "the lead", "an admin's key", "directory:write"] as const;

test.each(deep.flatMap((row) => askers.map((caller) => ({ ...row, caller }))))("$name for $caller: nothing of another's is beneath a learner", async (row) => {
  const { caller, marks, name } = row;
  const operation = operationOf(row.operationId);
  const [, ...beneath] = parametersOf(operation);
  const client = await shared.as(caller);
  const ask = (other: (id: string) => string) => {
    const url = fill(operation.path, other);
    const { body, headers } = requests[name] ?? {};
    if (operation.method === "get" || operation.method === "delete") return client[operation.method](url, headers);
    return client[operation.method](url, body?.(shared.ids) as object | undefined, headers);
  };
  // Nothing is there in the version that was asked for.
  const missing = requests[name]?.headers?.["If-Match"] ? { status: 412, code: "version-mismatch" } : { status: 404, code: "not-found" };
  const refused = marks[caller] === "-" ? { status: 403, code: "forbidden" } : missing;
  // All that is beneath the learner is another's, or only the last.
  for (const others of beneath.map((_, index) => beneath.slice(index))) {
    const theirs = await ask((id) => shared.ids[others.includes(id) ? `outsider${id[0]?.toUpperCase()}${id.slice(1)}` : id] as string);
    expect({ status: theirs.status, code: theirs.body.code }).toEqual(refused);
    expect(seen(theirs)).toEqual(seen(await ask((id) => (others.includes(id) ? NOBODY : (shared.ids[id] as string)))));
    expect(shownIn(theirs, shared)).toEqual([]);
  }
});

test("a cursor that another was given leads on in what the caller may see alone", async () => {
  const { next } = (await api.admin.get("/v1/learners?limit=1")).body;
  const answer = await (await shared.as("the learner")).get(`/v1/learners?cursor=${next}`);
  expect(answer.status).toBe(200);
  expect(shownIn(answer, shared).filter((word) => !["name", "email"].includes(word))).toEqual([]);
});

const others = CALLERS.filter((caller) => caller !== "the learner" && !caller.endsWith(", after"));

test.each(others)("an Idempotency-Key of the learner's is not answered again to %s", async (caller) => {
  const path = `/v1/learners/${shared.ids.learnerId}/goals`;
  const body = { title: "Once, by me" };
  const headers = { "Idempotency-Key": "chosen-by-the-learner" };
  const first = await (await shared.as("the learner")).post(path, body, headers);
  const { status, body: answered, headers: more } = await (await shared.as(caller)).post(path, body, headers);
  expect([first.status, more["idempotency-replayed"]]).toEqual([201, undefined]);
  const mark = rows.find(({ name }) => name === "createGoal")?.marks[caller];
  expect(status).toBe({ "+": 201, "-": 403, "0": 404, "?": 401 }[mark as "+"]);
  expect(answered.id).not.toBe(first.body.id);
});

/** An answer but what differs between any two: ids and instants. */
function seen({ status, text, headers }: Response) {
  // What a session overlaps follows from what the one before it left: each is a session more.
  const said = text
    .replace(/,"warnings":\[.*\]\}$/, "}")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "id")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "instant");
  return { status, said, headers: Object.keys(headers) };
}

function operationOf(name: string): Operation {
  return everyOperation.find(({ operationId }) => operationId === name) as Operation;
}

function parametersOf({ path }: Operation): string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].flatMap(([, parameter]) => (path.includes("{learnerId}") ? (parameter as string) : []));
}

async function buildWorldWithOutsider(): Promise<World> {
  const { db } = api;
  const built = await buildWorld(api, issuer);
  const of = { learnerId: built.ids.outsiderId as string, goalId: built.ids.outsiderGoalId as string };
  const { learnerId } = of;
  const said = built.words.outsiderNote;
  await buildSession(db, { learnerId });
  await keyOf(db, learnerId);
  const ids = {
    outsiderEvidenceId: (await buildEvidence(db, { ...of, title: said, shared: true })).id,
    outsiderTermId: (await buildTerm(db, { ...of, term: said, shared: true })).id,
    outsiderReviewId: (await buildReview(db, { ...of, question: said })).id,
    outsiderMembershipId: (await db.membership.findFirstOrThrow({ where: { learnerId } })).id,
    outsiderCursor: (await api.admin.get(`/v1/learners/${learnerId}/study-sessions?limit=1`)).body.next,
  };
  return { ...built, ids: { ...built.ids, ...ids } };
}
