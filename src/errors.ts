/** One thing that is wrong: where in the request, and what to do about it. */
export type Flaw = { pointer: string; detail: string };

/** Every problem that the API answers with: code → status and title. Codes are stable; clients switch on them. */
export const PROBLEMS = {
  "invalid-request": { status: 400, title: "The request is not valid" },
  unauthenticated: { status: 401, title: "Who is calling is not known" },
  forbidden: { status: 403, title: "The caller may not do this" },
  "person-erased": { status: 403, title: "The person was erased here" },
  "not-found": { status: 404, title: "There is nothing here" },
  "learner-merged": { status: 410, title: "The record was merged into another one of the same person" },
  "method-not-allowed": { status: 405, title: "The address does not take this method" },
  "request-timeout": { status: 408, title: "The request took too long to arrive" },
  "already-exists": { status: 409, title: "There is one already" },
  "body-differs": { status: 409, title: "The id names something else already" },
  "session-deleted": { status: 409, title: "The session was deleted" },
  "team-cycle": { status: 409, title: "A team cannot be its own ancestor" },
  "membership-overlap": { status: 409, title: "A learner is in at most one team on any day" },
  "timer-stopped": { status: 409, title: "The timer was stopped already" },
  "timer-running": { status: 409, title: "A timer is running already" },
  "in-use": { status: 409, title: "Something else still refers to this" },
  "goal-circle": { status: 409, title: "A goal cannot follow itself" },
  "goal-closed": { status: 409, title: "The goal is completed or abandoned" },
  "path-published": { status: 409, title: "A published version does not change" },
  "path-archived": { status: 409, title: "The path is archived" },
  "path-adopted": { status: 409, title: "The goal has adopted a path already" },
  "step-blocked": { status: 409, title: "Steps before this one are not done" },
  "step-completed": { status: 409, title: "The step is completed" },
  "review-waiting": { status: 409, title: "A review is waiting already" },
  "review-answered": { status: 409, title: "The review was answered" },
  "learner-erased": { status: 409, title: "The person was erased" },
  "merger-conflict": { status: 409, title: "The two records cannot be merged as they are" },
  "key-rotated": { status: 409, title: "The key was rotated already" },
  "too-many-keys": { status: 409, title: "There are too many live keys" },
  "invitation-redeemed": { status: 409, title: "The invitation was redeemed already" },
  "day-full": { status: 409, title: "The day holds as many minutes as it may" },
  "period-closed": { status: 409, title: "The month is closed" },
  "already-verified": { status: 409, title: "The session is verified already" },
  "idempotency-key-in-flight": { status: 409, title: "The first request with this key is under way" },
  "version-mismatch": { status: 412, title: "It changed since it was read" },
  "precondition-required": { status: 428, title: "If-Match is missing" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body is of an unknown type" },
  "reference-missing": { status: 422, title: "Something the request refers to does not exist" },
  "idempotency-key-reused": { status: 422, title: "The key came with another body before" },
  "prerequisite-circle": { status: 422, title: "Prerequisites go in a circle" },
  "too-many-steps": { status: 422, title: "There would be too many steps" },
  "too-many-prerequisites": { status: 422, title: "There would be too many prerequisites" },
  "path-not-published": { status: 422, title: "There is no such published path" },
  "reviewer-not-above": { status: 422, title: "The reviewer does not lead the learner" },
  "timer-too-long": { status: 422, title: "The timer ran for longer than a day" },
  "too-many-groups": { status: 422, title: "The report would have too many groups" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  "headers-too-large": { status: 431, title: "The headers are too large" },
  internal: { status: 500, title: "Something went wrong here" },
  unavailable: { status: 503, title: "The service cannot answer right now" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof PROBLEMS;

/** Flaws that a problem lists before it only counts the rest. */
export const MOST_FLAWS = 20;
const LONGEST_POINTER = 200;
const LONGEST_DETAIL = 2_000;

/**
 * A refusal that the caller can understand and act on. However much was wrong, it stays short:
 * the first flaws are listed, the rest are counted, and long texts are cut.
 */
export class AppError extends Error {
  override name = "AppError";
  readonly detail: string;
  /** The first of them, and where there are more an entry that says how many. */
  readonly flaws: Flaw[];
  readonly flawCount: number;
  /** What it says instead to whoever may not read what its detail quotes. */
  unread?: string;
  /** Of a merged record that was asked for: whose it is now. */
  survivorId?: string;

  /** @param unlisted how many flaws there are beside those that are given */
  constructor(
    readonly code: ProblemCode,
    detail: string,
    flaws: Flaw[] = [],
    readonly retryAfterSeconds?: number,
    unlisted = 0,
  ) {
    super(cut(detail, LONGEST_DETAIL));
    this.detail = this.message;
    this.flawCount = flaws.length + unlisted;
    this.flaws = firstFlaws(flaws, MOST_FLAWS, this.flawCount);
  }
}

/** A refusal whose detail quotes what is stored. `unread` says it without, for callers who may write that, but not read it. */
export function quoting(code: ProblemCode, detail: string, unread: string): AppError {
  return Object.assign(new AppError(code, detail), { unread });
}

/** The first of so many flaws; where there are more, a last entry says how many. */
export function firstFlaws(flaws: Flaw[], most: number, count: number): Flaw[] {
  const listed = flaws.slice(0, most).map(({ pointer, detail }) => ({ pointer: cut(pointer, LONGEST_POINTER), detail: cut(detail, LONGEST_DETAIL) }));
  const more = count - listed.length;
  return more ? [...listed, { pointer: "#", detail: `… and ${more.toLocaleString("en")} more.` }] : listed;
}

/** A text of at most so many characters: what is too long ends in "…", and no character is cut in half. */
export function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  const end = most - 1;
  const isHalf = /[\ud800-\udbff]/.test(text.charAt(end - 1));
  return `${text.slice(0, isHalf ? end - 1 : end)}…`;
}

/**
 * The same words for what is not there and for what the caller may not see.
 *
 * @param place of the id that leads to nothing, where there are several
 */
export function notFound(place?: string): AppError {
  const detail = "Nothing is here, or nothing that this caller may see. Check the address and whose key is used.";
  return new AppError(
    "not-found",
    detail,
    place ? [{ pointer: place, detail: `There is no such ${nounOf(place)} here, or none that this caller may see.` }] : [],
  );
}

/** What an id is of: `path/goalId` leads to a goal. */
function nounOf(place: string): string {
  const name = place.split("/").at(-1) as string;
  if (name === "number") return "version";
  return name
    .replace(/Id$/, "")
    .replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace("api key", "API key");
}

/** The refusal to store anything about an erased person. */
export function learnerErased(): AppError {
  return new AppError(
    "learner-erased",
    "This person was erased for good, so nothing can be stored about them any more. Leave them out, or name another learner.",
  );
}

/**
 * The refusal of a record that was merged into another.
 *
 * @param survivorId only for callers who may see the survivor
 * @param pointer where the request names the merged record, if not in the path
 */
export function learnerMerged(survivorId?: string, pointer?: string): AppError {
  const detail = survivorId
    ? `This record was merged into another one of the same person: ${survivorId}. Everything that it had is there, under the same ids. Use that id from now on.`
    : "This record was merged into another one of the same person. GET /v1/learners/{its id} says into which, to whoever may see that one. Name that one.";
  const error = new AppError("learner-merged", detail, pointer ? [{ pointer, detail }] : []);
  return survivorId ? Object.assign(error, { survivorId }) : error;
}

/** A refusal that points at one place of the body. */
export function invalid(pointer: string, detail: string): AppError {
  return new AppError("invalid-request", detail, [{ pointer, detail }]);
}
