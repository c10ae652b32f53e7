-- A caller is an API key or, with a token, a learner: no one table to refer to.
ALTER TABLE "idempotency_keys" DROP CONSTRAINT "idempotency_keys_api_key_id_fkey";
ALTER TABLE "idempotency_keys" RENAME COLUMN "api_key_id" TO "caller_id";
