-- Ladders by revision, a member's standing, grants, reviews, awards of ranks.

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
-- No row: the lowest tier, from the beginning.
CREATE TABLE tiers.standings (
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    tier text NOT NULL,
    level integer NOT NULL CONSTRAINT standings_level CHECK (level >= 0),
    since date,                           -- NULL: from the beginning
    ends_on date,                         -- first day on which nothing justifies it; held until a review even then
    upcoming jsonb NOT NULL,              -- better tiers that begin later, by the clock alone: a list of tiers.model.Hold
    warned_tier text,                     -- an open warning: what of, and the day of its review
    warned_due_on date,
    review_on date,                       -- the next day on which the review job has to look; NULL: nothing ends
    ladder_revision integer NOT NULL,
    CONSTRAINT standings_pkey PRIMARY KEY (member_id, programme_id),
    CONSTRAINT standings_lowest_never_ends CHECK ((level = 0) = (ends_on IS NULL)),
    CONSTRAINT standings_warned CHECK ((warned_tier IS NULL) = (warned_due_on IS NULL)),
    CONSTRAINT standings_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX standings_review ON tiers.standings (programme_id, review_on, member_id) WHERE review_on IS NOT NULL;
CREATE INDEX standings_tier ON tiers.standings (programme_id, tier);

CREATE TABLE tiers.grants (
    grant_id uuid CONSTRAINT grants_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    tier text NOT NULL,
    level integer NOT NULL,
    source text NOT NULL,
    criterion text NOT NULL,              -- which of the OR-list; 'RANK'; the reason code of a grant by hand
    qualified_on date NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,                -- first day without it, as it was known when granted
    ladder_revision integer NOT NULL,
    rank integer,                         -- by rank: the place, of how many, in which period …
    rank_cap integer,
    rank_period_starts_on date,
    rank_period_ends_on date,
    rank_floor_minor bigint,              -- … and the spend below which it is lost
    granted_at timestamptz NOT NULL,
    rescinded_at timestamptz,
    rescinded_because text,
    CONSTRAINT grants_source CHECK (source IN ('QUALIFIED', 'RANKED', 'MANUAL', 'MERGED')),
    CONSTRAINT grants_term CHECK (starts_on < ends_on),
    CONSTRAINT grants_rank CHECK (rank BETWEEN 1 AND rank_cap),
    CONSTRAINT grants_rank_basis CHECK (
        num_nonnulls(rank, rank_cap, rank_period_starts_on, rank_period_ends_on, rank_floor_minor)
        = CASE source WHEN 'RANKED' THEN 5 ELSE 0 END
    ),
    CONSTRAINT grants_rescinded CHECK ((rescinded_at IS NULL) = (rescinded_because IS NULL)),
    CONSTRAINT grants_rescinded_because CHECK (
        rescinded_because IN ('SPEND_RETURNED', 'SUPERSEDED', 'BY_HAND', 'MERGED')
    ),
    CONSTRAINT grants_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX grants_member ON tiers.grants (member_id, programme_id, grant_id DESC);
CREATE UNIQUE INDEX grants_live_key ON tiers.grants (member_id, programme_id, tier, criterion, qualified_on)
    WHERE rescinded_at IS NULL;
-- T5: a place is given once, and places run from 1 to the cap.
CREATE UNIQUE INDEX grants_rank_key ON tiers.grants (programme_id, tier, rank_period_starts_on, rank)
    WHERE rescinded_at IS NULL AND source = 'RANKED';

-- One review of one member: warned, then kept, stepped down by one, or overtaken by a return.
CREATE TABLE tiers.reviews (
    review_id uuid CONSTRAINT reviews_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    step text NOT NULL,
    due_on date NOT NULL,                 -- the day the tier ends unless kept
    effective_on date NOT NULL,           -- the business date of the step
    from_tier text NOT NULL,
    to_tier text NOT NULL,
    ladder_revision integer NOT NULL,
    reviewed_at timestamptz NOT NULL,
    overturned boolean NOT NULL DEFAULT false,   -- later facts show that the step down had no ground
    CONSTRAINT reviews_step CHECK (step IN ('WARNED', 'KEPT', 'STEPPED_DOWN', 'OVERTAKEN')),
    CONSTRAINT reviews_overturned CHECK (step = 'STEPPED_DOWN' OR NOT overturned),
    CONSTRAINT reviews_once_key UNIQUE (member_id, programme_id, due_on, step, from_tier),
    CONSTRAINT reviews_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);

-- The ranks of a period are awarded once: who inserts the row awards them.
CREATE TABLE tiers.rank_awards (
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    tier text NOT NULL,
    period_starts_on date NOT NULL,
    benefit_starts_on date NOT NULL,
    ladder_revision integer NOT NULL,
    awarded_at timestamptz NOT NULL,
    CONSTRAINT rank_awards_pkey PRIMARY KEY (programme_id, tier, period_starts_on)
);

-- What a decision about a tier needs of the records, as one document: tiers.records.records_of reads it.
CREATE VIEW tiers.records WITH (security_invoker = true) AS
SELECT standing.member_id, standing.programme_id,
    json_build_object(
        'tier', standing.tier, 'level', standing.level, 'since', standing.since, 'ends_on', standing.ends_on,
        'upcoming', standing.upcoming, 'warned_tier', standing.warned_tier, 'warned_due_on', standing.warned_due_on,
        'grants', (
            SELECT json_agg(json_build_array(
                live.grant_id, live.tier, live.source, live.criterion, live.qualified_on, live.starts_on,
                live.ends_on, live.ladder_revision, live.rank, live.rank_cap, live.rank_period_starts_on,
                live.rank_period_ends_on, live.rank_floor_minor
            ) ORDER BY live.grant_id)
            FROM tiers.grants live
            WHERE live.member_id = standing.member_id AND live.programme_id = standing.programme_id
                AND live.rescinded_at IS NULL
        ),
        'step_downs', (
            SELECT json_agg(json_build_array(
                step.review_id, step.due_on, step.effective_on, step.from_tier, step.to_tier, step.ladder_revision,
                step.overturned
            ) ORDER BY step.review_id)
            FROM tiers.reviews step
            WHERE step.member_id = standing.member_id AND step.programme_id = standing.programme_id
                AND step.step = 'STEPPED_DOWN'
        )
    ) AS records
FROM tiers.standings standing;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA tiers TO membership_engine;
GRANT UPDATE ON tiers.standings, tiers.grants, tiers.reviews TO membership_engine;
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
