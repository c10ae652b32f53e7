import { LONG_DAYS, type TestApp } from "../setup/app";
import { addDays, dayOf } from "./calendar";
import type { Session } from "./oracle";
import type { Drawn } from "./organisations";

/** Stores an organisation: straight into the tables, or as far as they go through the calls that callers make. */
export async function store(api: TestApp, drawn: Drawn): Promise<void> {
  if (!drawn.overHttp) return insert(api, drawn);
  const logged = drawn.sessions.filter((session) => isLoggable(session, drawn));
  const teams = drawn.teams.map((team) => ({ ...team, parentId: team.stays[0]?.parentId ?? null, stays: [] }));
  await insert(api, { ...drawn, teams, memberships: [], sessions: drawn.sessions.filter((session) => !logged.includes(session)) });
  await moveTeamsOverHttp(api, drawn);
  await moveOverHttp(api, drawn);
  await logOverHttp(api, drawn, logged);
}

/** All rows go in as JSON, in one statement: thousands of organisations have to be stored. */
async function insert({ db }: TestApp, { learners, teams, resources, goals, memberships, sessions }: Drawn): Promise<void> {
  const days = sessions.map(({ split: [onTheJob, social, formal], ...session }) => {
    return { ...session, onTheJob, social, formal, occurredOn: dayOf(session.startedAt, session.timeZone) };
  });
  await db.$executeRaw`
    WITH inserted_learners AS (
      INSERT INTO learners (id, name, time_zone, target)
      SELECT id, name, "timeZone", coalesce(target, '{}')
      FROM jsonb_to_recordset(${json(learners)}::jsonb) AS row (id uuid, name text, "timeZone" text, target smallint[])
    ), inserted_teams AS (
      INSERT INTO teams (id, name, parent_id, target)
      SELECT id, name, "parentId", coalesce(target, '{}')
      FROM jsonb_to_recordset(${json(teams)}::jsonb) AS row (id uuid, name text, "parentId" uuid, target smallint[])
    ), inserted_resources AS (
      INSERT INTO resources (id, type, title)
      SELECT id, type, title
      FROM jsonb_to_recordset(${json(resources)}::jsonb) AS row (id uuid, type resource_type, title text)
    ), inserted_goals AS (
      INSERT INTO goals (learner_id, id, title)
      SELECT "learnerId", id, title
      FROM jsonb_to_recordset(${json(goals)}::jsonb) AS row ("learnerId" uuid, id uuid, title text)
    ), inserted_memberships AS (
      INSERT INTO memberships (learner_id, id, team_id, from_day, until_day)
      SELECT "learnerId", gen_random_uuid(), "teamId", "fromDay", "untilDay"
      FROM jsonb_to_recordset(${json(memberships)}::jsonb) AS row ("learnerId" uuid, "teamId" uuid, "fromDay" date, "untilDay" date)
    ), limit_of_days AS MATERIALIZED (
      SELECT set_config('cairn.day_minutes', ${String(LONG_DAYS.DAY_MINUTES_LIMIT)}, true)
    )
    INSERT INTO study_sessions (
      learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact,
      goal_id, resource_id, resource_type, skills, verification, body_digest, deleted_at)
    SELECT "learnerId", id, "startedAt", "timeZone", "occurredOn", minutes, "onTheJob", social, formal, impact,
      "goalId", "resourceId", "resourceType", skills, verification, '', CASE WHEN deleted THEN "startedAt" END
    FROM jsonb_to_recordset(${json(days)}::jsonb) AS row (
      "learnerId" uuid, id uuid, "startedAt" timestamptz, "timeZone" text, "occurredOn" date,
      minutes smallint, "onTheJob" smallint, social smallint, formal smallint, impact smallint,
      "goalId" uuid, "resourceId" uuid, "resourceType" resource_type, skills text[], verification verification, deleted boolean), limit_of_days`;
  const stays = teams.flatMap(({ id, stays }) => stays.filter(({ parentId }) => parentId).map((stay) => ({ ...stay, teamId: id })));
  if (stays.every(({ untilDay }) => untilDay === null)) return;
  await db.$transaction([
    db.teamParent.deleteMany({ where: { teamId: { in: teams.map(({ id }) => id) } } }),
    db.$executeRaw`
      INSERT INTO team_parents (team_id, from_day, until_day, parent_id)
      SELECT "teamId", "fromDay", "untilDay", "parentId"
      FROM jsonb_to_recordset(${json(stays)}::jsonb) AS row ("teamId" uuid, "fromDay" date, "untilDay" date, "parentId" uuid)`,
  ]);
}

/** Moves teams in the order of the days, and says then, one by one, what had been before. */
async function moveTeamsOverHttp(api: TestApp, { teams, now }: Drawn): Promise<void> {
  api.setNow(now);
  for (const { id, stays } of teams) {
    const [, ...moves] = stays;
    const last = moves.pop();
    if (last) await done(api.admin.put(`/v1/teams/${id}/parent`, { parentId: last.parentId, fromDay: last.fromDay }), 200);
    for (const move of moves) await done(api.admin.put(`/v1/teams/${id}/parent`, move), 200);
  }
}

/** Moves people one by one, every second one back-dated. */
async function moveOverHttp(api: TestApp, { learners, memberships }: Drawn): Promise<void> {
  for (const [index, { id }] of learners.entries()) {
    const stays = memberships.filter(({ learnerId }) => learnerId === id);
    const backDated = index % 2 === 1;
    for (const { teamId, fromDay, untilDay } of backDated ? stays.toReversed() : stays) {
      // A stay that the next move ends need not say when it ends.
      const movedOn = !backDated && stays.some((next) => next.fromDay === untilDay);
      await done(api.admin.put(`/v1/learners/${id}/membership`, { teamId, fromDay, ...(movedOn ? {} : { untilDay }) }), 200);
    }
  }
}

/** Whether the session can be logged as it is: nobody confirmed it, and its resource is of the type that it was of. */
function isLoggable({ verification, resourceId, resourceType }: Session, { resources }: Drawn): boolean {
  const type = resources.find(({ id }) => id === resourceId)?.type ?? null;
  return verification !== "mentor-confirmed" && resourceType === type;
}

/** The service itself finds each session's day. */
async function logOverHttp(api: TestApp, { learners, now }: Drawn, sessions: Session[]): Promise<void> {
  if (!sessions.length) return;
  api.setNow(new Date(addDays(dayOf(now, "UTC"), 5)));
  const items = sessions.map(({ split, deleted: _, resourceType: __, timeZone, startedAt, ...session }) => {
    const own = learners.some(({ id, timeZone: zone }) => id === session.learnerId && zone === timeZone);
    const [onTheJob, social, formal] = split;
    return { ...session, startedAt: startedAt.toISOString(), split: { onTheJob, social, formal }, ...(own ? {} : { timeZone }) };
  });
  const { body } = await done(api.admin.post("/v1/study-sessions/batch", { items }), 200);
  if (body.created !== items.length) throw new Error(`Not every session was logged: ${JSON.stringify(body)}`);
  for (const { learnerId, id } of sessions.filter(({ deleted }) => deleted)) {
    await done(api.admin.delete(`/v1/learners/${learnerId}/study-sessions/${id}`), 204);
  }
}

async function done(call: ReturnType<TestApp["admin"]["get"]>, status: number) {
  const response = await call;
  if (response.status !== status) throw new Error(`${response.status} ${JSON.stringify(response.body)}`);
  return response;
}

function json(rows: object[]): string {
  return JSON.stringify(rows);
}
