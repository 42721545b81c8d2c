-- Who waits for a place, what was offered to them, and which days the worker looks at next.

-- name: insert_entry :exec
-- A member who waits from now on, and the first line of the entry's story.
WITH made AS (
    INSERT INTO waitlist.entries (
        entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id, days, from_time, until_time,
        state, joined_at, waits_until, lapses_at, changed_at
    )
    VALUES (
        $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::uuid, $7::uuid, daterange($8::date, $9::date, '[]'),
        $10::time, $11::time, 'WAITING', $12::timestamptz, $13::timestamptz, $13::timestamptz, $12::timestamptz
    )
    RETURNING entry_id, step, state, joined_at
)
INSERT INTO waitlist.changes (entry_id, step, from_state, to_state, at, actor_role, actor)
SELECT made.entry_id, made.step, NULL, made.state, made.joined_at, $14::text, $15::text FROM made;

-- name: change_entry :maybe
-- One step, from the step that was seen. No row: somebody else was faster. What is NULL of $5 to $8 stays as it is.
WITH changed AS (
    UPDATE waitlist.entries
    SET state = $3::text, step = step + 1, lapses_at = $4::timestamptz,
        appointment_id = coalesce($5::uuid, appointment_id), offered_at = coalesce($6::timestamptz, offered_at),
        offer_until = coalesce($7::timestamptz, offer_until), offered_level = coalesce($8::integer, offered_level),
        changed_at = $9::timestamptz
    WHERE entry_id = $1::uuid AND step = $2::integer
    RETURNING entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
        lower(days) AS first_day, upper(days) - 1 AS last_day, from_time, until_time, state, step, joined_at,
        waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at
), logged AS (
    INSERT INTO waitlist.changes (entry_id, step, from_state, to_state, at, actor_role, actor)
    SELECT changed.entry_id, changed.step, $10::text, changed.state, changed.changed_at, $11::text, $12::text
    FROM changed
)
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id, first_day, last_day,
    from_time, until_time, state, step, joined_at, waits_until, appointment_id, offered_at, offer_until,
    offered_level, lapses_at, changed_at
FROM changed;

-- name: list_entries :many
-- Entries by their ids.
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    lower(days) AS first_day, upper(days) - 1 AS last_day, from_time, until_time, state, step, joined_at,
    waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at
FROM waitlist.entries WHERE entry_id = ANY ($1::uuid[]);

-- name: find_entry_by_appointment :maybe
-- The entry that an appointment was offered to.
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    lower(days) AS first_day, upper(days) - 1 AS last_day, from_time, until_time, state, step, joined_at,
    waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at
FROM waitlist.entries WHERE appointment_id = $1::uuid;

-- name: list_live :many
-- What members wait for or were offered, and nobody wrote down the end of. Their locks are held.
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    lower(days) AS first_day, upper(days) - 1 AS last_day, from_time, until_time, state, step, joined_at,
    waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at
FROM waitlist.entries
WHERE member_id = ANY ($1::uuid[]) AND programme_id = $2::uuid AND state IN ('WAITING', 'OFFERED')
ORDER BY joined_at, entry_id;

-- name: list_member_entries :many
-- A member's entries, the latest first. Keyset: (joined_at, entry_id).
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    lower(days) AS first_day, upper(days) - 1 AS last_day, from_time, until_time, state, step, joined_at,
    waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at
FROM waitlist.entries
WHERE member_id = $1::uuid AND programme_id = $2::uuid
    AND ($3::timestamptz IS NULL OR (joined_at, entry_id) < ($3::timestamptz, $4::uuid))
ORDER BY joined_at DESC, entry_id DESC
LIMIT $5::integer;

-- name: list_counter_entries :many
-- Who waits at a counter or has an offer, the longest first. Keyset: (joined_at, entry_id).
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    lower(days) AS first_day, upper(days) - 1 AS last_day, from_time, until_time, state, step, joined_at,
    waits_until, appointment_id, offered_at, offer_until, offered_level, lapses_at, changed_at
