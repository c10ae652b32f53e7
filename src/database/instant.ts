import { Prisma } from "../generated/prisma/client";

/** SQL of an instant's text as it travels, as JavaScript writes it. */
export function instant(value: Prisma.Sql): Prisma.Sql {
  return Prisma.sql`to_char(${value} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}
