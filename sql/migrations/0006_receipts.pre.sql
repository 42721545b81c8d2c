-- Quotes, sales, lines, tenders, returns, and a member's net spend per business day.
--
-- No foreign key points at `stores` here: each check would lock the same few hot rows (store, till, counter) for
-- every sale of the day. Configuration rows are never deleted (no role may), and the service names them by a
-- directory read from that schema.

CREATE SCHEMA receipts;
GRANT USAGE ON SCHEMA receipts TO membership_engine, membership_reader;

CREATE TABLE receipts.quotes (
    quote_id uuid CONSTRAINT quotes_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    till_id uuid NOT NULL,
    member_id uuid,
    state text NOT NULL,                  -- EXPIRED is read from expires_at, never stored
    training boolean NOT NULL,
    basket jsonb NOT NULL,                -- the till's facts
    inputs jsonb NOT NULL,                -- what was decided upon: rates, flags, tier, revisions
    decision jsonb NOT NULL,              -- what was decided
    points_to_spend bigint NOT NULL CONSTRAINT quotes_points CHECK (points_to_spend >= 0),
    quoted_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT quotes_state CHECK (state IN ('QUOTED', 'COMMITTED', 'ABANDONED')),
    CONSTRAINT quotes_ended CHECK ((state = 'QUOTED') = (ended_at IS NULL)),
    CONSTRAINT quotes_training CHECK (NOT training)    -- a training quote is answered, never stored (P6)
);
CREATE INDEX quotes_unsold ON receipts.quotes (expires_at) WHERE state <> 'COMMITTED';

CREATE TABLE receipts.sales (
    sale_id uuid CONSTRAINT sales_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    till_id uuid NOT NULL,
    counter_id uuid,
    business_date date NOT NULL,
    sequence bigint NOT NULL CONSTRAINT sales_sequence CHECK (sequence > 0),
    body_hash bytea NOT NULL,
    member_id uuid,                       -- NULL: anonymous, may be attached within 7 days
    attached_at timestamptz,
    quote_id uuid CONSTRAINT sales_quote_key UNIQUE REFERENCES receipts.quotes,
    state text NOT NULL,
    currency char(3) NOT NULL,
    net_minor bigint NOT NULL CONSTRAINT sales_net CHECK (net_minor >= 0),
    returned_minor bigint NOT NULL DEFAULT 0,
    points_redeemed bigint NOT NULL CONSTRAINT sales_redeemed CHECK (points_redeemed >= 0),
    points_returned bigint NOT NULL DEFAULT 0,
    sold_at timestamptz NOT NULL,
    committed_at timestamptz NOT NULL,
    basket jsonb NOT NULL,
    inputs jsonb NOT NULL,
    decision jsonb NOT NULL,
    exceptions jsonb NOT NULL,
    answer jsonb NOT NULL,                -- what the till was told, told again to every repeat
    CONSTRAINT sales_natural_key UNIQUE (store_id, till_id, business_date, sequence),   -- P2
    CONSTRAINT sales_state CHECK (state IN ('COMMITTED', 'VOIDED', 'PART_RETURNED', 'RETURNED')),
    CONSTRAINT sales_returned CHECK (returned_minor BETWEEN 0 AND net_minor),
    CONSTRAINT sales_points_returned CHECK (points_returned BETWEEN 0 AND points_redeemed)
);
CREATE INDEX sales_member ON receipts.sales (member_id, programme_id, sale_id DESC) WHERE member_id IS NOT NULL;
CREATE INDEX sales_store_day ON receipts.sales (store_id, business_date, sale_id DESC);

CREATE TABLE receipts.lines (
    sale_id uuid NOT NULL REFERENCES receipts.sales,
    line_no integer NOT NULL CONSTRAINT lines_line_no CHECK (line_no > 0),
    counter_id uuid NOT NULL,
    category_id uuid NOT NULL,
    description text,
    quantity integer NOT NULL CONSTRAINT lines_quantity CHECK (quantity > 0),
    net_minor bigint NOT NULL CONSTRAINT lines_net CHECK (net_minor >= 0),
    earn_minor bigint NOT NULL CONSTRAINT lines_earn CHECK (earn_minor BETWEEN 0 AND net_minor),   -- weighted by tender
    tier_minor bigint NOT NULL CONSTRAINT lines_tier CHECK (tier_minor BETWEEN 0 AND net_minor),
    points bigint NOT NULL CONSTRAINT lines_points CHECK (points >= 0),
    returned_quantity integer NOT NULL DEFAULT 0,
    returned_minor bigint NOT NULL DEFAULT 0,
    CONSTRAINT lines_pkey PRIMARY KEY (sale_id, line_no),
    CONSTRAINT lines_returned_quantity CHECK (returned_quantity BETWEEN 0 AND quantity),           -- P7
    CONSTRAINT lines_returned_minor CHECK (returned_minor BETWEEN 0 AND net_minor)
);

CREATE TABLE receipts.tenders (
    sale_id uuid NOT NULL REFERENCES receipts.sales,
    tender_no integer NOT NULL,
    tender_type text NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT tenders_amount CHECK (amount_minor > 0),
    reference text,                       -- masked when it looks like a payment card
    CONSTRAINT tenders_pkey PRIMARY KEY (sale_id, tender_no)
);

