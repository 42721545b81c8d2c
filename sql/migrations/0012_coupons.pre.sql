-- Coupon offers, the coupons of members, their redemptions, codes, and runs that issue to everybody.

CREATE SCHEMA coupons;
GRANT USAGE ON SCHEMA coupons TO membership_engine, membership_reader;

-- One row for each coupon rule of a campaign, from its first schedule on. What it says stands in the revision.
CREATE TABLE coupons.offers (
    offer_id uuid CONSTRAINT offers_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    campaign_id uuid NOT NULL,
    campaign_code text NOT NULL,
    code text NOT NULL,
    revision_id uuid NOT NULL,            -- the newest frozen revision, by which the next coupon is issued
    channel text NOT NULL,
    state text NOT NULL,
    quota bigint,
    quota_per_day bigint,
    member_limit integer NOT NULL CONSTRAINT offers_member_limit CHECK (member_limit > 0),
    issued bigint NOT NULL DEFAULT 0,     -- counted where there is a quota: a counter for all would be one hot row
    opens_at timestamptz NOT NULL,        -- of the store and tier that are first …
    closes_at timestamptz NOT NULL,       -- … and of the store that is last
    changed_at timestamptz NOT NULL,
    CONSTRAINT offers_code_key UNIQUE (campaign_id, code),
    CONSTRAINT offers_channel CHECK (channel IN ('TO_ALL', 'CLAIM', 'POINTS', 'CODE')),
    CONSTRAINT offers_state CHECK (state IN ('OPEN', 'PAUSED', 'ENDED', 'CANCELLED')),
    CONSTRAINT offers_quota CHECK (issued BETWEEN 0 AND quota),                            -- C1
    CONSTRAINT offers_open CHECK (opens_at < closes_at)
);
CREATE INDEX offers_programme ON coupons.offers (programme_id, closes_at);

CREATE TABLE coupons.offer_days (
    offer_id uuid NOT NULL CONSTRAINT offer_days_offer REFERENCES coupons.offers,
    business_date date NOT NULL,
    quota bigint NOT NULL,
    issued bigint NOT NULL,
    CONSTRAINT offer_days_pkey PRIMARY KEY (offer_id, business_date),
    CONSTRAINT offer_days_quota CHECK (issued BETWEEN 0 AND quota)                         -- C1
);

