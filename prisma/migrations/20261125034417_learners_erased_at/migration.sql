ALTER TABLE "learners" ADD COLUMN "erased_at" TIMESTAMPTZ(3);
