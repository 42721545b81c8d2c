-- The ledger: entries, lots, uses of lots, holds, adjustments.

CREATE SCHEMA points;
GRANT USAGE ON SCHEMA points TO membership_engine, membership_reader;

-- Sums of the ledger for one membership, kept in the transaction that posts (L1 proves them). Opened at enrolment.
CREATE TABLE points.accounts (
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    balance bigint NOT NULL DEFAULT 0,            -- sum of entries; below zero only while in debt
    debt bigint NOT NULL DEFAULT 0,               -- clawed back beyond what the lots held
    lifetime_earned bigint NOT NULL DEFAULT 0,
    CONSTRAINT accounts_pkey PRIMARY KEY (member_id, programme_id),
    CONSTRAINT accounts_debt CHECK (debt >= 0),
    CONSTRAINT accounts_balance CHECK (balance >= -debt),
    CONSTRAINT accounts_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);

CREATE TABLE points.entries (
    entry_id uuid CONSTRAINT entries_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    kind text NOT NULL,
    debit text NOT NULL,                          -- the account the points leave
    credit text NOT NULL,                         -- the account the points reach
    points bigint NOT NULL CONSTRAINT entries_points CHECK (points > 0),
    cause_event uuid NOT NULL,                    -- sale, return, adjustment, merge, lot
    cause_item text NOT NULL,                     -- line and rule within the event
    cause_revision text NOT NULL,                 -- the rule revision that decided
    sale_id uuid,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    business_date date NOT NULL,
    CONSTRAINT entries_cause_key UNIQUE (cause_event, cause_item, cause_revision, kind),   -- L2
    CONSTRAINT entries_kind CHECK (kind IN ('EARN', 'BONUS', 'REDEEM', 'EXPIRE', 'ADJUST', 'REVERSE', 'TRANSFER')),
    CONSTRAINT entries_accounts CHECK (
        debit IN ('MEMBER', 'ISSUE', 'REDEMPTION', 'BREAKAGE', 'ADJUSTMENT')
        AND credit IN ('MEMBER', 'ISSUE', 'REDEMPTION', 'BREAKAGE', 'ADJUSTMENT')
        AND debit <> credit AND 'MEMBER' IN (debit, credit)
    ),
    CONSTRAINT entries_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
-- Entry ids are time-ordered, so this one index pages a member's history newest first.
CREATE INDEX entries_member ON points.entries (member_id, programme_id, entry_id DESC);
CREATE INDEX entries_sale ON points.entries (sale_id) WHERE sale_id IS NOT NULL;
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON points.entries
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER entries_never_truncated BEFORE TRUNCATE ON points.entries
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

CREATE TABLE points.lots (
    lot_id uuid CONSTRAINT lots_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    entry_id uuid NOT NULL REFERENCES points.entries,   -- the entry that made it
    sale_id uuid,
    line_no integer,
    rule text NOT NULL,                           -- 'BASE', or the code of the rule that gave a bonus
    revision text NOT NULL,
    points bigint NOT NULL CONSTRAINT lots_points CHECK (points > 0),
    remaining bigint NOT NULL,
    reversed bigint NOT NULL DEFAULT 0,           -- undone by returns of its sale, cumulative, even if not recovered
    expired bigint NOT NULL DEFAULT 0,            -- taken by EXPIRE entries
    activates_at timestamptz NOT NULL,
    expires_at timestamptz,                       -- NULL: never
    CONSTRAINT lots_remaining CHECK (remaining BETWEEN 0 AND points),        -- L3
    CONSTRAINT lots_reversed CHECK (reversed BETWEEN 0 AND points),
    CONSTRAINT lots_expired CHECK (expired BETWEEN 0 AND points - remaining)
);
-- Spending, and what has expired without being posted yet.
CREATE INDEX lots_spendable ON points.lots (member_id, programme_id, expires_at, lot_id) WHERE remaining > 0;
-- What is pending, without reading what is not.
CREATE INDEX lots_pending ON points.lots (member_id, programme_id, activates_at) WHERE remaining > 0;
CREATE INDEX lots_expiring ON points.lots (expires_at) WHERE remaining > 0;
CREATE INDEX lots_sale ON points.lots (sale_id) WHERE sale_id IS NOT NULL;

-- Every change of a lot's remaining points, with the entry that caused it. Positive takes, negative gives back.
CREATE TABLE points.lot_uses (
    lot_id uuid NOT NULL REFERENCES points.lots,
    entry_id uuid NOT NULL REFERENCES points.entries,
    points bigint NOT NULL CONSTRAINT lot_uses_points CHECK (points <> 0),
    CONSTRAINT lot_uses_pkey PRIMARY KEY (lot_id, entry_id)
);
CREATE INDEX lot_uses_entry ON points.lot_uses (entry_id);
CREATE TRIGGER lot_uses_append_only BEFORE UPDATE OR DELETE ON points.lot_uses
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER lot_uses_never_truncated BEFORE TRUNCATE ON points.lot_uses
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Points set aside for a quote until it commits, is abandoned or lapses.
CREATE TABLE points.holds (
    hold_id uuid CONSTRAINT holds_pkey PRIMARY KEY,   -- the quote's id
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    points bigint NOT NULL CONSTRAINT holds_points CHECK (points > 0),
    held_at timestamptz NOT NULL,                     -- what could be spent then can be while the hold lives
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT holds_time CHECK (expires_at > held_at),
    CONSTRAINT holds_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
-- By time, so that holds which lapsed without being ended are not read again and again.
CREATE INDEX holds_live ON points.holds (member_id, programme_id, expires_at) WHERE ended_at IS NULL;

CREATE TABLE points.adjustments (
    adjustment_id uuid CONSTRAINT adjustments_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    points bigint NOT NULL CONSTRAINT adjustments_points CHECK (points <> 0),
    reason text NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    decided_by text,                              -- the second person; NULL: none was needed, or none has decided
    decided_at timestamptz,
    decision_reason text,
    CONSTRAINT adjustments_state CHECK (state IN ('PENDING_APPROVAL', 'APPLIED', 'REJECTED')),
    CONSTRAINT adjustments_second_person CHECK (decided_by IS DISTINCT FROM requested_by),
    CONSTRAINT adjustments_decided CHECK (
        (decided_by IS NULL) = (decided_at IS NULL)
        AND CASE state WHEN 'PENDING_APPROVAL' THEN decided_by IS NULL WHEN 'REJECTED' THEN decided_by IS NOT NULL
            ELSE true END
    ),
    CONSTRAINT adjustments_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX adjustments_pending ON points.adjustments (programme_id, adjustment_id) WHERE state = 'PENDING_APPROVAL';
CREATE INDEX adjustments_member ON points.adjustments (member_id, programme_id, adjustment_id DESC);

-- An account with what the clock says of its lots and holds: a view with parameters, which the planner inlines.
-- `pending` and `expired` read only lots that are either, and never the many that are neither.
-- `own_hold` is a quote that is about to spend what it set aside. While it is live its points are not held against
-- it, and lots are judged as they were then, so that a commit finds what the quote found, over midnight too.
CREATE FUNCTION points.account_at(of_member uuid, of_programme uuid, moment timestamptz, own_hold uuid DEFAULT NULL)
    RETURNS TABLE (
        balance bigint, debt bigint, lifetime_earned bigint, pending bigint, expired bigint, held bigint,
        judged_at timestamptz
    ) LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT account.balance, account.debt, account.lifetime_earned,
        coalesce((
            SELECT sum(lot.remaining) FROM points.lots lot
            WHERE lot.member_id = account.member_id AND lot.programme_id = account.programme_id
                AND lot.remaining > 0 AND lot.activates_at > judged.at
                AND (lot.expires_at IS NULL OR lot.expires_at > judged.at)
        ), 0)::bigint,
        coalesce((
            SELECT sum(lot.remaining) FROM points.lots lot
            WHERE lot.member_id = account.member_id AND lot.programme_id = account.programme_id
                AND lot.remaining > 0 AND lot.expires_at <= judged.at
        ), 0)::bigint,
        coalesce((
            SELECT sum(hold.points) FROM points.holds hold
            WHERE hold.member_id = account.member_id AND hold.programme_id = account.programme_id
                AND hold.ended_at IS NULL AND hold.expires_at > moment AND hold.hold_id IS DISTINCT FROM own_hold
        ), 0)::bigint,
        judged.at
    FROM points.accounts account
    CROSS JOIN LATERAL (
        SELECT coalesce((
            SELECT hold.held_at FROM points.holds hold
            WHERE hold.hold_id = own_hold AND hold.ended_at IS NULL AND hold.expires_at > moment
        ), moment) AS at
    ) judged
    WHERE account.member_id = of_member AND account.programme_id = of_programme;
END;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA points TO membership_engine;
GRANT UPDATE ON points.accounts, points.lots, points.holds, points.adjustments TO membership_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA points TO membership_reader;

ALTER TABLE points.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE points.accounts FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON points.accounts TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON points.accounts FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE points.entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE points.entries FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON points.entries TO membership_engine USING (true) WITH CHECK (true);
-- A till sees balances, never the history of what was bought elsewhere.
CREATE POLICY reader ON points.entries FOR SELECT TO membership_reader
    USING (platform.caller_role() <> 'till' AND platform.caller_role() <> 'associate'
        AND platform.may_read_member(member_id, programme_id));
ALTER TABLE points.lots ENABLE ROW LEVEL SECURITY;
ALTER TABLE points.lots FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON points.lots TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON points.lots FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE points.lot_uses ENABLE ROW LEVEL SECURITY;
ALTER TABLE points.lot_uses FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON points.lot_uses TO membership_engine USING (true) WITH CHECK (true);
ALTER TABLE points.holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE points.holds FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON points.holds TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON points.holds FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE points.adjustments ENABLE ROW LEVEL SECURITY;
ALTER TABLE points.adjustments FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON points.adjustments TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON points.adjustments FOR SELECT TO membership_reader
    USING ((platform.caller_role() IN ('member_services', 'approver')
            AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin');
