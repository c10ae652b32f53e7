import { z } from "zod";
import { Mode, ResourceType, Verification } from "../generated/prisma/enums";
import { pageOf, pageQuery } from "../http/paging";
import { Problem } from "../http/problem";
import { CalendarDay, DayText, Flag, Id, Instant, InstantOrLocalTime, kebabEnum, LearnerId, listOf, prose, Skills, TimeZone } from "../http/schema";
import { sessionFilters } from "./filters";

const MAX_BATCH = 1_000;

// A mentor's word is given on a session that is there, not by whoever logs it.
const { mentorConfirmed: _, ...LOGGED_AS } = Verification;

/** How long a session may last. */
export const LONGEST_MINUTES = 1_440;

const minutes = z.int().min(1).max(LONGEST_MINUTES);
const part = z.int().min(0).max(LONGEST_MINUTES);
const impact = z.int().min(1).max(5).meta({ description: "How useful it was, rated by the learner from 1 to 5." });

const EXAMPLE = {
  learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
  id: "0193d5a0-6c00-7a31-9d4e-ffffffffffff",
  startedAt: "2026-11-20T08:15:00.000Z",
  timeZone: "Europe/Stockholm",
  occurredOn: "2026-11-20",
  minutes: 90,
  onTheJobMinutes: 60,
  socialMinutes: 30,
  formalMinutes: 0,
  unclassifiedMinutes: 0,
  impact: 4,
  goalId: null,
  stepId: null,
  resourceId: null,
  resourceType: null,
  skills: ["kubernetes"],
  verification: "self-reported",
  note: null,
  noteShared: false,
  version: 1,
  loggedAt: "2026-11-20T10:00:00.000Z",
  updatedAt: "2026-11-20T10:00:00.000Z",
  deletedAt: null,
};

export const StudySession = z
  .object({
    learnerId: Id,
    id: Id,
    startedAt: Instant,
    timeZone: TimeZone.meta({ description: "The learner's zone then." }),
    occurredOn: CalendarDay.meta({ description: "The day on the learner's calendar when it began. Reports run on it." }),
    minutes,
    onTheJobMinutes: part,
    socialMinutes: part,
    formalMinutes: part,
    unclassifiedMinutes: part,
    impact: impact.nullable(),
    goalId: Id.nullable(),
    stepId: Id.nullable().meta({ description: "A step of that goal." }),
    resourceId: Id.nullable(),
    resourceType: z.enum(ResourceType).nullable().meta({ description: "The resource's type when the session was logged." }),
    skills: Skills,
    verification: kebabEnum(Verification),
    note: prose(10_000).nullable().meta({ description: "The learner's own words; null to everybody else unless shared." }),
    noteShared: z.boolean().meta({ description: "Whether those who may see the session may read its note." }),
    version: z.int(),
    loggedAt: Instant,
    updatedAt: Instant,
    deletedAt: Instant.nullable().meta({ description: "Set on what `updatedSince` reports as deleted." }),
  })
  .meta({
    id: "StudySession",
    description: "Dated minutes of learning, split over modes.",
    examples: [EXAMPLE],
  });
export type StudySession = z.infer<typeof StudySession>;

export const Warning = z
  .object({
    code: z.enum(["unclassified", "overlaps", "before-membership", "logged-late"]).meta({
      description:
        "`unclassified`: no minute has a mode. `overlaps`: other sessions of the learner lie at the same time. `before-membership`: before the learner's first day in a team. `logged-late`: logged longer after its day than `LATE_AFTER_DAYS` says.",
    }),
    detail: z.string(),
    sessionIds: z.array(Id).optional().meta({ description: "Of `overlaps`: the others, the first twenty at the most." }),
  })
  .meta({
    id: "StudySessionWarning",
    description: "What to look into of a session that was accepted all the same.",
    examples: [{ code: "unclassified", detail: "None of the minutes has a mode, so reports count them as unclassified. Say a mode or a split." }],
  });
export type Warning = z.infer<typeof Warning>;

