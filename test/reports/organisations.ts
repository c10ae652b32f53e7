import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { ResourceType } from "../../src/generated/prisma/enums";
import { addDays, type Day, dayOf, firstDayAfter, firstDayOf, startOfDay } from "./calendar";
import type { Mix, Organisation, Query, Session, Subject } from "./oracle";

// Random organisations. What fast-check generates is a draft of plain numbers and texts, which
// shrinks well and prints short; places in it are numbers that wrap around what there is.

export const ZONES = ["UTC", "Pacific/Auckland", "America/New_York", "Asia/Kathmandu", "America/Havana", "Pacific/Kiritimati", "Pacific/Pago_Pago"];

/** Around daylight saving's changes, at the turns of years and in a leap year, among them instants whose day differs from zone to zone. */
export const NOWS = [
  "2026-06-17T12:00:00.000Z",
  "2026-03-08T07:30:00.000Z",
  "2026-11-01T05:59:59.999Z",
  "2026-04-04T14:00:00.000Z",
  "2026-09-26T13:59:59.999Z",
  "2025-12-31T23:30:00.000Z",
  "2026-01-01T00:00:00.000Z",
  "2024-02-29T18:15:00.000Z",
];

const NAMES = [
  "Platform",
  "Platform",
  "platform",
  "Data",
  'Ärzte, "A"',
  "=SUM(A1)",
  "+1",
  "-1",
  "@home",
  "Ω\nmega",
  "\u{1f331}",
  "\uff5e",
  "none of it",
  "null",
];
const SKILLS = ["kubernetes", "docker", "typescript", "=1+1", "öl"];
const RESOURCE_TYPES = Object.values(ResourceType);
const VERIFICATIONS = ["self-reported", "self-reported", "mentor-confirmed", "system-recorded"];
const GROUPS_OF_A_LEARNER = ["goal", "skill", "resource", "resource-type", "verification"];
const GROUPS_OF_A_TEAM = ["team", "learner", ...GROUPS_OF_A_LEARNER];
const FAR_MS = 86_400_000;

// Prints shorter than with null for a prototype.
export const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record(fields, { noNullPrototype: true });
export const place = fc.nat(1_000);
const order = fc.nat(0xffff);
const name = fc.constantFrom(...NAMES);
const zone = fc.constantFrom(...ZONES);
const seldom = <T>(each: fc.Arbitrary<T>) => fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: each });
const often = <T>(each: fc.Arbitrary<T>) => fc.option(each, { freq: 8 });
export const upTo = <T>(each: fc.Arbitrary<T>, minLength: number, maxLength: number) => fc.array(each, { minLength, maxLength, size: "max" });
const target = fc.oneof(
  fc.constantFrom<Mix>([70, 20, 10], [100, 0, 0], [34, 33, 33]),
  fc.tuple(fc.nat(50), fc.nat(50)).map(([a, b]): Mix => [a, b, 100 - a - b]),
);

/** Where in its day a session begins: mostly within a second of midnight, if not anywhere. */
const timeOfDay = fc.oneof(fc.constantFrom(0, 1, -1, -60_000, 3_600_000, 2.5 * 3_600_000, FAR_MS - 1, FAR_MS, 23 * 3_600_000), fc.nat(FAR_MS));

const session = record({
  /** The first one logs the most: most organisations have a few who log and many who hardly do. */
  learner: fc.oneof({ weight: 1, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: place }),
  /** Under the id of a session of somebody else, half of them begun together: clients name sessions, and a name is unique per learner only. */
  twin: seldom(place),
  day: place,
  timeOfDay,
  /** Elsewhere than in the learner's own zone. */
  zone: seldom(zone),
  minutes: fc.oneof(fc.constantFrom(1, 60, 1440), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 1440 })),
  weights: fc.oneof(fc.constantFrom<number[]>([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 0]), upTo(fc.nat(3), 4, 4)),
  impact: fc.option(fc.integer({ min: 1, max: 5 })),
  goal: fc.option(place),
  resource: fc.option(place),
  formerType: seldom(fc.constantFrom(...RESOURCE_TYPES)),
  skills: fc.subarray(SKILLS, { maxLength: 3 }),
  verification: fc.constantFrom(...VERIFICATIONS),
  deleted: fc.nat(9).map((chance) => chance === 9),
});

const stay = record({ team: place, gap: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, place), length: place });

export const query = record({
  ofTeam: fc.nat(3).map((chance) => chance > 0),
  of: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: place }),
  days: fc.constantFrom("default", "default", "both", "both", "from", "to", "month", "quarter", "year"),
  first: place,
  length: place,
  bucket: fc.option(fc.constantFrom("day", "week", "week", "month", "month", "quarter", "year")),
  weekStart: fc.option(fc.constantFrom("monday", "sunday", "saturday")),
  compare: fc.boolean(),
  groupBy: often(place),
  depth: fc.option(fc.constantFrom("direct", "subtree", "subtree", "subtree")),
  membership: fc.option(fc.constantFrom("as-of", "current")),
  goal: seldom(place),
  skill: seldom(fc.constantFrom("none", ...SKILLS)),
  resource: seldom(place),
  resourceType: seldom(fc.constantFrom("none", ...RESOURCE_TYPES)),
  verification: seldom(fc.constantFrom("self-reported", "mentor-confirmed", "system-recorded")),
  learner: seldom(place),
  /** Some answers are also read as CSV, and some have their links followed. */
  asCsv: fc.nat(9).map((chance) => chance === 9),
  followed: place,
});