FROM waitlist.entries
WHERE counter_id = $1::uuid AND state IN ('WAITING', 'OFFERED') AND lapses_at > $2::timestamptz
    AND ($3::timestamptz IS NULL OR (joined_at, entry_id) > ($3::timestamptz, $4::uuid))
ORDER BY joined_at, entry_id
LIMIT $5::integer;

-- name: list_waited_for :many
-- Those of these services that somebody waits for on one of the days from $2 to $3.
SELECT service.service_id FROM unnest($1::uuid[]) AS service (service_id)
WHERE EXISTS (
    SELECT FROM waitlist.entries entry
    WHERE entry.service_id = service.service_id AND entry.state = 'WAITING'
        AND entry.days && daterange($2::date, $3::date, '[]')
)
ORDER BY service.service_id;

-- name: list_candidates :many
-- Who waits for a service on one of the days from $2 to $3, whose turn it is first: by the level of the tier on
-- business date $5 ($6, $7: levels by code as stored), then by when they joined, then by id. After the place ($8 to
-- $10) of the one looked at last.
WITH waiting AS (
    SELECT entry.entry_id, entry.member_id, entry.programme_id, entry.store_id, entry.counter_id, entry.service_id,
        entry.associate_id, lower(entry.days) AS first_day, upper(entry.days) - 1 AS last_day, entry.from_time,
        entry.until_time, entry.state, entry.step, entry.joined_at, entry.waits_until, entry.appointment_id,
        entry.offered_at, entry.offer_until, entry.offered_level, entry.lapses_at, entry.changed_at,
        coalesce(known.level, 0) AS level
    FROM waitlist.entries entry
    LEFT JOIN tiers.standings standing
        ON standing.member_id = entry.member_id AND standing.programme_id = entry.programme_id
    LEFT JOIN unnest($6::text[], $7::integer[]) AS known (tier, level) ON known.tier = coalesce(
        (
            SELECT upcoming.tier FROM jsonb_to_recordset(standing.upcoming) AS upcoming (tier text, since date)
            WHERE upcoming.since <= $5::date ORDER BY upcoming.since DESC LIMIT 1
        ),
        standing.tier
    )
    WHERE entry.service_id = $1::uuid AND entry.state = 'WAITING' AND entry.lapses_at > $4::timestamptz
        AND entry.days && daterange($2::date, $3::date, '[]')
)
SELECT entry_id, member_id, programme_id, store_id, counter_id, service_id, associate_id, first_day, last_day,
    from_time, until_time, state, step, joined_at, waits_until, appointment_id, offered_at, offer_until,
    offered_level, lapses_at, changed_at, level
FROM waiting
WHERE $8::integer IS NULL OR (-level, joined_at, entry_id) > (-$8::integer, $9::timestamptz, $10::uuid)
ORDER BY level DESC, joined_at, entry_id
LIMIT $11::integer;

-- name: list_ahead :many
-- For entries that wait: how many others wait for the service on one of the same days and have their turn before. Tiers
-- as in list_candidates.
WITH mine AS (
    SELECT entry.entry_id, entry.service_id, entry.days FROM waitlist.entries entry
    WHERE entry.entry_id = ANY ($1::uuid[]) AND entry.state = 'WAITING' AND entry.lapses_at > $2::timestamptz
), waiting AS (
    SELECT entry.entry_id, entry.service_id, entry.days, entry.joined_at, coalesce(known.level, 0) AS level
    FROM waitlist.entries entry
    LEFT JOIN tiers.standings standing
        ON standing.member_id = entry.member_id AND standing.programme_id = entry.programme_id
    LEFT JOIN unnest($4::text[], $5::integer[]) AS known (tier, level) ON known.tier = coalesce(
        (
            SELECT upcoming.tier FROM jsonb_to_recordset(standing.upcoming) AS upcoming (tier text, since date)
            WHERE upcoming.since <= $3::date ORDER BY upcoming.since DESC LIMIT 1
        ),
        standing.tier
    )
    WHERE entry.service_id IN (SELECT mine.service_id FROM mine) AND entry.state = 'WAITING'
        AND entry.lapses_at > $2::timestamptz
)
SELECT own.entry_id, count(rival.entry_id)::integer AS ahead
FROM mine
JOIN waiting own ON own.entry_id = mine.entry_id
LEFT JOIN waiting rival
    ON rival.service_id = own.service_id AND rival.days && own.days
        AND (-rival.level, rival.joined_at, rival.entry_id) < (-own.level, own.joined_at, own.entry_id)
