import { v5 as uuidv5 } from "uuid";

const NAMESPACE = "6f0f5f0e-9a55-4a57-9b0e-6d1f2c9f7c11";

/** The same name has the same id in every load, so that a second load meets the first instead of doubling it. */
export function demoId(kind: "learner" | "team" | "resource" | "goal" | "session", name: string): string {
  return uuidv5(`${kind} ${name}`, NAMESPACE);
}
