import { z } from "zod";
import { DayText, Id } from "../http/schema";

export const SessionExport = z.strictObject({
  from: DayText.optional().meta({ description: "The first day." }),
  to: DayText.optional().meta({ description: "The first day after." }),
  team: Id.optional().meta({ description: "Only of who is today in this team or below it." }),
});
export type SessionExport = z.infer<typeof SessionExport>;
