#!/bin/sh
# Runs once, when PostgreSQL makes its folder: the logins of the service, and who may be what (sql/README.md).
set -eu
exec psql --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner_password="$OWNER_PASSWORD" --set api_password="$API_PASSWORD" \
    --set worker_password="$WORKER_PASSWORD" --set backup_password="$BACKUP_PASSWORD" \
    --file /etc/membership-roles/roles.sql
