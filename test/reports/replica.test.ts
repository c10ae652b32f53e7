import { startApp } from "../setup/app";
import { buildMember, buildSession, buildTeam } from "../setup/factories";

const REPORTS = ["breakdown", "growth"];

// The embedded database has one session, and no replica.
const onServer = process.env.DATABASE_URL ? test : test.skip;

onServer("reports are read from their own database, and say how far it is behind", async () => {
  const url = new URL(process.env.DATABASE_URL as string);
  url.pathname = new URL(process.env[`TEST_DATABASE_URL_${process.env.JEST_WORKER_ID}`] as string).pathname;
  // Rows of this connection tell where a report was read.
  url.searchParams.set("options", "-c search_path=elsewhere,public");
  const api = await startApp({ REPORTS_DATABASE_URL: url.toString() });
  await api.db.$executeRaw`CREATE SCHEMA elsewhere`;
  try {
    const team = await buildTeam(api.db);
    const { id } = await buildMember(api.db, team.id);
    await buildSession(api.db, { learnerId: id });
    const minutes = async () => {
      const { body } = await api.admin.get(`/v1/teams/${team.id}/breakdown`);
      return [body.total.minutes.total, body.replicaLagSeconds];
    };
    // What follows no other database may be as old as it likes: nothing is said of it.
    expect(await minutes()).toEqual([60, null]);
    await api.db.$executeRaw`CREATE TABLE elsewhere.learner_months (LIKE public.learner_months)`;
    expect(await minutes()).toEqual([0, null]);
    expect((await api.admin.get(`/v1/learners/${id}/growth`)).body.scope.id).toBe(id);

    await api.db.$executeRaw`CREATE TABLE elsewhere._prisma_migrations AS SELECT * FROM _prisma_migrations ORDER BY migration_name LIMIT 1`;
    for (const path of REPORTS.flatMap((report) => [`/v1/teams/${team.id}/${report}`, `/v1/learners/${id}/${report}`])) {
      const answer = await api.admin.get(path);
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([503, "unavailable", expect.stringContaining("lacks a migration")]);
    }
    expect((await api.as(null).get("/readyz")).status).toBe(200);
  } finally {
    await api.db.$executeRaw`DROP SCHEMA elsewhere CASCADE`;
    await api.close();
  }
});

test("without one, nothing is said of it", async () => {
  const api = await startApp();
  const team = await buildTeam(api.db);
  expect((await api.admin.get(`/v1/teams/${team.id}/breakdown`)).body.replicaLagSeconds).toBeNull();
  await api.close();
});

test("while it is away, reports are too, and all else goes on", async () => {
  const api = await startApp({ REPORTS_DATABASE_URL: "postgres://nobody@127.0.0.1:1/nothing" });
  const team = await buildTeam(api.db);
  const { id } = await buildMember(api.db, team.id);
  for (const report of REPORTS) {
    const answer = await api.admin.get(`/v1/teams/${team.id}/${report}`);
    expect([answer.status, answer.body.code, answer.headers["retry-after"]]).toEqual([503, "unavailable", expect.any(String)]);
    expect((await api.admin.get(`/v1/learners/${id}/${report}`)).status).toBe(503);
  }
  expect((await api.as(null).get("/readyz")).status).toBe(200);
  expect((await api.admin.get(`/v1/teams/${team.id}/study-sessions`)).status).toBe(200);
  expect((await api.admin.get(`/v1/learners/${id}`)).status).toBe(200);
  await api.close();
});