-- ISSUED, ACTIVE and EXPIRED follow from the clock, and a reservation lapses by it: see coupons.rules.state_at.
CREATE TABLE coupons.coupons (
    coupon_id uuid CONSTRAINT coupons_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    offer_id uuid NOT NULL CONSTRAINT coupons_offer REFERENCES coupons.offers,
    ordinal integer NOT NULL CONSTRAINT coupons_ordinal CHECK (ordinal > 0),   -- the member's first, second … of it
    member_limit integer NOT NULL,        -- of the offer when it was issued
    revision_id uuid NOT NULL,            -- which judges it
    channel text NOT NULL,
    cause uuid,                           -- what it was issued for; of TO_ALL the ordinal is the key
    state text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,     -- excluded
    issued_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    reserved_by uuid,                     -- the quote
    reserved_at timestamptz,
    reserved_until timestamptz,
    sale_id uuid,                         -- where it is redeemed
    merged_from uuid,                     -- whose it was before a merge
    CONSTRAINT coupons_ordinal_key UNIQUE (member_id, offer_id, ordinal),
    -- C1: a member who took over another one keeps what both had.
    CONSTRAINT coupons_member_limit CHECK (ordinal <= member_limit OR merged_from IS NOT NULL),
    CONSTRAINT coupons_channel CHECK (channel IN ('TO_ALL', 'CLAIM', 'POINTS', 'CODE')),
    CONSTRAINT coupons_cause CHECK (channel = 'TO_ALL' OR cause IS NOT NULL),
    CONSTRAINT coupons_state CHECK (state IN ('ISSUED', 'ACTIVE', 'RESERVED', 'REDEEMED', 'EXPIRED', 'VOIDED')),
    CONSTRAINT coupons_valid CHECK (valid_from < valid_until),
    -- C3, C4: one reservation, made inside the validity.
    CONSTRAINT coupons_reserved CHECK (
        num_nonnulls(reserved_by, reserved_at, reserved_until) = CASE state WHEN 'RESERVED' THEN 3 ELSE 0 END
    ),
    CONSTRAINT coupons_reserved_in_time CHECK (reserved_at >= valid_from AND reserved_at < valid_until),
    CONSTRAINT coupons_redeemed CHECK ((state = 'REDEEMED') = (sale_id IS NOT NULL)),
    CONSTRAINT coupons_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE UNIQUE INDEX coupons_cause_key ON coupons.coupons (offer_id, cause) WHERE cause IS NOT NULL;
-- What a till reads of a member, and what the clock ends.
CREATE INDEX coupons_live ON coupons.coupons (member_id, programme_id, valid_until)
    WHERE state IN ('ISSUED', 'ACTIVE', 'RESERVED');
CREATE INDEX coupons_expiring ON coupons.coupons (valid_until) WHERE state IN ('ISSUED', 'ACTIVE', 'RESERVED');

-- The state with the clock read into it; coupons.rules.state_at says the same.
CREATE FUNCTION coupons.state_at(
    state text, valid_from timestamptz, valid_until timestamptz, reserved_until timestamptz, at timestamptz
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN state IN ('REDEEMED', 'EXPIRED', 'VOIDED') THEN state
        WHEN state = 'RESERVED' AND reserved_until > at THEN 'RESERVED'
        WHEN valid_until <= at THEN 'EXPIRED'
        WHEN valid_from > at THEN 'ISSUED'
        ELSE 'ACTIVE'
    END;

-- C10: nothing leads out of EXPIRED and VOIDED, whatever a statement forgets to ask.
CREATE FUNCTION coupons.refuse_change_of_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a coupon that is % stays so', OLD.state
        USING ERRCODE = 'check_violation', CONSTRAINT = 'coupons_ended_stays';
END $$;
CREATE TRIGGER coupons_ended_stays BEFORE UPDATE OF state ON coupons.coupons FOR EACH ROW
    WHEN (OLD.state IN ('EXPIRED', 'VOIDED') AND NEW.state <> OLD.state)
    EXECUTE FUNCTION coupons.refuse_change_of_ended();

CREATE TABLE coupons.redemptions (
    coupon_id uuid NOT NULL CONSTRAINT redemptions_coupon REFERENCES coupons.coupons,
    sale_id uuid NOT NULL,
    discount_minor bigint NOT NULL CONSTRAINT redemptions_discount CHECK (discount_minor >= 0),
    redeemed_at timestamptz NOT NULL,
    reversed_at timestamptz,
    CONSTRAINT redemptions_pkey PRIMARY KEY (coupon_id, sale_id)
);
CREATE UNIQUE INDEX redemptions_live_key ON coupons.redemptions (coupon_id) WHERE reversed_at IS NULL;   -- C2
CREATE INDEX redemptions_sale ON coupons.redemptions (sale_id);

-- A code is a bearer value: only its keyed hash is kept, and its last characters to recognise it by.
CREATE TABLE coupons.codes (
    code_hash bytea CONSTRAINT codes_pkey PRIMARY KEY,
    hash_key_version smallint NOT NULL,
    offer_id uuid NOT NULL CONSTRAINT codes_offer REFERENCES coupons.offers,
    batch_id uuid NOT NULL,
    last_characters text NOT NULL,
    created_at timestamptz NOT NULL,
    coupon_id uuid CONSTRAINT codes_coupon REFERENCES coupons.coupons,   -- good once
    used_at timestamptz,
    CONSTRAINT codes_coupon_key UNIQUE (coupon_id),
    CONSTRAINT codes_used CHECK ((coupon_id IS NULL) = (used_at IS NULL)),
    CONSTRAINT codes_last_characters CHECK (length(last_characters) <= 4)
);
CREATE INDEX codes_batch ON coupons.codes (offer_id, batch_id);

-- Issues an offer to everybody who is eligible, by member id. Passes repeat while the offer is open.
CREATE TABLE coupons.issue_runs (
    offer_id uuid CONSTRAINT issue_runs_pkey PRIMARY KEY CONSTRAINT issue_runs_offer REFERENCES coupons.offers,
    pass integer NOT NULL CONSTRAINT issue_runs_pass CHECK (pass > 0),
    after_member_id uuid,                 -- how far this pass is; NULL: it has not begun
    looked_at bigint NOT NULL,            -- memberships, in this pass
    issued bigint NOT NULL,               -- coupons, in all passes
    started_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    next_at timestamptz,                  -- when the next step is due; NULL: there is none any more
    finished_at timestamptz               -- of the latest whole pass
);
CREATE INDEX issue_runs_due ON coupons.issue_runs (next_at) WHERE next_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA coupons TO membership_engine;
GRANT SELECT ON coupons.offers, coupons.offer_days, coupons.coupons, coupons.redemptions, coupons.issue_runs
    TO membership_reader;

CREATE FUNCTION coupons.may_read_offer(programme_id uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN platform.caller_role() = 'admin' OR programme_id = platform.caller_programme();

ALTER TABLE coupons.offers ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.offers FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.offers TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON coupons.offers FOR SELECT TO membership_reader USING (coupons.may_read_offer(programme_id));
ALTER TABLE coupons.offer_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.offer_days FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.offer_days TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON coupons.offer_days FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM coupons.offers owner WHERE owner.offer_id = offer_days.offer_id));
ALTER TABLE coupons.coupons ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.coupons FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.coupons TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON coupons.coupons FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE coupons.redemptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.redemptions FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.redemptions TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON coupons.redemptions FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM coupons.coupons owner WHERE owner.coupon_id = redemptions.coupon_id));
ALTER TABLE coupons.codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.codes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.codes TO membership_engine USING (true) WITH CHECK (true);
ALTER TABLE coupons.issue_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE coupons.issue_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON coupons.issue_runs TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON coupons.issue_runs FOR SELECT TO membership_reader
    USING (platform.caller_role() IN ('planner', 'approver', 'admin')
        AND EXISTS (SELECT FROM coupons.offers owner WHERE owner.offer_id = issue_runs.offer_id));
