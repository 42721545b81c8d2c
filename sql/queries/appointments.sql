-- Services and who and what serves them, what is occupied, appointments and their changes.

-- name: upsert_service :exec
-- A service as a planner says it now.
INSERT INTO appointments.services (service_id, programme_id, store_id, counter_id, code, names, needs, rules)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text, $6::jsonb, $7::text[], $8::jsonb)
ON CONFLICT ON CONSTRAINT services_pkey DO UPDATE
SET names = excluded.names, needs = excluded.needs, rules = excluded.rules, retired_at = NULL;

-- name: retire_service :exec
-- No longer offered; what is booked stays booked.
UPDATE appointments.services SET retired_at = $2::timestamptz WHERE service_id = $1::uuid AND retired_at IS NULL;

-- name: upsert_resource :exec
-- An associate, a room or a place.
INSERT INTO appointments.resources (resource_id, store_id, counter_id, kind, code, names)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::jsonb)
ON CONFLICT ON CONSTRAINT resources_pkey DO UPDATE SET names = excluded.names, retired_at = NULL;

-- name: retire_resource :exec
-- Serves nobody new; what is booked stays booked.
UPDATE appointments.resources SET retired_at = $2::timestamptz WHERE resource_id = $1::uuid AND retired_at IS NULL;

-- name: replace_candidates :exec
-- Exactly these resources serve the service from now on.
WITH gone AS (
    DELETE FROM appointments.service_resources
    WHERE service_id = $1::uuid AND NOT resource_id = ANY ($2::uuid[])
)
INSERT INTO appointments.service_resources (service_id, resource_id)
SELECT $1::uuid, wanted.resource_id FROM unnest($2::uuid[]) AS wanted (resource_id)
ON CONFLICT ON CONSTRAINT service_resources_pkey DO NOTHING;

-- name: lock_counter :exec
-- One planner at a time changes what a counter offers; taken before its resources.
SELECT pg_advisory_xact_lock(hashtextextended('appointments.counter/' || $1::uuid, 0));

-- name: find_service :maybe
-- A service by its id, or by counter and code; one that is no longer offered too.
SELECT service.service_id, service.programme_id, service.store_id, service.counter_id, service.code, service.names,
    service.needs, service.rules,
    array_agg(resource.kind ORDER BY resource.resource_id) AS kinds,
    array_agg(resource.resource_id ORDER BY resource.resource_id) AS resource_ids
FROM appointments.services service
LEFT JOIN (
    appointments.service_resources link
    JOIN appointments.resources resource ON resource.resource_id = link.resource_id AND resource.retired_at IS NULL
) ON link.service_id = service.service_id
WHERE service.service_id = $1::uuid OR (service.counter_id = $2::uuid AND service.code = $3::text)
GROUP BY service.service_id;

-- name: list_resources :many
-- Associates, rooms and places by their ids, without those that serve no more.
SELECT resource_id, store_id, counter_id, kind, code, names FROM appointments.resources
WHERE resource_id = ANY ($1::uuid[]) AND retired_at IS NULL;

-- name: find_resource :maybe
-- One by its id, or by counter, kind and code; one that serves no more too.
SELECT resource_id, store_id, counter_id, kind, code, names FROM appointments.resources
WHERE resource_id = $1::uuid OR (counter_id = $2::uuid AND kind = $3::text AND code = $4::text);

-- name: find_associate :maybe
-- The associate of a counter with this staff number, who still serves.
SELECT resource_id, store_id, counter_id, kind, code, names FROM appointments.resources
WHERE counter_id = $1::uuid AND kind = 'ASSOCIATE' AND code = $2::text AND retired_at IS NULL;

-- name: list_places :many
-- Every place that a service ever had under its code, and those that its counter numbers like them.
SELECT resource_id, code FROM appointments.resources
WHERE counter_id = $1::uuid AND kind = 'UNIT'
    AND (starts_with(code, $2::text || '/') OR resource_id = ANY ($3::uuid[]));

