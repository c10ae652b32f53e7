-- Equality of uuids inside an exclusion constraint. A trusted extension: the owner of the
-- database may create it.
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- CreateEnum
CREATE TYPE "mode" AS ENUM ('on-the-job', 'social', 'formal');

-- CreateEnum
CREATE TYPE "resource_type" AS ENUM ('book', 'article', 'course', 'video', 'podcast', 'workshop', 'conference', 'certification', 'mentor', 'coach', 'community', 'shadowing', 'project', 'assignment', 'rotation', 'secondment', 'other');

-- CreateEnum
CREATE TYPE "goal_status" AS ENUM ('draft', 'active', 'on-hold', 'completed', 'abandoned');

-- CreateEnum
CREATE TYPE "verification" AS ENUM ('self-reported', 'mentor-confirmed', 'system-recorded');

-- CreateEnum
CREATE TYPE "api_key_role" AS ENUM ('learner', 'service', 'admin');

-- CreateTable
CREATE TABLE "learners" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "email" TEXT,
    "external_id" TEXT,
    "time_zone" TEXT NOT NULL,
    "target" SMALLINT[] NOT NULL DEFAULT ARRAY[]::SMALLINT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "learners_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "teams" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "parent_id" UUID,
    "lead_id" UUID,
    "target" SMALLINT[] NOT NULL DEFAULT ARRAY[]::SMALLINT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "teams_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "team_closure" (
    "ancestor_id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "depth" INTEGER NOT NULL,

    CONSTRAINT "team_closure_pkey" PRIMARY KEY ("ancestor_id","team_id")
);

-- CreateTable
CREATE TABLE "memberships" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "team_id" UUID NOT NULL,
    "from_day" DATE NOT NULL,
    "until_day" DATE,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "memberships_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateTable
