-- Words are found, told apart and put in order as people read them, the same on every server.

-- What was stored before text was kept composed (NFC). Triggers look after what changes; this changes nothing that is read.
ALTER TABLE "path_versions" DISABLE TRIGGER USER;
ALTER TABLE "path_steps" DISABLE TRIGGER USER;
ALTER TABLE "study_sessions" DISABLE TRIGGER USER;
ALTER TABLE "terms" DROP CONSTRAINT "terms_once";
UPDATE "learners" SET "name" = normalize("name") WHERE "name" IS NOT NFC NORMALIZED;
UPDATE "teams" SET "name" = normalize("name") WHERE "name" IS NOT NFC NORMALIZED;
UPDATE "resources" SET "title" = normalize("title"), "creator" = normalize("creator"), "description" = normalize("description")
WHERE concat_ws(' ', "title", "creator", "description") IS NOT NFC NORMALIZED;
UPDATE "path_versions" SET "title" = normalize("title"), "purpose" = normalize("purpose") WHERE concat_ws(' ', "title", "purpose") IS NOT NFC NORMALIZED;
UPDATE "path_steps" SET "title" = normalize("title"), "section" = normalize("section") WHERE concat_ws(' ', "title", "section") IS NOT NFC NORMALIZED;
UPDATE "goals" SET "title" = normalize("title"), "why" = normalize("why") WHERE concat_ws(' ', "title", "why") IS NOT NFC NORMALIZED;
UPDATE "steps" SET "title" = normalize("title") WHERE "title" IS NOT NFC NORMALIZED;
UPDATE "evidence" SET "title" = normalize("title"), "text" = normalize("text") WHERE concat_ws(' ', "title", "text") IS NOT NFC NORMALIZED;
UPDATE "reviews" SET "question" = normalize("question"), "comment" = normalize("comment") WHERE concat_ws(' ', "question", "comment") IS NOT NFC NORMALIZED;
UPDATE "terms" SET "term" = normalize("term"), "meaning" = normalize("meaning") WHERE concat_ws(' ', "term", "meaning") IS NOT NFC NORMALIZED;
UPDATE "study_sessions" SET "note" = normalize("note") WHERE "note" IS NOT NFC NORMALIZED;
UPDATE "resources" SET "skills" = ARRAY(SELECT DISTINCT normalize(skill) FROM unnest("skills") skill) WHERE array_to_string("skills", ' ') IS NOT NFC NORMALIZED;
UPDATE "path_versions" SET "skills" = ARRAY(SELECT DISTINCT normalize(skill) FROM unnest("skills") skill) WHERE array_to_string("skills", ' ') IS NOT NFC NORMALIZED;
UPDATE "goals" SET "skills" = ARRAY(SELECT DISTINCT normalize(skill) FROM unnest("skills") skill) WHERE array_to_string("skills", ' ') IS NOT NFC NORMALIZED;
UPDATE "study_sessions" SET "skills" = ARRAY(SELECT DISTINCT normalize(skill) FROM unnest("skills") skill) WHERE array_to_string("skills", ' ') IS NOT NFC NORMALIZED;
ALTER TABLE "path_versions" ENABLE TRIGGER USER;
ALTER TABLE "path_steps" ENABLE TRIGGER USER;
ALTER TABLE "study_sessions" ENABLE TRIGGER USER;

-- In whatever case, by a language's rules and not by the server's locale. At the end of a Greek word
-- a small sigma is another letter, but no other word.
CREATE FUNCTION "caseless"(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(lower($1 COLLATE "und-x-icu"), 'ς', 'σ');

-- Also without accents, as people type what they look for. The last letters have no accent that could be taken off.
CREATE FUNCTION "searchable"(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(regexp_replace(normalize(caseless($1), NFKD), '[\u0300-\u036f]', '', 'g'), 'øłđħŧı', 'oldhti');

-- Of terms that are one from now on, the later ones get a number.
WITH again AS (
  SELECT "learner_id", "id", row_number() OVER (PARTITION BY "learner_id", "goal_id", caseless("term"), "shared" ORDER BY "created_at", "id") AS n FROM "terms"
)
UPDATE "terms" t SET "term" = t."term" || ' (' || again.n || ')' FROM again WHERE again.n > 1 AND (t."learner_id", t."id") = (again."learner_id", again."id");
ALTER TABLE "terms" ADD CONSTRAINT "terms_once" EXCLUDE USING btree ("learner_id" WITH =, "goal_id" WITH =, caseless("term") WITH =, "shared" WITH =);

-- Lists by name, and the cursors that go on in them, follow the order of the column.
ALTER TABLE "learners" ALTER COLUMN "name" TYPE text COLLATE "und-x-icu";
ALTER TABLE "teams" ALTER COLUMN "name" TYPE text COLLATE "und-x-icu";
ALTER TABLE "resources" ALTER COLUMN "title" TYPE text COLLATE "und-x-icu";
ALTER TABLE "path_versions" ALTER COLUMN "title" TYPE text COLLATE "und-x-icu";
ALTER TABLE "terms" ALTER COLUMN "term" TYPE text COLLATE "und-x-icu";

-- What `q` looks through.
ALTER TABLE "learners" ADD COLUMN "searched" text GENERATED ALWAYS AS (searchable("name" || ' ' || coalesce("email", ''))) STORED;
ALTER TABLE "teams" ADD COLUMN "searched" text GENERATED ALWAYS AS (searchable("name")) STORED;
ALTER TABLE "resources" ADD COLUMN "searched" text GENERATED ALWAYS AS (searchable("title" || ' ' || coalesce("creator", '') || ' ' || coalesce("description", ''))) STORED;
ALTER TABLE "terms" ADD COLUMN "searched" text GENERATED ALWAYS AS (searchable("term" || ' ' || coalesce("meaning", ''))) STORED;
