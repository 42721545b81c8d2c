-- Gift offers, pools, members' gifts, their changes, days to be judged.

-- name: upsert_offer :exec
-- An offer as of the revision that prepares it.
INSERT INTO gifts.offers (offer_id, programme_id, campaign_id, revision_id, rule_code)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::text)
ON CONFLICT ON CONSTRAINT offers_pkey DO UPDATE SET revision_id = excluded.revision_id;

-- name: upsert_pools :exec
-- Pools of an offer; one that was closed is open again, and its desk is the one that is said now.
INSERT INTO gifts.pools (pool_id, offer_id, store_id, day, code, counter_id)
SELECT pool.pool_id, $1::uuid, pool.store_id, pool.day, pool.code, pool.counter_id
FROM unnest($2::uuid[], $3::uuid[], $4::date[], $5::text[], $6::uuid[])
    AS pool (pool_id, store_id, day, code, counter_id)
ON CONFLICT ON CONSTRAINT pools_pkey DO UPDATE SET counter_id = excluded.counter_id, closed_at = NULL;

-- name: close_pools :exec
-- Pools that a later revision no longer has.
UPDATE gifts.pools SET closed_at = $2::timestamptz WHERE pool_id = ANY ($1::uuid[]) AND closed_at IS NULL;

-- name: list_campaign_pools :many
-- All pools of a campaign, closed ones too.
SELECT pool.pool_id, pool.store_id, pool.day, pool.code, pool.counter_id, pool.closed_at,
    offer.offer_id, offer.programme_id, offer.campaign_id, offer.revision_id, offer.rule_code
FROM gifts.pools pool JOIN gifts.offers offer USING (offer_id)
WHERE offer.campaign_id = $1::uuid;

-- name: list_pools_from :many
-- Every pool of a day from $1 on, for the memory of a process.
SELECT pool.pool_id, pool.store_id, pool.day, pool.code, pool.counter_id, pool.closed_at,
    offer.offer_id, offer.programme_id, offer.campaign_id, offer.revision_id, offer.rule_code
FROM gifts.pools pool JOIN gifts.offers offer USING (offer_id)
WHERE pool.day >= $1::date;

-- name: list_past_pools :many
-- Pools of business days that are over, still open: of each store those before its day.
SELECT pool.pool_id
FROM gifts.pools pool
JOIN unnest($1::uuid[], $2::date[]) AS shop (store_id, today) USING (store_id)
WHERE pool.day < shop.today AND pool.closed_at IS NULL
ORDER BY pool.offer_id, pool.pool_id LIMIT $3::integer;

-- name: find_next_pool :maybe
-- The same pool on the next day that has one, today or later: a unit that comes back late is of no use to a day gone by.
SELECT later.pool_id
FROM gifts.pools pool
JOIN gifts.pools later USING (offer_id, store_id, code)
WHERE pool.pool_id = $1::uuid AND later.day > pool.day AND later.day >= $2::date AND later.closed_at IS NULL
ORDER BY later.day LIMIT 1;

-- name: insert_gifts :many
-- Gifts of claims that were granted, where their campaign gives things out at this moment and their member was not
-- merged away: a pause that was committed before this statement began is seen by it. Returns those written.
INSERT INTO gifts.gifts (
    gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code, state,
    claimed_at, collect_until, minimum_spend_minor, spend_group
)
SELECT entry.gift_id, entry.code, entry.member_id, entry.programme_id, entry.offer_id, entry.pool_id, entry.store_id,
    entry.day, entry.counter_id, entry.revision_id, entry.rule_code, 'CONFIRMED', entry.claimed_at,
    entry.collect_until, entry.minimum_spend_minor, entry.spend_group
