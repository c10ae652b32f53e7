import { z } from "zod";
import { Id } from "../http/schema";

export const CHANGES = ["added", "changed", "removed", "kept"] as const;

export const PathAdopt = z
  .strictObject({ pathId: Id, version: z.int().min(1).optional().meta({ description: "A published version; the last unless told." }) })
  .meta({ id: "PathAdopt", examples: [{ pathId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa" }] });
export type PathAdopt = z.infer<typeof PathAdopt>;

const progress = z.number().min(0).max(1).nullable();

export const PathChange = z
  .object({
    pathId: Id,
    fromVersion: z.int().nullable().meta({ description: "null: the goal had not adopted the path." }),
    toVersion: z.int().nullable().meta({ description: "null: there is no newer version." }),
    progress: z.object({ before: progress, after: progress }),
    steps: z.array(
      z.object({
        stepId: Id.nullable().meta({ description: "null: a preview of a step that is not there yet." }),
        key: z.string(),
        title: z.string(),
        change: z
          .enum(CHANGES)
          .meta({ description: "`kept`: the version drops or changes a step that is done, or drops one that was begun. It stays as the goal's own." }),
        fields: z.array(z.string()).meta({ description: "What of a changed step the version says otherwise. What the learner changed alone stays." }),
      }),
    ),
  })
  .meta({
    id: "PathChange",
    description: "What adopting a version of a path does to a goal.",
    examples: [
      {
        pathId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
        fromVersion: 1,
        toVersion: 2,
        progress: { before: 0.5, after: 0.4 },
        steps: [{ stepId: null, key: "roll-back", title: "Roll back a deployment", change: "added", fields: [] }],
      },
    ],
  });
export type PathChange = z.infer<typeof PathChange>;

export const PathChangeQuery = z.strictObject({
  version: z.coerce.number().int().min(1).max(2_147_483_647).optional().meta({ description: "A newer version; the last unless told." }),
});
export type PathChangeQuery = z.infer<typeof PathChangeQuery>;