CREATE TABLE receipts.returns (
    return_id uuid CONSTRAINT returns_pkey PRIMARY KEY,
    sale_id uuid NOT NULL REFERENCES receipts.sales,
    kind text NOT NULL,
    store_id uuid NOT NULL,
    till_id uuid NOT NULL,
    business_date date NOT NULL,
    sequence bigint,                      -- a void has no receipt of its own
    body_hash bytea NOT NULL,
    amount_minor bigint NOT NULL CONSTRAINT returns_amount CHECK (amount_minor >= 0),
    points_clawed_back bigint NOT NULL CONSTRAINT returns_clawed CHECK (points_clawed_back >= 0),
    points_given_back bigint NOT NULL CONSTRAINT returns_given CHECK (points_given_back >= 0),
    points_shortfall bigint NOT NULL CONSTRAINT returns_shortfall CHECK (points_shortfall >= 0),
    exchanged_for uuid REFERENCES receipts.sales DEFERRABLE INITIALLY DEFERRED,   -- written after it
    returned_at timestamptz NOT NULL,
    answer jsonb NOT NULL,                -- what the till was told, told again to every repeat
    CONSTRAINT returns_kind CHECK (kind IN ('VOID', 'RETURN', 'EXCHANGE')),
    CONSTRAINT returns_natural_key UNIQUE (store_id, till_id, business_date, sequence)
);
CREATE INDEX returns_sale ON receipts.returns (sale_id);

CREATE TABLE receipts.return_lines (
    return_id uuid NOT NULL REFERENCES receipts.returns,
    line_no integer NOT NULL,
    quantity integer NOT NULL CONSTRAINT return_lines_quantity CHECK (quantity > 0),
    amount_minor bigint NOT NULL CONSTRAINT return_lines_amount CHECK (amount_minor >= 0),
    points_clawed_back bigint NOT NULL CONSTRAINT return_lines_clawed CHECK (points_clawed_back >= 0),
    CONSTRAINT return_lines_pkey PRIMARY KEY (return_id, line_no)
);

-- What tiers are judged on. A return counts on its sale's date; a purchase day is one with net spend above zero.
CREATE TABLE receipts.business_days (
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    business_date date NOT NULL,
    tier_minor bigint NOT NULL CONSTRAINT business_days_spend CHECK (tier_minor >= 0),
    base_points bigint NOT NULL CONSTRAINT business_days_points CHECK (base_points >= 0),
    CONSTRAINT business_days_pkey PRIMARY KEY (member_id, programme_id, business_date),
    CONSTRAINT business_days_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);

-- A sale with its lines as one document. Held to the policies of both tables, as whoever reads it.
CREATE VIEW receipts.sales_with_lines WITH (security_invoker = true) AS
SELECT s.sale_id, s.programme_id, s.store_id, s.till_id, s.counter_id, s.business_date, s.sequence, s.body_hash,
    s.member_id, s.quote_id, s.state, s.currency, s.net_minor, s.returned_minor, s.points_redeemed,
    s.points_returned, s.sold_at, s.committed_at, s.attached_at, s.inputs, s.decision, s.exceptions, s.answer,
    (SELECT jsonb_agg(to_jsonb(l) - 'sale_id' ORDER BY l.line_no) FROM receipts.lines l WHERE l.sale_id = s.sale_id)
        AS lines
FROM receipts.sales s;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA receipts TO membership_engine;
GRANT UPDATE ON receipts.quotes, receipts.sales, receipts.lines, receipts.business_days TO membership_engine;
GRANT DELETE ON receipts.quotes TO membership_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA receipts TO membership_reader;

-- A till reads its own counter's sales; a central cashier (no counter) its store's; an associate its brand's counters.
CREATE FUNCTION receipts.may_read_sale(sale_member_id uuid, sale_programme_id uuid, sale_store_id uuid, sale_counter_id uuid)
    RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN sale_member_id = platform.caller_member()
        OR (platform.caller_role() = 'till' AND sale_store_id = platform.caller_store()
            AND (platform.caller_counter() IS NULL OR sale_counter_id = platform.caller_counter()))
        OR (platform.caller_role() = 'desk' AND sale_store_id = platform.caller_store())
        OR (platform.caller_role() = 'associate' AND EXISTS (
            SELECT FROM stores.counters c WHERE c.counter_id = sale_counter_id AND c.brand_id = platform.caller_brand()))
        OR (platform.caller_role() IN ('member_services', 'service') AND sale_programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin';

ALTER TABLE receipts.quotes ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.quotes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.quotes TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.quotes FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() = 'till' AND store_id = platform.caller_store())
        OR platform.caller_role() = 'admin');
ALTER TABLE receipts.sales ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.sales FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.sales TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.sales FOR SELECT TO membership_reader
    USING (receipts.may_read_sale(member_id, programme_id, store_id, counter_id));
ALTER TABLE receipts.lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.lines FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.lines TO membership_engine USING (true) WITH CHECK (true);
-- The inner query is held to the policy of sales.
CREATE POLICY reader ON receipts.lines FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM receipts.sales s WHERE s.sale_id = lines.sale_id));
ALTER TABLE receipts.tenders ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.tenders FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.tenders TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.tenders FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM receipts.sales s WHERE s.sale_id = tenders.sale_id));
ALTER TABLE receipts.returns ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.returns FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.returns TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.returns FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM receipts.sales s WHERE s.sale_id = returns.sale_id));
ALTER TABLE receipts.return_lines ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.return_lines FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.return_lines TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.return_lines FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM receipts.returns r WHERE r.return_id = return_lines.return_id));
ALTER TABLE receipts.business_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.business_days FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.business_days TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.business_days FOR SELECT TO membership_reader
    USING (platform.caller_role() <> 'till' AND platform.caller_role() <> 'associate'
        AND platform.may_read_member(member_id, programme_id));
