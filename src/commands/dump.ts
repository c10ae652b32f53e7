import { createWriteStream } from "node:fs";
import { rename } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { dump } from "../backup/dump";
import { readConfig } from "../config";
import { connect } from "../database/connect";
import { prepareSchema } from "../database/migrate";
import { exitWith, UsageError } from "../exit";

const USAGE = "Name the file to write: npm run dump -- backup.ndjson. The embedded database must not be in use.";

/** Writes all that is stored into a file, which only its owner may read, and which is there only when it is whole. */
async function main([file, ...more]: string[]): Promise<void> {
  if (!file || more.length) throw new UsageError(USAGE);
  const database = await connect({ ...readConfig(), DATABASE_STATEMENT_TIMEOUT_MS: 0 });
  try {
    await prepareSchema(database.pool, { MIGRATE_ON_START: false });
    const part = `${file}.part`;
    await pipeline(Readable.from(dump(database.pool)), createWriteStream(part, { mode: 0o600, flush: true }));
    await rename(part, file);
    console.log(`Everything is in ${file}, keys' hashes and private notes too: keep it as safe as the database.`);
  } finally {
    await database.close();
  }
}

main(process.argv.slice(2)).catch(exitWith);
