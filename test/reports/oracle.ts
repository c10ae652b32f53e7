import type { Breakdown, Figures, ReportTarget } from "../../src/reports/breakdown.schema";
import { addDays, type Day, dayOf, daysBetween, firstDayAfter, firstDayOf, type WeekStart } from "./calendar";

// The breakdown recomputed from DESIGN.md's words over plain arrays, by the slowest and plainest
// way there is. It shares no code with the service, so that the two can be held against each other.

export type Mix = [onTheJob: number, social: number, formal: number];
/** `stays`: below which team it was, and when, without a gap; `parentId` is today's. */
export type Team = { id: string; name: string; parentId: string | null; stays: TeamStay[]; target: Mix | null };
export type TeamStay = { parentId: string | null; fromDay: Day; untilDay: Day | null };
export type Learner = { id: string; name: string; timeZone: string; target: Mix | null };
export type Membership = { learnerId: string; teamId: string; fromDay: Day; untilDay: Day | null };
export type Session = {
  learnerId: string;
  id: string;
  startedAt: Date;
  timeZone: string;
  minutes: number;
  /** Minutes on the job, social, formal. */
  split: Mix;
  impact: number | null;
  goalId: string | null;
  resourceId: string | null;
  resourceType: string | null;
  skills: string[];
  verification: string;
  deleted: boolean;
};
type Titled = { id: string; title: string };
export type Organisation = {
  teams: Team[];
  learners: Learner[];
  memberships: Membership[];
  goals: (Titled & { learnerId: string })[];
  resources: Titled[];
  sessions: Session[];
};

export type Query = Partial<
  Record<"from" | "to" | "compare" | "groupBy" | "goal" | "skill" | "resource" | "resourceType" | "verification" | "learner", string> & {
    bucket: "day" | "week" | "month" | "quarter" | "year";
    weekStart: WeekStart;
    depth: "direct" | "subtree";
    membership: "as-of" | "current";
  }
>;
export type Subject = { type: "learner" | "team"; id: string };

type Group = Breakdown["groups"][number];
/** The whole answer but its links, which are checked by following them. */
export type Expected = Omit<Breakdown, "groups" | "sessionsUrl"> & { groups: Omit<Group, "sessionsUrl">[] };

type Period = { from: Day; to: Day };
/** Whom a set of figures is about: its people in a period, and which sessions are its own. */
type Cell = { people(period: Period): Set<string>; has(session: Dated): boolean; coverageFloor: number; target: ReportTarget };
type Dated = Session & { day: Day };

const DEFAULT_DAYS = 91;
const ORGANISATION_ZONE = "UTC";
const ORGANISATION_TARGET: Mix = [70, 20, 10];
const SUFFICIENT_SESSIONS = 5;
const SUFFICIENT_COVERAGE = 50;
const FILTERS = ["goal", "skill", "resource", "resourceType", "verification", "learner"] as const;

export function expectedBreakdown(organisation: Organisation, subject: Subject, query: Query, now: Date): Expected {
  const world = viewOf(organisation, subject, query, now);
  const { period, previous, whole, today } = world;
  return {
    scope: {
      ...subject,
      name: world.name,
      depth: subject.type === "team" ? (query.depth ?? "subtree") : null,
      membership: subject.type === "team" ? (query.membership ?? "as-of") : null,
    },
    period: {
      ...period,
      days: daysBetween(period.from, period.to),
      bucket: query.bucket ?? null,
      weekStart: query.bucket === "week" ? (query.weekStart ?? "monday") : null,
      partial: period.to > today,
    },
    filters: Object.fromEntries(FILTERS.flatMap((name) => (query[name] === undefined ? [] : [[name, query[name]]]))),
    groupBy: (query.groupBy ?? null) as Breakdown["groupBy"],
    target: whole.target,
    total: figures(world, whole, period),
    previous: previous && { ...previous, ...figures(world, whole, previous) },
    buckets: trend(world, whole),
    groups: query.groupBy ? groupsOf(world, query.groupBy) : [],
    withheldLearners: 0,
    replicaLagSeconds: null,
  };
}

