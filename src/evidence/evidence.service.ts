import { v7 as uuidv7 } from "uuid";
import { checkShared, type Scope, sharedWith } from "../access/scope";
import type { Db } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { requireGoal } from "../goals/goals.service";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import type { Evidence, EvidenceCreate, EvidenceList, EvidenceUpdate } from "./evidence.schema";

type Key = { learnerId: string; goalId: string; id: string };

/** @throws AppError when it is neither a link nor words, or the step is not the goal's */
export async function addEvidence(db: Db, scope: Scope, learnerId: string, goalId: string, input: EvidenceCreate): Promise<Evidence> {
  checkShared(scope, learnerId, input.shared ?? false);
  await requireGoal(db, learnerId, goalId);
  return db.evidence.create({ data: { id: uuidv7(), ...input, learnerId, goalId } });
}

export function getEvidence(db: Db, scope: Scope, key: Key): Promise<Evidence> {
  return db.evidence.findUniqueOrThrow({ where: whereEvidence(scope, key, {}) });
}

/** A goal's evidence as far as the caller may see it, the newest first. */
export async function listEvidence(db: Db, scope: Scope, learnerId: string, goalId: string, { step, ...page }: EvidenceList): Promise<Page<Evidence>> {
  await requireGoal(db, learnerId, goalId);
  const filter = { learnerId, goalId, ...(step && { stepId: step }), ...sharedWith(scope, learnerId) };
  return readPage(["evidence", filter], page, { instant: (each) => each.createdAt }, (take, after) =>
    db.evidence.findMany({ where: { AND: [filter, beyond("createdAt", "desc", after)] }, orderBy: [{ createdAt: "desc" }, { id: "desc" }], take }),
  );
}

export async function updateEvidence(db: Db, scope: Scope, key: Key, input: EvidenceUpdate, ifVersion: IfVersion): Promise<Evidence> {
  checkShared(scope, key.learnerId, input.shared ?? true);
  const where = whereEvidence(scope, key, ifVersion);
  const before = await db.evidence.findUniqueOrThrow({ where });
  return changesNothing(db, before, input) ? before : db.evidence.update({ where, data: { ...input, version: { increment: 1 } } });
}

export async function deleteEvidence(db: Db, scope: Scope, key: Key, ifVersion: IfVersion): Promise<void> {
  await db.evidence.delete({ where: whereEvidence(scope, key, ifVersion) });
}

function whereEvidence(scope: Scope, { learnerId, goalId, id }: Key, ifVersion: IfVersion) {
  return { learnerId_id: { learnerId, id }, goalId, ...sharedWith(scope, learnerId), ...ifVersion };
}
