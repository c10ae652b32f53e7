-- Of two records of one person one is merged into the other. Its row stays, so that its id, its address
-- and its externalId lead to the survivor; everything else of it becomes the survivor's.
ALTER TABLE "learners" ADD COLUMN "merged_at" TIMESTAMPTZ(3),
ADD COLUMN "merged_into_id" UUID;

CREATE INDEX "learners_merged_into_id_idx" ON "learners"("merged_into_id");

ALTER TABLE "learners" ADD CONSTRAINT "learners_merged_into_id_fkey" FOREIGN KEY ("merged_into_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- Nobody signs in as a merged record.
ALTER TABLE "learners" ADD CONSTRAINT "learners_merged_check" CHECK (
  ("merged_into_id" IS NULL) = ("merged_at" IS NULL) AND "merged_into_id" <> "id" AND ("merged_into_id" IS NULL OR "subject" IS NULL));

-- Refuses an erased person and a merged record. The lock makes this write wait for an erasure or a merger
-- that is under way, and makes one that comes later wait for this write, so that it finds what was written.
-- Only the erasure itself, which names the person in this setting, may still touch their rows.
CREATE OR REPLACE FUNCTION "refuse_erased_person"("person" uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  held record;
BEGIN
  SELECT erased_at, merged_into_id INTO held FROM learners WHERE id = "person" FOR KEY SHARE;
  IF (held.erased_at IS NOT NULL OR held.merged_into_id IS NOT NULL) AND current_setting('cairn.erasing', true) IS DISTINCT FROM "person"::text THEN
    RAISE EXCEPTION 'learner % violates constraint "%"', "person", CASE WHEN held.merged_into_id IS NULL THEN 'learners_erased' ELSE 'learners_merged' END
      USING ERRCODE = 'check_violation';
  END IF;
END $$;

CREATE OR REPLACE FUNCTION "refuse_sessions_of_erased_people"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  refused record;
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT held.* INTO refused
    FROM (SELECT learner_id AS id FROM added UNION SELECT mentor_id FROM added WHERE mentor_id IS NOT NULL ORDER BY 1) person
    CROSS JOIN LATERAL (SELECT id, erased_at, merged_into_id FROM learners WHERE id = person.id FOR KEY SHARE) held
    WHERE (held.erased_at IS NOT NULL OR held.merged_into_id IS NOT NULL) AND current_setting('cairn.erasing', true) IS DISTINCT FROM held.id::text;
  ELSE
    SELECT held.* INTO refused
    FROM (
      SELECT learner_id AS id FROM became
      UNION SELECT b.mentor_id FROM became b JOIN changed c USING (learner_id, id) WHERE b.mentor_id IS NOT NULL AND b.mentor_id IS DISTINCT FROM c.mentor_id
      ORDER BY 1
    ) person
    CROSS JOIN LATERAL (SELECT id, erased_at, merged_into_id FROM learners WHERE id = person.id FOR KEY SHARE) held
    WHERE (held.erased_at IS NOT NULL OR held.merged_into_id IS NOT NULL) AND current_setting('cairn.erasing', true) IS DISTINCT FROM held.id::text;
  END IF;
  IF refused.id IS NOT NULL THEN
    RAISE EXCEPTION 'learner % violates constraint "%"', refused.id, CASE WHEN refused.merged_into_id IS NULL THEN 'learners_erased' ELSE 'learners_merged' END
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;

-- A record is merged into one that stands for itself. Values may still be taken away from it; none may be
-- put in, and it stays merged: only when its survivor is merged itself does it go on to that one's survivor.
CREATE FUNCTION "learners_stay_merged"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.merged_into_id IS DISTINCT FROM OLD.merged_into_id THEN
    IF OLD.merged_into_id IS NOT NULL
       AND (NEW.merged_into_id IS NULL OR NEW.merged_into_id IS DISTINCT FROM (SELECT merged_into_id FROM learners WHERE id = OLD.merged_into_id)) THEN
      RAISE EXCEPTION 'learner % violates constraint "learners_merged"', OLD.id USING ERRCODE = 'check_violation';
    END IF;
    PERFORM refuse_erased_person(NEW.merged_into_id);
  END IF;
  IF OLD.merged_into_id IS NOT NULL AND current_setting('cairn.erasing', true) IS DISTINCT FROM OLD.id::text AND EXISTS (
    SELECT FROM jsonb_each(to_jsonb(NEW)) AS field (name, value)
    WHERE name NOT IN ('version', 'updated_at', 'merged_into_id') AND value <> 'null' AND value IS DISTINCT FROM to_jsonb(OLD) -> name) THEN
    RAISE EXCEPTION 'learner % violates constraint "learners_merged"', OLD.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "learners_stay_merged" BEFORE UPDATE ON "learners"
  FOR EACH ROW WHEN (OLD."merged_into_id" IS NOT NULL OR NEW."merged_into_id" IS NOT NULL) EXECUTE FUNCTION "learners_stay_merged"();

-- No chains: whoever asks for a merged record is told at once whose it is now.
CREATE FUNCTION "learners_follow_survivor"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE learners SET merged_into_id = NEW.merged_into_id WHERE merged_into_id = NEW.id;
  RETURN NULL;
END $$;
CREATE TRIGGER "learners_follow_survivor" AFTER UPDATE OF "merged_into_id" ON "learners"
  FOR EACH ROW WHEN (NEW."merged_into_id" IS NOT NULL AND OLD."merged_into_id" IS NULL) EXECUTE FUNCTION "learners_follow_survivor"();
