-- People: identities, memberships, invitations, consent.

-- name: lock_memberships :many
-- Locks memberships by member id. Rows are locked as the sort hands them on, so two transactions that want the
-- same two members ask for them in the same order, and neither waits for the other in a circle.
-- The columns are those of the row as it is once locked: `merged_into` tells a wait that ended in a merge.
-- NO KEY: keys never change, and a foreign key check of an unrelated insert should not wait for us.
SELECT m.membership_id, m.member_id, m.programme_id, m.home_store_id, m.enrolled_at, m.merged_into
FROM members.memberships AS m
JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (member_id, programme_id)
    ON m.member_id = wanted.member_id AND m.programme_id = wanted.programme_id
ORDER BY m.member_id, m.programme_id
FOR NO KEY UPDATE OF m;
