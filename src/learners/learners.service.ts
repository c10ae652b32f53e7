import { v7 as uuidv7 } from "uuid";
import { type Scope, visibleLearners } from "../access/scope";
import { endSignIns, hasSignedIn } from "../api-keys/key-families";
import { type Act, record } from "../audit/audit.service";
import { containsAllWords } from "../database/search";
import { type Db, inTransaction } from "../database/transaction";
import { changesNothing } from "../database/unchanged";
import { type Day, dayIn } from "../days";
import { AppError, learnerMerged } from "../errors";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import { changeTarget } from "../mix";
import type { Learner, LearnerCreate, LearnerList, LearnerUpdate } from "./learners.schema";

/** @param timeZone the organisation's, for a learner who brings none */
export async function createLearner(db: Db, input: LearnerCreate, timeZone: string): Promise<Learner> {
  await refuseNamesOfMerged(db, input);
  return db.learner.create({ data: { id: uuidv7(), timeZone, ...input } });
}

export function getLearner(db: Db, id: string): Promise<Learner> {
  return db.learner.findUniqueOrThrow({ where: { id } });
}

/** The day that it is for a learner. */
export async function todayOf(db: Db, id: string, now: Date): Promise<Day> {
  return dayIn(now, (await getLearner(db, id)).timeZone);
}

export function listLearners(db: Db, scope: Scope, { q, email, externalId, ...page }: LearnerList): Promise<Page<Learner>> {
  return readPage(["learners", q, email, externalId], page, { text: (learner) => learner.name }, (take, after) =>
    db.learner.findMany({
      where: {
        AND: [visibleLearners(scope), { email, externalId, erasedAt: null, mergedIntoId: null }, ...containsAllWords(q), beyond("name", "asc", after)],
      },
      orderBy: [{ name: "asc" }, { id: "asc" }],
      take,
    }),
  );
}

type Change = { input: LearnerUpdate; ifVersion: IfVersion; act: Act; now: Date };

/**
 * A program that changes the address or the externalId of somebody must not come to be them: neither
 * binds a first sign-in until an admin sends one of them.
 *
 * @throws AppError when learners change of themselves what the directory says
 */
export function updateLearner(db: Db, { caller }: Scope, id: string, { input, ifVersion, act, now }: Change): Promise<Learner> {
  const { timeZone: _, target: __, ...directory } = input;
  if (caller.role === "learner" && Object.keys(directory).length) {
    throw new AppError("forbidden", "Learners change their timeZone and target; the rest is kept by whoever keeps the directory.");
  }
  const { target, ...fields } = input;
  const where = { id, ...ifVersion };
  return inTransaction(db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${id}::uuid FOR UPDATE`;
    const before = await tx.learner.findUniqueOrThrow({ where });
    const changed = { ...fields, ...(target !== undefined && { target: changeTarget(before.target, target) }) };
    const isChanged = (name: "email" | "externalId") => input[name] !== undefined && input[name] !== before[name];
    const isNamed = input.email !== undefined || input.externalId !== undefined;
    // An admin confirms it by naming it, also as it is.
    const isConfirmed = isNamed && caller.role === "admin";
    const opening = isConfirmed || isChanged("email") || isChanged("externalId") ? { signInOpen: isConfirmed } : {};
    const change = { ...changed, ...opening };
    if (changesNothing(tx, before, change)) return before;
    await refuseNamesOfMerged(tx, fields, id);
    const after = await tx.learner.update({ where, data: { ...change, version: { increment: 1 } } });
    if (isChanged("email") && (await hasSignedIn(tx, before))) {
      await record(tx, { ...act, operation: "endSignIns", fields: ["email"] }, "change", [id], await endSignIns(tx, id, now));
    }
    return after;
  });
}

/**
 * An address or an externalId of a merged record leads to its survivor: nobody else takes it, and the survivor takes it from there.
 *
 * @throws AppError when it was another one's
 */
async function refuseNamesOfMerged(db: Db, { email, externalId }: Pick<LearnerUpdate, "email" | "externalId">, id?: string): Promise<void> {
  for (const [field, value] of Object.entries({ email, externalId })) {
    if (!value) continue;
    const merged = await db.learner.findFirst({ where: { [field]: value, mergedIntoId: { not: null } }, select: { id: true, mergedIntoId: true } });
    if (!merged?.mergedIntoId) continue;
    if (merged.mergedIntoId !== id) throw learnerMerged(merged.mergedIntoId, `#/${field}`);
    await db.learner.update({ where: { id: merged.id }, data: { [field]: null } });
  }
}
