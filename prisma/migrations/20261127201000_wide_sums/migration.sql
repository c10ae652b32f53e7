-- Sums of months are kept as wide as they may become. This writes the table anew and keeps it from
-- everybody meanwhile; it has a row for each person and month, so that takes seconds where the
-- sessions behind it would take minutes. docs/running.md tells how long.
ALTER TABLE "learner_months"
  ALTER COLUMN "minutes" TYPE BIGINT,
  ALTER COLUMN "on_the_job_minutes" TYPE BIGINT,
  ALTER COLUMN "social_minutes" TYPE BIGINT,
  ALTER COLUMN "formal_minutes" TYPE BIGINT,
  ALTER COLUMN "self_reported_minutes" TYPE BIGINT,
  ALTER COLUMN "sessions" TYPE BIGINT,
  ALTER COLUMN "on_the_job_sessions" TYPE BIGINT,
  ALTER COLUMN "social_sessions" TYPE BIGINT,
  ALTER COLUMN "formal_sessions" TYPE BIGINT,
  ALTER COLUMN "unclassified_sessions" TYPE BIGINT,
  ALTER COLUMN "rated" TYPE BIGINT,
  ALTER COLUMN "on_the_job_rated" TYPE BIGINT,
  ALTER COLUMN "social_rated" TYPE BIGINT,
  ALTER COLUMN "formal_rated" TYPE BIGINT,
  ALTER COLUMN "ratings" TYPE BIGINT,
  ALTER COLUMN "on_the_job_ratings" TYPE BIGINT,
  ALTER COLUMN "social_ratings" TYPE BIGINT,
  ALTER COLUMN "formal_ratings" TYPE BIGINT;

-- A person's day holds only so many minutes: 1440, unless the writer's transaction sets
-- cairn.day_minutes. The triggers below hold to it while they hold the rows of learner_months in
-- which the days lie, so two writers of one day wait for each other, and the second sees what the
-- first logged. In a month that has no more minutes than that, no day has.
CREATE FUNCTION "day_minutes_limit"() RETURNS bigint LANGUAGE sql STABLE AS
  $$ SELECT coalesce(nullif(current_setting('cairn.day_minutes', true), ''), '1440')::bigint $$;

