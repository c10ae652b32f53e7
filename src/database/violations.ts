import { AppError, learnerErased, learnerMerged, type ProblemCode } from "../errors";

// The database decides; this table says in whose words. Names are those of the migrations.
type Words = [ProblemCode, string, pointer?: string];
const CONSTRAINTS: Record<string, Words> = {
  learners_email_key: ["already-exists", "A learner with this e-mail address exists. Change that learner instead.", "#/email"],
  learners_external_id_key: ["already-exists", "A learner with this externalId exists. Change that learner instead.", "#/externalId"],
  learners_subject_key: ["already-exists", "Another learner signs in with this subject. Take it from that one first.", "#/subject"],
  teams_no_cycle: [
    "team-cycle",
    "The new parent is the team itself or lies below it. Choose a team outside of its subtree, or move that one first.",
    "#/parentId",
  ],
  ...sameFor(
    ["teams_parent_id_fkey", "team_parents_parent_id_fkey", "team_ancestry_ancestor_id_fkey"],
    ["reference-missing", "The parent team does not exist. Create it first.", "#/parentId"],
  ),
  teams_lead_id_fkey: ["reference-missing", "The lead is not a learner here. Create the learner first.", "#/leadId"],
  memberships_no_overlap: [
    "membership-overlap",
    "The learner is in a team on some of these days already. Read the history at this address; end the period that overlaps with untilDay, delete it, or choose another day.",
  ],
  memberships_learner_id_fkey: ["reference-missing", "The learner does not exist. Create the learner first."],
  memberships_team_id_fkey: ["reference-missing", "The team does not exist. Create it first.", "#/teamId"],
  resources_learner_id_fkey: ["reference-missing", "The learner behind this resource does not exist. Create the learner first.", "#/learnerId"],
  goals_period_check: ["invalid-request", "dueOn must not be before startsOn.", "#/dueOn"],
  goals_no_circle: ["goal-circle", "The goal that it follows is itself, or goes on from it. Choose an earlier goal.", "#/followsId"],
  goals_follows_fkey: ["reference-missing", "The learner has no such goal. Use the id of one of the learner's own goals.", "#/followsId"],
  path_versions_immutable: ["path-published", "Goals hold on to what they adopted. Draft the next version with POST …/versions, and change that."],
  steps_resource_id_fkey: ["reference-missing", "The resource does not exist. Look it up under /v1/resources.", "#/resourceId"],
  step_prerequisites_requires_fkey: ["reference-missing", "A prerequisite is another step of the same goal. Use its id.", "#/prerequisites"],
  goals_reviewer_id_fkey: ["reference-missing", "The reviewer is not a learner here.", "#/reviewerId"],
  path_steps_resource_id_fkey: ["reference-missing", "A resource of the steps does not exist. Look it up under /v1/resources.", "#/steps"],
  steps_goal_fkey: ["not-found", "The learner has no such goal.", "path/goalId"],
  evidence_goal_fkey: ["not-found", "The learner has no such goal.", "path/goalId"],
  reviews_goal_fkey: ["not-found", "The learner has no such goal.", "path/goalId"],
  reviews_reviewer_id_fkey: ["reference-missing", "The reviewer is not a learner here.", "#/reviewerId"],
  terms_goal_fkey: ["not-found", "The learner has no such goal.", "path/goalId"],
  evidence_step_fkey: ["reference-missing", "The goal has no such step. Use the id of one of its steps.", "#/stepId"],
  evidence_content_check: ["invalid-request", "Evidence is a url or a text, or both. Give one."],
  reviews_one_waiting: ["review-waiting", "A review of this waits for its answer. Wait for it, or withdraw it before asking again."],
  reviews_step_fkey: ["reference-missing", "The goal has no such step. Use the id of one of its steps.", "#/stepId"],
  terms_once: ["already-exists", "The goal has this term already. Change that one instead.", "#/term"],
  terms_resource_id_fkey: ["reference-missing", "The resource does not exist. Look it up under /v1/resources.", "#/resourceId"],
  study_sessions_step_fkey: ["reference-missing", "The goal has no such step. Use the id of one of its steps.", "#/stepId"],
  timers_step_fkey: ["reference-missing", "The goal has no such step. Use the id of one of its steps.", "#/stepId"],
  study_sessions_day_limit: [
    "day-full",
    "The learner's day would hold more minutes than a day may. Send fewer, or another day, or shorten or delete another session of that day.",
    "#/minutes",
  ],
  study_sessions_closed_month: [
    "period-closed",
    "The session lies, or would lie, in a month that is closed (GET /v1/periods). Only an admin changes what was logged in it, with a reason in the header Change-Reason. Ask an admin to do it, or to open the month again.",
  ],
  study_sessions_goal_fkey: ["reference-missing", "The learner has no such goal. Use the id of one of the learner's own goals.", "#/goalId"],
  study_sessions_resource_id_fkey: ["reference-missing", "The resource does not exist. Look it up under /v1/resources.", "#/resourceId"],
  timers_pkey: ["timer-running", "Stop the running timer into a session, or discard it, before starting another."],
  timers_goal_fkey: ["reference-missing", "The learner has no such goal. Use the id of one of the learner's own goals.", "#/goalId"],
  timers_resource_id_fkey: ["reference-missing", "The resource does not exist. Look it up under /v1/resources.", "#/resourceId"],
  api_keys_team_id_fkey: ["reference-missing", "The team does not exist. Create it first.", "#/teamId"],
  api_keys_learner_id_fkey: ["reference-missing", "The learner does not exist. Create the learner first.", "#/learnerId"],
};