type World = ReturnType<typeof viewOf>;

/** What the report looks at: its days, its people, and the sessions that pass the filters. */
function viewOf(organisation: Organisation, subject: Subject, query: Query, now: Date) {
  const { teams, learners, memberships } = organisation;
  const learner = subject.type === "learner" ? find(learners, subject.id) : undefined;
  const today = dayOf(now, learner?.timeZone ?? ORGANISATION_ZONE);
  const to = query.to ?? addDays(today, 1);
  const period = { from: query.from ?? addDays(to, -DEFAULT_DAYS), to };
  const previous = query.compare ? before(period) : null;

  const teamOn = (learnerId: string, day: Day) =>
    memberships.find((stay) => stay.learnerId === learnerId && stay.fromDay <= day && (stay.untilDay === null || day < stay.untilDay))?.teamId;
  /** The team right below the report's, or that one itself, which a learner's days count for; undefined: none that the report is of. */
  const placeOn = (learnerId: string, ofDay: Day) => {
    const day = query.membership === "current" ? today : ofDay;
    if (query.learner !== undefined && learnerId !== query.learner) return undefined;
    const place = branchOn(teams, teamOn(learnerId, day), subject.id, day);
    return query.depth === "direct" && teamOn(learnerId, day) !== subject.id ? undefined : place;
  };
  const placeOf = (session: Dated) => placeOn(session.learnerId, session.day);
  /** Who has such a place on some day: it can only change when a learner or a team begins to be somewhere else. */
  const peopleIn = ({ from, to }: Period, has: (place: string) => boolean) => {
    const changes = [...memberships, ...teams.flatMap(({ stays }) => stays)].flatMap(({ fromDay, untilDay }) => [fromDay, ...(untilDay ? [untilDay] : [])]);
    const days = [from, ...new Set(changes.filter((day) => from < day && day < to))];
    const isIn = (id: string) => days.some((day) => has(placeOn(id, day) ?? ""));
    return new Set(learners.map(({ id }) => id).filter(isIn));
  };

  const inScope = (session: Dated) => (learner ? session.learnerId === learner.id : placeOf(session) !== undefined);
  const whole: Cell = {
    people: (period) => (learner ? new Set([learner.id]) : peopleIn(period, (place) => place !== "")),
    has: () => true,
    coverageFloor: SUFFICIENT_COVERAGE,
    target: learner ? targetOfLearner(organisation, learner, teamOn(learner.id, today)) : targetOfTeam(teams, subject.id),
  };
  const dated = organisation.sessions.map((session) => ({ ...session, day: dayOf(session.startedAt, session.timeZone) }));
  const sessions = dated.filter((session) => !session.deleted && inScope(session) && passes(session, query));
  const name = learner?.name ?? find(teams, subject.id).name;
  return { organisation, subject, query, today, period, previous, name, teamOn, placeOf, peopleIn, whole, sessions };
}

/** A calendar month, quarter or year is compared with the one before, and anything else with as many days. */
function before({ from, to }: Period): Period & { rule: "calendar" | "equal-length" } {
  for (const unit of ["month", "quarter", "year"] as const) {
    const start = firstDayOf(unit, addDays(from, -1));
    if (firstDayAfter(unit, start) === from && firstDayAfter(unit, from) === to) return { from: start, to: from, rule: "calendar" };
  }
  return { from: addDays(from, -daysBetween(from, to)), to: from, rule: "equal-length" };
}

function passes(session: Session, { goal, skill, resource, resourceType, verification }: Query): boolean {
  const one = (value: string | null, wanted: string | undefined) => wanted === undefined || (value ?? "none") === wanted;
  const skilled = skill === undefined || (skill === "none" ? session.skills.length === 0 : session.skills.includes(skill));
  const same = one(session.goalId, goal) && one(session.resourceId, resource) && one(session.resourceType, resourceType);
  return same && skilled && one(session.verification, verification);
}

