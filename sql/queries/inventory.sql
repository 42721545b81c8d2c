-- Offers and pools of limited units, claims, member counts. Redis holds the live stock; what stands here is what counts.
-- Locks, in this order: member counts (by member, day), offer, pools (by id).

-- name: insert_offer :exec
-- An offer, without any pool yet.
INSERT INTO inventory.offers (offer_id, programme_id, limit_per_member, limit_per_member_day, opened_at)
VALUES ($1::uuid, $2::uuid, $3::integer, $4::integer, $5::timestamptz);

-- name: insert_pools :exec
-- New pools. They are loaded, and told their mode, before the transaction ends.
INSERT INTO inventory.pools (pool_id, offer_id, store_id, day, total, mode, epoch, mode_since)
SELECT entry.pool_id, $1::uuid, entry.store_id, entry.day, entry.total, 'POSTGRES', 0, $6::timestamptz
FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::integer[]) AS entry (pool_id, store_id, day, total);

-- name: lock_offer :maybe
-- The lock of everything that loads an offer into Redis: two loaders of one offer never run side by side.
SELECT offer_id, programme_id, limit_per_member, limit_per_member_day, rebuild_due
FROM inventory.offers
WHERE offer_id = $1::uuid
FOR NO KEY UPDATE;

-- name: lock_pools_of_offer :many
-- All pools of an offer, by id. Whoever claims waits.
SELECT pool_id, offer_id, store_id, day, total, confirmed, voided, mode, epoch, run_id, mode_since, closed_at
FROM inventory.pools
WHERE offer_id = $1::uuid
ORDER BY pool_id
FOR NO KEY UPDATE;

-- name: lock_pools :many
-- Some pools, by id.
SELECT pool_id, offer_id, store_id, day, total, confirmed, voided, mode, epoch, run_id, mode_since, closed_at
FROM inventory.pools
WHERE pool_id = ANY ($1::uuid[])
ORDER BY pool_id
FOR NO KEY UPDATE;

-- name: lock_pool_to_claim :maybe
-- The pool that a batch of claims is written to. Should this process be stopped while it holds the lock, PostgreSQL ends
-- the transaction after $2, so that the drop goes on without it.
SELECT pool_id, offer_id, store_id, day, total, confirmed, voided, mode, epoch, run_id, mode_since, closed_at,
    set_config('idle_in_transaction_session_timeout', $2::text, true) AS patience
FROM inventory.pools
WHERE pool_id = $1::uuid
FOR NO KEY UPDATE;

-- name: list_offer_with_pools :many
-- The offer that a pool belongs to, with all its pools.
SELECT o.programme_id, o.limit_per_member, o.limit_per_member_day,
    p.pool_id, p.offer_id, p.store_id, p.day, p.total, p.confirmed, p.voided, p.mode, p.epoch, p.run_id,
    p.mode_since, p.closed_at
FROM inventory.offers AS o
JOIN inventory.pools AS p ON p.offer_id = o.offer_id
WHERE o.offer_id = (SELECT asked.offer_id FROM inventory.pools AS asked WHERE asked.pool_id = $1::uuid)
ORDER BY p.pool_id;

-- name: list_pools :many
-- Pools by id.
SELECT pool_id, offer_id, store_id, day, total, confirmed, voided, mode, epoch, run_id, mode_since, closed_at
FROM inventory.pools
WHERE pool_id = ANY ($1::uuid[])
ORDER BY pool_id;

-- name: list_kept_offers :many
-- Offers with an open pool, and how each stands: what the worker looks after.
SELECT o.offer_id, o.rebuild_due, min(p.mode) AS mode, max(p.epoch) AS epoch, max(p.mode_since) AS mode_since,
    (array_agg(p.pool_id ORDER BY p.pool_id))[1] AS a_pool_id
FROM inventory.offers AS o
JOIN inventory.pools AS p ON p.offer_id = o.offer_id
WHERE p.closed_at IS NULL
GROUP BY o.offer_id
ORDER BY o.offer_id;

-- name: list_watched_pools :many
-- Open pools, of the latest offers first: $1 of how many there are.
SELECT p.pool_id, p.offer_id, p.mode, count(*) OVER ()::integer AS open
FROM inventory.pools AS p
JOIN inventory.offers AS o ON o.offer_id = p.offer_id
WHERE p.closed_at IS NULL
ORDER BY o.opened_at DESC, p.offer_id, p.pool_id
LIMIT $1::integer;

-- name: get_next_epoch :one
-- An epoch that nobody had or will have.
SELECT nextval('inventory.epochs') AS epoch;

-- name: get_epoch_after :one
-- An epoch greater than one that Redis was loaded with: PostgreSQL was restored from a backup and counts from there.
SELECT setval('inventory.epochs', greatest($1::bigint, nextval('inventory.epochs')) + 1) AS epoch;

