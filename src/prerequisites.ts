/** A step as far as its order goes: what it is called, and what has to be done before it. */
export type Ordered = { key: string; prerequisites: string[] };

/**
 * Sorts so that every step stands after its prerequisites, and otherwise as it stood. What
 * waits for itself is left over. Prerequisites that are not among the steps are not waited for.
 */
export function inOrder<T extends Ordered>(steps: T[]): { sorted: T[]; leftOver: T[] } {
  const known = new Set(steps.map(({ key }) => key));
  const waitsFor = steps.map(({ prerequisites }) => new Set(prerequisites.filter((key) => known.has(key))));
  const followers = new Map<string, number[]>(steps.map(({ key }) => [key, []]));
  for (const [place, keys] of waitsFor.entries()) for (const key of keys) followers.get(key)?.push(place);
  const done = new Set<string>();
  const sorted: T[] = [];
  for (let place = 0; place < steps.length; place++) {
    const step = steps[place] as T;
    if (done.has(step.key) || waitsFor[place]?.size) continue;
    sorted.push(step);
    done.add(step.key);
    // Whatever waited for this alone, and stands before it, comes next.
    const freed = (followers.get(step.key) ?? []).filter((follower) => waitsFor[follower]?.delete(step.key) && !waitsFor[follower].size);
    place = Math.min(place, ...freed.map((follower) => follower - 1));
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
