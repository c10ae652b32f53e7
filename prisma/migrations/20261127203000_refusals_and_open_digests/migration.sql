-- No statement here may use the new value: it can be used once this is committed.
ALTER TYPE "audit_action" ADD VALUE 'refused';

ALTER TABLE "audit_events" ADD COLUMN "unnamed" INTEGER NOT NULL DEFAULT 0, ADD COLUMN "times" INTEGER NOT NULL DEFAULT 1;

-- When something happened is the database's to say, whatever an insert says. The clock runs on within
-- a transaction, so that its events stand in their order, and one that waited does not seem to come early.
CREATE FUNCTION "audit_events_tell_time"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER "audit_events_tell_time" BEFORE INSERT ON "audit_events"
  FOR EACH ROW EXECUTE FUNCTION "audit_events_tell_time"();

ALTER TABLE "study_sessions" ADD COLUMN "open_digest" BYTEA;
