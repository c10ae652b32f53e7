import { isDeepStrictEqual } from "node:util";
import { AppError } from "../errors";
import type { Outcome } from "./import";

/** Of what is there already: existing, where the line says nothing else of it. */
export function answerKnown(stored: object, said: object): Outcome {
  const differs = Object.entries(said).filter(([field, value]) => !isDeepStrictEqual((stored as Record<string, unknown>)[field], value));
  if (!differs.length) return { created: false };
  const detail = "It is there already, and otherwise. To change it, PATCH it; to add another, choose another id.";
  return {
    error: new AppError(
      "body-differs",
      detail,
      differs.map(([field]) => ({ pointer: `#/${field}`, detail: "It is otherwise here." })),
    ),
  };
}
