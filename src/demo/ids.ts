import { v5 as uuidv5 } from "uuid";

const NAMESPACE = "6f0f5f0e-9a55-4a57-9b0e-6d1f2c9f7c11";

type Kind = "learner" | "team" | "resource" | "path" | "goal" | "step" | "evidence" | "review" | "term" | "session";

/** The same name has the same id in every load, so that a second load meets the first instead of doubling it. */
export function demoId(kind: Kind, name: string): string {
  return uuidv5(`${kind} ${name}`, NAMESPACE);
}
