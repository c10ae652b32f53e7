import { Prisma } from "../../src/generated/prisma/client";
import { LONG_DAYS, type TestApp } from "../setup/app";
import type { Day } from "./calendar";
import type { Drawn } from "./organisations";

/** What makes an organisation more than sessions: steps, words, mentors, notes. Half of the words are shared. */
export async function furnish({ db }: TestApp, { learners, goals, resources }: Drawn, today: Day): Promise<void> {
  const people = learners.map(({ id }) => id);
  await db.$executeRaw`
    UPDATE resources SET learner_id = (${people}::uuid[])[1 + (hashtext(id::text) & 7) % ${people.length}]
    WHERE id = ANY (${resources.map(({ id }) => id)}::uuid[])`;
  await db.$executeRaw`
    UPDATE study_sessions s SET note = 'a note', note_shared = hashtext(s.id::text) & 1 = 0, mentor_id = nullif(r.learner_id, s.learner_id)
    FROM resources r WHERE r.id = s.resource_id AND s.deleted_at IS NULL AND s.learner_id = ANY (${people}::uuid[])`;
  const theirs = goals.map(({ id }) => id);
  await db.$executeRaw`
    INSERT INTO steps (learner_id, id, goal_id, position, title, estimated_minutes, due_on, resource_id)
    SELECT learner_id, gen_random_uuid(), id, 1, 'A step', 60, ${today}::date + (hashtext(id::text) & 15), (${resources.map(({ id }) => id)}::uuid[])[1]
    FROM goals WHERE id = ANY (${theirs}::uuid[])`;
  await db.$executeRaw`
    INSERT INTO terms (learner_id, id, goal_id, term, meaning, shared)
    SELECT learner_id, gen_random_uuid(), id, (ARRAY['etcd', 'Etcd', 'raft'])[1 + (hashtext(id::text) & 3) % 3], title, hashtext(id::text) & 4 = 0
    FROM goals WHERE id = ANY (${theirs}::uuid[])`;
}

type Change = {
  /** Whose everything changes; their memberships stay. */
  of: string[];
  /** Whose ids are used once more: an id is a learner's own. */
  beside: string[];
  reviewerId: string | null;
  resources: string[];
  today: Day;
  seed: number;
};

/** Changes whatever people have: other minutes, days, ratings, words and names, some gone, some new. */
export async function changeEverything({ db }: TestApp, { of, beside, reviewerId, resources, today, seed }: Change): Promise<void> {
  const salt = String(seed);
  await db.$executeRaw`DELETE FROM study_sessions WHERE learner_id = ANY (${of}::uuid[]) AND hashtext(id::text || ${salt} || 'gone') & 3 = 0`;
  const longDays = Prisma.sql`(SELECT set_config('cairn.day_minutes', ${String(LONG_DAYS.DAY_MINUTES_LIMIT)}, true)) long_days`;
  await db.$executeRaw`
    UPDATE study_sessions s
    SET minutes = n.minutes, on_the_job_minutes = n.minutes / 2, social_minutes = n.minutes / 4, formal_minutes = 0, impact = 1 + (n.h >> 3 & 3),
        occurred_on = occurred_on + (n.h >> 5 & 15) - 8, started_at = started_at + make_interval(days => (n.h >> 5 & 15) - 8), updated_at = now(),
        deleted_at = CASE WHEN n.h & 7 = 0 THEN now() END, verification = 'self-reported', skills = '{docker,changed}',
        note = CASE WHEN n.h & 7 <> 0 THEN 'another note' END, note_shared = true, version = version + 1
    FROM (SELECT learner_id, id, hashtext(id::text || ${salt}) AS h, 1 + (hashtext(id::text || ${salt}) & 1023) AS minutes FROM study_sessions) n, ${longDays}
    WHERE s.learner_id = ANY (${of}::uuid[]) AND n.learner_id = s.learner_id AND n.id = s.id`;
  await db.$executeRaw`
    UPDATE learners SET name = 'Renamed ' || ${salt}, email = id || '@changed.example', time_zone = 'Asia/Kathmandu', target = '{10,20,70}', version = version + 1
    WHERE id = ANY (${of}::uuid[])`;
  await db.$executeRaw`
    UPDATE goals SET title = 'Another goal', due_on = ${today}::date - 1, skills = '{changed}', version = version + 1 WHERE learner_id = ANY (${of}::uuid[])`;
  await db.$executeRaw`UPDATE steps SET title = 'Another step', completed_on = ${today}::date WHERE learner_id = ANY (${of}::uuid[])`;
  await db.$executeRaw`UPDATE terms SET meaning = 'Something else', shared = true, learned_on = ${today}::date WHERE learner_id = ANY (${of}::uuid[])`;
  await db.$executeRaw`
    INSERT INTO goals (learner_id, id, title, skills, due_on)
    SELECT p.id, coalesce(g.id, gen_random_uuid()), 'A new goal', '{new}', ${today}::date + 1
    FROM unnest(${of}::uuid[]) AS p(id) LEFT JOIN goals g ON g.learner_id = ANY (${beside}::uuid[]) ON CONFLICT DO NOTHING`;
  await db.$executeRaw`
    INSERT INTO steps (learner_id, id, goal_id, position, title, due_on, resource_id)
    SELECT g.learner_id, coalesce(t.id, gen_random_uuid()), g.id, 9, 'A new step', ${today}::date, (${resources}::uuid[])[1]
    FROM goals g LEFT JOIN steps t ON t.goal_id = g.id AND t.learner_id = ANY (${beside}::uuid[])
    WHERE g.learner_id = ANY (${of}::uuid[]) ON CONFLICT DO NOTHING`;
  await db.$executeRaw`
    INSERT INTO terms (learner_id, id, goal_id, term, meaning, shared)
    SELECT learner_id, gen_random_uuid(), id, 'etcd ' || ${salt}, 'A new word', true FROM goals WHERE learner_id = ANY (${of}::uuid[])`;
  await db.$executeRaw`
    INSERT INTO reviews (learner_id, id, goal_id, reviewer_id, question, asked_at)
    SELECT learner_id, gen_random_uuid(), id, nullif(${reviewerId}::uuid, learner_id), 'A question', ${today}::date
    FROM goals WHERE learner_id = ANY (${of}::uuid[]) ON CONFLICT DO NOTHING`;
  // New sessions, on goals of theirs, and under the ids of others' sessions.
  await db.$executeRaw`
    INSERT INTO study_sessions (learner_id, id, started_at, time_zone, occurred_on, minutes, on_the_job_minutes, social_minutes, formal_minutes, impact,
                                goal_id, resource_id, resource_type, skills, verification, note, note_shared, body_digest)
    SELECT p.id, coalesce(s.id, gen_random_uuid()), d.day + time '10:00', 'UTC', d.day, 30, 0, 0, 30, 5,
           (SELECT g.id FROM goals g WHERE g.learner_id = p.id ORDER BY g.id LIMIT 1), r.id, r.type, '{new}', 'system-recorded', 'a new note', true, ''
    FROM unnest(${of}::uuid[]) AS p(id)
    CROSS JOIN (SELECT ${today}::date - n AS day, n FROM generate_series(-1, 60, 3) AS n) d
    LEFT JOIN (SELECT id, row_number() OVER (ORDER BY id) AS n FROM study_sessions WHERE learner_id = ANY (${beside}::uuid[])) s ON s.n = d.n
    LEFT JOIN resources r ON r.id = (${resources}::uuid[])[1 + d.n % greatest(1, cardinality(${resources}::uuid[]))]
    CROSS JOIN ${longDays}
    ON CONFLICT DO NOTHING`;
}
