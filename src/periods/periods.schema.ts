import { z } from "zod";
import { pageOf, pageQuery } from "../http/paging";
import { Instant } from "../http/schema";

/** A month as it travels, `2026-06`. */
export const Month = z
  .string()
  .regex(/^(19[7-9]\d|2\d{3})-(0[1-9]|1[0-2])$/, "Must be a month such as 2026-06, from 1970 on.")
  .meta({ examples: ["2026-06"] });

export const PeriodClosure = z.object({ month: Month, closedAt: Instant }).meta({
  id: "PeriodClosure",
  description: "A month that is closed: what was logged in it changes only by an admin with a reason.",
  examples: [{ month: "2026-06", closedAt: "2026-07-10T09:00:00.000Z" }],
});
export type PeriodClosure = z.infer<typeof PeriodClosure>;

export const PeriodClosurePage = pageOf(PeriodClosure);
export const PeriodClosureList = z.strictObject(pageQuery);
export type PeriodClosureList = z.infer<typeof PeriodClosureList>;
