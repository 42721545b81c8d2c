-- Visits: what is said of a trip to a store beside its stops, which are appointments.

-- name: insert_visit :exec
-- A visit, in the transaction that makes its first stops.
INSERT INTO visits.visits (visit_id, store_id, campaign_id, source, note, made_at)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::timestamptz);

-- name: list_visits :many
-- Visits by their ids.
SELECT visit_id, store_id, campaign_id, source, note, made_at FROM visits.visits WHERE visit_id = ANY ($1::uuid[]);

-- name: list_visits_of_member :many
-- A member's visits, the one that begins last first, before ($2, $3): with the first of its stops that take place, or
-- else of all. As many rows are read as the member has stops.
SELECT visit.visit_id, visit.store_id, visit.campaign_id, visit.source, visit.note, visit.made_at, stops.begins_at
FROM (
    SELECT appointment.visit_id, coalesce(
        min(appointment.starts_at) FILTER (
            WHERE appointment.state IN ('HELD', 'PENDING', 'CONFIRMED', 'CHECKED_IN', 'IN_SERVICE', 'COMPLETED')
        ),
        min(appointment.starts_at)
    ) AS begins_at
    FROM appointments.appointments appointment
    WHERE appointment.member_id = $1::uuid AND appointment.visit_id IS NOT NULL AND appointment.state <> 'SUPERSEDED'
    GROUP BY appointment.visit_id
) stops
JOIN visits.visits visit ON visit.visit_id = stops.visit_id
WHERE $2::timestamptz IS NULL OR (stops.begins_at, stops.visit_id) < ($2::timestamptz, $3::uuid)
ORDER BY stops.begins_at DESC, stops.visit_id DESC
LIMIT $4::integer;

-- name: list_visits_of_store :many
-- The visits with a stop between two moments that the reader may see, by the first of these, after ($4, $5).
SELECT visit.visit_id, visit.store_id, visit.campaign_id, visit.source, visit.note, visit.made_at, stops.begins_at
FROM (
    SELECT appointment.visit_id, min(appointment.starts_at) AS begins_at
    FROM appointments.appointments appointment
    WHERE appointment.store_id = $1::uuid AND appointment.visit_id IS NOT NULL AND appointment.state <> 'SUPERSEDED'
        AND appointment.starts_at >= $2::timestamptz AND appointment.starts_at < $3::timestamptz
    GROUP BY appointment.visit_id
) stops
JOIN visits.visits visit ON visit.visit_id = stops.visit_id
WHERE $4::timestamptz IS NULL OR (stops.begins_at, stops.visit_id) > ($4::timestamptz, $5::uuid)
ORDER BY stops.begins_at, stops.visit_id
LIMIT $6::integer;

-- name: list_tie_versions :many
-- By which it is seen that what is tied to the appointments of boards has changed: of many counters and days in one
-- look. A gift's step rises with each change, a coupon is told by its state. What was moved counts once, where it is.
SELECT wanted.place, tied_gifts.gifts, tied_coupons.coupons
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY
    AS wanted (counter_id, starts_at, ends_at, place)
CROSS JOIN LATERAL (
    SELECT coalesce(bit_xor(hashtextextended(gift.gift_id::text || gift.step::text, 0)), 0) AS gifts
    FROM appointments.appointments appointment JOIN gifts.gifts gift ON gift.waits_for = appointment.uid
    WHERE appointment.counter_id = wanted.counter_id AND appointment.state <> 'SUPERSEDED'
        AND appointment.starts_at >= wanted.starts_at AND appointment.starts_at < wanted.ends_at
) tied_gifts
CROSS JOIN LATERAL (
    SELECT coalesce(bit_xor(hashtextextended(coupon.coupon_id::text || coupon.state, 0)), 0) AS coupons
    FROM appointments.appointments appointment
    JOIN coupons.ties tie ON tie.appointment_uid = appointment.uid
    JOIN coupons.coupons coupon ON coupon.coupon_id = tie.coupon_id
    WHERE appointment.counter_id = wanted.counter_id AND appointment.state <> 'SUPERSEDED'
        AND appointment.starts_at >= wanted.starts_at AND appointment.starts_at < wanted.ends_at
) tied_coupons
ORDER BY wanted.place;
