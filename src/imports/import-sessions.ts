import { z } from "zod";
import type { Scope } from "../access/scope";
import type { Act } from "../audit/audit.service";
import type { Db } from "../database/transaction";
import { Id } from "../http/schema";
import { logSessions } from "../study-sessions/log-sessions";
import { StudySessionCreate } from "../study-sessions/study-sessions.schema";
import { recordRefused } from "../study-sessions/study-sessions.service";
import type { Door } from "./import";

/** With an id each, so that a file that is sent again logs nothing twice. */
export const SessionLine = z.strictObject({ learnerId: Id, id: Id, ...StudySessionCreate.shape }).meta({
  id: "StudySessionLine",
  examples: [
    {
      learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
      id: "0193d5a0-6c00-7a31-9d4e-ffffffffffff",
      startedAt: "2026-11-20T08:15:00Z",
      minutes: 90,
      mode: "on-the-job",
    },
  ],
});

export function sessionDoor(db: Db, scope: Scope, clock: () => Date, act: Act): Door<typeof SessionLine> {
  return {
    item: SessionLine,
    async store(items) {
      const entries = items.map(({ learnerId, id, ...input }) => ({ learnerId, id, input }));
      const outcomes = await logSessions(db, scope, entries, clock(), act);
      await recordRefused(
        db,
        scope,
        act,
        outcomes.map((outcome, index) => ({ ...outcome, learnerId: entries[index]?.learnerId ?? null })),
      );
      // A file brings what happened long ago: that it comes late is no news of each line.
      return outcomes.map((outcome) =>
        "error" in outcome ? outcome : { ...outcome, warnings: outcome.warnings.filter(({ code }) => code !== "logged-late") },
      );
    },
  };
}
