/** A step as far as its order goes: what it is called, and what has to be done before it. */
export type Ordered = { key: string; prerequisites: string[] };

/**
 * Sorts so that every step stands after its prerequisites, and otherwise as it stood. What
 * waits for itself is left over. Prerequisites that are not among the steps are not waited for.
 */
export function inOrder<T extends Ordered>(steps: T[]): { sorted: T[]; leftOver: T[] } {
  const known = new Set(steps.map(({ key }) => key));
  const done = new Set<string>();
  const sorted: T[] = [];
  const isReady = ({ key, prerequisites }: T) => !done.has(key) && prerequisites.every((each) => done.has(each) || !known.has(each));
  for (let next = steps.find(isReady); next; next = steps.find(isReady)) {
    sorted.push(next);
    done.add(next.key);
  }
  return { sorted, leftOver: steps.filter(({ key }) => !done.has(key)) };
}

/** A circle among the prerequisites, each step before the one that needs it and the first again at the end; null without one. */
export function circleIn<T extends Ordered>(steps: T[]): T[] | null {
  const waiting = new Map(inOrder(steps).leftOver.map((step) => [step.key, step]));
  const way: T[] = [];
  // Whatever waits has something before it that waits, so going back one comes to a step twice.
  for (let step = waiting.values().next().value; step; step = before(step, waiting)) {
    const first = way.indexOf(step);
    if (first >= 0) return [...way.slice(first), step].reverse();
    way.push(step);
  }
  return null;
}

/**
 * The longest chain of prerequisites by estimated minutes, first to last; of equals, the one
 * with more steps, then the earlier. Steps without an estimate count as 0.
 */
export function criticalPath<T extends Ordered & { estimatedMinutes: number | null }>(steps: T[]): { minutes: number; steps: T[] } {
  const none = { minutes: 0, steps: [] as T[] };
  const best = new Map<string, typeof none>();
  for (const step of inOrder(steps).sorted) {
    const chain = step.prerequisites.flatMap((key) => best.get(key) ?? []).reduce(longer, none);
    best.set(step.key, { minutes: chain.minutes + (step.estimatedMinutes ?? 0), steps: [...chain.steps, step] });
  }
  return [...best.values()].reduce(longer, none);
}

function before<T extends Ordered>({ prerequisites }: T, waiting: Map<string, T>): T | undefined {
  return prerequisites.map((key) => waiting.get(key)).find((step) => step !== undefined);
}

function longer<T extends { minutes: number; steps: unknown[] }>(a: T, b: T): T {
  return b.minutes > a.minutes || (b.minutes === a.minutes && b.steps.length > a.steps.length) ? b : a;
}
