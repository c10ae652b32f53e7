import { addDays, type Day, daysBetween, endOf, type Period, startOf, type WeekStart } from "../days";
import { invalid } from "../errors";

/** Days in `[from, to)`. */
export type Span = { from: Day; to: Day };

const DEFAULT_DAYS = 91;
const LONGEST_DAYS = 3_653;
export const MOST_BUCKETS = 1_000;

/**
 * The period that a report is over: a quarter of days up to and including today, unless told.
 *
 * @throws AppError when it is empty or longer than ten years
 */
export function reportPeriod({ from, to }: { from?: Day | undefined; to?: Day | undefined }, today: Day): Span {
  const end = to ?? addDays(today, 1);
  const span = { from: from ?? addDays(end, -DEFAULT_DAYS), to: end };
  if (span.from >= span.to) {
    const [pointer, flaw] = from ? ["query/from", "from"] : ["query/to", "to"];
    throw invalid(pointer, `\`from\` (${span.from}) must be before \`to\` (${span.to}), which is the first day after the period. Correct \`${flaw}\`.`);
  }
  if (daysBetween(span.from, span.to) > LONGEST_DAYS)
    throw invalid("query/from", "A report spans at most ten years. Ask for a shorter period, or for several.");
  return span;
}

export const RULES_OF_PREVIOUS = ["calendar", "equal-length"] as const;
/** The period before another, and how it was chosen. */
export type PreviousSpan = Span & { rule: (typeof RULES_OF_PREVIOUS)[number] };

/**
 * The period just before, without a day in common: of a calendar month, quarter or year the whole
 * one before, however many days it has; of every other period one of equal length.
 */
export function previousPeriod({ from, to }: Span): PreviousSpan {
  const whole = CALENDAR.find((unit) => from === startOf(unit, from) && to === endOf(unit, from));
  if (whole) return { from: startOf(whole, addDays(from, -1)), to: from, rule: "calendar" };
  return { from: addDays(from, -daysBetween(from, to)), to: from, rule: "equal-length" };
}

const CALENDAR = ["month", "quarter", "year"] as const;

/**
 * The calendar's buckets that a period touches, the first and the last cut to it.
 *
 * @throws AppError when there would be more than a thousand
 */
export function bucketsOf(span: Span, bucket: Period | undefined, weekStart: WeekStart, today: Day): (Span & { partial: boolean })[] {
  if (!bucket) return [];
  const buckets = [];
  for (let from = span.from; from < span.to; ) {
    const whole = { from: startOf(bucket, from, weekStart), to: endOf(bucket, from, weekStart) };
    const to = whole.to < span.to ? whole.to : span.to;
    buckets.push({ from, to, partial: from !== whole.from || to !== whole.to || to > today });
    if (buckets.length > MOST_BUCKETS) throw invalid("query/bucket", `A report has at most ${MOST_BUCKETS} buckets. Ask for larger ones, or a shorter period.`);
    from = to;
  }
  return buckets;
}
