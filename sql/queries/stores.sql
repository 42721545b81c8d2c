-- Configuration: read whole by each process, written by planners and the sample.

-- name: list_programmes :many
-- Every programme.
SELECT programme_id, code, names, currency, minor_unit_exponent FROM stores.programmes ORDER BY code;

-- name: list_programme_terms :many
-- Every revision of every programme's terms, earliest first.
SELECT programme_id, revision, effective_from, terms FROM stores.programme_terms
ORDER BY programme_id, effective_from, revision;

-- name: list_stores :many
-- Every store.
SELECT store_id, programme_id, code, names, zone, cutover, opening_hours, walking FROM stores.stores ORDER BY code;

-- name: list_floors :many
-- Every floor, from the lowest.
SELECT floor_id, store_id, code, names, position FROM stores.floors ORDER BY store_id, position;

-- name: list_brands :many
-- Every brand.
SELECT brand_id, programme_id, code, names, earns_points, counts_for_tier, activation_level
FROM stores.brands ORDER BY code;

-- name: list_categories :many
-- Every category with its earn rate.
SELECT category_id, programme_id, code, names, spend_minor_per_point, earns_points, counts_for_tier
FROM stores.categories ORDER BY code;

-- name: list_tender_types :many
-- Every tender type with its weights.
SELECT programme_id, code, names, earn_weight_basis_points, tier_weight_basis_points
FROM stores.tender_types ORDER BY programme_id, code;

-- name: list_counters :many
-- Every counter.
SELECT counter_id, store_id, floor_id, brand_id, code, commission_basis_points FROM stores.counters ORDER BY code;

-- name: list_tills :many
-- Every till, revoked ones too.
SELECT till_id, store_id, counter_id, code, revoked_at FROM stores.tills ORDER BY code;

-- name: revoke_till :maybe
-- Takes a lost or stolen till out of service. No row: it was revoked before.
UPDATE stores.tills SET revoked_at = $2::timestamptz
WHERE till_id = $1::uuid AND revoked_at IS NULL
RETURNING till_id;

-- name: reinstate_till :maybe
-- Puts a till back into service. No row: it is in service.
UPDATE stores.tills SET revoked_at = NULL
WHERE till_id = $1::uuid AND revoked_at IS NOT NULL
RETURNING till_id;

-- name: lock_till :maybe
-- A till, before it is taken out of service or put back.
SELECT till_id, store_id, counter_id, code, revoked_at FROM stores.tills WHERE till_id = $1::uuid FOR UPDATE;

-- name: find_till :maybe
-- A till as it is now, in service or not.
SELECT till_id, store_id, counter_id, code, revoked_at FROM stores.tills WHERE till_id = $1::uuid;
