import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { type EmbeddedPostgres, startEmbedded } from "../../src/database/embedded";
import { migrate, readMigrations } from "../../src/database/migrate";

// Until now the subject was kept in external_id, which the directory's own id may be, too.

let postgres: EmbeddedPostgres;
let pool: Pool;
const ids = { signedIn: uuidv7(), fromTheDirectory: uuidv7(), seenWhileMigrating: uuidv7(), erased: uuidv7(), unknown: uuidv7() };
beforeAll(async () => {
  postgres = await startEmbedded(undefined);
  pool = new Pool({ host: postgres.host, port: postgres.port, user: "postgres", max: 1 });
  const shipped = await readMigrations();
  const until = (name: string) =>
    migrate(
      pool,
      shipped.slice(
        0,
        shipped.findIndex((migration) => migration.name === name),
      ),
    );
  await until("20261127202000_identity");
  const add = (id: string, externalId: string | null, lastSeenOn: string | null) =>
    pool.query("INSERT INTO learners (id, name, time_zone, external_id, last_seen_on) VALUES ($1, 'Ada', 'UTC', $2, $3)", [id, externalId, lastSeenOn]);
  await add(ids.signedIn, "subject-1", "2026-11-20");
  await add(ids.fromTheDirectory, "hr-2", null);
  await add(ids.seenWhileMigrating, "subject-3", null);
  await add(ids.erased, "subject-4", "2026-11-20");
  await add(ids.unknown, null, null);
  await pool.query(
    "INSERT INTO api_keys (id, name, role, prefix, secret_hash) VALUES (gen_random_uuid(), 'ADMIN_API_KEY', 'admin', 'a', 'a'), (gen_random_uuid(), 'Mine', 'admin', 'b', 'b')",
  );
  await until("20261127202500_subjects");
  await seeAsTheVersionBefore(ids.seenWhileMigrating);
  await migrate(pool, shipped);
});
afterAll(async () => {
  await pool.end();
  await postgres.close();
});

const seeAsTheVersionBefore = (id: string) => pool.query("UPDATE learners SET last_seen_on = '2026-11-27' WHERE id = $1", [id]);
const subjectOf = async (id: string) => (await pool.query("SELECT subject FROM learners WHERE id = $1", [id])).rows[0].subject;

test("who signed in by token keeps their subject; the directory's ids are nobody's", async () => {
  expect(await Promise.all([ids.signedIn, ids.fromTheDirectory, ids.seenWhileMigrating].map(subjectOf))).toEqual(["subject-1", null, "subject-3"]);
});

test("whom the version before signs in while it still runs keeps theirs, too", async () => {
  await pool.query("UPDATE learners SET external_id = 'subject-2' WHERE id = $1", [ids.fromTheDirectory]);
  expect(await subjectOf(ids.fromTheDirectory)).toBeNull();
  await seeAsTheVersionBefore(ids.fromTheDirectory);
  expect(await subjectOf(ids.fromTheDirectory)).toBe("subject-2");
});

test("the version before changes the directory as it did, and no subject with it", async () => {
  await pool.query("UPDATE learners SET external_id = 'another', version = version + 1 WHERE id = $1", [ids.signedIn]);
  await seeAsTheVersionBefore(ids.signedIn);
  expect(await subjectOf(ids.signedIn)).toBe("subject-1");
  await pool.query("UPDATE learners SET external_id = 'subject-1' WHERE id = $1", [ids.unknown]);
  await seeAsTheVersionBefore(ids.unknown);
  expect(await subjectOf(ids.unknown)).toBeNull();
});

test("the version before erases as it did, and the subject with it", async () => {
  expect(await subjectOf(ids.erased)).toBe("subject-4");
  await pool.query("UPDATE learners SET external_id = NULL, last_seen_on = NULL, erased_at = now(), version = version + 1 WHERE id = $1", [ids.erased]);
  expect(await subjectOf(ids.erased)).toBeNull();
});

test("a key that was made of ADMIN_API_KEY is known for one", async () => {
  const { rows } = await pool.query("SELECT name, configured, acts_for FROM api_keys ORDER BY name");
  expect(rows).toEqual([
    { name: "ADMIN_API_KEY", configured: true, acts_for: false },
    { name: "Mine", configured: false, acts_for: false },
  ]);
});
