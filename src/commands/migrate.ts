import { readConfig } from "../config";
import { connect } from "../database/connect";
import { buildIndexes, migrate, readMigrations } from "../database/migrate";
import { exitWith } from "../exit";

/** Brings the database up to date and ends: for a deployment that does it once, before its processes start, while others write. */
async function main(): Promise<void> {
  const config = readConfig();
  const database = await connect(config);
  try {
    const migrations = await readMigrations();
    // The embedded one has nobody else who would be held up.
    if (!database.embedded) await buildIndexes(database.pool, migrations);
    const applied = await migrate(database.pool, migrations);
    console.log(applied.length ? `Applied ${applied.join(", ")}.` : "Nothing to apply: the database is up to date.");
  } finally {
    await database.close();
  }
}

main().catch(exitWith);
