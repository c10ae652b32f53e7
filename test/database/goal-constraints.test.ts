import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildPath, buildSession, buildStep } from "../setup/factories";
import { buildReview, buildTerm } from "../setup/growth-factories";

// The last line for paths, goals and what they hold: whatever writes to the tables, these hold.

let api: TestApp;
beforeAll(async () => {
  api = await startApp();
});
afterAll(() => api.close());

const run = (sql: string) => api.db.$executeRawUnsafe(sql);

describe("a published version of a path", () => {
  test.each([
    ["its words", "UPDATE path_versions SET title = 'x'"],
    ["its publication", "UPDATE path_versions SET published_at = NULL"],
    ["itself", "DELETE FROM path_versions"],
    ["a step", "UPDATE path_steps SET weight = 2"],
    ["a step less", "DELETE FROM path_steps"],
  ])("stays as it is: %s", async (_, sql) => {
    const { id } = await buildPath(api.db, [{ key: "a" }]);
    await expect(run(`${sql} WHERE path_id = '${id}'`)).rejects.toThrow("path_versions_immutable");
  });

  test("gets no further step, neither new nor from a draft", async () => {
    const { id } = await buildPath(api.db, [{ key: "a" }]);
    await expect(run(`INSERT INTO path_steps (path_id, number, key, position, title) VALUES ('${id}', 1, 'b', 1, 'B')`)).rejects.toThrow(
      "path_versions_immutable",
    );
    await run(`INSERT INTO path_versions (path_id, number, title) VALUES ('${id}', 2, 'Draft')`);
    await run(`INSERT INTO path_steps (path_id, number, key, position, title) VALUES ('${id}', 2, 'b', 1, 'B')`);
    await expect(run(`UPDATE path_steps SET number = 1 WHERE path_id = '${id}' AND number = 2`)).rejects.toThrow("path_versions_immutable");
  });
});

describe("a goal", () => {
  const set = async (change: string) => {
    const { learnerId, id } = await buildGoal(api.db);
    return run(`UPDATE goals SET ${change} WHERE learner_id = '${learnerId}' AND id = '${id}'`);
  };

  test.each([
    ["completed without a day", "status = 'completed'", "goals_completed_on_check"],
    ["with a day, but not completed", "completed_on = '2026-06-01'", "goals_completed_on_check"],
    ["with a target that makes no whole", "target = '{70,20,11}'", "goals_target_check"],
    ["at a version of no path", "path_version = 1", "goals_path_check"],
    ["that follows itself", "follows_id = id", "goals_no_circle"],
  ])("is not %s", async (_, change, constraint) => {
    await expect(set(change)).rejects.toThrow(constraint);
  });

  test("does not follow in a ring of three", async () => {
    const first = await buildGoal(api.db);
    const { learnerId } = first;
    const second = await buildGoal(api.db, { learnerId, followsId: first.id });
    const third = await buildGoal(api.db, { learnerId, followsId: second.id });
    await expect(run(`UPDATE goals SET follows_id = '${third.id}' WHERE learner_id = '${learnerId}' AND id = '${first.id}'`)).rejects.toThrow(
      "goals_no_circle",
    );
  });
});

describe("a step", () => {
  test.each([
    ["of no weight", "weight = 0", "steps_weight_check"],
    ["of less than none", "weight = -1", "steps_weight_check"],
    ["estimated at nothing", "estimated_minutes = 0", "steps_estimated_minutes_check"],
    ["completed and skipped at once", "completed_on = '2026-06-01', skipped_on = '2026-06-01'", "steps_state_check"],
    ["overridden and not completed", "override_reason = 'because'", "steps_override_check"],
  ])("is not %s", async (_, change, constraint) => {
    const { learnerId, id } = await buildStep(api.db);
    await expect(run(`UPDATE steps SET ${change} WHERE learner_id = '${learnerId}' AND id = '${id}'`)).rejects.toThrow(constraint);
  });

  test("requires neither itself nor a step of another goal", async () => {
    const step = await buildStep(api.db);
    const other = await buildStep(api.db, { learnerId: step.learnerId });
    const requires = (id: string) =>
      run(`INSERT INTO step_prerequisites (learner_id, goal_id, step_id, requires_id) VALUES ('${step.learnerId}', '${step.goalId}', '${step.id}', '${id}')`);
    await expect(requires(step.id)).rejects.toThrow("step_prerequisites_self_check");
    await expect(requires(other.id)).rejects.toThrow("step_prerequisites_requires_fkey");
  });
});

