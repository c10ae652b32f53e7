import { type Day, daysBetween, type Period, type WeekStart } from "../days";
import { AppError } from "../errors";
import { byMode, MODES, percents, perMode, shareTenths } from "../mix";
import type { SessionFilters } from "../study-sessions/filters";
import { type BreakdownRow, MOST_GROUP_BUCKETS, MOST_GROUPS } from "./breakdown.query";
import type { Breakdown, Figures, GroupBy, ReportTarget } from "./breakdown.schema";
import type { PreviousSpan, Span } from "./period";

/** All that a breakdown is made from, beside the database's rows. */
export type BreakdownFrame = {
  scope: Breakdown["scope"];
  filters: SessionFilters & { learner?: string | undefined };
  period: Span;
  previous: PreviousSpan | null;
  bucket: Period | undefined;
  weekStart: WeekStart;
  buckets: (Span & { partial: boolean })[];
  groupBy: GroupBy | null;
  today: Day;
  target: ReportTarget;
  /** The targets of groups that have their own: teams and learners, by id. */
  targets: Map<string, ReportTarget>;
  withheldLearners: number;
  replicaLagSeconds: number | null;
  floor: { sessions: number; coverage: number };
};

const MADE_OF_PEOPLE: (GroupBy | null)[] = ["team", "learner"];

/**
 * Makes the report from sums: shares, deviations, means, ranks, and the zeros of what is empty.
 *
 * @throws AppError when there are more groups, or buckets of groups, than anybody reads
 */
export function makeBreakdown(frame: BreakdownFrame, rows: BreakdownRow[]): Breakdown {
  const { scope, period, buckets, groupBy, target } = frame;
  const slices = slicesOf(frame, rows);
  const total = slices.whole("total", "", target);
  const groups = groupsOf(rows, buckets.length).map(({ key, label, learnerName }) => {
    const { id, learnerId } = subjectOf(groupBy, key);
    const against = frame.targets.get(id ?? "") ?? target;
    return {
      id,
      learnerId,
      learnerName,
      label: label ?? id ?? (groupBy === "team" ? "a team elsewhere" : "none"),
      rank: null,
      target: against,
      ...slices.whole("group", key, against),
      previous: slices.previous("group", key, against),
      buckets: slices.buckets("group", key, against),
      sessionsUrl: sessionsUrl(frame, key),
    };
  });
  return {
    scope,
    period: {
      ...period,
      days: daysBetween(period.from, period.to),
      bucket: frame.bucket ?? null,
      weekStart: frame.bucket === "week" ? frame.weekStart : null,
      partial: period.to > frame.today,
    },
    filters: given(frame.filters),
    groupBy,
    target,
    total,
    previous: slices.previous("total", "", target),
    buckets: slices.buckets("total", "", target),
    groups: rank(groups, total.quality.sufficient),
    withheldLearners: frame.withheldLearners,
    replicaLagSeconds: frame.replicaLagSeconds,
    sessionsUrl: sessionsUrl(frame),
  };
}

type Level = BreakdownRow["level"];

/** The figures of the whole, or of a group: of the period, of the one before, and of each bucket. */
function slicesOf({ scope, previous, buckets, groupBy, floor }: BreakdownFrame, rows: BreakdownRow[]) {
  const found = new Map(rows.map((row) => [sliceKey(row.level, row.key, row.previous, row.bucket), row]));
  const isOfPeople = (level: Level) => level === "total" || MADE_OF_PEOPLE.includes(groupBy);
  const eligibleIn = (level: Level, key: string, before: boolean, bucket: number) => {
    if (scope.type === "learner") return 1;
    // For a group that is not made of people whoever is in the scope is eligible.
    return found.get(isOfPeople(level) ? sliceKey(level, key, before, bucket) : sliceKey("total", "", before, bucket))?.eligible ?? null;
  };
  const figures = (level: Level, key: string, before: boolean, bucket: number, eligible: number, target: ReportTarget) =>
    makeFigures(found.get(sliceKey(level, key, before, bucket)), eligible, target, isOfPeople(level) ? floor : { ...floor, coverage: 0 });
  const whole = (level: Level, key: string, target: ReportTarget, before = false) =>
    figures(level, key, before, 0, eligibleIn(level, key, before, 0) ?? 0, target);
  return {
    whole,
    previous: (level: Level, key: string, target: ReportTarget) => previous && { ...previous, ...whole(level, key, target, true) },
    buckets: (level: Level, key: string, target: ReportTarget) => {
      let eligible = 0;
      return buckets.map((bucket, index) => {
        // Where nobody comes or goes, as many as in the bucket before.
        eligible = eligibleIn(level, key, false, index + 1) ?? eligible;
        return { ...bucket, ...figures(level, key, false, index + 1, eligible, target) };
      });
    },
  };
}

