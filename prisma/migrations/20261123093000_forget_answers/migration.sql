-- Expired answers go whoever creates something next, and a deleted session's words go from the answers at once.
DROP INDEX "idempotency_keys_created_at_idx";
CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");
CREATE INDEX "idempotency_keys_body_id_idx" ON "idempotency_keys"(("body" ->> 'id'));
