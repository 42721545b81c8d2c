-- What must always hold, asked of a live database a stretch of keys at a time: after $1, up to $2. Every list_ names what
-- drifts: the row, what is stored, and what it should be. Each statement sees one moment and takes no lock.

-- name: list_member_keys :many
-- The last key of the next $2 members after $1, if there are any.
SELECT page.key FROM (
    SELECT member_id AS key FROM members.members WHERE member_id > $1::uuid ORDER BY member_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_members :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM members.members;

-- name: list_lot_keys :many
-- The last key of the next $2 lots after $1.
SELECT page.key FROM (
    SELECT lot_id AS key FROM points.lots WHERE lot_id > $1::uuid ORDER BY lot_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_lots :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM points.lots;

-- name: list_entry_keys :many
-- The last key of the next $2 ledger entries after $1.
SELECT page.key FROM (
    SELECT entry_id AS key FROM points.entries WHERE entry_id > $1::uuid ORDER BY entry_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_entries :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM points.entries;

-- name: list_sale_keys :many
-- The last key of the next $2 sales after $1.
SELECT page.key FROM (
    SELECT sale_id AS key FROM receipts.sales WHERE sale_id > $1::uuid ORDER BY sale_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_sales :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM receipts.sales;

-- name: list_coupon_keys :many
-- The last key of the next $2 coupons after $1.
SELECT page.key FROM (
    SELECT coupon_id AS key FROM coupons.coupons WHERE coupon_id > $1::uuid ORDER BY coupon_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_coupons :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM coupons.coupons;

-- name: list_gift_keys :many
-- The last key of the next $2 gifts after $1.
SELECT page.key FROM (
    SELECT gift_id AS key FROM gifts.gifts WHERE gift_id > $1::uuid ORDER BY gift_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_gifts :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM gifts.gifts;

-- name: list_claim_keys :many
-- The last key of the next $2 claims after $1.
SELECT page.key FROM (
    SELECT claim_id AS key FROM inventory.claims WHERE claim_id > $1::uuid ORDER BY claim_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_claims :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM inventory.claims;

-- name: list_appointment_keys :many
-- The last key of the next $2 appointments after $1.
SELECT page.key FROM (
    SELECT appointment_id AS key FROM appointments.appointments
    WHERE appointment_id > $1::uuid ORDER BY appointment_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_appointments :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM appointments.appointments;

-- name: list_unbalanced_accounts :many
-- L1. A balance is the sum of its entries.
SELECT format('member %s', account.member_id) AS subject, account.balance::text AS stored, moved.points::text AS due
FROM points.accounts AS account
CROSS JOIN LATERAL (
    SELECT coalesce(sum(CASE 'MEMBER' WHEN entry.credit THEN entry.points WHEN entry.debit THEN -entry.points ELSE 0 END),
        0)::bigint AS points
    FROM points.entries AS entry
    WHERE entry.member_id = account.member_id AND entry.programme_id = account.programme_id
) AS moved
WHERE account.member_id > $1::uuid AND account.member_id <= $2::uuid AND account.balance <> moved.points;

-- name: list_unaccounted_entries :many
-- L1. Whoever has entries has an account that counts them.
SELECT format('member %s', entry.member_id) AS subject, 'no account' AS stored, format('of %s entries', count(*)) AS due
FROM points.entries AS entry
WHERE entry.member_id > $1::uuid AND entry.member_id <= $2::uuid AND NOT EXISTS (
    SELECT FROM points.accounts AS account
    WHERE account.member_id = entry.member_id AND account.programme_id = entry.programme_id
)
GROUP BY entry.member_id, entry.programme_id;

-- name: list_accounts_unlike_lots :many
-- L1. A balance is what lots hold less the debt, and nobody owes while they have points that could pay.
SELECT format('member %s', account.member_id) AS subject, account.balance::text AS stored,
    format('%s in lots - %s owed', lots.remaining, account.debt) AS due
FROM points.accounts AS account
CROSS JOIN LATERAL (
    SELECT coalesce(sum(lot.remaining), 0)::bigint AS remaining
    FROM points.lots AS lot
    WHERE lot.member_id = account.member_id AND lot.programme_id = account.programme_id AND lot.remaining > 0
) AS lots
WHERE account.member_id > $1::uuid AND account.member_id <= $2::uuid
    AND account.balance <> lots.remaining - account.debt;

-- name: list_misused_lots :many
-- L3. What remains of a lot is the lot less its uses, and what expired of it was posted.
SELECT format('lot %s', lot.lot_id) AS subject, format('%s of %s left, %s expired', lot.remaining, lot.points,
    lot.expired) AS stored, format('%s left, %s posted as expired', lot.points - used.points, used.expired) AS due
FROM points.lots AS lot
CROSS JOIN LATERAL (
    SELECT coalesce(sum(use.points), 0)::bigint AS points,
        coalesce(sum(use.points) FILTER (WHERE entry.kind = 'EXPIRE'), 0)::bigint AS expired
    FROM points.lot_uses AS use
    JOIN points.entries AS entry ON entry.entry_id = use.entry_id
    WHERE use.lot_id = lot.lot_id
) AS used
WHERE lot.lot_id > $1::uuid AND lot.lot_id <= $2::uuid
    AND (used.points > lot.points OR lot.remaining <> lot.points - used.points OR lot.expired > used.expired);

-- name: list_lots_unlike_entries :many
-- L3. A lot holds what one entry gave its member.
SELECT format('lot %s', lot.lot_id) AS subject, lot.points::text AS stored,
    coalesce(format('%s to %s', entry.points, lower(entry.credit)), 'no entry') AS due
FROM points.lots AS lot
LEFT JOIN points.entries AS entry ON entry.entry_id = lot.entry_id
WHERE lot.lot_id > $1::uuid AND lot.lot_id <= $2::uuid
    AND (entry.entry_id IS NULL OR entry.credit <> 'MEMBER' OR entry.points <> lot.points);

-- name: list_one_sided_entries :many
-- Double entry. Every entry moves points between the member and one other account, so that all accounts sum to zero.
SELECT format('entry %s', entry.entry_id) AS subject, format('%s from %s', entry.points, lower(entry.debit)) AS stored,
    format('to %s', lower(entry.credit)) AS due
FROM points.entries AS entry
WHERE entry.entry_id > $1::uuid AND entry.entry_id <= $2::uuid
    AND (entry.points <= 0 OR (entry.debit = 'MEMBER') = (entry.credit = 'MEMBER'));

-- name: list_spending_without_lots :many
-- L3. What left a member by spending, adjusting or expiring left lots.
SELECT format('entry %s', entry.entry_id) AS subject, entry.points::text AS stored, used.points::text AS due
FROM points.entries AS entry
CROSS JOIN LATERAL (
    SELECT coalesce(sum(use.points), 0)::bigint AS points
    FROM points.lot_uses AS use WHERE use.entry_id = entry.entry_id
) AS used
WHERE entry.entry_id > $1::uuid AND entry.entry_id <= $2::uuid
    AND entry.kind IN ('REDEEM', 'ADJUST', 'EXPIRE') AND entry.debit = 'MEMBER' AND used.points <> entry.points;

-- name: list_repeated_causes :many
-- L2. One cause is booked once in each kind.
SELECT format('entry %s', entry.entry_id) AS subject, format('%s of %s %s', lower(entry.kind), entry.cause_event,
    entry.cause_item) AS stored, format('once, as entry %s', other.entry_id) AS due
FROM points.entries AS entry
JOIN points.entries AS other ON other.cause_event = entry.cause_event AND other.cause_item = entry.cause_item
    AND other.cause_revision = entry.cause_revision AND other.kind = entry.kind AND other.entry_id < entry.entry_id
WHERE entry.entry_id > $1::uuid AND entry.entry_id <= $2::uuid;

-- name: list_misallocated_lines :many
-- L6. A line earned what its lots were made of.
SELECT format('sale %s line %s', line.sale_id, line.line_no) AS subject, line.points::text AS stored,
    lots.points::text AS due
FROM receipts.lines AS line
JOIN receipts.sales AS sale ON sale.sale_id = line.sale_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(lot.points), 0)::bigint AS points
    FROM points.lots AS lot WHERE lot.sale_id = line.sale_id AND lot.line_no = line.line_no
) AS lots
WHERE line.sale_id > $1::uuid AND line.sale_id <= $2::uuid AND sale.member_id IS NOT NULL
    AND line.points <> lots.points;

-- name: list_unreturned_points :many
-- L4. Commit and full return net to zero, or to the shortfall that was recorded and what had expired before.
SELECT format('sale %s', sale.sale_id) AS subject,
    format('%s clawed back, %s short, %s given back', back.clawed, back.shortfall, sale.points_returned) AS stored,
    format('%s earned, %s of it expired, %s paid with', lots.points, lots.expired, sale.points_redeemed) AS due
FROM receipts.sales AS sale
CROSS JOIN LATERAL (
    SELECT coalesce(sum(lot.points), 0)::bigint AS points, coalesce(sum(lot.expired), 0)::bigint AS expired,
        coalesce(sum(lot.reversed), 0)::bigint AS reversed
    FROM points.lots AS lot WHERE lot.sale_id = sale.sale_id
) AS lots
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.points_clawed_back), 0)::bigint AS clawed,
        coalesce(sum(part.points_shortfall), 0)::bigint AS shortfall
    FROM receipts.returns AS part WHERE part.sale_id = sale.sale_id
) AS back
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid AND sale.member_id IS NOT NULL
    AND sale.state IN ('VOIDED', 'RETURNED')
    AND (
        lots.reversed <> lots.points
        OR sale.points_returned <> sale.points_redeemed
        OR lots.points - back.clawed - back.shortfall NOT BETWEEN 0 AND lots.expired
    );

-- name: list_unbooked_clawbacks :many
-- L4. What returns say they took back is what the ledger took back.
SELECT format('sale %s', sale.sale_id) AS subject, back.clawed::text AS stored, booked.points::text AS due
FROM receipts.sales AS sale
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.points_clawed_back), 0)::bigint AS clawed
    FROM receipts.returns AS part WHERE part.sale_id = sale.sale_id
) AS back
CROSS JOIN LATERAL (
    SELECT coalesce(sum(entry.points), 0)::bigint AS points
    FROM points.entries AS entry
    WHERE entry.sale_id = sale.sale_id AND entry.kind = 'REVERSE' AND entry.debit = 'MEMBER'
) AS booked
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid AND sale.member_id IS NOT NULL
    AND back.clawed <> booked.points;

