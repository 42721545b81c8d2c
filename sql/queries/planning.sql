-- Simulations, and what they read of other slices.

-- name: insert_simulation :exec
-- A simulation that waits for a worker.
INSERT INTO planning.simulations (
    simulation_id, programme_id, campaign_code, revision_number, period_first, period_last, request, state,
    total, requested_by, requested_at
) VALUES (
    $1::uuid, $2::uuid, $3::text, $4::integer, $5::date, $6::date, $7::jsonb, 'QUEUED', $8::bigint, $9::text,
    $10::timestamptz
);

-- name: take_simulation :maybe
-- Takes the simulation that has waited longest, or one whose run has not been heard of since $2; a named one: $3.
UPDATE planning.simulations taken
SET state = 'RUNNING', attempt = taken.attempt + 1, done = 0, heartbeat_at = $1::timestamptz
WHERE taken.simulation_id = (
    SELECT simulation_id FROM planning.simulations
    WHERE (state = 'QUEUED' OR (state = 'RUNNING' AND heartbeat_at < $2::timestamptz))
        AND ($3::uuid IS NULL OR simulation_id = $3::uuid)
    ORDER BY requested_at LIMIT 1
    FOR UPDATE SKIP LOCKED
)
RETURNING taken.simulation_id, taken.request, taken.attempt;

-- name: update_progress :maybe
-- How far a run is. No row: another run has taken over, and this one should stop.
UPDATE planning.simulations SET done = $3::bigint, total = $4::bigint, heartbeat_at = $5::timestamptz
WHERE simulation_id = $1::uuid AND attempt = $2::integer AND state = 'RUNNING'
RETURNING simulation_id;

-- name: finish_simulation :exec
-- The forecast of a run, or why there is none; nothing where another run has taken over.
UPDATE planning.simulations
SET state = CASE WHEN $4::text IS NULL THEN 'DONE' ELSE 'FAILED' END, forecast = $3::jsonb, failure = $4::text,
    finished_at = $5::timestamptz
WHERE simulation_id = $1::uuid AND attempt = $2::integer AND state = 'RUNNING';

-- name: list_simulations_by_id :many
-- Simulations as they stand.
SELECT simulation_id, programme_id, campaign_code, revision_number, period_first, period_last, state, done, total,
    requested_by, requested_at, finished_at, forecast, failure
FROM planning.simulations WHERE simulation_id = ANY ($1::uuid[]);

-- name: count_members_with_sales :one
-- How many members bought between two business days.
SELECT count(DISTINCT member_id) AS members FROM receipts.business_days
WHERE programme_id = $1::uuid AND business_date BETWEEN $2::date AND $3::date;

