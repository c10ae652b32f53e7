import { z } from "zod";
import { Problem } from "../http/problem";
import { Warning } from "../study-sessions/study-sessions.schema";

const totals = {
  lines: z.int().meta({ description: "Lines that have their outcome; not counting the header, nor empty ones." }),
  created: z.int(),
  existing: z.int().meta({ description: "What was there already, as the line says it." }),
  rejected: z.int(),
};
const number = z.int().meta({ description: "The line's number in the file, from 1; of a row that spans several, the first." });

/** What an import answers, line by line while the upload is read. */
export const ImportLine = z
  .discriminatedUnion("kind", [
    z.object({ kind: z.literal("progress"), ...totals }),
    z.object({ kind: z.literal("rejected"), line: number, id: z.string().nullable(), problem: Problem }),
    z.object({ kind: z.literal("warned"), line: number, id: z.string().nullable(), warnings: z.array(Warning).min(1) }),
    z.object({ kind: z.literal("done"), ...totals }),
    z.object({ kind: z.literal("failed"), ...totals, line: number.meta({ description: "What stands from this line on was not stored." }), problem: Problem }),
  ])
  .meta({
    id: "ImportLine",
    description:
      "A line of the answer to an import. `warned`: a session that was stored, with what to look into. The last is `done` or `failed`; where neither comes, the answer was cut.",
    examples: [{ kind: "done", lines: 1_000_000, created: 999_998, existing: 0, rejected: 2 }],
  });
export type ImportLine = z.infer<typeof ImportLine>;
