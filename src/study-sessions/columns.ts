import type { Db } from "../database/transaction";
import { Prisma, type StudySession as Row } from "../generated/prisma/client";
import { inWords } from "../http/schema";

type Stored = Omit<Row, "bodyDigest">;
type Dates = "startedAt" | "occurredOn" | "loggedAt" | "updatedAt";
type Read = Omit<Stored, "verification" | "deletedAt" | Dates> & Record<Dates | "verification", string> & { deletedAt: string | null };

const { bodyDigest: _, ...READ } = Prisma.StudySessionScalarFieldEnum;

const COLUMNS = Prisma.raw(
  Object.keys(READ)
    .map((name) => `s.${inWords(name, "_")} AS "${name}"`)
    .join(", "),
);

/**
 * Reads sessions as one text, because Prisma takes longer over fifty rows than the database.
 *
 * @param from `FROM … WHERE … ORDER BY … LIMIT …` of `s`, the sessions
 */
export async function readSessions(db: Db, from: Prisma.Sql): Promise<Stored[]> {
  const [{ rows }] = await db.$queryRaw<[{ rows: string | null }]>`SELECT json_agg(page)::text AS rows FROM (SELECT ${COLUMNS} ${from}) page`;
  return (JSON.parse(rows ?? "[]") as Read[]).map(fromRead);
}

function fromRead({ verification, startedAt, occurredOn, loggedAt, updatedAt, deletedAt, ...row }: Read): Stored {
  return {
    ...row,
    verification: verification.replace(/-(.)/g, (_, letter) => letter.toUpperCase()) as Row["verification"],
    startedAt: new Date(startedAt),
    occurredOn: new Date(occurredOn),
    loggedAt: new Date(loggedAt),
    updatedAt: new Date(updatedAt),
    deletedAt: deletedAt === null ? null : new Date(deletedAt),
  };
}
