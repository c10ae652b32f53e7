import { z } from "zod";
import { PERIODS, WEEK_STARTS } from "../days";
import { csvColumns } from "../http/csv";
import type { CsvForm } from "../http/representations";
import { DayText, Id, LearnerId } from "../http/schema";
import { ByMode, Deviation, Shares } from "../mix";
import { sessionFilters } from "../study-sessions/filters";
import { RULES_OF_PREVIOUS } from "./period";

const GROUPS_OF_A_LEARNER = ["goal", "skill", "resource", "resource-type", "verification"] as const;
const GROUPS_OF_A_TEAM = ["team", "learner", ...GROUPS_OF_A_LEARNER] as const;
export type GroupBy = (typeof GROUPS_OF_A_TEAM)[number];

const WeekStart = z.enum(WEEK_STARTS).meta({ id: "WeekStart" });
const Period = z.enum(PERIODS).meta({ id: "Period" });
const GroupBy = z.enum(GROUPS_OF_A_TEAM).meta({ id: "GroupBy" });
const MembershipBasis = z.enum(["as-of", "current"]).meta({ id: "MembershipBasis" });

const query = {
  from: DayText.optional().meta({ description: "The first day; 91 days before `to` unless told." }),
  to: DayText.optional().meta({ description: "The first day after; tomorrow unless told." }),
  bucket: Period.optional().meta({ description: "Also each day, week, month, quarter or year; with `groupBy` of each group, too." }),
  weekStart: WeekStart.optional().meta({ description: "With `bucket=week`: the day on which weeks begin; the organisation's unless told." }),
  compare: z
    .enum(["previous"])
    .optional()
    .meta({ description: "Also the period just before: of a calendar month, quarter or year the whole one before, otherwise one of equal length." }),
  ...sessionFilters,
};

export const LearnerBreakdownQuery = z.strictObject({ ...query, groupBy: z.enum(GROUPS_OF_A_LEARNER).optional() });
export type LearnerBreakdownQuery = z.infer<typeof LearnerBreakdownQuery>;

export const TeamBreakdownQuery = z.strictObject({
  ...query,
  groupBy: GroupBy.optional().meta({ description: "`team`: the teams right below, each with all below it, and the team's own members." }),
  learner: LearnerId.optional().meta({ description: "Only this member." }),
  depth: z.enum(["direct", "subtree"]).optional().meta({ description: "`direct`: the team itself; `subtree`: with all below it, unless told." }),
  membership: MembershipBasis.optional().meta({
    description: "`as-of`: a session counts where its learner was that day, unless told; `current`: today's members.",
  }),
});
export type TeamBreakdownQuery = z.infer<typeof TeamBreakdownQuery>;

const percent = z.number().min(0).max(100);
const perMode = <T extends z.ZodType>(each: T) => z.object({ onTheJob: each, social: each, formal: each });
const rating = z
  .object({ mean: z.number().min(1).max(5).nullable(), rated: z.int() })
  .meta({ id: "Rating", description: "The mean of self-ratings from 1 to 5, and how many there are." });

const figures = {
  minutes: ByMode,
  share: Shares.nullable().meta({ description: "Percent of the classified minutes; the three add up to exactly 100.0. null: nothing was classified." }),
  sessions: ByMode.meta({ description: "Sessions that included the mode; `unclassified`: that left a remainder." }),
  impact: z
    .object({ onTheJob: rating, social: rating, formal: rating, total: rating })
    .meta({ id: "Impact", description: "Mean self-rating, 1 to 5, of the sessions that included the mode, and how many were rated." }),
  deviation: Deviation.nullable().meta({ description: "Points by which the share differs from the reference." }),
  distance: percent.nullable().meta({ description: "Half the sum of the deviations' sizes: the points that would have to move." }),
  learners: z
    .object({
      eligible: z.int().meta({ description: "In scope at any time in the period." }),
      active: z.int().meta({ description: "Of those, who logged something." }),
    })
    .meta({ id: "LearnerCounts" }),
  meanOfLearners: Shares.nullable().meta({ description: "Each active learner's own share, averaged. A gap to `share` means that a heavy logger dominates." }),
  quality: z
    .object({
      unclassifiedShare: percent.nullable(),
      selfReportedShare: percent.nullable(),
      overlappingShare: percent.nullable().meta({
        description:
          "Percent of the minutes that are of sessions at whose time the same learner has another session, whether this report counts that one or not.",
      }),
      coverage: percent.nullable().meta({ description: "Active of eligible learners, in percent." }),
      latestSessionAt: z.iso.datetime().nullable(),
      sufficient: z.boolean().meta({ description: "Whether there is enough to compare and rank by." }),
    })
    .meta({ id: "ReportQuality", description: "How complete and how fresh the data are." }),
};

const Figures = z.object(figures).meta({ id: "Figures", description: "What is counted of some sessions." });
export type Figures = z.infer<typeof Figures>;

export const ReplicaLag = z
  .number()
  .nullable()
  .meta({ description: "Seconds by which what this was read from was behind, at the most; null where reports are read from the database itself." });

const ReportTarget = perMode(z.int())
  .extend({
    setBy: z.enum(["goal", "learner", "team", "organisation"]).meta({ id: "TargetOwner" }),
    setById: Id.nullable().meta({ description: "null: the organisation's, or of a team that the caller may not see." }),
    setByName: z.string().nullable().meta({ description: "The title of that goal, or the name of that learner or team." }),
  })
  .meta({
    id: "ReportTarget",
    description: "The nearest reference mix: the goal's that the report or the group is of, the learner's, a team's above, or the organisation's.",
  });
export type ReportTarget = z.infer<typeof ReportTarget>;

