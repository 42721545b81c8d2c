-- The ledger of points: one statement writes a posting, whatever it consists of.

-- name: insert_posting :one
-- Writes entries, new lots, uses of lots, and lots and accounts as they shall be; ends a hold ($45, may be NULL).
-- Lots and accounts change only if they still are as they were read, and the counts tell: a posting that was decided
-- on anything but the present state must not be written.
WITH entry AS (
    INSERT INTO points.entries (
        entry_id, member_id, programme_id, kind, debit, credit, points,
        cause_event, cause_item, cause_revision, sale_id, occurred_at, recorded_at, business_date
    )
    SELECT e.entry_id, e.member_id, e.programme_id, e.kind, e.debit, e.credit, e.points,
        e.cause_event, e.cause_item, e.cause_revision, e.sale_id, e.occurred_at, $1::timestamptz, e.business_date
    FROM unnest(
        $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::uuid[], $10::text[], $11::text[], $12::uuid[], $13::timestamptz[], $14::date[]
    ) AS e (
        entry_id, member_id, programme_id, kind, debit, credit, points,
        cause_event, cause_item, cause_revision, sale_id, occurred_at, business_date
    )
), new_lot AS (
    INSERT INTO points.lots (
        lot_id, member_id, programme_id, entry_id, sale_id, line_no, rule, revision,
        points, remaining, activates_at, expires_at
    )
    SELECT l.lot_id, l.member_id, l.programme_id, l.entry_id, l.sale_id, l.line_no, l.rule, l.revision,
        l.points, l.remaining, l.activates_at, l.expires_at
    FROM unnest(
        $15::uuid[], $16::uuid[], $17::uuid[], $18::uuid[], $19::uuid[], $20::integer[], $21::text[], $22::text[],
        $23::bigint[], $24::bigint[], $25::timestamptz[], $26::timestamptz[]
    ) AS l (
        lot_id, member_id, programme_id, entry_id, sale_id, line_no, rule, revision,
        points, remaining, activates_at, expires_at
    )
), lot_use AS (
    INSERT INTO points.lot_uses (lot_id, entry_id, points)
    SELECT u.lot_id, u.entry_id, u.points
    FROM unnest($27::uuid[], $28::uuid[], $29::bigint[]) AS u (lot_id, entry_id, points)
), lot AS (
    UPDATE points.lots
    SET member_id = c.member_id, remaining = c.remaining, reversed = c.reversed, expired = c.expired,
        expires_at = c.expires_at
    FROM unnest(
        $30::uuid[], $31::bigint[], $32::uuid[], $33::bigint[], $34::bigint[], $35::bigint[], $36::timestamptz[]
    ) AS c (lot_id, remaining_before, member_id, remaining, reversed, expired, expires_at)
    WHERE lots.lot_id = c.lot_id AND lots.remaining = c.remaining_before
    RETURNING lots.lot_id
), account AS (
    UPDATE points.accounts
    SET balance = c.balance, debt = c.debt, lifetime_earned = c.lifetime_earned
    FROM unnest(
        $37::uuid[], $38::uuid[], $39::bigint[], $40::bigint[], $41::bigint[], $42::bigint[], $43::bigint[], $44::bigint[]
    ) AS c (
        member_id, programme_id, balance_before, debt_before, lifetime_earned_before, balance, debt, lifetime_earned
    )
    WHERE accounts.member_id = c.member_id AND accounts.programme_id = c.programme_id
        AND accounts.balance = c.balance_before AND accounts.debt = c.debt_before
        AND accounts.lifetime_earned = c.lifetime_earned_before
    RETURNING accounts.member_id
), hold AS (
    UPDATE points.holds SET ended_at = $1::timestamptz WHERE hold_id = $45::uuid AND ended_at IS NULL
)
SELECT (SELECT count(*) FROM lot) AS lots, (SELECT count(*) FROM account) AS accounts;

-- name: open_account :exec
-- An empty account, at enrolment. A second one changes nothing.
INSERT INTO points.accounts (member_id, programme_id) VALUES ($1::uuid, $2::uuid)
ON CONFLICT ON CONSTRAINT accounts_pkey DO NOTHING;

-- name: list_liability :many
-- What the members of each programme have in their lots, and what some of them owe. Reads every account once, and no
-- ledger: for every few minutes.
SELECT programme_id, sum(balance + debt)::bigint AS outstanding, sum(debt)::bigint AS owed
FROM points.accounts
GROUP BY programme_id
ORDER BY programme_id;

