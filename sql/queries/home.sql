-- What a member sees first in the app. Read as the member, who sees only what is theirs.

-- name: find_home :maybe
-- Profile, card, points, tier and spend of one membership, in one row. $3 is now, $4 the first business date that can
-- still matter for tiers. The card is the one to show: an active one before any other, the latest before older ones.
SELECT member.member_id, member.display_name_encrypted, member.display_name_key_version, member.birthday_month,
    member.birthday_day, member.birth_year, member.preferred_locale,
    membership.membership_id, membership.programme_id, membership.home_store_id, membership.enrolled_at,
    card.card_id, card.number, card.kind, card.status, card.issued_at,
    account.balance, account.debt, account.lifetime_earned, account.pending, account.expired, account.held,
    days.dates, days.tier_minor, days.base_points, recorded.records
FROM members.memberships membership
JOIN members.members member ON member.member_id = membership.member_id
CROSS JOIN LATERAL points.account_at(membership.member_id, membership.programme_id, $3::timestamptz) account
LEFT JOIN LATERAL (
    SELECT entry.card_id, entry.number, entry.kind, entry.status, entry.issued_at
    FROM cards.cards entry
    WHERE entry.member_id = membership.member_id AND entry.programme_id = membership.programme_id
    ORDER BY entry.status = 'ACTIVE' DESC, entry.card_id DESC
    LIMIT 1
) card ON true
LEFT JOIN LATERAL (
    SELECT array_agg(day.business_date ORDER BY day.business_date) AS dates,
        array_agg(day.tier_minor ORDER BY day.business_date) AS tier_minor,
        array_agg(day.base_points ORDER BY day.business_date) AS base_points
    FROM receipts.business_days day
    WHERE day.member_id = membership.member_id AND day.programme_id = membership.programme_id
        AND day.business_date >= $4::date
) days ON true
LEFT JOIN tiers.records recorded
    ON recorded.member_id = membership.member_id AND recorded.programme_id = membership.programme_id
WHERE membership.member_id = $1::uuid AND membership.programme_id = $2::uuid AND membership.merged_into IS NULL;
