import { tombstoneOf } from "../access/subjects";
import { type Db, inTransaction, rolledBack } from "../database/transaction";
import type { Day } from "../days";
import { Prisma } from "../generated/prisma/client";
import { inWords } from "../http/schema";
import { NOBODY, PERSONAL_DATA, type Person } from "./models";
import type { Erasure } from "./personal-data.schema";

/**
 * Erases a person for good: what says who they were goes, the minutes stay, of nobody; so it is with
 * what is left of records that were merged into theirs. Idempotent: a second erasure takes away what is left.
 *
 * @param today on the organisation's calendar; memberships end on it
 * @param dryRun says what would go, by doing it and taking it back
 * @throws when there is no such learner
 */
export function erasePersonalData(db: Db, learnerId: string, { dryRun = false, today, now }: { dryRun?: boolean; today: Day; now: Date }): Promise<Erasure> {
  return (dryRun ? rolledBack : inTransaction)(db, async (tx) => {
    // Who is writing about the person right now is waited for; who comes later waits, and is then refused.
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${learnerId}::uuid FOR UPDATE`;
    const erasure: Erasure = { learnerId, dryRun, erased: {}, anonymised: {} };
    const merged = await tx.learner.findMany({ where: { mergedIntoId: learnerId }, select: { id: true }, orderBy: { id: "asc" } });
    for (const id of [learnerId, ...merged.map((record) => record.id)]) await eraseRecord(tx, id, { today, now }, erasure);
    await tx.$queryRaw`SELECT set_config('cairn.erasing', '', true)`;
    return erasure;
  });
}

/** Erases what one record says, and adds to the counts. */
async function eraseRecord(tx: Db, id: string, { today, now }: Pick<Person, "today" | "now">, { erased, anonymised }: Erasure): Promise<void> {
  await tx.$queryRaw`SELECT set_config('cairn.erasing', ${id}, true) FROM learners WHERE id = ${id}::uuid FOR UPDATE`;
  const { name, email, subject } = await tx.learner.findUniqueOrThrow({ where: { id } });
  const person: Person = { id, named: patternOf(name, email), tombstone: await tombstoneOf(tx, subject), today, now };
  const count = (counts: Record<string, number>, model: string, rows: number) => {
    counts[model] = (counts[model] ?? 0) + rows;
  };
  for (const [model, handling] of Object.entries(PERSONAL_DATA)) {
    const { goes, elsewhere } = handling;
    if (elsewhere) count(anonymised, model, await tx.$executeRaw(elsewhere(person)));
    if (goes) count(erased, model, await tx.$executeRaw`DELETE FROM ${Prisma.raw(handling.table)} WHERE ${goes(person)}`);
    if ("stays" in handling && handling.stays) {
      const assigned = assignments(handling.columns, person);
      count(anonymised, model, await tx.$executeRaw`UPDATE ${Prisma.raw(handling.table)} SET ${assigned} WHERE ${handling.stays(person)}`);
    }
  }
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
const MIN_NAME_LENGTH = 2;
// Scripts that put no space between words.
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const BETWEEN_WORDS = "[[:space:]_.,-]+";

/**
 * Matches the person's name, whatever stands between its words and with the last of them first, and
 * their e-mail address, each as whole words.
 */
function patternOf(name: string, email: string | null): string | null {
  const words = name.trim().split(/\s+/);
  const orders = words.length > 1 ? [words, [...words.slice(-1), ...words.slice(0, -1)]] : [words];
  const names = name === NOBODY || name.length < MIN_NAME_LENGTH ? [] : orders.map((order) => order.map(escapePattern).join(BETWEEN_WORDS));
  const known = [...names, ...(email ? [escapePattern(email)] : [])];
  if (!known.length) return null;
  const whole = (pattern: string) => (UNSPACED.test(pattern) ? pattern : `(?<![[:alnum:]])(?:${pattern})(?![[:alnum:]])`);
  return known.map(whole).join("|");
}

function escapePattern(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, "\\$&");
}
