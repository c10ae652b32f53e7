import { RestoreRefused } from "./backup/restore";
import { ConfigError } from "./config";
import { DataDirError } from "./database/claim";
import { DatabaseRefused, MigrationError } from "./database/refusals";
import { isForbidden, isUnavailable } from "./database/violations";
import { DemoRefused } from "./demo/load-demo";

/** What a supervisor can tell from how a process ended. */
export const EXIT = { failure: 1, usage: 64, unavailable: 69, migration: 70, configuration: 78 };

/** A command was called with other words than it takes. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Says what ended the process, and ends it. */
export function exitWith(error: Error): void {
  const [code, message] = explain(error);
  console.error(message);
  process.exit(code);
}

function explain(error: Error): [number, string | Error] {
  if (error instanceof UsageError) return [EXIT.usage, error.message];
  if (error instanceof DemoRefused || error instanceof RestoreRefused) return [EXIT.failure, error.message];
  if (error instanceof ConfigError) return [EXIT.configuration, error.message];
  if (error instanceof MigrationError) return [EXIT.migration, error.message];
  if (error instanceof DataDirError || error instanceof DatabaseRefused) return [EXIT.unavailable, error.message];
  if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return [EXIT.unavailable, `${error.message}. Stop what listens there, or set another port.`];
  if ((error as NodeJS.ErrnoException).path) return [EXIT.unavailable, `${error.message}. Check the name, the rights, and the room on the disk.`];
  if (isUnavailable(error)) return [EXIT.unavailable, `The database cannot be reached (${error.message}). Check DATABASE_URL, and that it runs.`];
  if (isForbidden(error)) {
    const what = /permission denied[^`]*|must be owner[^`]*/.exec(error.message)?.[0] ?? "permission denied";
    return [EXIT.unavailable, `The database refuses the role of DATABASE_URL (${what}): let its owner grant what docs/personal-data.md lists.`];
  }
  return [EXIT.failure, error];
}