const warnings = z.array(Warning).meta({
  description: "What to look into, of the session as it is now. Whoever may not read sessions is told only what follows from what they sent.",
});

export const LoggedSession = StudySession.extend({ warnings }).meta({
  id: "LoggedStudySession",
  description: "A session as the answer to a write has it.",
  examples: [{ ...EXAMPLE, warnings: [] }],
});
export type LoggedSession = z.infer<typeof LoggedSession>;

export const Confirmation = StudySession.pick({
  learnerId: true,
  id: true,
  startedAt: true,
  minutes: true,
  resourceId: true,
  verification: true,
  version: true,
})
  .strip()
  .extend({ learnerName: z.string() })
  .meta({
    id: "StudySessionConfirmation",
    description: "A session as the mentor knows it that it was spent with: neither its rating nor its note.",
    examples: [
      {
        learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
        id: "0193d5a0-6c00-7a31-9d4e-ffffffffffff",
        startedAt: "2026-11-20T08:15:00.000Z",
        minutes: 90,
        resourceId: "0193d5a0-6c00-7a31-9d4e-dddddddddddd",
        verification: "mentor-confirmed",
        version: 2,
        learnerName: "Tomas Lind",
      },
    ],
  });
export type Confirmation = z.infer<typeof Confirmation>;

export const ConfirmationPage = pageOf(Confirmation);
export const ConfirmationList = z.strictObject({
  confirmed: Flag.optional().meta({ description: "`false`: only those that wait for the mentor's word; `true`: only those that have it." }),
  ...pageQuery,
});
export type ConfirmationList = z.infer<typeof ConfirmationList>;

export const startedAt = InstantOrLocalTime.meta({
  description:
    "Without an offset, such as 2026-11-20T08:15, the time on the clocks of `timeZone`, or of the learner's zone: of an hour that they show twice the first, and of one that they skip as if they had not yet been put forward.",
});

export const StudySessionCreate = z
  .strictObject({
    startedAt,
    timeZone: TimeZone.optional().meta({ description: "The learner's own unless told." }),
    minutes,
    mode: kebabEnum(Mode)
      .optional()
      .meta({ description: "All minutes are of this mode. Neither this nor `split`: the resource's mode, or the step's, or unclassified." }),
    split: z
      .strictObject({ onTheJob: part.optional(), social: part.optional(), formal: part.optional() })
      .meta({ id: "Split", description: "Minutes per mode; what they leave is unclassified." })
      .optional()
      .meta({ description: "Minutes per mode; what they leave is unclassified." }),
    impact: impact.nullable().optional(),
    goalId: Id.nullable().optional().meta({ description: "The step's unless told." }),
    stepId: Id.nullable().optional(),
    resourceId: Id.nullable().optional().meta({ description: "The step's unless told." }),
    skills: Skills.optional().meta({ description: "The resource's and the goal's unless told." }),
    note: prose(10_000).nullable().optional(),
    noteShared: z.boolean().optional(),
    verification: kebabEnum(LOGGED_AS)
      .register(z.globalRegistry, { id: "LoggedAs" })
      .optional()
      .meta({ description: "`system-recorded` from a service that measured it; `self-reported` unless told." }),
  })
  .meta({
    id: "StudySessionCreate",
    examples: [{ startedAt: "2026-11-20T08:15:00Z", minutes: 90, split: { onTheJob: 60, social: 30 }, impact: 4, note: "First deploy" }],
  });
export type StudySessionCreate = z.infer<typeof StudySessionCreate>;

const changedPart = part.nullable().optional();

export const StudySessionUpdate = StudySessionCreate.omit({ verification: true })
  .extend({
    split: z
      .strictObject({ onTheJob: changedPart, social: changedPart, formal: changedPart })
      .meta({ description: "Minutes per mode. A mode that is left out keeps its minutes; null takes them away." }),
  })
  .partial()
  .meta({ id: "StudySessionUpdate", examples: [{ minutes: 75, split: { onTheJob: 45, social: 30 } }] });
