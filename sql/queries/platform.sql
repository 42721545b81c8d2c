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

-- name: delete_idempotency_keys_before :one
-- Housekeeping in batches: keys are kept at least 7 days. A row that another cleaner holds is left to it.
WITH old AS (
    SELECT scope, key FROM platform.idempotency_keys
    WHERE recorded_at < $1::timestamptz
    ORDER BY recorded_at LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM platform.idempotency_keys k USING old WHERE k.scope = old.scope AND k.key = old.key RETURNING 1
)
SELECT count(*)::integer AS deleted FROM deleted;

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

-- name: list_due_ordering_keys :many
-- The keys from $2 on whose head (their first unfinished event) is due, in the order of the keys. Hops from key to
-- key: the outer LIMIT stops the recursion, and events behind a head are never read.
WITH RECURSIVE head AS (
    (
        SELECT ordering_key, state, due_at FROM platform.outbox
        WHERE state IN ('PENDING', 'DEAD') AND ordering_key >= $2::uuid
        ORDER BY ordering_key, sequence LIMIT 1
    )
    UNION ALL
    SELECT following.ordering_key, following.state, following.due_at
    FROM head CROSS JOIN LATERAL (
        SELECT ordering_key, state, due_at FROM platform.outbox
        WHERE state IN ('PENDING', 'DEAD') AND ordering_key > head.ordering_key
        ORDER BY ordering_key, sequence LIMIT 1
    ) AS following
)
SELECT ordering_key FROM head WHERE state = 'PENDING' AND due_at <= $1::timestamptz LIMIT $3::integer;

-- name: lock_head_event :maybe
-- The head of a key, locked, if it is due and no other worker holds it. The head is chosen before the lock is tried:
-- SKIP LOCKED over the key's events would step past a head that another worker is handling and break the order.
SELECT event_id, ordering_key, name, payload, occurred_at, attempts, correlation_id
FROM platform.outbox
WHERE event_id = (
        SELECT head.event_id FROM platform.outbox AS head
        WHERE head.state IN ('PENDING', 'DEAD') AND head.ordering_key = $1::uuid
        ORDER BY head.ordering_key, head.sequence LIMIT 1
    )
    AND state = 'PENDING' AND due_at <= $2::timestamptz
FOR UPDATE SKIP LOCKED;

-- name: finish_event :exec
-- A locked event was handled.
UPDATE platform.outbox SET state = 'DONE', attempts = attempts + 1, handled_at = $2::timestamptz, last_error = NULL
WHERE event_id = $1::uuid;

-- name: postpone_event :exec
-- A locked event failed: again at $2, or DEAD, which parks the later events of its key.
UPDATE platform.outbox SET state = $3::text, attempts = attempts + 1, due_at = $2::timestamptz, last_error = $4::text
WHERE event_id = $1::uuid;

-- name: get_backlog :one
-- What is not handed on yet, among the first $1 of it: whoever watches must not cost more, the more there is to see. What
-- waits behind a dead letter of its key is parked, and does not count as late.
WITH unfinished AS MATERIALIZED (
    SELECT ordering_key, state, occurred_at FROM platform.outbox WHERE state IN ('PENDING', 'DEAD') LIMIT $1::integer
), judged AS (
    SELECT state, occurred_at,
        ordering_key IN (
            SELECT dead.ordering_key FROM platform.outbox AS dead
            WHERE dead.state = 'DEAD' ORDER BY dead.sequence LIMIT $1::integer
        ) AS parked
    FROM unfinished
)
SELECT count(*) FILTER (WHERE state = 'PENDING')::integer AS pending,
    count(*) FILTER (WHERE state = 'PENDING' AND parked)::integer AS parked,
    count(*) FILTER (WHERE state = 'DEAD')::integer AS dead,
    min(occurred_at) FILTER (WHERE state = 'PENDING' AND NOT parked) AS oldest
FROM judged;

-- name: list_schedules :many
-- When periodic jobs run next and ran last, in real time. A job whose cron was changed has the row of the old one too.
SELECT entrypoint AS job, max(next_run) AS next_run, max(last_run) AS last_run
FROM jobs.pgqueuer_schedules
WHERE entrypoint = ANY ($1::text[])
GROUP BY entrypoint
ORDER BY entrypoint;

