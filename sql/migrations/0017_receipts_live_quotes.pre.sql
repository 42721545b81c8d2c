-- no-transaction
-- What a member's other quotes have promised by rules with a cap: read only while such a rule is live.
CREATE INDEX CONCURRENTLY IF NOT EXISTS quotes_live ON receipts.quotes (member_id, expires_at) WHERE state = 'QUOTED';
