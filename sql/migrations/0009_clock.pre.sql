-- The service's clock: how far it is moved from the machine's. Zero in service; a demonstration moves it, and every
-- process on this database then lives in that time.

CREATE TABLE platform.clock (
    only_row boolean NOT NULL DEFAULT true,
    ahead_by interval NOT NULL DEFAULT '0',
    CONSTRAINT clock_pkey PRIMARY KEY (only_row),
    CONSTRAINT clock_has_one_row CHECK (only_row),
    -- Months have no length: an offset is days and microseconds.
    CONSTRAINT clock_offset_has_no_months CHECK (extract(year FROM ahead_by) = 0 AND extract(month FROM ahead_by) = 0)
);
INSERT INTO platform.clock (only_row) VALUES (true);

GRANT SELECT ON platform.clock TO membership_engine, membership_reader;
GRANT UPDATE (ahead_by) ON platform.clock TO membership_engine;
