import { z } from "zod";
import type { Scope } from "../access/scope";
import type { Act } from "../audit/audit.service";
import type { Db } from "../database/transaction";
import { Id } from "../http/schema";
import { type Entry, logSessions } from "../study-sessions/log-sessions";
import { StudySessionCreate } from "../study-sessions/study-sessions.schema";
import type { Door, Outcome } from "./import";

/** With an id each, so that a file that is sent again logs nothing twice. */
export const SessionLine = z.strictObject({ learnerId: Id, id: Id, ...StudySessionCreate.shape });

type SessionLine = z.output<typeof SessionLine>;

export function sessionDoor(db: Db, scope: Scope, clock: () => Date, act: Act): Door<typeof SessionLine> {
  return {
    item: SessionLine,
    async store(items) {
      // In one order, whatever the file's: two imports of the same sessions wait for each other, and never both.
      const order = items.map((item, index) => ({ key: item.learnerId + item.id, index })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
      const entries = order.map(({ index }) => toEntry(items[index] as SessionLine));
      const logged = await logSessions(db, scope, entries, clock(), act);
      const outcomes: Outcome[] = new Array(items.length);
      for (const [place, { index }] of order.entries()) outcomes[index] = logged[place] as Outcome;
      return outcomes;
    },
  };
}

function toEntry({ learnerId, id, ...input }: SessionLine): Entry {
  return { learnerId, id, input };
}
