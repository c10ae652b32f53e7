ALTER TABLE "api_keys" ADD COLUMN     "expires_at" TIMESTAMPTZ(3),
ADD COLUMN     "last_used_on" DATE,
ADD COLUMN     "scopes" TEXT[] NOT NULL DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "team_id" UUID;

CREATE INDEX "api_keys_team_id_idx" ON "api_keys"("team_id");

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_team_id_fkey" FOREIGN KEY ("team_id") REFERENCES "teams"("id") ON DELETE RESTRICT ON UPDATE NO ACTION;

-- What services' keys could do until now.
UPDATE "api_keys" SET "scopes" = ARRAY['sessions:write', 'learning:read', 'learning:write', 'reports:read', 'directory:write'] WHERE "role" = 'service';

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_scopes_check" CHECK (
  "scopes" <@ ARRAY['sessions:write', 'learning:read', 'learning:write', 'reports:read', 'directory:write'] AND ("role" = 'service') = ("scopes" <> '{}'));
-- The directory is the whole organisation's, so who keeps it is not confined to a part of it.
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_team_check" CHECK ("team_id" IS NULL OR ("role" = 'service' AND NOT 'directory:write' = ANY ("scopes")));
