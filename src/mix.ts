import { z } from "zod";
import { invalid } from "./errors";
import { Mode, type ResourceType } from "./generated/prisma/enums";

/** The three modes, in the order in which ties are broken and targets are stored. */
export const MODES = [Mode.onTheJob, Mode.social, Mode.formal] as const;

export type PerMode<T> = Record<Mode, T>;

/** The mode that a type of resource gives when the resource does not override it; `other` gives none. */
export const MODE_OF_TYPE: Record<ResourceType, Mode | null> = {
  book: "formal",
  article: "formal",
  course: "formal",
  video: "formal",
  podcast: "formal",
  workshop: "formal",
  conference: "formal",
  certification: "formal",
  mentor: "social",
  coach: "social",
  community: "social",
  shadowing: "social",
  project: "onTheJob",
  assignment: "onTheJob",
  rotation: "onTheJob",
  secondment: "onTheJob",
  other: null,
};

const SHARES = "The three shares must add up to 100.";
const share = z.int().min(0).max(100);
const TargetShares = z
  .strictObject({ onTheJob: share, social: share, formal: share })
  .meta({ id: "Target", description: "The reference mix in whole percents, which add up to 100." });

/** The reference mix in whole percents; travels as an object, is stored as three numbers, or none for null. */
export const Target = z.codec(
  TargetShares.refine((target) => target.onTheJob + target.social + target.formal === 100, SHARES)
    .nullable()
    .meta({ description: "The reference mix in whole percents; null: the nearest one above.", examples: [{ onTheJob: 70, social: 20, formal: 10 }] }),
  z.array(z.int()),
  {
    decode: (target) => (target ? MODES.map((mode) => target[mode]) : []),
    encode: (stored) => (stored.length ? perMode((_, index) => stored[index] as number) : null),
  },
);

/** A change of a target: the shares that are left out stay as they are. */
export const TargetChange = z
  .strictObject({ onTheJob: share.optional(), social: share.optional(), formal: share.optional() })
  .meta({ id: "TargetChange", description: "A change of a target: the shares that are left out stay as they are." })
  .nullable()
  .meta({ description: "The shares to change, in whole percents; afterwards the three add up to 100. null: the nearest target above." });
export type TargetChange = z.infer<typeof TargetChange>;

/**
 * A stored target after a change.
 *
 * @throws AppError when a share is missing, or the three do not add up to 100
 */
export function changeTarget(stored: number[], change: TargetChange): number[] {
  if (!change) return [];
  const shares = MODES.map((mode, index) => change[mode] ?? stored[index]);
  const missing = MODES.find((_, index) => shares[index] === undefined);
  if (missing) throw invalid(`#/target/${missing}`, "No target is set yet, so all three shares are needed. Name this one, too.");
  const sum = shares.reduce<number>((total, each) => total + (each as number), 0);
  if (sum !== 100) throw invalid("#/target", SHARES);
  return shares as number[];
}

/** Amounts by mode, and what none of the modes has. */
export const ByMode = z
  .object({ onTheJob: z.int(), social: z.int(), formal: z.int(), unclassified: z.int(), total: z.int() })
  .meta({ id: "ByMode", description: "Amounts by mode, and what none of the modes has." });
export type ByMode = z.infer<typeof ByMode>;

const percent = z.number().min(0).max(100);
/** Percents by mode. */
export const Shares = z.object({ onTheJob: percent, social: percent, formal: percent }).meta({ id: "Shares", description: "Percents by mode." });
/** Points by mode. */
export const Deviation = z
  .object({ onTheJob: z.number(), social: z.number(), formal: z.number() })
  .meta({ id: "Deviation", description: "Points by mode by which one mix differs from another." });

/** With what the total leaves over. */
export function byMode({ onTheJob, social, formal, total }: PerMode<number> & { total: number }): ByMode {
  return { onTheJob, social, formal, unclassified: total - onTheJob - social - formal, total };
}

export function perMode<T>(value: (mode: Mode, index: number) => T): PerMode<T> {
  return { onTheJob: value("onTheJob", 0), social: value("social", 1), formal: value("formal", 2) };
}

/** Tenths of a percent as percents. */
export function percents(tenths: PerMode<number> | null): PerMode<number> | null {
  return tenths && perMode((mode) => tenths[mode] / 10);
}

/**
 * Parts of a whole in tenths of a percent, which add up to exactly 1000: largest remainder,
 * ties to the earlier mode. null when there is nothing to share.
 */
export function shareTenths(parts: PerMode<number>, whole = parts.onTheJob + parts.social + parts.formal): PerMode<number> | null {
  if (whole === 0) return null;
  const floors = perMode((mode) => Math.floor((parts[mode] * 1000) / whole));
  // Remainders in whole numbers: no rounding can break or make a tie.
  const remainders = perMode((mode) => parts[mode] * 1000 - floors[mode] * whole);
  const missing = 1000 - floors.onTheJob - floors.social - floors.formal;
  const first = [...MODES].sort((a, b) => remainders[b] - remainders[a]).slice(0, missing);
  return perMode((mode) => floors[mode] + (first.includes(mode) ? 1 : 0));
}
