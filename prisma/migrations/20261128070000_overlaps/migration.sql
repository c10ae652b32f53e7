-- Whether a session overlaps another of its learner's, so that a report need not look for it. Triggers keep it in the
-- writer's own transaction. It is no part of what was logged: neither the version nor updated_at change with it.
ALTER TABLE "study_sessions" ADD COLUMN     "overlapping" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "learner_months" ADD COLUMN     "overlapping_minutes" BIGINT NOT NULL DEFAULT 0;

-- As before, with the minutes of sessions that overlap.
CREATE OR REPLACE FUNCTION "learner_month_of"("learner" uuid, "of_month" date) RETURNS SETOF "learner_months" LANGUAGE sql STABLE AS $$
  SELECT "learner", "of_month",
         sum(s.minutes), sum(s.on_the_job_minutes), sum(s.social_minutes), sum(s.formal_minutes),
         coalesce(sum(s.minutes) FILTER (WHERE s.verification = 'self-reported'), 0),
         count(*), count(*) FILTER (WHERE s.on_the_job_minutes > 0), count(*) FILTER (WHERE s.social_minutes > 0), count(*) FILTER (WHERE s.formal_minutes > 0),
         count(*) FILTER (WHERE s.on_the_job_minutes + s.social_minutes + s.formal_minutes < s.minutes),
         count(s.impact), count(s.impact) FILTER (WHERE s.on_the_job_minutes > 0), count(s.impact) FILTER (WHERE s.social_minutes > 0),
         count(s.impact) FILTER (WHERE s.formal_minutes > 0),
         coalesce(sum(s.impact), 0), coalesce(sum(s.impact) FILTER (WHERE s.on_the_job_minutes > 0), 0), coalesce(sum(s.impact) FILTER (WHERE s.social_minutes > 0), 0),
         coalesce(sum(s.impact) FILTER (WHERE s.formal_minutes > 0), 0),
         min(s.occurred_on), max(s.occurred_on), max(s.started_at),
         coalesce(sum(s.minutes) FILTER (WHERE s.overlapping), 0)
  FROM study_sessions s
  WHERE s.learner_id = "learner" AND s.occurred_on >= "of_month" AND s.occurred_on < ("of_month" + interval '1 month')::date AND s.deleted_at IS NULL
  HAVING count(*) > 0
$$;

