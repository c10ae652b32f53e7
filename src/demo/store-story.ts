import type { Scope } from "../access/scope";
import { adoptPath } from "../adoptions/adoptions.service";
import type { Db } from "../database/transaction";
import { addDays, type Day, toDate } from "../days";
import { addEvidence } from "../evidence/evidence.service";
import { Mode } from "../generated/prisma/enums";
import { updateGoal } from "../goals/goals.service";
import { inOrder } from "../prerequisites";
import { answerReview, askForReview } from "../reviews/reviews.service";
import { completeStep } from "../steps/step-states";
import { createStep, readGraph } from "../steps/steps.service";
import { addTerm } from "../terms/terms.service";
import { demoId } from "./ids";
import { ANALYST, learnerId } from "./people";
import { PROJECT_WEEKS, projectStart, STORY, type StoryGoals } from "./story";
import { DONE_ON_DAY, STORY_PATH, STORY_TERMS } from "./story-path";

const ANALYST_ID = learnerId(ANALYST);
/** What the analyst's next goal holds already, by id. */
export const NEXT = {
  stepId: demoId("step", "next"),
  evidenceId: demoId("evidence", "next"),
  termId: demoId("term", "next"),
  reviewId: demoId("review", "next"),
};
const DIRECT_LEAD = learnerId("Adaeze Nwosu");

/** How the analyst went down the path, step by step, and what is left of it: words, evidence, his lead's word. */
export async function storeStory(db: Db, scope: Scope, { project, next }: StoryGoals, today: Day): Promise<void> {
  const now = toDate(today);
  const start = projectStart(today);
  await adoptPath(db, scope, ANALYST_ID, project.id, { pathId: STORY_PATH.id }, now);
  for (const { id, pathStepKey } of inOrder(await readGraph(db, ANALYST_ID, project.id)).sorted) {
    const completedOn = toDate(addDays(start, DONE_ON_DAY[pathStepKey ?? ""] ?? 0));
    await completeStep(db, { learnerId: ANALYST_ID, goalId: project.id, id }, { completedOn }, {}, now);
  }
  for (const { term, meaning, onDay, from } of STORY_TERMS) {
    const resource = from && STORY[from];
    const resourceId = resource && "id" in resource ? resource.id : null;
    const input = { id: demoId("term", term), term, meaning, resourceId, learnedOn: toDate(addDays(start, onDay)), shared: true };
    await addTerm(db, scope, ANALYST_ID, project.id, input, now);
  }
  const ended = addDays(start, 7 * PROJECT_WEEKS);
  await addEvidence(db, scope, ANALYST_ID, project.id, {
    id: demoId("evidence", "runbook"),
    title: "The runbook that Platform accepted",
    url: "https://example.com/runbooks/demand-forecast",
    shared: true,
  });
  const review = { learnerId: ANALYST_ID, goalId: project.id, id: demoId("review", "project") };
  await askForReview(
    db,
    scope,
    ANALYST_ID,
    project.id,
    { id: review.id, question: "Would you let me deploy without anybody beside me?" },
    toDate(addDays(ended, -10)),
  );
  const lead: Scope = { caller: { ...scope.caller, role: "learner", learnerId: DIRECT_LEAD }, today };
  const answer = { verdict: "endorsed", comment: "Yes, since the rollback that you did on purpose" } as const;
  await answerReview(db, lead, review, answer, {}, toDate(addDays(ended, -8)));
  await updateGoal(db, scope, ANALYST_ID, project.id, { status: "completed", completedOn: toDate(ended) }, {}, now);
  const question = "Is a page for planners the right one to begin with?";
  await askForReview(db, scope, ANALYST_ID, next.id, { id: NEXT.reviewId, question }, toDate(addDays(today, -2)));
  await createStep(db, ANALYST_ID, next.id, { id: NEXT.stepId, title: "Draw the page with two planners", mode: Mode.social }, now);
  const term = { id: NEXT.termId, term: "Type guard", meaning: "A check after which the compiler knows more", shared: true };
  await addTerm(db, scope, ANALYST_ID, next.id, term, now);
  await addEvidence(db, scope, ANALYST_ID, next.id, {
    id: NEXT.evidenceId,
    title: "The page's first draft",
    url: "https://example.com/drafts/planners",
    shared: true,
  });
}
