-- CreateTable
CREATE TABLE "learner_months" (
    "learner_id" UUID NOT NULL,
    "month" DATE NOT NULL,
    "minutes" INTEGER NOT NULL DEFAULT 0,
    "on_the_job_minutes" INTEGER NOT NULL DEFAULT 0,
    "social_minutes" INTEGER NOT NULL DEFAULT 0,
    "formal_minutes" INTEGER NOT NULL DEFAULT 0,
    "self_reported_minutes" INTEGER NOT NULL DEFAULT 0,
    "sessions" INTEGER NOT NULL DEFAULT 0,
    "on_the_job_sessions" INTEGER NOT NULL DEFAULT 0,
    "social_sessions" INTEGER NOT NULL DEFAULT 0,
    "formal_sessions" INTEGER NOT NULL DEFAULT 0,
    "unclassified_sessions" INTEGER NOT NULL DEFAULT 0,
    "rated" INTEGER NOT NULL DEFAULT 0,
    "on_the_job_rated" INTEGER NOT NULL DEFAULT 0,
    "social_rated" INTEGER NOT NULL DEFAULT 0,
    "formal_rated" INTEGER NOT NULL DEFAULT 0,
    "ratings" INTEGER NOT NULL DEFAULT 0,
    "on_the_job_ratings" INTEGER NOT NULL DEFAULT 0,
    "social_ratings" INTEGER NOT NULL DEFAULT 0,
    "formal_ratings" INTEGER NOT NULL DEFAULT 0,
    "first_on" DATE,
    "last_on" DATE,
    "latest_at" TIMESTAMPTZ(3),

    CONSTRAINT "learner_months_pkey" PRIMARY KEY ("learner_id","month")
);

ALTER TABLE "learner_months" ADD CONSTRAINT "learner_months_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- A row is changed with every session of its month. No index holds what changes, so with room on its page it moves nowhere.
ALTER TABLE "learner_months" SET (fillfactor = 70);

-- In day arithmetic: date_trunc would go through the server's time zone.
CREATE FUNCTION "month_of"("day" date) RETURNS date LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
  $$ SELECT "day" - (extract(day FROM "day")::int - 1) $$;

-- What the sessions say: the row that learner_months should hold. None where nothing counts.
CREATE FUNCTION "learner_month_of"("learner" uuid, "of_month" date) RETURNS SETOF "learner_months" LANGUAGE sql STABLE AS $$
  SELECT "learner", "of_month",
         sum(s.minutes), sum(s.on_the_job_minutes), sum(s.social_minutes), sum(s.formal_minutes),
         coalesce(sum(s.minutes) FILTER (WHERE s.verification = 'self-reported'), 0),
         count(*), count(*) FILTER (WHERE s.on_the_job_minutes > 0), count(*) FILTER (WHERE s.social_minutes > 0), count(*) FILTER (WHERE s.formal_minutes > 0),
         count(*) FILTER (WHERE s.on_the_job_minutes + s.social_minutes + s.formal_minutes < s.minutes),
         count(s.impact), count(s.impact) FILTER (WHERE s.on_the_job_minutes > 0), count(s.impact) FILTER (WHERE s.social_minutes > 0),
         count(s.impact) FILTER (WHERE s.formal_minutes > 0),
         coalesce(sum(s.impact), 0), coalesce(sum(s.impact) FILTER (WHERE s.on_the_job_minutes > 0), 0), coalesce(sum(s.impact) FILTER (WHERE s.social_minutes > 0), 0),
         coalesce(sum(s.impact) FILTER (WHERE s.formal_minutes > 0), 0),
         min(s.occurred_on), max(s.occurred_on), max(s.started_at)
  FROM study_sessions s
  WHERE s.learner_id = "learner" AND s.occurred_on >= "of_month" AND s.occurred_on < ("of_month" + interval '1 month')::date AND s.deleted_at IS NULL
  HAVING count(*) > 0
$$;

-- Sums months up anew, those that differ, and says how many did. The rows are held before the
-- sessions are read: whoever adds to them meanwhile waits, and finds the whole sum.
CREATE FUNCTION "learner_months_sum_up"("learners" uuid[], "months" date[]) RETURNS integer LANGUAGE plpgsql AS $$
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
       formal_ratings, first_on, last_on, latest_at) =
      (coalesce(fresh.minutes, 0), coalesce(fresh.on_the_job_minutes, 0), coalesce(fresh.social_minutes, 0), coalesce(fresh.formal_minutes, 0),
       coalesce(fresh.self_reported_minutes, 0), coalesce(fresh.sessions, 0), coalesce(fresh.on_the_job_sessions, 0),
       coalesce(fresh.social_sessions, 0), coalesce(fresh.formal_sessions, 0), coalesce(fresh.unclassified_sessions, 0), coalesce(fresh.rated, 0),
       coalesce(fresh.on_the_job_rated, 0), coalesce(fresh.social_rated, 0), coalesce(fresh.formal_rated, 0), coalesce(fresh.ratings, 0),
       coalesce(fresh.on_the_job_ratings, 0), coalesce(fresh.social_ratings, 0), coalesce(fresh.formal_ratings, 0), fresh.first_on, fresh.last_on,
       fresh.latest_at)
  FROM unnest("learners", "months") AS touched (learner_id, month) LEFT JOIN LATERAL learner_month_of(touched.learner_id, touched.month) fresh ON true
  WHERE stored.learner_id = touched.learner_id AND stored.month = touched.month
    AND (stored.sessions > 0 OR fresh.sessions > 0) AND stored IS DISTINCT FROM fresh;
  GET DIAGNOSTICS differing = ROW_COUNT;
  RETURN differing;
END $$;

CREATE FUNCTION "learner_months_add"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
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
  RETURN NULL;
END $$;

-- Of a change or a deletion the months are summed up anew: the first and the last of what is left are not to be had by subtraction.
CREATE FUNCTION "learner_months_change"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  learners uuid[];
  months date[];
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
  RETURN NULL;
END $$;

CREATE TRIGGER "learner_months_add" AFTER INSERT ON "study_sessions"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "learner_months_add"();
CREATE TRIGGER "learner_months_change" AFTER UPDATE ON "study_sessions"
  REFERENCING OLD TABLE AS changed NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION "learner_months_change"();
CREATE TRIGGER "learner_months_remove" AFTER DELETE ON "study_sessions"
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "learner_months_change"();

CREATE FUNCTION "learner_months_clear"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM learner_months;
  RETURN NULL;
END $$;
CREATE TRIGGER "learner_months_clear" AFTER TRUNCATE ON "study_sessions" FOR EACH STATEMENT EXECUTE FUNCTION "learner_months_clear"();

-- What was logged before. No session can come in between: the triggers' lock stands until this is done.
INSERT INTO learner_months
SELECT fresh.* FROM (SELECT DISTINCT learner_id, month_of(occurred_on) AS month FROM study_sessions WHERE deleted_at IS NULL) logged
CROSS JOIN LATERAL learner_month_of(logged.learner_id, logged.month) fresh;
