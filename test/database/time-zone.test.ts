import { Pool } from "pg";
import { buildApp } from "../../src/app";
import { readConfig } from "../../src/config";
import { connect } from "../../src/database/connect";
import { type EmbeddedPostgres, startEmbedded } from "../../src/database/embedded";
import { migrate, readMigrations } from "../../src/database/migrate";
import { buildKey, buildLearner } from "../setup/factories";
import { PATIENT } from "../setup/patience";

let postgres: EmbeddedPostgres;
let pool: Pool;
beforeAll(async () => {
  postgres = await startEmbedded(undefined);
  pool = new Pool({ host: postgres.host, port: postgres.port, user: "postgres" });
  await migrate(pool, await readMigrations());
});
afterAll(async () => {
  await pool.end();
  await postgres.close();
});

// A server's own zone must move no day and no page.
test.each(["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata"])("sessions are the same on a server in %s", async (zone) => {
  await pool.query(`SET TIME ZONE '${zone}'`);
  const url = `postgresql://postgres@${encodeURIComponent(postgres.host)}:${postgres.port}/postgres`;
  const { db, close } = await connect({ ...readConfig(PATIENT), DATABASE_URL: url });
  const app = await buildApp({ config: readConfig({ ...PATIENT, LOG_LEVEL: "silent" }), db, clock: () => new Date("2026-06-17T12:00:00Z") });
  const authorization = `Bearer ${await buildKey(db, { role: "admin" })}`;
  const learnerId = (await buildLearner(db, { timeZone: "Europe/Berlin" })).id;
  const path = `/v1/learners/${learnerId}/study-sessions`;
  const get = async (query: string) => (await app.inject({ url: `${path}?${query}`, headers: { authorization } })).json();

  for (const startedAt of ["2026-06-15T21:59:59.999Z", "2026-06-15T22:00:00.000Z", "2026-06-15T22:00:00.001Z"]) {
    await app.inject({ method: "POST", url: path, headers: { authorization }, payload: { startedAt, minutes: 60 } });
  }
  const { items } = await get("");
  expect(items.map((item: { startedAt: string; occurredOn: string }) => [item.startedAt, item.occurredOn])).toEqual([
    ["2026-06-15T22:00:00.001Z", "2026-06-16"],
    ["2026-06-15T22:00:00.000Z", "2026-06-16"],
    ["2026-06-15T21:59:59.999Z", "2026-06-15"],
  ]);
  // What is written and read with the same mistake looks right from outside.
  const { rows } = await pool.query("SELECT extract(epoch FROM started_at) * 1000 AS ms FROM study_sessions WHERE learner_id = $1 ORDER BY 1 DESC", [
    learnerId,
  ]);
  expect(rows.map(({ ms }) => new Date(Number(ms)).toISOString())).toEqual(items.map((item: { startedAt: string }) => item.startedAt));
  expect((await get("from=2026-06-16")).items).toEqual(items.slice(0, 2));
  expect((await get("to=2026-06-16")).items).toEqual(items.slice(2));
  for (const query of ["limit=1", "updatedSince=2026-06-17T12:00:00.000Z&limit=1"]) {
    const first = await get(query);
    const second = await get(`${query}&cursor=${first.next}`);
    const third = await get(`${query}&cursor=${second.next}`);
    expect([...first.items, ...second.items, ...third.items].sort(byStart)).toEqual([...items].sort(byStart));
    expect(third.next).toBeNull();
  }
  expect((await get("updatedSince=2026-06-17T12:00:00.001Z")).items).toEqual([]);
  await app.close();
  await close();
});

function byStart(a: { startedAt: string }, b: { startedAt: string }): number {
  return a.startedAt < b.startedAt ? -1 : 1;
}
