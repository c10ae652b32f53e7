import { v7 as uuidv7 } from "uuid";
import { isAbove, knownLearners, leadsAbove, personOf, type Scope } from "../access/scope";
import type { Involved } from "../audit/changes";
import { type Db, inTransaction } from "../database/transaction";
import { AppError } from "../errors";
import type { Prisma, Review as Row } from "../generated/prisma/client";
import { checkReviewer, requireGoal } from "../goals/goals.service";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import type { Review, ReviewAnswer, ReviewCreate, ReviewList } from "./reviews.schema";

type Key = { learnerId: string; goalId: string; id: string };

/** @throws AppError when one waits already, or nobody above the learner could answer */
export function askForReview(db: Db, scope: Scope, learnerId: string, goalId: string, input: ReviewCreate, now: Date): Promise<Review> {
  return inTransaction(db, async (tx) => {
    const goal = await requireGoal(tx, learnerId, goalId);
    const { id = uuidv7(), reviewerId = await stillAbove(tx, scope, learnerId, goal.reviewerId), ...question } = input;
    await checkReviewer(tx, scope, learnerId, reviewerId);
    if (!(await tx.learner.count({ where: leadsAbove(learnerId, scope.today) }))) {
      throw new AppError(
        "reviewer-not-above",
        "Nobody leads the learner's team of today or a team above it, so nobody could answer. Ask for a lead in the directory first.",
      );
    }
    return presentOne(tx, scope, await tx.review.create({ data: { ...question, id, reviewerId, learnerId, goalId, askedAt: now } }));
  });
}

export async function getReview(db: Db, scope: Scope, { learnerId, goalId, id }: Key): Promise<Review> {
  return presentOne(db, scope, await db.review.findUniqueOrThrow({ where: { learnerId_id: { learnerId, id }, goalId } }));
}

/** Whom a review concerns beside its learner: who was asked. */
export async function involvedInReview(db: Db, { learnerId, id }: Key): Promise<Involved> {
  const [review] = await db.$queryRaw<{ reviewerId: string | null }[]>`
    SELECT reviewer_id AS "reviewerId" FROM reviews WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR NO KEY UPDATE`;
  return { learnerIds: [review?.reviewerId] };
}

/** A goal's reviews, the latest first. */
export async function listReviews(db: Db, scope: Scope, learnerId: string, goalId: string, { waiting, ...page }: ReviewList): Promise<Page<Review>> {
  await requireGoal(db, learnerId, goalId);
  const filter: Prisma.ReviewWhereInput = { learnerId, goalId, ...(waiting !== undefined && { answeredAt: waiting ? null : { not: null } }) };
  return readPage(["reviews", filter], page, { instant: (review) => review.askedAt }, async (take, after) => {
    const where = { AND: [filter, beyond("askedAt", "desc", after)] };
    return present(db, scope, await db.review.findMany({ where, orderBy: [{ askedAt: "desc" }, { id: "desc" }], take }));
  });
}

/** Withdraws a review that waits; an answer stays. */
export async function withdrawReview(db: Db, key: Key, ifVersion: IfVersion): Promise<void> {
  await changeWaiting(db, key, ifVersion, (tx, where) => tx.review.delete({ where }));
}

/** @throws AppError when another was asked by name and still leads the learner, or it was answered already */
export function answerReview(db: Db, scope: Scope, key: Key, { verdict, comment = null }: ReviewAnswer, ifVersion: IfVersion, now: Date): Promise<Review> {
  const answeredById = personOf(scope.caller);
  return changeWaiting(db, key, ifVersion, async (tx, where, { reviewerId }) => {
    const named = await stillAbove(tx, scope, key.learnerId, reviewerId);
    if (named && named !== answeredById) throw new AppError("forbidden", "Somebody else was asked by name. Let the learner ask you, or anybody above.");
    return presentOne(tx, scope, await tx.review.update({ where, data: { verdict, comment, answeredById, answeredAt: now, version: { increment: 1 } } }));
  });
}

/** Somebody who no longer leads the learner keeps nobody else from answering. */
async function stillAbove(tx: Db, { today }: Scope, learnerId: string, reviewerId: string | null): Promise<string | null> {
  return reviewerId && (await isAbove(tx, reviewerId, learnerId, today)) ? reviewerId : null;
}

function changeWaiting<T>(
  db: Db,
  { learnerId, goalId, id }: Key,
  ifVersion: IfVersion,
  change: (tx: Db, where: Prisma.ReviewWhereUniqueInput, review: Row) => Promise<T>,
): Promise<T> {
  return inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM reviews WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR UPDATE`;
    const where = { learnerId_id: { learnerId, id }, goalId, ...ifVersion };
    const review = await tx.review.findUniqueOrThrow({ where });
    if (review.answeredAt) throw new AppError("review-answered", "An answer stays. Ask for another review.");
    return change(tx, where, review);
  });
}

/** Reviews of one learner, with the titles of their steps, and the names of those leads whom the caller sees. */
async function present(db: Db, scope: Scope, reviews: Row[]): Promise<Review[]> {
  const people = await knownLearners(
    db,
    scope,
    reviews.flatMap(({ reviewerId, answeredById }) => [reviewerId, answeredById]),
  );
  const learnerId = reviews[0]?.learnerId;
  const asked = reviews.flatMap(({ stepId }) => stepId ?? []);
  const steps = learnerId && asked.length ? await db.step.findMany({ where: { learnerId, id: { in: asked } }, select: { id: true, title: true } }) : [];
  const titles = new Map<string | null, string>(steps.map(({ id, title }) => [id, title]));
  return reviews.map((review) => ({
    ...review,
    stepTitle: titles.get(review.stepId) ?? null,
    reviewerName: people.get(review.reviewerId) ?? null,
    answeredByName: people.get(review.answeredById) ?? null,
  }));
}

async function presentOne(db: Db, scope: Scope, row: Row): Promise<Review> {
  const [review] = await present(db, scope, [row]);
  return review as Review;
}
