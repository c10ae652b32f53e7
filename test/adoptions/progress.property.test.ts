import fc from "fast-check";
import type { Response } from "supertest";
import type { PathChange } from "../../src/adoptions/adoptions.schema";
import type { PathStepCreate } from "../../src/paths/paths.schema";
import type { Step } from "../../src/steps/steps.schema";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal } from "../setup/factories";

// A failure prints its seed and path: with them as FC_SEED and FC_PATH the very same histories are drawn again.
const SEED = Number(process.env.FC_SEED ?? 702010);
const PATH = process.env.FC_PATH ?? "";
const RUNS = Number(process.env.FC_RUNS_PROGRESS ?? 30);

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

type Listed = Pick<Step, "id" | "title" | "weight" | "required" | "state" | "prerequisites">;
type Standing = { progress: number | null; version: number; steps: Listed[] };

const KEYS = ["a", "b", "c", "d", "e"];
const weight = fc.integer({ min: 1, max: 9 });
const title = fc.constantFrom("Read", "Try", "Deploy", "Tell");
/** Which of the steps that there are then, as a fraction of them. */
const which = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const some = fc.array(which, { maxLength: 2 });

const version = fc
  .shuffledSubarray(KEYS, { minLength: 1 })
  .chain((keys) =>
    fc.tuple(
      ...keys.map((key, index) =>
        fc.record({ key: fc.constant(key), title, weight, required: fc.boolean(), prerequisites: fc.subarray(keys.slice(0, index)) }),
      ),
    ),
  );

const act = fc.oneof(
  { weight: 2, arbitrary: fc.record({ do: fc.constant("add" as const), title, weight, required: fc.boolean(), after: some }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("complete" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("uncomplete" as const, "unskip" as const, "start" as const, "delete" as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("skip" as const), which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("change" as const), which, title, weight, required: fc.boolean(), after: some }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("publish" as const), steps: version }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("takeOver" as const) }) },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

/** How often what is claimed was put to the test: claims about nothing would always hold. */
const seen = { between: 0, completed: 0, published: 0, adopted: 0, takenOver: 0, keptCompleted: 0 };

test(`through ${RUNS} random histories, progress is what the steps say and nothing that was completed is lost`, async () => {
  const history = fc.record({ first: version, acts: fc.array(act, { minLength: 6, maxLength: 18 }) });
  const property = fc.asyncProperty(history, async ({ first, acts }) => {
    const place = await begin(first);
    let standing = await readStanding(place);
    for (const each of acts) standing = await step(place, each, standing);
  });
  await fc.assert(property, { seed: SEED, path: PATH, numRuns: RUNS });
  if (RUNS >= 60 && !PATH) expect(Object.entries(seen).filter(([, count]) => count < 5)).toEqual([]);
});

type Place = { goal: string; path: string; pathId: string };

async function begin(steps: PathStepCreate[]): Promise<Place> {
  const { body } = await ok(api.admin.post("/v1/paths", { title: "A path", steps }));
  const path = `/v1/paths/${body.id}`;
  await ok(api.admin.put(`${path}/versions/1/publication`));
  const { learnerId, id } = await buildGoal(api.db);
  return { goal: `/v1/learners/${learnerId}/goals/${id}`, path, pathId: body.id };
}

async function step(place: Place, each: Act, before: Standing): Promise<Standing> {
  const done = await perform(place, each, before);
  const after = await readStanding(place);
  expect(after.progress).toBe(recomputed(after.steps));
  if (after.progress !== null) {
    expect(after.progress).toBeGreaterThanOrEqual(0);
    expect(after.progress).toBeLessThanOrEqual(1);
    if (after.progress > 0 && after.progress < 1) seen.between++;
  }
  if (done.refused) expect(after).toEqual(before);
  switch (each.do) {
    case "publish":
      seen.published++;
      expect(after).toEqual(before);
      break;
    case "complete":
      if (!done.step?.required) break;
      seen.completed++;
      expect(after.progress).toBeGreaterThanOrEqual(before.progress ?? 0);
      break;
    case "takeOver":
      expectNothingLost(before, after);
      // What an adoption says of progress is counted without the database.
      if (done.change) expect(done.change.progress).toEqual({ before: before.progress, after: after.progress });
  }
  return after;
}

