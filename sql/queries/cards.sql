-- Cards, code seeds, spent code steps, confirmations of a spending.

-- name: insert_card :maybe
-- A new card. No row: the number is taken, so try another.
INSERT INTO cards.cards (card_id, member_id, programme_id, number, kind, status, issued_at, changed_at)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::char(12), $5::text, 'ACTIVE', $6::timestamptz, $6::timestamptz)
ON CONFLICT ON CONSTRAINT cards_number_key DO NOTHING
RETURNING card_id;

-- name: update_card :exec
-- A card's next state. Its membership is locked.
UPDATE cards.cards
SET status = $2::text, blocked_reason = $3::text, replaced_by = $4::uuid, changed_at = $5::timestamptz
WHERE card_id = $1::uuid;

-- name: find_card :maybe
-- A card by id.
SELECT card_id, member_id, programme_id, number, kind, status, blocked_reason, replaced_by, issued_at, changed_at
FROM cards.cards
WHERE card_id = $1::uuid;

-- name: list_cards_by_id :many
-- Cards by their ids.
SELECT card_id, member_id, programme_id, number, kind, status, blocked_reason, replaced_by, issued_at, changed_at
FROM cards.cards
WHERE card_id = ANY ($1::uuid[]);

-- name: list_cards :many
-- Every card of some members, newest first. A member has few: one of each kind, and those they replaced.
SELECT card_id, member_id, programme_id, number, kind, status, blocked_reason, replaced_by, issued_at, changed_at
FROM cards.cards
WHERE member_id = ANY ($1::uuid[])
ORDER BY card_id DESC;

-- name: list_live_cards :many
-- The cards of a membership that are neither replaced nor closed.
SELECT card_id, member_id, programme_id, number, kind, status, blocked_reason, replaced_by, issued_at, changed_at
FROM cards.cards
WHERE member_id = $1::uuid AND programme_id = $2::uuid AND status IN ('ACTIVE', 'BLOCKED')
ORDER BY card_id;

-- name: list_live_numbers :many
-- Numbers of cards in use of a programme, the oldest first, one a member as a rule: to try a till with.
SELECT number
FROM cards.cards
WHERE programme_id = $1::uuid AND kind = 'VIRTUAL' AND status = 'ACTIVE'
ORDER BY card_id
LIMIT $2::integer;

-- name: find_member_by_number :maybe
-- Who a card belongs to, with its state and the state of the card at the end of its replacements.
WITH RECURSIVE chain AS (
    SELECT card_id, member_id, status, replaced_by, 0 AS step
    FROM cards.cards
    WHERE number = $1::char(12) AND programme_id = $2::uuid
    UNION ALL
    SELECT c.card_id, c.member_id, c.status, c.replaced_by, chain.step + 1
    FROM chain
    JOIN cards.cards AS c ON c.card_id = chain.replaced_by
)
SELECT presented.member_id, presented.status, present.status AS current_status
FROM chain AS presented
JOIN chain AS present ON present.replaced_by IS NULL
WHERE presented.step = 0;

-- name: find_member_by_serial :maybe
-- Who a rotating code belongs to, its secret, and the state of the virtual card whose face it is.
SELECT s.member_id, s.programme_id, s.secret_encrypted, s.key_version, virtual_card.status
FROM cards.code_seeds AS s
LEFT JOIN LATERAL (
    SELECT c.status
    FROM cards.cards AS c
    WHERE c.member_id = s.member_id AND c.programme_id = s.programme_id
        AND c.kind = 'VIRTUAL' AND c.status IN ('ACTIVE', 'BLOCKED')
    ORDER BY c.status, c.card_id -- ACTIVE before BLOCKED
    LIMIT 1
) AS virtual_card ON true
WHERE s.serial = $1::char(10);

-- name: find_member_by_phone :maybe
-- The member of a programme who has a phone number, hashed under any key version, and the state of their virtual
-- card, on which the app confirms a spending.
SELECT m.member_id, virtual_card.status
FROM members.identities AS i
JOIN members.memberships AS m ON m.member_id = i.member_id AND m.programme_id = $2::uuid
LEFT JOIN LATERAL (
    SELECT c.status
    FROM cards.cards AS c
    WHERE c.member_id = m.member_id AND c.programme_id = m.programme_id
        AND c.kind = 'VIRTUAL' AND c.status IN ('ACTIVE', 'BLOCKED')
    ORDER BY c.status, c.card_id -- ACTIVE before BLOCKED
    LIMIT 1
) AS virtual_card ON true
WHERE i.kind = 'PHONE' AND i.lookup_hash = ANY ($1::bytea[]) AND i.removed_at IS NULL;