const learner = record({
  name,
  order,
  zone,
  target: seldom(target),
  begins: place,
  stays: fc.oneof({ weight: 6, arbitrary: upTo(stay, 1, 4) }, { weight: 1, arbitrary: upTo(stay, 0, 0) }),
  stillThere: fc.nat(3).map((chance) => chance > 0),
});

export const draft = record({
  now: fc.constantFrom(...NOWS),
  /** Over how many days everything is strewn: the fewer, the more often two things fall on one. */
  spread: fc.constantFrom(4, 25, 120, 420),
  teams: upTo(record({ name, order, parent: place, moves: upTo(record({ to: place, daysAgo: place }), 0, 2), target: seldom(target) }), 1, 8),
  learners: upTo(learner, 1, 8),
  goals: upTo(record({ title: name, order, learner: place, alike: fc.nat(2).map((chance) => chance === 2) }), 0, 5),
  resources: upTo(record({ title: name, order, type: fc.constantFrom(...RESOURCE_TYPES) }), 0, 5),
  sessions: fc.oneof(upTo(session, 0, 40), upTo(session, 20, 40)),
  queries: upTo(query, 2, 2),
  /** Everybody learns in one way alone, so that some differ equally from the reference. */
  pure: fc.nat(2).map((chance) => chance === 2),
  overHttp: fc.nat(29).map((chance) => chance === 29),
});
export type Draft = typeof draft extends fc.Arbitrary<infer D> ? D : never;

export type Ask = { subject: Subject; query: Query; asCsv: boolean; followed: boolean };
/** An organisation with what only its rows need to say. */
export type Drawn = Omit<Organisation, "goals" | "resources"> & {
  now: Date;
  overHttp: boolean;
  goals: { id: string; title: string; learnerId: string }[];
  resources: { id: string; title: string; type: ResourceType }[];
  asks: Ask[];
};

/** Turns a draft into an organisation under ids that no other run has used. */
export function draw({ now: instant, spread, pure, overHttp, ...draft }: Draft): Drawn {
  const now = new Date(instant);
  /** A day among the latest `spread` ones, or up to two from now. */
  const dayFor = (place: number) => addDays(dayOf(now, "UTC"), 2 - (place % spread));
  const teams = draft.teams.map((team, index) => ({ ...team, id: freshId(team.order, index) }));
  const learners = draft.learners.map((learner, index) => ({ ...learner, timeZone: learner.zone, id: freshId(learner.order, index) }));
  const goals: Drawn["goals"] = [];
  for (const [index, { title, order, learner, alike }] of draft.goals.entries()) {
    const learnerId = at(learners, learner).id;
    // Ids are each learner's own: some have another's goal's.
    const twin = alike && goals.find(({ id }) => !goals.some((goal) => goal.id === id && goal.learnerId === learnerId));
    goals.push({ title, id: twin ? twin.id : freshId(order, index), learnerId });
  }
  const resources = draft.resources.map((resource, index) => ({ ...resource, id: freshId(resource.order, index) }));
  const organisation = {
    teams: teams.map(({ id, name, target, parent, moves }, index) => {
      // Below an earlier one, so that there is no circle on any day.
      const parentAt = (place: number) => (place % 9 === 8 ? null : (teams[place % index]?.id ?? null));
      const parents = new Map(moves.map(({ to, daysAgo }) => [addDays(dayOf(now, "UTC"), -(daysAgo % (2 * spread))), parentAt(to)]));
      const days = [...parents.keys()].sort();
      const first = { parentId: parentAt(parent), fromDay: "0001-01-01", untilDay: days[0] ?? null };
      const stays = [first, ...days.map((fromDay, n) => ({ parentId: parents.get(fromDay) ?? null, fromDay, untilDay: days[n + 1] ?? null }))];
      return { id, name, target, parentId: stays.at(-1)?.parentId ?? null, stays };
    }),
    learners: learners.map(({ id, name, timeZone, target }) => ({ id, name, timeZone, target })),
    memberships: learners.flatMap((learner) => staysOf(learner, dayFor(2 * learner.begins), spread, teams)),
    goals,
    resources: resources.map(({ id, title, type }) => ({ id, title, type })),
    sessions: withTwins(
      draft.sessions,
      draft.sessions.map((session, index) =>
        drawSession(pure ? purified(session, learners.length) : session, index, dayFor(session.day), at(learners, session.learner), goals, resources),
      ),
    ),
  };
  const asks = draft.queries.map((query) => drawAsk(query, organisation, dayFor, spread));
  return { ...organisation, now, overHttp, asks };
}

type LearnerDraft = Draft["learners"][number] & { id: string };

