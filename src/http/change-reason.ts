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
      description: `Why, in up to ${LONGEST} characters: with it an admin changes what was logged in a closed month, and the audit keeps it. Characters beyond ASCII as UTF-8, best percent-encoded. From other callers it changes nothing.`,
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
  const text = fromBytes(header);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Node hands bytes over as Latin-1, and command-line tools send UTF-8 as it is. */
function fromBytes(header: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(header, "latin1"));
  } catch {
    return header;
  }
}
