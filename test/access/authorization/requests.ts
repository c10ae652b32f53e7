import type { Response } from "supertest";
import { NOW, type TestApp } from "../../setup/app";
import type { Ids } from "./world";

type Request = {
  body?(ids: Ids): object | string;
  headers?: Record<string, string>;
  query?: string | ((ids: Ids) => string);
  /** Other ids of the world than those of the path's own parameters. */
  ids?: Record<string, string>;
  /** What has to be so for the operation to be possible at all. */
  before?(api: TestApp, ids: Ids): Promise<unknown>;
  /** The problem within an answer that tells of several things. */
  problemIn?(response: Response): { status: number; code: string } | null;
};

const SESSION = { startedAt: "2026-06-16T08:00:00Z", minutes: 25 };
const empty = { goalId: "emptyGoalId" };
const draft = { pathId: "draftPathId" };
const aTerm = (ids = {}) => ({ body: () => ({ meaning: "A store" }), ids });
const evidence = (ids = {}) => ({ body: () => ({ title: "The runbook" }), ids });
const privateEvidence = { evidenceId: "privateEvidenceId" };
const privateTerm = { termId: "privateTermId" };
/** What somebody vouches for, they have read. */
const asRead = { headers: { "If-Match": '"1"' } };
const answer = { body: () => ({ verdict: "endorsed" }), ...asRead };
/** Lines of JSON. An import is answered 200, whatever becomes of its lines. */
const file = (line: (ids: Ids) => object) => ({
  body: (ids: Ids) => JSON.stringify(line(ids)),
  headers: { "Content-Type": "application/x-ndjson" },
  problemIn: ({ type, text }: Response) => (type === "application/x-ndjson" ? JSON.parse(text.split("\n")[0] as string).problem : undefined) ?? null,
});
const nothing = { body: () => ({}) };

/** The query of a row's request, with the question mark; "" without one. */
export function queryOf(name: string, ids: Ids): string {
  const { query } = requests[name] ?? {};
  return query ? `?${typeof query === "string" ? query : query(ids)}` : "";
}

const A_DAY = new Date("2026-06-01");
/** Taking something back is a change only of what is so. */
const setDays =
  (days: { startedOn?: Date; completedOn?: Date | null; skippedOn?: Date | null }) =>
  ({ db }: TestApp, { learnerId, stepId }: Ids) =>
    db.step.updateMany({ where: { learnerId, id: stepId }, data: days });

