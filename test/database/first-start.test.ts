import { Pool } from "pg";
import { migrate, readMigrations } from "../../src/database/migrate";
import { endServices, startService } from "../setup/service";

// On a server alone: the embedded database has one role, which may do everything. Each ends the start in one sentence.

const server = process.env.DATABASE_URL as string;
const guest = `cairn_guest_${process.pid}`;
const owner = new Pool({ connectionString: server, max: 1 });
const as = (user: string, database: string, password = "") => {
  const url = new URL(server);
  [url.username, url.password, url.pathname] = [user, password, `/${database}`];
  return url.toString();
};
const { username } = new URL(server ?? "postgresql://none@none");
const refused = async (DATABASE_URL: string, environment: Record<string, string> = {}) => {
  const { code, output } = await startService({ DATABASE_URL, LOG_LEVEL: "silent", ...environment }).ended;
  expect(output.trimEnd().split("\n")).toHaveLength(1);
  return [code, output];
};
const cleanUp = async () => {
  for (const name of ["first", "other"]) await owner.query(`DROP DATABASE IF EXISTS ${guest}_${name} WITH (FORCE)`);
  await owner.query(`DROP ROLE IF EXISTS ${guest}`);
};
beforeAll(async () => {
  if (!server) return;
  await cleanUp();
  await owner.query(`CREATE ROLE ${guest} LOGIN PASSWORD 'guest'`);
  for (const name of ["first", "other"]) await owner.query(`CREATE DATABASE ${guest}_${name}`);
  const other = new Pool({ connectionString: as(username, `${guest}_other`), max: 1 });
  await other.query("CREATE TABLE customers ()");
  await other.end();
});
afterAll(async () => {
  await endServices();
  if (server) await cleanUp();
  await owner.end();
});

const onServer = server ? test : test.skip;
onServer("a database whose owner the role is not", async () => {
  expect(await refused(as(guest, `${guest}_first`, "guest"))).toEqual([
    70,
    expect.stringMatching(/^The role \w+ may not change the database \w+ \(permission denied .*\): make it the owner \(ALTER DATABASE/),
  ]);
});
onServer("a database that is empty, while somebody else is to migrate it", async () => {
  expect(await refused(as(username, `${guest}_first`), { MIGRATE_ON_START: "off" })).toEqual([
    70,
    expect.stringContaining("Run as its owner: npm run migrate"),
  ]);
});
onServer("a database that holds something else", async () => {
  expect(await refused(as(username, `${guest}_other`))).toEqual([70, expect.stringContaining("holds tables of something else, such as customers.")]);
});
onServer("a database that does not exist", async () => {
  expect(await refused(as(username, `${guest}_none`))).toEqual([69, expect.stringContaining("Create it, or check its name in DATABASE_URL.")]);
});
onServer("a database that does not know the role", async () => {
  expect(await refused(as(`${guest}_nobody`, `${guest}_first`, "x"))).toEqual([
    69,
    expect.stringContaining("Check the user and the password in DATABASE_URL."),
  ]);
});
onServer("a database that grants the role nothing", async () => {
  const migrated = new Pool({ connectionString: as(username, `${guest}_first`), max: 1 });
  await migrate(migrated, await readMigrations());
  const off = { MIGRATE_ON_START: "off" };
  const refusal = [69, expect.stringMatching(/^The database refuses the role of DATABASE_URL \(permission denied for table \w+\): let its owner grant/)];
  expect(await refused(as(guest, `${guest}_first`, "guest"), off)).toEqual(refusal);
  await migrated.query(`GRANT SELECT ON "_prisma_migrations" TO ${guest}`);
  await migrated.end();
  expect(await refused(as(guest, `${guest}_first`, "guest"), off)).toEqual(refusal);
});