-- name: get_account :one
-- An account as it is at $3.
SELECT balance, debt, lifetime_earned, pending, expired, held, judged_at
FROM points.account_at($1::uuid, $2::uuid, $3::timestamptz);

-- name: list_lots_to_take :many
-- The lots that cover $4 points, in the order in which points are used: available ones, then pending ones, each by
-- earliest expiry. $3 is when the account was judged.
SELECT l.lot_id, l.member_id, l.programme_id, l.sale_id, l.line_no, l.rule, l.revision, l.points,
    l.remaining, l.reversed, l.expired, l.activates_at, l.expires_at
FROM (
    SELECT lot.lot_id, lot.member_id, lot.programme_id, lot.sale_id, lot.line_no, lot.rule, lot.revision, lot.points,
        lot.remaining, lot.reversed, lot.expired, lot.activates_at, lot.expires_at,
        sum(lot.remaining) OVER (ORDER BY lot.activates_at > $3::timestamptz, lot.expires_at, lot.lot_id)
            - lot.remaining AS covered_before
    FROM points.lots lot
    WHERE lot.member_id = $1::uuid AND lot.programme_id = $2::uuid AND lot.remaining > 0
        AND (lot.expires_at IS NULL OR lot.expires_at > $3::timestamptz)
) l
WHERE l.covered_before < $4::bigint
ORDER BY l.covered_before;

-- name: list_lots_of_lines :many
-- The lots that some lines of a sale made, line by line. Empty ones may still be a merged member's.
SELECT lot_id, member_id, programme_id, sale_id, line_no, rule, revision, points,
    remaining, reversed, expired, activates_at, expires_at
FROM points.lots
WHERE sale_id = $1::uuid AND line_no = ANY ($2::integer[])
ORDER BY line_no, lot_id;

-- name: list_lots_spent_on :many
-- The lots that paid for a sale, with what has not been given back of it yet.
SELECT lot.lot_id, lot.member_id, lot.programme_id, lot.sale_id, lot.line_no, lot.rule, lot.revision, lot.points,
    lot.remaining, lot.reversed, lot.expired, lot.activates_at, lot.expires_at, spent.points AS spent
FROM (
    SELECT used.lot_id, sum(used.points)::bigint AS points
    FROM points.entries entry
    JOIN points.lot_uses used ON used.entry_id = entry.entry_id
    WHERE entry.sale_id = $1::uuid AND 'REDEMPTION' IN (entry.debit, entry.credit)
    GROUP BY used.lot_id
    HAVING sum(used.points) > 0
) spent
JOIN points.lots lot ON lot.lot_id = spent.lot_id;

-- name: list_lots_with_points :many
-- Every lot of a membership that is not empty, expired ones too.
SELECT lot_id, member_id, programme_id, sale_id, line_no, rule, revision, points,
    remaining, reversed, expired, activates_at, expires_at
FROM points.lots
WHERE member_id = $1::uuid AND programme_id = $2::uuid AND remaining > 0
ORDER BY lot_id;

-- name: list_memberships_with_expired_lots :many
-- Whose lots are the $2 that have expired first and are not posted yet. Who has points set aside is left for later: a
-- quote may still spend what expired under it.
SELECT DISTINCT due.member_id, due.programme_id
FROM (
    SELECT lot.member_id, lot.programme_id FROM points.lots lot
    WHERE lot.remaining > 0 AND lot.expires_at <= $1::timestamptz
        AND NOT EXISTS (
            SELECT FROM points.holds hold
            WHERE hold.member_id = lot.member_id AND hold.programme_id = lot.programme_id
                AND hold.ended_at IS NULL AND hold.expires_at > $1::timestamptz
        )
    ORDER BY lot.expires_at, lot.lot_id
    LIMIT $2::integer
) due;

-- name: list_expired_lots :many
-- What has expired of some memberships and is not posted yet. Read once they are locked.
SELECT lot.lot_id, lot.member_id, lot.programme_id, lot.sale_id, lot.line_no, lot.rule, lot.revision, lot.points,
    lot.remaining, lot.reversed, lot.expired, lot.activates_at, lot.expires_at,
    account.balance, account.debt, account.lifetime_earned