/** What a valid request of a row says beyond its address. Rows that are not here say nothing more. */
export const requests: Record<string, Request> = {
  createLearner: { body: () => ({ name: "Ada" }) },
  updateLearner: { body: () => ({ timeZone: "Asia/Tokyo" }) },
  "updateLearner (what the directory says)": { body: () => ({ name: "Ada" }) },
  previewMerger: { query: ({ outsiderId }) => `survivorId=${outsiderId}` },
  mergeLearner: { body: ({ outsiderId }) => ({ survivorId: outsiderId }) },
  moveLearner: {
    body: ({ teamId }) => ({ teamId, fromDay: "2026-06-01" }),
    before: ({ db }, { learnerId }) => db.membership.updateMany({ where: { learnerId, untilDay: null }, data: { untilDay: new Date("2027-01-01") } }),
  },

  createTeam: { body: () => ({ name: "Platform" }) },
  "getTeam (below)": { ids: { teamId: "teamBelowId" } },
  updateTeam: { body: () => ({ name: "Platform" }) },
  moveTeam: { body: () => ({ parentId: null, fromDay: "2026-06-01" }) },
  "deleteTeam (below)": { ids: { teamId: "teamBelowId" } },

  closePeriod: { ids: { month: "openMonth" } },

  createResource: { body: () => ({ type: "book", title: "A book" }) },
  updateResource: { body: () => ({ title: "Another" }) },

  restoreResource: { before: ({ db }, { resourceId }) => db.resource.update({ where: { id: resourceId }, data: { archivedAt: A_DAY } }) },
  restorePath: { before: ({ db }, { pathId }) => db.path.update({ where: { id: pathId }, data: { archivedAt: A_DAY } }) },

  createPath: { body: () => ({ title: "To production" }) },
  "getPath (never published)": { ids: draft },
  "getPathVersion (draft)": { ids: draft },
  "updatePathVersion (draft)": { body: () => ({ title: "To production" }), ids: draft },
  "deletePathVersion (draft)": { ids: draft },
  "publishPathVersion (draft)": { ids: draft },

  createGoal: { body: () => ({ title: "Deploy it myself" }) },
  updateGoal: { body: () => ({ why: "To know how" }) },
  "deleteGoal (empty)": { ids: empty },
  "adoptPath (empty)": { body: ({ pathId }) => ({ pathId }), ids: empty },

  createStep: { body: () => ({ title: "Deploy it myself" }) },
  updateStep: { body: () => ({ weight: 2 }) },
  unstartStep: { before: setDays({ startedOn: A_DAY, completedOn: null, skippedOn: null }) },
  uncompleteStep: { before: setDays({ completedOn: A_DAY, skippedOn: null }) },
  unskipStep: { before: setDays({ skippedOn: A_DAY, completedOn: null }) },
  startStep: nothing,
  completeStep: nothing,
  skipStep: nothing,

  addEvidence: { body: () => ({ title: "The runbook", text: "By me", shared: true }) },
  updateEvidence: evidence(),
  "getEvidence (private)": { ids: privateEvidence },
  "updateEvidence (private)": evidence(privateEvidence),
  "deleteEvidence (private)": { ids: privateEvidence },

  "askForReview (empty)": { ...nothing, ids: empty },
  answerReview: answer,
  "answerReview (asked of the lead by name)": { ...answer, ids: { reviewId: "namedReviewId" } },

  addTerm: { body: () => ({ term: "etcd", shared: true }) },
  updateTerm: aTerm(),
  "getTerm (private)": { ids: privateTerm },
  "updateTerm (private)": aTerm(privateTerm),
  "deleteTerm (private)": { ids: privateTerm },

  logStudySession: { body: () => SESSION },
  putStudySession: { body: () => SESSION, ids: { sessionId: "newSessionId" } },
  logStudySessions: {
    body: ({ learnerId }) => ({ items: [{ ...SESSION, learnerId }] }),
    // A batch is answered 200, whatever becomes of its items.
    problemIn: ({ body }) => body.items?.[0].problem ?? null,
  },
  "listStudySessions (changes)": { query: "updatedSince=2026-01-01T00:00:00Z" },
  updateStudySession: { body: () => ({ impact: 4 }) },
  confirmStudySession: asRead,
  withdrawStudySessionConfirmation: asRead,

  startTimer: { ...nothing, before: ({ db }, { learnerId }) => db.timer.delete({ where: { learnerId } }) },
  updateTimer: { body: () => ({ mode: "social" }) },
  stopTimer: nothing,

  getLearnerGrowth: { query: `since=${NOW.getUTCFullYear()}-01-01` },
  getTeamBreakdown: { query: "groupBy=learner" },

  importStudySessions: file(({ learnerId, newSessionId }) => ({ ...SESSION, learnerId, id: newSessionId })),
  importResources: file(({ newSessionId }) => ({ id: newSessionId, type: "book", title: "A book" })),
  importLearners: file(({ newSessionId }) => ({ id: newSessionId, name: "Ada" })),

  createApiKey: { body: ({ learnerId }) => ({ name: "Laptop", role: "learner", learnerId }) },
  "createApiKey (a service's)": { body: () => ({ name: "Dashboard", role: "service" }) },
  rotateApiKey: nothing,
  "rotateApiKey (a service's)": { ...nothing, ids: { apiKeyId: "serviceKeyId" } },

  setSubject: { body: ({ newSessionId }) => ({ subject: newSessionId }) },
  liftErasedSubject: {
    before: ({ db }, { learnerId }) => db.learner.update({ where: { id: learnerId }, data: { erasedSubjectHash: Buffer.from(learnerId) } }),
  },
  createInvitation: nothing,
  "createInvitation (who never signed in)": { ...nothing, ids: { learnerId: "newcomerId" } },
  redeemInvitation: { body: ({ invitationSecret }) => ({ secret: invitationSecret }) },
};
