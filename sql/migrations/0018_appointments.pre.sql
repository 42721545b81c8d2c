-- Services that members book, the people, rooms and places that they need, who works when, and appointments.

-- Compares ids inside a GiST index: the constraint below is about one resource at a time.
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE SCHEMA appointments;
GRANT USAGE ON SCHEMA appointments TO membership_engine, membership_reader;

CREATE TABLE appointments.services (
    service_id uuid CONSTRAINT services_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    counter_id uuid NOT NULL,
    code text NOT NULL,
    names jsonb NOT NULL,                 -- {"zh-CN": …, "en": …}
    needs text[] NOT NULL,                -- one resource of each of these kinds is occupied
    rules jsonb NOT NULL,                 -- appointments.model.ServiceRules
    retired_at timestamptz,
    CONSTRAINT services_code_key UNIQUE (counter_id, code),
    CONSTRAINT services_needs CHECK (cardinality(needs) > 0 AND needs <@ ARRAY['ASSOCIATE', 'ROOM', 'UNIT'])
);
CREATE INDEX services_store ON appointments.services (store_id);

-- An associate, a room, or one of the N places of a service with capacity N.
CREATE TABLE appointments.resources (
    resource_id uuid CONSTRAINT resources_pkey PRIMARY KEY,
    store_id uuid NOT NULL,
    counter_id uuid NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    names jsonb NOT NULL,
    retired_at timestamptz,
    CONSTRAINT resources_code_key UNIQUE (counter_id, kind, code),
    CONSTRAINT resources_kind CHECK (kind IN ('ASSOCIATE', 'ROOM', 'UNIT'))
);

-- What may serve a service: the associates who are skilled, the rooms that fit, its places.
CREATE TABLE appointments.service_resources (
    service_id uuid NOT NULL REFERENCES appointments.services,
    resource_id uuid NOT NULL REFERENCES appointments.resources,
    CONSTRAINT service_resources_pkey PRIMARY KEY (service_id, resource_id)
);

-- When an associate works. Rooms and places are always there.
CREATE TABLE appointments.shifts (
    shift_id uuid CONSTRAINT shifts_pkey PRIMARY KEY,
    resource_id uuid NOT NULL REFERENCES appointments.resources,
    during tstzrange NOT NULL,
    CONSTRAINT shifts_during CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
    CONSTRAINT shifts_once EXCLUDE USING gist (resource_id WITH =, during WITH &&)
);

CREATE TABLE appointments.appointments (
    appointment_id uuid CONSTRAINT appointments_pkey PRIMARY KEY,
    uid uuid NOT NULL,                    -- of iCalendar: the same through every rescheduling
    sequence integer NOT NULL,            -- of iCalendar: rises with each change that calendars show
    visit_id uuid,                        -- the visit that it is a stop of
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    counter_id uuid NOT NULL,
    service_id uuid NOT NULL REFERENCES appointments.services,
    associate_id uuid,                    -- the resource, where the service needs one
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    state text NOT NULL,
    step integer NOT NULL DEFAULT 1,      -- rises with each change: who changes it says which one was seen
    lapses_at timestamptz,                -- HELD: it expires; PENDING: it counts as declined
    held_until timestamptz NOT NULL,      -- what HELD had for `lapses_at`
    answer_until timestamptz,             -- what PENDING has for `lapses_at`; NULL: nobody has to answer
    free_until timestamptz NOT NULL,      -- cancelled later, it is marked
    no_show_from timestamptz NOT NULL,
    replaces uuid CONSTRAINT appointments_replaces_key UNIQUE REFERENCES appointments.appointments,
    booked_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT appointments_uid_key UNIQUE (uid, sequence),
    CONSTRAINT appointments_sequence CHECK (sequence >= 0),
    CONSTRAINT appointments_state CHECK (state IN (
        'HELD', 'PENDING', 'CONFIRMED', 'CHECKED_IN', 'IN_SERVICE', 'COMPLETED', 'EXPIRED', 'DECLINED', 'CANCELLED',
        'LATE_CANCELLED', 'NO_SHOW', 'SUPERSEDED'
    )),
    CONSTRAINT appointments_times CHECK (starts_at < ends_at AND free_until <= starts_at AND no_show_from >= starts_at),
    CONSTRAINT appointments_lapses CHECK ((lapses_at IS NOT NULL) = (state IN ('HELD', 'PENDING')))
);
-- Of one UID only the last appointment is not superseded.
CREATE UNIQUE INDEX appointments_current_key ON appointments.appointments (uid) WHERE state <> 'SUPERSEDED';
CREATE INDEX appointments_member ON appointments.appointments (member_id, starts_at);
CREATE INDEX appointments_counter ON appointments.appointments (counter_id, starts_at);
CREATE INDEX appointments_associate ON appointments.appointments (associate_id, starts_at);
CREATE INDEX appointments_broken ON appointments.appointments (member_id, changed_at)
    WHERE state IN ('NO_SHOW', 'LATE_CANCELLED');
