import { demoId } from "./ids";
import { ANALYST, LEAD, learnerId } from "./people";
import { NEXT } from "./store-story";
import { STORY } from "./story";
import { STORY_PATH } from "./story-path";
import { FIRST_SESSION } from "./story-sessions";

/** What the examples of the API's description are of: ids that every load of the sample organisation has. */
export const SAMPLE_IDS: Record<string, string | number> = {
  learnerId: learnerId(ANALYST),
  leadId: learnerId(LEAD),
  reviewerId: learnerId("Adaeze Nwosu"),
  answeredById: learnerId("Adaeze Nwosu"),
  teamId: demoId("team", "Analytics"),
  parentId: demoId("team", "Product"),
  resourceId: STORY.textbook.id,
  pathId: STORY_PATH.id,
  goalId: demoId("goal", `${ANALYST} next`),
  sessionId: FIRST_SESSION,
  // Of the path: its only version.
  number: 1,
  ...NEXT,
};
