import { z } from "zod";
import { ResourceType, Verdict } from "../generated/prisma/enums";
import { HEALTHS, RULE_NAMES } from "../goals/health";
import { csvColumns } from "../http/csv";
import { pageQuery } from "../http/paging";
import type { CsvForm } from "../http/representations";
import { DayText, Id, kebabEnum } from "../http/schema";
import { ByMode, Deviation, Shares } from "../mix";
import { Depth } from "../teams/teams.schema";
import { PreviousRule, ReplicaLag } from "./breakdown.schema";

const query = {
  from: DayText.optional().meta({ description: "The first day; 91 days before `to` unless told." }),
  to: DayText.optional().meta({ description: "The first day after; tomorrow unless told." }),
  dueWithinDays: z.coerce.number().int().min(0).max(366).optional().meta({ description: "How many days ahead `due` looks; 14 unless told." }),
};

export const TeamGrowthQuery = z.strictObject({ ...query, depth: Depth.optional(), ...pageQuery });
export type TeamGrowthQuery = z.infer<typeof TeamGrowthQuery>;

export const LearnerGrowthQuery = z.strictObject({
  ...query,
  since: DayText.optional().meta({ description: "Also what changed from this day on, such as the day of the last one-to-one." }),
});
export type LearnerGrowthQuery = z.infer<typeof LearnerGrowthQuery>;

const day = z.iso.date();
const health = z.enum(HEALTHS);

/** The first items of a list, and how many there are. */
const listOf = <T extends z.ZodType>(item: T) => z.object({ total: z.int(), items: z.array(item).meta({ description: "The first hundred." }) });

const person = {
  id: Id.meta({ description: "The learner's." }),
  name: z.string(),
  teamId: Id.nullable(),
  teamName: z.string().nullable(),
  lastSessionOn: day.nullable(),
  daysSinceLearning: z.int().nullable().meta({ description: "null: never. Those come first." }),
  minutes: z.int().meta({ description: "Logged in the period." }),
  previousMinutes: z.int().meta({ description: "Logged in the period just before: `previous`." }),
  modes: z.array(z.enum(["on-the-job", "social", "formal"])).meta({ description: "The modes of learning in the period." }),
  activeGoals: z.int(),
  progress: z.number().min(0).max(1).nullable().meta({ description: "Mean progress of the active goals that have one." }),
};

const OpenGoal = z.object({
  id: Id,
  title: z.string(),
  status: z.enum(["draft", "active", "on-hold"]),
  health,
  rule: z.enum(RULE_NAMES),
  progress: z.number().min(0).max(1).nullable(),
  dueOn: day.nullable(),
  projectedEnd: day.nullable(),
  blockedBy: z.array(z.object({ id: Id, title: z.string() })),
});

export type OpenGoal = z.infer<typeof OpenGoal>;

const Person = z.object({
  ...person,
  goals: z.array(OpenGoal).meta({ description: "Drafts, active and on hold; the worst health first, a hundred at most." }),
});
export type Person = z.infer<typeof Person>;

const Due = z.object({
  learnerId: Id,
  learnerName: z.string(),
  goalId: Id,
  goalTitle: z.string(),
  stepId: Id.nullable().meta({ description: "null: the goal itself is due." }),
  stepTitle: z.string().nullable(),
  dueOn: day,
  health,
});
export type Due = z.infer<typeof Due>;

const Skill = z.object({ skill: z.string(), learners: z.int(), goals: z.int() });
export type Skill = z.infer<typeof Skill>;

const Resource = z.object({
  id: Id,
  type: z.enum(ResourceType),
  title: z.string(),
  learners: z.int().meta({ description: "Who logged learning from it in the period." }),
  minutes: z.int(),
  finished: z.int().meta({ description: "Who completed a step with it in the period." }),
  impact: z.object({ mean: z.number().nullable(), rated: z.int() }),
  minutesPerWeek: z.number().meta({ description: "From the people of this report, over the part of the period that has passed." }),
  capacityMinutesPerWeek: z.int().nullable(),
  load: z.number().nullable().meta({ description: "Percent of its capacity; null where the resource states none." }),
  overloaded: z.boolean(),
});
export type Resource = z.infer<typeof Resource>;

const WaitingReview = z.object({
  id: Id,
  learnerId: Id,
  learnerName: z.string(),
  goalId: Id,
  goalTitle: z.string(),
  stepId: Id.nullable(),
  stepTitle: z.string().nullable(),
  question: z.string().nullable(),
  askedAt: z.iso.datetime(),
});
export type WaitingReview = z.infer<typeof WaitingReview>;

const ofGoal = { goalId: Id, goalTitle: z.string() };
const StepDone = z.object({ ...ofGoal, id: Id, title: z.string(), completedOn: day });
const GoalChanged = z.object({ id: Id, title: z.string(), on: day }).meta({ id: "GoalOnDay" });
const GoalsChanged = listOf(GoalChanged).meta({ id: "GoalsOnDays" });
const TermLearned = z.object({ ...ofGoal, id: Id, term: z.string(), learnedOn: day });
const ReviewChanged = z.object({
  ...ofGoal,
  id: Id,
  stepId: Id.nullable(),
  stepTitle: z.string().nullable(),
  askedAt: z.iso.datetime(),
  verdict: kebabEnum(Verdict).in.nullable(),
  answeredAt: z.iso.datetime().nullable(),
});

