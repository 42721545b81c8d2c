-- Who may read appointments in a calendar, and what members were reminded of.

CREATE SCHEMA calendars;
GRANT USAGE ON SCHEMA calendars TO membership_engine, membership_reader;

-- Appointments of one member in a programme, or of one associate, by a secret address.
CREATE TABLE calendars.feeds (
    feed_id uuid CONSTRAINT feeds_pkey PRIMARY KEY,
    programme_id uuid NOT NULL,
    member_id uuid,
    associate_id uuid,
    counter_id uuid,                      -- the associate's
    locale text NOT NULL,                 -- calendars ask in no language
    token_hash bytea NOT NULL CONSTRAINT feeds_token_key UNIQUE,   -- SHA-256 of 256 secret bits
    token_key_version smallint NOT NULL,  -- the hash key the token was made with
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,               -- its address leads nowhere from then on
    CONSTRAINT feeds_owner CHECK ((member_id IS NULL) <> (associate_id IS NULL)),
    CONSTRAINT feeds_counter CHECK ((associate_id IS NULL) = (counter_id IS NULL))
);
-- Of one owner one address works: who creates another takes the first one back.
CREATE UNIQUE INDEX feeds_member_key ON calendars.feeds (member_id, programme_id)
    WHERE revoked_at IS NULL AND member_id IS NOT NULL;
CREATE UNIQUE INDEX feeds_associate_key ON calendars.feeds (associate_id)
    WHERE revoked_at IS NULL AND associate_id IS NOT NULL;

-- What was told, once each. An appointment that is moved is another one, with reminders of its own.
CREATE TABLE calendars.reminders (
    appointment_id uuid NOT NULL,
    minutes_before integer NOT NULL,
    starts_at timestamptz NOT NULL,       -- of the appointment: once it has begun, nobody is reminded of it any more
    reminded_at timestamptz NOT NULL,
    CONSTRAINT reminders_pkey PRIMARY KEY (appointment_id, minutes_before)
);
CREATE INDEX reminders_starts_at ON calendars.reminders (starts_at);

-- What may have to be reminded of lies in the days ahead, whatever the history.
-- squawk-ignore require-concurrent-index-creation -- no release has had the table, so nobody writes to it yet
CREATE INDEX appointments_confirmed ON appointments.appointments (starts_at) WHERE state = 'CONFIRMED';

GRANT SELECT, INSERT, UPDATE ON calendars.feeds TO membership_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON calendars.reminders TO membership_engine;
-- Not the hash: whoever only reads has no use for it.
GRANT SELECT (feed_id, programme_id, member_id, associate_id, counter_id, locale, token_key_version, created_at, revoked_at)
    ON calendars.feeds TO membership_reader;

-- Members see their own, associates those of their counter.
ALTER TABLE calendars.feeds ENABLE ROW LEVEL SECURITY;
ALTER TABLE calendars.feeds FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON calendars.feeds TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON calendars.feeds FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() = 'associate' AND counter_id = platform.caller_counter()));