-- name: list_skills :many
-- The services that are offered and that a resource serves.
SELECT link.service_id FROM appointments.service_resources link
JOIN appointments.services service ON service.service_id = link.service_id AND service.retired_at IS NULL
WHERE link.resource_id = $1::uuid
ORDER BY link.service_id;

-- name: replace_skills :exec
-- Exactly these services are served by the resource from now on.
WITH gone AS (
    DELETE FROM appointments.service_resources
    WHERE resource_id = $1::uuid AND NOT service_id = ANY ($2::uuid[])
)
INSERT INTO appointments.service_resources (service_id, resource_id)
SELECT wanted.service_id, $1::uuid FROM unnest($2::uuid[]) AS wanted (service_id)
ON CONFLICT ON CONSTRAINT service_resources_pkey DO NOTHING;

-- name: delete_shifts :exec
-- Shifts of an associate that begin between two moments.
DELETE FROM appointments.shifts
WHERE resource_id = $1::uuid AND during && tstzrange($2::timestamptz, $3::timestamptz)
    AND lower(during) >= $2::timestamptz;

-- name: list_live :many
-- What is live at a counter at $2 and not over, of these services or served by these resources, by time, with whom and
-- what it occupies beside the member.
SELECT appointment.appointment_id, appointment.uid, appointment.sequence, appointment.visit_id, appointment.member_id,
    appointment.programme_id, appointment.store_id, appointment.counter_id, appointment.service_id,
    appointment.associate_id, appointment.starts_at, appointment.ends_at, appointment.state, appointment.step,
    appointment.lapses_at, appointment.held_until, appointment.answer_until, appointment.free_until,
    appointment.no_show_from, appointment.replaces, appointment.booked_at, appointment.changed_at,
    array_agg(entry.resource_id ORDER BY entry.resource_id) AS resource_ids,
    array_agg(lower(entry.during) ORDER BY entry.resource_id) AS served_from,
    array_agg(upper(entry.during) ORDER BY entry.resource_id) AS served_until
FROM appointments.appointments appointment
JOIN appointments.occupied entry ON entry.appointment_id = appointment.appointment_id
    AND entry.resource_id <> appointment.member_id AND entry.live
-- No appointment is longer than a day.
WHERE appointment.counter_id = $1::uuid AND appointment.starts_at > $2::timestamptz - interval '1 day'
    AND appointment.ends_at > $2::timestamptz
    AND (appointment.lapses_at IS NULL OR appointment.lapses_at > $2::timestamptz)
    AND (
        appointment.service_id = ANY ($3::uuid[])
        OR EXISTS (
            SELECT FROM appointments.occupied other
            WHERE other.appointment_id = appointment.appointment_id AND other.resource_id = ANY ($4::uuid[])
        )
    )
GROUP BY appointment.appointment_id
ORDER BY appointment.starts_at, appointment.appointment_id;

-- name: insert_shifts :exec
-- Hours at which associates work; of one associate they do not overlap.
INSERT INTO appointments.shifts (shift_id, resource_id, during)
SELECT shift.shift_id, shift.resource_id, tstzrange(shift.starts_at, shift.ends_at)
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[])
    AS shift (shift_id, resource_id, starts_at, ends_at);

-- name: list_services :many
-- Services that are offered, with everybody and everything that may serve them.
SELECT service.service_id, service.programme_id, service.store_id, service.counter_id, service.code, service.names,
    service.needs, service.rules,
    array_agg(resource.kind ORDER BY resource.resource_id) AS kinds,
    array_agg(resource.resource_id ORDER BY resource.resource_id) AS resource_ids
FROM appointments.services service
LEFT JOIN (
    appointments.service_resources link
    JOIN appointments.resources resource ON resource.resource_id = link.resource_id AND resource.retired_at IS NULL
) ON link.service_id = service.service_id
WHERE service.service_id = ANY ($1::uuid[]) AND service.retired_at IS NULL
GROUP BY service.service_id;

