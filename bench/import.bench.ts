import { benchImport } from "./import";
import type { Bench } from "./rounds";

export const bench: Bench = async ({ quick }) => {
  const measured = await benchImport(process.env.DATABASE_URL ?? "", quick ? 20_000 : 1_000_000, quick ? 1 : 3);
  return { rounds: {}, ratios: measured.map(({ name, ratio, goal, atMost }) => ({ name, ratio, goal: atMost ? { atMost: goal } : { atLeast: goal } })) };
};
