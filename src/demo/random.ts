/** Chance that repeats: the same seed draws the same values on every machine. */
export type Random = {
  chance(probability: number): boolean;
  /** One of `from`, `from + step`, … up to and including `to`. */
  between(from: number, to: number, step?: number): number;
  pick<T>(choices: readonly T[]): T;
  /** A key, as often as its weight says. */
  weighted<K extends string>(weights: Record<K, number>): K;
};

/** @throws RangeError when asked to pick from nothing */
export function seeded(seed: string): Random {
  const next = mulberry32(fnv1a(seed));
  const below = (count: number) => Math.floor(next() * count);
  return {
    chance: (probability) => next() < probability,
    between: (from, to, step = 1) => from + step * below(Math.floor((to - from) / step) + 1),
    pick<T>(choices: readonly T[]): T {
      if (!choices.length) throw new RangeError("nothing to pick from");
      return choices[below(choices.length)] as T;
    },
    weighted<K extends string>(weights: Record<K, number>): K {
      const keys = Object.keys(weights) as K[];
      let rest = next() * keys.reduce((sum, key) => sum + weights[key], 0);
      for (const key of keys) {
        rest -= weights[key];
        if (rest < 0) return key;
      }
      throw new RangeError("no weight is above zero");
    },
  };
}

// Mulberry32 and FNV-1a are published, short, and exact in 32 bits; Math.random cannot be seeded.
function mulberry32(state: number): () => number {
  let a = state;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let mixed = Math.imul(a ^ (a >>> 15), 1 | a);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
