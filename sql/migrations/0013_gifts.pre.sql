-- Gift offers and their pools by day and desk, members' gifts, what happened to them, and days to be judged again.

CREATE SCHEMA gifts;
GRANT USAGE ON SCHEMA gifts TO membership_engine, membership_reader;

-- A campaign's rule for gifts, once for all of its revisions. The same id in `inventory`.
CREATE TABLE gifts.offers (
    offer_id uuid CONSTRAINT offers_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    campaign_id uuid NOT NULL,
    revision_id uuid NOT NULL,            -- the latest that prepared it
    rule_code text NOT NULL,
    CONSTRAINT offers_rule_key UNIQUE (campaign_id, rule_code)
);

CREATE TABLE gifts.pools (
    pool_id uuid CONSTRAINT pools_pkey PRIMARY KEY,
    offer_id uuid NOT NULL REFERENCES gifts.offers,
    store_id uuid NOT NULL,
    day date NOT NULL,                    -- business date of the store
    code text NOT NULL,
    counter_id uuid NOT NULL,             -- the desk
    closed_at timestamptz,                -- a later revision no longer has it
    CONSTRAINT pools_code_key UNIQUE (offer_id, store_id, day, code)
);
CREATE INDEX pools_day ON gifts.pools (day);

-- A unit that a member was promised. HELD, EXPIRED and RELEASED claims are `inventory`'s: no row is made of them here.
-- No foreign key to the pool: each of thousands of claims a second would lock the same row once more.
CREATE TABLE gifts.gifts (
    gift_id uuid CONSTRAINT gifts_pkey PRIMARY KEY,      -- the claim's id
    code text NOT NULL,                   -- what the app shows and the desk types; random, and not unique by force
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    pool_id uuid NOT NULL,
    store_id uuid NOT NULL,
    day date NOT NULL,
    counter_id uuid NOT NULL,
    revision_id uuid NOT NULL,            -- the revision that it was claimed under
    rule_code text NOT NULL,
    state text NOT NULL,
    step integer NOT NULL DEFAULT 1,      -- rises with each change: who changes it says which one was seen
    claimed_at timestamptz NOT NULL,
    collect_until timestamptz NOT NULL,
    minimum_spend_minor bigint CONSTRAINT gifts_minimum_spend CHECK (minimum_spend_minor > 0),
    spend_group text,                     -- the group in which the amount counts once (C6)
    ready_at timestamptz,
    collected_at timestamptz,
    collected_by text,                    -- the desk's subject
    ended_at timestamptz,
    cause text,                           -- of the latest change
    CONSTRAINT gifts_state CHECK (
        state IN ('CONFIRMED', 'READY', 'COLLECTED', 'CANCELLED', 'FORFEITED', 'CLAWBACK_DUE', 'RETURNED', 'WAIVED')
    ),
    CONSTRAINT gifts_threshold CHECK ((minimum_spend_minor IS NULL) = (spend_group IS NULL)),
    CONSTRAINT gifts_collected CHECK (
        num_nonnulls(collected_at, collected_by)
        = CASE WHEN state IN ('COLLECTED', 'CLAWBACK_DUE', 'RETURNED', 'WAIVED') THEN 2 ELSE 0 END
    ),
    CONSTRAINT gifts_ended CHECK (
        (ended_at IS NOT NULL) = (state IN ('CANCELLED', 'FORFEITED', 'RETURNED', 'WAIVED'))
    ),
    CONSTRAINT gifts_collect CHECK (claimed_at < collect_until)
);
CREATE INDEX gifts_member ON gifts.gifts (member_id, programme_id, claimed_at, gift_id);
CREATE INDEX gifts_code ON gifts.gifts (store_id, code);
CREATE INDEX gifts_waiting ON gifts.gifts (store_id, collect_until, gift_id) WHERE state IN ('CONFIRMED', 'READY');
CREATE INDEX gifts_pool ON gifts.gifts (pool_id, state);

-- What happened to a gift after its claim, step by step.
CREATE TABLE gifts.changes (
    gift_id uuid NOT NULL REFERENCES gifts.gifts,
    step integer NOT NULL,
    from_state text NOT NULL,
    to_state text NOT NULL,
    cause text NOT NULL,
    at timestamptz NOT NULL,
    actor_role text NOT NULL,
    actor text NOT NULL,                  -- the token's subject
    CONSTRAINT changes_pkey PRIMARY KEY (gift_id, step)
);
CREATE TRIGGER changes_append_only BEFORE UPDATE OR DELETE ON gifts.changes
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER changes_never_truncated BEFORE TRUNCATE ON gifts.changes
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Days of a member from which something was returned on the day itself: judged when it has ended.
CREATE TABLE gifts.judgements (
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    day date NOT NULL,
    due_at timestamptz NOT NULL,
    CONSTRAINT judgements_pkey PRIMARY KEY (member_id, programme_id, store_id, day)
);
CREATE INDEX judgements_due ON gifts.judgements (due_at);

GRANT SELECT, INSERT, UPDATE ON gifts.offers, gifts.pools, gifts.gifts TO membership_engine;
GRANT SELECT, INSERT ON gifts.changes TO membership_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON gifts.judgements TO membership_engine;
GRANT SELECT ON gifts.offers, gifts.pools, gifts.gifts, gifts.changes TO membership_reader;

-- Members see their own; a desk those of its store; who looks after members those of the programme. Planners see
-- numbers alone, which use cases count.
ALTER TABLE gifts.gifts ENABLE ROW LEVEL SECURITY;
ALTER TABLE gifts.gifts FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON gifts.gifts TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON gifts.gifts FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() = 'desk' AND store_id = platform.caller_store())
        OR (platform.caller_role() IN ('member_services', 'service') AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin');
ALTER TABLE gifts.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE gifts.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON gifts.changes TO membership_engine USING (true) WITH CHECK (true);
-- The inner query is held to the policy of gifts.
CREATE POLICY reader ON gifts.changes FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM gifts.gifts g WHERE g.gift_id = changes.gift_id));
ALTER TABLE gifts.judgements ENABLE ROW LEVEL SECURITY;
ALTER TABLE gifts.judgements FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON gifts.judgements TO membership_engine USING (true) WITH CHECK (true);
