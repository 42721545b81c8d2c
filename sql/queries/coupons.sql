-- Offers, coupons, redemptions, codes, runs of issue.

-- name: write_offers :many
-- Offers as a revision that comes into force says them; those of the campaign that it leaves out issue no more.
-- Of a campaign that is paused they stay so, whatever the revision says.
WITH said AS (
    SELECT entry.offer_id, entry.code, entry.channel, entry.quota, entry.quota_per_day, entry.member_limit,
        entry.opens_at, entry.closes_at
    FROM unnest(
        $6::uuid[], $7::text[], $8::text[], $9::bigint[], $10::bigint[], $11::integer[], $12::timestamptz[],
        $13::timestamptz[]
    ) AS entry (offer_id, code, channel, quota, quota_per_day, member_limit, opens_at, closes_at)
), ended AS (
    UPDATE coupons.offers SET state = 'ENDED', changed_at = $5::timestamptz
    WHERE campaign_id = $1::uuid AND code <> ALL ($7::text[])
)
INSERT INTO coupons.offers (
    offer_id, programme_id, campaign_id, campaign_code, code, revision_id, channel, state, quota, quota_per_day,
    member_limit, opens_at, closes_at, changed_at
)
SELECT said.offer_id, $2::uuid, $1::uuid, $3::text, said.code, $4::uuid, said.channel,
    CASE WHEN EXISTS (
        SELECT FROM campaigns.campaigns campaign WHERE campaign.campaign_id = $1::uuid AND campaign.state = 'PAUSED'
    ) THEN 'PAUSED' ELSE 'OPEN' END, said.quota,
    said.quota_per_day, said.member_limit, said.opens_at, said.closes_at, $5::timestamptz
FROM said ORDER BY said.code
ON CONFLICT ON CONSTRAINT offers_code_key DO UPDATE
    SET revision_id = excluded.revision_id, channel = excluded.channel, state = excluded.state,
        quota = excluded.quota, quota_per_day = excluded.quota_per_day, member_limit = excluded.member_limit,
        opens_at = excluded.opens_at, closes_at = excluded.closes_at, changed_at = excluded.changed_at
RETURNING offer_id, code;

-- name: set_offer_states :exec
-- A campaign issues, pauses or has ended: those of its offers that are in one of the states $4. Touches no coupon (C5).
UPDATE coupons.offers SET state = $2::text, changed_at = $3::timestamptz
WHERE campaign_id = $1::uuid AND state = ANY ($4::text[]);

-- name: start_issue_runs :exec
-- Offers that everybody gets, to be issued from $2 on; one that ran before begins a pass anew.
INSERT INTO coupons.issue_runs (offer_id, pass, looked_at, issued, started_at, changed_at, next_at)
SELECT offer.offer_id, 1, 0, 0, $2::timestamptz, $2::timestamptz, $2::timestamptz
FROM unnest($1::uuid[]) AS offer (offer_id) ORDER BY offer.offer_id
ON CONFLICT ON CONSTRAINT issue_runs_pkey DO UPDATE
    SET pass = issue_runs.pass + 1, after_member_id = NULL, looked_at = 0, changed_at = excluded.changed_at,
        next_at = excluded.next_at;

-- name: list_offers :many
-- A programme's offers that are not over at $2, the newest first, after offer $3 (NULL: from the newest).
SELECT offer_id, programme_id, campaign_id, campaign_code, code, revision_id, channel, state, quota, quota_per_day,
    member_limit, issued, opens_at, closes_at
FROM coupons.offers
WHERE programme_id = $1::uuid AND closes_at > $2::timestamptz AND state <> 'ENDED'
    AND offer_id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY offer_id DESC
LIMIT $4::integer;

-- name: list_offers_by_id :many
-- Offers by their ids.
SELECT offer_id, programme_id, campaign_id, campaign_code, code, revision_id, channel, state, quota, quota_per_day,
    member_limit, issued, opens_at, closes_at
FROM coupons.offers WHERE offer_id = ANY ($1::uuid[]);

-- name: list_offers_of_campaign :many
-- A campaign's offers, by its code in a programme.
SELECT offer_id, programme_id, campaign_id, campaign_code, code, revision_id, channel, state, quota, quota_per_day,
    member_limit, issued, opens_at, closes_at