function staysOf({ id, stays, stillThere }: LearnerDraft, begins: Day, spread: number, teams: { id: string }[]) {
  let day = addDays(begins, -2 * spread);
  return stays.map(({ team, gap, length }, index) => {
    const fromDay = addDays(day, gap % spread);
    day = addDays(fromDay, 1 + (length % (3 * spread)));
    return { learnerId: id, teamId: at(teams, team).id, fromDay, untilDay: stillThere && index === stays.length - 1 ? null : day };
  });
}

function purified(session: Draft["sessions"][number], learners: number): Draft["sessions"][number] {
  return { ...session, weights: (session.learner % learners) % 2 ? [1, 0, 0, 0] : [0, 1, 0, 0] };
}

function drawSession(
  { timeOfDay, weights, minutes, ...draft }: Draft["sessions"][number],
  index: number,
  day: Day,
  learner: LearnerDraft & { timeZone: string },
  goals: Drawn["goals"],
  resources: Drawn["resources"],
) {
  const timeZone = draft.zone ?? learner.timeZone;
  const parts = weights.reduce((total, weight) => total + weight, 0) || 1;
  const theirs = goals.filter(({ learnerId }) => learnerId === learner.id);
  const resource = draft.resource === null || !resources.length ? null : at(resources, draft.resource);
  return {
    learnerId: learner.id,
    id: freshId(0, index),
    startedAt: new Date(startOfDay(day, timeZone) + timeOfDay),
    timeZone,
    minutes,
    split: weights.slice(0, 3).map((weight) => Math.floor((minutes * weight) / parts)) as Mix,
    impact: draft.impact,
    goalId: draft.goal === null || !theirs.length ? null : at(theirs, draft.goal).id,
    resourceId: resource?.id ?? null,
    resourceType: resource && (draft.formerType ?? resource.type),
    skills: draft.skills,
    verification: draft.verification,
    deleted: draft.deleted,
  };
}

function withTwins(drafts: Draft["sessions"], sessions: Session[]): Session[] {
  for (const [index, session] of sessions.entries()) {
    const twin = drafts[index]?.twin ?? null;
    const other = twin === null ? session : at(sessions, twin);
    const taken = sessions.some(({ learnerId, id }) => learnerId === session.learnerId && id === other.id);
    if (taken) continue;
    session.id = other.id;
    if (twin && twin % 2) session.startedAt = other.startedAt;
  }
  return sessions;
}

function drawAsk(draft: Draft["queries"][number], organisation: Organisation, dayFor: (place: number) => Day, spread: number): Ask {
  const { teams, learners, goals, resources } = organisation;
  const first = dayFor(draft.first);
  const whole = (unit: "month" | "quarter" | "year") => ({ from: firstDayOf(unit, first), to: firstDayAfter(unit, first) });
  const periods = {
    month: whole("month"),
    quarter: whole("quarter"),
    year: whole("year"),
    default: {},
    both: { from: first, to: addDays(first, 1 + (draft.length % spread)) },
    // Begins before the default's end in every zone.
    from: { from: addDays(first, -3) },
    to: { to: first },
  };
  const idOf = (all: { id: string }[], place: number) => (place % 4 === 0 || !all.length ? "none" : at(all, place).id);
  const groups = draft.ofTeam ? GROUPS_OF_A_TEAM : GROUPS_OF_A_LEARNER;
  const groupBy = draft.groupBy === null ? undefined : groups[draft.groupBy % groups.length];
  const ofTeam = {
    depth: draft.depth ?? undefined,
    membership: draft.membership ?? undefined,
    learner: draft.learner === null ? undefined : at(learners, draft.learner).id,
  };
  const query = {
    ...periods[draft.days as keyof typeof periods],
    bucket: draft.bucket ?? undefined,
    weekStart: draft.weekStart ?? undefined,
    compare: draft.compare ? "previous" : undefined,
    groupBy,
    // A session has several skills: a report by skill cannot be of one of them.
    skill: groupBy === "skill" ? undefined : (draft.skill ?? undefined),
    resourceType: draft.resourceType ?? undefined,
    verification: draft.verification ?? undefined,
    ...(draft.goal === null ? {} : { goal: idOf(goals, draft.goal) }),
    ...(draft.resource === null ? {} : { resource: idOf(resources, draft.resource) }),
    ...(draft.ofTeam ? ofTeam : {}),
  };
  const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as Query;
  const subject: Subject = draft.ofTeam ? { type: "team", id: at(teams, draft.of).id } : { type: "learner", id: at(learners, draft.of).id };
  // Teams' links are the most varied.
  return { subject, query: given, asCsv: draft.asCsv, followed: draft.followed % (groupBy === "team" ? 3 : 15) === 0 };
}

/** Never seen before, yet ordered by the draft alone, so that a run can be repeated. */
function freshId(order: number, index: number): string {
  const hex = (value: number, length: number) => value.toString(16).padStart(length, "0");
  const random = randomBytes(12).toString("hex");
  return `${hex(order, 8)}-${hex(index, 4)}-4${random.slice(0, 3)}-8${random.slice(3, 6)}-${random.slice(6, 18)}`;
}

export function at<T>(all: T[], place: number): T {
  return all[place % all.length] as T;
}
