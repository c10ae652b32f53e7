import type { Db } from "../database/transaction";
import { Prisma } from "../generated/prisma/client";

const { sql, raw } = Prisma;

/** The columns of a model that name a learner: whose a row is, and to whom it refers. */
type Naming = { table: string; owner?: string; refers?: string[] };

/**
 * Where a record can be named, so that a merger leaves nothing behind: a model that is not here does
 * not compile, and a column that is not here fails a test. What becomes of each is in `store.ts`.
 */
export const NAMES_LEARNERS: Record<Prisma.ModelName, Naming | null> = {
  StudySession: { table: "study_sessions", owner: "learner_id", refers: ["mentor_id"] },
  Goal: { table: "goals", owner: "learner_id", refers: ["reviewer_id"] },
  Step: { table: "steps", owner: "learner_id" },
  StepPrerequisite: { table: "step_prerequisites", owner: "learner_id" },
  Evidence: { table: "evidence", owner: "learner_id" },
  Review: { table: "reviews", owner: "learner_id", refers: ["reviewer_id", "answered_by_id"] },
  Term: { table: "terms", owner: "learner_id" },
  Timer: { table: "timers", owner: "learner_id" },
  Membership: { table: "memberships", owner: "learner_id" },
  ApiKey: { table: "api_keys", owner: "learner_id" },
  Invitation: { table: "invitations", owner: "learner_id" },
  IdempotencyKey: { table: "idempotency_keys", owner: "caller_id" },
  Team: { table: "teams", refers: ["lead_id"] },
  Resource: { table: "resources", refers: ["learner_id"] },
  Learner: { table: "learners", refers: ["merged_into_id"] },
  // Made of the sessions by the database.
  LearnerMonth: null,
  // What happened stays as it was written.
  AuditEvent: null,
  TeamClosure: null,
  TeamParent: null,
  TeamAncestry: null,
  ClosedMonth: null,
  ChangeReason: null,
  Path: null,
  PathVersion: null,
  PathStep: null,
  HashKey: null,
};

export type Counts = Record<string, number>;

/** How many rows of each kind are a learner's, and how many others refer to them; those of which there are any. */
export async function countRows(db: Db, learnerId: string): Promise<{ owned: Counts; referring: Counts }> {
  const is = (column: string) => sql`${raw(column)} = ${learnerId}::uuid`;
  const named = Object.entries(NAMES_LEARNERS).flatMap(([model, naming]) => (naming ? [{ model, refers: [], owner: undefined, ...naming }] : []));
  const owned = named.flatMap(({ model, table, owner }) =>
    owner ? [sql`SELECT ${model} AS model, count(*)::float8 AS owned FROM ${raw(table)} WHERE ${is(owner)}`] : [],
  );
  const referring = named.flatMap(({ model, table, owner, refers }) => {
    if (!refers.length) return [];
    const others = owner ? sql`AND NOT ${is(owner)}` : Prisma.empty;
    return [sql`SELECT ${model} AS model, count(*)::float8 AS referring FROM ${raw(table)} WHERE (${Prisma.join(refers.map(is), " OR ")}) ${others}`];
  });
  return { owned: await counted(db, owned, "owned"), referring: await counted(db, referring, "referring") };
}

async function counted(db: Db, counts: Prisma.Sql[], name: string): Promise<Counts> {
  const rows = await db.$queryRaw<Record<string, string | number>[]>`${Prisma.join(counts, " UNION ALL ")}`;
  return Object.fromEntries(rows.flatMap((row) => (row[name] ? [[row.model, row[name]]] : [])));
}
