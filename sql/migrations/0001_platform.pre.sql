-- Roles, the settings that row-level security reads, and the tables every slice relies on:
-- idempotency keys, the outbox, the audit trail.

DO $$
BEGIN
    -- Roles belong to the cluster, not to the database: two databases of one cluster share them.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'membership_engine') THEN
        CREATE ROLE membership_engine NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'membership_reader') THEN
        CREATE ROLE membership_reader NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- another migration of the same cluster was faster
END $$;

GRANT membership_engine, membership_reader TO CURRENT_USER;

CREATE SCHEMA platform;
GRANT USAGE ON SCHEMA platform TO membership_engine, membership_reader;

-- The caller's context, set per transaction. Afterwards a setting reads '' and not NULL, hence nullif.
CREATE FUNCTION platform.caller_role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.role', true), '');
CREATE FUNCTION platform.caller_member() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.member', true), '')::uuid;
CREATE FUNCTION platform.caller_programme() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.programme', true), '')::uuid;
CREATE FUNCTION platform.caller_store() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.store', true), '')::uuid;
CREATE FUNCTION platform.caller_counter() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.counter', true), '')::uuid;
CREATE FUNCTION platform.caller_brand() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.brand', true), '')::uuid;

-- A staff role sees the members of its own programme; a member sees only themself.
CREATE FUNCTION platform.may_read_member(member_id uuid, programme_id uuid) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN member_id = platform.caller_member()
        OR (platform.caller_role() IN ('till', 'associate', 'desk', 'member_services', 'service')
            AND programme_id = platform.caller_programme())
        OR platform.caller_role() = 'admin';

CREATE FUNCTION platform.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TABLE platform.idempotency_keys (
    scope text NOT NULL,                  -- who keyed it: 'till:<id>', 'member:<id>', 'staff:<subject>'
    key text NOT NULL,
    request_hash bytea NOT NULL,          -- SHA-256 of operation and input
    outcome jsonb,                        -- facts; written before the transaction commits
    recorded_at timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_pkey PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_recorded_at ON platform.idempotency_keys (recorded_at);

CREATE TABLE platform.outbox (
    event_id uuid CONSTRAINT outbox_pkey PRIMARY KEY,
    sequence bigint GENERATED ALWAYS AS IDENTITY,
    ordering_key uuid NOT NULL,           -- the member, or the aggregate the event is about
    name text NOT NULL,
    payload jsonb NOT NULL,
    occurred_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'PENDING',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL,
    handled_at timestamptz,
    last_error text,                      -- type and place of the failure, never its message
    correlation_id text,
    CONSTRAINT outbox_state CHECK (state IN ('PENDING', 'DONE', 'DEAD', 'DISCARDED')),
    CONSTRAINT outbox_handled CHECK ((state IN ('DONE', 'DISCARDED')) = (handled_at IS NOT NULL))
);
-- The first row of a key is its head, the only event that may be handed on; heads are found by hopping from key to
-- key, so the cost follows the members with unfinished events and not the events parked behind a dead letter.
CREATE INDEX outbox_unfinished ON platform.outbox (ordering_key, sequence) WHERE state IN ('PENDING', 'DEAD');
CREATE INDEX outbox_dead ON platform.outbox (sequence) WHERE state = 'DEAD';

CREATE TABLE platform.audit_entries (
    audit_id uuid CONSTRAINT audit_entries_pkey PRIMARY KEY,
    at timestamptz NOT NULL,
    actor_role text NOT NULL,
    actor text NOT NULL,                  -- the token's subject
    origin text,                          -- address or device the call came from
    correlation_id text,
    action text NOT NULL,                 -- 'cards.block', 'points.adjust', …
    subject_kind text NOT NULL,
    subject_id text NOT NULL,
    member_id uuid,
    programme_id uuid,
    before jsonb,
    after jsonb
);
CREATE INDEX audit_entries_member ON platform.audit_entries (member_id, at) WHERE member_id IS NOT NULL;
CREATE INDEX audit_entries_subject ON platform.audit_entries (subject_kind, subject_id, at);
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON platform.audit_entries
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER audit_entries_never_truncated BEFORE TRUNCATE ON platform.audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

GRANT SELECT, INSERT, UPDATE, DELETE ON platform.idempotency_keys TO membership_engine;
GRANT SELECT, INSERT, UPDATE, DELETE ON platform.outbox TO membership_engine;
GRANT SELECT, INSERT ON platform.audit_entries TO membership_engine;