/** One flaw that several constraints may find first. */
function sameFor(names: string[], words: Words): Record<string, Words> {
  return Object.fromEntries(names.map((name) => [name, words]));
}

/** What every table's trigger says of a row that would be about an erased person. */
const LEARNERS_ERASED = "learners_erased";
/** The same of a record that was merged into another. */
const LEARNERS_MERGED = "learners_merged";

const ID_TAKEN = new AppError("already-exists", "Something with this id exists. Read it, or choose another id.");
const IN_USE = new AppError("in-use", "Other records refer to this, and their history would be lost with it. Move or end those first.");

type Cause = { kind?: string; originalCode?: string; originalMessage?: string };

/** The problem that stands for a violated constraint; undefined for any other error. */
export function constraintProblem(error: unknown): AppError | undefined {
  const name = constraintOf(error);
  if (!name) return undefined;
  if (name === LEARNERS_ERASED) return learnerErased();
  if (name === LEARNERS_MERGED) return learnerMerged();
  if (/^update or delete on/.test(causeOf(error).originalMessage ?? "")) return IN_USE;
  if (Object.hasOwn(CONSTRAINTS, name)) return refusalBy(name);
  return name.endsWith("_pkey") ? ID_TAKEN : undefined;
}

/** The problem that stands for a constraint of the table above. */
export function refusalBy(name: string): AppError {
  const [code, detail, pointer] = CONSTRAINTS[name] as Words;
  return new AppError(code, detail, pointer ? [{ pointer, detail }] : []);
}

/** Whether the database refused a row because the person whom it is about was erased, or merged into another record. */
export function isOfNobody(error: unknown): boolean {
  const { code } = constraintProblem(error) ?? {};
  return code === "learner-erased" || code === "learner-merged";
}

/** Whether the database refused a write by this constraint. */
export function violates(error: unknown, constraint: string): boolean {
  return constraintOf(error) === constraint;
}

/** Both PostgreSQL's own messages and those of the triggers name the constraint so. */
function constraintOf(error: unknown): string | undefined {
  return /constraint "([^"]+)"/.exec(causeOf(error).originalMessage ?? "")?.[1];
}

/** Whether an update or delete found no row. */
export function isRecordMissing(error: unknown): boolean {
  return codeOf(error) === "P2025";
}

/** Whether the database undid a transaction that waited for another, which waited for it. */
export function isDeadlock(error: unknown): boolean {
  return causeOf(error).originalCode === "40P01";
}

/** Whether the database had no room to write. */
export function isDiskFull(error: unknown): boolean {
  return (causeOf(error).originalCode ?? codeOf(error)) === "53100";
}

/** Whether a statement names a table that the database does not have. */
export function isTableMissing(error: unknown): boolean {
  return causeOf(error).originalCode === "42P01";
}

/** Whether the database refused a statement because the role lacks a right. */
export function isForbidden(error: unknown): boolean {
  return (causeOf(error).originalCode ?? codeOf(error)) === "42501";
}

/** Whether the database is away, or too busy to answer in time; the request changed nothing or may be retried. */
export function isUnavailable(error: unknown): boolean {
  const { kind, originalCode = "" } = causeOf(error);
  return (
    UNAVAILABLE_PRISMA.has(codeOf(error)) ||
    UNAVAILABLE_KINDS.has(kind ?? "") ||
    UNAVAILABLE_SOCKET.has(codeOf(error)) ||
    /^(08|57P|53|55P03|57014|40001|40P01)/.test(originalCode || codeOf(error)) ||
    UNAVAILABLE_WORDS.test((error as Error | undefined)?.message ?? "")
  );
}

const UNAVAILABLE_PRISMA = new Set(["P1001", "P1002", "P1008", "P1011", "P1017", "P2024", "P2028", "P2034", "P2037"]);
const UNAVAILABLE_KINDS = new Set([
  "DatabaseNotReachable",
  "ConnectionClosed",
  "SocketTimeout",
  "TooManyConnections",
  "TlsConnectionError",
  "TransactionWriteConflict",
]);
const UNAVAILABLE_SOCKET = new Set(["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENOTFOUND", "EPIPE", "ENOENT"]);
// pg's own errors carry no code.
const UNAVAILABLE_WORDS =
  /timeout exceeded when trying to connect|Connection terminated|Query read timeout|Client has encountered a connection error|Can't reach database server|not queryable/;

function codeOf(error: unknown): string {
  return String((error as { code?: unknown } | undefined)?.code ?? "");
}

function causeOf(error: unknown): Cause {
  const outer = error as { meta?: { driverAdapterError?: { cause?: Cause } }; cause?: Cause } | undefined;
  return outer?.meta?.driverAdapterError?.cause ?? outer?.cause ?? {};
}
