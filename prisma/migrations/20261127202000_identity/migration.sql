-- Who signs in as whom. The identity provider's subject gets a column of its own: `external_id` is
-- the directory's, and whoever keeps the directory may change it.
ALTER TABLE "learners" ADD COLUMN "credentials_from" TIMESTAMPTZ(3),
ADD COLUMN "erased_subject_hash" BYTEA,
ADD COLUMN "sign_in_open" BOOLEAN NOT NULL DEFAULT true,
ADD COLUMN "subject" TEXT;

CREATE UNIQUE INDEX "learners_erased_subject_hash_key" ON "learners"("erased_subject_hash");

-- The version before signs people in by `external_id`, and notes the day. While it still runs, that
-- note says who is known by it; and its erasure does not know of the column. A later release takes this away.
CREATE FUNCTION "learners_keep_subject"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.subject IS NULL AND NEW.external_id IS NOT NULL AND NEW.last_seen_on IS DISTINCT FROM OLD.last_seen_on AND NEW.last_seen_on IS NOT NULL
     AND NEW.erased_at IS NULL AND NOT EXISTS (SELECT FROM learners WHERE subject = NEW.external_id) THEN
    NEW.subject := NEW.external_id;
  END IF;
  IF NEW.erased_at IS NOT NULL THEN
    NEW.subject := NULL;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER "learners_keep_subject" BEFORE UPDATE OF "last_seen_on" ON "learners"
  FOR EACH ROW EXECUTE FUNCTION "learners_keep_subject"();

-- A key belongs to a family: those that were rotated into one another, and those that they made.
ALTER TABLE "api_keys" ADD COLUMN "acts_for" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "configured" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "minted_by_id" UUID,
ADD COLUMN "root_id" UUID,
ADD COLUMN "rotated_at" TIMESTAMPTZ(3);

CREATE INDEX "api_keys_minted_by_id_idx" ON "api_keys"("minted_by_id");

CREATE INDEX "api_keys_root_id_idx" ON "api_keys"("root_id");

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_minted_by_id_fkey" FOREIGN KEY ("minted_by_id") REFERENCES "api_keys"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_root_id_fkey" FOREIGN KEY ("root_id") REFERENCES "api_keys"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_acts_for_check" CHECK (NOT "acts_for" OR "role" = 'learner');
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_configured_check" CHECK (NOT "configured" OR "role" = 'admin');

UPDATE "api_keys" SET "configured" = true WHERE "role" = 'admin' AND "name" = 'ADMIN_API_KEY';

CREATE TABLE "invitations" (
    "id" UUID NOT NULL,
    "learner_id" UUID NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "renews" BOOLEAN NOT NULL,
    "made_by_id" UUID,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "redeemed_at" TIMESTAMPTZ(3),
    "api_key_id" UUID,
    "second_attempt_at" TIMESTAMPTZ(3),

    CONSTRAINT "invitations_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "invitations_secret_hash_key" ON "invitations"("secret_hash");

CREATE INDEX "invitations_learner_id_idx" ON "invitations"("learner_id");

CREATE INDEX "invitations_made_by_id_idx" ON "invitations"("made_by_id");

CREATE INDEX "invitations_api_key_id_idx" ON "invitations"("api_key_id");

CREATE INDEX "invitations_second_attempt_at_idx" ON "invitations"("second_attempt_at");

-- One waits at a time for each person.
CREATE UNIQUE INDEX "invitations_one_open" ON "invitations"("learner_id") WHERE "redeemed_at" IS NULL;

ALTER TABLE "invitations" ADD CONSTRAINT "invitations_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

ALTER TABLE "invitations" ADD CONSTRAINT "invitations_made_by_id_fkey" FOREIGN KEY ("made_by_id") REFERENCES "api_keys"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "invitations" ADD CONSTRAINT "invitations_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_keys"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "invitations" ADD CONSTRAINT "invitations_redeemed_check" CHECK (("redeemed_at" IS NULL) = ("api_key_id" IS NULL) AND ("second_attempt_at" IS NULL OR "redeemed_at" IS NOT NULL));

-- Nobody invites an erased person.
CREATE TRIGGER "invitations_of_erased_people" BEFORE INSERT OR UPDATE OF "learner_id" ON "invitations"
  FOR EACH ROW EXECUTE FUNCTION "refuse_rows_of_erased_people"('learner_id');

-- Made by the service when it is first needed, so that a new database is empty.
CREATE TABLE "hash_keys" (
    "purpose" TEXT NOT NULL,
    "key" BYTEA NOT NULL,

    CONSTRAINT "hash_keys_pkey" PRIMARY KEY ("purpose")
);