export type StudySessionUpdate = z.infer<typeof StudySessionUpdate>;

const period = {
  from: DayText.optional().meta({ description: "The first day." }),
  to: DayText.optional().meta({ description: "The first day after." }),
};

export const StudySessionPage = pageOf(StudySession);

/** Of a team's list, which people read rather than programs: whose it is, and what it was spent on, by name. */
export const TeamStudySession = StudySession.extend({
  learnerName: z.string(),
  goalTitle: z.string().nullable(),
  stepTitle: z.string().nullable(),
  resourceTitle: z.string().nullable(),
}).meta({
  id: "TeamStudySession",
  description: "A study session with the names of whose it is and of what it was spent on.",
  examples: [{ ...EXAMPLE, learnerName: "Tomas Lind", goalTitle: null, stepTitle: null, resourceTitle: null }],
});
export const TeamStudySessionPage = pageOf(TeamStudySession);
export const StudySessionList = z.strictObject({
  ...period,
  ...sessionFilters,
  updatedSince: Instant.optional().meta({
    description:
      "Only what was logged, changed or deleted from this instant on, in the order of the changes, tombstones included. Ask from a minute before the last change seen: what was being committed then comes too, and what comes again is known by its id and version.",
  }),
  ...pageQuery,
});
export type StudySessionList = z.infer<typeof StudySessionList>;

export const TeamStudySessionList = z.strictObject({
  ...period,
  ...sessionFilters,
  learner: LearnerId.optional(),
  below: z
    .union([Id, z.literal("none")])
    .optional()
    .meta({ description: "Only what a report by team counts in this team right below; `none`: in a team that the caller may not know of today." }),
  depth: z.enum(["direct", "subtree"]).optional(),
  membership: z.enum(["as-of", "current"]).optional(),
  ...pageQuery,
});
export type TeamStudySessionList = z.infer<typeof TeamStudySessionList>;

export const BatchItem = StudySessionCreate.extend({
  learnerId: LearnerId,
  id: Id.optional().meta({ description: "Your id for the session: sent again, it is not logged again." }),
}).meta({
  id: "StudySessionBatchItem",
  examples: [{ learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", startedAt: "2026-11-20T08:15:00Z", minutes: 90, mode: "on-the-job" }],
});
export type BatchItem = z.infer<typeof BatchItem>;

export const Batch = z
  .strictObject({
    // Each item is parsed by itself, so that a wrong one gets its own outcome.
    items: listOf(z.unknown().meta({ $ref: "#/components/schemas/StudySessionBatchItemInput" }), MAX_BATCH).min(1),
  })
  .meta({
    id: "StudySessionBatch",
    examples: [{ items: [{ learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e", startedAt: "2026-11-20T08:15:00Z", minutes: 90, mode: "on-the-job" }] }],
  });

const Outcome = z.object({
  index: z.int().meta({ description: "The item's place in the batch, from 0." }),
  outcome: z.enum(["created", "existing", "rejected"]).meta({ description: "`existing`: the same session was logged before." }),
  learnerId: Id.nullable(),
  id: Id.nullable(),
  problem: Problem.nullable(),
  warnings,
});
export type Outcome = z.infer<typeof Outcome>;

export const BatchOutcome = z.object({ created: z.int(), existing: z.int(), rejected: z.int(), items: z.array(Outcome) }).meta({
  id: "StudySessionBatchOutcome",
  description: "An outcome for each item, in the batch's order.",
  examples: [
    {
      created: 1,
      existing: 0,
      rejected: 0,
      items: [
        {
          index: 0,
          outcome: "created",
          learnerId: "0193d5a0-6c00-7a31-9d4e-1f2a3b4c5d6e",
          id: "0193d5a0-6c00-7a31-9d4e-ffffffffffff",
          problem: null,
          warnings: [],
        },
      ],
    },
  ],
});
export type BatchOutcome = z.infer<typeof BatchOutcome>;
