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

-- The other sessions of a learner that lie at the same time. None is longer than a day, so the index tells where to look.
CREATE FUNCTION "sessions_at"("learner" uuid, "from_time" timestamptz, "length" integer, "but" uuid) RETURNS SETOF uuid LANGUAGE sql STABLE AS $$
  SELECT s.id FROM study_sessions s
  WHERE s.learner_id = "learner" AND s.id <> "but" AND s.deleted_at IS NULL
    AND s.started_at > "from_time" - interval '1440 minutes' AND s.started_at < "from_time" + make_interval(mins => "length")
    AND s.started_at + make_interval(mins => s.minutes) > "from_time"
  -- Keeps the planner from reading more than these, whatever it thinks of the rest.
  OFFSET 0
$$;

-- Their names sort after those of the triggers that keep the sums: by then a writer holds the rows of learner_months in
-- which the sessions lie, so of two who log at the same time the second sees what the first logged.
CREATE FUNCTION "overlaps_add"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  learners uuid[];
  sessions uuid[];
BEGIN
  SELECT array_agg(touched.learner_id), array_agg(touched.id) INTO learners, sessions
  FROM (
    SELECT DISTINCT s.learner_id, either.id
    FROM added s CROSS JOIN LATERAL sessions_at(s.learner_id, s.started_at, s.minutes, s.id) AS other (id) CROSS JOIN LATERAL (VALUES (s.id), (other.id)) AS either (id)
    WHERE s.deleted_at IS NULL
  ) touched;
  IF sessions IS NOT NULL THEN
    UPDATE study_sessions s SET overlapping = true
    FROM unnest(learners, sessions) AS touched (learner_id, id)
    WHERE s.learner_id = touched.learner_id AND s.id = touched.id AND NOT s.overlapping;
  END IF;
  RETURN NULL;
END $$;

-- An erasure takes the times away, and leaves what followed from them.
CREATE FUNCTION "overlaps_change"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  learners uuid[];
  sessions uuid[];
BEGIN
  IF TG_OP = 'UPDATE' THEN
    SELECT array_agg(learner_id), array_agg(id) INTO learners, sessions FROM (
      SELECT DISTINCT moved.learner_id, touched.id
      FROM (
        SELECT either.* FROM changed s FULL JOIN became b ON b.learner_id = s.learner_id AND b.id = s.id
        CROSS JOIN LATERAL (VALUES (s.learner_id, s.id, s.started_at, s.minutes), (b.learner_id, b.id, b.started_at, b.minutes)) AS either (learner_id, id, started_at, minutes)
        WHERE either.id IS NOT NULL AND current_setting('cairn.erasing', true) IS DISTINCT FROM either.learner_id::text
          AND (s.started_at, s.minutes, s.deleted_at IS NULL) IS DISTINCT FROM (b.started_at, b.minutes, b.deleted_at IS NULL)
      ) moved
      CROSS JOIN LATERAL (SELECT moved.id UNION ALL SELECT sessions_at(moved.learner_id, moved.started_at, moved.minutes, moved.id)) AS touched (id)
    ) touched;
  ELSE
    SELECT array_agg(learner_id), array_agg(id) INTO learners, sessions FROM (
      SELECT DISTINCT s.learner_id, other.id
      FROM changed s CROSS JOIN LATERAL sessions_at(s.learner_id, s.started_at, s.minutes, s.id) AS other (id) WHERE s.deleted_at IS NULL
    ) touched;
  END IF;
  IF sessions IS NOT NULL THEN
    PERFORM overlaps_find(learners, sessions);
  END IF;
  RETURN NULL;
END $$;

-- Looks anew at some sessions, and says of how many it was stored otherwise.
CREATE FUNCTION "overlaps_find"("learners" uuid[], "sessions" uuid[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  differing integer;
BEGIN
  UPDATE study_sessions s SET overlapping = NOT s.overlapping
  FROM unnest("learners", "sessions") AS touched (learner_id, id)
  WHERE s.learner_id = touched.learner_id AND s.id = touched.id
    AND s.overlapping <> (s.deleted_at IS NULL AND EXISTS (SELECT FROM sessions_at(s.learner_id, s.started_at, s.minutes, s.id)));
  GET DIAGNOSTICS differing = ROW_COUNT;
  RETURN differing;
END $$;

CREATE TRIGGER "overlaps_add" AFTER INSERT ON "study_sessions"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "overlaps_add"();
CREATE TRIGGER "overlaps_change" AFTER UPDATE ON "study_sessions"
  REFERENCING OLD TABLE AS changed NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION "overlaps_change"();
CREATE TRIGGER "overlaps_remove" AFTER DELETE ON "study_sessions"
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "overlaps_change"();

-- As before: that a session overlaps another is no change of what was logged in a closed month.
CREATE OR REPLACE FUNCTION "refuse_closed_months"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  months date[];
  closed date;
BEGIN
  IF current_setting('cairn.correcting', true) = 'on' THEN
    RETURN NULL;
  END IF;
  LOCK TABLE closed_months IN ROW SHARE MODE;
  -- Nearly always there is nothing to look for.
  IF NOT EXISTS (SELECT FROM closed_months) THEN
    RETURN NULL;
  END IF;
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(DISTINCT month_of(occurred_on)) INTO months FROM added WHERE deleted_at IS NULL;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT array_agg(DISTINCT month_of(occurred_on)) INTO months FROM changed WHERE deleted_at IS NULL;
  ELSE
    -- The note is the learner's own, and no report counts it. Whether it overlaps another follows from that one, too.
    SELECT array_agg(DISTINCT month_of(either.day)) INTO months
    FROM changed s FULL JOIN became b ON b.learner_id = s.learner_id AND b.id = s.id
    CROSS JOIN LATERAL (VALUES (s.occurred_on, s.deleted_at, s.learner_id), (b.occurred_on, b.deleted_at, b.learner_id)) AS either (day, deleted_at, learner_id)
    WHERE either.day IS NOT NULL AND either.deleted_at IS NULL
      AND current_setting('cairn.erasing', true) IS DISTINCT FROM either.learner_id::text
      AND to_jsonb(s) - '{note,note_shared,overlapping,version,updated_at}'::text[] IS DISTINCT FROM to_jsonb(b) - '{note,note_shared,overlapping,version,updated_at}'::text[];
  END IF;
  SELECT month INTO closed FROM closed_months WHERE month = ANY (months) ORDER BY month LIMIT 1;
  IF closed IS NOT NULL THEN
    RAISE EXCEPTION 'month % violates constraint "study_sessions_closed_month"', closed
      USING ERRCODE = 'check_violation', TABLE = 'study_sessions', CONSTRAINT = 'study_sessions_closed_month';
  END IF;
  RETURN NULL;
END $$;

-- What was logged before. Of people who were erased the times are gone.
UPDATE study_sessions s SET overlapping = true
FROM learners l
WHERE l.id = s.learner_id AND l.erased_at IS NULL AND s.deleted_at IS NULL AND EXISTS (SELECT FROM sessions_at(s.learner_id, s.started_at, s.minutes, s.id));
