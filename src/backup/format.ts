import type { PoolClient } from "pg";
import { z } from "zod";

// A dump is lines of JSON: a head, a row each, a foot.

/** What a database must have to take it. */
export const Head = z.strictObject({ cairn: z.literal("dump"), migrations: z.array(z.string()) });
export type Head = z.infer<typeof Head>;

export const Row = z.strictObject({ table: z.string(), row: z.record(z.string(), z.unknown()) });

/** Without it a dump is cut. `sha256` is that of all lines before, each with its line end. */
export const Foot = z.strictObject({ rows: z.int(), sha256: z.string() });
export type Foot = z.infer<typeof Foot>;

export type Table = { name: string; columns: string[] };

/** The service's own tables, and of each the columns that are stored and not computed. */
export async function listTables(client: PoolClient): Promise<Table[]> {
  const { rows } = await client.query<Table>(`
    SELECT c.relname AS name, array_agg(a.attname::text ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace AND c.relname <> '_prisma_migrations'
    GROUP BY c.relname ORDER BY c.relname`);
  return rows;
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