FROM coupons.offers
WHERE campaign_code = $1::text AND programme_id = coalesce($2::uuid, programme_id) ORDER BY programme_id, code;

-- name: list_offers_to_all :many
-- Offers that everybody gets and that are not over: read whole by each process.
SELECT offer_id, programme_id, campaign_id, campaign_code, code, revision_id, channel, state, quota, quota_per_day,
    member_limit, issued, opens_at, closes_at
FROM coupons.offers
WHERE channel = 'TO_ALL' AND state = 'OPEN' AND closes_at > $1::timestamptz
ORDER BY offer_id;

-- name: list_offers_due :many
-- Offers with a run that is due, the longest waiting first: to be issued, or (cancelled) withdrawn. A paused one waits.
SELECT offer.offer_id, offer.programme_id, offer.campaign_id, offer.campaign_code, offer.code, offer.revision_id,
    offer.channel, offer.state, offer.quota, offer.quota_per_day, offer.member_limit, offer.issued, offer.opens_at,
    offer.closes_at
FROM coupons.issue_runs run
JOIN coupons.offers offer USING (offer_id)
WHERE run.next_at <= $1::timestamptz AND offer.state IN ('OPEN', 'CANCELLED') AND offer.channel = 'TO_ALL'
ORDER BY run.next_at, run.offer_id;

-- name: lock_issue_run :maybe
-- A run, for one step; no row while somebody else takes one.
SELECT offer_id, pass, after_member_id, looked_at, issued, started_at, changed_at, next_at, finished_at
FROM coupons.issue_runs WHERE offer_id = $1::uuid FOR UPDATE SKIP LOCKED;

-- name: list_issue_runs :many
-- How far offers have been issued to everybody.
SELECT offer_id, pass, after_member_id, looked_at, issued, started_at, changed_at, next_at, finished_at
FROM coupons.issue_runs WHERE offer_id = ANY ($1::uuid[]);

-- name: count_memberships :one
-- How many a pass looks at.
SELECT count(*)::bigint AS memberships FROM members.memberships
WHERE programme_id = $1::uuid AND merged_into IS NULL;

-- name: issue_batch :one
-- The next $5 memberships of a programme by member id, after member $14: who is eligible by the tier of business date
-- $4 and has no such coupon gets one. $14 is a parameter and bounds standings and coupons too, so that every index is
-- read from there on: as a join each batch would look at all members, or at all before its own. The run's row is
-- locked. No standing: the lowest tier, $6. $10 to $12: eligible tiers as they may be stored, with the validity of
-- each. $13: the time part of the new ids, so that they are issued in order.
WITH batch AS MATERIALIZED (
    SELECT membership.member_id, coalesce(
        (
            SELECT upcoming.tier FROM jsonb_to_recordset(standing.upcoming) AS upcoming (tier text, since date)
            WHERE upcoming.since <= $4::date ORDER BY upcoming.since DESC LIMIT 1
        ),
        standing.tier, $6::text
    ) AS tier
    FROM members.memberships membership
    LEFT JOIN tiers.standings standing
        ON standing.member_id = membership.member_id AND standing.programme_id = membership.programme_id
            AND standing.member_id > $14::uuid
    WHERE membership.member_id > $14::uuid AND membership.programme_id = $2::uuid AND membership.merged_into IS NULL
    ORDER BY membership.member_id
    LIMIT $5::integer
), new AS (
    INSERT INTO coupons.coupons (
        coupon_id, member_id, programme_id, offer_id, ordinal, member_limit, revision_id, channel, state, valid_from,
        valid_until, issued_at, changed_at
    )
    SELECT ($13::text || '-7' || right(gen_random_uuid()::text, 21))::uuid, batch.member_id, $2::uuid, $1::uuid, 1,
        $7::integer, $8::uuid, 'TO_ALL',
        CASE WHEN window_of.valid_from <= $3::timestamptz THEN 'ACTIVE' ELSE 'ISSUED' END,
        greatest(window_of.valid_from, $3::timestamptz), window_of.valid_until, $3::timestamptz, $3::timestamptz
    FROM batch
    JOIN unnest($10::text[], $11::timestamptz[], $12::timestamptz[]) AS window_of (tier, valid_from, valid_until)
        ON window_of.tier = batch.tier
    WHERE window_of.valid_until > $3::timestamptz AND NOT EXISTS (
        SELECT FROM coupons.coupons own
        WHERE own.member_id = batch.member_id AND own.member_id > $14::uuid AND own.offer_id = $1::uuid
            AND own.ordinal = 1
    )
    ORDER BY batch.member_id
    ON CONFLICT ON CONSTRAINT coupons_ordinal_key DO NOTHING
    RETURNING 1
), counts AS (
    SELECT (SELECT count(*) FROM batch) AS looked_at, (SELECT count(*) FROM new) AS issued,
        (SELECT batch.member_id FROM batch ORDER BY batch.member_id DESC LIMIT 1) AS last_member_id
)
UPDATE coupons.issue_runs target
SET after_member_id = CASE WHEN counts.looked_at < $5::integer THEN NULL ELSE counts.last_member_id END,
    pass = target.pass + CASE WHEN counts.looked_at < $5::integer THEN 1 ELSE 0 END,
    looked_at = CASE WHEN counts.looked_at < $5::integer THEN 0 ELSE target.looked_at + counts.looked_at END,
    issued = target.issued + counts.issued,
    changed_at = $3::timestamptz,
    next_at = CASE WHEN counts.looked_at < $5::integer THEN $9::timestamptz ELSE target.next_at END,
    finished_at = CASE WHEN counts.looked_at < $5::integer THEN $3::timestamptz ELSE target.finished_at END