function makeFigures(row: BreakdownRow | undefined, eligible: number, target: ReportTarget, floor: BreakdownFrame["floor"]): Figures {
  const { minutes, onTheJobMinutes, socialMinutes, formalMinutes, ...rest } = row ?? NOTHING;
  const split = byMode({ onTheJob: onTheJobMinutes, social: socialMinutes, formal: formalMinutes, total: minutes });
  const tenths = shareTenths(split);
  const deviation = tenths && perMode((mode) => tenths[mode] - target[mode] * 10);
  const coverage = percent(rest.active, eligible);
  return {
    minutes: split,
    share: percents(tenths),
    sessions: {
      onTheJob: rest.onTheJobSessions,
      social: rest.socialSessions,
      formal: rest.formalSessions,
      unclassified: rest.unclassifiedSessions,
      total: rest.sessions,
    },
    impact: {
      onTheJob: rating(rest.onTheJobRatings, rest.onTheJobRated),
      social: rating(rest.socialRatings, rest.socialRated),
      formal: rating(rest.formalRatings, rest.formalRated),
      total: rating(rest.ratings, rest.rated),
    },
    deviation: percents(deviation),
    // The deviations cancel out, so half of their sizes is what is above the reference.
    distance: deviation && MODES.reduce((sum, mode) => sum + Math.max(0, deviation[mode]), 0) / 10,
    learners: { eligible, active: rest.active },
    meanOfLearners: meanOfLearners(rest),
    quality: {
      unclassifiedShare: percent(split.unclassified, minutes),
      selfReportedShare: percent(rest.selfReportedMinutes, minutes),
      overlappingShare: percent(rest.overlappingMinutes, minutes),
      coverage,
      latestSessionAt: rest.latestSessionAt?.toISOString() ?? null,
      sufficient: rest.sessions >= floor.sessions && coverage !== null && coverage >= floor.coverage,
    },
  };
}

// Nine decimals are kept of each mean, so that the order in which a database adds does not show.
const MEAN_SCALE = 1e9;

function meanOfLearners({ meanOnTheJob, meanSocial, meanFormal }: Pick<BreakdownRow, "meanOnTheJob" | "meanSocial" | "meanFormal">) {
  if (meanOnTheJob === null || meanSocial === null || meanFormal === null) return null;
  const means = { onTheJob: meanOnTheJob, social: meanSocial, formal: meanFormal };
  const tenths = shareTenths(
    perMode((mode) => Math.round(means[mode] * MEAN_SCALE)),
    MEAN_SCALE,
  );
  return percents(tenths);
}

/** Those that differ most first, equals on one rank; where the data do not suffice, by label and unranked. */
function rank(groups: Breakdown["groups"], sufficient: boolean): Breakdown["groups"] {
  const rankable = (group: Breakdown["groups"][number]) => sufficient && group.quality.sufficient && group.distance !== null;
  const ranked = groups.filter(rankable).sort((a, b) => (b.distance ?? 0) - (a.distance ?? 0) || byLabel(a, b));
  const others = groups.filter((group) => !rankable(group)).sort(byLabel);
  return [...ranked.map((group) => ({ ...group, rank: 1 + ranked.filter((other) => (other.distance ?? 0) > (group.distance ?? 0)).length })), ...others];
}

type Named = { label: string; id: string | null; learnerId: string | null };

