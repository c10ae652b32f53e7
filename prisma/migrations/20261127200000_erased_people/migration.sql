-- An erasure is final. Whatever would store something about an erased person is refused here, so
-- that no path into a table can forget it, and no write can slip past an erasure that is under way.

-- Refuses an erased person. The lock makes this write wait for an erasure that is under way, and
-- makes an erasure that comes later wait for this write, so that it finds what was written.
-- Only the erasure itself, which names the person in this setting, may still touch their rows.
CREATE FUNCTION "refuse_erased_person"("person" uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT erased_at FROM learners WHERE id = "person" FOR KEY SHARE) IS NOT NULL
     AND current_setting('cairn.erasing', true) IS DISTINCT FROM "person"::text THEN
    RAISE EXCEPTION 'learner % violates constraint "learners_erased"', "person" USING ERRCODE = 'check_violation';
  END IF;
END $$;

-- The first argument names the column of whose row it is, or is empty; the others name columns that refer to somebody.
CREATE FUNCTION "refuse_rows_of_erased_people"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  new_row jsonb := to_jsonb(NEW);
  old_row jsonb := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(OLD) END;
BEGIN
  IF TG_ARGV[0] <> '' THEN
    PERFORM refuse_erased_person((new_row ->> TG_ARGV[0])::uuid);
  END IF;
  FOR argument IN 1 .. TG_NARGS - 1 LOOP
    IF new_row ->> TG_ARGV[argument] IS DISTINCT FROM old_row ->> TG_ARGV[argument] THEN
      PERFORM refuse_erased_person((new_row ->> TG_ARGV[argument])::uuid);
    END IF;
  END LOOP;
  RETURN NEW;
END $$;

-- An erasure deletes the rows of these tables. A change of one that is there comes before the erasure
-- or finds no row, so only a new row or another person has to be looked at. Memberships stay.
CREATE TRIGGER "api_keys_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "api_keys"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');
CREATE TRIGGER "evidence_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "evidence"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');
CREATE TRIGGER "goals_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id", "reviewer_id" ON "goals"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id', 'reviewer_id');
CREATE TRIGGER "idempotency_keys_of_erased_people" BEFORE INSERT OR UPDATE OF "caller_id" ON "idempotency_keys"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('caller_id');
CREATE TRIGGER "memberships_of_erased_people" BEFORE INSERT OR UPDATE ON "memberships"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');
CREATE TRIGGER "resources_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "resources"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('', 'learner_id');
CREATE TRIGGER "reviews_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id", "reviewer_id", "answered_by_id" ON "reviews"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id', 'reviewer_id', 'answered_by_id');
CREATE TRIGGER "step_prerequisites_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "step_prerequisites"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');
CREATE TRIGGER "steps_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "steps"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');
CREATE TRIGGER "teams_of_erased_people" BEFORE INSERT OR UPDATE OF "lead_id" ON "teams"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('', 'lead_id');
CREATE TRIGGER "terms_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "terms"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');
CREATE TRIGGER "timers_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "timers"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');

-- Sessions come by the thousand, so they are looked at together: each person once. Their names
-- sort before those of the triggers that keep the sums, so that nothing is summed up in vain.
CREATE FUNCTION "refuse_sessions_of_erased_people"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  erased uuid;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT held.id INTO erased
    FROM (SELECT learner_id AS id FROM added UNION SELECT mentor_id FROM added WHERE mentor_id IS NOT NULL ORDER BY 1) person
    CROSS JOIN LATERAL (SELECT id, erased_at FROM learners WHERE id = person.id FOR KEY SHARE) held
    WHERE held.erased_at IS NOT NULL AND current_setting('cairn.erasing', true) IS DISTINCT FROM held.id::text;
  ELSE
    SELECT held.id INTO erased
    FROM (
      SELECT learner_id AS id FROM became
      UNION SELECT b.mentor_id FROM became b JOIN changed c USING (learner_id, id) WHERE b.mentor_id IS NOT NULL AND b.mentor_id IS DISTINCT FROM c.mentor_id
      ORDER BY 1
    ) person
    CROSS JOIN LATERAL (SELECT id, erased_at FROM learners WHERE id = person.id FOR KEY SHARE) held
    WHERE held.erased_at IS NOT NULL AND current_setting('cairn.erasing', true) IS DISTINCT FROM held.id::text;
  END IF;
  IF erased IS NOT NULL THEN
    RAISE EXCEPTION 'learner % violates constraint "learners_erased"', erased USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "erased_people_added" AFTER INSERT ON "study_sessions"
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION "refuse_sessions_of_erased_people"();
CREATE TRIGGER "erased_people_changed" AFTER UPDATE ON "study_sessions"
  REFERENCING OLD TABLE AS changed NEW TABLE AS became FOR EACH STATEMENT EXECUTE FUNCTION "refuse_sessions_of_erased_people"();

