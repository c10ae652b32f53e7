-- A timer keeps the zone and the day in which it was started, and stays after its end, so that stopping it
-- again can tell into which session it was stopped.
ALTER TABLE "timers"
  ADD COLUMN     "time_zone" TEXT,
  ADD COLUMN     "started_on" DATE,
  ADD COLUMN     "version" INTEGER NOT NULL DEFAULT 1,
  ADD COLUMN     "ended_at" TIMESTAMPTZ(3),
  ADD COLUMN     "session_id" UUID;

UPDATE "timers" SET "time_zone" = l."time_zone", "started_on" = ("started_at" AT TIME ZONE l."time_zone")::date
FROM "learners" l WHERE l."id" = "timers"."learner_id";

ALTER TABLE "timers"
  ALTER COLUMN "time_zone" SET NOT NULL,
  ALTER COLUMN "started_on" SET NOT NULL;

ALTER TABLE "timers" ADD CONSTRAINT "timers_session_fkey" FOREIGN KEY ("learner_id", "session_id") REFERENCES "study_sessions"("learner_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- One that has ended holds on to nothing that could otherwise go.
ALTER TABLE "timers" ADD CONSTRAINT "timers_ended_check" CHECK (
  CASE WHEN "ended_at" IS NULL THEN "session_id" IS NULL ELSE num_nonnulls("mode", "goal_id", "step_id", "resource_id") = 0 END);
