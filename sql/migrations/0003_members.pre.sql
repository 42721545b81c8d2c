-- People: identities, memberships, invitations, consent.

CREATE SCHEMA members;
GRANT USAGE ON SCHEMA members TO membership_engine, membership_reader;

CREATE TABLE members.members (
    member_id uuid CONSTRAINT members_pkey PRIMARY KEY,
    status text NOT NULL,
    merged_into uuid REFERENCES members.members,
    display_name_encrypted bytea,
    display_name_key_version smallint,
    birthday_month smallint,
    birthday_day smallint,
    birth_year smallint,
    preferred_locale text,
    joined_at timestamptz NOT NULL,
    CONSTRAINT members_status CHECK (status IN ('ACTIVE', 'MERGED', 'ERASED')),
    CONSTRAINT members_merged CHECK ((status = 'MERGED') = (merged_into IS NOT NULL)),
    CONSTRAINT members_display_name CHECK ((display_name_encrypted IS NULL) = (display_name_key_version IS NULL)),
    CONSTRAINT members_birth_year CHECK (birth_year IS NULL OR birthday_month IS NOT NULL),
    CONSTRAINT members_birthday CHECK (
        (birthday_month IS NULL) = (birthday_day IS NULL)
        AND birthday_month BETWEEN 1 AND 12 AND birthday_day BETWEEN 1 AND 31
    )
);
CREATE INDEX members_merged_into ON members.members (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE members.identities (
    identity_id uuid CONSTRAINT identities_pkey PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES members.members,
    kind text NOT NULL,
    lookup_hash bytea NOT NULL,           -- HMAC-SHA256 of the normalised value
    hash_key_version smallint NOT NULL,
    value_encrypted bytea NOT NULL,       -- AES-256-GCM, nonce first
    encryption_key_version smallint NOT NULL,
    verified_at timestamptz,
    added_at timestamptz NOT NULL,
    removed_at timestamptz,
    CONSTRAINT identities_kind CHECK (kind IN ('PHONE', 'EMAIL', 'WECHAT_UNION_ID', 'WECHAT_OPEN_ID'))
);
CREATE UNIQUE INDEX identities_lookup_key ON members.identities (kind, lookup_hash) WHERE removed_at IS NULL;
CREATE INDEX identities_member ON members.identities (member_id);

-- A member's card, balance, tier and limits belong to a membership of one programme. Its row is the member's lock.
CREATE TABLE members.memberships (
    membership_id uuid CONSTRAINT memberships_pkey PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES members.members,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    home_store_id uuid NOT NULL REFERENCES stores.stores,
    enrolled_at timestamptz NOT NULL,
    merged_into uuid REFERENCES members.members,   -- beside the lock, so that who waited for it sees the merge
    CONSTRAINT memberships_member_key UNIQUE (member_id, programme_id)
);

CREATE TABLE members.invitations (
    invitation_id uuid CONSTRAINT invitations_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    store_id uuid NOT NULL REFERENCES stores.stores,
    till_id uuid REFERENCES stores.tills,
    token_hash bytea NOT NULL CONSTRAINT invitations_token_key UNIQUE,   -- SHA-256 of 256 secret bits
    token_key_version smallint NOT NULL,  -- the hash key the token was made with
    phone_hash bytea,                     -- whom it is for, where the till knew: nobody else may take it up
    invited_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    accepted_at timestamptz,
    accepted_by uuid REFERENCES members.members,
    CONSTRAINT invitations_accepted CHECK ((accepted_at IS NULL) = (accepted_by IS NULL))
);

CREATE TABLE members.consents (
    consent_id uuid CONSTRAINT consents_pkey PRIMARY KEY,
    member_id uuid NOT NULL REFERENCES members.members,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    purpose text NOT NULL,
    brand_id uuid REFERENCES stores.brands,  -- NULL: the programme itself
    granted boolean NOT NULL,
    recorded_at timestamptz NOT NULL,
    source text NOT NULL,
    CONSTRAINT consents_purpose CHECK (purpose IN ('MEMBERSHIP', 'MARKETING', 'PROFILING', 'BRAND_SHARING')),
    CONSTRAINT consents_brand CHECK ((purpose = 'BRAND_SHARING') = (brand_id IS NOT NULL)),
    CONSTRAINT consents_source CHECK (source IN ('APP', 'MEMBER_SERVICES', 'IMPORT'))   -- never a till
);
CREATE INDEX consents_member ON members.consents (member_id, programme_id, purpose, brand_id, recorded_at DESC, consent_id DESC);
CREATE TRIGGER consents_append_only BEFORE UPDATE OR DELETE ON members.consents
    FOR EACH ROW EXECUTE FUNCTION platform.refuse_change();
CREATE TRIGGER consents_never_truncated BEFORE TRUNCATE ON members.consents
    FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA members TO membership_engine;
REVOKE UPDATE ON members.consents FROM membership_engine;
GRANT SELECT ON members.members, members.identities, members.memberships, members.consents TO membership_reader;

ALTER TABLE members.memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE members.memberships FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON members.memberships TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON members.memberships FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));

ALTER TABLE members.members ENABLE ROW LEVEL SECURITY;
ALTER TABLE members.members FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON members.members TO membership_engine USING (true) WITH CHECK (true);
-- The inner query is itself held to the policy of memberships, so a store sees only its programme's people.
CREATE POLICY reader ON members.members FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR EXISTS (SELECT FROM members.memberships m WHERE m.member_id = members.member_id));

ALTER TABLE members.identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE members.identities FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON members.identities TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON members.identities FOR SELECT TO membership_reader
    USING (member_id = platform.caller_member()
        OR (platform.caller_role() IN ('member_services', 'admin')
            AND EXISTS (SELECT FROM members.memberships m WHERE m.member_id = identities.member_id)));

ALTER TABLE members.consents ENABLE ROW LEVEL SECURITY;
ALTER TABLE members.consents FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON members.consents TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON members.consents FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));

ALTER TABLE members.invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE members.invitations FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON members.invitations TO membership_engine USING (true) WITH CHECK (true);
