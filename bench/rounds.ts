import type { Ground } from "./ground";
import { median } from "./timing";

/** One contender in one round. Milliseconds for `p99`; `perSecond` counts requests or transactions. */
export type Measured = { perSecond: number; p50?: number; p99?: number };
/** Works for some seconds and tells how it went. */
export type Contender = (seconds: number) => Promise<Measured>;
export type Rounds<Name extends string> = Record<Name, Measured[]>;

export type Goal = { atLeast: number } | { atMost: number };
export type Ratio = { name: string; ratio: number; goal?: Goal };
/** What a benchmark found: its contenders' rounds, and the ratios that are asked for. */
export type Found = { rounds: Rounds<string>; ratios: Ratio[] };
export type Bench = (ground: Ground) => Promise<Found>;

/**
 * Lets contenders work in turns, in short rounds, so that whatever else the machine does meets
 * them alike; each round begins with another. What comes before the first round is not counted.
 */
export async function inTurns<Name extends string>({ quick }: Ground, contenders: Record<Name, Contender>): Promise<Rounds<Name>> {
  const [count, seconds, warmUp] = quick ? [1, 1, 1] : [7, 3, 3];
  const names = Object.keys(contenders) as Name[];
  const rounds = Object.fromEntries(names.map((name) => [name, [] as Measured[]])) as Rounds<Name>;
  for (const name of names) await contenders[name](warmUp);
  for (let round = 0; round < count; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) rounds[name].push(await contenders[name](seconds));
  }
  return rounds;
}

/** Does something again and again, one after the other. @param work tells how many milliseconds of it count */
export function repeated(work: () => Promise<number>): Contender {
  return async (seconds) => {
    const [times, end] = [[] as number[], performance.now() + seconds * 1_000];
    while (performance.now() < end || !times.length) times.push(await work());
    return { perSecond: 1_000 / median(times), p50: median(times) };
  };
}

/** The median of the ratios of rounds that stood side by side. */
export function ratioOf(of: Measured[], to: Measured[], figure: keyof Measured = "perSecond"): number {
  return median(of.map((measured, round) => (measured[figure] as number) / (to[round]?.[figure] as number)));
}

/** How far apart the rounds of one contender were: the widest distance, as a share of their median. */
export function spread(rounds: Measured[]): number {
  const all = rounds.map(({ perSecond }) => perSecond);
  return (Math.max(...all) - Math.min(...all)) / median(all);
}

export function meets(ratio: number, goal: Goal): boolean {
  return "atLeast" in goal ? ratio >= goal.atLeast : ratio <= goal.atMost;
}
