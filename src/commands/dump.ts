import { lstatSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { dump } from "../backup/dump";
import { readConfig } from "../config";
import { connect } from "../database/connect";
import { prepareSchema } from "../database/migrate";
import { exitWith, UsageError } from "../exit";

const OWNER_ONLY = 0o600;
const USAGE = "Name the file to write: npm run dump -- backup.ndjson. The embedded database must not be in use.";

/** Writes all that is stored into a new file, which only its owner may read, and which is there only when it is whole. */
async function main([file, ...more]: string[]): Promise<void> {
  if (!file || more.length) throw new UsageError(USAGE);
  if (lstatSync(file, { throwIfNoEntry: false })) throw new UsageError(`${file} exists. Name a file that does not, or remove that one.`);
  const database = await connect({ ...readConfig(), DATABASE_STATEMENT_TIMEOUT_MS: 0 });
  try {
    await prepareSchema(database.pool, { MIGRATE_ON_START: false });
    const part = `${file}.part`;
    const opened = await openNew(part);
    try {
      await pipeline(Readable.from(dump(database.pool)), opened.createWriteStream({ flush: true }));
      await rename(part, file);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
    console.log(`Everything is in ${file}, keys' hashes and private notes too: keep it as safe as the database.`);
  } finally {
    await database.close();
  }
}

/** Opens a file that was not there, so that nobody else chose where a link leads or who may read it. */
async function openNew(name: string): Promise<FileHandle> {
  try {
    return await open(name, "wx", OWNER_ONLY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    throw new UsageError(`${name} exists: another dump writes it, or one was cut off. Remove it when none does.`);
  }
}

main(process.argv.slice(2)).catch(exitWith);
