-- Quotes, sales, returns, business days.

-- name: insert_quote :exec
-- A basket as quoted, with what was decided upon and what was decided.
INSERT INTO receipts.quotes (
    quote_id, programme_id, store_id, till_id, member_id, state, training, basket, inputs, decision,
    points_to_spend, quoted_at, expires_at
) VALUES (
    $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, 'QUOTED', false, $6::jsonb, $7::jsonb, $8::jsonb,
    $9::bigint, $10::timestamptz, $11::timestamptz
);

-- name: find_quote :maybe
-- A quote of one till, as it is.
SELECT quote_id, programme_id, store_id, till_id, member_id, state, basket, inputs, decision, points_to_spend,
    quoted_at, expires_at
FROM receipts.quotes WHERE quote_id = $1::uuid AND till_id = $2::uuid;

-- name: renew_quote :exec
-- Gives an open quote more time.
UPDATE receipts.quotes SET expires_at = $2::timestamptz WHERE quote_id = $1::uuid AND state = 'QUOTED';

-- name: abandon_quote :exec
-- Ends an open quote without a sale.
UPDATE receipts.quotes SET state = 'ABANDONED', ended_at = $2::timestamptz
WHERE quote_id = $1::uuid AND state = 'QUOTED';

-- name: insert_sale :maybe
-- Posts a receipt: sale, lines, tenders, the end of its quote and the member's business day, all or nothing.
-- No row: the natural key is taken, and nothing was written (P2). Returns the day's sums after it.
WITH sale AS (
    INSERT INTO receipts.sales (
        sale_id, programme_id, store_id, till_id, counter_id, business_date, sequence, body_hash, member_id, quote_id,
        state, currency, net_minor, points_redeemed, sold_at, committed_at, basket, inputs, decision, exceptions,
        answer, discount_minor
    ) VALUES (
        $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid, $6::date, $7::bigint, $8::bytea, $9::uuid, $10::uuid,
        'COMMITTED', $11::text, $12::bigint, $13::bigint, $14::timestamptz, $15::timestamptz,
        $16::jsonb, $17::jsonb, $18::jsonb, $19::jsonb, $34::jsonb,
        (SELECT coalesce(sum(discount), 0)::bigint FROM unnest($35::bigint[]) AS line (discount))
    )
    ON CONFLICT ON CONSTRAINT sales_natural_key DO NOTHING
    RETURNING sale_id, member_id, programme_id, business_date
), new_lines AS (
    INSERT INTO receipts.lines (
        sale_id, line_no, counter_id, category_id, description, quantity, net_minor, earn_minor, tier_minor, points,
        discount_minor
    )
    SELECT sale.sale_id, line.line_no, line.counter_id, line.category_id, line.description, line.quantity,
        line.net_minor, line.earn_minor, line.tier_minor, line.points, line.discount_minor
    FROM sale, unnest(
        $20::integer[], $21::uuid[], $22::uuid[], $23::text[], $24::integer[], $25::bigint[], $26::bigint[],
        $27::bigint[], $28::bigint[], $35::bigint[]
    ) AS line (
        line_no, counter_id, category_id, description, quantity, net_minor, earn_minor, tier_minor, points,
        discount_minor
    )
), new_tenders AS (
    INSERT INTO receipts.tenders (sale_id, tender_no, tender_type, amount_minor, reference)
    SELECT sale.sale_id, tender.tender_no, tender.tender_type, tender.amount_minor, tender.reference
    FROM sale, unnest($29::text[], $30::bigint[], $31::text[])
        WITH ORDINALITY AS tender (tender_type, amount_minor, reference, tender_no)
), ended_quote AS (
    UPDATE receipts.quotes SET state = 'COMMITTED', ended_at = $15::timestamptz
    FROM sale WHERE quotes.quote_id = $10::uuid
), day AS (
    INSERT INTO receipts.business_days (member_id, programme_id, business_date, tier_minor, base_points)
    SELECT sale.member_id, sale.programme_id, sale.business_date, $32::bigint, $33::bigint
    FROM sale WHERE sale.member_id IS NOT NULL
    ON CONFLICT ON CONSTRAINT business_days_pkey DO UPDATE
        SET tier_minor = business_days.tier_minor + excluded.tier_minor,
            base_points = business_days.base_points + excluded.base_points
)
SELECT sale_id FROM sale;

