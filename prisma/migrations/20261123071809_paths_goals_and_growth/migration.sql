-- CreateEnum
CREATE TYPE "verdict" AS ENUM ('endorsed', 'needs-work');

-- AlterTable
ALTER TABLE "goals" ADD COLUMN     "completed_on" DATE,
ADD COLUMN     "follows_id" UUID,
ADD COLUMN     "path_id" UUID,
ADD COLUMN     "path_version" INTEGER,
ADD COLUMN     "reviewer_id" UUID,
ADD COLUMN     "target" SMALLINT[] NOT NULL DEFAULT ARRAY[]::SMALLINT[];

-- AlterTable
ALTER TABLE "resources" ADD COLUMN     "capacity_minutes_per_week" INTEGER;

-- AlterTable
ALTER TABLE "study_sessions" ADD COLUMN     "step_id" UUID,
ADD COLUMN     "mentor_id" UUID;

-- AlterTable
ALTER TABLE "timers" ADD COLUMN     "step_id" UUID;

-- CreateTable
CREATE TABLE "paths" (
    "id" UUID NOT NULL,
    "archived_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "paths_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "path_versions" (
    "path_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "title" TEXT NOT NULL,
    "purpose" TEXT,
    "skills" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "published_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "path_versions_pkey" PRIMARY KEY ("path_id","number")
);

-- CreateTable
CREATE TABLE "path_steps" (
    "path_id" UUID NOT NULL,
    "number" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "position" SMALLINT NOT NULL,
    "section" TEXT,
    "title" TEXT NOT NULL,
    "resource_id" UUID,
    "mode" "mode",
    "estimated_minutes" INTEGER,
    "required" BOOLEAN NOT NULL DEFAULT true,
    "weight" SMALLINT NOT NULL DEFAULT 1,
    "prerequisites" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "other_prerequisites" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],

    CONSTRAINT "path_steps_pkey" PRIMARY KEY ("path_id","number","key")
);

-- CreateTable
CREATE TABLE "steps" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "goal_id" UUID NOT NULL,
    "position" SMALLINT NOT NULL,
    "section" TEXT,
    "title" TEXT NOT NULL,
    "resource_id" UUID,
    "mode" "mode",
    "estimated_minutes" INTEGER,
    "required" BOOLEAN NOT NULL DEFAULT true,
    "weight" SMALLINT NOT NULL DEFAULT 1,
    "due_on" DATE,
    "other_prerequisites" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "started_on" DATE,
    "completed_on" DATE,
    "skipped_on" DATE,
    "override_reason" TEXT,
    "path_step_key" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "steps_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateTable
CREATE TABLE "step_prerequisites" (
    "learner_id" UUID NOT NULL,
    "goal_id" UUID NOT NULL,
    "step_id" UUID NOT NULL,
    "requires_id" UUID NOT NULL,

    CONSTRAINT "step_prerequisites_pkey" PRIMARY KEY ("learner_id","goal_id","step_id","requires_id")
);

-- CreateTable
CREATE TABLE "evidence" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "goal_id" UUID NOT NULL,
    "step_id" UUID,
    "title" TEXT NOT NULL,
    "url" TEXT,
    "text" TEXT,
    "shared" BOOLEAN NOT NULL DEFAULT false,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "evidence_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateTable
CREATE TABLE "reviews" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "goal_id" UUID NOT NULL,
    "step_id" UUID,
    "reviewer_id" UUID,
    "question" TEXT,
    "asked_at" TIMESTAMPTZ(3) NOT NULL,
    "verdict" "verdict",
    "comment" TEXT,
    "answered_by_id" UUID,
    "answered_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,

    CONSTRAINT "reviews_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateTable
CREATE TABLE "terms" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "goal_id" UUID NOT NULL,
    "term" TEXT NOT NULL,
    "meaning" TEXT,
    "resource_id" UUID,
    "learned_on" DATE,
    "shared" BOOLEAN NOT NULL DEFAULT false,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "terms_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateIndex
CREATE INDEX "path_steps_resource_id_idx" ON "path_steps"("resource_id");

-- CreateIndex
CREATE UNIQUE INDEX "steps_goal_key" ON "steps"("learner_id", "goal_id", "id");

-- CreateIndex
CREATE UNIQUE INDEX "steps_path_step_key" ON "steps"("learner_id", "goal_id", "path_step_key");

-- CreateIndex
CREATE INDEX "step_prerequisites_requires_idx" ON "step_prerequisites"("learner_id", "requires_id");

-- CreateIndex
CREATE INDEX "evidence_goal_idx" ON "evidence"("learner_id", "goal_id");

-- CreateIndex
CREATE INDEX "reviews_goal_idx" ON "reviews"("learner_id", "goal_id");

