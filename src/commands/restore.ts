import { createReadStream } from "node:fs";
import { restore } from "../backup/restore";
import { readConfig } from "../config";
import { connect } from "../database/connect";
import { prepareSchema } from "../database/migrate";
import { exitWith, UsageError } from "../exit";

const USAGE = "Name the file to read: npm run restore -- backup.ndjson. The database must be empty.";

/** Puts a dump into an empty database, all of it or nothing. */
async function main([file, ...more]: string[]): Promise<void> {
  if (!file || more.length) throw new UsageError(USAGE);
  const input = createReadStream(file, { encoding: "utf8" });
  // Before a database is made for it.
  await new Promise((resolve, reject) => input.once("open", resolve).once("error", reject));
  const database = await connect({ ...readConfig(), DATABASE_STATEMENT_TIMEOUT_MS: 0 });
  try {
    await prepareSchema(database.pool, { MIGRATE_ON_START: true });
    const { rows, derived } = await restore(database.pool, input);
    console.log(`${rows} rows were restored.`);
    console.log(
      `Derived from them, not taken from the file: ${derived.teamPairs} pairs of teams, which decide who sees whom, and ${derived.months} sums of months.`,
    );
    const { differingTeamPairs, differingMonths, differingOverlaps } = derived;
    if (differingTeamPairs || differingMonths || differingOverlaps)
      console.log(
        `The file had ${differingTeamPairs} pairs of teams, ${differingMonths} sums of months and ${differingOverlaps} overlaps of sessions otherwise. This is never so in a dump of a sound database: ask who changed it.`,
      );
  } finally {
    await database.close();
  }
}

main(process.argv.slice(2)).catch(exitWith);
