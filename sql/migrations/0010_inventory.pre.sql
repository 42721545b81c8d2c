-- Live inventory: limited units that members contest. Redis decides who gets one, these tables record it and hold.

CREATE SCHEMA inventory;
GRANT USAGE ON SCHEMA inventory TO membership_engine, membership_reader;

-- An epoch is one load of an offer's stock into Redis. From a sequence, so that none comes twice, not even after a
-- rollback: a loader that lost its transaction may still be writing under its epoch.
CREATE SEQUENCE inventory.epochs;

CREATE TABLE inventory.offers (
    offer_id uuid CONSTRAINT offers_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    limit_per_member integer CONSTRAINT offers_limit CHECK (limit_per_member > 0),              -- NULL: none
    limit_per_member_day integer CONSTRAINT offers_limit_day CHECK (limit_per_member_day > 0),  -- NULL: none
    rebuild_due boolean NOT NULL DEFAULT false,   -- Redis counts somebody wrongly (a merge): the worker rebuilds
    opened_at timestamptz NOT NULL
);
CREATE INDEX offers_rebuild_due ON inventory.offers (offer_id) WHERE rebuild_due;

-- Its row is the lock of its stock. All pools of an offer have one epoch, since limits span them.
CREATE TABLE inventory.pools (
    pool_id uuid CONSTRAINT pools_pkey PRIMARY KEY,
    offer_id uuid NOT NULL REFERENCES inventory.offers,
    store_id uuid,                                -- NULL: any store of the programme
    day date,                                     -- the business date that a limit per day counts on; NULL: the claim's
    total integer NOT NULL,
    confirmed integer NOT NULL DEFAULT 0,
    voided integer NOT NULL DEFAULT 0,
    mode text NOT NULL,
    epoch bigint NOT NULL,
    run_id text,                                  -- of the Redis server that was loaded
    mode_since timestamptz NOT NULL,
    closed_at timestamptz,
    CONSTRAINT pools_stock CHECK (confirmed >= 0 AND voided >= 0 AND confirmed + voided <= total),   -- I1, I3
    CONSTRAINT pools_mode CHECK (mode IN ('REDIS', 'POSTGRES')),
    CONSTRAINT pools_run CHECK ((mode = 'REDIS') = (run_id IS NOT NULL))
);
CREATE INDEX pools_offer ON inventory.pools (offer_id);
CREATE INDEX pools_open ON inventory.pools (offer_id) WHERE closed_at IS NULL;

-- One row for each claim that came to its end, whatever end: the primary key is what makes a claim happen once (I5)
-- and lets either its expiry or its confirmation win (I6). No foreign key to the pool: every row would lock it again.
CREATE TABLE inventory.claims (
    claim_id uuid CONSTRAINT claims_pkey PRIMARY KEY,
    pool_id uuid NOT NULL,
    offer_id uuid NOT NULL,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    day date,
    state text NOT NULL,
    counts boolean NOT NULL,                      -- towards the member's limits
    request_hash bytea NOT NULL,                  -- tells a repeat from another request under the same key
    refusal jsonb,                                -- code and facts, told again to every repeat
    claimed_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT claims_state CHECK (state IN ('CONFIRMED', 'RETURNED', 'EXPIRED', 'REFUSED')),
    CONSTRAINT claims_counts CHECK (CASE state WHEN 'CONFIRMED' THEN counts WHEN 'RETURNED' THEN true ELSE NOT counts END),
    CONSTRAINT claims_refusal CHECK ((state = 'REFUSED') = (refusal IS NOT NULL)),
    CONSTRAINT claims_ended CHECK ((state = 'CONFIRMED') = (ended_at IS NULL))
);
CREATE INDEX claims_confirmed ON inventory.claims (pool_id) WHERE state = 'CONFIRMED';
-- What housekeeping forgets: a drop refuses many times more claims than it grants.
CREATE INDEX claims_over ON inventory.claims (ended_at) WHERE state IN ('EXPIRED', 'REFUSED');
CREATE INDEX claims_member ON inventory.claims (member_id, programme_id, offer_id);

-- I4: how often a member has claimed of an offer, over all its pools: on a day, and (day NULL) ever.
CREATE TABLE inventory.member_counts (
    offer_id uuid NOT NULL REFERENCES inventory.offers,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    day date,
    claimed integer NOT NULL,
    most integer NOT NULL,                        -- the limit when this row last grew; a merge may exceed it
    CONSTRAINT member_counts_key UNIQUE NULLS NOT DISTINCT (offer_id, member_id, day),
    CONSTRAINT member_counts_limit CHECK (claimed BETWEEN 0 AND most)
);
CREATE INDEX member_counts_member ON inventory.member_counts (member_id, programme_id);

GRANT USAGE, UPDATE ON SEQUENCE inventory.epochs TO membership_engine;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA inventory TO membership_engine;
GRANT DELETE ON inventory.claims, inventory.member_counts TO membership_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA inventory TO membership_reader;

ALTER TABLE inventory.claims ENABLE ROW LEVEL SECURITY;
ALTER TABLE inventory.claims FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON inventory.claims TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON inventory.claims FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE inventory.member_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE inventory.member_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON inventory.member_counts TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON inventory.member_counts FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
