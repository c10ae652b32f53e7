import { z } from "zod";
import { DayText, Id } from "../http/schema";
import { StudySession } from "../study-sessions/study-sessions.schema";

export const SessionExport = z.strictObject({
  from: DayText.optional().meta({ description: "The first day." }),
  to: DayText.optional().meta({ description: "The first day after." }),
  team: Id.optional().meta({ description: "Only of who is today in this team or below it." }),
});
export type SessionExport = z.infer<typeof SessionExport>;

/** A line of an export as NDJSON. */
export const SessionExportLine = z
  .union([StudySession, z.object({ kind: z.literal("done"), rows: z.int() })])
  .meta({ id: "StudySessionExportLine", description: "A line of an export. The last says how many there are." });
