import { AppError } from "../errors";
import type { PrismaClient } from "../generated/prisma/client";
import { readMigrations } from "./migrate";
import type { Db } from "./transaction";
import { isTableMissing } from "./violations";

/** Who may be seen is asked of `db`; what they did is read from `reportsDb`: a replica, which may be behind, or the same. */
export type Databases = { db: Db; reportsDb: PrismaClient };

type State = { isUpToDate: boolean; lag: number | null };

/**
 * How far a replica is behind, in seconds, at the most; null where reports are read from the
 * database itself, or from one that follows no other. A replica that has replayed all that it
 * received, and still receives, is not behind, however long ago anything was written. Ask before
 * a report is read, so that it is no older than it says.
 *
 * @throws AppError when the replica lacks a migration: what it holds may not be what the statements mean
 */
export async function replicaLagSeconds({ db, reportsDb }: Databases): Promise<number | null> {
  if (reportsDb === db) return null;
  const state = await readState(reportsDb);
  if (!state?.isUpToDate) {
    throw new AppError(
      "unavailable",
      "The replica that reports are read from lacks a migration, which it gets from its primary. Try again after the seconds in Retry-After.",
    );
  }
  return state.lag === null ? null : Math.round(state.lag * 10) / 10;
}

async function readState(replica: Db): Promise<State | undefined> {
  try {
    const [state] = await replica.$queryRaw<State[]>`
      SELECT EXISTS (SELECT FROM "_prisma_migrations" WHERE migration_name = ${await latestMigration()} AND finished_at IS NOT NULL) AS "isUpToDate",
             CASE
               WHEN NOT pg_is_in_recovery() THEN NULL
               WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
               -- It says nothing of a transaction since it was started: then it is where its last checkpoint was, or further.
               ELSE extract(epoch FROM clock_timestamp() - coalesce(pg_last_xact_replay_timestamp(), (SELECT checkpoint_time FROM pg_control_checkpoint())))
             END::float8 AS lag`;
    return state;
  } catch (error) {
    if (isTableMissing(error)) return undefined;
    throw error;
  }
}

let latest: Promise<string | undefined> | undefined;

/** They are applied in order, so that the last stands for all. */
function latestMigration(): Promise<string | undefined> {
  latest ??= readMigrations().then((migrations) => migrations.at(-1)?.name);
  return latest;
}