-- name: find_sale_by_id :maybe
-- A sale with its lines, as one row.
SELECT sale_id, programme_id, store_id, till_id, counter_id, business_date, sequence, body_hash, member_id, quote_id,
    state, currency, net_minor, returned_minor, points_redeemed, points_returned, sold_at, committed_at, attached_at,
    inputs, decision, exceptions, answer, lines, discount_minor, returned_discount_minor
FROM receipts.sales_with_lines WHERE sale_id = $1::uuid;

-- name: find_sale_by_natural_key :maybe
-- The same, by the receipt's number.
SELECT sale_id, programme_id, store_id, till_id, counter_id, business_date, sequence, body_hash, member_id, quote_id,
    state, currency, net_minor, returned_minor, points_redeemed, points_returned, sold_at, committed_at, attached_at,
    inputs, decision, exceptions, answer, lines, discount_minor, returned_discount_minor
FROM receipts.sales_with_lines
WHERE store_id = $1::uuid AND till_id = $2::uuid AND business_date = $3::date AND sequence = $4::bigint;

-- name: lock_sale :maybe
-- Locks a sale, after its member. It is read by the next statement: one that both locks and reads would see the lines
-- as they were before it waited, and two returns of an anonymous sale at once would both start from there.
SELECT sale_id FROM receipts.sales WHERE sale_id = $1::uuid FOR UPDATE;

-- name: insert_return :maybe
-- Posts a void or return: its row, its lines, the sale's and lines' cumulative state, the sale's business day.
-- No row: the return receipt's natural key is taken, and nothing was written.
WITH new_return AS (
    INSERT INTO receipts.returns (
        return_id, sale_id, kind, store_id, till_id, business_date, sequence, body_hash, amount_minor,
        points_clawed_back, points_given_back, points_shortfall, exchanged_for, returned_at, answer, discount_minor
    ) VALUES (
        $1::uuid, $2::uuid, $3::text, $4::uuid, $5::uuid, $6::date, $7::bigint, $8::bytea, $9::bigint,
        $10::bigint, $11::bigint, $12::bigint, $13::uuid, $14::timestamptz, $15::jsonb,
        (SELECT coalesce(sum(discount), 0)::bigint FROM unnest($23::bigint[]) AS line (discount))
    )
    ON CONFLICT ON CONSTRAINT returns_natural_key DO NOTHING
    RETURNING return_id, sale_id, discount_minor
), lines AS (
    SELECT line.line_no, line.quantity, line.amount_minor, line.points_clawed_back, line.discount_minor
    FROM unnest($16::integer[], $17::integer[], $18::bigint[], $19::bigint[], $23::bigint[])
        AS line (line_no, quantity, amount_minor, points_clawed_back, discount_minor)
), new_lines AS (
    INSERT INTO receipts.return_lines (return_id, line_no, quantity, amount_minor, points_clawed_back, discount_minor)
    SELECT new_return.return_id, lines.line_no, lines.quantity, lines.amount_minor, lines.points_clawed_back,
        lines.discount_minor
    FROM new_return, lines
), returned_lines AS (
    UPDATE receipts.lines target
    SET returned_quantity = target.returned_quantity + lines.quantity,
        returned_minor = target.returned_minor + lines.amount_minor,
        returned_discount_minor = target.returned_discount_minor + lines.discount_minor
    FROM new_return, lines
    WHERE target.sale_id = new_return.sale_id AND target.line_no = lines.line_no
), returned_sale AS (
    UPDATE receipts.sales target
    SET state = $20::text,
        returned_minor = target.returned_minor + $9::bigint,
        returned_discount_minor = target.returned_discount_minor + new_return.discount_minor,
        points_returned = target.points_returned + $11::bigint
    FROM new_return WHERE target.sale_id = new_return.sale_id
    RETURNING target.member_id, target.programme_id, target.business_date
), day AS (
    UPDATE receipts.business_days target
    SET tier_minor = target.tier_minor - $21::bigint, base_points = target.base_points - $22::bigint
    FROM returned_sale sale
    WHERE target.member_id = sale.member_id AND target.programme_id = sale.programme_id
        AND target.business_date = sale.business_date
)
SELECT return_id FROM new_return;

-- name: find_return_by_natural_key :maybe
-- A return by its own receipt's number, to answer a repeat.
SELECT return_id, sale_id, body_hash, answer, exchanged_for FROM receipts.returns
WHERE store_id = $1::uuid AND till_id = $2::uuid AND business_date = $3::date AND sequence = $4::bigint;