-- name: lock_person :exec
-- One booking of a person at a time, in whatever programmes; taken after a membership of theirs.
SELECT pg_advisory_xact_lock(hashtextextended('appointments.person/' || $1::uuid, 0));

-- name: lock_free_person :one
-- The same for whoever must not wait.
SELECT pg_try_advisory_xact_lock(hashtextextended('appointments.person/' || $1::uuid, 0)) AS locked;

-- name: lock_lapsed :many
-- Locks holds that expired and requests that nobody answered in time, of whatever serves these services and of one
-- person. Sorted, because one hold lies on several resources, whose bookings may come to it together; the second finds
-- it cleared. One look into the index for each resource: planned otherwise, it reads all that is booked.
SELECT appointment.appointment_id, appointment.state
FROM appointments.appointments appointment
WHERE appointment.appointment_id IN (
        SELECT due.appointment_id
        FROM (
            SELECT link.resource_id FROM appointments.service_resources link WHERE link.service_id = ANY ($1::uuid[])
            UNION ALL SELECT $2::uuid
        ) wanted
        CROSS JOIN LATERAL (
            SELECT entry.appointment_id FROM appointments.occupied entry
            WHERE entry.resource_id = wanted.resource_id AND entry.live AND entry.lapses_at <= $3::timestamptz
            OFFSET 0
        ) due
    )
    AND appointment.lapses_at <= $3::timestamptz
ORDER BY appointment.appointment_id
FOR NO KEY UPDATE OF appointment;

-- name: lock_free_lapsed :many
-- The same without those that somebody else holds, for whoever must not wait.
SELECT appointment.appointment_id, appointment.state
FROM appointments.appointments appointment
WHERE appointment.appointment_id IN (
        SELECT due.appointment_id
        FROM (
            SELECT link.resource_id FROM appointments.service_resources link WHERE link.service_id = ANY ($1::uuid[])
            UNION ALL SELECT $2::uuid
        ) wanted
        CROSS JOIN LATERAL (
            SELECT entry.appointment_id FROM appointments.occupied entry
            WHERE entry.resource_id = wanted.resource_id AND entry.live AND entry.lapses_at <= $3::timestamptz
            OFFSET 0
        ) due
    )
    AND appointment.lapses_at <= $3::timestamptz
ORDER BY appointment.appointment_id
FOR NO KEY UPDATE OF appointment SKIP LOCKED;

-- name: lock_lapsed_batch :many
-- What lapsed first, wherever, without what somebody else holds: two workers share the work and wait for nobody.
SELECT appointment_id, state FROM appointments.appointments
WHERE lapses_at <= $1::timestamptz
ORDER BY lapses_at, appointment_id
LIMIT $2::integer
FOR NO KEY UPDATE SKIP LOCKED;

-- name: clear_lapsed :many
-- Ends what has lapsed, and frees what it had (A10). Each becomes what the caller says.
WITH ended AS (
    UPDATE appointments.appointments appointment
    SET state = entry.state, step = appointment.step + 1, lapses_at = NULL, changed_at = $3::timestamptz,
        sequence = appointment.sequence + CASE WHEN entry.state = 'DECLINED' THEN 1 ELSE 0 END
    FROM unnest($1::uuid[], $2::text[]) AS entry (appointment_id, state)
    WHERE appointment.appointment_id = entry.appointment_id AND appointment.lapses_at IS NOT NULL
    RETURNING appointment.appointment_id, appointment.uid, appointment.sequence, appointment.visit_id,
        appointment.member_id, appointment.programme_id, appointment.store_id, appointment.counter_id,
        appointment.service_id, appointment.associate_id, appointment.starts_at, appointment.ends_at,
        appointment.state, appointment.step, appointment.lapses_at, appointment.held_until, appointment.answer_until,
        appointment.free_until, appointment.no_show_from, appointment.replaces, appointment.booked_at,
        appointment.changed_at
), logged AS (
    INSERT INTO appointments.changes (appointment_id, step, from_state, to_state, at, actor_role, actor)
    SELECT ended.appointment_id, ended.step, CASE WHEN ended.state = 'DECLINED' THEN 'PENDING' ELSE 'HELD' END,
        ended.state, $3::timestamptz, $4::text, $5::text
    FROM ended
), freed AS (
    UPDATE appointments.occupied entry SET live = false, lapses_at = NULL
    FROM ended WHERE entry.appointment_id = ended.appointment_id
)
SELECT appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
    changed_at