-- name: list_unlike_payments :many
-- A sale is the sum of its lines, and was paid by its tenders, its points and its coupons.
SELECT format('sale %s', sale.sale_id) AS subject, sale.net_minor::text AS stored,
    format('%s by lines, %s by payments', lines.net_minor, coalesce(paid.amount_minor, 0)
        + coalesce((sale.inputs ->> 'points_value_minor')::bigint, 0) + sale.discount_minor) AS due
FROM receipts.sales AS sale
CROSS JOIN LATERAL (
    SELECT coalesce(sum(line.net_minor), 0)::bigint AS net_minor
    FROM receipts.lines AS line WHERE line.sale_id = sale.sale_id
) AS lines
CROSS JOIN LATERAL (
    SELECT sum(tender.amount_minor)::bigint AS amount_minor
    FROM receipts.tenders AS tender WHERE tender.sale_id = sale.sale_id
) AS paid
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid AND (
    sale.net_minor <> lines.net_minor
    OR sale.net_minor <> coalesce(paid.amount_minor, 0)
        + coalesce((sale.inputs ->> 'points_value_minor')::bigint, 0) + sale.discount_minor
);

-- name: list_overreturned_lines :many
-- P7. What came back of a line is what its returns say, and never more than was sold.
SELECT format('sale %s line %s', line.sale_id, line.line_no) AS subject,
    format('%s pieces, %s back', line.returned_quantity, line.returned_minor) AS stored,
    format('%s pieces, %s back; sold %s, %s', back.quantity, back.amount_minor, line.quantity, line.net_minor) AS due