-- name: get_return :one
-- A return as recorded, to answer a repeat.
SELECT return_id, sale_id, body_hash, answer, exchanged_for FROM receipts.returns WHERE return_id = $1::uuid;

-- name: attach_sale :exec
-- Credits an anonymous sale to a member: the sale, its lines' points, its business day. Under the sale's lock.
WITH sale AS (
    UPDATE receipts.sales target
    SET member_id = $2::uuid, attached_at = $3::timestamptz, inputs = $4::jsonb, decision = $5::jsonb
    WHERE target.sale_id = $1::uuid AND target.member_id IS NULL
    RETURNING target.sale_id, target.member_id, target.programme_id, target.business_date
), credited_lines AS (
    UPDATE receipts.lines target
    SET earn_minor = line.earn_minor, tier_minor = line.tier_minor, points = line.points
    FROM sale, unnest($6::integer[], $7::bigint[], $8::bigint[], $9::bigint[])
        AS line (line_no, earn_minor, tier_minor, points)
    WHERE target.sale_id = sale.sale_id AND target.line_no = line.line_no
)
INSERT INTO receipts.business_days (member_id, programme_id, business_date, tier_minor, base_points)
SELECT sale.member_id, sale.programme_id, sale.business_date, $10::bigint, $11::bigint FROM sale
ON CONFLICT ON CONSTRAINT business_days_pkey DO UPDATE
    SET tier_minor = business_days.tier_minor + excluded.tier_minor,
        base_points = business_days.base_points + excluded.base_points;

-- name: list_business_days :many
-- A member's net spend per business day, for the fold of tiers.
SELECT business_date, tier_minor, base_points FROM receipts.business_days
WHERE member_id = $1::uuid AND programme_id = $2::uuid
ORDER BY business_date;

-- name: merge_member :exec
-- Hands everything of a merged member to the winner: sales, open quotes, business days (summed by date).
WITH sales AS (
    UPDATE receipts.sales SET member_id = $2::uuid WHERE member_id = $1::uuid AND programme_id = $3::uuid
), quotes AS (
    UPDATE receipts.quotes SET member_id = $2::uuid WHERE member_id = $1::uuid AND programme_id = $3::uuid
), emptied AS (
    UPDATE receipts.business_days target SET tier_minor = 0, base_points = 0
    FROM receipts.business_days before
    WHERE target.member_id = $1::uuid AND target.programme_id = $3::uuid
        AND before.member_id = target.member_id AND before.programme_id = target.programme_id
        AND before.business_date = target.business_date
    RETURNING before.business_date, before.tier_minor, before.base_points
)
INSERT INTO receipts.business_days (member_id, programme_id, business_date, tier_minor, base_points)
SELECT $2::uuid, $3::uuid, emptied.business_date, emptied.tier_minor, emptied.base_points FROM emptied
ON CONFLICT ON CONSTRAINT business_days_pkey DO UPDATE
    SET tier_minor = business_days.tier_minor + excluded.tier_minor,
        base_points = business_days.base_points + excluded.base_points;

-- name: delete_unsold_quotes :one
-- Housekeeping in batches: quotes that never became a sale. A row that somebody holds is left for later.
WITH old AS (
    SELECT quote_id FROM receipts.quotes
    WHERE expires_at < $1::timestamptz AND state <> 'COMMITTED'
    ORDER BY expires_at LIMIT $2::integer
    FOR UPDATE SKIP LOCKED
), deleted AS (
    DELETE FROM receipts.quotes q USING old WHERE q.quote_id = old.quote_id RETURNING 1
)
SELECT count(*)::integer AS deleted FROM deleted;

-- name: list_sales :many
-- A member's receipts, the latest recorded first, from before sale $3 on (NULL: from the latest).
SELECT sale_id, programme_id, store_id, till_id, counter_id, business_date, sequence, body_hash, member_id, quote_id,
    state, currency, net_minor, returned_minor, points_redeemed, points_returned, sold_at, committed_at, attached_at,
    inputs, decision, exceptions, answer, lines, discount_minor, returned_discount_minor
FROM receipts.sales_with_lines
WHERE member_id = $1::uuid AND programme_id = $2::uuid
    AND sale_id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY sale_id DESC
LIMIT $4::integer;

-- name: list_sales_by_id :many
-- Sales by their ids, with their lines.
SELECT sale_id, programme_id, store_id, till_id, counter_id, business_date, sequence, body_hash, member_id, quote_id,
    state, currency, net_minor, returned_minor, points_redeemed, points_returned, sold_at, committed_at, attached_at,
    inputs, decision, exceptions, answer, lines, discount_minor, returned_discount_minor