CREATE INDEX appointments_visit ON appointments.appointments (visit_id) WHERE visit_id IS NOT NULL;

CREATE INDEX appointments_lapsing ON appointments.appointments (lapses_at, appointment_id) WHERE lapses_at IS NOT NULL;

-- Who or what is not free, and when. The member is a resource too, by the member's id, hence no foreign key.
-- A1, A3 and A9 in one constraint: of one resource no two live ranges overlap. Rows that are not live say who it was.
CREATE TABLE appointments.occupied (
    appointment_id uuid NOT NULL REFERENCES appointments.appointments,
    resource_id uuid NOT NULL,
    during tstzrange NOT NULL,            -- buffers included; the member's own without them
    live boolean NOT NULL,
    lapses_at timestamptz,                -- the appointment's: free from then on, whether or not anybody cleared it
    CONSTRAINT occupied_pkey PRIMARY KEY (appointment_id, resource_id),
    CONSTRAINT occupied_during CHECK (NOT isempty(during) AND NOT lower_inf(during) AND NOT upper_inf(during)),
    CONSTRAINT occupied_once EXCLUDE USING gist (resource_id WITH =, during WITH &&) WHERE (live)
);
CREATE INDEX occupied_lapsing ON appointments.occupied (resource_id, lapses_at) WHERE live AND lapses_at IS NOT NULL;

-- What happened to an appointment, step by step.
CREATE TABLE appointments.changes (
    appointment_id uuid NOT NULL REFERENCES appointments.appointments,
    step integer NOT NULL,
    from_state text,                      -- NULL: it was made
    to_state text NOT NULL,
    at timestamptz NOT NULL,
    actor_role text NOT NULL,
    actor text NOT NULL,                  -- the token's subject
    CONSTRAINT changes_pkey PRIMARY KEY (appointment_id, step)
);
CREATE TRIGGER changes_append_only BEFORE UPDATE OR DELETE ON appointments.changes
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER changes_never_truncated BEFORE TRUNCATE ON appointments.changes
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

GRANT SELECT, INSERT, UPDATE ON appointments.services, appointments.resources, appointments.appointments,
    appointments.occupied TO membership_engine;
GRANT SELECT, INSERT, DELETE ON appointments.service_resources, appointments.shifts TO membership_engine;
GRANT SELECT, INSERT ON appointments.changes TO membership_engine;
GRANT SELECT ON appointments.services, appointments.resources, appointments.service_resources,
    appointments.appointments, appointments.changes TO membership_reader;

-- Members see their own; a desk those of its store; an associate those of the counter; who looks after members those
-- of the programme. What is occupied is told as free slots only, which use cases work out: members' ids are in it.
ALTER TABLE appointments.appointments ENABLE ROW LEVEL SECURITY;
ALTER TABLE appointments.appointments FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON appointments.appointments TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON appointments.appointments FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() = 'desk' AND store_id = platform.caller_store())
        OR (platform.caller_role() = 'associate' AND counter_id = platform.caller_counter())
        OR (platform.caller_role() IN ('member_services', 'service') AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin');
ALTER TABLE appointments.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE appointments.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON appointments.changes TO membership_engine USING (true) WITH CHECK (true);
-- The inner query is held to the policy of appointments.
CREATE POLICY reader ON appointments.changes FOR SELECT TO membership_reader
    USING (EXISTS (SELECT FROM appointments.appointments a WHERE a.appointment_id = changes.appointment_id));
ALTER TABLE appointments.occupied ENABLE ROW LEVEL SECURITY;
ALTER TABLE appointments.occupied FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON appointments.occupied TO membership_engine USING (true) WITH CHECK (true);