FROM ended
ORDER BY appointment_id;

-- name: lock_resources_of :many
-- Locks whatever serves these services, by id: two bookings that want the same ones, in whatever order, wait for each
-- other in line. NO KEY: keys never change, and linking a resource to a service should not wait for us.
SELECT resource_id FROM appointments.resources
WHERE resource_id IN (
    SELECT link.resource_id FROM appointments.service_resources link WHERE link.service_id = ANY ($1::uuid[])
)
ORDER BY resource_id
FOR NO KEY UPDATE;

-- name: lock_resources :many
-- Locks resources by id, for a planner who changes who and what they are, in the same order.
SELECT resource_id FROM appointments.resources
WHERE resource_id = ANY ($1::uuid[])
ORDER BY resource_id
FOR NO KEY UPDATE;

-- name: list_taken :many
-- What of these resources is occupied at $4 (NULL: by whatever nobody has ended yet), and when they work, between $2 and
-- $3; without what the appointments $5 occupy. One look into the index for each resource and nothing else: its cost
-- follows the time asked for, not the history.
SELECT wanted.resource_id, true AS busy, lower(entry.during) AS starts_at, upper(entry.during) AS ends_at
FROM unnest($1::uuid[]) AS wanted (resource_id)
CROSS JOIN LATERAL (
    SELECT occupied.during FROM appointments.occupied
    WHERE occupied.resource_id = wanted.resource_id
        AND occupied.during && tstzrange($2::timestamptz, $3::timestamptz)
        AND occupied.live AND (occupied.lapses_at IS NULL OR occupied.lapses_at > coalesce($4::timestamptz, '-infinity'))
        AND NOT occupied.appointment_id = ANY ($5::uuid[])
    OFFSET 0
) entry
UNION ALL
SELECT wanted.resource_id, false, lower(entry.during), upper(entry.during)
FROM unnest($1::uuid[]) AS wanted (resource_id)
CROSS JOIN LATERAL (
    SELECT shifts.during FROM appointments.shifts
    WHERE shifts.resource_id = wanted.resource_id AND shifts.during && tstzrange($2::timestamptz, $3::timestamptz)
    OFFSET 0
) entry
ORDER BY 1, 3;

-- name: list_occupied :many
-- What live appointments take of whom, with buffers.
SELECT appointment_id, resource_id, lower(during) AS starts_at, upper(during) AS ends_at
FROM appointments.occupied
WHERE appointment_id = ANY ($1::uuid[]) AND live
ORDER BY appointment_id, resource_id;

