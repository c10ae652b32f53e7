import { addDays, type Day, daysBetween } from "../days";
import type { PathStep } from "../paths/paths.schema";
import { inOrder } from "../prerequisites";

const FIELDS = ["section", "title", "resourceId", "mode", "estimatedMinutes", "required", "weight", "otherPrerequisites"] as const;
type Content = Pick<PathStep, (typeof FIELDS)[number]>;
type Field = keyof Content | "prerequisites";

/** A step of a goal as far as taking a version over concerns it. Prerequisites are ids. */
export type OwnStep = Content & { id: string; pathStepKey: string | null; done: boolean; begun: boolean; dueOn: Day | null; prerequisites: string[] };

export type Plan = {
  added: PathStep[];
  changed: { id: string; step: PathStep; fields: Field[] }[];
  /** No longer in the path, and untouched. */
  removed: OwnStep[];
  /** Dropped by the version, and done or begun: these become the goal's own. Changed by it, and done: these stay as they were done. */
  kept: OwnStep[];
};

/**
 * What has to change for a goal to go from one version of a path to another. Three ways: what
 * the versions say alike stays as the learner has it, what the learner deleted stays deleted,
 * and what is done stays as it was done.
 *
 * @param from the adopted version's steps; none when the path is adopted first
 */
export function planChanges(own: OwnStep[], from: PathStep[], to: PathStep[]): Plan {
  const [before, after] = [byKey(from), byKey(to)];
  const adopted = own.filter((step): step is OwnStep & { pathStepKey: string } => step.pathStepKey !== null);
  const dropped = adopted.filter(({ pathStepKey }) => !after.has(pathStepKey));
  const changed = adopted.flatMap((step) => {
    const [was, is] = [before.get(step.pathStepKey), after.get(step.pathStepKey)];
    const fields = was && is ? differing(was, is).filter((field) => field === "prerequisites" || same(step[field], was[field])) : [];
    return is && fields.length ? [{ step, is, fields }] : [];
  });
  return {
    added: to.filter(({ key }) => !before.has(key)),
    changed: changed.filter(({ step }) => !step.done).map(({ step, is, fields }) => ({ id: step.id, step: is, fields })),
    removed: dropped.filter(({ done, begun }) => !done && !begun),
    kept: [...dropped.filter(({ done, begun }) => done || begun), ...changed.filter(({ step }) => step.done).map(({ step }) => step)],
  };
}

/**
 * Due days of new steps, spread over a period by weight in an order in which prerequisites come
 * first. The last is due on the last day, and none after a step that waits for it.
 *
 * @param dated steps that are due on a day already, with the keys of their prerequisites
 */
export function spreadDueDays(steps: PathStep[], from: Day, to: Day, dated: { dueOn: Day; prerequisites: string[] }[] = []): Map<string, Day> {
  const { sorted } = inOrder(steps);
  const whole = sorted.reduce((sum, { weight }) => sum + weight, 0);
  const days = daysBetween(from, to);
  const due = new Map<string, Day>();
  let weight = 0;
  for (const step of sorted) {
    weight += step.weight;
    due.set(step.key, addDays(from, Math.round((days * weight) / whole)));
  }
  const notAfter = (latest: Day, keys: string[]) => {
    for (const key of keys) if ((due.get(key) ?? latest) > latest) due.set(key, latest);
  };
  for (const { dueOn, prerequisites } of dated) notAfter(dueOn, prerequisites);
  for (const { key, prerequisites } of sorted.reverse()) notAfter(due.get(key) as Day, prerequisites);
  return due;
}

/** The prerequisites of a changed step: as the learner has them, less what the version drops, and with what it adds. */
export function mergePrerequisites(own: string[], from: string[], to: string[]): string[] {
  const [before, after] = [new Set(from), new Set(to)];
  const kept = own.filter((id) => !before.has(id) || after.has(id));
  return [...new Set([...kept, ...to.filter((id) => !before.has(id))])];
}

/** Ids in their new order: what is new comes right after what it follows in the path. */
export function placeAdded(order: string[], path: { id: string | undefined; isNew: boolean }[]): string[] {
  const known = path.filter((step): step is { id: string; isNew: boolean } => step.id !== undefined);
  // Right after each step, or first of all, comes what is new until the next that is not.
  const following = new Map<string | undefined, string[]>();
  let last: string | undefined;
  for (const { id, isNew } of known) {
    if (!isNew) last = id;
    else if (!following.get(last)?.push(id)) following.set(last, [id]);
  }
  return [undefined, ...order].flatMap((id) => [...(id === undefined ? [] : [id]), ...(following.get(id) ?? [])]);
}

function byKey(steps: PathStep[]): Map<string, PathStep> {
  return new Map(steps.map((step) => [step.key, step]));
}

function differing(a: PathStep, b: PathStep): Field[] {
  return [...FIELDS, "prerequisites" as const].filter((field) => !same(a[field], b[field]));
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? [...value].sort() : value;
}