FROM counts
WHERE target.offer_id = $1::uuid
RETURNING counts.looked_at::bigint AS looked_at, counts.issued::bigint AS issued;

-- name: void_strays :exec
-- Coupons of an offer that everybody gets, issued in the moment in which their member was merged into another one, who
-- has a coupon of their own.
UPDATE coupons.coupons target SET state = 'VOIDED', changed_at = $2::timestamptz
FROM members.memberships membership
WHERE target.offer_id = $1::uuid AND target.state IN ('ISSUED', 'ACTIVE')
    AND membership.member_id = target.member_id AND membership.programme_id = target.programme_id
    AND membership.merged_into IS NOT NULL;

-- name: issue_to_member :many
-- The coupons of offers that everybody gets, to one member who has become eligible. Who has one gets no other.
INSERT INTO coupons.coupons (
    coupon_id, member_id, programme_id, offer_id, ordinal, member_limit, revision_id, channel, state, valid_from,
    valid_until, issued_at, changed_at
)
SELECT entry.coupon_id, $1::uuid, $2::uuid, entry.offer_id, 1, entry.member_limit, entry.revision_id, 'TO_ALL',
    CASE WHEN entry.valid_from <= $3::timestamptz THEN 'ACTIVE' ELSE 'ISSUED' END, entry.valid_from,
    entry.valid_until, $3::timestamptz, $3::timestamptz
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::integer[], $8::timestamptz[], $9::timestamptz[])
    AS entry (coupon_id, offer_id, revision_id, member_limit, valid_from, valid_until)
JOIN coupons.offers offer ON offer.offer_id = entry.offer_id AND offer.state = 'OPEN'
ORDER BY entry.offer_id
ON CONFLICT ON CONSTRAINT coupons_ordinal_key DO NOTHING
RETURNING coupon_id, offer_id;

-- name: issue_one :maybe
-- One coupon to one member, counted against the quotas there are (C1: the checks refuse). No row: the offer issues
-- nothing now. Under the member's lock; the
-- offer's row is locked by its counter, after it.
WITH counted AS (
    UPDATE coupons.offers SET issued = issued + 1 WHERE offer_id = $4::uuid AND quota IS NOT NULL
), counted_day AS (
    INSERT INTO coupons.offer_days (offer_id, business_date, quota, issued)
    SELECT offer.offer_id, $5::date, offer.quota_per_day, 1
    FROM coupons.offers offer WHERE offer.offer_id = $4::uuid AND offer.quota_per_day IS NOT NULL
    ON CONFLICT ON CONSTRAINT offer_days_pkey DO UPDATE
        SET issued = offer_days.issued + 1, quota = excluded.quota
)
INSERT INTO coupons.coupons (
    coupon_id, member_id, programme_id, offer_id, ordinal, member_limit, revision_id, channel, cause, state,
    valid_from, valid_until, issued_at, changed_at
)
SELECT $1::uuid, $2::uuid, $3::uuid, offer.offer_id,
    1 + coalesce((
        SELECT max(own.ordinal) FROM coupons.coupons own
        WHERE own.member_id = $2::uuid AND own.offer_id = offer.offer_id
    ), 0),
    offer.member_limit, offer.revision_id, offer.channel, $6::uuid,
    CASE WHEN $7::timestamptz <= $9::timestamptz THEN 'ACTIVE' ELSE 'ISSUED' END,
    $7::timestamptz, $8::timestamptz, $9::timestamptz, $9::timestamptz
