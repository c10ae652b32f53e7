import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildKey, buildLearner, buildMember, buildResource, buildStep, buildTeam, keyOf } from "../setup/factories";

// Many log at once, the same sessions too, and some what may not be logged. Whatever was made of
// it together, each is answered as if one had come after the other: in the order that the answers
// tell, the same requests are sent once more, one by one, by people like them.
// Before a release: FC_RUNS_AT_ONCE=300 npx jest test/study-sessions/at-once.property.test.ts
const RUNS = Number(process.env.FC_RUNS_AT_ONCE ?? 12);
const SEED = Number(process.env.FC_SEED ?? 702010);

const CALLERS = ["admin", "ada", "bo", "lead", "service", "confined", "reader"] as const;
const LEARNERS = ["ada", "bo", "elsewhere", "nobody"] as const;
const BODIES = [
  { minutes: 60 },
  { minutes: 61, note: "private" },
  { minutes: 60, goalId: "goal of ada" },
  { minutes: 60, stepId: "step of ada" },
  { minutes: 60, resourceId: "mentor" },
  { minutes: 60, resourceId: "nothing" },
  { minutes: 60, split: { social: 61 } },
  { minutes: 60, startedAt: "2027-01-01T00:00:00Z" },
] as const;
// Refused by the database itself, by a trigger of this test's. Under an id of its own: whether one
// that is taken is tried at all depends on who else came at the time.
const REFUSED = { minutes: 1_439 } as const;

type Session = { learner: (typeof LEARNERS)[number]; id: number | null; body: (typeof BODIES)[number] | typeof REFUSED };
type Asked = { caller: (typeof CALLERS)[number] } & ({ put: Session & { id: number } } | { post: Session } | { batch: Session[] });
type Answer = { status: number; body: Record<string, unknown>; requestId: string };
type Item = { outcome: string; learnerId: string | null; id: string | null; problem: { code: string } | null };

const id = fc.integer({ min: 0, max: 5 });
const body = fc.oneof({ arbitrary: fc.constantFrom(BODIES[0], BODIES[3]), weight: 3 }, { arbitrary: fc.constantFrom(...BODIES), weight: 2 });
const learner = fc.oneof({ arbitrary: fc.constantFrom(LEARNERS[0], LEARNERS[1]), weight: 4 }, { arbitrary: fc.constantFrom(...LEARNERS), weight: 1 });
const fresh = fc.record({ learner, id: fc.constant(null), body: fc.oneof({ arbitrary: body, weight: 10 }, { arbitrary: fc.constant(REFUSED), weight: 1 }) });
const asked: fc.Arbitrary<Asked> = fc.oneof(
  fc.record({ caller: fc.constantFrom(...CALLERS), put: fc.record({ learner, id, body }) }),
  fc.record({ caller: fc.constantFrom(...CALLERS), post: fresh }),
  fc.record({
    caller: fc.constantFrom(...CALLERS),
    batch: fc.array(fc.oneof({ arbitrary: fc.record({ learner, id: fc.option(id), body }), weight: 30 }, { arbitrary: fresh, weight: 1 }), {
      minLength: 1,
      maxLength: 30,
    }),
  }),
);

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
  await api.db.$executeRaw`CREATE FUNCTION refuse_in_test() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''refused by a test''; END'`;
  await api.db
    .$executeRaw`CREATE TRIGGER refuse_in_test BEFORE INSERT ON study_sessions FOR EACH ROW WHEN (NEW.minutes = 1439) EXECUTE FUNCTION refuse_in_test()`;
});
afterAll(async () => {
  await api.db.$executeRaw`DROP FUNCTION refuse_in_test() CASCADE`;
  await api.close();
});

test("at once, each is answered as if one had come after the other", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(asked, { minLength: 20, maxLength: 60 }), async (requests) => {
      const world = await buildWorld();
      const answers = await Promise.all(requests.map((request) => send(world, request)));
      await expectLedger(world, requests, answers);

      const again = await buildWorld();
      const inTurn: string[] = [];
      for (const index of orderTold(world, requests, answers)) inTurn[index] = inWords(again, await send(again, requests[index] as Asked));
      expect(answers.map((answer) => inWords(world, answer))).toEqual(inTurn);
    }),
    { numRuns: RUNS, seed: SEED, endOnFailure: true },
  );
});

type World = { ids: Map<string, string>; keys: Record<string, string> };

async function buildWorld(): Promise<World> {
  const { db } = api;
  const lead = await buildLearner(db);
  const team = await buildTeam(db, { leadId: lead.id });
  const [ada, bo, elsewhere] = [await buildMember(db, team.id), await buildMember(db, team.id), await buildLearner(db)];
  const goal = await buildGoal(db, { learnerId: ada.id });
  const step = await buildStep(db, { learnerId: ada.id, goalId: goal.id });
  const mentor = await buildResource(db, { type: "mentor", skills: ["talk"] });
  const named = { ada, bo, elsewhere, "goal of ada": goal, "step of ada": step, mentor };
  const ids = new Map(Object.entries(named).map(([name, { id }]) => [name, id]));
  for (const name of ["nobody", "nothing", ...Array.from({ length: 6 }, (_, n) => `session ${n}`)]) ids.set(name, uuidv7());
  return {
    ids,
    keys: {
      admin: await buildKey(db, { role: "admin" }),
      ada: await keyOf(db, ada.id),
      bo: await keyOf(db, bo.id),
      lead: await keyOf(db, lead.id),
      service: await buildKey(db, { role: "service" }),
      confined: await buildKey(db, { role: "service", teamId: team.id, scopes: ["sessions:write"] }),
      reader: await buildKey(db, { role: "service", scopes: ["learning:read"] }),
    },
  };
}