-- name: list_members_with_sales :many
-- The next members who bought between two business days, after $4 (NULL: from the first).
SELECT DISTINCT member_id FROM receipts.business_days
WHERE programme_id = $1::uuid AND business_date BETWEEN $2::date AND $3::date
    AND member_id > coalesce($4::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY member_id
LIMIT $5::integer;

-- name: list_sales_of_members :many
-- What some members bought in some stores between two business days: the recorded facts and decisions, voids left out.
SELECT member_id, sale_id, store_id, business_date, sold_at, inputs, decision
FROM receipts.sales
WHERE member_id = ANY ($1::uuid[]) AND programme_id = $2::uuid AND business_date BETWEEN $3::date AND $4::date
    AND store_id = ANY ($5::uuid[]) AND state <> 'VOIDED'
ORDER BY member_id, sold_at, sale_id;

-- name: list_anonymous_days :many
-- Receipts without a member by store and business day, voids left out.
SELECT store_id, business_date, count(*) AS receipts, sum(net_minor)::bigint AS net_minor
FROM receipts.sales
WHERE store_id = ANY ($1::uuid[]) AND business_date BETWEEN $2::date AND $3::date AND member_id IS NULL
    AND state <> 'VOIDED'
GROUP BY store_id, business_date;

-- name: list_members_by_tier :many
-- How many members there are by home store and tier ($2: of whoever has no standing), enrolled before $3.
SELECT membership.home_store_id, coalesce(standing.tier, $2::text) AS tier, count(*) AS members
FROM members.memberships membership
LEFT JOIN tiers.standings standing USING (member_id, programme_id)
WHERE membership.programme_id = $1::uuid AND membership.merged_into IS NULL
    AND membership.enrolled_at < $3::timestamptz
GROUP BY membership.home_store_id, coalesce(standing.tier, $2::text);

-- name: list_past_claims :many
-- Claims on past pools by tier ($4: of whoever has no standing), of at most as many as there were units: how many and how
-- long after the drop, split after $5 milliseconds of it.
WITH drops AS (
    SELECT drop.pool_id, drop.drops_at, drop.units
    FROM unnest($1::uuid[], $2::timestamptz[], $3::integer[]) AS drop (pool_id, drops_at, units)
), claims AS (
    SELECT gift.pool_id, coalesce(standing.tier, $4::text) AS tier, drops.units,
        (extract(epoch FROM gift.claimed_at - drops.drops_at) * 1000)::bigint AS delay_ms,
        row_number() OVER (PARTITION BY gift.pool_id ORDER BY gift.claimed_at, gift.gift_id) AS place
    FROM drops
    JOIN gifts.gifts gift USING (pool_id)
    LEFT JOIN tiers.standings standing USING (member_id, programme_id)
), counted AS (
    SELECT pool_id, tier, delay_ms, count(*) OVER (PARTITION BY pool_id) AS pool_claims,
        max(delay_ms) OVER (PARTITION BY pool_id) AS last_ms
    FROM claims WHERE place <= units AND delay_ms >= 0
)
SELECT pool_id, tier,
    count(*) FILTER (WHERE delay_ms < $5::integer) AS rush_claims,
    coalesce(sum(delay_ms) FILTER (WHERE delay_ms < $5::integer), 0)::bigint AS rush_delays_ms,
    count(*) FILTER (WHERE delay_ms >= $5::integer) AS later_claims,
    coalesce(sum(delay_ms - $5::integer) FILTER (WHERE delay_ms >= $5::integer), 0)::bigint AS later_delays_ms,
    max(pool_claims) AS pool_claims, max(last_ms) AS last_ms
FROM counted GROUP BY pool_id, tier;

-- name: list_limits_reached :many
-- On which day how many members of which tier had the last gift of an offer that its limit allows them.
WITH offers AS (
    SELECT entry.offer_id, entry.most FROM unnest($1::uuid[], $2::integer[]) AS entry (offer_id, most)
), claims AS (
    SELECT gift.offer_id, gift.day, offers.most, coalesce(standing.tier, $3::text) AS tier,
        row_number() OVER (PARTITION BY gift.offer_id, gift.member_id ORDER BY gift.claimed_at, gift.gift_id) AS place
    FROM offers
    JOIN gifts.gifts gift USING (offer_id)
    LEFT JOIN tiers.standings standing USING (member_id, programme_id)
)
SELECT offer_id, day, tier, count(*) AS members FROM claims WHERE place = most GROUP BY offer_id, day, tier;

-- name: find_standing :maybe
-- A member of a programme: home store, when they joined, and their tier on $3 as it was known at $4 (NULL: the lowest).
SELECT membership.member_id, membership.home_store_id, membership.enrolled_at,
    coalesce(
        CASE WHEN standing.since IS NULL OR standing.since <= $3::date THEN standing.tier END,
        (
            SELECT held.tier FROM tiers.grants held
            WHERE held.member_id = membership.member_id AND held.programme_id = membership.programme_id
                AND held.starts_on <= $3::date AND held.ends_on > $3::date AND held.granted_at <= $4::timestamptz
                AND (held.rescinded_at IS NULL OR held.rescinded_at > $4::timestamptz)
            ORDER BY held.level DESC LIMIT 1
        )
    ) AS tier
FROM members.memberships membership
LEFT JOIN tiers.standings standing USING (member_id, programme_id)
WHERE membership.member_id = $1::uuid AND membership.programme_id = $2::uuid;

-- name: list_coupons_of_offer :many
-- A member's coupons of an offer, each with its latest use.
SELECT coupon.coupon_id, coupon.state, coupon.valid_from, coupon.valid_until, coupon.issued_at, coupon.changed_at,
    coupon.reserved_until, used.redeemed_at, used.reversed_at
FROM coupons.offers offer
JOIN coupons.coupons coupon USING (offer_id)
LEFT JOIN LATERAL (
    SELECT redemption.redeemed_at, redemption.reversed_at FROM coupons.redemptions redemption
    WHERE redemption.coupon_id = coupon.coupon_id
    ORDER BY redemption.redeemed_at DESC LIMIT 1
) used ON true
WHERE offer.campaign_id = $1::uuid AND offer.code = $2::text AND coupon.member_id = $3::uuid
    AND coupon.programme_id = $4::uuid
ORDER BY coupon.ordinal;

-- name: find_coupon_offer :maybe
-- How many coupons of an offer there are and may be.
SELECT issued, quota FROM coupons.offers WHERE campaign_id = $1::uuid AND code = $2::text;

-- name: list_gifts_of_offer :many
-- A member's gifts of an offer, earliest claim first.
SELECT gift_id, pool_id, day, claimed_at, collect_until, ended_at
FROM gifts.gifts WHERE offer_id = $1::uuid AND member_id = $2::uuid AND programme_id = $3::uuid
ORDER BY claimed_at, gift_id;

-- name: list_gifts_of_day :many
-- A member's gifts with a threshold of one business day in a store, with the rule that gave each.
SELECT gift.gift_id, gift.pool_id, gift.day, gift.claimed_at, gift.collect_until, gift.ended_at, gift.revision_id,
    gift.rule_code
FROM gifts.gifts gift
WHERE gift.member_id = $1::uuid AND gift.programme_id = $2::uuid AND gift.store_id = $3::uuid AND gift.day = $4::date
    AND gift.minimum_spend_minor IS NOT NULL
ORDER BY gift.claimed_at, gift.gift_id;

-- name: list_gift_changes :many
-- What happened to some gifts until $2, earliest first.
SELECT gift_id, to_state, cause, at FROM gifts.changes
WHERE gift_id = ANY ($1::uuid[]) AND at <= $2::timestamptz
ORDER BY gift_id, step;

-- name: find_stock_at :maybe
-- A pool at $2: its units, how many were given out by then and not given back, the latest of these, and how many were
-- given out within the $3 seconds after it.
SELECT stock.total - stock.voided AS units,
    count(gift.gift_id) FILTER (
        WHERE gift.claimed_at <= $2::timestamptz AND (gift.ended_at IS NULL OR gift.ended_at > $2::timestamptz)
    ) AS taken,
    max(gift.claimed_at) FILTER (WHERE gift.claimed_at <= $2::timestamptz) AS last_claimed_at,
    count(gift.gift_id) FILTER (
        WHERE gift.claimed_at > $2::timestamptz
            AND gift.claimed_at <= $2::timestamptz + make_interval(secs => $3::integer)
    ) AS soon_taken
FROM inventory.pools stock
LEFT JOIN gifts.gifts gift ON gift.pool_id = stock.pool_id
WHERE stock.pool_id = $1::uuid
GROUP BY stock.pool_id;

-- name: list_day_lines :many
-- Lines of a member's receipts of one business day in a store that were theirs by $5, with what was paid for what is
-- kept of them and is not used up in group $6 by a coupon.
SELECT line.sale_id, line.line_no, line.counter_id, line.category_id,
    greatest(
        line.net_minor - line.discount_minor - line.returned_minor + line.returned_discount_minor
            - coalesce(used.used_minor, 0),
        0
    )::bigint AS free_minor
FROM receipts.sales sale
JOIN receipts.lines line ON line.sale_id = sale.sale_id
LEFT JOIN LATERAL (
    SELECT sum(entry.used_minor) AS used_minor FROM receipts.amounts_used entry
    WHERE entry.sale_id = line.sale_id AND entry.line_no = line.line_no AND entry.exclusive_group = $6::text
        AND entry.used_by = 'COUPON'
) used ON true
WHERE sale.member_id = $1::uuid AND sale.programme_id = $2::uuid AND sale.store_id = $3::uuid
    AND sale.business_date = $4::date AND sale.committed_at <= $5::timestamptz AND sale.state <> 'VOIDED'
    AND coalesce(sale.attached_at <= $5::timestamptz, true)
ORDER BY sale.committed_at, line.line_no;
