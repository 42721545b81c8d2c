-- Members who wait for a place with a service, and what was offered to them.

CREATE SCHEMA waitlist;
GRANT USAGE ON SCHEMA waitlist TO membership_engine, membership_reader;

CREATE TABLE waitlist.entries (
    entry_id uuid CONSTRAINT entries_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    counter_id uuid NOT NULL,
    service_id uuid NOT NULL,
    associate_id uuid,                    -- the resource, where only this one will do
    days daterange NOT NULL,              -- of openings in the store; finite
    from_time time,                       -- by the store's clock, on each of these days; NULL: from the opening
    until_time time,                      -- NULL: to the closing; not after from_time: on the date after
    state text NOT NULL,
    step integer NOT NULL DEFAULT 1,      -- rises with each change: who changes it says which one was seen
    joined_at timestamptz NOT NULL,
    waits_until timestamptz NOT NULL,     -- when the last wished place could be offered at the latest
    appointment_id uuid CONSTRAINT entries_appointment_key UNIQUE,
    offered_at timestamptz,
    offer_until timestamptz,
    offered_level integer,                -- of the tier by which the member's turn came
    lapses_at timestamptz,                -- WAITING: waits_until; OFFERED: offer_until; NULL: it has ended
    changed_at timestamptz NOT NULL,
    CONSTRAINT entries_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id),
    CONSTRAINT entries_days CHECK (NOT isempty(days) AND NOT lower_inf(days) AND NOT upper_inf(days)),
    CONSTRAINT entries_state CHECK (
        state IN ('WAITING', 'OFFERED', 'ACCEPTED', 'DECLINED', 'LAPSED', 'WITHDRAWN')
    ),
    CONSTRAINT entries_lapses CHECK ((lapses_at IS NOT NULL) = (state IN ('WAITING', 'OFFERED'))),
    CONSTRAINT entries_offer CHECK (
        (appointment_id IS NULL) = (offered_at IS NULL) AND (appointment_id IS NULL) = (offer_until IS NULL)
        AND (appointment_id IS NULL) = (offered_level IS NULL)
    ),
    CONSTRAINT entries_offered CHECK (
        CASE state
            WHEN 'WAITING' THEN appointment_id IS NULL
            WHEN 'WITHDRAWN' THEN appointment_id IS NULL
            WHEN 'LAPSED' THEN true
            ELSE appointment_id IS NOT NULL
        END
    ),
    -- A member waits once for a service on a day.
    CONSTRAINT entries_once EXCLUDE USING gist (member_id WITH =, service_id WITH =, days WITH &&)
        WHERE (state IN ('WAITING', 'OFFERED'))
);
CREATE INDEX entries_waiting ON waitlist.entries USING gist (service_id, days) WHERE state = 'WAITING';
CREATE INDEX entries_lapsing ON waitlist.entries (lapses_at) WHERE lapses_at IS NOT NULL;
CREATE INDEX entries_member ON waitlist.entries (member_id, joined_at DESC, entry_id DESC);
CREATE INDEX entries_counter ON waitlist.entries (counter_id, joined_at, entry_id)
    WHERE state IN ('WAITING', 'OFFERED');

-- What happened to an entry, step by step.
CREATE TABLE waitlist.changes (
    entry_id uuid NOT NULL CONSTRAINT changes_entry REFERENCES waitlist.entries,
    step integer NOT NULL,
    from_state text,                      -- NULL: it was made
    to_state text NOT NULL,
    at timestamptz NOT NULL,
    actor_role text NOT NULL,
    actor text NOT NULL,                  -- the token's subject
    CONSTRAINT changes_pkey PRIMARY KEY (entry_id, step)
);
CREATE TRIGGER changes_append_only BEFORE UPDATE OR DELETE ON waitlist.changes
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER changes_never_truncated BEFORE TRUNCATE ON waitlist.changes
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

-- Which days of which services are waited for, and when the worker looks at them next.
CREATE TABLE waitlist.groups (
    service_id uuid NOT NULL,
    day date NOT NULL,
    due_at timestamptz NOT NULL,
    looked_at timestamptz,
    CONSTRAINT groups_pkey PRIMARY KEY (service_id, day)
);
CREATE INDEX groups_due ON waitlist.groups (due_at, service_id);

GRANT SELECT, INSERT, UPDATE ON waitlist.entries TO membership_engine;
GRANT SELECT, INSERT ON waitlist.changes TO membership_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON waitlist.groups TO membership_engine;
GRANT SELECT ON waitlist.entries, waitlist.changes TO membership_reader;

-- Members see their own; a desk those of its store; an associate those of the counter; who looks after members those
-- of the programme.
ALTER TABLE waitlist.entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE waitlist.entries FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON waitlist.entries TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON waitlist.entries FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() = 'desk' AND store_id = platform.caller_store())
        OR (platform.caller_role() = 'associate' AND counter_id = platform.caller_counter())
        OR (platform.caller_role() IN ('member_services', 'service') AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin');
ALTER TABLE waitlist.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE waitlist.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON waitlist.changes TO membership_engine USING (true) WITH CHECK (true);
-- The inner query is held to the policy of entries.
CREATE POLICY reader ON waitlist.changes FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM waitlist.entries e WHERE e.entry_id = changes.entry_id));
