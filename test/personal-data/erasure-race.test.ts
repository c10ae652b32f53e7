import { startApp, type TestApp } from "../setup/app";
import { buildWorld, WRITES } from "../setup/racing-writes";

// On a server the writes and the erasure really run at once; the embedded database takes them one by one.
const ROUNDS = Number(process.env.ERASURE_ROUNDS ?? 3);
const AT_ONCE = 4;

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const REFUSED = ["learner-erased", "unauthenticated", "not-found", "forbidden", "reviewer-not-above", "idempotency-key-in-flight"];

test.each(Object.entries(WRITES))(
  "%s leaves nothing of the person, whichever comes first",
  async (_, write) => {
    for (let round = 0; round < ROUNDS; round++) {
      const world = await buildWorld(api);
      const { learnerId } = world.ids;
      const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      const writes = Array.from({ length: AT_ONCE }, async (_, index) => {
        await later(Math.random() * 6 * index);
        return write(world);
      });
      await later(Math.random() * 10);
      const erased = await api.admin.delete(`/v1/learners/${learnerId}/personal-data`);
      const answers = await Promise.all(writes);
      expect(erased.status).toBe(200);
      const odd = answers.filter(({ status, body }) => status >= 500 || (status >= 400 && !ALLOWED.has(body.code ?? "")));
      expect(odd.map(({ status, body }) => `${status} ${body.code}`)).toEqual([]);
      expect(await leftOf(learnerId)).toEqual({});
      for (const secret of answers.flatMap(({ body }) => body.secret ?? [])) expect((await api.as(secret).get("/v1/me")).status).toBe(401);
      expect((await world.own.get("/v1/me")).status).toBe(401);
    }
  },
  600_000,
);

// What two of the same may be refused for among themselves, besides what an erasure refuses.
const ALLOWED = new Set([
  ...REFUSED,
  "timer-running",
  "key-rotated",
  "day-full",
  "already-exists",
  "review-waiting",
  "review-answered",
  "version-mismatch",
  "membership-overlap",
]);

/**
 * How much of the person is stored, by where; {} after an erasure. The answer to a service's batch
 * is not counted: of each item it holds the learner's id and no words.
 */
async function leftOf(id: string): Promise<Record<string, number>> {
  const counts = await api.db.$queryRaw<{ place: string; rows: number }[]>`
    SELECT place, count(*)::int AS rows FROM (
      SELECT 'keys' AS place FROM api_keys WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'goals' FROM goals WHERE learner_id = ${id}::uuid OR reviewer_id = ${id}::uuid
      UNION ALL SELECT 'steps' FROM steps WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'evidence' FROM evidence WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'terms' FROM terms WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'reviews' FROM reviews WHERE learner_id = ${id}::uuid OR (reviewer_id = ${id}::uuid AND verdict IS NULL)
      UNION ALL SELECT 'timers' FROM timers WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'notes' FROM study_sessions WHERE learner_id = ${id}::uuid AND (note IS NOT NULL OR time_zone <> 'UTC' OR goal_id IS NOT NULL OR started_at <> occurred_on)
      UNION ALL SELECT 'answers' FROM idempotency_keys WHERE caller_id = ${id}::uuid OR ${id} IN (body ->> 'id', body ->> 'learnerId', body ->> 'leadId')
      UNION ALL SELECT 'teams' FROM teams WHERE lead_id = ${id}::uuid
      UNION ALL SELECT 'mentors' FROM resources WHERE learner_id = ${id}::uuid
      UNION ALL SELECT 'open memberships' FROM memberships WHERE learner_id = ${id}::uuid AND until_day IS NULL
      UNION ALL SELECT 'profile' FROM learners WHERE id = ${id}::uuid
        AND (name <> 'Somebody who was erased' OR email IS NOT NULL OR external_id IS NOT NULL OR time_zone <> 'UTC' OR erased_at IS NULL)
    ) left_over GROUP BY place`;
  return Object.fromEntries(counts.map(({ place, rows }) => [place, rows]));
}
