import { type Db, inTransaction, rolledBack } from "../database/transaction";
import { PERSONAL_DATA } from "./models";
import type { Erasure } from "./personal-data.schema";

/**
 * Erases a person for good: what says who they were goes, the minutes stay, of nobody.
 *
 * @param dryRun says what would go, by doing it and taking it back
 */
export function erasePersonalData(db: Db, learnerId: string, dryRun: boolean, now: Date): Promise<Erasure> {
  return (dryRun ? rolledBack : inTransaction)(db, async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM learners WHERE id = ${learnerId}::uuid FOR UPDATE`;
    const erasure: Erasure = { learnerId, dryRun, erased: {}, anonymised: {} };
    for (const [model, { erased, anonymised }] of Object.entries(PERSONAL_DATA)) {
      if (erased) erasure.erased[model] = await erased(tx, learnerId);
      if (anonymised) erasure.anonymised[model] = await anonymised(tx, learnerId, now);
    }
    return erasure;
  });
}