GROUP BY own.entry_id;

-- name: list_lapsed :many
-- Entries whose time is over and that still live, the longest ended first. Decided again under the member's lock.
SELECT entry_id FROM waitlist.entries
WHERE lapses_at <= $1::timestamptz
ORDER BY lapses_at, entry_id
LIMIT $2::integer;

-- name: list_of_service :many
-- Entries that wait for a service.
SELECT entry_id FROM waitlist.entries
WHERE service_id = $1::uuid AND state = 'WAITING'
ORDER BY entry_id
LIMIT $2::integer;

-- name: upsert_groups :exec
-- Days of a service that are looked at from now on, in the order in which everybody locks them.
INSERT INTO waitlist.groups (service_id, day, due_at)
SELECT $1::uuid, wanted.day, $3::timestamptz FROM unnest($2::date[]) AS wanted (day) ORDER BY wanted.day
ON CONFLICT ON CONSTRAINT groups_pkey DO UPDATE
SET due_at = least(groups.due_at, excluded.due_at);

-- name: wake_groups :exec
-- Something came free on these days: they are due now, for the service and for all that share somebody or something
-- with it.
WITH locked AS (
    SELECT waited.service_id, waited.day FROM waitlist.groups waited
    WHERE waited.day = ANY ($2::date[]) AND waited.due_at > $3::timestamptz
        AND waited.service_id IN (
            SELECT $1::uuid
            UNION SELECT other.service_id
            FROM appointments.service_resources own JOIN appointments.service_resources other USING (resource_id)
            WHERE own.service_id = $1::uuid
        )
    ORDER BY waited.service_id, waited.day
    FOR UPDATE
)
UPDATE waitlist.groups waited SET due_at = $3::timestamptz
FROM locked WHERE waited.service_id = locked.service_id AND waited.day = locked.day;

-- name: lock_due_groups :many
-- The days that are due of the service that waits longest; those that another worker takes are left to it.
SELECT service_id, day FROM waitlist.groups
WHERE due_at <= $1::timestamptz AND service_id = (
    SELECT due.service_id FROM waitlist.groups due WHERE due.due_at <= $1::timestamptz
    ORDER BY due.due_at, due.service_id LIMIT 1
)
ORDER BY day
LIMIT $2::integer
FOR UPDATE SKIP LOCKED;

-- name: postpone_groups :many
-- Groups whose lock is held are looked at now, and again at $4; those that nobody waits for any more go. A statement of
-- its own, so that it sees who joined before the lock was had. Returns the days that are still waited for.
WITH gone AS (
    DELETE FROM waitlist.groups waited
    WHERE waited.service_id = $1::uuid AND waited.day = ANY ($2::date[]) AND NOT EXISTS (
        SELECT FROM waitlist.entries entry
        WHERE entry.service_id = waited.service_id AND entry.days @> waited.day AND entry.state = 'WAITING'
    )
    RETURNING waited.day
)
UPDATE waitlist.groups waited SET due_at = $4::timestamptz, looked_at = $3::timestamptz
WHERE waited.service_id = $1::uuid AND waited.day = ANY ($2::date[]) AND EXISTS (
    SELECT FROM waitlist.entries entry
    WHERE entry.service_id = waited.service_id AND entry.days @> waited.day AND entry.state = 'WAITING'
)
RETURNING waited.day;

-- name: move_member :exec
-- The winner of a merge has the loser's entries.
UPDATE waitlist.entries SET member_id = $2::uuid WHERE member_id = $1::uuid AND programme_id = $3::uuid;
