import { v7 as uuidv7 } from "uuid";
import { type Caller, personOf, type Scope, visibleLearners } from "../access/scope";
import type { ApiKeyWithSecret } from "../api-keys/api-keys.schema";
import { giveKey, lockMinter } from "../api-keys/api-keys.service";
import { endKeys, hasSignedIn, revokeFamilies } from "../api-keys/key-families";
import { hashSecret, newSecret } from "../api-keys/secret";
import { type Act, record } from "../audit/audit.service";
import { type Db, inTransaction } from "../database/transaction";
import { AppError } from "../errors";
import type { Learner, Prisma, Invitation as Row } from "../generated/prisma/client";
import type { Invitation, InvitationCreate, InvitationWithSecret, Redemption } from "./invitations.schema";

const MS_PER_DAY = 86_400_000;
const VALID_DAYS = 7;
const ALERT_DAYS = 30;
const MOST_ALERTS = 20;

/**
 * Makes an invitation, and ends the one before. A program invites only who never signed in: whoever
 * redeems it is the person.
 *
 * @throws AppError when the person signs in another way, or did before and a program invites them
 */
export function createInvitation(
  db: Db,
  caller: Caller,
  learnerId: string,
  { validDays = VALID_DAYS }: InvitationCreate,
  now: Date,
): Promise<InvitationWithSecret> {
  return inTransaction(db, async (tx) => {
    const learner = await lockLearner(tx, learnerId);
    if (learner.subject !== null) {
      throw new AppError("in-use", "The learner signs in by the identity provider. Take their subject away first, if they no longer can.");
    }
    const renews = await hasSignedIn(tx, learner);
    if (renews && caller.role !== "admin") {
      throw new AppError("forbidden", "The learner has signed in before, so a new invitation takes an admin: whoever redeems it is the learner.");
    }
    await tx.invitation.deleteMany({ where: { learnerId, redeemedAt: null } });
    const secret = newSecret();
    const { keyId: madeById, expiresAt: minterEnds } = await lockMinter(tx, caller, now);
    const ends = new Date(now.getTime() + validDays * MS_PER_DAY);
    // No later than the key that makes it.
    const expiresAt = minterEnds && minterEnds < ends ? minterEnds : ends;
    const row = await tx.invitation.create({ data: { id: uuidv7(), learnerId, secretHash: hashSecret(secret), renews, madeById, expiresAt, createdAt: now } });
    return { ...present(row), secret };
  });
}

/** The one that waits, and the last that was redeemed. */
export async function listInvitations(db: Db, learnerId: string): Promise<Invitation[]> {
  return (await db.invitation.findMany({ where: { learnerId }, orderBy: [{ createdAt: "desc" }, { id: "desc" }] })).map(present);
}

/** Withdraws an invitation. Of one that was redeemed, revokes the key with its family. @returns the keys that were live */
export function deleteInvitation(db: Db, learnerId: string, id: string, now: Date): Promise<string[]> {
  return inTransaction(db, async (tx) => {
    const { apiKeyId } = await tx.invitation.delete({ where: { id, learnerId } });
    return apiKeyId ? (await revokeFamilies(tx, [apiKeyId], now)).map((key) => key.id) : [];
  });
}

/**
 * Answers an invitation's secret with the person's key, once. Keys and invitations that they had
 * before end with it, so that nobody gets a second way in unnoticed.
 *
 * @param act how the audit names the request; by nobody who is known yet
 * @returns the key, or the refusal, of which the caller makes an answer once it is recorded
 */
export function redeemInvitation(db: Db, { secret, name = "First key" }: Redemption, act: Act, now: Date): Promise<ApiKeyWithSecret | AppError> {
  return inTransaction(db, async (tx) => {
    const secretHash = hashSecret(secret);
    const there = await tx.invitation.findUnique({ where: { secretHash }, select: { learnerId: true } });
    if (!there) return notValid();
    const learner = await lockLearner(tx, there.learnerId);
    const invitation = await tx.invitation.findUnique({ where: { secretHash } });
    if (!invitation) return notValid();
    if (invitation.redeemedAt) return noteSecondAttempt(tx, invitation, act, now);
    if (invitation.expiresAt <= now || learner.subject !== null || (!invitation.renews && (await hasSignedIn(tx, learner)))) return notValid();
    const { id, renews } = invitation;
    const ended = renews ? await endKeys(tx, learner.id, now) : [];
    const key = await giveKey(tx, { name, role: "learner", learnerId: learner.id });
    await tx.invitation.update({ where: { id }, data: { redeemedAt: now, apiKeyId: key.id } });
    await tx.invitation.deleteMany({ where: { learnerId: learner.id, redeemedAt: null } });
    await record(tx, { ...act, role: "learner", keyId: key.id, personId: learner.id }, "change", [learner.id], [key.id, id, ...ended]);
    return key;
  });
}

/** What whoever calls should look into: invitations of theirs, or of people whom they see, that were redeemed twice. */
export async function listAlerts(db: Db, scope: Scope, now: Date): Promise<{ learnerId: string; name: string; invitationId: string; at: Date }[]> {
  if (scope.caller.role !== "admin" && !personOf(scope.caller)) return [];
  const since = new Date(now.getTime() - ALERT_DAYS * MS_PER_DAY);
  const found = await db.invitation.findMany({
    where: { secondAttemptAt: { gt: since }, learner: visibleLearners(scope) },
    select: { id: true, learnerId: true, secondAttemptAt: true, learner: { select: { name: true } } },
    orderBy: [{ secondAttemptAt: "desc" }, { id: "desc" }],
    take: MOST_ALERTS,
  });
  return found.map(({ id, learnerId, secondAttemptAt, learner }) => ({ learnerId, name: learner.name, invitationId: id, at: secondAttemptAt as Date }));
}

async function lockLearner(tx: Prisma.TransactionClient, id: string): Promise<Learner> {
  await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${id}::uuid FOR UPDATE`;
  return tx.learner.findUniqueOrThrow({ where: { id } });
}

/** Recorded the first time. */
async function noteSecondAttempt(tx: Prisma.TransactionClient, { id, learnerId, redeemedAt, secondAttemptAt }: Row, act: Act, now: Date): Promise<AppError> {
  if (!secondAttemptAt) {
    await tx.invitation.update({ where: { id }, data: { secondAttemptAt: now } });
    await record(tx, { ...act, operation: "redeemInvitationAgain" }, "change", [learnerId], [id]);
  }
  return new AppError(
    "invitation-redeemed",
    `It was redeemed on ${redeemedAt?.toISOString()}. If that was not you, tell an admin at once: somebody else has your key. Your lead and the audit have been told.`,
  );
}

function notValid(): AppError {
  return new AppError("unauthenticated", "The invitation is not known here, was withdrawn, or has expired. Ask whoever sent it for a new one.");
}

function present({ secretHash: _, renews: __, madeById: ___, ...invitation }: Row): Invitation {
  return invitation;
}
