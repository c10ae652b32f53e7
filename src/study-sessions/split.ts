import { invalid } from "../errors";
import type { Mode } from "../generated/prisma/enums";
import { type PerMode, perMode } from "../mix";

/** Minutes per mode as a session's row holds them; what they leave of `minutes` is unclassified. */
export type SplitMinutes = { minutes: number; onTheJobMinutes: number; socialMinutes: number; formalMinutes: number };

export type SplitInput = {
  minutes: number;
  mode?: Mode | undefined;
  split?: Partial<Record<Mode, number | undefined>> | undefined;
};

/**
 * Splits a new session's minutes: by `split`, else all to `mode`, else all to the mode of
 * what was learned from, else unclassified.
 *
 * @throws AppError when both are given, or the split claims more than the session lasted
 */
export function splitMinutes({ minutes, mode, split }: SplitInput, defaultMode: Mode | null): SplitMinutes {
  if (mode && split) throw invalid("#/split", "Give mode or split, not both.");
  const whole = mode ?? defaultMode;
  return columns(minutes, split ? perMode((each) => split[each] ?? 0) : perMode((each) => (each === whole ? minutes : 0)));
}

/** A change of a split: a part that is left out stays, and null takes it away. */
type SplitChange = Omit<Partial<SplitInput>, "split"> & { split?: Partial<Record<Mode, number | null | undefined>> | undefined };

/**
 * Splits a session's minutes anew after a change. Without a new mode or split, a session that
 * was all of one mode, or all unclassified, stays so; another keeps its parts.
 *
 * @throws AppError when the parts no longer fit into the minutes
 */
export function resplitMinutes(before: SplitMinutes, { mode, split, ...change }: SplitChange): SplitMinutes {
  const minutes = change.minutes ?? before.minutes;
  const parts = { onTheJob: before.onTheJobMinutes, social: before.socialMinutes, formal: before.formalMinutes };
  if (mode || split) {
    const merged = split && perMode((each) => (split[each] === undefined ? parts[each] : (split[each] ?? 0)));
    return splitMinutes({ minutes, mode, split: merged }, null);
  }
  return columns(
    minutes,
    perMode((mode) => (parts[mode] === before.minutes ? minutes : parts[mode])),
  );
}

function columns(minutes: number, parts: PerMode<number>): SplitMinutes {
  const sum = parts.onTheJob + parts.social + parts.formal;
  if (sum > minutes) {
    const detail = `The split adds up to ${sum} minutes, more than the session's ${minutes}. Give a split that fits; what it leaves is unclassified.`;
    // One of the two may be stored, and not be the caller's to read.
    throw Object.assign(invalid("#/split", detail), {
      unread: "The split adds up to more minutes than the session has. Give a split that fits; what it leaves is unclassified.",
    });
  }
  return { minutes, onTheJobMinutes: parts.onTheJob, socialMinutes: parts.social, formalMinutes: parts.formal };
}
