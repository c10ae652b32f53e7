import type { Db } from "./transaction";

/**
 * How far a replica is behind, in seconds. One that has replayed all that it received, and still
 * receives, is not behind, however long ago anything was written; nor is a database that is no replica.
 */
export async function replicaLagSeconds(db: Db): Promise<number> {
  const [row] = await db.$queryRaw<{ lag: number }[]>`
    SELECT CASE
      WHEN NOT pg_is_in_recovery() THEN 0
      WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
      ELSE coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)
    END::float8 AS lag`;
  return Math.round((row?.lag ?? 0) * 10) / 10;
}
