import { randomUUID } from "node:crypto";

/** What a client's script needs, and how it tells what it did. */
export const url = process.env.CAIRN_URL as string;
export const headers = { Authorization: `Bearer ${process.env.CAIRN_KEY}` };
export const startedAt = new Date(Date.now() - 3_600_000).toISOString();
/** A well-formed id that nothing has. */
export const nobody = "0193d5a0-6c00-7a31-9d4e-000000000000";
export const newId = () => randomUUID();

/** Prints a line of what was done; one that did not hold ends the script. */
export function tell(what: string, holds: boolean): void {
  console.log(`${holds ? "ok" : "FAILED"}: ${what}`);
  if (!holds) process.exit(1);
}
