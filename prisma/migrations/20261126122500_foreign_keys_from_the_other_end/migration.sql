-- Whatever deletes a resource, a person or a path asks each of these tables whether it refers to it.
-- Most rows refer to none, so the indexes hold only those that do.
CREATE INDEX IF NOT EXISTS "study_sessions_resource_id_idx" ON "study_sessions" ("resource_id") WHERE "resource_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "study_sessions_mentor_id_idx" ON "study_sessions" ("mentor_id") WHERE "mentor_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "timers_resource_id_idx" ON "timers" ("resource_id") WHERE "resource_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "steps_resource_id_idx" ON "steps" ("resource_id") WHERE "resource_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "terms_resource_id_idx" ON "terms" ("resource_id") WHERE "resource_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "goals_reviewer_id_idx" ON "goals" ("reviewer_id") WHERE "reviewer_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "goals_path_idx" ON "goals" ("path_id", "path_version") WHERE "path_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "reviews_reviewer_id_idx" ON "reviews" ("reviewer_id") WHERE "reviewer_id" IS NOT NULL;
CREATE INDEX IF NOT EXISTS "reviews_answered_by_id_idx" ON "reviews" ("answered_by_id") WHERE "answered_by_id" IS NOT NULL;
