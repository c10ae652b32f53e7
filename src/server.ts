import { ensureAdminKey } from "./api-keys/api-keys.service";
import { buildApp } from "./app";
import { type Config, ConfigError, readConfig } from "./config";
import { connect, type Database } from "./database/connect";
import { DataDirInUseError } from "./database/embedded";
import { MigrationError, migrate, pendingMigrations, readMigrations } from "./database/migrate";
import { isUnavailable } from "./database/violations";
import { type DemoKeys, loadDemo } from "./demo/load-demo";
import { greeting } from "./greeting";
import type { App } from "./http/app-type";

/** What a supervisor can tell from how the process ended. */
const EXIT = { failure: 1, unavailable: 69, migration: 70, configuration: 78 };

/** Config → database → app → listen → drain. */
async function main(): Promise<void> {
  const config = readConfig();
  const database = await connect(config);
  await prepareSchema(config, database);
  const app = await buildApp({ config, db: database.db });
  const address = await app.listen({ host: config.HOST, port: config.PORT });
  stopOnSignal(app, database, config);
  const demo = await loadDemoOnFirstStart(config, database);
  // Last: the key is shown once, so nothing may fail between making and printing it.
  const adminKey = await ensureAdminKey(database.db, config.ADMIN_API_KEY);
  if (adminKey || demo) console.log(greeting({ address, adminKey, demo }));
}

async function loadDemoOnFirstStart({ SAMPLE_DATA }: Config, { db, embedded }: Database): Promise<DemoKeys | null> {
  if (!SAMPLE_DATA || !embedded || (await db.learner.count())) return null;
  return loadDemo(db, new Date());
}

async function prepareSchema(config: Config, database: Database): Promise<void> {
  const migrations = await readMigrations();
  if (config.MIGRATE_ON_START) {
    await migrate(database.pool, migrations);
    return;
  }
  const pending = await pendingMigrations(database.pool, migrations);
  if (pending.length) throw new MigrationError(`The database lacks ${pending.join(", ")}. Run: npm run migrate`);
}

function stopOnSignal(app: App, database: Database, config: Config): void {
  let stopping = false;
  const stop = async (signal: string) => {
    if (stopping) return;
    stopping = true;
    app.log.info({ signal }, "stopping");
    setTimeout(() => process.exit(EXIT.failure), config.SHUTDOWN_TIMEOUT_MS).unref();
    await app.close();
    await database.close();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

main().catch((error: Error) => {
  const [code, message] = explain(error);
  console.error(message);
  process.exit(code);
});

function explain(error: Error): [number, string | Error] {
  if (error instanceof ConfigError) return [EXIT.configuration, error.message];
  if (error instanceof MigrationError) return [EXIT.migration, error.message];
  if (error instanceof DataDirInUseError) return [EXIT.unavailable, error.message];
  if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return [EXIT.unavailable, `${error.message}. Stop what listens there, or set PORT.`];
  if (isUnavailable(error)) return [EXIT.unavailable, `The database cannot be reached (${error.message}). Check DATABASE_URL, and that it runs.`];
  return [EXIT.failure, error];
}
