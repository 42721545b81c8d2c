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

-- name: lock_free_memberships :many
-- Locks those of the memberships that nobody holds, for batch jobs that come again. Never waits, so never deadlocks.
SELECT m.membership_id, m.member_id, m.programme_id, m.home_store_id, m.enrolled_at, m.merged_into
FROM members.memberships AS m
JOIN unnest($1::uuid[], $2::uuid[]) AS wanted (member_id, programme_id)
    ON m.member_id = wanted.member_id AND m.programme_id = wanted.programme_id
WHERE m.merged_into IS NULL
ORDER BY m.member_id, m.programme_id
FOR NO KEY UPDATE OF m SKIP LOCKED;

-- name: lock_members :many
-- Locks members by id, for what concerns the person and not one membership: merge, new identities, new memberships.
-- Same order and reason as lock_memberships; taken before it, never after.
SELECT member_id, status, merged_into, display_name_encrypted, display_name_key_version,
    birthday_month, birthday_day, birth_year, preferred_locale, joined_at
FROM members.members
WHERE member_id = ANY ($1::uuid[])
ORDER BY member_id
FOR NO KEY UPDATE;

-- name: list_members :many
-- Members by id.
SELECT member_id, status, merged_into, display_name_encrypted, display_name_key_version,
    birthday_month, birthday_day, birth_year, preferred_locale, joined_at
FROM members.members
WHERE member_id = ANY ($1::uuid[]);

-- name: find_current_member :maybe
-- Who a member is today: themself, or at the end of the pointers who took them over.
WITH RECURSIVE pointers AS (
    SELECT member_id, merged_into FROM members.members WHERE member_id = $1::uuid
    UNION ALL
    SELECT m.member_id, m.merged_into
    FROM pointers AS p
    JOIN members.members AS m ON m.member_id = p.merged_into
)
SELECT member_id FROM pointers WHERE merged_into IS NULL;

-- name: find_current_member_of :maybe
-- The same of a programme's members: no row for who is none of them.
WITH RECURSIVE pointers AS (
    SELECT member_id, merged_into FROM members.members WHERE member_id = $1::uuid
    UNION ALL
    SELECT m.member_id, m.merged_into
    FROM pointers AS p
    JOIN members.members AS m ON m.member_id = p.merged_into
)
SELECT p.member_id
FROM pointers AS p
JOIN members.memberships AS own ON own.member_id = p.member_id AND own.programme_id = $2::uuid
WHERE p.merged_into IS NULL;

-- name: insert_member :exec
-- A new member.
INSERT INTO members.members (
    member_id, status, display_name_encrypted, display_name_key_version,
    birthday_month, birthday_day, birth_year, preferred_locale, joined_at
)
VALUES (
    $1::uuid, 'ACTIVE', $2::bytea, $3::smallint, $4::smallint, $5::smallint, $6::smallint, $7::text, $8::timestamptz
);

-- name: update_profile :exec
-- What the member says about themself, all of it.
UPDATE members.members
SET display_name_encrypted = $2::bytea,
    display_name_key_version = $3::smallint,
    birthday_month = $4::smallint,
    birthday_day = $5::smallint,
    birth_year = $6::smallint,
    preferred_locale = $7::text
WHERE member_id = $1::uuid;

-- name: insert_membership :maybe
-- Joins a member to a programme. No row: the member has joined it before.
INSERT INTO members.memberships (membership_id, member_id, programme_id, home_store_id, enrolled_at)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::timestamptz)
ON CONFLICT ON CONSTRAINT memberships_member_key DO NOTHING
RETURNING membership_id;

-- name: list_memberships :many
-- Every membership of some members, earliest first.
SELECT membership_id, member_id, programme_id, home_store_id, enrolled_at, merged_into
FROM members.memberships
WHERE member_id = ANY ($1::uuid[])
ORDER BY enrolled_at, membership_id;

-- name: list_memberships_by_id :many
-- Memberships by their ids.
SELECT membership_id, member_id, programme_id, home_store_id, enrolled_at, merged_into
FROM members.memberships
WHERE membership_id = ANY ($1::uuid[]);

-- name: insert_identities :many
-- New identities of one member; the ids of those that nobody has. Inserted in the order of the unique index, so that
-- two shoppers who claim the same two values wait for each other in one order.
INSERT INTO members.identities (
    identity_id, member_id, kind, lookup_hash, hash_key_version, value_encrypted, encryption_key_version,
    verified_at, added_at
)
SELECT entry.identity_id, $1::uuid, entry.kind, entry.lookup_hash, entry.hash_key_version, entry.value_encrypted,
    entry.encryption_key_version, $8::timestamptz, $8::timestamptz
FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::smallint[], $6::bytea[], $7::smallint[])
    AS entry (identity_id, kind, lookup_hash, hash_key_version, value_encrypted, encryption_key_version)
ORDER BY entry.kind, entry.lookup_hash
ON CONFLICT (kind, lookup_hash) WHERE removed_at IS NULL DO NOTHING
RETURNING identity_id;

-- name: lock_values :exec
-- Values by numbers made of their hashes, in the order given.
SELECT pg_advisory_xact_lock(value) FROM unnest($1::bigint[]) AS value;

-- name: list_identities :many
-- Members' present identities, earliest first. Their number is limited (members.rules.MOST_IDENTITIES).
SELECT identity_id, member_id, kind, value_encrypted, encryption_key_version, verified_at, added_at
FROM members.identities
WHERE member_id = ANY ($1::uuid[]) AND removed_at IS NULL
ORDER BY identity_id;

-- name: list_owners :many
-- Which of these values are somebody's identity, under any key version, and whose.
SELECT i.kind, i.lookup_hash, i.member_id
FROM members.identities AS i
JOIN unnest($1::text[], $2::bytea[]) AS wanted (kind, lookup_hash)
    ON i.kind = wanted.kind AND i.lookup_hash = wanted.lookup_hash
WHERE i.removed_at IS NULL;

-- name: find_membership_by_identity :maybe
-- The member of a programme who has this identity, under any key version.
SELECT m.membership_id, m.member_id, m.programme_id, m.home_store_id, m.enrolled_at, m.merged_into
FROM members.identities AS i
JOIN members.memberships AS m ON m.member_id = i.member_id AND m.programme_id = $3::uuid
WHERE i.kind = $1::text AND i.lookup_hash = ANY ($2::bytea[]) AND i.removed_at IS NULL;

-- name: remove_identity :one
-- Takes an identity off its member, who is locked.
UPDATE members.identities SET removed_at = $2::timestamptz
WHERE identity_id = $1::uuid AND removed_at IS NULL
RETURNING identity_id;

-- name: insert_invitation :exec
-- A till's one-time offer to join.
INSERT INTO members.invitations (
    invitation_id, programme_id, store_id, till_id, token_hash, token_key_version, phone_hash, invited_at, expires_at
)
VALUES (
    $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::bytea, $6::smallint, $7::bytea, $8::timestamptz, $9::timestamptz
);

-- name: get_invitation :one
-- An invitation by id.
SELECT invitation_id, programme_id, store_id, till_id, token_key_version, phone_hash, invited_at, expires_at,
    accepted_by
FROM members.invitations
WHERE invitation_id = $1::uuid;

-- name: lock_invitation :maybe
-- An invitation by its token. Who else would take it up waits, and then finds it accepted.
SELECT invitation_id, programme_id, store_id, till_id, token_key_version, phone_hash, invited_at, expires_at,
    accepted_by
FROM members.invitations
WHERE token_hash = $1::bytea
FOR NO KEY UPDATE;

-- name: accept_invitation :one
-- Takes an invitation up, once.
UPDATE members.invitations SET accepted_at = $3::timestamptz, accepted_by = $2::uuid
WHERE invitation_id = $1::uuid AND accepted_by IS NULL
RETURNING invitation_id;

-- name: insert_consents :exec
-- Answers of members. Consents are only ever added.
INSERT INTO members.consents (consent_id, member_id, programme_id, purpose, brand_id, granted, recorded_at, source)
SELECT entry.consent_id, entry.member_id, entry.programme_id, entry.purpose, entry.brand_id, entry.granted,
    entry.recorded_at, entry.source
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::boolean[], $7::timestamptz[], $8::text[])
    AS entry (consent_id, member_id, programme_id, purpose, brand_id, granted, recorded_at, source);

-- name: list_consents :many
-- Members' latest answers per purpose and brand, in each programme.
SELECT DISTINCT ON (member_id, programme_id, purpose, brand_id)
    consent_id, member_id, programme_id, purpose, brand_id, granted, recorded_at, source
FROM members.consents
WHERE member_id = ANY ($1::uuid[])
ORDER BY member_id, programme_id, purpose, brand_id, recorded_at DESC, consent_id DESC;

-- name: move_identities :exec
-- Merge: the loser's identities become the winner's.
UPDATE members.identities SET member_id = $2::uuid WHERE member_id = $1::uuid;

-- name: point_member :exec
-- Merge: the loser points at the winner. Who was merged into the loser before keeps pointing at the loser: their
-- rows are not locked here, and locking them now would break the order.
UPDATE members.members SET status = 'MERGED', merged_into = $2::uuid WHERE member_id = $1::uuid;