-- The row of an erased person stays for the minutes. Values may still be taken away from it; none may be put in, and it stays erased.
CREATE FUNCTION "learners_stay_erased"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('cairn.erasing', true) IS DISTINCT FROM OLD.id::text
     AND (NEW.erased_at IS NULL OR EXISTS (
       SELECT FROM jsonb_each(to_jsonb(NEW)) AS field (name, value)
       WHERE name NOT IN ('version', 'updated_at') AND value <> 'null' AND value IS DISTINCT FROM to_jsonb(OLD) -> name)) THEN
    RAISE EXCEPTION 'learner % violates constraint "learners_erased"', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "learners_stay_erased" BEFORE UPDATE ON "learners"
  FOR EACH ROW WHEN (OLD."erased_at" IS NOT NULL) EXECUTE FUNCTION "learners_stay_erased"();

-- Who was erased before may have been given things since, and may still be in a team.
DO $$
DECLARE
  erased record;
  last_day date;
BEGIN
  FOR erased IN SELECT id, (erased_at AT TIME ZONE 'UTC')::date AS day FROM learners WHERE erased_at IS NOT NULL LOOP
    PERFORM set_config('cairn.erasing', erased.id::text, true);
    DELETE FROM idempotency_keys WHERE caller_id = erased.id OR caller_id IN (SELECT id FROM api_keys WHERE learner_id = erased.id);
    DELETE FROM api_keys WHERE learner_id = erased.id;
    DELETE FROM timers WHERE learner_id = erased.id;
    UPDATE study_sessions SET goal_id = NULL, step_id = NULL, note = NULL, note_shared = false, time_zone = 'UTC', started_at = occurred_on, logged_at = occurred_on
    WHERE learner_id = erased.id AND (goal_id IS NOT NULL OR note IS NOT NULL OR time_zone <> 'UTC' OR started_at <> occurred_on);
    DELETE FROM reviews WHERE learner_id = erased.id;
    DELETE FROM evidence WHERE learner_id = erased.id;
    DELETE FROM terms WHERE learner_id = erased.id;
    DELETE FROM step_prerequisites WHERE learner_id = erased.id;
    DELETE FROM steps WHERE learner_id = erased.id;
    UPDATE goals SET follows_id = NULL WHERE learner_id = erased.id AND follows_id IS NOT NULL;
    DELETE FROM goals WHERE learner_id = erased.id;
    UPDATE goals SET reviewer_id = NULL, version = version + 1 WHERE reviewer_id = erased.id;
    UPDATE reviews SET reviewer_id = NULL, version = version + 1 WHERE reviewer_id = erased.id AND verdict IS NULL;
    UPDATE teams SET lead_id = NULL, version = version + 1 WHERE lead_id = erased.id;
    UPDATE resources
    SET title = 'Somebody who was erased', creator = NULL, url = NULL, description = NULL, skills = '{}', capacity_minutes_per_week = NULL,
        learner_id = NULL, archived_at = coalesce(archived_at, now()), version = version + 1
    WHERE learner_id = erased.id;
    UPDATE learners SET name = 'Somebody who was erased', email = NULL, external_id = NULL, time_zone = 'UTC', target = '{}', last_seen_on = NULL WHERE id = erased.id;
    SELECT greatest(erased.day, max(occurred_on)) INTO last_day FROM study_sessions WHERE learner_id = erased.id AND deleted_at IS NULL;
    DELETE FROM memberships WHERE learner_id = erased.id AND from_day > last_day;
    UPDATE memberships SET until_day = last_day + 1 WHERE learner_id = erased.id AND (until_day IS NULL OR until_day > last_day + 1);
  END LOOP;
  PERFORM set_config('cairn.erasing', '', true);
END $$;