-- name: set_epoch :exec
-- An offer's pools, locked, under a new epoch.
UPDATE inventory.pools
SET epoch = $2::bigint, mode = $3::text, run_id = $4::text,
    mode_since = CASE WHEN mode = $3::text THEN mode_since ELSE $5::timestamptz END
WHERE offer_id = $1::uuid;

-- name: finish_rebuild :exec
-- Redis counts everybody of this offer as PostgreSQL does again.
UPDATE inventory.offers SET rebuild_due = false WHERE offer_id = $1::uuid AND rebuild_due;

-- name: update_pool :exec
-- A locked pool's stock.
UPDATE inventory.pools
SET total = $2::integer, confirmed = $3::integer, voided = $4::integer, closed_at = $5::timestamptz
WHERE pool_id = $1::uuid;

-- name: list_confirmed_claims :many
-- What a load puts into Redis beside the stock: the confirmed claims of an offer's open pools.
SELECT c.claim_id, c.pool_id, c.member_id, c.day, c.request_hash
FROM inventory.claims AS c
JOIN inventory.pools AS p ON p.pool_id = c.pool_id
WHERE p.offer_id = $1::uuid AND p.closed_at IS NULL AND c.state = 'CONFIRMED';

-- name: list_member_counts :many
-- How often each member has claimed of an offer.
SELECT member_id, day, claimed FROM inventory.member_counts WHERE offer_id = $1::uuid AND claimed > 0;

-- name: list_counts_of_members :many
-- How often some members have claimed of an offer.
SELECT member_id, day, claimed
FROM inventory.member_counts
WHERE offer_id = $1::uuid AND member_id = ANY ($2::uuid[]);

-- name: lock_member_counts :many
-- The counts of some members, locked: at zero where there was none, else as they are. In one order, or of two batches
-- with the same two members each would hold what the other waits for.
INSERT INTO inventory.member_counts AS held (offer_id, member_id, programme_id, day, claimed, most)
SELECT $1::uuid, entry.member_id, $2::uuid, entry.day, 0, entry.most
FROM unnest($3::uuid[], $4::date[], $5::integer[]) AS entry (member_id, day, most)
ORDER BY entry.member_id, entry.day NULLS FIRST
ON CONFLICT ON CONSTRAINT member_counts_key DO UPDATE SET claimed = held.claimed
RETURNING member_id, day, claimed;

-- name: write_claims :many
-- Confirmed claims of one pool (locked, with their members' counts). A claim_id that came to an end before is left out.
WITH written AS (
    INSERT INTO inventory.claims (
        claim_id, pool_id, offer_id, member_id, programme_id, day, state, counts, request_hash, claimed_at
    )
    SELECT entry.claim_id, $1::uuid, $2::uuid, entry.member_id, $3::uuid, entry.day, 'CONFIRMED', true,
        entry.request_hash, entry.claimed_at
    FROM unnest($4::uuid[], $5::uuid[], $6::date[], $7::bytea[], $8::timestamptz[])
        AS entry (claim_id, member_id, day, request_hash, claimed_at)
    ORDER BY entry.claim_id
    ON CONFLICT ON CONSTRAINT claims_pkey DO NOTHING
    RETURNING claim_id, member_id, day
),
counted AS (
    UPDATE inventory.member_counts AS held
    SET claimed = held.claimed + 1, most = CASE WHEN held.day IS NULL THEN $9::integer ELSE $10::integer END
    FROM written
    WHERE held.offer_id = $2::uuid AND held.member_id = written.member_id
        AND (held.day IS NULL OR held.day = written.day)
),
taken AS (
    UPDATE inventory.pools SET confirmed = confirmed + (SELECT count(*) FROM written)
    WHERE pool_id = $1::uuid AND EXISTS (SELECT FROM written)
)
SELECT claim_id FROM written;

-- name: insert_ends :many
-- Claims that end without a unit, EXPIRED or REFUSED. Waits for whoever is just writing one of them; what came to
-- another end first is left out.
INSERT INTO inventory.claims (
    claim_id, pool_id, offer_id, member_id, programme_id, day, state, counts, request_hash, refusal, claimed_at, ended_at
)
SELECT entry.claim_id, entry.pool_id, $1::uuid, entry.member_id, $2::uuid, entry.day, entry.state, false,
    entry.request_hash, entry.refusal::jsonb, $3::timestamptz, $3::timestamptz
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::date[], $8::text[], $9::bytea[], $10::text[])
    AS entry (claim_id, pool_id, member_id, day, state, request_hash, refusal)
ORDER BY entry.claim_id
ON CONFLICT ON CONSTRAINT claims_pkey DO NOTHING
RETURNING claim_id;

-- name: delete_ends_before :one
-- Housekeeping in batches: claims that came to nothing are told again for a while. A row that another cleaner holds is
-- left to it.
WITH old AS (
    SELECT claim_id FROM inventory.claims
    WHERE state IN ('EXPIRED', 'REFUSED') AND ended_at < $1::timestamptz
    ORDER BY ended_at LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM inventory.claims c USING old WHERE c.claim_id = old.claim_id RETURNING 1
)
SELECT count(*)::integer AS deleted FROM deleted;

