CREATE TYPE "audit_action" AS ENUM ('read', 'change');

CREATE TABLE "audit_events" (
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "id" UUID NOT NULL,
    "request_id" UUID NOT NULL,
    "action" "audit_action" NOT NULL,
    "role" "api_key_role",
    "key_id" UUID,
    "person_id" UUID,
    "operation" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "fields" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "learner_ids" UUID[] NOT NULL DEFAULT ARRAY[]::UUID[],
    "item_ids" UUID[] NOT NULL DEFAULT ARRAY[]::UUID[],

    CONSTRAINT "audit_events_pkey" PRIMARY KEY ("at","id")
);

CREATE INDEX "audit_events_request_id_idx" ON "audit_events"("request_id");

CREATE INDEX "audit_events_person_id_idx" ON "audit_events"("person_id", "at");

CREATE INDEX "audit_events_key_id_idx" ON "audit_events"("key_id", "at");

CREATE INDEX "audit_events_learner_ids_idx" ON "audit_events" USING GIN ("learner_ids");

-- Somebody called, as a person or with a key, or nobody did.
ALTER TABLE "audit_events" ADD CONSTRAINT "audit_events_caller_check" CHECK (("role" IS NULL) = (num_nonnulls("key_id", "person_id") = 0));

-- What happened stays as it was written. After a year, retention may take it away.
CREATE FUNCTION "audit_events_append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    IF OLD.at < now() - interval '365 days' THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION '% violates constraint "audit_events_append_only"', TG_OP USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER "audit_events_append_only" BEFORE UPDATE OR DELETE ON "audit_events"
  FOR EACH ROW EXECUTE FUNCTION "audit_events_append_only"();
CREATE TRIGGER "audit_events_stay" BEFORE TRUNCATE ON "audit_events"
  FOR EACH STATEMENT EXECUTE FUNCTION "audit_events_append_only"();
