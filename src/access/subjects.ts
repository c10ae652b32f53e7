import { createHmac, randomBytes } from "node:crypto";
import type { Db } from "../database/transaction";

const PURPOSE = "erased-subjects";
const KEY_BYTES = 32;

/** A keyed hash of a sign-in subject. The key is made when it is first needed, and stays in the database. */
export async function hashSubject(db: Db, subject: string): Promise<Buffer<ArrayBuffer>> {
  const hashed = (key: Uint8Array) => createHmac("sha256", key).update(subject).digest() as Buffer<ArrayBuffer>;
  const known = await db.hashKey.findUnique({ where: { purpose: PURPOSE } });
  if (known) return hashed(known.key);
  await db.hashKey.createMany({ data: { purpose: PURPOSE, key: randomBytes(KEY_BYTES) }, skipDuplicates: true });
  return hashed((await db.hashKey.findUniqueOrThrow({ where: { purpose: PURPOSE } })).key);
}

/**
 * What stays of an erased person's subject; null for somebody who had none. Until the transaction's
 * end nobody else is bound to the subject.
 */
export async function tombstoneOf(tx: Db, subject: string | null): Promise<Buffer<ArrayBuffer> | null> {
  if (!subject) return null;
  await lockSubject(tx, subject);
  return hashSubject(tx, subject);
}

/** The erased person whose subject this was. Call it after `lockSubject`. */
export async function findErased(tx: Db, subject: string): Promise<{ id: string } | null> {
  return tx.learner.findUnique({ where: { erasedSubjectHash: await hashSubject(tx, subject) }, select: { id: true } });
}

/** Lets one transaction at a time say whose a subject is. */
export async function lockSubject(tx: Db, subject: string): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`subject ${subject}`}, 0))`;
}