FROM unnest(
    $1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::date[], $9::uuid[],
    $10::uuid[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::bigint[], $15::text[]
) AS entry (
    gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    claimed_at, collect_until, minimum_spend_minor, spend_group
)
JOIN gifts.offers offer ON offer.offer_id = entry.offer_id
JOIN campaigns.campaigns campaign ON campaign.campaign_id = offer.campaign_id AND campaign.state = 'SCHEDULED'
JOIN members.memberships member ON member.member_id = entry.member_id AND member.programme_id = entry.programme_id
    AND member.merged_into IS NULL
RETURNING gift_id;

-- name: get_campaign_state :one
-- Whether an offer's campaign gives anything out, as it is now.
SELECT campaign.state FROM gifts.offers offer JOIN campaigns.campaigns campaign USING (campaign_id)
WHERE offer.offer_id = $1::uuid;

-- name: find_gift :maybe
-- A gift by its id.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts WHERE gift_id = $1::uuid;

-- name: lock_gift :maybe
-- A gift for a change, as it is once locked.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts WHERE gift_id = $1::uuid FOR UPDATE;

-- name: list_gifts_by_id :many
-- Gifts by their ids.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts WHERE gift_id = ANY ($1::uuid[]);

-- name: list_gifts_by_code :many
-- A store's gifts of a code, the latest first. Codes are random: a second one is as good as never there.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts WHERE store_id = $1::uuid AND code = $2::text
ORDER BY claimed_at DESC LIMIT 2;

-- name: list_member_gifts :many
-- A member's gifts, the latest claim first, from before gift $3 (NULL: from the latest).
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE member_id = $1::uuid AND programme_id = $2::uuid
    AND ($3::timestamptz IS NULL OR (claimed_at, gift_id) < ($3::timestamptz, $4::uuid))
ORDER BY claimed_at DESC, gift_id DESC
LIMIT $5::integer;

-- name: list_waiting_for_member :many
-- What a desk may hand over to a member: promised, not collected, and still in time.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE member_id = $1::uuid AND programme_id = $2::uuid AND store_id = $3::uuid
    AND state IN ('CONFIRMED', 'READY') AND collect_until > $4::timestamptz
ORDER BY collect_until, gift_id LIMIT $5::integer;

-- name: list_at_desk :many
-- Gifts that wait in a store, at desk $2 (NULL: at any), those to be collected first at the top. What waits at another
-- counter for a visit is on both lists: the desk packs and sends it.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE store_id = $1::uuid AND ($2::uuid IS NULL OR $2::uuid IN (counter_id, waits_at)) AND state IN ('CONFIRMED', 'READY')
    AND ($3::timestamptz IS NULL OR (collect_until, gift_id) > ($3::timestamptz, $4::uuid))
ORDER BY collect_until, gift_id
LIMIT $5::integer;

-- name: list_day_gifts :many
-- What a member's spend of a day has to cover in a group, earliest claim first.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE member_id = $1::uuid AND programme_id = $2::uuid AND store_id = $3::uuid AND day = $4::date
    AND spend_group = $5::text AND state IN ('CONFIRMED', 'READY', 'COLLECTED', 'CLAWBACK_DUE')
ORDER BY claimed_at, gift_id;

-- name: lock_day_gifts :many
-- What a member's spend of a day has to cover, locked for a judgement, earliest claim first.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE member_id = $1::uuid AND programme_id = $2::uuid AND store_id = $3::uuid AND day = $4::date
    AND minimum_spend_minor IS NOT NULL AND state IN ('CONFIRMED', 'READY', 'COLLECTED', 'CLAWBACK_DUE')
ORDER BY claimed_at, gift_id
FOR UPDATE;

-- name: list_day_lines :many
-- Lines of a member's receipts of one business day in a store, earliest receipt first, with what was paid for what is
-- kept of them and is not used up in group $5 by anything but the gifts $6, which are about to be shared out anew.
-- A receipt that was attached after the day had ended, at $7, counts for no gift.
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
    WHERE entry.sale_id = line.sale_id AND entry.line_no = line.line_no AND entry.exclusive_group = $5::text
        AND NOT (entry.used_by = 'GIFT' AND entry.used_by_id = ANY ($6::uuid[]))
) used ON true
WHERE sale.member_id = $1::uuid AND sale.programme_id = $2::uuid AND sale.store_id = $3::uuid
    AND sale.business_date = $4::date AND sale.state IN ('COMMITTED', 'PART_RETURNED')
    AND coalesce(sale.attached_at < $7::timestamptz, true)
ORDER BY sale.committed_at, line.sale_id, line.line_no;

