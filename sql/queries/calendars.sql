-- Feeds of appointments, what they show, reminders.

-- name: find_associate :maybe
-- Somebody who serves members at this counter, as the house names them.
SELECT resource_id, names FROM appointments.resources
WHERE resource_id = $1::uuid AND counter_id = $2::uuid AND kind = 'ASSOCIATE' AND retired_at IS NULL;

-- name: insert_feed :exec
-- An address that works from now on.
INSERT INTO calendars.feeds (
    feed_id, programme_id, member_id, associate_id, counter_id, locale, token_hash, token_key_version, created_at
)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::text, $7::bytea, $8::smallint, $9::timestamptz);

-- name: revoke_feeds_of_owner :exec
-- The addresses of a member, and of whom the member took over, or those of an associate lead nowhere from now on. The
-- owner is locked.
WITH RECURSIVE people AS (
    SELECT $1::uuid AS member_id
    UNION
    SELECT merged.member_id FROM people JOIN members.members merged ON merged.merged_into = people.member_id
)
UPDATE calendars.feeds feed SET revoked_at = $4::timestamptz
WHERE feed.revoked_at IS NULL AND feed.programme_id = $2::uuid
    AND (feed.associate_id = $3::uuid OR feed.member_id IN (SELECT people.member_id FROM people));

-- name: revoke_feed :maybe
-- This address leads nowhere from now on; it stays as it was if it was revoked before.
UPDATE calendars.feeds SET revoked_at = coalesce(revoked_at, $2::timestamptz)
WHERE feed_id = $1::uuid
RETURNING feed_id, programme_id, member_id, associate_id, counter_id, locale, token_key_version, created_at, revoked_at;

-- name: find_feed :maybe
-- A feed by id, whether or not its address still works.
SELECT feed_id, programme_id, member_id, associate_id, counter_id, locale, token_key_version, created_at, revoked_at
FROM calendars.feeds WHERE feed_id = $1::uuid;

-- name: list_feeds_of_owner :many
-- The addresses that work, of a member, and of whom the member took over, or of an associate; the latest first.
WITH RECURSIVE people AS (
    SELECT $1::uuid AS member_id
    UNION
    SELECT merged.member_id FROM people JOIN members.members merged ON merged.merged_into = people.member_id
)
SELECT feed_id, programme_id, member_id, associate_id, counter_id, locale, token_key_version, created_at, revoked_at
FROM calendars.feeds
WHERE revoked_at IS NULL AND programme_id = $2::uuid
    AND (associate_id = $3::uuid OR member_id IN (SELECT people.member_id FROM people))
ORDER BY created_at DESC, feed_id DESC;

-- name: find_feed_by_token :maybe
-- The feed that an address leads to, and whose appointments it shows: the member's as they are today, after any number
-- of merges. No row for an address that does not work, for who is erased and for who no longer serves.
WITH RECURSIVE feed AS (
    SELECT feed_id, programme_id, member_id, associate_id, counter_id, locale, token_key_version, created_at, revoked_at
    FROM calendars.feeds WHERE token_hash = $1::bytea AND revoked_at IS NULL
), people AS (
    SELECT person.member_id, person.merged_into, person.status
    FROM feed JOIN members.members person ON person.member_id = feed.member_id
    UNION ALL
    SELECT winner.member_id, winner.merged_into, winner.status
    FROM people JOIN members.members winner ON winner.member_id = people.merged_into
)
SELECT feed.feed_id, feed.programme_id, owner.member_id, feed.associate_id, feed.counter_id, feed.locale,
    feed.token_key_version, feed.created_at, feed.revoked_at, associate.names AS associate_names
FROM feed
LEFT JOIN people owner ON owner.status = 'ACTIVE'
LEFT JOIN appointments.resources associate
    ON associate.resource_id = feed.associate_id AND associate.retired_at IS NULL
