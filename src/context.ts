import type { Guards } from "./access/guards";
import type { Config } from "./config";
import type { PrismaClient } from "./generated/prisma/client";
import type { Budget } from "./http/budget";

/** What a feature's routes are given: nothing else is reached from there. */
export type Context = {
  db: PrismaClient;
  /** What reports are read from: a replica, or the same. Whoever may see whom is asked of `db`. */
  reportsDb: PrismaClient;
  config: Config;
  /** Now. An argument, so that tests decide what time it is. */
  clock: () => Date;
  may: Guards;
  /** By which long requests take turns with others. */
  budget: Budget;
};