-- name: insert_appointments :exec
-- Slots that are held from now on, and the first line of the story of each.
WITH made AS (
    INSERT INTO appointments.appointments (
        appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
        starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
        changed_at
    )
    SELECT entry.appointment_id, entry.uid, entry.sequence, entry.visit_id, $5::uuid, $6::uuid, entry.store_id,
        entry.counter_id, entry.service_id, entry.associate_id, entry.starts_at, entry.ends_at, 'HELD', 1,
        entry.lapses_at, entry.lapses_at, entry.answer_until, entry.free_until, entry.no_show_from, entry.replaces,
        $17::timestamptz, $17::timestamptz
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::integer[], $4::uuid[], $7::uuid[], $8::uuid[], $9::uuid[], $10::uuid[],
        $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
        $16::timestamptz[], $18::uuid[]
    ) AS entry (
        appointment_id, uid, sequence, visit_id, store_id, counter_id, service_id, associate_id, starts_at, ends_at,
        lapses_at, answer_until, free_until, no_show_from, replaces
    )
    RETURNING appointment_id, step, state, booked_at
)
INSERT INTO appointments.changes (appointment_id, step, from_state, to_state, at, actor_role, actor)
SELECT made.appointment_id, made.step, NULL, made.state, made.booked_at, $19::text, $20::text FROM made;

-- name: insert_occupied :exec
-- What appointments take of whom. By resource and time, so that where the constraint has to decide (a member who books
-- in two programmes at once) two of these wait in line.
INSERT INTO appointments.occupied (appointment_id, resource_id, during, live, lapses_at)
SELECT entry.appointment_id, entry.resource_id, tstzrange(entry.starts_at, entry.ends_at), true, entry.lapses_at
FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[])
    AS entry (appointment_id, resource_id, starts_at, ends_at, lapses_at)
ORDER BY entry.resource_id, entry.starts_at;

-- name: change_appointments :many
-- One step of each, from the step that was seen; what they had is free again unless the new state is live. No row:
-- somebody else was faster. Locked by id first, like whoever ends what has lapsed; the change looks again at what it is.
WITH wanted AS (
    SELECT entry.appointment_id, entry.step, entry.from_state, entry.to_state, entry.rises, entry.lapses_at, entry.live
    FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::text[], $5::integer[], $6::timestamptz[], $7::boolean[]
    ) AS entry (appointment_id, step, from_state, to_state, rises, lapses_at, live)
), locked AS (
    SELECT appointment.appointment_id FROM appointments.appointments appointment
    WHERE appointment.appointment_id = ANY ($1::uuid[])
    ORDER BY appointment.appointment_id
    FOR NO KEY UPDATE
), changed AS (
    UPDATE appointments.appointments appointment
    SET state = wanted.to_state, step = appointment.step + 1, sequence = appointment.sequence + wanted.rises,
        lapses_at = wanted.lapses_at, changed_at = $8::timestamptz
    FROM locked JOIN wanted ON wanted.appointment_id = locked.appointment_id
    WHERE appointment.appointment_id = wanted.appointment_id AND appointment.step = wanted.step
    RETURNING appointment.appointment_id, appointment.uid, appointment.sequence, appointment.visit_id,
        appointment.member_id, appointment.programme_id, appointment.store_id, appointment.counter_id,
        appointment.service_id, appointment.associate_id, appointment.starts_at, appointment.ends_at,
        appointment.state, appointment.step, appointment.lapses_at, appointment.held_until, appointment.answer_until,
        appointment.free_until, appointment.no_show_from, appointment.replaces, appointment.booked_at,
        appointment.changed_at
), freed AS (
    UPDATE appointments.occupied entry SET live = entry.live AND wanted.live, lapses_at = wanted.lapses_at
    FROM changed JOIN wanted ON wanted.appointment_id = changed.appointment_id
    WHERE entry.appointment_id = changed.appointment_id
), logged AS (
    INSERT INTO appointments.changes (appointment_id, step, from_state, to_state, at, actor_role, actor)
    SELECT changed.appointment_id, changed.step, wanted.from_state, changed.state, $8::timestamptz, $9::text, $10::text
    FROM changed JOIN wanted ON wanted.appointment_id = changed.appointment_id
)
SELECT appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
    changed_at
FROM changed
ORDER BY appointment_id;

-- name: lock_live_of_members :many
-- What two people have that is not over, by id, like whoever ends what has lapsed.
SELECT appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
    changed_at