export const PreviousRule = z
  .enum(RULES_OF_PREVIOUS)
  .meta({ id: "PreviousRule", description: "`calendar`: the whole month, quarter or year before; `equal-length`: as many days just before." });
const Previous = z.object({ from: z.iso.date(), to: z.iso.date(), rule: PreviousRule, ...figures }).meta({ id: "PreviousFigures" });
const Bucket = z
  .object({
    from: z.iso.date(),
    to: z.iso.date(),
    partial: z.boolean().meta({ description: "Not over yet, or cut by the period." }),
    ...figures,
  })
  .meta({ id: "BreakdownBucket" });
const Group = z
  .object({
    id: z.string().nullable().meta({ description: "What the group is of; null: sessions without one, or a team that the caller may not know of today." }),
    learnerId: Id.nullable().meta({ description: "Of a goal, whose it is: two people's goals may have the same id." }),
    learnerName: z.string().nullable(),
    label: z.string(),
    rank: z.int().nullable().meta({ description: "1 differs most from the reference; null where the data are not sufficient." }),
    target: ReportTarget,
    ...figures,
    previous: Previous.nullable(),
    buckets: z.array(Bucket).meta({ description: "With `bucket`: the group's own figures in each of the report's buckets." }),
    sessionsUrl: z.string().meta({ description: "The sessions that the group is made of, as far as the caller may see them." }),
  })
  .meta({ id: "BreakdownGroup" });

const exampleFigures: Figures = {
  minutes: { onTheJob: 540, social: 45, formal: 15, unclassified: 0, total: 600 },
  share: { onTheJob: 90, social: 7.5, formal: 2.5 },
  sessions: { onTheJob: 9, social: 3, formal: 1, unclassified: 0, total: 11 },
  impact: { onTheJob: { mean: 4.5, rated: 6 }, social: { mean: 5, rated: 2 }, formal: { mean: 4, rated: 1 }, total: { mean: 4.56, rated: 9 } },
  deviation: { onTheJob: 20, social: -12.5, formal: -7.5 },
  distance: 20,
  learners: { eligible: 1, active: 1 },
  meanOfLearners: { onTheJob: 90, social: 7.5, formal: 2.5 },
  quality: { unclassifiedShare: 0, selfReportedShare: 100, overlappingShare: 0, coverage: 100, latestSessionAt: "2026-11-20T08:15:00.000Z", sufficient: true },
};

export const Breakdown = z
  .object({
    scope: z.object({
      type: z.enum(["learner", "team"]).meta({ id: "ReportScope" }),
      id: Id,
      name: z.string(),
      depth: z.enum(["direct", "subtree"]).nullable(),
      membership: MembershipBasis.nullable(),
    }),
    period: z.object({
      from: z.iso.date(),
      to: z.iso.date(),
      days: z.int(),
      bucket: Period.nullable(),
      weekStart: WeekStart.nullable().meta({ description: "The day on which its weeks begin; null unless it is cut into weeks." }),
      partial: z.boolean(),
    }),
    filters: z.record(z.string(), z.string()),
    groupBy: GroupBy.nullable(),
    target: ReportTarget,
    total: Figures,
    previous: Previous.nullable(),
    buckets: z.array(Bucket),
    groups: z
      .array(Group)
      .meta({ description: "Those that differ most first; unranked ones after, by label. A session with two skills is in both of their groups." }),
    withheldLearners: z.int().meta({ description: "People who were in the team in the period, and are left out because the caller does not see them today." }),
    replicaLagSeconds: ReplicaLag,
    sessionsUrl: z.string(),
  })
  .meta({
    id: "Breakdown",
    description: "The real mix of on-the-job, social and formal learning, and how it differs from the reference.",
    examples: [
      {
        scope: { type: "learner", id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", name: "Tomas Lind", depth: null, membership: null },
        period: { from: "2026-08-25", to: "2026-11-24", days: 91, bucket: null, weekStart: null, partial: true },
        filters: {},
        groupBy: null,
        target: { onTheJob: 70, social: 20, formal: 10, setBy: "organisation", setById: null, setByName: null },
        total: exampleFigures,
        previous: null,
        buckets: [],
        groups: [],
        withheldLearners: 0,
        replicaLagSeconds: null,
        sessionsUrl: "/v1/learners/0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e/study-sessions?from=2026-08-25&to=2026-11-24",
      },
    ],
  });
export type Breakdown = z.infer<typeof Breakdown>;

const Line = z.object({
  section: z.enum(["total", "previous", "bucket", "group", "group-previous", "group-bucket"]),
  id: z.string().nullable(),
  learnerId: z.string().nullable(),
  learnerName: z.string().nullable(),
  label: z.string().nullable(),
  from: z.string(),
  to: z.string(),
  rule: PreviousRule.nullable(),
  partial: z.boolean().nullable(),
  rank: z.int().nullable(),
  target: ReportTarget,
  ...figures,
});

/** A breakdown as a table: a line for the total, the previous period, each bucket, each group, and each group's buckets. */
export const breakdownCsv: CsvForm = {
  columns: csvColumns(Line),
  rows: ({ period: { from, to, partial }, target, total, previous, buckets, groups }: Breakdown) => [
    { section: "total", from, to, partial, target, ...total },
    ...(previous ? [{ section: "previous", target, ...previous }] : []),
    ...buckets.map((bucket) => ({ section: "bucket", target, ...bucket })),
    ...groups.flatMap(({ previous, buckets, ...group }) => {
      const { id, learnerId, learnerName, label, target } = group;
      const of = { id, learnerId, learnerName, label, target };
      return [
        { section: "group", from, to, partial, ...group },
        ...(previous ? [{ section: "group-previous", ...of, ...previous }] : []),
        ...buckets.map((bucket) => ({ section: "group-bucket", ...of, ...bucket })),
      ];
    }),
  ],
};
