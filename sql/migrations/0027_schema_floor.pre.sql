-- How old the code may be that works on this schema. A step after a rollout that takes something away from older code
-- raises the floor in its own transaction; from then on the database refuses what such code begins, also in a process
-- that has been running, with connections that have been open, since before.

CREATE TABLE platform.schema_floor (
    only_row boolean NOT NULL DEFAULT true,
    oldest integer NOT NULL,
    CONSTRAINT schema_floor_pkey PRIMARY KEY (only_row),
    CONSTRAINT schema_floor_has_one_row CHECK (only_row),
    CONSTRAINT schema_floor_is_a_migration CHECK (oldest BETWEEN 1 AND 9999)
);
COMMENT ON COLUMN platform.schema_floor.oldest IS 'The number of the migration that code must have come with.';
-- The first that says what it knows.
INSERT INTO platform.schema_floor (oldest) VALUES (27);

GRANT SELECT ON platform.schema_floor TO membership_engine, membership_reader;

-- Called by the statement that begins each transaction, with the number of the newest migration that the code came
-- with. In plpgsql, whose plans stay from transaction to transaction.
CREATE FUNCTION platform.admit(newest_known integer) RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    IF EXISTS (SELECT FROM platform.schema_floor f WHERE f.oldest > newest_known) THEN
        RAISE EXCEPTION 'the schema is too new for this code'
            USING ERRCODE = 'MB001', TABLE = 'schema_floor', SCHEMA = 'platform',
                DETAIL = (SELECT f.oldest FROM platform.schema_floor f);
    END IF;
END $$;