FROM appointments.appointments
WHERE member_id = ANY ($1::uuid[]) AND state IN ('HELD', 'PENDING', 'CONFIRMED', 'CHECKED_IN', 'IN_SERVICE')
ORDER BY appointment_id
FOR NO KEY UPDATE;

-- name: move_appointments :exec
-- What one member had booked is another's.
UPDATE appointments.appointments SET member_id = $2::uuid WHERE member_id = $1::uuid;

-- name: move_occupied :exec
-- The other member's own time, in what was moved; where two have begun at once, the member is in the one that is kept.
UPDATE appointments.occupied entry
SET resource_id = $2::uuid, live = entry.live AND NOT entry.appointment_id = ANY ($3::uuid[])
FROM appointments.appointments moved
WHERE moved.member_id = $2::uuid AND entry.appointment_id = moved.appointment_id
    AND (entry.resource_id = $1::uuid OR (entry.resource_id = $2::uuid AND entry.appointment_id = ANY ($3::uuid[])));

-- name: list_appointments :many
-- Appointments by their ids, by time.
SELECT appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
    changed_at
FROM appointments.appointments
WHERE appointment_id = ANY ($1::uuid[])
ORDER BY starts_at, appointment_id;

-- name: list_current :many
-- What has become of appointments, by the UID that they keep when they are moved.
SELECT appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
    changed_at
FROM appointments.appointments
WHERE uid = ANY ($1::uuid[]) AND state <> 'SUPERSEDED'
ORDER BY starts_at, appointment_id;

-- name: list_appointments_of_visits :many
-- The stops of visits, superseded ones left out, by time.
SELECT appointment_id, uid, sequence, visit_id, member_id, programme_id, store_id, counter_id, service_id, associate_id,
    starts_at, ends_at, state, step, lapses_at, held_until, answer_until, free_until, no_show_from, replaces, booked_at,
    changed_at
FROM appointments.appointments
WHERE visit_id = ANY ($1::uuid[]) AND state <> 'SUPERSEDED'
ORDER BY starts_at, appointment_id;

-- name: list_every_service :many
-- Every service that there ever was, with everybody and everything that may serve it now.
SELECT service.service_id, service.programme_id, service.store_id, service.counter_id, service.code, service.names,
    service.needs, service.rules, service.retired_at IS NOT NULL AS retired,
    array_agg(resource.kind ORDER BY resource.resource_id) AS kinds,
    array_agg(resource.resource_id ORDER BY resource.resource_id) AS resource_ids
FROM appointments.services service
LEFT JOIN (
    appointments.service_resources link
    JOIN appointments.resources resource ON resource.resource_id = link.resource_id AND resource.retired_at IS NULL
) ON link.service_id = service.service_id
GROUP BY service.service_id;

-- name: list_every_resource :many
-- Every associate, room and place that there ever was.
SELECT resource_id, store_id, counter_id, kind, code, names, retired_at IS NOT NULL AS retired
FROM appointments.resources;

-- name: list_changes :many
-- What happened to an appointment and, if it was moved, to those that it came from, by time.
SELECT change.appointment_id, change.step, change.from_state, change.to_state, change.at, change.actor_role, change.actor
FROM appointments.changes change
JOIN appointments.appointments appointment ON appointment.appointment_id = change.appointment_id
WHERE appointment.uid = $1::uuid
ORDER BY change.at, appointment.sequence, change.step;

-- name: list_broken_counts :many
-- How often members did not come or cancelled late, from a moment on, in a programme; who never did is left out.
SELECT member_id, count(*) AS broken FROM appointments.appointments
WHERE member_id = ANY ($1::uuid[]) AND programme_id = $2::uuid AND state IN ('NO_SHOW', 'LATE_CANCELLED')
    AND changed_at > $3::timestamptz
GROUP BY member_id;