FROM receipts.lines AS line
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.quantity), 0)::bigint AS quantity, coalesce(sum(part.amount_minor), 0)::bigint AS amount_minor
    FROM receipts.returns AS taken
    JOIN receipts.return_lines AS part ON part.return_id = taken.return_id
    WHERE taken.sale_id = line.sale_id AND part.line_no = line.line_no
) AS back
WHERE line.sale_id > $1::uuid AND line.sale_id <= $2::uuid AND (
    line.returned_quantity <> back.quantity OR line.returned_minor <> back.amount_minor
    OR back.quantity > line.quantity OR back.amount_minor > line.net_minor
);

-- name: list_unlike_returns :many
-- P7. What came back of a sale is the sum of its lines and of its returns, and its state says so.
SELECT format('sale %s', sale.sale_id) AS subject, format('%s, %s back', lower(sale.state), sale.returned_minor) AS stored,
    format('%s by lines, %s by returns, %s of %s pieces', lines.returned_minor, back.amount_minor, lines.returned,
        lines.quantity) AS due
FROM receipts.sales AS sale
CROSS JOIN LATERAL (
    SELECT coalesce(sum(line.returned_minor), 0)::bigint AS returned_minor,
        coalesce(sum(line.returned_quantity), 0)::bigint AS returned, coalesce(sum(line.quantity), 0)::bigint AS quantity
    FROM receipts.lines AS line WHERE line.sale_id = sale.sale_id
) AS lines
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.amount_minor), 0)::bigint AS amount_minor,
        coalesce(sum(part.points_given_back), 0)::bigint AS points_given_back
    FROM receipts.returns AS part WHERE part.sale_id = sale.sale_id
) AS back
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid AND (
    sale.returned_minor <> lines.returned_minor
    OR sale.returned_minor <> back.amount_minor
    OR sale.points_returned <> back.points_given_back
    OR CASE sale.state
        WHEN 'COMMITTED' THEN lines.returned > 0
        WHEN 'PART_RETURNED' THEN lines.returned NOT BETWEEN 1 AND lines.quantity - 1
        ELSE lines.returned <> lines.quantity
    END
);

-- name: list_repeated_receipts :many
-- P2. A till's receipt number of a day stands for one sale.
SELECT format('sale %s', sale.sale_id) AS subject,
    format('no. %s of till %s on %s', sale.sequence, sale.till_id, sale.business_date) AS stored,
    format('once, as sale %s', other.sale_id) AS due
FROM receipts.sales AS sale
JOIN receipts.sales AS other ON other.store_id = sale.store_id AND other.till_id = sale.till_id
    AND other.business_date = sale.business_date AND other.sequence = sale.sequence AND other.sale_id < sale.sale_id
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid;

-- name: list_unlike_days :many
-- The net spend and base points of a member's day are those of its sales less what came back, judged cumulatively.
WITH counted AS (
    SELECT sale.member_id, sale.programme_id, sale.business_date,
        sum(CASE WHEN line.returned_minor = line.net_minor THEN 0
            ELSE line.tier_minor - line.tier_minor * line.returned_minor / line.net_minor END)::bigint AS tier_minor,
        sum(CASE WHEN line.returned_minor = line.net_minor THEN 0
            ELSE base.points - base.points * line.returned_minor / line.net_minor END)::bigint AS base_points
    FROM receipts.sales AS sale
    JOIN receipts.lines AS line ON line.sale_id = sale.sale_id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(lot.points), 0)::bigint AS points FROM points.lots AS lot
        WHERE lot.sale_id = line.sale_id AND lot.line_no = line.line_no AND lot.rule = $3::text
    ) AS base
    WHERE sale.member_id > $1::uuid AND sale.member_id <= $2::uuid
    GROUP BY sale.member_id, sale.programme_id, sale.business_date
), stored AS (
    SELECT day.member_id, day.programme_id, day.business_date, day.tier_minor, day.base_points
    FROM receipts.business_days AS day
    WHERE day.member_id > $1::uuid AND day.member_id <= $2::uuid
)
SELECT format('member %s on %s', member_id, business_date) AS subject,
    format('%s spent, %s base points', coalesce(stored.tier_minor, 0), coalesce(stored.base_points, 0)) AS stored,
    format('%s spent, %s base points', coalesce(counted.tier_minor, 0), coalesce(counted.base_points, 0)) AS due
