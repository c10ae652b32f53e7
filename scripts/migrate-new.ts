import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { MIGRATIONS_DIR } from "../src/database/migrate";
import { schemaDiff } from "./schema-diff";

const USAGE = "Say what the migration does in a few words: npm run migrate:new -- add-goal-reviewer";

async function main(name: string | undefined) {
  if (!name || !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) throw new Error(USAGE);
  const sql = await schemaDiff();
  const stamp = new Date().toISOString().replace(/\D/g, "").slice(0, 14);
  const folder = path.join(MIGRATIONS_DIR, `${stamp}_${name.replaceAll("-", "_")}`);
  await mkdir(folder);
  const file = path.join(folder, "migration.sql");
  await writeFile(file, sql ? `${sql}\n` : "-- schema.prisma asks for nothing: write the SQL that it cannot express.\n");
  console.log(`Wrote ${path.relative(process.cwd(), file)}. Read it, add checks and data moves, then run the tests.`);
}

main(process.argv[2]).catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