-- name: list_broken :many
-- When a member did not come or cancelled late, after a moment, by programme; the last first.
SELECT programme_id, changed_at FROM appointments.appointments
WHERE member_id = $1::uuid AND state IN ('NO_SHOW', 'LATE_CANCELLED') AND changed_at > $2::timestamptz
ORDER BY changed_at DESC, appointment_id;

-- name: list_upcoming :many
-- What each member has before them at $2, the next first, after a start and an id. No appointment is longer than half a
-- day ($3 are the live states): the index is read from there on.
SELECT entry.appointment_id, entry.uid, entry.sequence, entry.visit_id, entry.member_id, entry.programme_id,
    entry.store_id, entry.counter_id, entry.service_id, entry.associate_id, entry.starts_at, entry.ends_at,
    entry.state, entry.step, entry.lapses_at, entry.held_until, entry.answer_until, entry.free_until,
    entry.no_show_from, entry.replaces, entry.booked_at, entry.changed_at
FROM unnest($1::uuid[]) AS wanted (member_id)
CROSS JOIN LATERAL (
    SELECT appointment.appointment_id, appointment.uid, appointment.sequence, appointment.visit_id,
        appointment.member_id, appointment.programme_id, appointment.store_id, appointment.counter_id,
        appointment.service_id, appointment.associate_id, appointment.starts_at, appointment.ends_at,
        appointment.state, appointment.step, appointment.lapses_at, appointment.held_until, appointment.answer_until,
        appointment.free_until, appointment.no_show_from, appointment.replaces, appointment.booked_at,
        appointment.changed_at
    FROM appointments.appointments appointment
    WHERE appointment.member_id = wanted.member_id AND appointment.state = ANY ($3::text[])
        AND appointment.starts_at > $2::timestamptz - interval '12 hours' AND appointment.ends_at > $2::timestamptz
        AND (appointment.lapses_at IS NULL OR appointment.lapses_at > $2::timestamptz)
        AND ($4::timestamptz IS NULL
            OR (appointment.starts_at, appointment.appointment_id) > ($4::timestamptz, $5::uuid))
    ORDER BY appointment.starts_at, appointment.appointment_id
    LIMIT $6::integer
) entry
ORDER BY entry.member_id, entry.starts_at, entry.appointment_id;

-- name: list_past :many
-- What each member had at $2, whatever has become of it (live states are $3), the latest first, before a start and an id.
-- What was moved is shown as where it was moved to.
SELECT entry.appointment_id, entry.uid, entry.sequence, entry.visit_id, entry.member_id, entry.programme_id,
    entry.store_id, entry.counter_id, entry.service_id, entry.associate_id, entry.starts_at, entry.ends_at,
    entry.state, entry.step, entry.lapses_at, entry.held_until, entry.answer_until, entry.free_until,
    entry.no_show_from, entry.replaces, entry.booked_at, entry.changed_at
FROM unnest($1::uuid[]) AS wanted (member_id)
CROSS JOIN LATERAL (
    SELECT appointment.appointment_id, appointment.uid, appointment.sequence, appointment.visit_id,
        appointment.member_id, appointment.programme_id, appointment.store_id, appointment.counter_id,
        appointment.service_id, appointment.associate_id, appointment.starts_at, appointment.ends_at,
        appointment.state, appointment.step, appointment.lapses_at, appointment.held_until, appointment.answer_until,
        appointment.free_until, appointment.no_show_from, appointment.replaces, appointment.booked_at,
        appointment.changed_at
    FROM appointments.appointments appointment
    WHERE appointment.member_id = wanted.member_id AND appointment.state <> 'SUPERSEDED'
        AND (appointment.ends_at <= $2::timestamptz OR appointment.state <> ALL ($3::text[])
            OR appointment.lapses_at <= $2::timestamptz)
        AND ($4::timestamptz IS NULL
            OR (appointment.starts_at, appointment.appointment_id) < ($4::timestamptz, $5::uuid))
    ORDER BY appointment.starts_at DESC, appointment.appointment_id DESC
    LIMIT $6::integer
) entry
ORDER BY entry.member_id, entry.starts_at DESC, entry.appointment_id DESC;