-- name: lock_overdue :many
-- Gifts of a store that nobody collected in time; those that a desk or member is at are left for the next run.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE store_id = $1::uuid AND collect_until <= $2::timestamptz AND state IN ('CONFIRMED', 'READY')
ORDER BY collect_until, gift_id
LIMIT $3::integer
FOR UPDATE SKIP LOCKED;

-- name: write_changes :many
-- Gifts as they stand after changes, where they still are at the step that was seen, and their lines in the log. What
-- is given up or forfeited waits for no visit any more; where another one was collected stays.
WITH entries AS (
    SELECT entry.gift_id, entry.seen_step, entry.step, entry.from_state, entry.to_state, entry.cause
    FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::text[], $6::text[])
        AS entry (gift_id, seen_step, step, from_state, to_state, cause)
), last AS (
    SELECT DISTINCT ON (gift_id) gift_id, seen_step, step, to_state, cause FROM entries ORDER BY gift_id, step DESC
), changed AS (
    UPDATE gifts.gifts target
    SET state = last.to_state, step = last.step, cause = last.cause,
        ready_at = CASE WHEN target.ready_at IS NULL AND last.to_state IN ('READY', 'COLLECTED')
            THEN $7::timestamptz ELSE target.ready_at END,
        collected_at = CASE WHEN target.collected_at IS NULL AND last.to_state = 'COLLECTED'
            THEN $7::timestamptz ELSE target.collected_at END,
        collected_by = CASE WHEN target.collected_at IS NULL AND last.to_state = 'COLLECTED'
            THEN $9::text ELSE target.collected_by END,
        ended_at = CASE WHEN last.to_state IN ('CANCELLED', 'FORFEITED', 'RETURNED', 'WAIVED')
            THEN $7::timestamptz END,
        waits_at = CASE WHEN last.to_state NOT IN ('CANCELLED', 'FORFEITED') THEN target.waits_at END,
        waits_for = CASE WHEN last.to_state NOT IN ('CANCELLED', 'FORFEITED') THEN target.waits_for END,
        waits_until = CASE WHEN last.to_state NOT IN ('CANCELLED', 'FORFEITED') THEN target.waits_until END,
        desk_until = CASE WHEN last.to_state NOT IN ('CANCELLED', 'FORFEITED') THEN target.desk_until END
    FROM last
    WHERE target.gift_id = last.gift_id AND target.step = last.seen_step
    RETURNING target.gift_id
)
INSERT INTO gifts.changes (gift_id, step, from_state, to_state, cause, at, actor_role, actor)
SELECT entries.gift_id, entries.step, entries.from_state, entries.to_state, entries.cause, $7::timestamptz, $8::text,
    $9::text
FROM entries JOIN changed USING (gift_id)
RETURNING gift_id;

-- name: write_placings :many
-- Where gifts wait from now on (NULLs: at their desk), where they still are at the step that was seen, and their lines
-- in the log.
WITH changed AS (
    UPDATE gifts.gifts target
    SET step = target.step + 1, cause = entry.cause, collect_until = entry.collect_until, waits_at = entry.waits_at,
        waits_for = entry.waits_for, waits_until = entry.waits_until, desk_until = entry.desk_until
    FROM unnest(
        $1::uuid[], $2::integer[], $3::text[], $4::timestamptz[], $5::uuid[], $6::uuid[], $7::timestamptz[],
        $8::timestamptz[]
    ) AS entry (gift_id, seen_step, cause, collect_until, waits_at, waits_for, waits_until, desk_until)
    WHERE target.gift_id = entry.gift_id AND target.step = entry.seen_step
    RETURNING target.gift_id, target.step, target.state, target.cause
)
INSERT INTO gifts.changes (gift_id, step, from_state, to_state, cause, at, actor_role, actor)
SELECT changed.gift_id, changed.step, changed.state, changed.state, changed.cause, $9::timestamptz, $10::text, $11::text
FROM changed
RETURNING gift_id;

-- name: lock_gifts_of_visits :many
-- What waits for stops of visits, by their UIDs, locked by id after the member.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE waits_for = ANY ($1::uuid[]) AND state IN ('CONFIRMED', 'READY')
ORDER BY gift_id
FOR UPDATE;