describe("a study session", () => {
  const set = async (change: (step: { id: string; goalId: string }, learnerId: string) => string) => {
    const step = await buildStep(api.db);
    const { learnerId, id } = await buildSession(api.db, { learnerId: step.learnerId });
    return run(`UPDATE study_sessions SET ${change(step, learnerId)} WHERE learner_id = '${learnerId}' AND id = '${id}'`);
  };

  test("is on no step without the step's goal", async () => {
    await expect(set(({ id }) => `step_id = '${id}'`)).rejects.toThrow("study_sessions_step_check");
    const other = await buildStep(api.db);
    await expect(set(({ goalId }) => `goal_id = '${goalId}', step_id = '${other.id}'`)).rejects.toThrow("study_sessions_step_fkey");
    await expect(set(({ id, goalId }) => `goal_id = '${goalId}', step_id = '${id}'`)).resolves.toBe(1);
  });

  test("has nobody for their own mentor", async () => {
    await expect(set((_, learnerId) => `mentor_id = '${learnerId}'`)).rejects.toThrow("study_sessions_mentor_check");
  });
});

test("evidence is a link or words", async () => {
  const { learnerId, id } = await buildGoal(api.db);
  const insert = run(`INSERT INTO evidence (learner_id, id, goal_id, title) VALUES ('${learnerId}', '${uuidv7()}', '${id}', 'Nothing')`);
  await expect(insert).rejects.toThrow("evidence_content_check");
});

describe("a review", () => {
  test.each([
    ["answered without a verdict", "answered_at = now(), answered_by_id = (SELECT id FROM learners WHERE id <> learner_id LIMIT 1)", "reviews_answer_check"],
    ["answered by nobody", "answered_at = now(), verdict = 'endorsed'", "reviews_answer_check"],
    ["commented before it is answered", "comment = 'soon'", "reviews_answer_check"],
    ["answered by its learner", "answered_at = now(), verdict = 'endorsed', answered_by_id = learner_id", "reviews_answered_by_check"],
  ])("is not %s", async (_, change, constraint) => {
    const { learnerId, id } = await buildReview(api.db);
    await expect(run(`UPDATE reviews SET ${change} WHERE learner_id = '${learnerId}' AND id = '${id}'`)).rejects.toThrow(constraint);
  });

  test("waits alone for a goal, and alone for each of its steps", async () => {
    const { learnerId, goalId, id: stepId } = await buildStep(api.db);
    for (const of of [
      { learnerId, goalId },
      { learnerId, goalId, stepId },
    ]) {
      await buildReview(api.db, { ...of, askedAt: new Date() });
      await expect(buildReview(api.db, { ...of, askedAt: new Date() })).rejects.toThrow("reviews_one_waiting");
    }
  });
});

test("a goal has a term once, in whatever case", async () => {
  const { learnerId, goalId } = await buildTerm(api.db, { term: "Pod" });
  await expect(buildTerm(api.db, { learnerId, goalId, term: "POD" })).rejects.toThrow("terms_once");
  // A shared one does not tell that there is a private one.
  await buildTerm(api.db, { learnerId, goalId, term: "POD", shared: true });
  await expect(buildTerm(api.db, { learnerId, goalId, term: "pod", shared: true })).rejects.toThrow("terms_once");
});