FROM unnest($1::uuid[], $2::uuid[]) AS locked (member_id, programme_id)
JOIN points.lots lot ON lot.member_id = locked.member_id AND lot.programme_id = locked.programme_id
JOIN points.accounts account
    ON account.member_id = locked.member_id AND account.programme_id = locked.programme_id
WHERE lot.remaining > 0 AND lot.expires_at <= $3::timestamptz
ORDER BY lot.member_id, lot.programme_id, lot.expires_at, lot.lot_id;

-- name: insert_hold :one
-- Sets points aside for a quote, or renews that, if they are available beside what other quotes hold. A live hold that
-- is renewed keeps the moment at which it was judged.
WITH account AS (
    SELECT greatest(0, a.balance - a.pending - greatest(0, a.expired - a.debt) - a.held) AS available
    FROM points.account_at($2::uuid, $3::uuid, $5::timestamptz, $1::uuid) a
), placed AS (
    INSERT INTO points.holds (hold_id, member_id, programme_id, points, held_at, expires_at)
    SELECT $1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::timestamptz, $6::timestamptz
    FROM account
    WHERE account.available >= $4::bigint
    ON CONFLICT ON CONSTRAINT holds_pkey DO UPDATE
        SET points = excluded.points, expires_at = excluded.expires_at,
            held_at = CASE WHEN holds.expires_at > excluded.held_at THEN holds.held_at ELSE excluded.held_at END
        WHERE holds.ended_at IS NULL AND holds.member_id = excluded.member_id
    RETURNING hold_id
)
SELECT account.available, EXISTS (SELECT FROM placed) AS placed FROM account;

-- name: end_hold :exec
-- Lets go of what a quote had set aside.
UPDATE points.holds SET ended_at = $2::timestamptz WHERE hold_id = $1::uuid AND ended_at IS NULL;

-- name: move_holds_and_adjustments :exec
-- Gives a merged member's live holds and undecided adjustments to the winner. Entries stay where they were made.
WITH hold AS (
    UPDATE points.holds SET member_id = $2::uuid
    WHERE member_id = $1::uuid AND programme_id = $3::uuid AND ended_at IS NULL
)
UPDATE points.adjustments SET member_id = $2::uuid
WHERE member_id = $1::uuid AND programme_id = $3::uuid AND state = 'PENDING_APPROVAL';

-- name: list_entries :many
-- A member's history, the latest recorded first, from before entry $3 on (NULL: from the latest).
SELECT entry_id, member_id, programme_id, kind, debit, credit, points, cause_event, cause_item, cause_revision,
    sale_id, occurred_at, recorded_at, business_date
FROM points.entries
WHERE member_id = $1::uuid AND programme_id = $2::uuid
    AND entry_id < coalesce($3::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
ORDER BY entry_id DESC
LIMIT $4::integer;

-- name: list_entries_by_id :many
-- Entries by their ids.
SELECT entry_id, member_id, programme_id, kind, debit, credit, points, cause_event, cause_item, cause_revision,
    sale_id, occurred_at, recorded_at, business_date
FROM points.entries
WHERE entry_id = ANY ($1::uuid[]);

-- name: insert_adjustment :exec
-- An adjustment as requested: applied already, or waiting for a second person.
INSERT INTO points.adjustments (
    adjustment_id, member_id, programme_id, points, reason, state, requested_by, requested_at
)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::bigint, $5::text, $6::text, $7::text, $8::timestamptz);

-- name: list_adjustments_by_id :many
-- Adjustments by their ids.
SELECT adjustment_id, member_id, programme_id, points, reason, state, requested_by, requested_at,
    decided_by, decided_at, decision_reason
FROM points.adjustments
WHERE adjustment_id = ANY ($1::uuid[]);

-- name: list_pending_adjustments :many
-- What waits for a second person in a programme, the longest waiting first, from after $2 on (NULL: from the first).
SELECT adjustment_id, member_id, programme_id, points, reason, state, requested_by, requested_at,
    decided_by, decided_at, decision_reason
FROM points.adjustments
WHERE programme_id = $1::uuid AND state = 'PENDING_APPROVAL'
    AND adjustment_id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY adjustment_id
LIMIT $3::integer;

-- name: update_adjustment :one
-- What the second person decided.
UPDATE points.adjustments
SET state = $2::text, decided_by = $3::text, decided_at = $4::timestamptz, decision_reason = $5::text
WHERE adjustment_id = $1::uuid AND state = 'PENDING_APPROVAL'
RETURNING adjustment_id;