CREATE TABLE "resources" (
    "id" UUID NOT NULL,
    "type" "resource_type" NOT NULL,
    "title" TEXT NOT NULL,
    "creator" TEXT,
    "url" TEXT,
    "description" TEXT,
    "mode" "mode",
    "skills" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "estimated_minutes" INTEGER,
    "learner_id" UUID,
    "archived_at" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "resources_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "goals" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "title" TEXT NOT NULL,
    "why" TEXT,
    "skills" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "status" "goal_status" NOT NULL DEFAULT 'active',
    "starts_on" DATE,
    "due_on" DATE,
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "goals_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateTable
CREATE TABLE "study_sessions" (
    "learner_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "time_zone" TEXT NOT NULL,
    "occurred_on" DATE NOT NULL,
    "minutes" SMALLINT NOT NULL,
    "on_the_job_minutes" SMALLINT NOT NULL,
    "social_minutes" SMALLINT NOT NULL,
    "formal_minutes" SMALLINT NOT NULL,
    "impact" SMALLINT,
    "goal_id" UUID,
    "resource_id" UUID,
    "resource_type" "resource_type",
    "skills" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
    "verification" "verification" NOT NULL DEFAULT 'self-reported',
    "note" TEXT,
    "note_shared" BOOLEAN NOT NULL DEFAULT false,
    "body_digest" BYTEA NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "logged_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "deleted_at" TIMESTAMPTZ(3),

    CONSTRAINT "study_sessions_pkey" PRIMARY KEY ("learner_id","id")
);

-- CreateTable
CREATE TABLE "timers" (
    "learner_id" UUID NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "mode" "mode",
    "goal_id" UUID,
    "resource_id" UUID,

    CONSTRAINT "timers_pkey" PRIMARY KEY ("learner_id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "api_key_role" NOT NULL,
    "learner_id" UUID,
    "prefix" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "idempotency_keys" (
    "api_key_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "body_digest" BYTEA NOT NULL,
    "status" SMALLINT NOT NULL,
    "headers" JSONB NOT NULL,
    "body" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("api_key_id","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "learners_email_key" ON "learners"("email");

-- CreateIndex
CREATE UNIQUE INDEX "learners_external_id_key" ON "learners"("external_id");

-- CreateIndex
CREATE INDEX "learners_name_idx" ON "learners"("name", "id");

-- CreateIndex
CREATE INDEX "teams_parent_id_idx" ON "teams"("parent_id");

-- CreateIndex
CREATE INDEX "teams_lead_id_idx" ON "teams"("lead_id");

-- CreateIndex
CREATE INDEX "teams_name_idx" ON "teams"("name", "id");

-- CreateIndex
CREATE INDEX "team_closure_team_id_idx" ON "team_closure"("team_id", "depth");

-- CreateIndex
CREATE INDEX "memberships_team_id_idx" ON "memberships"("team_id", "from_day");

-- CreateIndex
CREATE INDEX "resources_title_idx" ON "resources"("title", "id");

-- CreateIndex
CREATE INDEX "resources_learner_id_idx" ON "resources"("learner_id");

-- CreateIndex
CREATE INDEX "resources_skills_idx" ON "resources" USING GIN ("skills");

-- CreateIndex
CREATE INDEX "study_sessions_occurred_on_idx" ON "study_sessions"("learner_id", "occurred_on");

-- CreateIndex
CREATE INDEX "study_sessions_started_at_idx" ON "study_sessions"("learner_id", "started_at", "id");

-- CreateIndex
CREATE INDEX "study_sessions_updated_at_idx" ON "study_sessions"("learner_id", "updated_at", "id");

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_secret_hash_key" ON "api_keys"("secret_hash");

-- CreateIndex
CREATE INDEX "api_keys_learner_id_idx" ON "api_keys"("learner_id");

-- CreateIndex
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("api_key_id", "created_at");

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "teams" ADD CONSTRAINT "teams_lead_id_fkey" FOREIGN KEY ("lead_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "team_closure" ADD CONSTRAINT "team_closure_ancestor_id_fkey" FOREIGN KEY ("ancestor_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "team_closure" ADD CONSTRAINT "team_closure_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "resources" ADD CONSTRAINT "resources_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "goals" ADD CONSTRAINT "goals_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_goal_fkey" FOREIGN KEY ("learner_id", "goal_id") REFERENCES "goals"("learner_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "timers" ADD CONSTRAINT "timers_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "timers" ADD CONSTRAINT "timers_goal_fkey" FOREIGN KEY ("learner_id", "goal_id") REFERENCES "goals"("learner_id", "id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "timers" ADD CONSTRAINT "timers_resource_id_fkey" FOREIGN KEY ("resource_id") REFERENCES "resources"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_learner_id_fkey" FOREIGN KEY ("learner_id") REFERENCES "learners"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_api_key_id_fkey" FOREIGN KEY ("api_key_id") REFERENCES "api_keys"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- A target names all three modes and adds up to the whole.
ALTER TABLE "learners" ADD CONSTRAINT "learners_target_check" CHECK (
  "target" = '{}' OR (array_dims("target") = '[1:3]' AND 0 <= ALL ("target") AND "target"[1] + "target"[2] + "target"[3] = 100) IS TRUE);
ALTER TABLE "teams" ADD CONSTRAINT "teams_target_check" CHECK (
  "target" = '{}' OR (array_dims("target") = '[1:3]' AND 0 <= ALL ("target") AND "target"[1] + "target"[2] + "target"[3] = 100) IS TRUE);

-- A learner is in at most one team on any day.
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_period_check" CHECK ("until_day" > "from_day");
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_no_overlap" EXCLUDE USING gist (
  "learner_id" WITH =, daterange("from_day", "until_day") WITH &&);

ALTER TABLE "resources" ADD CONSTRAINT "resources_estimated_minutes_check" CHECK ("estimated_minutes" > 0);

ALTER TABLE "goals" ADD CONSTRAINT "goals_period_check" CHECK ("due_on" >= "starts_on");

-- The split never claims more than the session lasted; what it leaves is unclassified.
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_minutes_check" CHECK ("minutes" BETWEEN 1 AND 1440);
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_split_check" CHECK (
  "on_the_job_minutes" >= 0 AND "social_minutes" >= 0 AND "formal_minutes" >= 0
  AND "on_the_job_minutes" + "social_minutes" + "formal_minutes" <= "minutes");
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_impact_check" CHECK ("impact" BETWEEN 1 AND 5);
-- A tombstone keeps no words of the learner's.
ALTER TABLE "study_sessions" ADD CONSTRAINT "study_sessions_tombstone_check" CHECK ("deleted_at" IS NULL OR "note" IS NULL);

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_owner_check" CHECK (("role" = 'learner') = ("learner_id" IS NOT NULL));

-- The tree of teams and its closure change together, one change at a time: two moves, each
-- sound alone, could close a circle together. The check runs after the row's change, so
-- that it also sees what an earlier row of the same statement did.
CREATE FUNCTION "teams_keep_closure"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('cairn.team_tree'));

  IF TG_OP = 'INSERT' THEN
    INSERT INTO team_closure (ancestor_id, team_id, depth) VALUES (NEW.id, NEW.id, 0);
  END IF;

  IF NEW.parent_id IN (SELECT team_id FROM team_closure WHERE ancestor_id = NEW.id) THEN
    RAISE EXCEPTION 'team % violates constraint "teams_no_cycle"', NEW.id USING ERRCODE = 'check_violation';
  END IF;

  IF TG_OP = 'UPDATE' THEN
    DELETE FROM team_closure
    WHERE team_id IN (SELECT team_id FROM team_closure WHERE ancestor_id = NEW.id)
      AND ancestor_id NOT IN (SELECT team_id FROM team_closure WHERE ancestor_id = NEW.id);
  END IF;

  INSERT INTO team_closure (ancestor_id, team_id, depth)
  SELECT above.ancestor_id, below.team_id, above.depth + below.depth + 1
  FROM team_closure above CROSS JOIN team_closure below
  WHERE above.team_id = NEW.parent_id AND below.ancestor_id = NEW.id;
  RETURN NULL;
END $$;

CREATE TRIGGER "teams_keep_closure_on_insert" AFTER INSERT ON "teams"
  FOR EACH ROW EXECUTE FUNCTION "teams_keep_closure"();
CREATE TRIGGER "teams_keep_closure_on_move" AFTER UPDATE OF "parent_id" ON "teams"
  FOR EACH ROW WHEN (OLD."parent_id" IS DISTINCT FROM NEW."parent_id") EXECUTE FUNCTION "teams_keep_closure"();
