-- What the till's conversation reads before it decides. Reads across slices; writes nothing.

-- name: lock_quote_and_member :maybe
-- A quote of one till with its membership, both locked: the member first where there is one, as everywhere.
-- What was quoted never changes; the state read here is the one after any commit this lock had to wait for. So is the
-- member: one that differs from the member who was locked took that one over meanwhile.
SELECT q.quote_id, q.programme_id, q.store_id, q.till_id, q.member_id, q.state, q.basket, q.inputs, q.decision,
    q.points_to_spend, q.quoted_at, q.expires_at, known.member_id AS locked_member_id
FROM (
    SELECT quote.quote_id, quote.member_id, quote.programme_id FROM receipts.quotes quote
    WHERE quote.quote_id = $1::uuid AND quote.till_id = $2::uuid
) known
LEFT JOIN LATERAL (
    SELECT membership.membership_id FROM members.memberships membership
    WHERE membership.member_id = known.member_id AND membership.programme_id = known.programme_id
    FOR UPDATE
) locked ON true
JOIN LATERAL (
    SELECT quote.* FROM receipts.quotes quote
    WHERE quote.quote_id = known.quote_id AND (locked.membership_id IS NOT NULL OR known.member_id IS NULL)
    FOR UPDATE
) q ON true;

-- name: get_member_state :one
-- What a decision needs to know of a member, read after the member's lock was granted (a statement that both
-- locks and reads would see the other tables as they were before it waited). $3 is now, $4 a hold to leave out of
-- what is held (the quote being committed), $5 the first business date that can still matter for tiers. $6: campaign
-- rules with a cap (none, as a rule), for what they gave before, in all and on business date $7, and what other quotes
-- that live have promised by them; what a return took back does not count. Those who were merged into the member are looked at too: an empty lot keeps its owner's name.
SELECT membership.member_id, membership.programme_id, member.birthday_month, member.birthday_day,
    account.balance, account.debt, account.lifetime_earned, account.pending, account.expired, account.held,
    account.judged_at,
    days.dates, days.tier_minor, days.base_points, recorded.records,
    (
        SELECT CASE WHEN bool_or(card.status = 'ACTIVE') THEN 'ACTIVE' ELSE 'BLOCKED' END FROM cards.cards card
        WHERE card.member_id = membership.member_id AND card.programme_id = membership.programme_id
            AND card.status IN ('ACTIVE', 'BLOCKED')
        HAVING count(*) > 0
    ) AS card_status,
    (
        SELECT json_agg(json_build_array(
            coupon.coupon_id, coupon.revision_id, offer.code, coupon.valid_from, coupon.valid_until,
            coalesce(coupon.reserved_until > $3::timestamptz AND coupon.reserved_by IS DISTINCT FROM $4::uuid, false)
        ) ORDER BY coupon.coupon_id)
        FROM coupons.coupons coupon
        JOIN coupons.offers offer ON offer.offer_id = coupon.offer_id AND offer.state <> 'CANCELLED'
        WHERE coupon.member_id = membership.member_id AND coupon.programme_id = membership.programme_id
            AND coupon.state IN ('ISSUED', 'ACTIVE', 'RESERVED')
    ) AS coupons,
    CASE WHEN cardinality($6::text[]) > 0 THEN (
        SELECT json_agg(json_build_array(given.rule, given.day_points, given.points) ORDER BY given.rule)
        FROM (
            SELECT award.rule, sum(award.points)::bigint AS points,
                coalesce(sum(award.points) FILTER (WHERE award.business_date = $7::date), 0)::bigint AS day_points
            FROM (
                SELECT lot.rule, lot.points - lot.reversed AS points, entry.business_date
                FROM points.lots lot
                JOIN points.entries entry ON entry.entry_id = lot.entry_id
                WHERE lot.rule = ANY ($6::text[]) AND lot.rule LIKE '%/%'
                    AND lot.programme_id = membership.programme_id AND lot.member_id IN (
                        SELECT membership.member_id
                        UNION ALL
                        SELECT merged.member_id FROM members.members merged
                        WHERE merged.merged_into = membership.member_id
                    )
                UNION ALL
                SELECT promised.rule, promised.points, (quote.inputs ->> 'business_date')::date
                FROM receipts.quotes quote
                CROSS JOIN LATERAL jsonb_to_recordset(quote.decision -> 'awards') AS promised (rule text, points bigint)
                WHERE quote.member_id = membership.member_id AND quote.programme_id = membership.programme_id
                    AND quote.state = 'QUOTED' AND quote.expires_at > $3::timestamptz
                    AND quote.quote_id IS DISTINCT FROM $4::uuid AND promised.rule = ANY ($6::text[])
            ) award
            GROUP BY award.rule
        ) given
    ) END AS earned_before
FROM members.memberships membership
JOIN members.members member ON member.member_id = membership.member_id
CROSS JOIN LATERAL points.account_at(
    membership.member_id, membership.programme_id, $3::timestamptz, $4::uuid
) account
LEFT JOIN LATERAL (
    SELECT array_agg(day.business_date ORDER BY day.business_date) AS dates,
        array_agg(day.tier_minor ORDER BY day.business_date) AS tier_minor,
        array_agg(day.base_points ORDER BY day.business_date) AS base_points
    FROM receipts.business_days day
    WHERE day.member_id = membership.member_id AND day.programme_id = membership.programme_id
        AND day.business_date >= $5::date
) days ON true
LEFT JOIN tiers.records recorded
    ON recorded.member_id = membership.member_id AND recorded.programme_id = membership.programme_id
WHERE membership.member_id = $1::uuid AND membership.programme_id = $2::uuid;
