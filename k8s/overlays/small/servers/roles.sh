#!/bin/sh
# Runs once, when the cluster of databases is made: the roles that API and worker log in as (sql/README.md). What they
# may do, they get from the two roles that migrations hand everything to; those are made here, so that the logins can
# be their members before the first migration.
set -eu
psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set ON_ERROR_STOP=1 \
    --set api="$API_PASSWORD" --set worker="$WORKER_PASSWORD" <<'SQL'
CREATE ROLE membership_engine NOLOGIN;
CREATE ROLE membership_reader NOLOGIN;
CREATE ROLE membership_api LOGIN NOINHERIT PASSWORD :'api';
CREATE ROLE membership_worker LOGIN PASSWORD :'worker';
GRANT membership_engine, membership_reader TO membership_api, membership_worker;
SQL
