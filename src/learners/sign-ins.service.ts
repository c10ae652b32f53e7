import { findErased, lockSubject } from "../access/subjects";
import { endSignIns, hasSignedIn } from "../api-keys/key-families";
import { type Act, record } from "../audit/audit.service";
import { type Db, inTransaction } from "../database/transaction";
import { AppError, notFound } from "../errors";
import type { Learner as Row } from "../generated/prisma/client";
import type { SignIn } from "./learners.schema";

export async function getSignIn(db: Db, learnerId: string): Promise<SignIn> {
  return present(await db.learner.findUniqueOrThrow({ where: { id: learnerId } }));
}

/**
 * Says who a learner is at the identity provider; null: nobody, until a first sign-in is bound anew.
 * Whoever was signed in as them until now no longer is.
 *
 * @throws AppError when somebody else has the subject, or had it and was erased
 */
export function setSubject(db: Db, learnerId: string, subject: string | null, act: Act, now: Date): Promise<SignIn> {
  const recorded = (tx: Db, keys: string[]) => record(tx, { ...act, fields: ["subject"] }, "change", [learnerId], keys);
  return inTransaction(db, async (tx) => {
    if (subject) await lockSubject(tx, subject);
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${learnerId}::uuid FOR UPDATE`;
    const before = await tx.learner.findUniqueOrThrow({ where: { id: learnerId } });
    if (before.subject === subject) {
      await recorded(tx, []);
      return present(before);
    }
    const erased = subject ? await findErased(tx, subject) : null;
    if (erased) {
      const detail = `An erased person signed in with this subject. To let them come again, first DELETE /v1/learners/${erased.id}/erased-subject.`;
      throw new AppError("already-exists", detail, [{ pointer: "#/subject", detail }]);
    }
    await tx.learner.update({ where: { id: learnerId }, data: { subject, version: { increment: 1 } } });
    await recorded(tx, (await hasSignedIn(tx, before)) ? await endSignIns(tx, learnerId, now) : []);
    return getSignIn(tx, learnerId);
  });
}

/** Lets an erased person's subject sign in again, as somebody new. @throws AppError when there is none */
export async function liftErasedSubject(db: Db, learnerId: string): Promise<void> {
  const { count } = await db.learner.updateMany({ where: { id: learnerId, erasedSubjectHash: { not: null } }, data: { erasedSubjectHash: null } });
  if (!count) throw notFound();
}

function present({ id, subject, signInOpen, credentialsFrom }: Row): SignIn {
  return { learnerId: id, subject, signInOpen, tokensFrom: credentialsFrom };
}
