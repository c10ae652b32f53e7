import { isOwn, personOf, type Scope, visibleLearners } from "../access/scope";
import { type Db, inTransaction } from "../database/transaction";
import { AppError } from "../errors";
import type { Prisma } from "../generated/prisma/client";
import { Verification } from "../generated/prisma/enums";
import { type After, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { rulesOf } from "./full-days";
import type { Confirmation, ConfirmationList } from "./study-sessions.schema";

/**
 * The mentor's word that a session took place; its minutes stay as they were logged. Again changes nothing.
 *
 * @throws AppError when a system recorded the session
 */
export function confirmSession(db: Db, scope: Scope, learnerId: string, id: string, ifVersion: IfVersion, now: Date): Promise<Confirmation> {
  return setVerification(db, scope, { learnerId, id, ifVersion }, { from: "selfReported", to: "mentorConfirmed" }, now);
}

/** Takes the mentor's word back. Again changes nothing. */
export function withdrawConfirmation(db: Db, scope: Scope, learnerId: string, id: string, ifVersion: IfVersion, now: Date): Promise<Confirmation> {
  return setVerification(db, scope, { learnerId, id, ifVersion }, { from: "mentorConfirmed", to: "selfReported" }, now);
}

/** The sessions that others logged with a mentor, the latest first: all for the mentor, for anybody else those of whom they may see. */
export function listMentored(db: Db, scope: Scope, mentorId: string, { confirmed, ...page }: ConfirmationList): Promise<Page<Confirmation>> {
  const verification = confirmed === undefined ? {} : { verification: confirmed ? Verification.mentorConfirmed : Verification.selfReported };
  const filter = { mentorId, deletedAt: null, ...verification };
  return readPage(["mentored", filter], page, { instant: (session) => session.startedAt }, async (take, after) => {
    const sessions = await db.studySession.findMany({
      where: { AND: [filter, isOwn(scope, mentorId) ? {} : { learner: visibleLearners(scope) }, beyondAcross(after)] },
      orderBy: [{ startedAt: "desc" }, { id: "desc" }, { learnerId: "desc" }],
      include: withName,
      take,
    });
    return sessions.map(present);
  });
}

const withName = { learner: { select: { name: true } } } as const;

/** Across learners an id alone names no session: it is a learner's own. */
function beyondAcross(after: After | undefined): Prisma.StudySessionWhereInput {
  if (!after) return {};
  const { id, learnerId } = after;
  const startedAt = after.value as Date;
  return { OR: [{ startedAt: { lt: startedAt } }, { startedAt, id: { lt: id } }, { startedAt, id, learnerId: { lt: learnerId } }] };
}

function setVerification(
  db: Db,
  scope: Scope,
  { learnerId, id, ifVersion }: { learnerId: string; id: string; ifVersion: IfVersion },
  { from, to }: { from: Verification; to: Verification },
  now: Date,
): Promise<Confirmation> {
  const mentorId = personOf(scope.caller);
  return inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT 1, ${rulesOf(scope)} FROM study_sessions WHERE learner_id = ${learnerId}::uuid AND id = ${id}::uuid FOR UPDATE`;
    const where = { learnerId_id: { learnerId, id }, mentorId, deletedAt: null, ...ifVersion };
    const session = await tx.studySession.findUniqueOrThrow({ where, include: withName });
    if (session.verification === to) return present(session);
    if (session.verification !== from) throw new AppError("already-verified", "A system recorded this session, which says as much. Nothing needs to be done.");
    return present(await tx.studySession.update({ where, data: { verification: to, updatedAt: now, version: { increment: 1 } }, include: withName }));
  });
}

function present<T extends { learner: { name: string } }>({ learner, ...session }: T) {
  return { ...session, learnerName: learner.name };
}