FROM stored FULL JOIN counted USING (member_id, programme_id, business_date)
WHERE coalesce(stored.tier_minor, 0) <> coalesce(counted.tier_minor, 0)
    OR coalesce(stored.base_points, 0) <> coalesce(counted.base_points, 0);

-- name: list_amounts_used_twice :many
-- C6. An amount counts once per exclusive group: what was used of a line is what coupons and gifts used, within the line.
SELECT format('sale %s line %s in group %s', total.sale_id, total.line_no, total.exclusive_group) AS subject,
    format('%s of %s used', total.used_minor, total.net_minor) AS stored,
    format('%s used of a line of %s', used.minor, line.net_minor) AS due
FROM receipts.group_amounts AS total
JOIN receipts.lines AS line ON line.sale_id = total.sale_id AND line.line_no = total.line_no
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.used_minor), 0)::bigint AS minor
    FROM receipts.amounts_used AS part
    WHERE part.sale_id = total.sale_id AND part.line_no = total.line_no AND part.exclusive_group = total.exclusive_group
) AS used
WHERE total.sale_id > $1::uuid AND total.sale_id <= $2::uuid
    AND (total.used_minor <> used.minor OR used.minor > line.net_minor OR total.net_minor > line.net_minor);

-- name: list_uncounted_amounts :many
-- C6. Whatever coupons and gifts used of a line is counted for its group.
SELECT format('sale %s line %s in group %s', part.sale_id, part.line_no, part.exclusive_group) AS subject,
    'not counted' AS stored, format('%s used', part.used_minor) AS due
FROM receipts.amounts_used AS part
WHERE part.sale_id > $1::uuid AND part.sale_id <= $2::uuid AND NOT EXISTS (
    SELECT FROM receipts.group_amounts AS total
    WHERE total.sale_id = part.sale_id AND total.line_no = part.line_no
        AND total.exclusive_group = part.exclusive_group
);

-- name: list_unlike_discounts :many
-- C8. The discount of a sale is the sum of its lines' shares and of what its coupons took off. A till that granted what
-- no coupon could give is in the exceptions.
SELECT format('sale %s', sale.sale_id) AS subject,
    format('%s off, %s of it back', sale.discount_minor, sale.returned_discount_minor) AS stored,
    format('lines %s and %s, coupons %s, returns %s', lines.discount_minor, lines.returned_minor, coupons.discount_minor,
        back.discount_minor) AS due
FROM receipts.sales AS sale
CROSS JOIN LATERAL (
    SELECT coalesce(sum(line.discount_minor), 0)::bigint AS discount_minor,
        coalesce(sum(line.returned_discount_minor), 0)::bigint AS returned_minor
    FROM receipts.lines AS line WHERE line.sale_id = sale.sale_id
) AS lines
CROSS JOIN LATERAL (
    SELECT coalesce(sum(use.discount_minor), 0)::bigint AS discount_minor
    FROM coupons.redemptions AS use WHERE use.sale_id = sale.sale_id
) AS coupons
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.discount_minor), 0)::bigint AS discount_minor
    FROM receipts.returns AS part WHERE part.sale_id = sale.sale_id
) AS back
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid AND (
    sale.discount_minor <> lines.discount_minor
    OR sale.returned_discount_minor <> lines.returned_minor
    OR sale.discount_minor < coupons.discount_minor
    OR (sale.discount_minor > coupons.discount_minor AND sale.exceptions = '[]'::jsonb)
    OR sale.returned_discount_minor <> back.discount_minor
);

-- name: list_overissued_offers :many
-- C1. Issued coupons of an offer with a quota are counted, and within the quota.
SELECT format('offer %s (%s)', offer.code, offer.offer_id) AS subject, format('%s issued of %s', offer.issued,
    coalesce(offer.quota::text, 'any number')) AS stored, format('%s coupons', issued.coupons) AS due
FROM coupons.offers AS offer
CROSS JOIN LATERAL (
    SELECT count(*)::bigint AS coupons
    FROM coupons.coupons AS coupon WHERE coupon.offer_id = offer.offer_id AND coupon.cause IS NOT NULL
) AS issued
WHERE offer.quota < issued.coupons OR offer.quota < offer.issued;

-- name: list_overissued_days :many
-- C1. Issued coupons of a day are within the quota of that day.
SELECT format('offer %s on %s', day.offer_id, day.business_date) AS subject, day.issued::text AS stored,
    format('at most %s', day.quota) AS due
FROM coupons.offer_days AS day
WHERE day.issued > day.quota OR day.issued < 0;

-- name: list_overissued_members :many
-- C1. Nobody has more coupons of an offer than the limit it was issued under, but for what a merge brought together.
SELECT format('coupon %s of member %s', coupon.coupon_id, coupon.member_id) AS subject,
    format('number %s', coupon.ordinal) AS stored, format('at most %s', coupon.member_limit) AS due
