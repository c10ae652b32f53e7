-- Months that the organisation has closed. What was logged in them changes only where the writer's
-- transaction says that it corrects (cairn.correcting), or erases the person.
CREATE TABLE "closed_months" (
    "month" DATE NOT NULL,
    "closed_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "closed_months_pkey" PRIMARY KEY ("month")
);
ALTER TABLE "closed_months" ADD CONSTRAINT "closed_months_month_check" CHECK ("month" = month_of("month"));

-- Why somebody changed what lies in a closed month, by the request that did.
CREATE TABLE "change_reasons" (
    "request_id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "given_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "change_reasons_pkey" PRIMARY KEY ("request_id")
);

-- Whoever writes sessions holds the table until the end of the transaction, together with all others who do;
-- whoever closes a month holds it alone. So each write comes before the closing, which waits for it, or finds it.
CREATE FUNCTION "refuse_closed_months"() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- Their names sort before those of the triggers that keep the sums.
CREATE TRIGGER "closed_months_added" AFTER INSERT ON "study_sessions"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "refuse_closed_months"();
CREATE TRIGGER "closed_months_changed" AFTER UPDATE ON "study_sessions"
  REFERENCING OLD TABLE AS changed NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION "refuse_closed_months"();
CREATE TRIGGER "closed_months_removed" AFTER DELETE ON "study_sessions"
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION "refuse_closed_months"();
