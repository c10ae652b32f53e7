import { type Db, inTransaction } from "../database/transaction";
import { AppError } from "../errors";
import type { Verification } from "../generated/prisma/enums";
import type { Confirmation } from "./study-sessions.schema";

/**
 * The mentor's word that a session took place; its minutes stay as they were logged. Again changes nothing.
 *
 * @throws AppError when a system recorded the session
 */
export function confirmSession(db: Db, learnerId: string, id: string, now: Date): Promise<Confirmation> {
  return setVerification(db, learnerId, id, "selfReported", "mentorConfirmed", now);
}

/** Takes the mentor's word back. Again changes nothing. */
export function withdrawConfirmation(db: Db, learnerId: string, id: string, now: Date): Promise<Confirmation> {
  return setVerification(db, learnerId, id, "mentorConfirmed", "selfReported", now);
}

function setVerification(db: Db, learnerId: string, id: string, from: Verification, to: Verification, now: Date): Promise<Confirmation> {
  return inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM study_sessions WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR UPDATE`;
    const where = { learnerId_id: { learnerId, id }, deletedAt: null };
    const session = await tx.studySession.findUniqueOrThrow({ where });
    if (session.verification === to) return session;
    if (session.verification !== from) throw new AppError("already-verified", "A system recorded this session, which says as much. Nothing needs to be done.");
    return tx.studySession.update({ where, data: { verification: to, updatedAt: now, version: { increment: 1 } } });
  });
}