FROM coupons.coupons AS coupon
WHERE coupon.coupon_id > $1::uuid AND coupon.coupon_id <= $2::uuid AND coupon.merged_from IS NULL
    AND (coupon.ordinal > coupon.member_limit OR EXISTS (
        SELECT FROM coupons.coupons AS other
        WHERE other.member_id = coupon.member_id AND other.offer_id = coupon.offer_id
            AND other.ordinal = coupon.ordinal AND other.coupon_id < coupon.coupon_id
    ));

-- name: list_misredeemed_coupons :many
-- C2. A coupon is redeemed once, in the sale that it names, or not at all.
SELECT format('coupon %s', coupon.coupon_id) AS subject,
    format('%s%s', lower(coupon.state), ' in sale ' || coupon.sale_id) AS stored,
    format('%s live redemptions, %s of them in that sale', live.uses, live.own) AS due
FROM coupons.coupons AS coupon
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS uses, count(*) FILTER (WHERE use.sale_id = coupon.sale_id)::integer AS own
    FROM coupons.redemptions AS use WHERE use.coupon_id = coupon.coupon_id AND use.reversed_at IS NULL
) AS live
WHERE coupon.coupon_id > $1::uuid AND coupon.coupon_id <= $2::uuid
    AND (live.uses, live.own) <> (CASE WHEN coupon.state = 'REDEEMED' THEN (1, 1) ELSE (0, 0) END);

-- name: list_misreserved_coupons :many
-- C3, C4. A coupon is reserved by one quote, within its own time; in no other state by any.
SELECT format('coupon %s', coupon.coupon_id) AS subject, format('%s, reserved %s', lower(coupon.state),
    coalesce(coupon.reserved_at::text, 'never')) AS stored,
    format('from %s to %s', coupon.valid_from, coupon.valid_until) AS due
FROM coupons.coupons AS coupon
WHERE coupon.coupon_id > $1::uuid AND coupon.coupon_id <= $2::uuid AND (
    (coupon.state = 'RESERVED') <> (coupon.reserved_by IS NOT NULL)
    OR (coupon.reserved_by IS NULL) <> (coupon.reserved_at IS NULL)
    OR coupon.reserved_at < coupon.valid_from OR coupon.reserved_at >= coupon.valid_until
);

-- name: list_lifeless_redemptions :many
-- C2. A redemption is reversed when its sale was voided or wholly returned, and only then.
SELECT format('coupon %s in sale %s', use.coupon_id, use.sale_id) AS subject,
    coalesce('reversed ' || use.reversed_at, 'redeemed') AS stored, lower(sale.state) AS due
FROM coupons.redemptions AS use
JOIN receipts.sales AS sale ON sale.sale_id = use.sale_id
WHERE use.coupon_id > $1::uuid AND use.coupon_id <= $2::uuid
    AND (use.reversed_at IS NOT NULL) <> (sale.state IN ('VOIDED', 'RETURNED'));

-- name: list_gifts_unlike_claims :many
-- I5. A gift is the claim of its unit: the same pool, and given back when the gift has ended without a hand-over.
SELECT format('gift %s', gift.gift_id) AS subject, lower(gift.state) AS stored,
    coalesce(format('claim %s%s', lower(claim.state), CASE WHEN claim.pool_id <> gift.pool_id THEN ' of another pool'
        END), 'no claim') AS due
FROM gifts.gifts AS gift
LEFT JOIN inventory.claims AS claim ON claim.claim_id = gift.gift_id
WHERE gift.gift_id > $1::uuid AND gift.gift_id <= $2::uuid AND (
    claim.claim_id IS NULL OR claim.pool_id <> gift.pool_id OR claim.member_id <> gift.member_id
    OR claim.state <> CASE WHEN gift.state IN ('CANCELLED', 'FORFEITED', 'RETURNED') THEN 'RETURNED' ELSE 'CONFIRMED' END
);

-- name: list_uncovered_gifts :many
-- C6. A gift for spend that lasts is covered by receipts of its day and member; one that has lost its cover uses none.
SELECT format('gift %s', gift.gift_id) AS subject, format('%s, from %s on', lower(gift.state), gift.minimum_spend_minor)
    AS stored, format('%s used, %s of it of others', used.minor, used.strange) AS due
FROM gifts.gifts AS gift
CROSS JOIN LATERAL (
    SELECT coalesce(sum(part.used_minor), 0)::bigint AS minor, coalesce(sum(part.used_minor) FILTER (
        WHERE sale.business_date <> gift.day OR sale.member_id IS DISTINCT FROM gift.member_id
    ), 0)::bigint AS strange
    FROM receipts.amounts_used AS part
    JOIN receipts.sales AS sale ON sale.sale_id = part.sale_id
    WHERE part.used_by_id = gift.gift_id AND part.used_by = 'GIFT'
) AS used
WHERE gift.gift_id > $1::uuid AND gift.gift_id <= $2::uuid AND gift.minimum_spend_minor IS NOT NULL
    AND (used.strange > 0 OR CASE
        WHEN gift.state IN ('CANCELLED', 'RETURNED') THEN used.minor > 0
        WHEN gift.state IN ('CLAWBACK_DUE', 'WAIVED') THEN used.minor > gift.minimum_spend_minor
        ELSE used.minor <> gift.minimum_spend_minor AND NOT EXISTS (
            SELECT FROM gifts.judgements AS due
            WHERE due.member_id = gift.member_id AND due.programme_id = gift.programme_id
                AND due.store_id = gift.store_id AND due.day = gift.day
        )
    END);

