-- no-transaction
-- The gifts of a visit's stops.
CREATE INDEX CONCURRENTLY IF NOT EXISTS gifts_visits ON gifts.gifts (waits_for) WHERE waits_for IS NOT NULL;
