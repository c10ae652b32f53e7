import { NAMES_LEARNERS } from "../../src/mergers/models";
import { differingMonths } from "../../src/study-sessions/learner-months";
import { startApp, type TestApp } from "../setup/app";
import { buildLearner } from "../setup/factories";
import { buildWorld, WRITES } from "../setup/racing-writes";

// On a server the writes and the merger really run at once; the embedded database takes them one by one.
const ROUNDS = Number(process.env.MERGER_ROUNDS ?? 2);
const AT_ONCE = 4;

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

// What a merger refuses, and what two of the same may be refused for among themselves.
const ALLOWED = new Set([
  ...["learner-merged", "not-found", "reviewer-not-above", "idempotency-key-in-flight", "timer-running", "key-rotated", "day-full"],
  ...["already-exists", "review-waiting", "review-answered", "version-mismatch", "membership-overlap", "forbidden"],
]);

test.each(Object.entries(WRITES))(
  "%s is the survivor's or is refused, whichever comes first",
  async (_, write) => {
    for (let round = 0; round < ROUNDS; round++) {
      const world = await buildWorld(api);
      const { learnerId } = world.ids;
      const { id: survivorId } = await buildLearner(api.db);
      const writes = Array.from({ length: AT_ONCE }, async (_, index) => {
        await later(Math.random() * 6 * index);
        return write(world);
      });
      await later(Math.random() * 10);
      const merged = await api.admin.put(`/v1/learners/${learnerId}/merger`, { survivorId });
      const answers = await Promise.all(writes);
      expect([merged.status, merged.body.code]).toEqual([200, undefined]);
      const odd = answers.filter(({ status, body }) => status >= 500 || (status >= 400 && !ALLOWED.has(body.code ?? "")));
      expect(odd.map(({ status, body }) => `${status} ${body.code}`)).toEqual([]);
      expect(await leftOf(learnerId)).toEqual([]);
      const wrong = [];
      for await (const { differing } of differingMonths(api.db, {})) wrong.push(...differing);
      expect(wrong).toEqual([]);
    }
  },
  600_000,
);

test("of mergers of the same records at once, some of them in a circle, what can be is done, and every id leads to one who is not merged", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const people = await Promise.all([1, 2, 3, 4].map(async () => (await buildLearner(api.db)).id));
    const pairs = people.flatMap((learnerId) => people.filter((id) => id !== learnerId).map((survivorId) => ({ learnerId, survivorId })));
    const answers = await Promise.all(pairs.map(({ learnerId, survivorId }) => api.admin.put(`/v1/learners/${learnerId}/merger`, { survivorId })));
    const done = answers.filter(({ status }) => status === 200);
    expect(answers.filter(({ status }) => status !== 200).map(({ body }) => body.code)).toEqual(Array(pairs.length - 3).fill("learner-merged"));
    expect(done).toHaveLength(3);
    const rows = await api.db.learner.findMany({ where: { id: { in: people } } });
    const [last, ...others] = rows.filter(({ mergedIntoId }) => !mergedIntoId).map(({ id }) => id);
    expect(others).toEqual([]);
    expect(rows.flatMap(({ mergedIntoId }) => mergedIntoId ?? [])).toEqual([last, last, last]);
  }
}, 600_000);

/** Where the record is still named. */
async function leftOf(id: string): Promise<string[]> {
  const places = Object.values(NAMES_LEARNERS).flatMap((naming) =>
    naming ? [naming.owner, ...(naming.refers ?? [])].flatMap((column) => (column ? [[naming.table, column] as const] : [])) : [],
  );
  const left: string[] = [];
  for (const [table, column] of places) {
    const rows = (await api.db.$queryRawUnsafe(`SELECT 1 FROM ${table} WHERE ${column} = $1::uuid LIMIT 1`, id)) as object[];
    if (rows.length) left.push(`${table}.${column}`);
  }
  return left;
}