-- name: insert_code_seed :maybe
-- A new seed. No row: the serial is taken, so try another.
INSERT INTO cards.code_seeds (serial, member_id, programme_id, secret_encrypted, key_version, issued_at)
VALUES ($1::char(10), $2::uuid, $3::uuid, $4::bytea, $5::smallint, $6::timestamptz)
ON CONFLICT ON CONSTRAINT code_seeds_pkey DO NOTHING
RETURNING serial;

-- name: find_code_seed :maybe
-- The seed whose code the app shows; after a merge there are several, and each of their codes works.
SELECT serial, member_id, programme_id, secret_encrypted, key_version
FROM cards.code_seeds
WHERE member_id = $1::uuid AND programme_id = $2::uuid
ORDER BY serial
LIMIT 1;

-- name: insert_code_spend :maybe
-- Spends a code step (P8). Waits for a concurrent spend of the step to end. No row: it is spent.
INSERT INTO cards.code_spends (serial, step, till_id, spent_for, spent_at)
VALUES ($1::char(10), $2::bigint, $3::uuid, $4::uuid, $5::timestamptz)
ON CONFLICT ON CONSTRAINT code_spends_pkey DO NOTHING
RETURNING spent_for;

-- name: get_code_spend :one
-- What a step was spent for. A statement of its own: the one that met the conflict cannot see the row.
SELECT till_id, spent_for FROM cards.code_spends WHERE serial = $1::char(10) AND step = $2::bigint;

-- name: insert_spend_confirmation :exec
-- A confirmation, which takes the place of an unused one for the same store: the member's last word counts.
WITH withdrawn AS (
    UPDATE cards.spend_confirmations SET expires_at = $6::timestamptz
    WHERE member_id = $2::uuid AND programme_id = $3::uuid AND store_id = $4::uuid
        AND spent_for IS NULL AND expires_at > $6::timestamptz
)
INSERT INTO cards.spend_confirmations (
    confirmation_id, member_id, programme_id, store_id, most_points, confirmed_at, expires_at
)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::bigint, $6::timestamptz, $7::timestamptz);

-- name: get_spend_confirmation :one
-- A confirmation by id.
SELECT confirmation_id, member_id, programme_id, store_id, most_points, confirmed_at, expires_at
FROM cards.spend_confirmations
WHERE confirmation_id = $1::uuid;

-- name: use_spend_confirmation :maybe
-- Uses up a confirmation for a quote, or finds the one that this quote used up before. SKIP LOCKED: one that
-- another till is using at this moment is not there for us.
UPDATE cards.spend_confirmations SET spent_for = $6::uuid
WHERE confirmation_id = (
    SELECT confirmation_id
    FROM cards.spend_confirmations
    WHERE member_id = $1::uuid AND programme_id = $2::uuid AND store_id = $3::uuid AND most_points >= $4::bigint
        AND (spent_for = $6::uuid OR (spent_for IS NULL AND expires_at > $5::timestamptz))
    ORDER BY spent_for NULLS LAST, confirmed_at DESC
    LIMIT 1
    FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING confirmation_id;

-- name: move_cards :exec
-- Merge: the loser's cards, code seeds and unused confirmations become the winner's. No card stops working.
WITH moved_cards AS (
    UPDATE cards.cards SET member_id = $2::uuid WHERE member_id = $1::uuid
),
moved_seeds AS (
    UPDATE cards.code_seeds SET member_id = $2::uuid WHERE member_id = $1::uuid
)
UPDATE cards.spend_confirmations SET member_id = $2::uuid WHERE member_id = $1::uuid;

-- name: lock_code_seeds_after :many
-- Rekeying: the next seeds by serial that are under another key, skipping what others hold.
SELECT serial, secret_encrypted, key_version
FROM cards.code_seeds
WHERE serial > $1::char(10) AND key_version <> $3::smallint
ORDER BY serial
LIMIT $2::integer
FOR NO KEY UPDATE SKIP LOCKED;

-- name: rekey_code_seeds :exec
-- Rekeying: the same secrets under another key.
UPDATE cards.code_seeds AS s
SET secret_encrypted = entry.ciphertext, key_version = entry.key_version
FROM unnest($1::char(10)[], $2::bytea[], $3::smallint[]) AS entry (serial, ciphertext, key_version)
WHERE s.serial = entry.serial;

-- name: list_code_seeds_by_key :many
-- Rekeying: how many seeds are under which key.
SELECT key_version, count(*)::bigint AS rows FROM cards.code_seeds GROUP BY key_version;
