import { v7 as uuidv7 } from "uuid";
import type { Evidence, Prisma, PrismaClient, Review, Term } from "../../src/generated/prisma/client";
import { buildGoal } from "./factories";

let count = 0;

/** A text on a goal, or on a new one; private unless told. */
export async function buildEvidence(
  db: PrismaClient,
  { learnerId, goalId, ...overrides }: Partial<Prisma.EvidenceUncheckedCreateInput> = {},
): Promise<Evidence> {
  const of = await goalOf(db, { learnerId, goalId });
  return db.evidence.create({ data: { id: uuidv7(), title: `Evidence ${++count}`, text: "What I did", ...of, ...overrides } });
}

/** A term under a goal, or under a new one; private unless told. */
export async function buildTerm(db: PrismaClient, { learnerId, goalId, ...overrides }: Partial<Prisma.TermUncheckedCreateInput> = {}): Promise<Term> {
  const of = await goalOf(db, { learnerId, goalId });
  return db.term.create({ data: { id: uuidv7(), term: `Term ${++count}`, ...of, ...overrides } });
}

/** A review of a goal, or of a new one; it waits unless told who answered it. */
export async function buildReview(db: PrismaClient, { learnerId, goalId, ...overrides }: Partial<Prisma.ReviewUncheckedCreateInput> = {}): Promise<Review> {
  const of = await goalOf(db, { learnerId, goalId });
  const askedAt = new Date("2026-06-10T08:00:00Z");
  const answer = overrides.answeredById ? { verdict: "endorsed" as const, answeredAt: new Date("2026-06-11T08:00:00Z") } : {};
  return db.review.create({ data: { id: uuidv7(), askedAt, ...answer, ...of, ...overrides } });
}

async function goalOf(
  db: PrismaClient,
  { learnerId, goalId }: { learnerId?: string | undefined; goalId?: string | undefined },
): Promise<{ learnerId: string; goalId: string }> {
  if (learnerId && goalId) return { learnerId, goalId };
  const goal = await buildGoal(db, learnerId ? { learnerId } : {});
  return { learnerId: goal.learnerId, goalId: goal.id };
}