/** Does it, as far as the goal has a step for it, and tells with which step, or that it was refused. */
async function perform(place: Place, each: Act, { steps }: Standing): Promise<{ step?: Listed; refused?: boolean; change?: PathChange }> {
  if (each.do === "publish") return publish(place, each.steps);
  if (each.do === "takeOver") return takeOver(place);
  const idsOf = (after: number[]) => [...new Set(after.flatMap((at) => steps[Math.floor(at * steps.length)]?.id ?? []))];
  if (each.do === "add") {
    const { title, weight, required, after } = each;
    await ok(api.admin.post(`${place.goal}/steps`, { title, weight, required, prerequisites: idsOf(after) }));
    return {};
  }
  const step = steps[Math.floor(each.which * steps.length)];
  if (!step) return {};
  const path = `${place.goal}/steps/${step.id}`;
  switch (each.do) {
    case "complete":
      await ok(api.admin.put(`${path}/completion`, { override: true, reason: "Knew it already" }));
      break;
    case "uncomplete":
      await ok(api.admin.delete(`${path}/completion`));
      break;
    case "start":
      await ok(api.admin.put(`${path}/start`, {}));
      break;
    case "unskip":
      await ok(api.admin.delete(`${path}/skip`));
      break;
    case "delete":
      await ok(api.admin.delete(path));
      break;
    case "skip":
      return step.state === "completed" ? refused(api.admin.put(`${path}/skip`, {}), "step-completed") : okWith(step, api.admin.put(`${path}/skip`, {}));
    case "change": {
      const { title, weight, required, after } = each;
      const change = api.admin.patch(path, { title, weight, required, prerequisites: idsOf(after) });
      return { step, refused: !(await okUnlessCircle(change)) };
    }
  }
  return { step };
}

async function publish({ path }: Place, steps: PathStepCreate[]): Promise<object> {
  const { body } = await ok(api.admin.post(`${path}/versions`));
  await ok(api.admin.patch(`${path}/versions/${body.number}`, { steps }));
  await ok(api.admin.put(`${path}/versions/${body.number}/publication`));
  return {};
}

/** What was said beforehand is what then happens. */
async function takeOver({ goal, pathId }: Place): Promise<{ refused?: boolean; change?: PathChange }> {
  const { path } = (await ok(api.admin.get(goal))).body;
  const said = path && (await api.admin.get(`${goal}/path`));
  const answer = api.admin.put(`${goal}/path`, { pathId });
  if (path && !path.newerVersion) {
    expect(said.body).toMatchObject({ toVersion: null, steps: [] });
    return refused(answer, "path-adopted");
  }
  if (!(await okUnlessCircle(answer))) {
    expect(said.body.code).toBe("prerequisite-circle");
    return { refused: true };
  }
  if (path) seen.takenOver++;
  else seen.adopted++;
  const change: PathChange = (await answer).body;
  const foretold = { ...change, steps: change.steps.map((step: { change: string }) => (step.change === "added" ? { ...step, stepId: null } : step)) };
  if (path) expect(foretold).toEqual(said.body);
  return { change };
}

function expectNothingLost(before: Standing, after: Standing): void {
  const completed = before.steps.filter(({ state }) => state === "completed");
  if (before.version !== after.version) seen.keptCompleted += completed.length;
  expect(after.steps).toEqual(
    expect.arrayContaining(completed.map(({ id, title, weight, required }) => expect.objectContaining({ id, title, weight, required, state: "completed" }))),
  );
}

/** Straight from the definition. */
function recomputed(steps: Listed[]): number | null {
  const counted = steps.filter(({ required, state }) => required && state !== "skipped");
  const sum = (of: Listed[]) => of.reduce((total, { weight }) => total + weight, 0);
  return counted.length ? sum(counted.filter(({ state }) => state === "completed")) / sum(counted) : null;
}

async function readStanding({ goal }: Place): Promise<Standing> {
  const { body } = await ok(api.admin.get(goal));
  const { items } = (await ok(api.admin.get(`${goal}/steps?limit=200`))).body;
  return { progress: body.growth.progress, version: body.version, steps: items };
}

async function ok(call: Promise<Response>): Promise<Response> {
  const answer = await call;
  if (answer.status >= 300) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer;
}

async function okWith(step: Listed, call: Promise<Response>): Promise<{ step: Listed }> {
  await ok(call);
  return { step };
}

async function okUnlessCircle(call: Promise<Response>): Promise<boolean> {
  if ((await call).body.code === "prerequisite-circle") return false;
  await ok(call);
  return true;
}

async function refused(call: Promise<Response>, code: string): Promise<{ refused: true }> {
  expect((await call).body.code).toBe(code);
  return { refused: true };
}