-- name: list_miscounted_pools :many
-- I2, I3. What a pool counts as confirmed are its confirmed claims, and confirmed and voided fit into the total.
SELECT format('pool %s of offer %s', pool.pool_id, pool.offer_id) AS subject,
    format('%s confirmed, %s voided of %s', pool.confirmed, pool.voided, pool.total) AS stored,
    format('%s confirmed claims', counted.claims) AS due
FROM inventory.pools AS pool
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS claims
    FROM inventory.claims AS claim WHERE claim.pool_id = pool.pool_id AND claim.state = 'CONFIRMED'
) AS counted
WHERE pool.confirmed <> counted.claims OR pool.confirmed + pool.voided > pool.total OR pool.confirmed < 0
    OR pool.voided < 0;

-- name: list_miscounted_members :many
-- I4. What is counted for a member of an offer are their claims that count, within the limit.
SELECT format('member %s, offer %s%s', held.member_id, held.offer_id, ', ' || held.day) AS subject,
    format('%s of %s', held.claimed, held.most) AS stored, format('%s claims', counted.claims) AS due
FROM inventory.member_counts AS held
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS claims FROM inventory.claims AS claim
    WHERE claim.member_id = held.member_id AND claim.programme_id = held.programme_id
        AND claim.offer_id = held.offer_id AND claim.counts AND (held.day IS NULL OR claim.day = held.day)
) AS counted
WHERE held.member_id > $1::uuid AND held.member_id <= $2::uuid
    AND (held.claimed <> counted.claims OR held.claimed > held.most OR held.claimed < 0)
UNION ALL
SELECT format('member %s, offer %s', claim.member_id, claim.offer_id), 'not counted', format('%s claims', count(*))
FROM inventory.claims AS claim
JOIN inventory.offers AS offer ON offer.offer_id = claim.offer_id
WHERE claim.member_id > $1::uuid AND claim.member_id <= $2::uuid AND claim.counts
    AND (
        (offer.limit_per_member IS NOT NULL AND NOT EXISTS (
            SELECT FROM inventory.member_counts AS held
            WHERE held.offer_id = claim.offer_id AND held.member_id = claim.member_id AND held.day IS NULL
        ))
        OR (offer.limit_per_member_day IS NOT NULL AND NOT EXISTS (
            SELECT FROM inventory.member_counts AS held
            WHERE held.offer_id = claim.offer_id AND held.member_id = claim.member_id AND held.day = claim.day
        ))
    )
GROUP BY claim.member_id, claim.offer_id;

-- name: list_event_keys :many
-- The last key of the next $2 events after $1.
SELECT page.key FROM (
    SELECT event_id AS key FROM platform.outbox WHERE event_id > $1::uuid ORDER BY event_id LIMIT $2::integer
) AS page ORDER BY page.key DESC LIMIT 1;

-- name: count_events :one
-- For the progress bar.
SELECT count(*)::bigint AS keys FROM platform.outbox;

-- name: list_passed_events :many
-- Events of one key are handed on in order: none is done after an earlier one had failed and was not finished.
SELECT format('event %s of key %s', later.event_id, later.ordering_key) AS subject,
    format('done at %s', later.handled_at) AS stored,
    format('after event %s, %s since %s', earlier.event_id, lower(earlier.state), earlier.due_at) AS due
FROM platform.outbox AS earlier
JOIN platform.outbox AS later ON later.ordering_key = earlier.ordering_key AND later.sequence > earlier.sequence
    AND later.state = 'DONE' AND later.handled_at > earlier.due_at
WHERE earlier.event_id > $1::uuid AND earlier.event_id <= $2::uuid
    AND earlier.state IN ('PENDING', 'DEAD') AND earlier.attempts > 0;

-- name: list_dead_events :many
-- Events that no attempt could hand on, each of which parks what follows it.
SELECT format('event %s (%s)', event.event_id, event.name) AS subject, format('dead after %s attempts', event.attempts)
    AS stored, coalesce(event.last_error, 'no reason recorded') AS due
FROM platform.outbox AS event
WHERE event.event_id > $1::uuid AND event.event_id <= $2::uuid AND event.state = 'DEAD';

-- name: list_stuck_events :many
-- Events that were due at $3 and that nothing before them holds up, and yet nobody has handed on.
SELECT format('event %s (%s)', event.event_id, event.name) AS subject, format('pending, due %s', event.due_at) AS stored,
    'handed on' AS due
FROM platform.outbox AS event
WHERE event.event_id > $1::uuid AND event.event_id <= $2::uuid AND event.state = 'PENDING'
    AND event.due_at < $3::timestamptz AND NOT EXISTS (
        SELECT FROM platform.outbox AS earlier
        WHERE earlier.ordering_key = event.ordering_key AND earlier.sequence < event.sequence
            AND earlier.state IN ('PENDING', 'DEAD')
    );

-- name: list_rank_holders :many
-- T5. Live ranks of a tier and period are no more than its cap, and each is held once.
SELECT format('%s from %s', held.tier, held.rank_period_starts_on) AS subject,
    format('%s hold a rank, the last %s', count(*), max(held.rank)) AS stored, format('at most %s', max(held.rank_cap)) AS due
