/** Gives a place back, once or more often. */
export type Leave = () => void;

export type Places = {
  /**
   * Takes a place of those that go by this name, as soon as it is one's turn.
   *
   * @param most how many have a place at a time
   * @param waiting how many may wait; more are not let in
   * @param waitMs how long one waits at most
   * @param signal ends the wait
   * @returns undefined when there was no place in time, or nobody waits for it any more
   */
  take(name: string, most: number, wait?: { waiting?: number; waitMs?: number; signal?: AbortSignal }): Promise<Leave | undefined>;
  /** Takes a place if there is one at once. */
  tryTake(name: string, most: number): Leave | undefined;
  /** How many have a place, and how many wait for one, under all names. */
  count(): { taken: number; waiting: number };
};

type Line = { taken: number; waiting: ((leave: Leave) => void)[] };

/** Places to work in, some under each name, dealt out first come, first served. */
export function createPlaces(): Places {
  const lines = new Map<string, Line>();

  const lineOf = (name: string): Line => {
    const line = lines.get(name) ?? { taken: 0, waiting: [] };
    lines.set(name, line);
    return line;
  };
  const forget = (name: string, { taken, waiting }: Line): void => {
    if (!taken && !waiting.length) lines.delete(name);
  };
  const enter = (name: string, line: Line): Leave => {
    line.taken++;
    let hasLeft = false;
    return () => {
      if (hasLeft) return;
      hasLeft = true;
      line.taken--;
      line.waiting.shift()?.(enter(name, line));
      forget(name, line);
    };
  };
  const tryTake = (name: string, most: number): Leave | undefined => {
    const { taken, waiting } = lines.get(name) ?? { taken: 0, waiting: [] };
    return taken < most && !waiting.length ? enter(name, lineOf(name)) : undefined;
  };

  return {
    tryTake,
    async take(name, most, { waiting: mostWaiting = Number.POSITIVE_INFINITY, waitMs, signal } = {}) {
      if (signal?.aborted) return undefined;
      const leave = tryTake(name, most);
      if (leave) return leave;
      const line = lineOf(name);
      if (line.waiting.length >= mostWaiting) return undefined;
      return new Promise((resolve) => {
        const end = (outcome: Leave | undefined) => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", giveUp);
          resolve(outcome);
        };
        const giveUp = () => {
          line.waiting.splice(line.waiting.indexOf(end), 1);
          forget(name, line);
          end(undefined);
        };
        const timer = waitMs === undefined ? undefined : setTimeout(giveUp, waitMs);
        signal?.addEventListener("abort", giveUp, { once: true });
        line.waiting.push(end);
      });
    },
    count() {
      const all = [...lines.values()];
      return { taken: all.reduce((sum, { taken }) => sum + taken, 0), waiting: all.reduce((sum, { waiting }) => sum + waiting.length, 0) };
    },
  };
}
