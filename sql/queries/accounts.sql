-- What a till is shown of a member. Reads across slices; writes nothing.

-- name: find_recognised :maybe
-- Name, points and tier records of one membership, in one row. $3 is now.
SELECT membership.membership_id, member.display_name_encrypted, member.display_name_key_version,
    account.balance, account.debt, account.lifetime_earned, account.pending, account.expired, account.held,
    recorded.records
FROM members.memberships AS membership
JOIN members.members AS member ON member.member_id = membership.member_id
CROSS JOIN LATERAL points.account_at(membership.member_id, membership.programme_id, $3::timestamptz) AS account
LEFT JOIN tiers.records AS recorded
    ON recorded.member_id = membership.member_id AND recorded.programme_id = membership.programme_id
WHERE membership.member_id = $1::uuid AND membership.programme_id = $2::uuid;
