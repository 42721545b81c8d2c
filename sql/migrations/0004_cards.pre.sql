-- Cards, and the rotating member code that the app shows.

CREATE SCHEMA cards;
GRANT USAGE ON SCHEMA cards TO membership_engine, membership_reader;

CREATE TABLE cards.cards (
    card_id uuid CONSTRAINT cards_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    number char(12) NOT NULL CONSTRAINT cards_number_key UNIQUE,
    kind text NOT NULL,
    status text NOT NULL,
    blocked_reason text,
    replaced_by uuid REFERENCES cards.cards,
    issued_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT cards_kind CHECK (kind IN ('PHYSICAL', 'VIRTUAL')),
    CONSTRAINT cards_status CHECK (status IN ('ACTIVE', 'BLOCKED', 'REPLACED', 'CLOSED')),
    CONSTRAINT cards_number CHECK (number ~ '^[0-9]{12}$'),
    CONSTRAINT cards_blocked CHECK ((status = 'BLOCKED') = (blocked_reason IS NOT NULL)),
    CONSTRAINT cards_replaced CHECK ((status = 'REPLACED') = (replaced_by IS NOT NULL)),
    CONSTRAINT cards_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX cards_member ON cards.cards (member_id, programme_id);

-- The secret behind a rotating code; the serial is what a till reads out of it.
CREATE TABLE cards.code_seeds (
    serial char(10) CONSTRAINT code_seeds_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    secret_encrypted bytea NOT NULL,
    key_version smallint NOT NULL,
    issued_at timestamptz NOT NULL,
    CONSTRAINT code_seeds_serial CHECK (serial ~ '^[0-9]{10}$'),
    CONSTRAINT code_seeds_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX code_seeds_member ON cards.code_seeds (member_id, programme_id, serial);

-- P8: a code step spends once, at one till, for one quote. Rows never change.
CREATE TABLE cards.code_spends (
    serial char(10) NOT NULL REFERENCES cards.code_seeds,
    step bigint NOT NULL,                 -- Unix time divided by the step of 60 s
    till_id uuid NOT NULL,
    spent_for uuid NOT NULL,              -- the quote
    spent_at timestamptz NOT NULL,
    CONSTRAINT code_spends_pkey PRIMARY KEY (serial, step)
);

-- The member's word, in the app, that points may be spent at one store without a code; used once.
CREATE TABLE cards.spend_confirmations (
    confirmation_id uuid CONSTRAINT spend_confirmations_pkey PRIMARY KEY,
    member_id uuid NOT NULL,
    programme_id uuid NOT NULL,
    store_id uuid NOT NULL,
    most_points bigint NOT NULL CONSTRAINT spend_confirmations_points CHECK (most_points > 0),
    confirmed_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    spent_for uuid CONSTRAINT spend_confirmations_spent_key UNIQUE,
    CONSTRAINT spend_confirmations_membership FOREIGN KEY (member_id, programme_id)
        REFERENCES members.memberships (member_id, programme_id)
);
CREATE INDEX spend_confirmations_member ON cards.spend_confirmations (member_id, programme_id, confirmed_at DESC);

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA cards TO membership_engine;
REVOKE UPDATE ON cards.code_spends FROM membership_engine;
GRANT SELECT ON cards.cards TO membership_reader;

ALTER TABLE cards.cards ENABLE ROW LEVEL SECURITY;
ALTER TABLE cards.cards FORCE ROW LEVEL SECURITY;
CREATE POLICY engine ON cards.cards TO membership_engine USING (true) WITH CHECK (true);
CREATE POLICY reader ON cards.cards FOR SELECT TO membership_reader
    USING (platform.may_read_member(member_id, programme_id));
