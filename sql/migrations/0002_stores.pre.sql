-- Programmes, stores, floors, brands, counters, tills: what a planner configures and a till reads.

CREATE SCHEMA stores;
GRANT USAGE ON SCHEMA stores TO membership_engine, membership_reader;

CREATE TABLE stores.programmes (
    programme_id uuid CONSTRAINT programmes_pkey PRIMARY KEY,
    code text NOT NULL CONSTRAINT programmes_code_key UNIQUE,
    names jsonb NOT NULL,                 -- {"zh-CN": …, "en": …}
    currency char(3) NOT NULL,
    minor_unit_exponent smallint NOT NULL CONSTRAINT programmes_exponent CHECK (minor_unit_exponent BETWEEN 0 AND 3)
);

-- The rules of points, by revision. A sale records the revision that decided it.
CREATE TABLE stores.programme_terms (
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    revision integer NOT NULL,
    effective_from timestamptz NOT NULL,
    terms jsonb NOT NULL,                 -- stores.model.ProgrammeTerms
    CONSTRAINT programme_terms_pkey PRIMARY KEY (programme_id, revision)
);

CREATE TABLE stores.stores (
    store_id uuid CONSTRAINT stores_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    code text NOT NULL CONSTRAINT stores_code_key UNIQUE,
    names jsonb NOT NULL,
    zone text NOT NULL,                   -- IANA
    cutover time NOT NULL,                -- local time at which a business day begins
    opening_hours jsonb NOT NULL          -- stores.model.OpeningHours
);

CREATE TABLE stores.floors (
    floor_id uuid CONSTRAINT floors_pkey PRIMARY KEY,
    store_id uuid NOT NULL REFERENCES stores.stores,
    code text NOT NULL,
    names jsonb NOT NULL,
    position smallint NOT NULL,
    CONSTRAINT floors_code_key UNIQUE (store_id, code)
);

CREATE TABLE stores.brands (
    brand_id uuid CONSTRAINT brands_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    code text NOT NULL,
    names jsonb NOT NULL,
    earns_points boolean NOT NULL,
    counts_for_tier boolean NOT NULL,
    activation_level text NOT NULL,
    CONSTRAINT brands_code_key UNIQUE (programme_id, code),
    CONSTRAINT brands_activation_level CHECK (activation_level IN ('ACTIVE', 'SELECTIVE', 'TRADITIONAL'))
);

CREATE TABLE stores.categories (
    category_id uuid CONSTRAINT categories_pkey PRIMARY KEY,
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    code text NOT NULL,
    names jsonb NOT NULL,
    spend_minor_per_point bigint NOT NULL CONSTRAINT categories_rate CHECK (spend_minor_per_point > 0),
    earns_points boolean NOT NULL,
    counts_for_tier boolean NOT NULL,
    CONSTRAINT categories_code_key UNIQUE (programme_id, code)
);

CREATE TABLE stores.tender_types (
    programme_id uuid NOT NULL REFERENCES stores.programmes,
    code text NOT NULL,
    names jsonb NOT NULL,
    earn_weight_basis_points integer NOT NULL CONSTRAINT tender_types_earn CHECK (earn_weight_basis_points BETWEEN 0 AND 10000),
    tier_weight_basis_points integer NOT NULL CONSTRAINT tender_types_tier CHECK (tier_weight_basis_points BETWEEN 0 AND 10000),
    CONSTRAINT tender_types_pkey PRIMARY KEY (programme_id, code)
);

CREATE TABLE stores.counters (
    counter_id uuid CONSTRAINT counters_pkey PRIMARY KEY,
    store_id uuid NOT NULL REFERENCES stores.stores,
    floor_id uuid NOT NULL REFERENCES stores.floors,
    brand_id uuid NOT NULL REFERENCES stores.brands,
    code text NOT NULL,
    commission_basis_points integer NOT NULL CONSTRAINT counters_commission CHECK (commission_basis_points BETWEEN 0 AND 10000),
    CONSTRAINT counters_code_key UNIQUE (store_id, code)
);

CREATE TABLE stores.tills (
    till_id uuid CONSTRAINT tills_pkey PRIMARY KEY,
    store_id uuid NOT NULL REFERENCES stores.stores,
    counter_id uuid REFERENCES stores.counters,   -- NULL: a central cashier, which sells for every counter
    code text NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT tills_code_key UNIQUE (store_id, code)
);

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA stores TO membership_engine;
GRANT SELECT ON ALL TABLES IN SCHEMA stores TO membership_reader;
