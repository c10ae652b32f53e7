import { ensureAdminKey } from "./api-keys/api-keys.service";
import { buildApp } from "./app";
import { type Config, readConfig } from "./config";
import { connect, type Database } from "./database/connect";
import { prepareSchema } from "./database/migrate";
import { DEMO_TRANSACTION, isEmpty, loadDemo } from "./demo/load-demo";
import { EXIT, exitWith } from "./exit";
import { greeting } from "./greeting";
import type { App } from "./http/app-type";

/** Config → database → app → listen → drain. */
async function main(): Promise<void> {
  const config = readConfig();
  const database = await connect(config);
  await prepareSchema(database.pool, config);
  // Nobody waits for a replica: reports tell when it is away.
  const replica = config.REPORTS_DATABASE_URL ? await connect({ ...config, DATABASE_URL: config.REPORTS_DATABASE_URL }) : undefined;
  const app = await buildApp({ config, db: database.db, reportsDb: replica?.db });
  const address = await app.listen({ host: config.HOST, port: config.PORT });
  stopOnSignal(app, [database, ...(replica ? [replica] : [])], config);
  // Last: keys are shown once, so nothing may fail between making and printing them.
  const made = await database.db.$transaction(async (tx) => {
    const demo = database.embedded && config.SAMPLE_DATA && (await isEmpty(tx)) ? await loadDemo(tx, new Date()) : null;
    return { demo, adminKey: await ensureAdminKey(tx, config.ADMIN_API_KEY) };
  }, DEMO_TRANSACTION);
  if (made.adminKey || made.demo) console.log(greeting({ address, ...made }));
}

function stopOnSignal(app: App, databases: Database[], config: Config): void {
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    app.log.info({ signal }, "stopping");
    setTimeout(() => process.exit(EXIT.failure), config.SHUTDOWN_TIMEOUT_MS).unref();
    await app.close();
    for (const database of databases) await database.close();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

main().catch(exitWith);
