import { benchExport } from "./export";
import type { Bench } from "./rounds";

export const bench: Bench = async ({ quick }) => {
  const measured = await benchExport(process.env.DATABASE_URL ?? "", quick ? 50_000 : 10_000_000, quick ? 1 : 3);
  return { rounds: {}, ratios: measured.map(({ name, ratio, goal, atMost }) => ({ name, ratio, goal: atMost ? { atMost: goal } : { atLeast: goal } })) };
};
