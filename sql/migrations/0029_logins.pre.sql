-- Who logs in: the API, the worker with the commands, and backups. Here without a password; an operator gives it
-- (sql/roles.sql), or makes the roles beforehand, where migrations may make none.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'membership_api') THEN
        CREATE ROLE membership_api NOLOGIN NOINHERIT;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'membership_worker') THEN
        CREATE ROLE membership_worker NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL; -- another migration of the same cluster was faster
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'membership_api and membership_worker are missing: run sql/roles.sql as a superuser first';
END $$;

DO $$
DECLARE
    login text;
BEGIN
    -- Where an operator has done so already, the owner need not be allowed to.
    FOREACH login IN ARRAY ARRAY['membership_api', 'membership_worker'] LOOP
        IF NOT (pg_has_role(login, 'membership_engine', 'MEMBER') AND pg_has_role(login, 'membership_reader', 'MEMBER')) THEN
            EXECUTE format('GRANT membership_engine, membership_reader TO %I', login);
        END IF;
    END LOOP;
END $$;

-- Read by whoever logged in, before a role is taken on: is the schema complete, and how far is the clock moved?
GRANT SELECT ON public.schema_migrations, platform.clock TO membership_api, membership_worker;
GRANT USAGE ON SCHEMA platform TO membership_api, membership_worker;
