import { ensureAdminKey } from "./api-keys/api-keys.service";
import { buildApp } from "./app";
import { type Config, readConfig } from "./config";
import { connect, type Database } from "./database/connect";
import { prepareSchema } from "./database/migrate";
import { DEMO_TRANSACTION, isEmpty, loadDemo } from "./demo/load-demo";
import { EXIT, exitWith } from "./exit";
import { greeting, whereabouts } from "./greeting";
import type { App } from "./http/app-type";
import type { Life } from "./http/life";

/** Config → database → app → listen → drain. */
async function main(): Promise<void> {
  const config = readConfig();
  const database = await connect(config);
  await prepareSchema(database.pool, config);
  // Nobody waits for a replica: reports tell when it is away.
  const replica = config.REPORTS_DATABASE_URL ? await connect({ ...config, DATABASE_URL: config.REPORTS_DATABASE_URL }) : undefined;
  const life: Life = { phase: "starting" };
  const { pool: main, heavyPool: heavy } = database;
  const pools = { main, ...(heavy !== main && { heavy }), ...(replica && { reports: replica.heavyPool }) };
  const app = await buildApp({ config, db: database.db, reportsDb: replica?.db, pools, life });
  const address = await app.listen({ host: config.HOST, port: config.PORT });
  // Keys are shown once, so nothing may fail between making and printing them.
  const prepared = database.db.$transaction(async (tx) => {
    const demo = database.embedded && config.SAMPLE_DATA && (await isEmpty(tx)) ? await loadDemo(tx, new Date()) : null;
    return { demo, adminKey: await ensureAdminKey(tx, config.ADMIN_API_KEY) };
  }, DEMO_TRANSACTION);
  stopOnSignal(app, life, [database, ...(replica ? [replica] : [])], config, prepared);
  const { demo, adminKey } = await prepared;
  if (adminKey || demo) console.log(greeting({ address, demo, adminKey }));
  else if (database.embedded) console.log(whereabouts(address, config.ADMIN_API_KEY !== undefined));
  if (life.phase === "starting") life.phase = "serving";
}

/** Tells balancers first, serves on while they notice, finishes what is under way, and leaves. */
function stopOnSignal(app: App, life: Life, databases: Database[], config: Config, prepared: Promise<unknown>): void {
  const stop = async (signal: string) => {
    if (life.phase === "stopping") return;
    const hasServed = life.phase === "serving";
    life.phase = "stopping";
    app.log.info({ signal }, "stopping");
    if (hasServed) await new Promise((resolve) => setTimeout(resolve, config.DRAIN_MS));
    setTimeout(() => process.exit(EXIT.failure), config.SHUTDOWN_TIMEOUT_MS).unref();
    await prepared.catch(() => undefined);
    await app.close();
    for (const database of databases) await database.close();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

main().catch(exitWith);