FROM tiers.grants AS held
WHERE held.source = 'RANKED' AND held.rescinded_at IS NULL
GROUP BY held.programme_id, held.tier, held.rank_period_starts_on
HAVING count(*) > max(held.rank_cap) OR max(held.rank) > max(held.rank_cap) OR count(*) > count(DISTINCT held.rank);

-- name: list_facts_of_members :many
-- What the fold of tiers needs of everybody in a stretch who has spent or was ever above the lowest tier.
SELECT account.member_id, account.programme_id, recorded.records, days.dates, days.tier_minor, days.base_points
FROM members.memberships AS account
LEFT JOIN tiers.records AS recorded
    ON recorded.member_id = account.member_id AND recorded.programme_id = account.programme_id
LEFT JOIN LATERAL (
    SELECT array_agg(day.business_date ORDER BY day.business_date) AS dates,
        array_agg(day.tier_minor ORDER BY day.business_date) AS tier_minor,
        array_agg(day.base_points ORDER BY day.business_date) AS base_points
    FROM receipts.business_days AS day
    WHERE day.member_id = account.member_id AND day.programme_id = account.programme_id
) AS days ON true
WHERE account.member_id > $1::uuid AND account.member_id <= $2::uuid
    AND (recorded.records IS NOT NULL OR days.dates IS NOT NULL);

-- name: list_step_downs :many
-- The steps that reviews took in a stretch of members, overturned ones left out.
SELECT review.member_id, review.programme_id, review.review_id, review.due_on, review.from_tier, review.to_tier,
    review.ladder_revision
FROM tiers.reviews AS review
WHERE review.member_id > $1::uuid AND review.member_id <= $2::uuid AND review.step = 'STEPPED_DOWN'
ORDER BY review.member_id, review.programme_id, review.due_on, review.review_id;

-- name: list_decisions :many
-- What sales of a stretch were decided from, and what was decided.
SELECT sale.sale_id, sale.programme_id, sale.inputs, sale.decision
FROM receipts.sales AS sale
WHERE sale.sale_id > $1::uuid AND sale.sale_id <= $2::uuid;

-- name: list_gift_stories :many
-- The steps of gifts, in order.
SELECT gift.gift_id, gift.state, gift.step, story.steps, story.before, story.after
FROM gifts.gifts AS gift
LEFT JOIN LATERAL (
    SELECT array_agg(change.step ORDER BY change.step) AS steps,
        array_agg(change.from_state ORDER BY change.step) AS before,
        array_agg(change.to_state ORDER BY change.step) AS after
    FROM gifts.changes AS change WHERE change.gift_id = gift.gift_id
) AS story ON true
WHERE gift.gift_id > $1::uuid AND gift.gift_id <= $2::uuid;

-- name: list_appointment_stories :many
-- The steps of appointments, in order.
SELECT booked.appointment_id, booked.state, booked.step, story.steps, story.before, story.after
FROM appointments.appointments AS booked
LEFT JOIN LATERAL (
    SELECT array_agg(change.step ORDER BY change.step) AS steps,
        array_agg(change.from_state ORDER BY change.step) AS before,
        array_agg(change.to_state ORDER BY change.step) AS after
    FROM appointments.changes AS change WHERE change.appointment_id = booked.appointment_id
) AS story ON true
WHERE booked.appointment_id > $1::uuid AND booked.appointment_id <= $2::uuid;

-- name: list_unplaced_appointments :many
-- A3, A9. A live appointment occupies its member for its time, its associate, and at least one resource, for that time
-- and its buffers.
SELECT format('appointment %s', booked.appointment_id) AS subject,
    format('%s places, member %s, associate %s', taken.places, taken.of_member, taken.of_associate) AS stored,
    format('%s to %s', booked.starts_at, booked.ends_at) AS due
FROM appointments.appointments AS booked
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE place.resource_id <> booked.member_id AND place.during @> its.time) AS places,
        count(*) FILTER (WHERE place.resource_id = booked.member_id AND place.during = its.time) AS of_member,
        count(*) FILTER (WHERE place.resource_id = booked.associate_id AND place.during @> its.time) AS of_associate
    FROM (SELECT tstzrange(booked.starts_at, booked.ends_at)) AS its (time)
    JOIN appointments.occupied AS place ON place.appointment_id = booked.appointment_id AND place.live
) AS taken
WHERE booked.appointment_id > $1::uuid AND booked.appointment_id <= $2::uuid AND booked.state = ANY ($3::text[])
    AND (taken.places = 0 OR taken.of_member <> 1 OR (booked.associate_id IS NOT NULL AND taken.of_associate <> 1));

-- name: list_overlaps :many
-- A1, A3, A9. Of a resource, a place and a member too, no two live ranges overlap.
SELECT format('resource %s', one.resource_id) AS subject,
    format('appointment %s, %s', one.appointment_id, one.during) AS stored,
    format('free of appointment %s, %s', other.appointment_id, other.during) AS due
FROM appointments.occupied AS one
JOIN appointments.occupied AS other ON other.resource_id = one.resource_id AND other.live
    AND other.during && one.during AND other.appointment_id < one.appointment_id
WHERE one.live AND one.appointment_id > $1::uuid AND one.appointment_id <= $2::uuid;

