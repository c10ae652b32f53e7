import { tombstoneOf } from "../access/subjects";
import { type Db, inTransaction, rolledBack } from "../database/transaction";
import type { Day } from "../days";
import { Prisma } from "../generated/prisma/client";
import { inWords } from "../http/schema";
import { NOBODY, PERSONAL_DATA, type Person } from "./models";
import type { Erasure } from "./personal-data.schema";

/**
 * Erases a person for good: what says who they were goes, the minutes stay, of nobody. Idempotent:
 * a second erasure takes away what is left.
 *
 * @param today on the organisation's calendar; memberships end on it
 * @param dryRun says what would go, by doing it and taking it back
 * @throws when there is no such learner
 */
export function erasePersonalData(db: Db, learnerId: string, { dryRun = false, today, now }: { dryRun?: boolean; today: Day; now: Date }): Promise<Erasure> {
  return (dryRun ? rolledBack : inTransaction)(db, async (tx) => {
    // Who is writing about the person right now is waited for; who comes later waits, and is then refused.
    await tx.$queryRaw`SELECT set_config('cairn.erasing', ${learnerId}, true) FROM learners WHERE id = ${learnerId}::uuid FOR UPDATE`;
    const { name, email, subject } = await tx.learner.findUniqueOrThrow({ where: { id: learnerId } });
    const person: Person = { id: learnerId, named: patternOf(name, email), tombstone: await tombstoneOf(tx, subject), today, now };
    const erasure: Erasure = { learnerId, dryRun, erased: {}, anonymised: {} };
    for (const [model, handling] of Object.entries(PERSONAL_DATA)) {
      const { goes, elsewhere } = handling;
      if (elsewhere) erasure.anonymised[model] = await tx.$executeRaw(elsewhere(person));
      if (goes) erasure.erased[model] = await tx.$executeRaw`DELETE FROM ${Prisma.raw(handling.table)} WHERE ${goes(person)}`;
      if ("stays" in handling && handling.stays) {
        const changed = await tx.$executeRaw`UPDATE ${Prisma.raw(handling.table)} SET ${assignments(handling.columns, person)} WHERE ${handling.stays(person)}`;
        erasure.anonymised[model] = (erasure.anonymised[model] ?? 0) + changed;
      }
    }
    await tx.$queryRaw`SELECT set_config('cairn.erasing', '', true)`;
    return erasure;
  });
}

type Columns = Record<string, "keeps" | "empties" | ((person: Person) => Prisma.Sql)>;

function assignments(columns: Columns, person: Person): Prisma.Sql {
  const changed = Object.entries(columns).flatMap(([field, fate]) => {
    if (fate === "keeps") return [];
    return [Prisma.sql`${Prisma.raw(inWords(field, "_"))} = ${fate === "empties" ? Prisma.sql`NULL` : fate(person)}`];
  });
  return Prisma.join(changed);
}

// A shorter name would be found in other words.
const MIN_NAME_LENGTH = 3;

/** Matches the person's name, however its words are spaced, and their e-mail address, each as whole words. */
function patternOf(...names: (string | null)[]): string | null {
  const known = names.filter((name): name is string => name !== null && name !== NOBODY && name.length >= MIN_NAME_LENGTH);
  if (!known.length) return null;
  const alternatives = known.map((name) => name.trim().split(/\s+/).map(escapePattern).join("\\s+"));
  return `(?<![[:alnum:]])(?:${alternatives.join("|")})(?![[:alnum:]])`;
}

function escapePattern(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, "\\$&");
}
