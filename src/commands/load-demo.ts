import { ensureAdminKey } from "../api-keys/api-keys.service";
import { type Config, readConfig } from "../config";
import { connect } from "../database/connect";
import { prepareSchema } from "../database/migrate";
import { describeResolutions } from "../demo/course-path";
import { DEMO_TRANSACTION, loadDemo } from "../demo/load-demo";
import { exitWith } from "../exit";
import { greeting } from "../greeting";

/** Loads the sample organisation into an empty database and prints its keys. Nothing is changed when it refuses. */
async function main(): Promise<void> {
  const config = readConfig();
  const database = await connect(config);
  try {
    await prepareSchema(database.pool, config);
    // The admin's key goes in with the rest, so that a load that fails leaves no key that nobody was told.
    const { adminKey, demo } = await database.db.$transaction(async (tx) => {
      const adminKey = await ensureAdminKey(tx, config.ADMIN_API_KEY);
      return { adminKey, demo: await loadDemo(tx, new Date()) };
    }, DEMO_TRANSACTION);
    console.log(greeting({ address: addressOf(config), adminKey, demo }));
    console.log("The prerequisites of the path of courses:");
    for (const line of describeResolutions(demo.coursePath.resolutions)) console.log(`  ${line}`);
    console.log("The commands want the service to run: npm start, with the same settings.");
  } finally {
    await database.close();
  }
}

/** Where the service answers once it is started with the same settings. */
function addressOf({ HOST, PORT }: Config): string {
  const anywhere = HOST === "0.0.0.0" || HOST === "::";
  const host = anywhere ? "127.0.0.1" : HOST.includes(":") ? `[${HOST}]` : HOST;
  return `http://${host}:${PORT}`;
}

main().catch(exitWith);