function figures(world: World, cell: Cell, { from, to }: Period): Figures {
  const sessions = world.sessions.filter((session) => from <= session.day && session.day < to && cell.has(session));
  const modes = [0, 1, 2].map((mode) => sessions.map(({ split }) => split[mode] as number));
  const rests = sessions.map(({ minutes, split }) => minutes - sum(split));
  const pooled = modes.map(sum) as Mix;
  const share = sum(pooled) === 0 ? null : tenths(pooled, sum(pooled));
  const deviation = share?.map((points, mode) => points - 10 * (inOrder(cell.target)[mode] as number)) ?? null;
  const eligible = cell.people({ from, to }).size;
  const active = new Set(sessions.map(({ learnerId }) => learnerId)).size;
  const minutes = sum(sessions.map((session) => session.minutes));
  const selfReported = sum(sessions.filter(({ verification }) => verification === "self-reported").map((session) => session.minutes));
  const overlapping = sum(sessions.filter((session) => world.organisation.sessions.some((other) => overlap(session, other))).map((session) => session.minutes));
  const count = (parts: number[]) => parts.filter((part) => part > 0).length;
  const means = meanOfLearners(sessions);
  return {
    minutes: { ...named(pooled), unclassified: sum(rests), total: minutes },
    share: share && named(share.map(inPoints)),
    sessions: { ...named(modes.map(count)), unclassified: count(rests), total: sessions.length },
    impact: { ...named(modes.map((_, mode) => rating(sessions.filter(({ split }) => (split[mode] as number) > 0)))), total: rating(sessions) },
    deviation: deviation && named(deviation.map(inPoints)),
    distance: deviation && sum(deviation.map(Math.abs)) / 2 / 10,
    learners: { eligible, active },
    meanOfLearners: means && named(means.map(inPoints)),
    quality: {
      unclassifiedShare: percent(sum(rests), minutes),
      selfReportedShare: percent(selfReported, minutes),
      overlappingShare: percent(overlapping, minutes),
      coverage: percent(active, eligible),
      latestSessionAt: sessions.length ? new Date(Math.max(...sessions.map(({ startedAt }) => startedAt.getTime()))).toISOString() : null,
      sufficient: sessions.length >= SUFFICIENT_SESSIONS && eligible > 0 && (100 * active) / eligible >= cell.coverageFloor,
    },
  };
}

/** Whether two sessions of one learner have a moment in common, whatever else is asked of them. */
function overlap(one: Session, other: Session): boolean {
  if (one.id === other.id || one.learnerId !== other.learnerId || other.deleted) return false;
  const [begins, ends] = [one, other]
    .map((session) => session.startedAt.getTime())
    .map((time, index) => [time, time + ([one, other][index] as Session).minutes * 60_000]) as [[number, number], [number, number]];
  return begins[0] < ends[1] && ends[0] < begins[1];
}

/** The figures of each bucket by itself. */
function trend(world: World, cell: Cell): Expected["buckets"] {
  const { query, period, today } = world;
  return query.bucket
    ? bucketsOf(query.bucket, query.weekStart ?? "monday", period, today).map((bucket) => ({ ...bucket, ...figures(world, cell, bucket) }))
    : [];
}

function bucketsOf(unit: NonNullable<Query["bucket"]>, weekStart: WeekStart, { from, to }: Period, today: Day) {
  const buckets = [];
  for (let start = firstDayOf(unit, from, weekStart); start < to; start = firstDayAfter(unit, start, weekStart)) {
    const end = firstDayAfter(unit, start, weekStart);
    const cut = { from: start < from ? from : start, to: to < end ? to : end };
    buckets.push({ ...cut, partial: cut.from !== start || cut.to !== end || cut.to > today });
  }
  return buckets;
}

