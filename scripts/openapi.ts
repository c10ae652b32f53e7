import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { buildApp } from "../src/app";
import { readConfig } from "../src/config";
import type { PrismaClient } from "../src/generated/prisma/client";

const FILE = path.join(__dirname, "../openapi.json");

/** Writes openapi.json (--write), or compares it with what the routes say; lints it either way. */
async function main(write: boolean): Promise<void> {
  // Describing the API asks nothing of the database.
  const app = await buildApp({ config: { ...readConfig({}), LOG_LEVEL: "silent" }, db: {} as PrismaClient });
  await app.ready();
  const rendered = `${JSON.stringify(app.swagger(), null, 2)}\n`;
  await app.close();
  if (write) writeFileSync(FILE, rendered);
  else if (readFileSync(FILE, "utf8") !== rendered) throw new Error("openapi.json is not what the routes say. Render it: npm run openapi");
  const problems = await lintFromString({ source: rendered, config: await createConfig({ extends: ["recommended-strict"], rules: RULES }) });
  if (problems.length) {
    throw new Error(problems.map(({ severity, ruleId, message, location }) => `${severity} ${ruleId} at ${location[0]?.pointer}: ${message}`).join("\n"));
  }
}

const RULES = {
  "operation-operationId": "error",
  "operation-operationId-unique": "error",
  "operation-summary": "error",
  "no-unused-components": "off",
  "no-empty-servers": "off",
  "no-server-example.com": "off",
} as const;

main(process.argv.includes("--write")).catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