-- name: list_gifts_of_visits :many
-- What waits, or was collected, at the stops of visits, by their UIDs; to be collected first at the top.
SELECT gift_id, code, member_id, programme_id, offer_id, pool_id, store_id, day, counter_id, revision_id, rule_code,
    state, step, claimed_at, collect_until, minimum_spend_minor, spend_group, ready_at, collected_at, collected_by,
    ended_at, cause, waits_at, waits_for, waits_until, desk_until
FROM gifts.gifts
WHERE waits_for = ANY ($1::uuid[])
ORDER BY collect_until, gift_id;

-- name: list_changes :many
-- What happened to a gift, earliest first.
SELECT step, from_state, to_state, cause, at, actor_role FROM gifts.changes
WHERE gift_id = $1::uuid ORDER BY step;

-- name: insert_judgement :exec
-- Remembers that a day has to be judged, where gifts of the member hang on it; it is due once, however many returns.
INSERT INTO gifts.judgements (member_id, programme_id, store_id, day, due_at)
SELECT $1::uuid, $2::uuid, $3::uuid, $4::date, $5::timestamptz
WHERE EXISTS (
    SELECT FROM gifts.gifts
    WHERE member_id = $1::uuid AND programme_id = $2::uuid AND store_id = $3::uuid AND day = $4::date
        AND minimum_spend_minor IS NOT NULL AND state IN ('CONFIRMED', 'READY', 'COLLECTED', 'CLAWBACK_DUE')
)
ON CONFLICT ON CONSTRAINT judgements_pkey DO NOTHING;

-- name: list_due_judgements :many
-- Days of members to be judged now.
SELECT member_id, programme_id, store_id, day, due_at FROM gifts.judgements
WHERE due_at <= $1::timestamptz ORDER BY due_at, member_id LIMIT $2::integer;

-- name: delete_judgement :exec
-- A day that was judged.
DELETE FROM gifts.judgements
WHERE member_id = $1::uuid AND programme_id = $2::uuid AND store_id = $3::uuid AND day = $4::date;

-- name: list_claimed :many
-- How many of some offers a member has claimed: on a day, and (day NULL) ever.
SELECT offer_id, day, claimed FROM inventory.member_counts
WHERE offer_id = ANY ($1::uuid[]) AND member_id = $2::uuid AND programme_id = $3::uuid
    AND (day IS NULL OR day = $4::date);

-- name: list_pool_counts :many
-- How many gifts of some pools are in which state.
SELECT pool_id, state, count(*)::integer AS gifts FROM gifts.gifts
WHERE pool_id = ANY ($1::uuid[]) GROUP BY pool_id, state ORDER BY pool_id, state;

-- name: find_returned_day :maybe
-- The member and day that a return took from, and the day it was made on. No row: nobody's receipt.
SELECT sale.member_id, sale.programme_id, sale.store_id, sale.business_date AS day, entry.business_date AS returned_on
FROM receipts.returns entry JOIN receipts.sales sale USING (sale_id)
WHERE entry.return_id = $1::uuid AND sale.member_id IS NOT NULL;

-- name: find_day_to_win_back :maybe
-- The member and day of a receipt that came in, where a gift of that day is to be brought back.
SELECT sale.member_id, sale.programme_id, sale.store_id, sale.business_date AS day
FROM receipts.sales sale
WHERE sale.sale_id = $1::uuid AND EXISTS (
    SELECT FROM gifts.gifts due
    WHERE due.member_id = sale.member_id AND due.programme_id = sale.programme_id AND due.store_id = sale.store_id
        AND due.day = sale.business_date AND due.state = 'CLAWBACK_DUE'
);

-- name: move_member :exec
-- Hands everything of a merged member in a programme to the winner: gifts, and days that wait for their judgement.
WITH moved AS (
    UPDATE gifts.gifts SET member_id = $2::uuid WHERE member_id = $1::uuid AND programme_id = $3::uuid
), days AS (
    DELETE FROM gifts.judgements WHERE member_id = $1::uuid AND programme_id = $3::uuid
    RETURNING store_id, day, due_at
)
INSERT INTO gifts.judgements (member_id, programme_id, store_id, day, due_at)
SELECT $2::uuid, $3::uuid, days.store_id, days.day, days.due_at FROM days
ON CONFLICT ON CONSTRAINT judgements_pkey DO NOTHING;
