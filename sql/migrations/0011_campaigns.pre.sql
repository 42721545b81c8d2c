-- Campaigns, their revisions, each revision's calendar in each store, and the log of states.

CREATE SCHEMA campaigns;
GRANT USAGE ON SCHEMA campaigns TO membership_engine, membership_reader;

CREATE TABLE campaigns.campaigns (
    campaign_id uuid CONSTRAINT campaigns_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    code text NOT NULL,
    state text NOT NULL,
    opens_at timestamptz,                 -- of the revision in force: the first opening in any store, previews included
    closes_at timestamptz,                -- of the same: the last closing in any store
    last_closes_at timestamptz,           -- the latest closing of all revisions that were ever in force
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT campaigns_code_key UNIQUE (programme_id, code),
    CONSTRAINT campaigns_state CHECK (
        state IN ('DRAFT', 'REVIEW', 'SCHEDULED', 'PAUSED', 'ENDED_EARLY', 'CANCELLED', 'SETTLING', 'CLOSED')
    ),
    CONSTRAINT campaigns_scheduled CHECK (
        state IN ('DRAFT', 'REVIEW', 'CANCELLED') OR closes_at IS NOT NULL
    ),
    CONSTRAINT campaigns_open CHECK (
        opens_at < closes_at AND closes_at <= last_closes_at
        AND num_nonnulls(opens_at, closes_at, last_closes_at) IN (0, 3)
    )
);
CREATE INDEX campaigns_last_closes_at ON campaigns.campaigns (last_closes_at) WHERE last_closes_at IS NOT NULL;

CREATE TABLE campaigns.revisions (
    revision_id uuid CONSTRAINT revisions_pkey PRIMARY KEY,
    campaign_id uuid NOT NULL CONSTRAINT revisions_campaign REFERENCES campaigns.campaigns,
    number integer NOT NULL CONSTRAINT revisions_number CHECK (number >= 1),
    status text NOT NULL,
    version integer NOT NULL,             -- rises with each edit: who edits says which one was read
    content jsonb NOT NULL,               -- campaigns.content.CampaignContent
    created_by text NOT NULL,
    created_at timestamptz NOT NULL,
    edited_by text[] NOT NULL,            -- everybody who wrote a part of it, who made it among them
    submitted_by text,
    submitted_at timestamptz,
    approved_by text,
    scheduled_at timestamptz,             -- in force from here on, until a later revision is
    CONSTRAINT revisions_number_key UNIQUE (campaign_id, number),
    CONSTRAINT revisions_status CHECK (status IN ('DRAFT', 'REVIEW', 'SCHEDULED', 'DISCARDED')),
    CONSTRAINT revisions_submitted CHECK (
        num_nonnulls(submitted_by, submitted_at) IN (0, 2)
        AND (status NOT IN ('REVIEW', 'SCHEDULED') OR submitted_by IS NOT NULL)
    ),
    CONSTRAINT revisions_scheduled CHECK (
        num_nonnulls(approved_by, scheduled_at) = CASE status WHEN 'SCHEDULED' THEN 2 ELSE 0 END
    ),
    -- Maker and checker: who wrote or submitted a revision never lets it pass.
    CONSTRAINT revisions_second_person CHECK (approved_by <> submitted_by AND approved_by <> ALL (edited_by))
);
-- One revision at a time is worked on.
CREATE UNIQUE INDEX revisions_open_key ON campaigns.revisions (campaign_id) WHERE status IN ('DRAFT', 'REVIEW');

-- Rules freeze: what was submitted changes only by being sent back, and what was in force never.
CREATE FUNCTION campaigns.refuse_change_of_frozen_rules() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR OLD.status IN ('SCHEDULED', 'DISCARDED')
        OR (OLD.status <> 'DRAFT' AND NEW.content IS DISTINCT FROM OLD.content)
        OR (NEW.campaign_id, NEW.number, NEW.created_by, NEW.created_at)
            IS DISTINCT FROM (OLD.campaign_id, OLD.number, OLD.created_by, OLD.created_at)
    THEN
        RAISE EXCEPTION 'a revision that is % is frozen', OLD.status USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER revisions_frozen BEFORE UPDATE OR DELETE ON campaigns.revisions
    FOR EACH ROW EXECUTE FUNCTION campaigns.refuse_change_of_frozen_rules();
CREATE TRIGGER revisions_never_truncated BEFORE TRUNCATE ON campaigns.revisions
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- The dates of a revision as they were resolved when it was scheduled: no later change of time zones moves them.
CREATE TABLE campaigns.calendars (
    revision_id uuid NOT NULL CONSTRAINT calendars_revision REFERENCES campaigns.revisions,
    store_id uuid NOT NULL REFERENCES stores.stores,
    calendar jsonb NOT NULL,              -- campaigns.model.ResolvedCalendar
    CONSTRAINT calendars_pkey PRIMARY KEY (revision_id, store_id)
);
CREATE TRIGGER calendars_append_only BEFORE UPDATE OR DELETE ON campaigns.calendars
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER calendars_never_truncated BEFORE TRUNCATE ON campaigns.calendars
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- What state a campaign was in at any moment, and why.
CREATE TABLE campaigns.state_changes (
    campaign_id uuid NOT NULL CONSTRAINT state_changes_campaign REFERENCES campaigns.campaigns,
    number integer NOT NULL,
    at timestamptz NOT NULL,
    actor_role text NOT NULL,
    actor text NOT NULL,                  -- the token's subject
    from_state text,                      -- NULL: it was created
    to_state text NOT NULL,
    reason text,
    CONSTRAINT state_changes_pkey PRIMARY KEY (campaign_id, number),
    CONSTRAINT state_changes_first CHECK ((number = 1) = (from_state IS NULL))
);
CREATE TRIGGER state_changes_append_only BEFORE UPDATE OR DELETE ON campaigns.state_changes
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER state_changes_never_truncated BEFORE TRUNCATE ON campaigns.state_changes
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA campaigns TO membership_engine;
GRANT UPDATE ON campaigns.campaigns, campaigns.revisions TO membership_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA campaigns TO membership_reader;

-- Who plans sees the campaigns of the programme; members and tills meet their rules elsewhere, once they hold.
CREATE FUNCTION campaigns.may_read(programme_id uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
    RETURN platform.caller_role() = 'admin'
        OR (platform.caller_role() IN ('planner', 'approver') AND programme_id = platform.caller_programme());

ALTER TABLE campaigns.campaigns ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaigns.campaigns FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON campaigns.campaigns TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON campaigns.campaigns FOR SELECT TO membership_reader USING (campaigns.may_read(programme_id));
ALTER TABLE campaigns.revisions ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaigns.revisions FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON campaigns.revisions TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON campaigns.revisions FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM campaigns.campaigns owner WHERE owner.campaign_id = revisions.campaign_id));
ALTER TABLE campaigns.calendars ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaigns.calendars FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON campaigns.calendars TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON campaigns.calendars FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM campaigns.revisions owner WHERE owner.revision_id = calendars.revision_id));
ALTER TABLE campaigns.state_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE campaigns.state_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON campaigns.state_changes TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON campaigns.state_changes FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM campaigns.campaigns owner WHERE owner.campaign_id = state_changes.campaign_id));