CREATE OR REPLACE FUNCTION "learner_months_sum_up"("learners" uuid[], "months" date[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  differing integer;
BEGIN
  INSERT INTO learner_months (learner_id, month)
  SELECT learner_id, month FROM unnest("learners", "months") AS touched (learner_id, month) ORDER BY learner_id, month
  ON CONFLICT DO NOTHING;

  PERFORM FROM learner_months JOIN unnest("learners", "months") AS touched (learner_id, month) USING (learner_id, month)
  ORDER BY learner_id, month FOR UPDATE OF learner_months;

  UPDATE learner_months stored
  SET (minutes, on_the_job_minutes, social_minutes, formal_minutes, self_reported_minutes, sessions, on_the_job_sessions, social_sessions,
       formal_sessions, unclassified_sessions, rated, on_the_job_rated, social_rated, formal_rated, ratings, on_the_job_ratings, social_ratings,
       formal_ratings, first_on, last_on, latest_at, overlapping_minutes) =
      (coalesce(fresh.minutes, 0), coalesce(fresh.on_the_job_minutes, 0), coalesce(fresh.social_minutes, 0), coalesce(fresh.formal_minutes, 0),
       coalesce(fresh.self_reported_minutes, 0), coalesce(fresh.sessions, 0), coalesce(fresh.on_the_job_sessions, 0),
       coalesce(fresh.social_sessions, 0), coalesce(fresh.formal_sessions, 0), coalesce(fresh.unclassified_sessions, 0), coalesce(fresh.rated, 0),
       coalesce(fresh.on_the_job_rated, 0), coalesce(fresh.social_rated, 0), coalesce(fresh.formal_rated, 0), coalesce(fresh.ratings, 0),
       coalesce(fresh.on_the_job_ratings, 0), coalesce(fresh.social_ratings, 0), coalesce(fresh.formal_ratings, 0), fresh.first_on, fresh.last_on,
       fresh.latest_at, coalesce(fresh.overlapping_minutes, 0))
  FROM unnest("learners", "months") AS touched (learner_id, month) LEFT JOIN LATERAL learner_month_of(touched.learner_id, touched.month) fresh ON true
  WHERE stored.learner_id = touched.learner_id AND stored.month = touched.month
    AND (stored.sessions > 0 OR fresh.sessions > 0) AND stored IS DISTINCT FROM fresh;
  GET DIAGNOSTICS differing = ROW_COUNT;
  RETURN differing;
END $$;

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
         min(s.occurred_on), max(s.occurred_on), max(s.started_at),
         coalesce(sum(s.minutes) FILTER (WHERE s.overlapping), 0)
  FROM added s WHERE s.deleted_at IS NULL
  GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (learner_id, month) DO UPDATE
  SET (minutes, on_the_job_minutes, social_minutes, formal_minutes, self_reported_minutes, sessions, on_the_job_sessions, social_sessions,
       formal_sessions, unclassified_sessions, rated, on_the_job_rated, social_rated, formal_rated, ratings, on_the_job_ratings, social_ratings,
       formal_ratings, first_on, last_on, latest_at, overlapping_minutes) =
      (stored.minutes + excluded.minutes, stored.on_the_job_minutes + excluded.on_the_job_minutes, stored.social_minutes + excluded.social_minutes,
       stored.formal_minutes + excluded.formal_minutes, stored.self_reported_minutes + excluded.self_reported_minutes,
       stored.sessions + excluded.sessions, stored.on_the_job_sessions + excluded.on_the_job_sessions,
       stored.social_sessions + excluded.social_sessions, stored.formal_sessions + excluded.formal_sessions,
       stored.unclassified_sessions + excluded.unclassified_sessions, stored.rated + excluded.rated,
       stored.on_the_job_rated + excluded.on_the_job_rated, stored.social_rated + excluded.social_rated, stored.formal_rated + excluded.formal_rated,
       stored.ratings + excluded.ratings, stored.on_the_job_ratings + excluded.on_the_job_ratings, stored.social_ratings + excluded.social_ratings,
       stored.formal_ratings + excluded.formal_ratings, least(stored.first_on, excluded.first_on), greatest(stored.last_on, excluded.last_on),
       greatest(stored.latest_at, excluded.latest_at), stored.overlapping_minutes + excluded.overlapping_minutes);

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
        AND (s.occurred_on, s.started_at, s.minutes, s.on_the_job_minutes, s.social_minutes, s.formal_minutes, s.impact, s.verification, s.deleted_at IS NULL, s.overlapping)
        IS DISTINCT FROM
            (b.occurred_on, b.started_at, b.minutes, b.on_the_job_minutes, b.social_minutes, b.formal_minutes, b.impact, b.verification, b.deleted_at IS NULL, b.overlapping)
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

-- Looks anew at the sessions of learners that lie in some stretches of time, each of one learner, in one pass over each
-- stretch, and says of how many it was stored otherwise. None is longer than a day, so nothing reaches further into it.
CREATE FUNCTION "overlaps_find"("learners" uuid[], "from_times" timestamptz[], "to_times" timestamptz[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  deleted integer;
  differing integer;
BEGIN
  UPDATE study_sessions s SET overlapping = false
  FROM unnest("learners", "from_times", "to_times") AS touched (learner_id, from_time, to_time)
  WHERE s.learner_id = touched.learner_id AND s.started_at >= touched.from_time AND s.started_at < touched.to_time
    AND s.deleted_at IS NOT NULL AND s.overlapping;
  GET DIAGNOSTICS deleted = ROW_COUNT;

  UPDATE study_sessions s SET overlapping = fresh.overlapping
  FROM (
    SELECT touched.learner_id, touched.from_time, touched.to_time, near.id, near.started_at, near.overlapping AS stored,
           coalesce(max(near.ends_at) OVER before > near.started_at, false) OR coalesce(lead(near.started_at) OVER in_order < near.ends_at, false) AS overlapping
    FROM unnest("learners", "from_times", "to_times") WITH ORDINALITY AS touched (learner_id, from_time, to_time, nth)
    CROSS JOIN LATERAL (
      SELECT id, started_at, started_at + make_interval(mins => minutes) AS ends_at, overlapping FROM study_sessions
      WHERE learner_id = touched.learner_id AND deleted_at IS NULL
        AND started_at > touched.from_time - interval '2880 minutes' AND started_at < touched.to_time + interval '1440 minutes'
      -- Keeps the planner from reading more than these, whatever it thinks of the rest.
      OFFSET 0
    ) near
    WINDOW in_order AS (PARTITION BY touched.nth ORDER BY near.started_at, near.id),
           before AS (PARTITION BY touched.nth ORDER BY near.started_at, near.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ) fresh
  WHERE s.learner_id = fresh.learner_id AND s.id = fresh.id AND fresh.stored <> fresh.overlapping
    AND fresh.started_at > fresh.from_time - interval '1440 minutes' AND fresh.started_at < fresh.to_time;
  GET DIAGNOSTICS differing = ROW_COUNT;
  RETURN deleted + differing;
END $$;

-- Their names sort after those of the triggers that keep the sums: by then a writer holds the rows of learner_months in
-- which the sessions lie, so of two who log at the same time the second sees what the first logged.
CREATE FUNCTION "overlaps_add"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM overlaps_find(array_agg(learner_id), array_agg(from_time), array_agg(to_time))
  FROM (
    SELECT learner_id, min(started_at) AS from_time, max(started_at + make_interval(mins => minutes)) AS to_time
    FROM added WHERE deleted_at IS NULL GROUP BY learner_id, month_of(occurred_on)
  ) touched
  HAVING count(*) > 0;
  RETURN NULL;
END $$;

-- An erasure takes the times away, and leaves what followed from them.
CREATE FUNCTION "overlaps_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    PERFORM overlaps_find(array_agg(learner_id), array_agg(from_time), array_agg(to_time))
    FROM (
      SELECT either.learner_id, min(either.started_at) AS from_time, max(either.started_at + make_interval(mins => either.minutes)) AS to_time
      FROM changed s FULL JOIN became b ON b.learner_id = s.learner_id AND b.id = s.id
      CROSS JOIN LATERAL (VALUES (s.learner_id, s.occurred_on, s.started_at, s.minutes), (b.learner_id, b.occurred_on, b.started_at, b.minutes))
        AS either (learner_id, occurred_on, started_at, minutes)
      WHERE either.learner_id IS NOT NULL AND current_setting('cairn.erasing', true) IS DISTINCT FROM either.learner_id::text
        AND (s.started_at, s.minutes, s.deleted_at IS NULL) IS DISTINCT FROM (b.started_at, b.minutes, b.deleted_at IS NULL)
      GROUP BY either.learner_id, month_of(either.occurred_on)
    ) touched
    HAVING count(*) > 0;
  ELSE
    PERFORM overlaps_find(array_agg(learner_id), array_agg(from_time), array_agg(to_time))
    FROM (
      SELECT learner_id, min(started_at) AS from_time, max(started_at + make_interval(mins => minutes)) AS to_time
      FROM changed WHERE deleted_at IS NULL GROUP BY learner_id, month_of(occurred_on)
    ) touched
    HAVING count(*) > 0;
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "overlaps_add" AFTER INSERT ON "study_sessions"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "overlaps_add"();
CREATE TRIGGER "overlaps_change" AFTER UPDATE ON "study_sessions"
  REFERENCING OLD TABLE AS changed NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION "overlaps_change"();
CREATE TRIGGER "overlaps_remove" AFTER DELETE ON "study_sessions"
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "overlaps_change"();

-- What was logged before. Of people who were erased the times are gone.
SELECT overlaps_find(array_agg(id), array_agg('-infinity'::timestamptz), array_agg('infinity'::timestamptz)) FROM learners WHERE erased_at IS NULL HAVING count(*) > 0;
