-- Discounts on lines, and which amounts are used up in which exclusive group (law C6), by coupons and gifts alike.

ALTER TABLE receipts.sales
    ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN returned_discount_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT sales_discount CHECK (discount_minor BETWEEN 0 AND net_minor) NOT VALID,
    ADD CONSTRAINT sales_returned_discount CHECK (returned_discount_minor BETWEEN 0 AND discount_minor) NOT VALID;
ALTER TABLE receipts.lines
    ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
    ADD COLUMN returned_discount_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT lines_discount CHECK (discount_minor BETWEEN 0 AND net_minor) NOT VALID,
    ADD CONSTRAINT lines_returned_discount CHECK (returned_discount_minor BETWEEN 0 AND discount_minor) NOT VALID;
ALTER TABLE receipts.returns
    ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT returns_discount CHECK (discount_minor BETWEEN 0 AND amount_minor) NOT VALID;
ALTER TABLE receipts.return_lines
    ADD COLUMN discount_minor bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT return_lines_discount CHECK (discount_minor BETWEEN 0 AND amount_minor) NOT VALID;

-- What of a line is used up in an exclusive group, by all uses together; kept by the statements that write them.
CREATE TABLE receipts.group_amounts (
    sale_id uuid NOT NULL,
    line_no integer NOT NULL,
    exclusive_group text NOT NULL,
    net_minor bigint NOT NULL,
    used_minor bigint NOT NULL,
    CONSTRAINT group_amounts_pkey PRIMARY KEY (sale_id, line_no, exclusive_group),
    CONSTRAINT group_amounts_used CHECK (used_minor BETWEEN 0 AND net_minor),          -- C6
    CONSTRAINT group_amounts_line FOREIGN KEY (sale_id, line_no) REFERENCES receipts.lines (sale_id, line_no)
);

CREATE TABLE receipts.amounts_used (
    sale_id uuid NOT NULL,
    line_no integer NOT NULL,
    exclusive_group text NOT NULL,
    used_by text NOT NULL,
    used_by_id uuid NOT NULL,             -- the coupon, or the gift's claim
    used_minor bigint NOT NULL CONSTRAINT amounts_used_minor CHECK (used_minor > 0),
    used_at timestamptz NOT NULL,
    CONSTRAINT amounts_used_pkey PRIMARY KEY (sale_id, line_no, exclusive_group, used_by, used_by_id),
    CONSTRAINT amounts_used_kind CHECK (used_by IN ('COUPON', 'GIFT')),
    CONSTRAINT amounts_used_group FOREIGN KEY (sale_id, line_no, exclusive_group)
        REFERENCES receipts.group_amounts (sale_id, line_no, exclusive_group)
);
CREATE INDEX amounts_used_by ON receipts.amounts_used (used_by_id);

CREATE OR REPLACE VIEW receipts.sales_with_lines WITH (security_invoker = true) AS
SELECT s.sale_id, s.programme_id, s.store_id, s.till_id, s.counter_id, s.business_date, s.sequence, s.body_hash,
    s.member_id, s.quote_id, s.state, s.currency, s.net_minor, s.returned_minor, s.points_redeemed,
    s.points_returned, s.sold_at, s.committed_at, s.attached_at, s.inputs, s.decision, s.exceptions, s.answer,
    (SELECT jsonb_agg(to_jsonb(l) - 'sale_id' ORDER BY l.line_no) FROM receipts.lines l WHERE l.sale_id = s.sale_id)
        AS lines,
    s.discount_minor, s.returned_discount_minor
FROM receipts.sales s;

GRANT SELECT, INSERT, UPDATE ON receipts.group_amounts TO membership_engine;
GRANT SELECT, INSERT, DELETE ON receipts.amounts_used TO membership_engine;
GRANT SELECT ON receipts.group_amounts, receipts.amounts_used TO membership_reader;

ALTER TABLE receipts.group_amounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.group_amounts FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.group_amounts TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.group_amounts FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM receipts.sales s WHERE s.sale_id = group_amounts.sale_id));
ALTER TABLE receipts.amounts_used ENABLE ROW LEVEL SECURITY;
ALTER TABLE receipts.amounts_used FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON receipts.amounts_used TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON receipts.amounts_used FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM receipts.sales s WHERE s.sale_id = amounts_used.sale_id));