const Changes = z.object({
  since: day,
  sessions: z.object({ count: z.int(), minutes: ByMode }),
  goalsStarted: GoalsChanged,
  goalsCompleted: GoalsChanged,
  stepsCompleted: listOf(StepDone),
  termsLearned: listOf(TermLearned).meta({ description: "As far as the caller may see them." }),
  reviews: listOf(ReviewChanged).meta({ description: "Asked or answered." }),
});
export type Changes = z.infer<typeof Changes>;

const mixed = z.object({ minutes: ByMode, share: Shares.nullable() }).meta({ id: "Mix" });

export const GrowthReport = z
  .object({
    scope: z.object({ type: z.enum(["learner", "team"]), id: Id, name: z.string(), depth: z.enum(["direct", "subtree"]).nullable() }),
    today: day.meta({ description: "The learner's day, or the organisation's for a team. Health is as of today, of today's members." }),
    period: z.object({ from: day, to: day, days: z.int() }),
    previous: z.object({ from: day, to: day, rule: PreviousRule }),
    people: z.object({
      total: z.int(),
      withoutLearning: z.int().meta({ description: "Who never logged anything." }),
      inactive: z.int().meta({ description: "Who logged nothing in the period; those who never did are among them." }),
    }),
    goals: z.object({
      open: z.int().meta({ description: "Drafts, active and on hold." }),
      byHealth: z.object(Object.fromEntries(HEALTHS.map((each) => [each, z.int()])) as Record<(typeof HEALTHS)[number], z.ZodInt>),
    }),
    due: listOf(Due).meta({ description: "Active goals and their undone steps due from today to `dueWithinDays` ahead." }),
    skills: listOf(Skill).meta({ description: "Skills of active goals." }),
    resources: listOf(Resource).meta({ description: "What was learned from, or finished, in the period; the most used first." }),
    mix: z
      .object({
        planned: mixed,
        actual: mixed,
        difference: Deviation.nullable().meta({ description: "Points by which the actual share differs from the planned one." }),
      })
      .meta({ description: "Of the active goals: what their steps plan against what was logged on them." }),
    reviewsWaiting: listOf(WaitingReview).meta({ description: "Reviews that the caller can answer; the longest waiting first." }),
    changes: Changes.nullable().meta({ description: "With `since`." }),
    replicaLagSeconds: ReplicaLag,
    items: z.array(Person).meta({ description: "People, by what needs attention: never learned, worst health, longest without learning, name." }),
    next: z.string().nullable().meta({ description: "The cursor of the page after; null on the last." }),
  })
  .meta({
    id: "GrowthReport",
    description: "How the goals of a learner or of a team's people are doing.",
    examples: [
      {
        scope: { type: "team", id: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa", name: "Analytics", depth: "subtree" },
        today: "2026-11-23",
        period: { from: "2026-08-25", to: "2026-11-24", days: 91 },
        previous: { from: "2026-05-26", to: "2026-08-25", rule: "equal-length" },
        people: { total: 1, withoutLearning: 0, inactive: 0 },
        goals: { open: 1, byHealth: { overdue: 0, blocked: 0, "at-risk": 1, "not-started": 0, "on-track": 0, "on-hold": 0, completed: 2 } },
        due: { total: 0, items: [] },
        skills: { total: 1, items: [{ skill: "kubernetes", learners: 1, goals: 1 }] },
        resources: { total: 0, items: [] },
        mix: {
          planned: {
            minutes: { onTheJob: 1200, social: 0, formal: 600, unclassified: 0, total: 1800 },
            share: { onTheJob: 66.7, social: 0, formal: 33.3 },
          },
          actual: {
            minutes: { onTheJob: 540, social: 45, formal: 15, unclassified: 0, total: 600 },
            share: { onTheJob: 90, social: 7.5, formal: 2.5 },
          },
          difference: { onTheJob: 23.3, social: 7.5, formal: -30.8 },
        },
        reviewsWaiting: { total: 0, items: [] },
        changes: null,
        replicaLagSeconds: null,
        items: [
          {
            id: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
            name: "Tomas Lind",
            teamId: "0193d5a0-6c00-7a31-9d4e-aaaaaaaaaaaa",
            teamName: "Analytics",
            lastSessionOn: "2026-11-20",
            daysSinceLearning: 3,
            minutes: 600,
            previousMinutes: 480,
            modes: ["on-the-job", "social", "formal"],
            activeGoals: 1,
            progress: 0.25,
            goals: [
              {
                id: "0193d5a0-6c00-7a31-9d4e-eeeeeeeeeeee",
                title: "Deploy my own service to production",
                status: "active",
                health: "at-risk",
                rule: "projected-late",
                progress: 0.25,
                dueOn: "2026-12-31",
                projectedEnd: "2027-02-10",
                blockedBy: [],
              },
            ],
          },
        ],
        next: null,
      },
    ],
  });
export type GrowthReport = z.infer<typeof GrowthReport>;

const Line = z.object({
  ...person,
  ...Object.fromEntries(HEALTHS.filter((each) => each !== "completed").map((each) => [each, z.int()])),
  goals: z.array(z.string()),
});

/** A growth report as a table: a line for each person, with how many of their open goals are of each health. */
export const growthCsv: CsvForm = {
  columns: csvColumns(Line),
  rows: ({ items }: GrowthReport) =>
    items.map(({ goals, ...each }) => ({
      ...each,
      ...Object.fromEntries(HEALTHS.map((name) => [name, goals.filter((goal) => goal.health === name).length])),
      goals: goals.map(({ title }) => title),
    })),
};
