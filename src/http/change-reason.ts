import { z } from "zod";
import { cut } from "../errors";

const LONGEST = 500;

/** The header by which an admin says why what lies in a closed month is changed. */
export const reasonHeader = {
  "change-reason": z
    .string()
    .max(3 * LONGEST)
    .optional()
    .meta({
      description: `Why, in up to ${LONGEST} characters: with it an admin changes what was logged in a closed month, and the audit keeps it. Characters beyond ASCII are percent-encoded (UTF-8). From other callers it changes nothing.`,
      examples: ["Correction agreed with the works council"],
    }),
};

/** Its text; undefined where there is none. */
export function readReason(header: string | string[] | undefined): string | undefined {
  if (typeof header !== "string") return undefined;
  return (
    cut(
      decoded(header)
        .replace(/\p{C}+/gu, " ")
        .normalize("NFC")
        .trim(),
      LONGEST,
    ) || undefined
  );
}

function decoded(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    return header;
  }
}
