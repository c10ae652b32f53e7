import { NOW, startApp, type TestApp } from "../setup/app";
import { buildLearner, buildStep } from "../setup/factories";

// Days that contradict each other are neither kept nor silently changed.

let api: TestApp;
let learnerId: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db, { timeZone: "America/Los_Angeles" })).id;
});
afterEach(() => api.setNow(NOW));
afterAll(() => api.close());

const build = (overrides: object = {}) => buildStep(api.db, { learnerId, ...overrides });
const pathOf = ({ goalId, id }: { goalId: string; id: string }) => `/v1/learners/${learnerId}/goals/${goalId}/steps/${id}`;
const startOf = async (step: { goalId: string; id: string }) => (await api.admin.get(pathOf(step))).body.startedOn;
const sessions = () => `/v1/learners/${learnerId}/study-sessions`;
// At noon of the 17th in UTC it is still the 17th in Los Angeles.
const tomorrow = { startedAt: "2026-06-18T11:00:00Z", timeZone: "UTC", minutes: 30, mode: "social" };

describe("a session that is dated tomorrow starts its step today", () => {
  test.each([
    ["logged alone", (stepId: string) => api.admin.post(sessions(), { ...tomorrow, stepId })],
    ["in a batch", (stepId: string) => api.admin.post("/v1/study-sessions/batch", { items: [{ ...tomorrow, stepId, learnerId }] })],
    ["put on the step later", async (stepId: string) => api.admin.patch(`${sessions()}/${(await api.admin.post(sessions(), tomorrow)).body.id}`, { stepId })],
  ])("when it is %s", async (_, log) => {
    const step = await build();
    expect((await log(step.id)).status).toBeLessThan(300);
    expect((await api.db.studySession.findFirst({ where: { learnerId } }))?.occurredOn.toISOString()).toMatch(/^2026-06-18/);
    expect(await startOf(step)).toBe("2026-06-17");
    // So that it can be completed today.
    expect((await api.admin.put(`${pathOf(step)}/completion`)).body).toMatchObject({ startedOn: "2026-06-17", completedOn: "2026-06-17" });
  });

  test("on the day that it is where the learner lives", async () => {
    api.setNow(new Date("2026-06-18T03:00:00Z"));
    const step = await build();
    await api.admin.post(sessions(), { startedAt: "2026-06-18T02:00:00Z", timeZone: "Asia/Tokyo", minutes: 30, stepId: step.id });
    expect(await startOf(step)).toBe("2026-06-17");
  });
});

describe("a step", () => {
  test("is not skipped before it was started", async () => {
    const step = await build({ startedOn: new Date("2026-06-10") });
    const refused = await api.admin.put(`${pathOf(step)}/skip`, { skippedOn: "2026-06-09" });
    expect([refused.status, refused.body.errors]).toEqual([400, [{ pointer: "#/skippedOn", detail: expect.stringContaining("started after this day") }]]);
    expect((await api.admin.put(`${pathOf(step)}/skip`, { skippedOn: "2026-06-10" })).status).toBe(200);
  });

  test("that was skipped is not started later by a session", async () => {
    const step = await build({ skippedOn: new Date("2026-06-10") });
    await api.admin.post(sessions(), { startedAt: "2026-06-12T20:00:00Z", minutes: 30, stepId: step.id });
    expect(await startOf(step)).toBe("2026-06-10");
  });
});