function groupsOf(world: World, groupBy: string): Expected["groups"] {
  const { period, previous } = world;
  const total = figures(world, world.whole, period);
  const groups = candidates(world, groupBy).flatMap(({ id, learnerId = null, learnerName = null, label, ...cell }) => {
    const now = figures(world, cell, period);
    const before = previous && { ...previous, ...figures(world, cell, previous) };
    const ofPeople = groupBy === "team" || groupBy === "learner";
    const present = [now, before].some((each) => each && (each.sessions.total > 0 || (ofPeople && each.learners.eligible > 0)));
    return present
      ? [{ id, learnerId, learnerName, label, rank: null as number | null, target: cell.target, ...now, previous: before, buckets: trend(world, cell) }]
      : [];
  });
  const ranked = groups.filter((group) => total.quality.sufficient && group.quality.sufficient && group.distance !== null);
  for (const group of ranked) group.rank = 1 + ranked.filter((other) => (other.distance as number) > (group.distance as number)).length;
  return groups.sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || byLabel(a, b));
}

type Candidate = Cell & { id: string | null; learnerId?: string | null; learnerName?: string | null; label: string };

function byLabel(a: Candidate | Expected["groups"][number], b: Candidate | Expected["groups"][number]): number {
  return compare(a.label, b.label) || compare(a.id ?? "", b.id ?? "") || compare(a.learnerId ?? "", b.learnerId ?? "");
}

/** Every group there could be; those that nobody is in and nothing was logged for are left out later. */
function candidates(world: World, groupBy: string): Candidate[] {
  const { organisation, whole, teamOn, placeOf, peopleIn, today } = world;
  const { teams, learners } = organisation;
  if (groupBy === "team") {
    return teams.map(({ id, name }) => {
      const cell = { people: (period: Period) => peopleIn(period, (place) => place === id), has: (session: Dated) => placeOf(session) === id };
      return { ...whole, ...cell, id, label: name, target: targetOfTeam(teams, id) };
    });
  }
  if (groupBy === "learner") {
    return learners.map((learner) => {
      const people = (period: Period) => new Set([...whole.people(period)].filter((id) => id === learner.id));
      const has = ({ learnerId }: Dated) => learnerId === learner.id;
      return { ...whole, people, has, id: learner.id, label: learner.name, target: targetOfLearner(organisation, learner, teamOn(learner.id, today)) };
    });
  }
  if (groupBy === "goal") {
    const goals = organisation.goals.map(({ learnerId, id, title }) => {
      const learnerName = find(learners, learnerId).name;
      return {
        ...whole,
        id,
        learnerId,
        learnerName,
        label: title,
        coverageFloor: 0,
        has: (session: Dated) => session.learnerId === learnerId && session.goalId === id,
      };
    });
    return [...goals, { ...whole, id: null, label: "none", coverageFloor: 0, has: ({ goalId }) => goalId === null }];
  }
  const keys = new Set(world.sessions.flatMap((session) => keysOf(session, groupBy)));
  return [...keys].map((id) => ({
    ...whole,
    id,
    label: labelOf(organisation, id),
    has: (session) => keysOf(session, groupBy).includes(id),
    coverageFloor: 0,
  }));
}

function keysOf(session: Session, groupBy: string): (string | null)[] {
  if (groupBy === "skill") return session.skills.length ? session.skills : [null];
  if (groupBy === "resource") return [session.resourceId];
  if (groupBy === "resource-type") return [session.resourceType];
  return [session.verification];
}

function labelOf({ resources }: Organisation, id: string | null): string {
  return resources.find((titled) => titled.id === id)?.title ?? id ?? "none";
}

function targetOfLearner({ teams }: Organisation, learner: Learner, teamId: string | undefined): ReportTarget {
  return learner.target ? { ...named(learner.target), setBy: "learner", setById: learner.id, setByName: learner.name } : targetOfTeam(teams, teamId ?? null);
}