FROM receipts.sales_with_lines WHERE sale_id = ANY ($1::uuid[]);

-- name: use_amounts :exec
-- Uses up amounts of lines in an exclusive group, on behalf of a coupon or a gift (C6: the check refuses too much).
-- Lines in the order of their keys. Under the lock of the member whose receipts they are.
WITH used AS (
    SELECT line.sale_id, line.line_no, line.net_minor, entry.exclusive_group, entry.used_by_id, entry.used_minor
    FROM unnest($3::uuid[], $4::uuid[], $5::integer[], $6::text[], $7::bigint[])
        AS entry (used_by_id, sale_id, line_no, exclusive_group, used_minor)
    JOIN receipts.lines line USING (sale_id, line_no)
    ORDER BY line.sale_id, line.line_no, entry.exclusive_group
), sums AS (
    INSERT INTO receipts.group_amounts (sale_id, line_no, exclusive_group, net_minor, used_minor)
    SELECT used.sale_id, used.line_no, used.exclusive_group, used.net_minor, sum(used.used_minor)
    FROM used GROUP BY used.sale_id, used.line_no, used.exclusive_group, used.net_minor
    ON CONFLICT ON CONSTRAINT group_amounts_pkey DO UPDATE
        SET used_minor = group_amounts.used_minor + excluded.used_minor
)
INSERT INTO receipts.amounts_used (sale_id, line_no, exclusive_group, used_by, used_by_id, used_minor, used_at)
SELECT used.sale_id, used.line_no, used.exclusive_group, $1::text, used.used_by_id, used.used_minor, $2::timestamptz
FROM used;

-- name: free_amounts :one
-- Frees what some coupons or gifts used up, of one sale or (NULL) of all.
WITH freed AS (
    DELETE FROM receipts.amounts_used
    WHERE used_by = $1::text AND used_by_id = ANY ($2::uuid[]) AND sale_id = coalesce($3::uuid, sale_id)
    RETURNING sale_id, line_no, exclusive_group, used_minor
), sums AS (
    SELECT sale_id, line_no, exclusive_group, sum(used_minor) AS used_minor FROM freed
    GROUP BY sale_id, line_no, exclusive_group
), lowered AS (
    UPDATE receipts.group_amounts target SET used_minor = target.used_minor - sums.used_minor
    FROM sums
    WHERE target.sale_id = sums.sale_id AND target.line_no = sums.line_no
        AND target.exclusive_group = sums.exclusive_group
)
SELECT coalesce(sum(used_minor), 0)::bigint AS freed_minor FROM freed;

-- name: list_unused_of_day :many
-- Lines of a member's receipts of one business day in a store, with what was paid for what is kept of them (after
-- discounts and returns), and what of that is not used up in an exclusive group. $6, $7: counters and categories
-- that count; NULL: all.
SELECT line.sale_id, line.line_no, line.counter_id, line.category_id, kept.paid_minor,
    greatest(kept.paid_minor - coalesce(used.used_minor, 0), 0) AS unused_minor
FROM receipts.sales sale
JOIN receipts.lines line ON line.sale_id = sale.sale_id
CROSS JOIN LATERAL (
    SELECT line.net_minor - line.discount_minor - line.returned_minor + line.returned_discount_minor AS paid_minor
) kept
LEFT JOIN receipts.group_amounts used
    ON used.sale_id = line.sale_id AND used.line_no = line.line_no AND used.exclusive_group = $5::text
WHERE sale.member_id = $1::uuid AND sale.programme_id = $2::uuid AND sale.store_id = $3::uuid
    AND sale.business_date = $4::date AND sale.state IN ('COMMITTED', 'PART_RETURNED')
    AND ($6::uuid[] IS NULL OR line.counter_id = ANY ($6::uuid[]))
    AND ($7::uuid[] IS NULL OR line.category_id = ANY ($7::uuid[]))
ORDER BY sale.committed_at, line.sale_id, line.line_no;

-- name: list_amounts_used :many
-- What some coupons or gifts used up.
SELECT sale_id, line_no, exclusive_group, used_by_id, used_minor FROM receipts.amounts_used
WHERE used_by = $1::text AND used_by_id = ANY ($2::uuid[])
ORDER BY sale_id, line_no, exclusive_group;
