import { Prisma } from "../generated/prisma/client";

type Tx = Prisma.TransactionClient;
export type Revoked = { id: string; learnerId: string | null };

/**
 * Revokes keys with their families: what they were rotated from and into, and what any of those
 * made. Invitations that they made and nobody redeemed yet go, too.
 *
 * @returns the keys that were live until now
 */
export async function revokeFamilies(tx: Tx, ids: string[], now: Date): Promise<Revoked[]> {
  const revoked: Revoked[] = [];
  for (;;) {
    const some = await tx.$queryRaw<Revoked[]>`
      WITH RECURSIVE ${familyOf(ids)}
      UPDATE api_keys SET revoked_at = ${now} WHERE id IN (SELECT id FROM family) AND revoked_at IS NULL
      RETURNING id, learner_id AS "learnerId"`;
    revoked.push(...some);
    // A key that one of these made meanwhile is seen only by the next statement.
    if (!some.length) break;
  }
  await tx.$executeRaw`
    WITH RECURSIVE ${familyOf(ids)}
    DELETE FROM invitations WHERE made_by_id IN (SELECT id FROM family) AND redeemed_at IS NULL`;
  return revoked;
}

/** Whether somebody ever signed in as the learner: by a token, or with a key of their own. */
export async function hasSignedIn(tx: Tx, { id, subject, lastSeenOn }: { id: string; subject: string | null; lastSeenOn: Date | null }): Promise<boolean> {
  return subject !== null || lastSeenOn !== null || (await tx.apiKey.count({ where: { learnerId: id, actsFor: false } })) > 0;
}

/**
 * Ends every way in which somebody is signed in as the learner: their own keys, tokens issued before
 * now, and an invitation that waits. Keys that act for them are somebody else's, and stay.
 *
 * @returns the keys that were live until now
 */
export async function endSignIns(tx: Tx, learnerId: string, now: Date): Promise<string[]> {
  await tx.invitation.deleteMany({ where: { learnerId, redeemedAt: null } });
  return endKeys(tx, learnerId, now);
}

/** The same, but for an invitation. */
export async function endKeys(tx: Tx, learnerId: string, now: Date): Promise<string[]> {
  // First, so that a key that one of their tokens makes at this moment is among those that follow.
  await tx.learner.update({ where: { id: learnerId }, data: { credentialsFrom: now } });
  const keys = await tx.apiKey.findMany({ where: { learnerId, actsFor: false, revokedAt: null }, select: { id: true } });
  const revoked = await revokeFamilies(
    tx,
    keys.map(({ id }) => id),
    now,
  );
  return revoked.map(({ id }) => id);
}

function familyOf(ids: string[]): Prisma.Sql {
  return Prisma.sql`
    family AS (
      SELECT id, coalesce(root_id, id) AS root FROM api_keys WHERE id = ANY (${ids}::uuid[])
      UNION
      SELECT kin.id, kin.root FROM family f CROSS JOIN LATERAL (
        SELECT k.id, f.root FROM api_keys k WHERE k.id = f.root
        UNION ALL SELECT k.id, f.root FROM api_keys k WHERE k.root_id = f.root
        UNION ALL SELECT k.id, coalesce(k.root_id, k.id) FROM api_keys k WHERE k.minted_by_id = f.id
      ) kin
    )`;
}
