-- no-transaction
-- An auditor asks what one person did, the latest first.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_entries_actor ON platform.audit_entries (actor, audit_id DESC);
