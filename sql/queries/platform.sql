-- Idempotency keys, outbox, audit trail.

-- name: insert_idempotency_key :maybe
-- Claims a key; waits for a concurrent claim to end. No row: the key is taken by a committed request.
INSERT INTO platform.idempotency_keys (scope, key, request_hash, recorded_at)
VALUES ($1::text, $2::text, $3::bytea, $4::timestamptz)
ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO NOTHING
RETURNING key;

-- name: get_idempotency_key :one
-- The recorded request and outcome of a key. Committed rows always have an outcome.
SELECT request_hash, outcome FROM platform.idempotency_keys WHERE scope = $1::text AND key = $2::text;

-- name: delete_idempotency_keys_before :exec
-- Housekeeping: keys are kept at least 7 days.
DELETE FROM platform.idempotency_keys WHERE recorded_at < $1::timestamptz;

-- name: insert_events_and_outcome :exec
-- The last write of a use case: its keyed outcome and its events, in the order they were emitted.
WITH outcome AS (
    UPDATE platform.idempotency_keys SET outcome = $3::jsonb WHERE scope = $1::text AND key = $2::text
)
INSERT INTO platform.outbox (event_id, ordering_key, name, payload, occurred_at, due_at, correlation_id)
SELECT event.id, event.ordering_key, event.name, event.payload::jsonb, $8::timestamptz, $8::timestamptz, $9::text
FROM unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[])
    WITH ORDINALITY AS event (id, ordering_key, name, payload, position)
ORDER BY event.position;

-- name: insert_audit_entries :exec
-- What staff did in this transaction.
INSERT INTO platform.audit_entries (
    audit_id, at, actor_role, actor, origin, correlation_id,
    action, subject_kind, subject_id, member_id, programme_id, before, after
)
SELECT entry.id, $2::timestamptz, $3::text, $4::text, $5::text, $6::text,
    entry.action, entry.subject_kind, entry.subject_id, entry.member_id, entry.programme_id,
    entry.before::jsonb, entry.after::jsonb
FROM unnest($1::uuid[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::uuid[], $12::text[], $13::text[])
    AS entry (id, action, subject_kind, subject_id, member_id, programme_id, before, after);
