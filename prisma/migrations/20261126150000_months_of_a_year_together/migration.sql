-- A person's months of a year are begun together, with nothing in them, and so lie side by side: a
-- report reads one page of them where it read twelve. What was there before stays where it is.
CREATE OR REPLACE FUNCTION "learner_months_add"() RETURNS trigger LANGUAGE plpgsql AS $$
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
  RETURN NULL;
END $$;
