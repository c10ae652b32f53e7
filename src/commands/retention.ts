import { readConfig } from "../config";
import { connect } from "../database/connect";
import { prepareSchema } from "../database/migrate";
import { exitWith, UsageError } from "../exit";
import { eraseLeaver, findOutdated, removeAuditEvents } from "../personal-data/retention";

const USAGE = "Say what to do: `npm run retention` shows what is kept no longer, `npm run retention -- --apply` lets it go.";

/** Shows what is kept no longer by the settings, and with `--apply` lets it go. */
async function main([option, ...more]: string[]): Promise<void> {
  if (more.length || (option !== undefined && option !== "--apply")) throw new UsageError(USAGE);
  const config = readConfig();
  if (!config.RETAIN_LEAVERS_DAYS && !config.RETAIN_AUDIT_DAYS) {
    console.log("Everything is kept: set RETAIN_LEAVERS_DAYS or RETAIN_AUDIT_DAYS.");
    return;
  }
  const database = await connect(config);
  try {
    // A look changes nothing, so it migrates nothing, either.
    await prepareSchema(database.pool, { MIGRATE_ON_START: false });
    const now = new Date();
    const { leavers, auditEvents } = await findOutdated(database.db, config, now);
    for (const { id, lastTraceOn } of leavers) console.log(`${id}  last trace on ${lastTraceOn}`);
    console.log(`${leavers.length} people to erase, ${auditEvents} audit events to remove.`);
    if (option !== "--apply") {
      console.log("Nothing was changed. To let it go for good: npm run retention -- --apply");
      return;
    }
    for (const leaver of leavers) {
      const erased = await eraseLeaver(database.db, config, leaver, now);
      console.log(`${leaver.id}  ${erased ? "erased" : "came back, and stays"}`);
    }
    let removed = 0;
    for (let some = 1; some > 0; removed += some) some = await removeAuditEvents(database.db, config, now);
    console.log(`${removed} audit events removed.`);
  } finally {
    await database.close();
  }
}

main(process.argv.slice(2)).catch(exitWith);
