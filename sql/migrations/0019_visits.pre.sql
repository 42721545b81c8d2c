-- Visits: appointments at several counters of a store, made and moved as one.

-- How long members walk between the counters of a store: stores.model.WalkingTimes.
ALTER TABLE stores.stores
    ADD COLUMN walking jsonb NOT NULL DEFAULT '{"same_floor_minutes": 4, "per_floor_minutes": 3}';

CREATE SCHEMA visits;
GRANT USAGE ON SCHEMA visits TO membership_engine, membership_reader;

-- What is booked are its stops, appointments.appointments of this visit_id: they say whose it is and how far.
CREATE TABLE visits.visits (
    visit_id uuid CONSTRAINT visits_pkey PRIMARY KEY,
    store_id uuid NOT NULL,
    campaign_id uuid,                     -- the campaign on whose days it begins, as it was made
    source text NOT NULL,                 -- who made it
    note text,                            -- what the member wants the brands to know
    made_at timestamptz NOT NULL,
    CONSTRAINT visits_source CHECK (source IN ('MEMBER', 'COUNTER', 'MEMBER_SERVICES', 'SYSTEM')),
    CONSTRAINT visits_note CHECK (char_length(note) BETWEEN 1 AND 500)
);

-- A day of a store: its stops are found by when they begin, whatever there was before.
-- squawk-ignore require-concurrent-index-creation -- no release has had the table, so nobody writes to it yet
CREATE INDEX appointments_visits_of_store ON appointments.appointments (store_id, starts_at)
    WHERE visit_id IS NOT NULL;

GRANT SELECT, INSERT, UPDATE ON visits.visits TO membership_engine;
GRANT SELECT ON visits.visits TO membership_reader;

-- Whoever sees one of its stops sees a visit: the inner query is held to the policy of appointments.
ALTER TABLE visits.visits ENABLE ROW LEVEL SECURITY;
ALTER TABLE visits.visits FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON visits.visits TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON visits.visits FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM appointments.appointments a WHERE a.visit_id = visits.visit_id));
