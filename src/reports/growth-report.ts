import { addDays, type Day, daysBetween } from "../days";
import { blockers } from "../goals/growth";
import { HEALTHS } from "../goals/health";
import { byMode, percents, perMode, shareTenths } from "../mix";
import type { GrowthReportRow } from "./growth-report.query";
import type { GrowthReport, Resource } from "./growth-report.schema";
import type { Span } from "./period";

export type GrowthFrame = Pick<GrowthReport, "scope" | "today" | "previous" | "changes" | "replicaLagSeconds" | "next"> & {
  period: Span;
  people: GrowthReportRow["people"];
};

/** Makes the report from what the database counted: shares, means, loads. */
export function makeGrowthReport({ people, next, ...frame }: GrowthFrame, row: GrowthReportRow): GrowthReport {
  const { period, today } = frame;
  const [planned, actual] = [shareTenths(row.planned), shareTenths(row.actual)];
  const weeks = weeksPassed(period, today);
  return {
    ...frame,
    period: { ...period, days: daysBetween(period.from, period.to) },
    people: row.totals,
    goals: {
      open: Object.values(row.health).reduce((sum, goals) => sum + goals, 0),
      byHealth: { ...NO_GOALS, ...row.health, completed: row.completed },
    },
    due: row.due,
    skills: row.skills,
    resources: { ...row.resources, items: row.resources.items.map((resource) => withLoad(resource, weeks)) },
    mix: {
      planned: { minutes: byMode(row.planned), share: percents(planned) },
      actual: { minutes: byMode(row.actual), share: percents(actual) },
      difference: planned && actual && percents(perMode((mode) => actual[mode] - planned[mode])),
    },
    reviewsWaiting: row.reviews,
    items: people.map((person) => ({ ...person, goals: person.goals.map(({ waitsFor, ...goal }) => ({ ...goal, blockedBy: blockers(waitsFor) })) })),
    next,
  };
}

const NO_GOALS = Object.fromEntries(HEALTHS.map((health) => [health, 0])) as Record<(typeof HEALTHS)[number], number>;

/** A period that has not begun counts as a day, so that nothing is divided by nothing. */
function weeksPassed({ from, to }: Span, today: Day): number {
  const tomorrow = addDays(today, 1);
  return Math.max(1, daysBetween(from, to < tomorrow ? to : tomorrow)) / 7;
}

function withLoad({ rated, ratings, ...resource }: GrowthReportRow["resources"]["items"][number], weeks: number): Resource {
  const { minutes, capacityMinutesPerWeek: capacity } = resource;
  const minutesPerWeek = minutes / weeks;
  return {
    ...resource,
    impact: { mean: ratings === null ? null : Math.round((ratings * 100) / rated) / 100, rated },
    minutesPerWeek: Math.round(minutesPerWeek * 10) / 10,
    load: capacity && Math.round((minutesPerWeek * 1000) / capacity) / 10,
    overloaded: capacity !== null && minutesPerWeek > capacity,
  };
}
