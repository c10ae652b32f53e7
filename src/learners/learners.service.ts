import { v7 as uuidv7 } from "uuid";
import { type Scope, visibleLearners } from "../access/scope";
import { containsAllWords } from "../database/search";
import type { Db } from "../database/transaction";
import { type Day, dayIn } from "../days";
import { AppError } from "../errors";
import { beyond, type Page, readPage } from "../http/paging";
import type { IfVersion } from "../http/preconditions";
import type { Learner, LearnerCreate, LearnerList, LearnerUpdate } from "./learners.schema";

/** @param timeZone the organisation's, for a learner who brings none */
export function createLearner(db: Db, input: LearnerCreate, timeZone: string): Promise<Learner> {
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
      where: { AND: [visibleLearners(scope), { email, externalId, erasedAt: null }, ...containsAllWords(q, ["name", "email"]), beyond("name", "asc", after)] },
      orderBy: [{ name: "asc" }, { id: "asc" }],
      take,
    }),
  );
}

/** @throws AppError when learners change of themselves what the directory says */
export async function updateLearner(db: Db, { caller }: Scope, id: string, input: LearnerUpdate, ifVersion: IfVersion): Promise<Learner> {
  const { timeZone: _, target: __, ...directory } = input;
  if (caller.role === "learner" && Object.keys(directory).length) {
    throw new AppError("forbidden", "Learners change their timeZone and target; the rest is kept by whoever keeps the directory.");
  }
  return db.learner.update({ where: { id, ...ifVersion }, data: { ...input, version: { increment: 1 } } });
}
