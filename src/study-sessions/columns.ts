import { Prisma, type StudySession as Row } from "../generated/prisma/client";

/** A row of `s`, the sessions, as raw SQL reads it: but for enums in the words of the database. */
export type Read = Omit<Row, "bodyDigest" | "verification"> & { verification: string };

const { bodyDigest: _, ...READ } = Prisma.StudySessionScalarFieldEnum;

/** The columns of `s` under the names that they have here. */
export const READ_COLUMNS = Prisma.raw(
  Object.keys(READ)
    .map((name) => `s.${inWords(name, "_")} AS "${name}"`)
    .join(", "),
);

export function fromRead({ verification, ...row }: Read): Omit<Row, "bodyDigest"> {
  return { ...row, verification: verification.replace(/-(.)/g, (_, letter) => letter.toUpperCase()) as Row["verification"] };
}

export function inWords(name: string, joint: string): string {
  return name.replace(/[A-Z]/g, (letter) => joint + letter.toLowerCase());
}