WHERE owner.member_id IS NOT NULL OR associate.resource_id IS NOT NULL;

-- name: list_entries_of_member :many
-- What a member has booked between two moments, by time.
SELECT entry.appointment_id, entry.uid, entry.sequence, entry.state, entry.lapses_at, entry.starts_at, entry.ends_at,
    entry.booked_at, entry.changed_at, entry.member_id, entry.programme_id, entry.store_id, entry.counter_id,
    service.names AS service_names, associate.names AS associate_names,
    EXISTS (
        SELECT FROM appointments.changes change
        WHERE change.appointment_id = entry.appointment_id AND change.to_state = 'PENDING'
    ) AS asked
FROM appointments.appointments entry
JOIN appointments.services service ON service.service_id = entry.service_id
LEFT JOIN appointments.resources associate ON associate.resource_id = entry.associate_id
WHERE entry.member_id = $1::uuid AND entry.programme_id = $2::uuid
    AND entry.starts_at >= $3::timestamptz AND entry.starts_at < $4::timestamptz
    AND entry.state <> ALL (ARRAY['HELD', 'EXPIRED', 'SUPERSEDED'])
ORDER BY entry.starts_at, entry.appointment_id
LIMIT $5::integer;

-- name: list_entries_of_associate :many
-- What an associate serves between two moments, by time, with what of the member may matter. Of an appointment that was
-- moved, what is last of it with this associate: superseded, if somebody else serves it now.
SELECT entry.appointment_id, entry.uid, entry.sequence, entry.state, entry.lapses_at, entry.starts_at, entry.ends_at,
    entry.booked_at, entry.changed_at, entry.member_id, entry.programme_id, entry.store_id, entry.counter_id,
    service.names AS service_names, NULL::jsonb AS associate_names,
    EXISTS (
        SELECT FROM appointments.changes change
        WHERE change.appointment_id = entry.appointment_id AND change.to_state = 'PENDING'
    ) AS asked,
    entry.member_id <> entry.uid AS is_member, person.display_name_encrypted, person.display_name_key_version, recorded.records,
    coalesce((
        SELECT consent.granted FROM members.consents consent
        WHERE consent.member_id = person.member_id AND consent.programme_id = entry.programme_id
            AND consent.purpose = 'BRAND_SHARING' AND consent.brand_id = $4::uuid
        ORDER BY consent.recorded_at DESC, consent.consent_id DESC
        LIMIT 1
    ), false) AS consented
FROM appointments.appointments entry
JOIN appointments.services service ON service.service_id = entry.service_id
LEFT JOIN members.members person ON person.member_id = entry.member_id
LEFT JOIN tiers.records recorded
    ON recorded.member_id = person.member_id AND recorded.programme_id = entry.programme_id
WHERE entry.associate_id = $1::uuid
    AND entry.starts_at >= $2::timestamptz AND entry.starts_at < $3::timestamptz
    AND entry.state <> ALL (ARRAY['HELD', 'EXPIRED'])
    AND (entry.state <> 'SUPERSEDED' OR NOT EXISTS (
        SELECT FROM appointments.appointments later
        WHERE later.uid = entry.uid AND later.sequence > entry.sequence AND later.associate_id = entry.associate_id
    ))
ORDER BY entry.starts_at, entry.appointment_id
LIMIT $5::integer;

-- name: list_entries :many
-- The appointments that these are today, however often they were moved, and those of a visit, by time.
SELECT entry.appointment_id, entry.uid, entry.sequence, entry.state, entry.lapses_at, entry.starts_at, entry.ends_at,
    entry.booked_at, entry.changed_at, entry.member_id, entry.programme_id, entry.store_id, entry.counter_id,
    service.names AS service_names, associate.names AS associate_names,
    EXISTS (
        SELECT FROM appointments.changes change
        WHERE change.appointment_id = entry.appointment_id AND change.to_state = 'PENDING'
    ) AS asked