function targetOfTeam(teams: Team[], id: string | null): ReportTarget {
  if (id === null) return { ...named(ORGANISATION_TARGET), setBy: "organisation", setById: null, setByName: null };
  const { name, target, parentId } = find(teams, id);
  return target ? { ...named(target), setBy: "team", setById: id, setByName: name } : targetOfTeam(teams, parentId);
}

/** On the way up from a team, in the tree of a day: the last one before `top`, or `top` where it begins there. */
function branchOn(teams: Team[], id: string | undefined, top: string, day: Day): string | undefined {
  if (id === undefined || id === top) return id;
  const parentId = find(teams, id).stays.find(({ fromDay, untilDay }) => fromDay <= day && (untilDay === null || day < untilDay))?.parentId;
  if (!parentId) return undefined;
  return parentId === top ? id : branchOn(teams, parentId, top, day);
}

const BILLION = 1_000_000_000n;

/** Each learner's own fractions of classified minutes, averaged, to nine decimals; in tenths of a percent. */
function meanOfLearners(sessions: Session[]): number[] | null {
  const own = [...new Set(sessions.map(({ learnerId }) => learnerId))].map((id) => {
    const theirs = sessions.filter(({ learnerId }) => learnerId === id);
    return [0, 1, 2].map((mode) => sum(theirs.map(({ split }) => split[mode] as number)));
  });
  const classified = own.filter((minutes) => sum(minutes) > 0).map((minutes) => minutes.map(BigInt));
  if (classified.length === 0) return null;
  const wholes = classified.map(([a = 0n, b = 0n, c = 0n]) => a + b + c);
  const common = wholes.reduce((product, whole) => product * whole, 1n);
  const denominator = common * BigInt(classified.length);
  const means = [0, 1, 2].map((mode) => {
    const numerator = classified.reduce((total, minutes, index) => total + (minutes[mode] as bigint) * (common / (wholes[index] as bigint)), 0n);
    return Number((2n * numerator * BILLION + denominator) / (2n * denominator));
  });
  return tenths(means, Number(BILLION));
}

/** Parts of a whole in tenths of a percent that add up to 1000: the largest remainders are rounded up, the earlier at a tie. */
function tenths(parts: number[], whole: number): number[] {
  const units = parts.map((part) => Math.floor((part * 1000) / whole));
  const remainders = parts.map((part) => (part * 1000) % whole);
  const byRemainder = [0, 1, 2].sort((a, b) => (remainders[b] as number) - (remainders[a] as number) || a - b);
  const rounded = new Set(byRemainder.slice(0, 1000 - sum(units)));
  return units.map((unit, mode) => unit + (rounded.has(mode) ? 1 : 0));
}

function rating(sessions: Session[]) {
  const ratings = sessions.flatMap(({ impact }) => (impact === null ? [] : [impact]));
  return { mean: ratings.length ? halfUp(100 * sum(ratings), ratings.length) / 100 : null, rated: ratings.length };
}

function percent(part: number, whole: number): number | null {
  return whole === 0 ? null : halfUp(1000 * part, whole) / 10;
}

function halfUp(numerator: number, denominator: number): number {
  return Math.floor((2 * numerator + denominator) / (2 * denominator));
}

function inPoints(tenths: number): number {
  return tenths / 10;
}

function named<T>([onTheJob, social, formal]: T[]): { onTheJob: T; social: T; formal: T } {
  return { onTheJob: onTheJob as T, social: social as T, formal: formal as T };
}

function inOrder({ onTheJob, social, formal }: ReportTarget): Mix {
  return [onTheJob, social, formal];
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function find<T extends { id: string }>(all: T[], id: string): T {
  const found = all.find((each) => each.id === id);
  if (!found) throw new Error(`The organisation has no ${id}.`);
  return found;
}