-- name: point_memberships :exec
-- Merge: the loser's memberships, which this transaction has locked, point at the winner.
UPDATE members.memberships SET merged_into = $2::uuid WHERE member_id = $1::uuid;

-- name: lock_identities_after :many
-- Rekeying: the next identities by id that are under other keys, skipping what others hold; the walk comes round again.
SELECT identity_id, kind, value_encrypted, encryption_key_version
FROM members.identities
WHERE identity_id > $1::uuid
    AND (hash_key_version <> $3::smallint OR encryption_key_version <> $4::smallint)
ORDER BY identity_id
LIMIT $2::integer
FOR NO KEY UPDATE SKIP LOCKED;

-- name: rekey_identities :exec
-- Rekeying: the same values under other keys. What its member has under the new key already, since some process did not
-- know both, is taken off: it is the same identity twice.
UPDATE members.identities AS i
SET lookup_hash = entry.lookup_hash, hash_key_version = entry.hash_key_version,
    value_encrypted = entry.value_encrypted, encryption_key_version = entry.encryption_key_version,
    removed_at = CASE
        WHEN i.removed_at IS NULL AND EXISTS (
            SELECT FROM members.identities AS twin
            WHERE twin.kind = i.kind AND twin.lookup_hash = entry.lookup_hash AND twin.removed_at IS NULL
                AND twin.member_id = i.member_id AND twin.identity_id <> i.identity_id
        ) THEN $6::timestamptz
        ELSE i.removed_at
    END
FROM unnest($1::uuid[], $2::bytea[], $3::smallint[], $4::bytea[], $5::smallint[])
    AS entry (identity_id, lookup_hash, hash_key_version, value_encrypted, encryption_key_version)
WHERE i.identity_id = entry.identity_id;

-- name: list_twins :many
-- Rekeying: members of whom each has an identity that another one has under the new key.
SELECT i.member_id, twin.member_id AS twin_id
FROM unnest($1::uuid[], $2::bytea[]) AS entry (identity_id, lookup_hash)
JOIN members.identities AS i ON i.identity_id = entry.identity_id
JOIN members.identities AS twin
    ON twin.kind = i.kind AND twin.lookup_hash = entry.lookup_hash AND twin.member_id <> i.member_id
WHERE i.removed_at IS NULL AND twin.removed_at IS NULL
ORDER BY i.member_id, twin.member_id;

-- name: lock_names_after :many
-- Rekeying: the next members by id whose name is under another key, skipping what others hold.
SELECT member_id, display_name_encrypted, display_name_key_version
FROM members.members
WHERE member_id > $1::uuid AND display_name_key_version <> $3::smallint
ORDER BY member_id
LIMIT $2::integer
FOR NO KEY UPDATE SKIP LOCKED;

-- name: rekey_names :exec
-- Rekeying: the same names under another key.
UPDATE members.members AS m
SET display_name_encrypted = entry.ciphertext, display_name_key_version = entry.key_version
FROM unnest($1::uuid[], $2::bytea[], $3::smallint[]) AS entry (member_id, ciphertext, key_version)
WHERE m.member_id = entry.member_id;

-- name: list_under_keys :many
-- Rekeying: how many rows are under which key; `purpose` is HASH or ENCRYPTION.
SELECT 'identities' AS what, 'HASH' AS purpose, hash_key_version AS key_version, count(*)::bigint AS rows
FROM members.identities GROUP BY hash_key_version
UNION ALL
SELECT 'identities', 'ENCRYPTION', encryption_key_version, count(*)::bigint
FROM members.identities GROUP BY encryption_key_version
UNION ALL
SELECT 'names', 'ENCRYPTION', display_name_key_version, count(*)::bigint
FROM members.members WHERE display_name_key_version IS NOT NULL GROUP BY display_name_key_version
UNION ALL
SELECT 'invitations', 'HASH', token_key_version, count(*)::bigint
FROM members.invitations WHERE expires_at > $1::timestamptz AND accepted_by IS NULL GROUP BY token_key_version;

-- name: list_versions_lately :many
-- Rekeying: under which keys the first and the last identities are, at the cost of two short reads of the primary key.
SELECT hash_key_version, encryption_key_version
FROM (
    (SELECT hash_key_version, encryption_key_version FROM members.identities ORDER BY identity_id LIMIT 20)
    UNION ALL
    (SELECT hash_key_version, encryption_key_version FROM members.identities ORDER BY identity_id DESC LIMIT 20)
) AS at_the_ends
GROUP BY hash_key_version, encryption_key_version;