CREATE FUNCTION "refuse_day"("learner" uuid, "day" date, "minutes" bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% minutes of learner % on % violate constraint "study_sessions_day_limit"', "minutes", "learner", "day"
    USING ERRCODE = 'check_violation', TABLE = 'study_sessions', CONSTRAINT = 'study_sessions_day_limit';
END $$;

-- As before, and checks the days to which minutes came.
CREATE OR REPLACE FUNCTION "learner_months_add"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  most bigint := day_minutes_limit();
BEGIN
  INSERT INTO learner_months (learner_id, month)
  SELECT learner_id, make_date(year, number, 1)
  FROM (
    SELECT DISTINCT s.learner_id, extract(year FROM s.occurred_on)::int AS year FROM added s
    WHERE s.deleted_at IS NULL AND NOT EXISTS (SELECT FROM learner_months m WHERE m.learner_id = s.learner_id AND m.month = month_of(s.occurred_on))
  ) begun CROSS JOIN generate_series(1, 12) AS number
  ORDER BY 1, 2
  ON CONFLICT DO NOTHING;

  INSERT INTO learner_months AS stored
  SELECT s.learner_id, month_of(s.occurred_on),
         sum(s.minutes), sum(s.on_the_job_minutes), sum(s.social_minutes), sum(s.formal_minutes),
         coalesce(sum(s.minutes) FILTER (WHERE s.verification = 'self-reported'), 0),
         count(*), count(*) FILTER (WHERE s.on_the_job_minutes > 0), count(*) FILTER (WHERE s.social_minutes > 0), count(*) FILTER (WHERE s.formal_minutes > 0),
         count(*) FILTER (WHERE s.on_the_job_minutes + s.social_minutes + s.formal_minutes < s.minutes),
         count(s.impact), count(s.impact) FILTER (WHERE s.on_the_job_minutes > 0), count(s.impact) FILTER (WHERE s.social_minutes > 0),
         count(s.impact) FILTER (WHERE s.formal_minutes > 0),
         coalesce(sum(s.impact), 0), coalesce(sum(s.impact) FILTER (WHERE s.on_the_job_minutes > 0), 0), coalesce(sum(s.impact) FILTER (WHERE s.social_minutes > 0), 0),
         coalesce(sum(s.impact) FILTER (WHERE s.formal_minutes > 0), 0),
         min(s.occurred_on), max(s.occurred_on), max(s.started_at)
  FROM added s WHERE s.deleted_at IS NULL
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (learner_id, month) DO UPDATE
  SET (minutes, on_the_job_minutes, social_minutes, formal_minutes, self_reported_minutes, sessions, on_the_job_sessions, social_sessions,
       formal_sessions, unclassified_sessions, rated, on_the_job_rated, social_rated, formal_rated, ratings, on_the_job_ratings, social_ratings,
       formal_ratings, first_on, last_on, latest_at) =
      (stored.minutes + excluded.minutes, stored.on_the_job_minutes + excluded.on_the_job_minutes, stored.social_minutes + excluded.social_minutes,
       stored.formal_minutes + excluded.formal_minutes, stored.self_reported_minutes + excluded.self_reported_minutes,
       stored.sessions + excluded.sessions, stored.on_the_job_sessions + excluded.on_the_job_sessions,
       stored.social_sessions + excluded.social_sessions, stored.formal_sessions + excluded.formal_sessions,
       stored.unclassified_sessions + excluded.unclassified_sessions, stored.rated + excluded.rated,
       stored.on_the_job_rated + excluded.on_the_job_rated, stored.social_rated + excluded.social_rated, stored.formal_rated + excluded.formal_rated,
       stored.ratings + excluded.ratings, stored.on_the_job_ratings + excluded.on_the_job_ratings, stored.social_ratings + excluded.social_ratings,
       stored.formal_ratings + excluded.formal_ratings, least(stored.first_on, excluded.first_on), greatest(stored.last_on, excluded.last_on),
       greatest(stored.latest_at, excluded.latest_at));

  PERFORM refuse_day(touched.learner_id, touched.occurred_on, logged.minutes)
  FROM (SELECT DISTINCT learner_id, occurred_on FROM added WHERE deleted_at IS NULL) touched
  JOIN learner_months m ON m.learner_id = touched.learner_id AND m.month = month_of(touched.occurred_on) AND m.minutes > most
  CROSS JOIN LATERAL (
    SELECT sum(s.minutes) AS minutes FROM study_sessions s
    WHERE s.learner_id = touched.learner_id AND s.occurred_on = touched.occurred_on AND s.deleted_at IS NULL
  ) logged
  WHERE logged.minutes > most;
  RETURN NULL;
END $$;

-- Of a change or a deletion the months are summed up anew: the first and the last of what is left are not to be had by subtraction.
CREATE OR REPLACE FUNCTION "learner_months_change"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  learners uuid[];
  months date[];
  most bigint := day_minutes_limit();
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT array_agg(learner_id), array_agg(month) INTO learners, months FROM (
      SELECT DISTINCT either.learner_id, month_of(either.day) AS month
      FROM changed s FULL JOIN became b ON b.learner_id = s.learner_id AND b.id = s.id
      CROSS JOIN LATERAL (VALUES (s.learner_id, s.occurred_on), (b.learner_id, b.occurred_on)) AS either (learner_id, day)
      WHERE either.learner_id IS NOT NULL
        AND (s.occurred_on, s.started_at, s.minutes, s.on_the_job_minutes, s.social_minutes, s.formal_minutes, s.impact, s.verification, s.deleted_at IS NULL)
        IS DISTINCT FROM
            (b.occurred_on, b.started_at, b.minutes, b.on_the_job_minutes, b.social_minutes, b.formal_minutes, b.impact, b.verification, b.deleted_at IS NULL)
    ) touched;
  ELSE
    SELECT array_agg(learner_id), array_agg(month) INTO learners, months FROM (
      SELECT DISTINCT learner_id, month_of(occurred_on) AS month FROM changed WHERE deleted_at IS NULL
    ) touched;
  END IF;
  IF learners IS NOT NULL THEN
    PERFORM learner_months_sum_up(learners, months);
  END IF;
  IF TG_OP = 'UPDATE' AND learners IS NOT NULL THEN
    -- Only where a day holds more than before: a day that was too full when this rule came may be corrected.
    PERFORM refuse_day(touched.learner_id, touched.occurred_on, logged.minutes)
    FROM (
      SELECT learner_id, occurred_on FROM (
        SELECT learner_id, occurred_on, minutes FROM became WHERE deleted_at IS NULL
        UNION ALL SELECT learner_id, occurred_on, -minutes FROM changed WHERE deleted_at IS NULL
      ) moved
      GROUP BY learner_id, occurred_on HAVING sum(minutes) > 0
    ) touched
    JOIN learner_months m ON m.learner_id = touched.learner_id AND m.month = month_of(touched.occurred_on) AND m.minutes > most
    CROSS JOIN LATERAL (
      SELECT sum(s.minutes) AS minutes FROM study_sessions s
      WHERE s.learner_id = touched.learner_id AND s.occurred_on = touched.occurred_on AND s.deleted_at IS NULL
    ) logged
    WHERE logged.minutes > most;
  END IF;
  RETURN NULL;
END $$;
