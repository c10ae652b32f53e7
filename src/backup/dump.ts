import { createHash } from "node:crypto";
import type { Pool, PoolClient } from "pg";
import { readMigrations } from "../database/migrate";
import { type Foot, type Head, listTables, quoted } from "./format";

const ROWS_AT_ONCE = 1_000;

/**
 * Every row of the database as of one moment, a line of JSON each, while others go on reading and
 * writing. Rows are as the database itself writes them, so that nothing is rounded on the way.
 */
export async function* dump(pool: Pool): AsyncGenerator<string> {
  const sha256 = createHash("sha256");
  const written = (text: string) => {
    sha256.update(text);
    return text;
  };
  const client = await pool.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const head: Head = { cairn: "dump", migrations: (await readMigrations()).map(({ name }) => name) };
    yield written(`${JSON.stringify(head)}\n`);
    let rows = 0;
    for (const { name } of await listTables(client)) {
      for await (const some of rowsOf(client, name)) {
        rows += some.length;
        yield written(some.map((row) => `{"table":"${name}","row":${row}}\n`).join(""));
      }
    }
    const foot: Foot = { rows, sha256: sha256.digest("hex") };
    yield `${JSON.stringify(foot)}\n`;
  } finally {
    await client.query("ROLLBACK").finally(() => client.release());
  }
}

async function* rowsOf(client: PoolClient, table: string): AsyncGenerator<string[]> {
  await client.query(`DECLARE dumped NO SCROLL CURSOR FOR SELECT to_json(t)::text AS row FROM ${quoted(table)} t`);
  for (;;) {
    const { rows } = await client.query<{ row: string }>(`FETCH ${ROWS_AT_ONCE} FROM dumped`);
    if (!rows.length) break;
    yield rows.map(({ row }) => row);
  }
  await client.query("CLOSE dumped");
}
