import { defineConfig } from "prisma/config";

// `generate`, `validate` and `format` run on WASM, yet look for the native engine first
// and would download it. Any existing file satisfies that look; `prisma migrate` needs
// the real engine, so it alone is left to fetch it.
const runsOnWasm = ["generate", "validate", "format"].some((command) => process.argv.includes(command));
if (runsOnWasm) process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= __filename;

export default defineConfig({
  schema: "prisma/schema.prisma",
  migrations: { path: "prisma/migrations" },
  datasource: { url: process.env.DATABASE_URL ?? "" },
});