-- name: list_dead_letters :many
-- Dead letters, oldest first, each with the number of events it parks.
SELECT dead.event_id, dead.sequence, dead.ordering_key, dead.name, dead.occurred_at, dead.attempts, dead.last_error,
    dead.correlation_id,
    (
        SELECT count(*)::integer FROM platform.outbox AS parked
        WHERE parked.state IN ('PENDING', 'DEAD') AND parked.ordering_key = dead.ordering_key
            AND parked.sequence > dead.sequence
    ) AS parked
FROM platform.outbox AS dead
WHERE dead.state = 'DEAD'
ORDER BY dead.sequence LIMIT $1::integer;

-- name: lock_dead_letter :maybe
-- A dead letter on which an operator decides.
SELECT event_id, name, ordering_key, attempts, last_error FROM platform.outbox
WHERE event_id = $1::uuid AND state = 'DEAD'
FOR UPDATE;

-- name: retry_dead_letter :exec
-- Due at once, with all its attempts before it.
UPDATE platform.outbox SET state = 'PENDING', attempts = 0, due_at = $2::timestamptz WHERE event_id = $1::uuid;

-- name: discard_dead_letter :exec
-- Never handled; the events behind it go on.
UPDATE platform.outbox SET state = 'DISCARDED', handled_at = $2::timestamptz WHERE event_id = $1::uuid;

-- name: delete_handled_events_before :one
-- Housekeeping in batches. Event ids begin with their time, so the primary key finds the oldest without another index.
WITH old AS (
    SELECT event_id FROM platform.outbox
    WHERE event_id < $1::uuid AND state IN ('DONE', 'DISCARDED')
    ORDER BY event_id LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM platform.outbox o USING old WHERE o.event_id = old.event_id RETURNING 1
)
SELECT count(*)::integer AS deleted FROM deleted;

-- name: get_clock_offset :one
-- How far the service's clock is ahead of the machine's.
SELECT ahead_by FROM platform.clock;

-- name: set_clock_offset :exec
-- Moves the service's clock.
UPDATE platform.clock SET ahead_by = $1::interval;

-- name: list_audit_entries :many
-- The trail of a programme and of what is of none (NULL: all of it), the latest first, from before $2 on (NULL: from the latest).
SELECT audit_id, at, actor_role, actor, origin, correlation_id, action, subject_kind, subject_id, member_id, before,
    after
FROM platform.audit_entries
WHERE ($1::uuid IS NULL OR programme_id IS NULL OR programme_id = $1::uuid)
    AND audit_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY audit_id DESC
LIMIT $3::integer;

-- name: list_audit_entries_of_actor :many
-- The same of what one person did.
SELECT audit_id, at, actor_role, actor, origin, correlation_id, action, subject_kind, subject_id, member_id, before,
    after
FROM platform.audit_entries
WHERE actor = $4::text
    AND ($1::uuid IS NULL OR programme_id IS NULL OR programme_id = $1::uuid)
    AND audit_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY audit_id DESC
LIMIT $3::integer;

-- name: list_audit_entries_of_member :many
-- The same of what was done about one member.
SELECT audit_id, at, actor_role, actor, origin, correlation_id, action, subject_kind, subject_id, member_id, before,
    after
FROM platform.audit_entries
WHERE member_id = $4::uuid
    AND ($1::uuid IS NULL OR programme_id IS NULL OR programme_id = $1::uuid)
    AND audit_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY audit_id DESC
LIMIT $3::integer;

-- name: list_audit_entries_of_subject :many
-- The same of what was done to one thing.
SELECT audit_id, at, actor_role, actor, origin, correlation_id, action, subject_kind, subject_id, member_id, before,
    after
FROM platform.audit_entries
WHERE subject_kind = $4::text AND subject_id = $5::text
    AND ($1::uuid IS NULL OR programme_id IS NULL OR programme_id = $1::uuid)
    AND audit_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY audit_id DESC
LIMIT $3::integer;
