import type { PrismaClient } from "../generated/prisma/client";
import { PERSONAL_DATA } from "./models";
import type { Row } from "./page";

// A page is held in memory until it was sent, and a row can hold ten thousand characters.
const PAGE = 100;

/**
 * Everything that is kept of a person, as JSON in pieces: see PersonalDataExport. A page of rows is
 * one short statement, so that nothing stays open while a client takes its time; what changes
 * meanwhile is in it as it was when its page was read.
 *
 * @param inTurn reads a page when it is the person's turn
 */
export async function* exportPersonalData(
  db: PrismaClient,
  learnerId: string,
  now: Date,
  inTurn: <T>(read: () => Promise<T>) => Promise<T>,
): AsyncGenerator<string> {
  let before = `${JSON.stringify({ learnerId, exportedAt: now.toISOString() }).slice(0, -1)},"records":{`;
  for (const [model, { exported }] of Object.entries(PERSONAL_DATA)) {
    if (!exported) continue;
    before += `${JSON.stringify(model)}:[`;
    let after: Row | undefined;
    for (;;) {
      const page = after === undefined ? { take: PAGE } : { take: PAGE, after };
      const rows = await inTurn(() => exported(db, learnerId, page));
      if (rows.length) yield `${before}${JSON.stringify(rows).slice(1, -1)}`;
      if (rows.length) before = ",";
      after = rows.at(-1);
      if (rows.length < PAGE) break;
    }
    before = `${before === "," ? "" : before}],`;
  }
  yield `${before.slice(0, -1)}}}`;
}
