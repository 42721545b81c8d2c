-- Ladders by revision, a member's standing, grants and reviews.

CREATE SCHEMA tiers;
GRANT USAGE ON SCHEMA tiers TO membership_engine, membership_reader;

CREATE TABLE tiers.ladders (
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    revision integer NOT NULL,
    effective_from date NOT NULL,
    ladder jsonb NOT NULL,                -- tiers.model.Ladder
    CONSTRAINT ladders_pkey PRIMARY KEY (programme_id, revision)
);

-- The tier as it stands, kept in the transaction that changes net spend; the fold of tiers.rules proves it.
CREATE TABLE tiers.standings (
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    tier text NOT NULL,
    level integer NOT NULL,
    since date NOT NULL,
    ends_on date,                         -- first day without it; NULL: no end
    ladder_revision integer NOT NULL,
    CONSTRAINT standings_pkey PRIMARY KEY (member_id, programme_id),
    CONSTRAINT standings_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX standings_ending ON tiers.standings (programme_id, ends_on) WHERE ends_on IS NOT NULL;

CREATE TABLE tiers.grants (
    grant_id uuid CONSTRAINT grants_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    tier text NOT NULL,
    level integer NOT NULL,
    source text NOT NULL,
    criterion text NOT NULL,              -- which of the OR-list, or why it was given by hand
    qualified_on date NOT NULL,
    starts_on date NOT NULL,
    ends_on date,                         -- first day without it
    ladder_revision integer NOT NULL,
    granted_at timestamptz NOT NULL,
    rescinded_at timestamptz,
    rescinded_because text,
    CONSTRAINT grants_source CHECK (source IN ('QUALIFIED', 'RANKED', 'MANUAL')),
    CONSTRAINT grants_rescinded CHECK ((rescinded_at IS NULL) = (rescinded_because IS NULL)),
    CONSTRAINT grants_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX grants_member ON tiers.grants (member_id, programme_id, grant_id DESC);
CREATE UNIQUE INDEX grants_live_key ON tiers.grants (member_id, programme_id, tier, criterion, qualified_on)
    WHERE rescinded_at IS NULL;

-- One review of one member at the end of one term: warned, kept or stepped down by one.
CREATE TABLE tiers.reviews (
    review_id uuid CONSTRAINT reviews_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    step text NOT NULL,
    due_on date NOT NULL,                 -- the day the tier ends unless kept
    from_tier text NOT NULL,
    to_tier text NOT NULL,
    ladder_revision integer NOT NULL,
    reviewed_at timestamptz NOT NULL,
    CONSTRAINT reviews_step CHECK (step IN ('WARNED', 'KEPT', 'STEPPED_DOWN')),
    CONSTRAINT reviews_once_key UNIQUE (member_id, programme_id, due_on, step),
    CONSTRAINT reviews_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA tiers TO membership_engine;
GRANT UPDATE ON tiers.standings, tiers.grants TO membership_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA tiers TO membership_reader;

ALTER TABLE tiers.standings ENABLE ROW LEVEL SECURITY;
ALTER TABLE tiers.standings FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON tiers.standings TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON tiers.standings FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE tiers.grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tiers.grants FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON tiers.grants TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON tiers.grants FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
ALTER TABLE tiers.reviews ENABLE ROW LEVEL SECURITY;
ALTER TABLE tiers.reviews FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON tiers.reviews TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON tiers.reviews FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
