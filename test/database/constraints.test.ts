import { v7 as uuidv7 } from "uuid";
import { startApp, type TestApp } from "../setup/app";
import { buildGoal, buildLearner, buildSession, buildTeam, joinTeam } from "../setup/factories";

// The last line: whatever writes to the tables, these hold.

let api: TestApp;
let learnerId: string;
let teamId: string;
beforeAll(async () => {
  api = await startApp();
});
beforeEach(async () => {
  learnerId = (await buildLearner(api.db)).id;
  teamId = (await buildTeam(api.db)).id;
});
afterAll(() => api.close());

const run = (sql: string, ...values: unknown[]) => api.db.$executeRawUnsafe(sql, ...values);

describe("targets", () => {
  test.each(["learners", "teams"])("of %s are three shares that make a whole, or none", async (table) => {
    const id = table === "learners" ? learnerId : teamId;
    const set = (target: string) => run(`UPDATE ${table} SET target = '${target}' WHERE id = '${id}'`);
    for (const target of ["{}", "{70,20,10}", "{100,0,0}"]) await expect(set(target)).resolves.toBe(1);
    for (const target of ["{70,20}", "{70,20,11}", "{70,20,9}", "{110,-10,0}", "{40,30,20,10}", "{100}"]) {
      await expect(set(target)).rejects.toThrow(`${table}_target_check`);
    }
  });

  // To a check, unknown is as good as true.
  test.each(["{70,20,NULL}", "{{70},{20},{10}}", "[0:2]={70,20,10}"])("are no array as odd as %s", async (target) => {
    await expect(run(`UPDATE learners SET target = '${target}' WHERE id = '${learnerId}'`)).rejects.toThrow("learners_target_check");
  });
});

describe("memberships", () => {
  test.each([
    ["2026-01-01", "2026-01-01"],
    ["2026-01-02", "2026-01-01"],
  ])("from %s to %s is no period", async (fromDay, untilDay) => {
    await expect(
      run(
        `INSERT INTO memberships (learner_id, id, team_id, from_day, until_day) VALUES ('${learnerId}', '${uuidv7()}', '${teamId}', '${fromDay}', '${untilDay}')`,
      ),
    ).rejects.toThrow("memberships_period_check");
  });

  test.each([
    ["the same days", "2026-02-01", "2026-03-01"],
    ["days within", "2026-02-10", "2026-02-11"],
    ["the last day", "2026-02-28", "2026-03-05"],
    ["the first day", "2026-01-01", "2026-02-02"],
    ["an open end before", "2026-01-01", undefined],
  ])("overlap is refused: %s", async (_, fromDay, untilDay) => {
    await joinTeam(api.db, learnerId, teamId, { fromDay: "2026-02-01", untilDay: "2026-03-01" });
    await expect(joinTeam(api.db, learnerId, teamId, { fromDay, ...(untilDay && { untilDay }) })).rejects.toThrow("memberships_no_overlap");
  });

  test("days that touch, and other learners, do not overlap", async () => {
    await joinTeam(api.db, learnerId, teamId, { fromDay: "2026-02-01", untilDay: "2026-03-01" });
    await joinTeam(api.db, learnerId, teamId, { fromDay: "2026-01-01", untilDay: "2026-02-01" });
    await joinTeam(api.db, learnerId, teamId, { fromDay: "2026-03-01" });
    await joinTeam(api.db, (await buildLearner(api.db)).id, teamId, { fromDay: "2026-02-01" });
    expect(await api.db.membership.count({ where: { teamId } })).toBe(4);
  });
});

describe("study sessions", () => {
  const session = { minutes: 60, onTheJobMinutes: 0, socialMinutes: 0, formalMinutes: 0 };

  test.each([
    ["0 minutes", { minutes: 0 }, "minutes_check"],
    ["more than a day", { minutes: 1441 }, "minutes_check"],
    ["a negative part", { onTheJobMinutes: -1 }, "split_check"],
    ["a negative part that another hides", { socialMinutes: -10, formalMinutes: 20 }, "split_check"],
    ["parts over the whole", { onTheJobMinutes: 30, socialMinutes: 30, formalMinutes: 1 }, "split_check"],
    ["an impact of 0", { impact: 0 }, "impact_check"],
    ["an impact of 6", { impact: 6 }, "impact_check"],
    ["a tombstone with a note", { deletedAt: new Date(), note: "x" }, "tombstone_check"],
  ])("%s is refused", async (_, flaw, constraint) => {
    await expect(buildSession(api.db, { learnerId, ...session, ...flaw })).rejects.toThrow(`study_sessions_${constraint}`);
  });

  test.each([
    ["a minute", { minutes: 1 }],
    ["a day, all of it in parts", { minutes: 1440, onTheJobMinutes: 480, socialMinutes: 480, formalMinutes: 480 }],
    ["an impact of 5", { impact: 5 }],
    ["a tombstone", { deletedAt: new Date() }],
  ])("%s is kept", async (_, change) => {
    await expect(buildSession(api.db, { learnerId, ...session, ...change })).resolves.toMatchObject(change);
  });

  test("an id is the learner's own", async () => {
    const { id } = await buildSession(api.db, { learnerId });
    await expect(buildSession(api.db, { learnerId, id })).rejects.toThrow();
    await expect(buildSession(api.db, { id })).resolves.toMatchObject({ id });
  });

  test("a goal is the learner's own", async () => {
    const { id: goalId } = await buildGoal(api.db);
    await expect(buildSession(api.db, { learnerId, goalId })).rejects.toThrow("study_sessions_goal_fkey");
  });
});

