import { schemaDiff } from "./schema-diff";

schemaDiff().then((sql) => {
  if (!sql) return;
  console.error(`The migrations do not lead to prisma/schema.prisma. What is missing:\n\n${sql}\n`);
  console.error("Write it with: npm run migrate:new -- <name>");
  process.exitCode = 1;
});