function byLabel(a: Named, b: Named): number {
  return compare(a.label, b.label) || compare(a.id ?? "", b.id ?? "") || compare(a.learnerId ?? "", b.learnerId ?? "");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function groupsOf(rows: BreakdownRow[], buckets: number): Pick<BreakdownRow, "key" | "label" | "learnerName">[] {
  const ofGroups = rows.filter(({ level }) => level === "group");
  const groups = new Set(ofGroups.map(({ key }) => key)).size;
  if (groups > MOST_GROUPS) {
    throw new AppError("too-many-groups", `There would be more than ${MOST_GROUPS} groups. Ask for a team below, a shorter period, or a filter.`);
  }
  if (groups * buckets > MOST_GROUP_BUCKETS) {
    const detail = `There would be ${buckets} buckets of each of ${groups} groups; together at most ${MOST_GROUP_BUCKETS} are answered.`;
    throw new AppError("too-many-groups", `${detail} Ask for larger buckets, a shorter period, a team below, or a filter.`);
  }
  // Of each group there is a row of the period or of the one before, or of both.
  return [...new Map(ofGroups.filter(({ bucket }) => bucket === 0).map((row) => [row.key, row])).values()];
}

const FILTER_OF: Partial<Record<GroupBy, string>> = {
  learner: "learner",
  goal: "goal",
  skill: "skill",
  resource: "resource",
  "resource-type": "resourceType",
  verification: "verification",
};

/** What a group is of, and, of a goal, whose it is. */
export function subjectOf(groupBy: GroupBy | null, key: string): { id: string | null; learnerId: string | null } {
  const [learnerId = null, id = null] = groupBy === "goal" && key ? key.split(" ") : [null, key || null];
  return { id, learnerId };
}

/** The address of the sessions behind the report, or behind one of its groups. */
function sessionsUrl({ scope, period, filters, groupBy }: BreakdownFrame, key?: string): string {
  const query = new URLSearchParams({ from: period.from, to: period.to, ...given(filters) });
  const { id, learnerId } = subjectOf(groupBy, key ?? "");
  if (key !== undefined && groupBy && FILTER_OF[groupBy]) query.set(FILTER_OF[groupBy], id ?? "none");
  if (scope.type === "team" && learnerId) query.set("learner", learnerId);
  if (scope.type === "learner") return `/v1/learners/${scope.id}/study-sessions?${query}`;
  const ofTeam = groupBy === "team" && key !== undefined;
  const ownMembers = ofTeam && key === scope.id;
  if (ofTeam && !ownMembers) query.set("below", id ?? "none");
  query.set("depth", ownMembers ? "direct" : (scope.depth ?? "subtree"));
  query.set("membership", scope.membership ?? "as-of");
  return `/v1/teams/${scope.id}/study-sessions?${query}`;
}

function given(filters: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(Object.entries(filters).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part * 1000) / whole) / 10;
}

function rating(sum: number, rated: number): { mean: number | null; rated: number } {
  return { mean: rated === 0 ? null : Math.round((sum * 100) / rated) / 100, rated };
}

function sliceKey(level: Level, key: string, previous: boolean, bucket: number): string {
  return `${level} ${previous} ${bucket} ${key}`;
}

const NOTHING: Omit<BreakdownRow, "level" | "key" | "bucket" | "previous" | "label" | "learnerName" | "eligible"> = {
  minutes: 0,
  onTheJobMinutes: 0,
  socialMinutes: 0,
  formalMinutes: 0,
  selfReportedMinutes: 0,
  sessions: 0,
  onTheJobSessions: 0,
  socialSessions: 0,
  formalSessions: 0,
  unclassifiedSessions: 0,
  rated: 0,
  onTheJobRated: 0,
  socialRated: 0,
  formalRated: 0,
  ratings: 0,
  onTheJobRatings: 0,
  socialRatings: 0,
  formalRatings: 0,
  overlappingMinutes: 0,
  meanOnTheJob: null,
  meanSocial: null,
  meanFormal: null,
  active: 0,
  latestSessionAt: null,
};
