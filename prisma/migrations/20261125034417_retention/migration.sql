ALTER TABLE "learners" ADD COLUMN "erased_at" TIMESTAMPTZ(3),
ADD COLUMN "last_seen_on" DATE;
