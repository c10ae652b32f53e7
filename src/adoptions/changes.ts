import { addDays, type Day, daysBetween } from "../days";
import type { PathStep } from "../paths/paths.schema";
import { inOrder } from "../prerequisites";

/** A step of a goal as far as taking a version over concerns it. Prerequisites are ids. */
export type OwnStep = { id: string; pathStepKey: string | null; done: boolean; begun: boolean; prerequisites: string[] };

const FIELDS = ["section", "title", "resourceId", "mode", "estimatedMinutes", "required", "weight", "otherPrerequisites"] as const;
type Field = (typeof FIELDS)[number] | "prerequisites";

export type Plan = {
  added: PathStep[];
  changed: { id: string; step: PathStep; fields: Field[] }[];
  /** No longer in the path, and untouched. */
  removed: OwnStep[];
  /** Dropped or changed by the version, and done, or dropped and begun: these become the goal's own. */
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
    const fields = was && is ? differing(was, is) : [];
    return is && fields.length ? [{ step, is, fields }] : [];
  });
  return {
    added: to.filter(({ key }) => !before.has(key)),
    changed: changed.filter(({ step }) => !step.done).map(({ step, is, fields }) => ({ id: step.id, step: is, fields })),
    removed: dropped.filter(({ done, begun }) => !done && !begun),
    kept: [...dropped.filter(({ done, begun }) => done || begun), ...changed.filter(({ step }) => step.done).map(({ step }) => step)],
  };
}

/** Due days spread over a period by weight, in an order in which prerequisites come first. The last step is due on the last day. */
export function spreadDueDays(steps: PathStep[], from: Day, to: Day): Map<string, Day> {
  const { sorted } = inOrder(steps);
  const whole = sorted.reduce((sum, { weight }) => sum + weight, 0);
  const days = daysBetween(from, to);
  let weight = 0;
  return new Map(
    sorted.map((step) => {
      weight += step.weight;
      return [step.key, addDays(from, Math.round((days * weight) / whole))];
    }),
  );
}

/** The prerequisites of a changed step: as the learner has them, less what the version drops, and with what it adds. */
export function mergePrerequisites(own: string[], from: string[], to: string[]): string[] {
  const kept = own.filter((id) => !from.includes(id) || to.includes(id));
  return [...new Set([...kept, ...to.filter((id) => !from.includes(id))])];
}

/** Ids in their new order: what is new comes right after what it follows in the path. */
export function placeAdded(order: string[], path: { id: string | undefined; isNew: boolean }[]): string[] {
  const placed = [...order];
  let last: string | undefined;
  for (const { id, isNew } of path) {
    if (!id) continue;
    if (isNew) placed.splice(last ? placed.indexOf(last) + 1 : 0, 0, id);
    last = id;
  }
  return placed;
}

function byKey(steps: PathStep[]): Map<string, PathStep> {
  return new Map(steps.map((step) => [step.key, step]));
}

function differing(a: PathStep, b: PathStep): Field[] {
  const same = (field: Field) => JSON.stringify(sorted(a[field])) === JSON.stringify(sorted(b[field]));
  return [...FIELDS, "prerequisites" as const].filter((field) => !same(field));
}

function sorted(value: unknown): unknown {
  return Array.isArray(value) ? [...value].sort() : value;
}
