-- Who signed in by token until now is known by `external_id`; everybody else is bound when they first sign in.
-- Apart from the migration before, because that one holds the table for itself.
UPDATE "learners" SET "subject" = "external_id"
WHERE "last_seen_on" IS NOT NULL AND "external_id" IS NOT NULL AND "subject" IS NULL AND "erased_at" IS NULL;

CREATE UNIQUE INDEX "learners_subject_key" ON "learners"("subject");