-- name: list_board :many
-- What begins at a counter between two moments and was not moved away, by time, and what serves it beside the member.
-- A hold that has lapsed at $4 is nobody's any more; of a request that nobody answered the counter should hear.
SELECT appointment.appointment_id, appointment.uid, appointment.sequence, appointment.visit_id, appointment.member_id,
    appointment.programme_id, appointment.store_id, appointment.counter_id, appointment.service_id,
    appointment.associate_id, appointment.starts_at, appointment.ends_at, appointment.state, appointment.step,
    appointment.lapses_at, appointment.held_until, appointment.answer_until, appointment.free_until,
    appointment.no_show_from, appointment.replaces, appointment.booked_at, appointment.changed_at,
    taken.resource_ids, taken.busy_from, taken.busy_until
FROM appointments.appointments appointment
CROSS JOIN LATERAL (
    SELECT array_agg(entry.resource_id ORDER BY entry.resource_id)
            FILTER (WHERE entry.resource_id <> appointment.member_id) AS resource_ids,
        min(lower(entry.during)) FILTER (WHERE entry.live) AS busy_from,
        max(upper(entry.during)) FILTER (WHERE entry.live) AS busy_until
    FROM appointments.occupied entry WHERE entry.appointment_id = appointment.appointment_id
) taken
WHERE appointment.counter_id = $1::uuid
    AND appointment.starts_at >= $2::timestamptz AND appointment.starts_at < $3::timestamptz
    AND appointment.state NOT IN ('SUPERSEDED', 'EXPIRED')
    AND (appointment.state <> 'HELD' OR appointment.lapses_at > $4::timestamptz)
ORDER BY appointment.starts_at, appointment.appointment_id
LIMIT $5::integer;

-- name: list_shifts_at :many
-- When the associates of a counter work between two moments.
SELECT resource.resource_id, lower(shift.during) AS starts_at, upper(shift.during) AS ends_at
FROM appointments.resources resource
JOIN appointments.shifts shift ON shift.resource_id = resource.resource_id
WHERE resource.counter_id = $1::uuid AND resource.kind = 'ASSOCIATE' AND resource.retired_at IS NULL
    AND shift.during && tstzrange($2::timestamptz, $3::timestamptz)
ORDER BY resource.resource_id, lower(shift.during);

-- name: list_board_versions :many
-- By which it is seen that something on a board has changed: of many counters and days in one look. An appointment's step
-- rises with each change, a merge says who comes without one; what lapses by $4 is counted, and shifts are added and
-- removed, never changed.
SELECT wanted.place, board.steps, board.lapsed, working.shifts
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
    AS wanted (counter_id, starts_at, ends_at, place)
CROSS JOIN LATERAL (
    SELECT coalesce(bit_xor(hashtextextended(
            appointment.appointment_id::text || appointment.member_id::text || appointment.step::text, 0
        )), 0) AS steps,
        count(*) FILTER (WHERE appointment.lapses_at <= $4::timestamptz) AS lapsed
    FROM appointments.appointments appointment
    WHERE appointment.counter_id = wanted.counter_id
        AND appointment.starts_at >= wanted.starts_at AND appointment.starts_at < wanted.ends_at
) board
CROSS JOIN LATERAL (
    SELECT coalesce(bit_xor(hashtextextended(shift.shift_id::text, 0)), 0) AS shifts
    FROM appointments.resources resource
    JOIN appointments.shifts shift ON shift.resource_id = resource.resource_id
    WHERE resource.counter_id = wanted.counter_id AND resource.kind = 'ASSOCIATE'
        AND shift.during && tstzrange(wanted.starts_at, wanted.ends_at)
) working
ORDER BY wanted.place;