-- name: list_claims :many
-- Claims by id, those that came to an end.
SELECT claim_id, pool_id, offer_id, member_id, programme_id, day, state, counts, request_hash, refusal, claimed_at
FROM inventory.claims
WHERE claim_id = ANY ($1::uuid[]);

-- name: lock_claims :many
-- Claims whose units are given back, by id.
SELECT claim_id, pool_id, offer_id, member_id, programme_id, day, state, counts, request_hash, refusal, claimed_at
FROM inventory.claims
WHERE claim_id = ANY ($1::uuid[])
ORDER BY claim_id
FOR NO KEY UPDATE;

-- name: return_claims :exec
-- Locked claims whose units were given back. `$2`: whether they still count towards the members' limits.
UPDATE inventory.claims SET state = 'RETURNED', counts = $2::boolean, ended_at = $3::timestamptz
WHERE claim_id = ANY ($1::uuid[]);

-- name: lower_member_counts :exec
-- Claims that no longer count. In the order in which counts are always locked.
WITH fewer AS (
    SELECT held.offer_id, held.member_id, held.day, count(*)::integer AS claims
    FROM unnest($1::uuid[], $2::uuid[], $3::date[]) AS entry (offer_id, member_id, day)
    JOIN inventory.member_counts AS held ON held.offer_id = entry.offer_id AND held.member_id = entry.member_id
        AND (held.day IS NULL OR held.day = entry.day)
    GROUP BY held.offer_id, held.member_id, held.day
)
UPDATE inventory.member_counts AS held SET claimed = held.claimed - fewer.claims
FROM fewer
WHERE held.offer_id = fewer.offer_id AND held.member_id = fewer.member_id AND held.day IS NOT DISTINCT FROM fewer.day;

-- name: lock_counts_of_members :many
-- The counts of these members over all offers, in the order in which counts are always locked.
SELECT offer_id, member_id, day, claimed
FROM inventory.member_counts
WHERE programme_id = $1::uuid AND member_id = ANY ($2::uuid[])
ORDER BY offer_id, member_id, day NULLS FIRST
FOR NO KEY UPDATE;

-- name: move_claims :many
-- Merge: the loser's claims become the winner's. Returns the offers.
WITH moved AS (
    UPDATE inventory.claims SET member_id = $3::uuid
    WHERE member_id = $2::uuid AND programme_id = $1::uuid
    RETURNING offer_id
)
SELECT DISTINCT offer_id FROM moved ORDER BY offer_id;

-- name: move_member_counts :exec
-- Merge: counts are added up. Together two people may be over a limit; `most` then says how far.
WITH theirs AS (
    DELETE FROM inventory.member_counts WHERE programme_id = $1::uuid AND member_id = $2::uuid
    RETURNING offer_id, day, claimed, most
)
INSERT INTO inventory.member_counts AS held (offer_id, member_id, programme_id, day, claimed, most)
SELECT theirs.offer_id, $3::uuid, $1::uuid, theirs.day, theirs.claimed, theirs.most
FROM theirs
ORDER BY theirs.offer_id, theirs.day NULLS FIRST
ON CONFLICT ON CONSTRAINT member_counts_key DO UPDATE
SET claimed = held.claimed + excluded.claimed,
    most = greatest(held.most, excluded.most, held.claimed + excluded.claimed);

-- name: ask_for_rebuild :exec
-- The worker loads these offers anew. By id: two that ask at once never wait for each other crosswise.
WITH asked AS (
    SELECT offer_id FROM inventory.offers WHERE offer_id = ANY ($1::uuid[]) ORDER BY offer_id FOR NO KEY UPDATE
)
UPDATE inventory.offers AS o SET rebuild_due = true FROM asked WHERE o.offer_id = asked.offer_id;

-- name: list_miscounted_pools :many
-- Pools that say otherwise than their claims. One statement sees one moment: it needs no lock.
SELECT p.pool_id, p.confirmed, count(c.claim_id)::integer AS claims
FROM inventory.pools AS p
LEFT JOIN inventory.claims AS c ON c.pool_id = p.pool_id AND c.state = 'CONFIRMED'
WHERE p.offer_id = $1::uuid
GROUP BY p.pool_id
HAVING p.confirmed <> count(c.claim_id);

-- name: count_wrong_member_counts :one
-- Members whose count differs from their claims. One statement sees one moment: it needs no lock.
SELECT count(*)::integer AS members
FROM inventory.member_counts AS held
WHERE held.offer_id = $1::uuid AND held.claimed <> (
    SELECT count(*) FROM inventory.claims AS c
    WHERE c.offer_id = held.offer_id AND c.member_id = held.member_id AND c.counts
        AND (held.day IS NULL OR c.day = held.day)
);