-- name: list_places_unlike_states :many
-- What an appointment occupies is live as long as it is, and lapses with it.
SELECT format('appointment %s', booked.appointment_id) AS subject,
    format('%s, lapses %s', lower(booked.state), coalesce(booked.lapses_at::text, 'never')) AS stored,
    format('resource %s %s, lapses %s', taken.resource_id, CASE WHEN taken.live THEN 'taken' ELSE 'free' END,
        coalesce(taken.lapses_at::text, 'never')) AS due
FROM appointments.appointments AS booked
JOIN appointments.occupied AS taken ON taken.appointment_id = booked.appointment_id
WHERE booked.appointment_id > $1::uuid AND booked.appointment_id <= $2::uuid
    AND (taken.live <> (booked.state = ANY ($3::text[])) OR taken.lapses_at IS DISTINCT FROM booked.lapses_at);

-- name: list_broken_sequences :many
-- A7. Whoever replaces an appointment keeps its UID, its member and its place in the visit, and SEQUENCE rises.
SELECT format('appointment %s', later.appointment_id) AS subject,
    format('UID %s, SEQUENCE %s', later.uid, later.sequence) AS stored,
    coalesce(format('after UID %s, SEQUENCE %s, %s', earlier.uid, earlier.sequence, lower(earlier.state)),
        'what it replaces') AS due
FROM appointments.appointments AS later
LEFT JOIN appointments.appointments AS earlier ON earlier.appointment_id = later.replaces
WHERE later.appointment_id > $1::uuid AND later.appointment_id <= $2::uuid AND later.replaces IS NOT NULL
    AND (earlier.appointment_id IS NULL OR earlier.uid <> later.uid OR earlier.sequence >= later.sequence
        OR earlier.state <> 'SUPERSEDED' OR earlier.visit_id IS DISTINCT FROM later.visit_id);

-- name: list_lost_appointments :many
-- A5. What was superseded has a successor, and of one UID there is one that stands.
SELECT format('appointment %s', earlier.appointment_id) AS subject, 'superseded' AS stored, 'by another one' AS due
FROM appointments.appointments AS earlier
WHERE earlier.appointment_id > $1::uuid AND earlier.appointment_id <= $2::uuid AND earlier.state = 'SUPERSEDED'
    AND NOT EXISTS (
        SELECT FROM appointments.appointments AS later WHERE later.replaces = earlier.appointment_id
    );

-- name: list_lifeless_offers :many
-- A8. What the waitlist offers is one held appointment of that member, offered once. What became of it before $1 has been
-- followed.
SELECT format('waitlist entry %s', entry.entry_id) AS subject, format('offered appointment %s', entry.appointment_id)
    AS stored, coalesce(format('%s for member %s', lower(booked.state), booked.member_id), 'no appointment') AS due
FROM waitlist.entries AS entry
LEFT JOIN appointments.appointments AS booked ON booked.appointment_id = entry.appointment_id
WHERE entry.state = 'OFFERED' AND (
    booked.appointment_id IS NULL OR booked.member_id <> entry.member_id
    OR (booked.state NOT IN ('HELD', 'EXPIRED') AND booked.changed_at < $1::timestamptz)
    OR EXISTS (
        SELECT FROM waitlist.entries AS other
        WHERE other.appointment_id = entry.appointment_id AND other.entry_id <> entry.entry_id
            AND other.state = 'OFFERED'
    )
);

-- name: list_constraints :many
-- Every constraint of ours, and whether all rows are known to satisfy it.
SELECT space.nspname || '.' || owner.relname AS on_table, held.conname AS name, held.convalidated AS sound
FROM pg_catalog.pg_constraint AS held
JOIN pg_catalog.pg_class AS owner ON owner.oid = held.conrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = owner.relnamespace
WHERE held.contype <> 'n' AND space.nspname NOT IN ('pg_catalog', 'information_schema');

-- name: list_triggers :many
-- Every trigger of ours, and whether it fires for everybody.
SELECT space.nspname || '.' || owner.relname AS on_table, fired.tgname AS name, fired.tgenabled IN ('O', 'A') AS sound
FROM pg_catalog.pg_trigger AS fired
JOIN pg_catalog.pg_class AS owner ON owner.oid = fired.tgrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = owner.relnamespace
WHERE NOT fired.tgisinternal;

-- name: list_indexes :many
-- Every index, and whether it is complete: one that was made beside writers and failed stays behind as a ruin.
SELECT space.nspname || '.' || owner.relname AS on_table, made.relname AS name, entry.indisvalid AND entry.indisready AS sound
FROM pg_catalog.pg_index AS entry
JOIN pg_catalog.pg_class AS made ON made.oid = entry.indexrelid
JOIN pg_catalog.pg_class AS owner ON owner.oid = entry.indrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = owner.relnamespace
WHERE space.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema');

-- name: list_policies :many
-- Every policy of row-level security, and whether its table holds everybody to them.
SELECT space.nspname || '.' || owner.relname AS on_table, rule.polname AS name,
    owner.relrowsecurity AND owner.relforcerowsecurity AS sound
FROM pg_catalog.pg_policy AS rule
JOIN pg_catalog.pg_class AS owner ON owner.oid = rule.polrelid
JOIN pg_catalog.pg_namespace AS space ON space.oid = owner.relnamespace;