FROM coupons.offers offer WHERE offer.offer_id = $4::uuid AND offer.state = 'OPEN'
RETURNING coupon_id;

-- name: list_counts_of_member :many
-- How many coupons of each of some offers a member has or had.
SELECT offer_id, max(ordinal)::integer AS issued FROM coupons.coupons
WHERE member_id = $1::uuid AND offer_id = ANY ($2::uuid[]) GROUP BY offer_id;

-- name: list_coupons :many
-- A member's coupons, the latest issued first, after coupon $5 (NULL: from the latest). $4: only those that can be used
-- now or later.
SELECT coupon.coupon_id, coupon.member_id, coupon.programme_id, coupon.offer_id, offer.campaign_code,
    offer.code AS offer, coupon.ordinal, coupon.revision_id, coupon.channel, coupon.state, coupon.valid_from,
    coupon.valid_until, coupon.issued_at, coupon.reserved_by, coupon.reserved_until, coupon.sale_id
FROM coupons.coupons coupon
JOIN coupons.offers offer USING (offer_id)
WHERE coupon.member_id = $1::uuid AND coupon.programme_id = $2::uuid
    AND (NOT $4::boolean OR coupons.state_at(
        coupon.state, coupon.valid_from, coupon.valid_until, coupon.reserved_until, $3::timestamptz
    ) IN ('ISSUED', 'ACTIVE', 'RESERVED'))
    AND coupon.coupon_id < coalesce($5::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY coupon.coupon_id DESC
LIMIT $6::integer;

-- name: list_coupons_by_id :many
-- Coupons by their ids.
SELECT coupon.coupon_id, coupon.member_id, coupon.programme_id, coupon.offer_id, offer.campaign_code,
    offer.code AS offer, coupon.ordinal, coupon.revision_id, coupon.channel, coupon.state, coupon.valid_from,
    coupon.valid_until, coupon.issued_at, coupon.reserved_by, coupon.reserved_until, coupon.sale_id
FROM coupons.coupons coupon
JOIN coupons.offers offer USING (offer_id)
WHERE coupon.coupon_id = ANY ($1::uuid[]);

-- name: find_coupon_by_cause :maybe
-- The coupon that was issued for a cause, to answer a repeat.
SELECT coupon.coupon_id, coupon.member_id, coupon.programme_id, coupon.offer_id, offer.campaign_code,
    offer.code AS offer, coupon.ordinal, coupon.revision_id, coupon.channel, coupon.state, coupon.valid_from,
    coupon.valid_until, coupon.issued_at, coupon.reserved_by, coupon.reserved_until, coupon.sale_id
FROM coupons.coupons coupon
JOIN coupons.offers offer USING (offer_id)
WHERE coupon.offer_id = $1::uuid AND coupon.cause = $2::uuid;

-- name: reserve :many
-- Holds coupons of a member for a quote (C3: unless another quote holds one), inside their validity (C4).
UPDATE coupons.coupons
SET state = 'RESERVED', reserved_by = $1::uuid, reserved_at = $2::timestamptz, reserved_until = $3::timestamptz,
    changed_at = $2::timestamptz
WHERE coupon_id = ANY ($4::uuid[]) AND member_id = $5::uuid
    AND (
        coupons.state_at(state, valid_from, valid_until, reserved_until, $2::timestamptz) = 'ACTIVE'
        OR (state = 'RESERVED' AND reserved_by = $1::uuid AND valid_until > $2::timestamptz)
    )
RETURNING coupon_id;

-- name: renew :many
-- Gives the reservations of a quote more time.
UPDATE coupons.coupons SET reserved_until = $3::timestamptz, changed_at = $2::timestamptz
WHERE coupon_id = ANY ($4::uuid[]) AND state = 'RESERVED' AND reserved_by = $1::uuid
RETURNING coupon_id;

-- name: release :exec
-- Lets go of what a quote holds.
UPDATE coupons.coupons
SET state = 'ACTIVE', reserved_by = NULL, reserved_at = NULL, reserved_until = NULL, changed_at = $2::timestamptz
WHERE coupon_id = ANY ($3::uuid[]) AND state = 'RESERVED' AND reserved_by = $1::uuid;

-- name: redeem :many
-- Redeems coupons of a member in a sale: those that its quote ($3, or NULL) holds, and those that were free to be used
-- at the time of the sale, $4. $5 is now: a reservation of another quote that lives now stands in the way.
WITH redeemed AS (
    UPDATE coupons.coupons target
    SET state = 'REDEEMED', sale_id = $2::uuid, reserved_by = NULL, reserved_at = NULL, reserved_until = NULL,
        changed_at = $5::timestamptz
    FROM unnest($6::uuid[], $7::bigint[]) AS wanted (coupon_id, discount_minor)
    WHERE target.coupon_id = wanted.coupon_id AND target.member_id = $1::uuid
        AND (
            (target.state = 'RESERVED' AND target.reserved_by = $3::uuid)
            OR (
                target.state IN ('ISSUED', 'ACTIVE', 'RESERVED')
                AND coalesce(target.reserved_until <= $5::timestamptz, true)
                AND target.valid_from <= $4::timestamptz AND target.valid_until > $4::timestamptz
            )
        )
    RETURNING target.coupon_id, wanted.discount_minor
)
INSERT INTO coupons.redemptions (coupon_id, sale_id, discount_minor, redeemed_at)
SELECT redeemed.coupon_id, $2::uuid, redeemed.discount_minor, $5::timestamptz FROM redeemed
RETURNING coupon_id;

-- name: reverse :many
-- A sale came back whole: what it redeemed can be used again, or has expired meanwhile.
WITH undone AS (
    UPDATE coupons.redemptions SET reversed_at = $2::timestamptz
    WHERE sale_id = $1::uuid AND reversed_at IS NULL
    RETURNING coupon_id
)
UPDATE coupons.coupons target
SET state = CASE WHEN target.valid_until > $2::timestamptz THEN 'ACTIVE' ELSE 'EXPIRED' END, sale_id = NULL,
    changed_at = $2::timestamptz
FROM undone
WHERE target.coupon_id = undone.coupon_id AND target.state = 'REDEEMED' AND target.sale_id = $1::uuid
RETURNING target.coupon_id, target.state;

-- name: void :maybe
-- Withdraws a coupon that is not used and that no till holds.
UPDATE coupons.coupons
SET state = 'VOIDED', reserved_by = NULL, reserved_at = NULL, reserved_until = NULL, changed_at = $2::timestamptz
WHERE coupon_id = $1::uuid
    AND coupons.state_at(state, valid_from, valid_until, reserved_until, $2::timestamptz) IN ('ISSUED', 'ACTIVE')
RETURNING coupon_id;

-- name: void_batch :one
-- Of an offer whose campaign was cancelled: withdraws the unused coupons of the next $3 members by id, after member $4. The
-- run's row is locked.
WITH batch AS MATERIALIZED (
    SELECT coupon.member_id
    FROM coupons.coupons coupon
    WHERE coupon.offer_id = $1::uuid AND coupon.member_id > $4::uuid
    GROUP BY coupon.member_id ORDER BY coupon.member_id
    LIMIT $3::integer
), voided AS (
    UPDATE coupons.coupons target
    SET state = 'VOIDED', reserved_by = NULL, reserved_at = NULL, reserved_until = NULL, changed_at = $2::timestamptz
    FROM batch
    WHERE target.offer_id = $1::uuid AND target.member_id = batch.member_id
        AND target.state IN ('ISSUED', 'ACTIVE', 'RESERVED')
    RETURNING 1
), counts AS (
    SELECT (SELECT count(*) FROM batch) AS looked_at, (SELECT count(*) FROM voided) AS voided,
        (SELECT batch.member_id FROM batch ORDER BY batch.member_id DESC LIMIT 1) AS last_member_id
)
UPDATE coupons.issue_runs target
SET after_member_id = coalesce(counts.last_member_id, target.after_member_id),
    looked_at = target.looked_at + counts.looked_at, changed_at = $2::timestamptz,
    next_at = CASE WHEN counts.looked_at < $3::integer THEN NULL ELSE target.next_at END
FROM counts
WHERE target.offer_id = $1::uuid
RETURNING counts.looked_at::integer AS looked_at, counts.voided::integer AS voided;

-- name: expire :one
-- Tidies up in batches: coupons whose time is over. A row that somebody holds is left for later.
WITH due AS (
    SELECT coupon_id FROM coupons.coupons
    WHERE state IN ('ISSUED', 'ACTIVE', 'RESERVED') AND valid_until <= $1::timestamptz
        AND coalesce(reserved_until <= $1::timestamptz, true)
    ORDER BY valid_until LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), expired AS (
    UPDATE coupons.coupons target
    SET state = 'EXPIRED', reserved_by = NULL, reserved_at = NULL, reserved_until = NULL, changed_at = $1::timestamptz
    FROM due WHERE target.coupon_id = due.coupon_id
    RETURNING 1
)
SELECT count(*)::integer AS expired FROM expired;

-- name: merge_member :exec
-- Hands all coupons of a merged member to the winner. Both keep what they had: the limit counts from now on.
UPDATE coupons.coupons target
SET member_id = $2::uuid, merged_from = coalesce(target.merged_from, $1::uuid), ordinal = moved.ordinal
FROM (
    SELECT own.coupon_id, (
        row_number() OVER (PARTITION BY own.offer_id ORDER BY own.ordinal) + coalesce((
            SELECT max(held.ordinal) FROM coupons.coupons held
            WHERE held.member_id = $2::uuid AND held.offer_id = own.offer_id
        ), 0)
    )::integer AS ordinal
    FROM coupons.coupons own
    WHERE own.member_id = $1::uuid AND own.programme_id = $3::uuid
) moved
WHERE target.coupon_id = moved.coupon_id;

-- name: insert_codes :one
-- Codes of one batch by their hashes, all or (where some are known) the number of those that are new.
WITH new AS (
    INSERT INTO coupons.codes (code_hash, hash_key_version, offer_id, batch_id, last_characters, created_at)
    SELECT entry.code_hash, $3::smallint, $1::uuid, $2::uuid, entry.last_characters, $4::timestamptz
    FROM unnest($5::bytea[], $6::text[]) AS entry (code_hash, last_characters)
    ORDER BY entry.code_hash
    ON CONFLICT ON CONSTRAINT codes_pkey DO NOTHING
    RETURNING 1
)
SELECT count(*)::integer AS inserted FROM new;

-- name: lock_codes :exec
-- Nobody adds codes meanwhile. While hash keys are rotated one code has several hashes, and no index sees that two are the
-- same; planners, who add codes, are few.
SELECT pg_advisory_xact_lock('coupons.codes'::regclass::bigint);

-- name: count_codes :one
-- How many codes of these hashes there are, used or not.
SELECT count(*)::integer AS known FROM coupons.codes WHERE code_hash = ANY ($1::bytea[]);

-- name: lock_code :maybe
-- A code by the hashes it may be stored under, used or not; after the member's lock.
SELECT code_hash, offer_id, coupon_id FROM coupons.codes WHERE code_hash = ANY ($1::bytea[]) FOR UPDATE;

-- name: use_code :one
-- The code has given its coupon. Raises where it was used: the row's lock was not held.
UPDATE coupons.codes SET coupon_id = $2::uuid, used_at = $3::timestamptz
WHERE code_hash = $1::bytea AND coupon_id IS NULL
RETURNING code_hash;

-- name: list_issued_on :many
-- How many coupons of offers with a quota per day were issued on a business day.
SELECT offer_id, issued FROM coupons.offer_days WHERE offer_id = ANY ($1::uuid[]) AND business_date = $2::date;

-- name: lock_offers :many
-- Offers in the order of their ids; after members, before pools.
SELECT offer_id, programme_id, campaign_id, campaign_code, code, revision_id, channel, state, quota, quota_per_day,
    member_limit, issued, opens_at, closes_at
FROM coupons.offers WHERE offer_id = ANY ($1::uuid[]) ORDER BY offer_id FOR NO KEY UPDATE;

-- name: list_pools_of :many
-- The pools of a drop, as `inventory` has them.
SELECT pool_id, total FROM inventory.pools WHERE offer_id = $1::uuid AND closed_at IS NULL;

-- name: issue_granted :exec
-- Coupons for units that were granted, and the offers' counters. Members and offers are locked. One that is there is not
-- issued again.
WITH granted AS (
    SELECT entry.coupon_id, entry.member_id, entry.programme_id, entry.offer_id, entry.cause, entry.valid_from,
        entry.valid_until, entry.issued_at,
        row_number() OVER (PARTITION BY entry.member_id, entry.offer_id ORDER BY entry.coupon_id)::integer AS place
    FROM unnest(
        $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::timestamptz[], $7::timestamptz[],
        $8::timestamptz[]
    ) AS entry (coupon_id, member_id, programme_id, offer_id, cause, valid_from, valid_until, issued_at)
), new AS (
    INSERT INTO coupons.coupons (
        coupon_id, member_id, programme_id, offer_id, ordinal, member_limit, revision_id, channel, cause, state,
        valid_from, valid_until, issued_at, changed_at
    )
    SELECT granted.coupon_id, granted.member_id, granted.programme_id, offer.offer_id,
        granted.place + coalesce((
            SELECT max(own.ordinal) FROM coupons.coupons own
            WHERE own.member_id = granted.member_id AND own.offer_id = granted.offer_id
        ), 0),
        offer.member_limit, offer.revision_id, offer.channel, granted.cause,
        CASE WHEN granted.valid_from <= granted.issued_at THEN 'ACTIVE' ELSE 'ISSUED' END,
        granted.valid_from, granted.valid_until, granted.issued_at, granted.issued_at
    FROM granted JOIN coupons.offers offer ON offer.offer_id = granted.offer_id
    ON CONFLICT (offer_id, cause) WHERE cause IS NOT NULL DO NOTHING
    RETURNING offer_id
)
UPDATE coupons.offers target SET issued = target.issued + counted.issued
FROM (SELECT new.offer_id, count(*) AS issued FROM new GROUP BY new.offer_id) counted
WHERE target.offer_id = counted.offer_id AND target.quota IS NOT NULL;

-- name: tie_coupon :exec
-- Notes that a coupon is meant for a stop of a visit, instead of another one it was meant for.
INSERT INTO coupons.ties (coupon_id, appointment_uid, tied_at) VALUES ($1::uuid, $2::uuid, $3::timestamptz)
ON CONFLICT ON CONSTRAINT ties_pkey DO UPDATE
SET appointment_uid = excluded.appointment_uid, tied_at = excluded.tied_at
WHERE ties.appointment_uid <> excluded.appointment_uid;

-- name: untie_coupon :exec
-- A coupon that is meant for no visit any more.
DELETE FROM coupons.ties WHERE coupon_id = $1::uuid;

-- name: untie_coupons_of :exec
-- Stops that are no more, by their UIDs.
DELETE FROM coupons.ties WHERE appointment_uid = ANY ($1::uuid[]);

-- name: list_coupons_of_stops :many
-- The coupons that are meant for stops of visits, by their UIDs; those that end first at the top.
SELECT tie.appointment_uid, coupon.coupon_id, coupon.member_id, coupon.programme_id, coupon.offer_id,
    offer.campaign_code, offer.code AS offer, coupon.ordinal, coupon.revision_id, coupon.channel, coupon.state,
    coupon.valid_from, coupon.valid_until, coupon.issued_at, coupon.reserved_by, coupon.reserved_until, coupon.sale_id
FROM coupons.ties tie
JOIN coupons.coupons coupon USING (coupon_id)
JOIN coupons.offers offer USING (offer_id)
WHERE tie.appointment_uid = ANY ($1::uuid[])
ORDER BY coupon.valid_until, coupon.coupon_id;

-- name: list_codes_by_key :many
-- How many codes that still may be used are under which hash key. Only hashes are kept, so they cannot be rewritten.
SELECT code.hash_key_version AS key_version, count(*)::bigint AS rows
FROM coupons.codes AS code
JOIN coupons.offers AS offer ON offer.offer_id = code.offer_id
WHERE code.coupon_id IS NULL AND offer.state IN ('OPEN', 'PAUSED') AND offer.closes_at > $1::timestamptz
GROUP BY code.hash_key_version;
