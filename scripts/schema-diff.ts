import { readFile } from "node:fs/promises";
import path from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { btree_gist } from "@electric-sql/pglite/contrib/btree_gist";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import { PrismaPGlite } from "pglite-prisma-adapter";
import { readMigrations } from "../src/database/migrate";

// Node has it; its types come only with the browser's.
declare const WebAssembly: { instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: Record<string, unknown> } }> };

const SCHEMA = path.join(__dirname, "../prisma/schema.prisma");

/**
 * The SQL that leads from the migrations to schema.prisma; "" when they agree. Applies the
 * migrations to a Postgres in memory and lets Prisma's schema engine (as WASM, nothing is
 * downloaded) compare. Checks, exclusions, triggers and functions are outside its sight.
 */
export async function schemaDiff(): Promise<string> {
  const database = await PGlite.create({ extensions: { btree_gist } });
  try {
    for (const migration of await readMigrations()) await database.exec(migration.sql);
    const engine = await createEngine(database);
    const { stdout } = await engine.diff({
      from: { tag: "schemaDatasource", files: await schemaFiles(), configDir: path.dirname(SCHEMA) },
      to: { tag: "schemaDatamodel", files: await schemaFiles() },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    const sql = (stdout ?? "").trim();
    return sql === "-- This is an empty migration." ? "" : sql;
  } finally {
    await database.close();
  }
}

async function createEngine(database: PGlite) {
  const bindings = await import("@prisma/schema-engine-wasm/schema_engine_bg");
  const wasmFile = require.resolve("@prisma/schema-engine-wasm").replace("schema_engine.js", "schema_engine_bg.wasm");
  const wasm = await WebAssembly.instantiate(await readFile(wasmFile), {
    "./schema_engine_bg.js": bindings,
  });
  bindings.__wbg_set_wasm(wasm.instance.exports);
  (wasm.instance.exports.__wbindgen_start as () => void)();
  const adapter = bindMigrationAwareSqlAdapterFactory(new PrismaPGlite(database));
  return bindings.SchemaEngine.new({ datamodels: await schemaPairs() }, () => undefined, adapter);
}

async function schemaPairs(): Promise<[string, string][]> {
  return [[SCHEMA, await readFile(SCHEMA, "utf8")]];
}

async function schemaFiles() {
  return (await schemaPairs()).map(([file, content]) => ({ path: file, content }));
}