FROM appointments.appointments entry
JOIN appointments.services service ON service.service_id = entry.service_id
LEFT JOIN appointments.resources associate ON associate.resource_id = entry.associate_id
WHERE entry.uid IN (
        SELECT known.uid FROM appointments.appointments known
        WHERE known.appointment_id = $1::uuid OR known.visit_id = $2::uuid
    )
    AND entry.state <> 'SUPERSEDED'
ORDER BY entry.starts_at, entry.appointment_id
LIMIT $3::integer;

-- name: remind :many
-- The nearest of what each service wants members to be reminded of by now, written down as told with those before it:
-- after a pause nobody is reminded twice at once. Not what was confirmed only after that moment, or has begun, or is of
-- somebody without a card. What somebody is changing is left for the next time: nothing is waited for, so what is locked
-- is as it was seen, and PostgreSQL looks at the state once more when it locks.
WITH due AS (
    SELECT entry.appointment_id, wanted.minutes_before, wanted.all_due, entry.uid, entry.sequence,
        entry.visit_id, entry.member_id, entry.programme_id, entry.store_id, entry.counter_id, entry.service_id,
        entry.associate_id, entry.starts_at, entry.ends_at
    FROM appointments.appointments entry
    JOIN appointments.services service ON service.service_id = entry.service_id
    CROSS JOIN LATERAL (
        SELECT min(given.minutes::integer) AS minutes_before, array_agg(DISTINCT given.minutes::integer) AS all_due
        FROM jsonb_array_elements_text(coalesce(service.rules -> 'reminder_minutes', $2::jsonb)) AS given (minutes)
        WHERE entry.starts_at - given.minutes::integer * interval '1 minute' <= $1::timestamptz
            AND entry.changed_at < entry.starts_at - given.minutes::integer * interval '1 minute'
            AND NOT EXISTS (
                SELECT FROM calendars.reminders told
                WHERE told.appointment_id = entry.appointment_id AND told.minutes_before <= given.minutes::integer
            )
    ) wanted
    WHERE entry.state = 'CONFIRMED' AND entry.member_id <> entry.uid
        AND entry.starts_at > $1::timestamptz AND entry.starts_at <= $1::timestamptz + $3::interval
        AND wanted.minutes_before IS NOT NULL
    ORDER BY entry.starts_at, entry.appointment_id
    LIMIT $4::integer
    FOR NO KEY UPDATE OF entry SKIP LOCKED
), told AS (
    INSERT INTO calendars.reminders (appointment_id, minutes_before, starts_at, reminded_at)
    SELECT due.appointment_id, counted.minutes_before, due.starts_at, $1::timestamptz
    FROM due CROSS JOIN LATERAL unnest(due.all_due) AS counted (minutes_before)
    ORDER BY due.appointment_id, counted.minutes_before
    ON CONFLICT ON CONSTRAINT reminders_pkey DO NOTHING
    RETURNING appointment_id, minutes_before
)
SELECT due.appointment_id, due.minutes_before, due.uid, due.sequence, due.visit_id, due.member_id, due.programme_id,
    due.store_id, due.counter_id, due.service_id, due.associate_id, due.starts_at, due.ends_at
FROM told
JOIN due ON due.appointment_id = told.appointment_id AND due.minutes_before = told.minutes_before
ORDER BY due.starts_at, due.appointment_id;

-- name: delete_reminders_begun_before :one
-- Housekeeping in batches: of what has begun nobody is reminded again. A row that another cleaner holds is left to it.
WITH old AS (
    SELECT appointment_id, minutes_before FROM calendars.reminders
    WHERE starts_at < $1::timestamptz
    ORDER BY starts_at LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM calendars.reminders told USING old
    WHERE told.appointment_id = old.appointment_id AND told.minutes_before = old.minutes_before
    RETURNING 1
)
SELECT count(*)::integer AS deleted FROM deleted;
