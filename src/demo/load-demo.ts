import type { PrismaClient } from "../generated/prisma/client";

export type DemoKeys = {
  lead: { id: string; name: string; key: string };
  analyst: { id: string; name: string; key: string };
  /** The team that the lead leads. */
  team: { id: string; name: string };
};

export async function loadDemo(_db: PrismaClient, _now: Date): Promise<DemoKeys | null> {
  return null;
}
