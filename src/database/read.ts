import { connect as connectTo } from "node:net";
import type { Pool, PoolClient } from "pg";
import { AppError } from "../errors";
import type { Prisma, PrismaClient } from "../generated/prisma/client";

const CANCEL_REQUEST = 80_877_102;
const CANCEL_TIMEOUT_MS = 5_000;
const NOBODY_WAITS = new AppError("unavailable", "Nobody waits for this answer any more.");

type Source = {
  pool: Pool;
  /** Whether its server can be told to stop. */
  cancels: boolean;
  /** The name under which a connection keeps a statement; "": none. */
  nameOf(statement: { sql: string }): string;
};

const sources = new WeakMap<PrismaClient, Source>();

/** Tells what a client draws on. */
export function drawsOn(db: PrismaClient, source: Source): void {
  sources.set(db, source);
}

/**
 * Runs a statement that only reads and may take seconds, beside Prisma, on one of the connections
 * that are kept for such statements. When nobody waits for its rows any more, the server is told to stop working on it.
 *
 * @param statement without dates among its values, which pg would write in the time zone of this process
 * @param signal is aborted when whoever asked has hung up, or was answered that it took too long
 * @returns the rows as `pg` reads them: instants as dates, numbers of more than 32 bits as text
 */
export async function readFor<Row>(db: PrismaClient, statement: Prisma.Sql, signal: AbortSignal): Promise<Row[]> {
  const { pool, cancels, nameOf } = sources.get(db) as Source;
  if (signal.aborted) throw NOBODY_WAITS;
  const client = await pool.connect();
  let isCancelled = false;
  const stop = () => {
    isCancelled = cancels && cancel(client);
  };
  try {
    if (signal.aborted) throw NOBODY_WAITS;
    signal.addEventListener("abort", stop, { once: true });
    const { text, values } = statement;
    return (await client.query({ name: nameOf({ sql: text }), text, values })).rows;
  } catch (error) {
    throw signal.aborted ? NOBODY_WAITS : error;
  } finally {
    signal.removeEventListener("abort", stop);
    // What is cancelled is whatever the connection is doing when the server hears of it: nobody else's statement may follow.
    client.release(isCancelled);
  }
}

/** As the protocol has it: by a connection of its own, with the key that the server gave to this one, if it gave any. */
function cancel(client: PoolClient): boolean {
  const { host, port, processID, secretKey } = client as PoolClient & { host: string; port: number; processID: number | null; secretKey: number | null };
  if (processID === null || secretKey === null) return false;
  const request = Buffer.alloc(16);
  for (const [index, value] of [16, CANCEL_REQUEST, processID, secretKey].entries()) request.writeInt32BE(value, index * 4);
  const socket = connectTo(host.startsWith("/") ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }, () => socket.write(request));
  // The server closes it when it has acted: a PgBouncer that is left before gives up, or even ends.
  socket.resume().on("error", () => undefined);
  socket.setTimeout(CANCEL_TIMEOUT_MS, () => socket.destroy()).unref();
  return true;
}
