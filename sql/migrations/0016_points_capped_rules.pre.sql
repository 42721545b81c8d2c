-- no-transaction
-- What a campaign's rule has given a member: read only while a rule with a cap is live.
CREATE INDEX CONCURRENTLY IF NOT EXISTS lots_of_campaign_rules ON points.lots (member_id, programme_id, rule) WHERE rule LIKE '%/%';
