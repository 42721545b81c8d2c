-- The roles of an installation, for psql as a superuser in the database; once more whenever a password changes:
--
--   psql -d membership -v owner_password=… -v api_password=… -v worker_password=… -v backup_password=… -f sql/roles.sql
--
-- membership_owner   owns the database: migrations and restores. No superuser, makes no roles.
-- membership_api     the API: may take on membership_engine and membership_reader, and inherits nothing of them.
-- membership_worker  the worker and commands: is both.
-- membership_backup  reads everything past row-level security, and can change nothing.

\set ON_ERROR_STOP on
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I NOLOGIN', name)
FROM unnest(ARRAY[
    'membership_engine', 'membership_reader',
    'membership_owner', 'membership_api', 'membership_worker', 'membership_backup'
]) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

ALTER ROLE membership_engine NOLOGIN;
ALTER ROLE membership_reader NOLOGIN;
ALTER ROLE membership_owner LOGIN NOCREATEROLE NOSUPERUSER PASSWORD :'owner_password';
ALTER ROLE membership_api LOGIN NOINHERIT NOSUPERUSER PASSWORD :'api_password';
ALTER ROLE membership_worker LOGIN INHERIT NOSUPERUSER PASSWORD :'worker_password';
ALTER ROLE membership_backup LOGIN BYPASSRLS NOSUPERUSER PASSWORD :'backup_password';

GRANT membership_engine, membership_reader TO membership_owner WITH ADMIN OPTION;
GRANT membership_engine, membership_reader TO membership_api, membership_worker;
GRANT pg_read_all_data TO membership_backup;

SELECT format('ALTER DATABASE %I OWNER TO membership_owner', current_database()) \gexec
ALTER SCHEMA public OWNER TO membership_owner;