-- CreateIndex
CREATE INDEX "terms_term_idx" ON "terms"("learner_id", "term", "id");

-- AddForeignKey
ALTER TABLE "path_versions" ADD CONSTRAINT "path_versions_path_id_fkey" FOREIGN KEY ("path_id") REFERENCES "paths"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "path_steps" ADD CONSTRAINT "path_steps_version_fkey" FOREIGN KEY ("path_id", "number") REFERENCES "path_versions"("path_id", "number") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "path_steps" ADD CONSTRAINT "path_steps_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "goals" ADD CONSTRAINT "goals_reviewer_id_fkey" FOREIGN KEY ("reviewer_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "goals" ADD CONSTRAINT "goals_follows_fkey" FOREIGN KEY ("learner_id", "follows_id") REFERENCES "goals"("learner_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "goals" ADD CONSTRAINT "goals_path_fkey" FOREIGN KEY ("path_id", "path_version") REFERENCES "path_versions"("path_id", "number") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "steps" ADD CONSTRAINT "steps_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "steps" ADD CONSTRAINT "steps_goal_fkey" FOREIGN KEY ("learner_id", "goal_id") REFERENCES "goals"("learner_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "steps" ADD CONSTRAINT "steps_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "step_prerequisites" ADD CONSTRAINT "step_prerequisites_step_fkey" FOREIGN KEY ("learner_id", "goal_id", "step_id") REFERENCES "steps"("learner_id", "goal_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "step_prerequisites" ADD CONSTRAINT "step_prerequisites_requires_fkey" FOREIGN KEY ("learner_id", "goal_id", "requires_id") REFERENCES "steps"("learner_id", "goal_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "evidence" ADD CONSTRAINT "evidence_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "evidence" ADD CONSTRAINT "evidence_goal_fkey" FOREIGN KEY ("learner_id", "goal_id") REFERENCES "goals"("learner_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "evidence" ADD CONSTRAINT "evidence_step_fkey" FOREIGN KEY ("learner_id", "goal_id", "step_id") REFERENCES "steps"("learner_id", "goal_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_reviewer_id_fkey" FOREIGN KEY ("reviewer_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_answered_by_id_fkey" FOREIGN KEY ("answered_by_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_goal_fkey" FOREIGN KEY ("learner_id", "goal_id") REFERENCES "goals"("learner_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_step_fkey" FOREIGN KEY ("learner_id", "goal_id", "step_id") REFERENCES "steps"("learner_id", "goal_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "terms" ADD CONSTRAINT "terms_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "terms" ADD CONSTRAINT "terms_goal_fkey" FOREIGN KEY ("learner_id", "goal_id") REFERENCES "goals"("learner_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "terms" ADD CONSTRAINT "terms_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_mentor_id_fkey" FOREIGN KEY ("mentor_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_step_fkey" FOREIGN KEY ("learner_id", "goal_id", "step_id") REFERENCES "steps"("learner_id", "goal_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "timers" ADD CONSTRAINT "timers_step_fkey" FOREIGN KEY ("learner_id", "goal_id", "step_id") REFERENCES "steps"("learner_id", "goal_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- A goal that was completed before this was noted was completed, as far as is known, by its last change, and by its due day if that was earlier.
UPDATE "goals" SET "completed_on" = least("due_on", ("updated_at" AT TIME ZONE 'UTC')::date) WHERE "status" = 'completed';

ALTER TABLE "resources" ADD CONSTRAINT "resources_capacity_check" CHECK ("capacity_minutes_per_week" > 0);

ALTER TABLE "path_versions" ADD CONSTRAINT "path_versions_number_check" CHECK ("number" > 0);
ALTER TABLE "path_steps" ADD CONSTRAINT "path_steps_weight_check" CHECK ("weight" > 0);
ALTER TABLE "path_steps" ADD CONSTRAINT "path_steps_estimated_minutes_check" CHECK ("estimated_minutes" > 0);

ALTER TABLE "goals" ADD CONSTRAINT "goals_completed_on_check" CHECK (("status" = 'completed') = ("completed_on" IS NOT NULL));
ALTER TABLE "goals" ADD CONSTRAINT "goals_target_check" CHECK (
  "target" = '{}' OR (array_dims("target") = '[1:3]' AND 0 <= ALL ("target") AND "target"[1] + "target"[2] + "target"[3] = 100) IS TRUE);
ALTER TABLE "goals" ADD CONSTRAINT "goals_path_check" CHECK (("path_id" IS NULL) = ("path_version" IS NULL));

ALTER TABLE "steps" ADD CONSTRAINT "steps_weight_check" CHECK ("weight" > 0);
ALTER TABLE "steps" ADD CONSTRAINT "steps_estimated_minutes_check" CHECK ("estimated_minutes" > 0);
ALTER TABLE "steps" ADD CONSTRAINT "steps_state_check" CHECK ("completed_on" IS NULL OR "skipped_on" IS NULL);
ALTER TABLE "steps" ADD CONSTRAINT "steps_override_check" CHECK ("override_reason" IS NULL OR "completed_on" IS NOT NULL);
ALTER TABLE "step_prerequisites" ADD CONSTRAINT "step_prerequisites_self_check" CHECK ("step_id" <> "requires_id");

ALTER TABLE "evidence" ADD CONSTRAINT "evidence_content_check" CHECK ("url" IS NOT NULL OR "text" IS NOT NULL);

ALTER TABLE "reviews" ADD CONSTRAINT "reviews_answer_check" CHECK (
  ("verdict" IS NULL) = ("answered_at" IS NULL) AND ("verdict" IS NULL) = ("answered_by_id" IS NULL) AND ("comment" IS NULL OR "verdict" IS NOT NULL));
-- Nobody answers their own question.
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_answered_by_check" CHECK ("answered_by_id" <> "learner_id");
ALTER TABLE "reviews" ADD CONSTRAINT "reviews_one_waiting" EXCLUDE USING btree (
  "learner_id" WITH =, "goal_id" WITH =, coalesce("step_id", "goal_id") WITH =) WHERE ("answered_at" IS NULL);

ALTER TABLE "terms" ADD CONSTRAINT "terms_once" EXCLUDE USING btree ("learner_id" WITH =, "goal_id" WITH =, lower("term") WITH =);

UPDATE "study_sessions" SET "mentor_id" = "resources"."learner_id" FROM "resources"
WHERE "resources"."id" = "study_sessions"."resource_id" AND "resources"."learner_id" <> "study_sessions"."learner_id";
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_mentor_check" CHECK ("mentor_id" <> "learner_id");
-- The one index that does not begin with the learner, because a mentor asks across learners. It holds
-- only what was spent with a mentor and is not unique, so it does not stand in the way of distribution.
CREATE INDEX "study_sessions_mentored_idx" ON "study_sessions" ("mentor_id", "started_at", "id") WHERE "mentor_id" IS NOT NULL AND "deleted_at" IS NULL;

-- Without a goal the foreign key to the step would not be looked at.
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_step_check" CHECK ("step_id" IS NULL OR "goal_id" IS NOT NULL);
ALTER TABLE "timers" ADD CONSTRAINT "timers_step_check" CHECK ("step_id" IS NULL OR "goal_id" IS NOT NULL);

-- Goals hold on to what they adopted, so a published version never changes.
CREATE FUNCTION "path_versions_stay"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.published_at IS NOT NULL THEN
    RAISE EXCEPTION 'version % of path % violates constraint "path_versions_immutable"', OLD.number, OLD.path_id USING ERRCODE = 'check_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER "path_versions_stay" BEFORE UPDATE OR DELETE ON "path_versions"
  FOR EACH ROW EXECUTE FUNCTION "path_versions_stay"();

CREATE FUNCTION "path_steps_stay"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM path_versions WHERE published_at IS NOT NULL
      AND ((path_id, number) = (OLD.path_id, OLD.number) OR (path_id, number) = (NEW.path_id, NEW.number))
  ) THEN
    RAISE EXCEPTION 'a step of path % violates constraint "path_versions_immutable"', coalesce(NEW.path_id, OLD.path_id) USING ERRCODE = 'check_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER "path_steps_stay" BEFORE INSERT OR UPDATE OR DELETE ON "path_steps"
  FOR EACH ROW EXECUTE FUNCTION "path_steps_stay"();

-- A goal follows an earlier one. One change at a time for each learner: two, each sound alone,
-- could close a ring together.
CREATE FUNCTION "goals_keep_order"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('cairn.goals ' || NEW.learner_id, 0));
  IF EXISTS (
    WITH RECURSIVE earlier AS (
      SELECT NEW.follows_id AS id
      UNION SELECT g.follows_id FROM goals g JOIN earlier e ON g.learner_id = NEW.learner_id AND g.id = e.id WHERE g.follows_id IS NOT NULL
    )
    SELECT FROM earlier WHERE id = NEW.id
  ) THEN
    RAISE EXCEPTION 'goal % violates constraint "goals_no_circle"', NEW.id USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER "goals_keep_order" AFTER INSERT OR UPDATE OF "follows_id" ON "goals"
  FOR EACH ROW WHEN (NEW."follows_id" IS NOT NULL) EXECUTE FUNCTION "goals_keep_order"();