test("a goal is not due before it starts", async () => {
  const [early, late] = [new Date("2026-01-01"), new Date("2026-01-02")];
  await expect(buildGoal(api.db, { learnerId, startsOn: late, dueOn: early })).rejects.toThrow("goals_period_check");
  await expect(buildGoal(api.db, { learnerId, startsOn: late, dueOn: late })).resolves.toBeDefined();
  await expect(buildGoal(api.db, { learnerId, dueOn: early })).resolves.toBeDefined();
});

test("a resource takes some time, if it is known", async () => {
  const insert = (minutes: number) => run(`INSERT INTO resources (id, type, title, estimated_minutes) VALUES ('${uuidv7()}', 'book', 'x', ${minutes})`);
  await expect(insert(0)).rejects.toThrow("resources_estimated_minutes_check");
  await expect(insert(1)).resolves.toBe(1);
});

test.each([
  ["learner", "NULL", true],
  ["admin", "LEARNER", true],
  ["service", "LEARNER", true],
  ["learner", "LEARNER", false],
  ["service", "NULL", false],
])("an API key of the role %s for %s", async (role, whose, refused) => {
  const owner = whose === "NULL" ? "NULL" : `'${learnerId}'`;
  const scopes = role === "service" ? "{learning:read}" : "{}";
  const insert = run(
    `INSERT INTO api_keys (id, name, role, learner_id, prefix, secret_hash, scopes) VALUES ('${uuidv7()}', 'x', '${role}', ${owner}, 'x', $1, '${scopes}')`,
    Buffer.from(uuidv7()),
  );
  if (refused) await expect(insert).rejects.toThrow("api_keys_owner_check");
  else await expect(insert).resolves.toBe(1);
});

test.each([
  ["service", "{}", "NULL", "api_keys_scopes_check"],
  ["admin", "{learning:read}", "NULL", "api_keys_scopes_check"],
  ["service", "{everything}", "NULL", "api_keys_scopes_check"],
  ["service", "{directory:write}", "TEAM", "api_keys_team_check"],
  ["admin", "{}", "TEAM", "api_keys_team_check"],
])("an API key of the role %s has not the scopes %s for %s", async (role, scopes, whose, constraint) => {
  const team = whose === "NULL" ? "NULL" : `'${teamId}'`;
  const insert = run(
    `INSERT INTO api_keys (id, name, role, team_id, prefix, secret_hash, scopes) VALUES ('${uuidv7()}', 'x', '${role}', ${team}, 'x', $1, '${scopes}')`,
    Buffer.from(uuidv7()),
  );
  await expect(insert).rejects.toThrow(constraint);
});

test("a learner has one timer", async () => {
  const insert = () => run(`INSERT INTO timers (learner_id, started_at, time_zone, started_on) VALUES ('${learnerId}', now(), 'UTC', now())`);
  await insert();
  await expect(insert()).rejects.toThrow("timers_pkey");
});

describe("what a learner owns is kept by learner", () => {
  // Asked across learners, of each node its own rows: who is in a team, what was spent with a mentor,
  // and what refers to a resource, a person or a path that is to be deleted. None is unique.
  const ACROSS: Record<string, string[]> = {
    memberships: ["memberships_team_id_idx"],
    study_sessions: ["study_sessions_mentor_id_idx", "study_sessions_mentored_idx", "study_sessions_resource_id_idx"],
    goals: ["goals_path_idx", "goals_reviewer_id_idx"],
    steps: ["steps_resource_id_idx"],
    reviews: ["reviews_answered_by_id_idx", "reviews_reviewer_id_idx"],
    terms: ["terms_resource_id_idx"],
    timers: ["timers_resource_id_idx"],
  };

  test.each(["study_sessions", "goals", "steps", "step_prerequisites", "evidence", "reviews", "terms", "memberships", "timers"])(
    "every key and index of %s begins with the learner",
    async (table) => {
      const indexes = await api.db.$queryRawUnsafe<{ name: string; first: string; unique: boolean }[]>(
        `SELECT i.relname AS name, a.attname AS first, x.indisunique AS unique FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
       JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[0] WHERE x.indrelid = '${table}'::regclass ORDER BY name`,
      );
      expect(indexes).not.toEqual([]);
      const across = indexes.filter(({ first }) => first !== "learner_id");
      expect(across.map(({ name }) => name)).toEqual(ACROSS[table] ?? []);
      expect(across.filter(({ unique }) => unique)).toEqual([]);
    },
  );

  test("and nothing counts up", async () => {
    expect(await api.db.$queryRaw`SELECT relname FROM pg_class WHERE relkind = 'S'`).toEqual([]);
  });
});

test("every foreign key is found from its other end without reading the whole table", async () => {
  const unindexed = await api.db.$queryRaw<{ name: string }[]>`
    SELECT conname AS name FROM pg_constraint
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND NOT EXISTS (
      SELECT FROM pg_index
      WHERE indrelid = conrelid AND indisvalid AND (indpred IS NULL OR pg_get_expr(indpred, indrelid) ~ '^\\(\\w+ IS NOT NULL\\)$')
        AND (SELECT array_agg(key ORDER BY n) FROM unnest(indkey::int2[]) WITH ORDINALITY AS k (key, n) WHERE n <= 2) && conkey
        AND (indkey::int2[])[0] = ANY (conkey))`;
  expect(unindexed).toEqual([]);
});