async function send({ ids, keys }: World, asked: Asked): Promise<Answer> {
  const client = api.as(keys[asked.caller] as string);
  const named = (value: unknown) => ids.get(String(value)) ?? value;
  const said = (body: object) => ({
    startedAt: "2026-06-16T08:00:00Z",
    ...Object.fromEntries(Object.entries(body).map(([name, value]) => [name, named(value)])),
  });
  const of = ({ learner }: Session) => `/v1/learners/${named(learner)}/study-sessions`;
  const { status, body, headers } =
    "put" in asked
      ? await client.put(`${of(asked.put)}/${named(`session ${asked.put.id}`)}`, said(asked.put.body))
      : "post" in asked
        ? await client.post(of(asked.post), said(asked.post.body))
        : await client.post("/v1/study-sessions/batch", {
            items: asked.batch.map(({ learner, id, body }) => ({
              learnerId: named(learner),
              ...(id !== null && { id: named(`session ${id}`) }),
              ...said(body),
            })),
          });
  return { status, body, requestId: headers["x-request-id"] as string };
}

/** What a request stored, by its answer. */
function storedBy(asked: Asked, { status, body }: Answer): string[] {
  if ("batch" in asked)
    return status === 200 ? (body.items as Item[]).filter(({ outcome }) => outcome === "created").map(({ learnerId, id }) => `${learnerId} ${id}`) : [];
  return status === 201 ? [`${body.learnerId} ${body.id}`] : [];
}

/** The table holds what was answered as stored, each once, and the audit one event for each request that stored something. */
async function expectLedger({ ids }: World, requests: Asked[], answers: Answer[]): Promise<void> {
  const learnerIds = LEARNERS.map((name) => ids.get(name) as string);
  const ledger = requests.map((request, index) => storedBy(request, answers[index] as Answer));
  const rows = await api.db.studySession.findMany({ where: { learnerId: { in: learnerIds } } });
  expect(rows.map(({ learnerId, id }) => `${learnerId} ${id}`).sort()).toEqual(ledger.flat().sort());
  const events = await api.db.auditEvent.findMany({ where: { requestId: { in: answers.map(({ requestId }) => requestId) }, action: "change" } });
  const told = events.map((event) => [event.requestId, [...event.learnerIds].sort(), [...event.itemIds].sort()]);
  const expected = ledger.flatMap((stored, index) => {
    const keys = stored.map((key) => key.split(" "));
    return stored.length ? [[answers[index]?.requestId, [...new Set(keys.map(([learnerId]) => learnerId))].sort(), keys.map(([, id]) => id).sort()]] : [];
  });
  expect(told.sort()).toEqual(expected.sort());
}

/** The sessions that a request found there already, by its answer. */
function metBy({ ids }: World, asked: Asked, { status, body }: Answer): string[] {
  const keyOf = ({ learner, id }: Session) => `${ids.get(learner)} ${ids.get(`session ${id}`)}`;
  if ("put" in asked) return status === 200 || body.code === "body-differs" ? [keyOf(asked.put)] : [];
  if ("post" in asked || status !== 200) return [];
  const met = (body.items as Item[]).map(({ outcome, problem }) => outcome === "existing" || problem?.code === "body-differs");
  return asked.batch.filter((_, index) => met[index]).map(keyOf);
}

/** An order in which whoever stored a session comes before whoever met it. */
function orderTold(world: World, requests: Asked[], answers: Answer[]): number[] {
  const storer = new Map(requests.flatMap((request, index) => storedBy(request, answers[index] as Answer).map((key): [string, number] => [key, index])));
  const before = requests.map((request, index) => {
    const met = metBy(world, request, answers[index] as Answer);
    return new Set(met.flatMap((key) => storer.get(key) ?? []).filter((other) => other !== index));
  });
  const order: number[] = [];
  while (order.length < requests.length) {
    const next = before.findIndex((others, index) => !order.includes(index) && [...others].every((other) => order.includes(other)));
    if (next < 0) throw new Error("The answers tell of no order.");
    order.push(next);
  }
  return order;
}

/** An answer in the world's own names. */
function inWords({ ids }: World, { status, body }: Answer): string {
  const names = new Map([...ids].map(([name, id]) => [id, name]));
  // What overlaps what is told as it is when it is asked.
  const text = JSON.stringify(body, (name, value) => (name === "requestId" ? "a request" : name === "warnings" ? undefined : value));
  return `${status} ${text.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => names.get(id) ?? "made")}`;
}
